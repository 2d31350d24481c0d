//! A certificate for one run, and TLS 1.2 with AES-GCM on it.

use std::sync::Arc;

use rcgen::KeyPair;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS12;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Failure;

pub const DOMAIN: &str = "localhost";

pub struct Pki {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Pki {
    pub fn new() -> Result<Self, Failure> {
        let key = rcgen::generate_simple_self_signed([DOMAIN.to_owned()])?;
        Ok(Self {
            certificate: key.cert.der().clone(),
            key: KeyPair::serialize_der(&key.signing_key).into(),
        })
    }

    pub fn client(&self) -> Result<Arc<ClientConfig>, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    pub fn server(&self) -> Result<Arc<ServerConfig>, Failure> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12])?
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivateKeyDer::Pkcs8(self.key.clone_key()),
            )?;
        Ok(Arc::new(config))
    }
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256],
        ..rustls::crypto::ring::default_provider()
    })
}

//! A certificate authority for one run, and rustls configs on it.

use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, KeyLog, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::setup::DOMAIN;
use crate::{Failure, or_fail};

pub struct Pki {
    roots: Arc<RootCertStore>,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    pub keys: Arc<Keys>,
}

/// The traffic secrets of clients, to see that a reset brings fresh ones. A program that does more
/// than to demonstrate does not keep them.
#[derive(Debug, Default)]
pub struct Keys(Mutex<Vec<Vec<u8>>>);

impl Keys {
    /// How many bits differ between the last two secrets, and of how many.
    pub fn difference(&self) -> Option<(u32, usize)> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [.., before, after] = secrets.as_slice() else {
            return None;
        };
        let bits = before
            .iter()
            .zip(after)
            .map(|(one, other)| (one ^ other).count_ones());
        Some((bits.sum(), 8 * before.len()))
    }
}

impl KeyLog for Keys {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label == "CLIENT_TRAFFIC_SECRET_0" {
            let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            secrets.push(secret.to_vec());
        }
    }
}

impl Pki {
    pub fn new() -> Result<Self, Failure> {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().map_err(or_fail)?;
        let root = ca.self_signed(&ca_key).map_err(or_fail)?;
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate().map_err(or_fail)?;
        let leaf = CertificateParams::new([DOMAIN.to_owned()]).map_err(or_fail)?;
        let certificate = leaf.signed_by(&key, &issuer).map_err(or_fail)?;

        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).map_err(or_fail)?;
        Ok(Self {
            roots: Arc::new(roots),
            certificate: certificate.der().clone(),
            key: key.serialize_der().into(),
            keys: Arc::default(),
        })
    }

    pub fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ClientConfig, Failure> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(or_fail)?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.key_log = Arc::clone(&self.keys) as Arc<dyn KeyLog>;
        Ok(config)
    }

    pub fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ServerConfig, Failure> {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(or_fail)?
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivateKeyDer::Pkcs8(self.key.clone_key()),
            )
            .map_err(or_fail)
    }
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

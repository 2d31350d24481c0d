//! Certificates and rustls configs: ECDSA P-256, ring, no resumption, no tickets.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Numbers that are the same in every run. ring draws its keys and signatures elsewhere.
#[derive(Debug)]
struct Fixed(AtomicU64);

static FIXED: Fixed = Fixed(AtomicU64::new(1));

/// The same as a source for configs.
pub static RANDOM: &dyn SecureRandom = &FIXED;

impl SecureRandom for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        for byte in bytes {
            // Knuth's MMIX generator.
            let next = self
                .0
                .load(Relaxed)
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.0.store(next, Relaxed);
            *byte = (next >> 56) as u8;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

impl Version {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    /// What AES-GCM adds to a record's text: the tag, and the nonce or the type.
    pub fn overhead(self) -> usize {
        match self {
            Self::Tls12 => 24,
            Self::Tls13 => 17,
        }
    }

    fn rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// Whether the client shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    Certificate,
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }
}

pub struct Pki {
    roots: Arc<RootCertStore>,
    server: Identity,
    client: Identity,
    provider: Arc<CryptoProvider>,
}

impl Pki {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Authority");
        let authority = params.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(params, key);
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("a root");
        let issue = |name: &str, usage| {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params.extended_key_usages = vec![usage];
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            Identity {
                chain: vec![certificate.der().clone()],
                key: key.serialize_der().into(),
            }
        };
        let mut provider = ring::default_provider();
        provider.secure_random = &FIXED;
        Self {
            server: issue("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            client: issue("client.localhost", ExtendedKeyUsagePurpose::ClientAuth),
            roots: Arc::new(roots),
            provider: Arc::new(provider),
        }
    }

    pub fn client(&self, version: Version, shown: Shown) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[version.rustls()])
            .expect("a version")
            .with_root_certificates(self.roots.clone());
        let mut config = match shown {
            Shown::Nothing => builder.with_no_client_auth(),
            Shown::Certificate => builder
                .with_client_auth_cert(self.client.chain.clone(), self.client.key())
                .expect("a certificate"),
        };
        config.resumption = Resumption::disabled();
        config
    }

    pub fn server(&self, version: Version, shown: Shown) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[version.rustls()])
            .expect("a version");
        let builder = match shown {
            Shown::Nothing => builder.with_no_client_auth(),
            Shown::Certificate => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(
                    self.roots.clone(),
                    self.provider.clone(),
                )
                .build()
                .expect("a verifier"),
            ),
        };
        let mut config = builder
            .with_single_cert(self.server.chain.clone(), self.server.key())
            .expect("a certificate");
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config
    }
}

//! A throw-away public key infrastructure, made once per process, and rustls
//! configs on it.

use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use xmpp_stream::tls::ResumableSessions;

/// The name valid server certificates are for, beside `localhost`.
pub const DOMAIN: &str = "example.com";

/// A certificate with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// ECDSA P-256, signed with ECDSA and SHA-256.
    Valid,
    /// RSA 2048, signed with RSA and SHA-256.
    Rsa,
    /// Signed with ECDSA and SHA-384.
    SignedWithSha384,
    /// Signed with Ed25519, which has no hash of its own.
    SignedWithEd25519,
    /// For another host.
    WrongHost,
    /// Long expired.
    Expired,
    /// Issued by an authority that is not trusted.
    Untrusted,
    /// A client's.
    Client,
}

/// A chain, leaf first, and the leaf's key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        Self {
            chain,
            key: key.serialize_der().into(),
        }
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }
}

/// The crypto provider of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    Ring,
    /// The package `tests/libraries` compiles some of these tests with this provider, too.
    #[cfg(feature = "libraries")]
    AwsLc,
}

impl Crypto {
    #[cfg(feature = "libraries")]
    pub const ALL: [Self; 2] = [Self::Ring, Self::AwsLc];
    #[cfg(not(feature = "libraries"))]
    pub const ALL: [Self; 1] = [Self::Ring];

    pub fn provider(self) -> CryptoProvider {
        match self {
            Self::Ring => rustls::crypto::ring::default_provider(),
            #[cfg(feature = "libraries")]
            Self::AwsLc => rustls::crypto::aws_lc_rs::default_provider(),
        }
    }
}

pub type Version = &'static SupportedProtocolVersion;
pub const TLS12: Version = &rustls::version::TLS12;
pub const TLS13: Version = &rustls::version::TLS13;

/// What [`Pki::client`] and [`Pki::server`] make a config from.
#[derive(Clone)]
pub struct Setup {
    pub provider: CryptoProvider,
    pub version: Version,
}

impl Setup {
    pub fn new(crypto: Crypto, version: Version) -> Self {
        let provider = crypto.provider();
        Self { provider, version }
    }

    /// With only those suites whose name contains `part`.
    pub fn suites(mut self, part: &str) -> Self {
        self.provider
            .cipher_suites
            .retain(|s| format!("{:?}", s.suite()).contains(part));
        assert!(!self.provider.cipher_suites.is_empty(), "no suite {part}");
        self
    }
}

pub struct Pki {
    roots: Arc<RootCertStore>,
    identities: Vec<(Leaf, Identity)>,
}

/// The infrastructure of this process.
pub fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(Pki::new)
}

/// Sessions that all servers of this process resume, as far as they share tickets.
pub fn sessions() -> &'static ResumableSessions {
    static SESSIONS: OnceLock<ResumableSessions> = OnceLock::new();
    SESSIONS.get_or_init(|| {
        let random = Crypto::Ring.provider().secure_random;
        ResumableSessions::new(random, ResumableSessions::DEFAULT_NEWEST).unwrap()
    })
}

pub fn name(name: &'static str) -> ServerName<'static> {
    ServerName::try_from(name).unwrap()
}

impl Pki {
    pub fn identity(&self, leaf: Leaf) -> &Identity {
        let found = self.identities.iter().find(|(known, _)| *known == leaf);
        &found.unwrap().1
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        self.roots.clone()
    }

    /// A client that trusts our authorities.
    pub fn client(&self, setup: &Setup) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(setup.provider.clone()))
            .with_protocol_versions(&[setup.version])
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// The same with a client certificate.
    pub fn client_with_certificate(&self, setup: &Setup) -> ClientConfig {
        let identity = self.identity(Leaf::Client);
        ClientConfig::builder_with_provider(Arc::new(setup.provider.clone()))
            .with_protocol_versions(&[setup.version])
            .unwrap()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(identity.chain.clone(), identity.key())
            .unwrap()
    }

    pub fn server(&self, setup: &Setup, leaf: Leaf) -> ServerConfig {
        let identity = self.identity(leaf);
        ServerConfig::builder_with_provider(Arc::new(setup.provider.clone()))
            .with_protocol_versions(&[setup.version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), identity.key())
            .unwrap()
    }

    /// The same, asking for a client certificate without insisting.
    pub fn server_with_client_auth(&self, setup: &Setup, leaf: Leaf) -> ServerConfig {
        let identity = self.identity(leaf);
        let provider = Arc::new(setup.provider.clone());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider.clone())
            .allow_unauthenticated()
            .build()
            .unwrap();
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[setup.version])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain.clone(), identity.key())
            .unwrap()
    }

    fn new() -> Self {
        let ecdsa = Authority::new("ECDSA", key(&PKCS_ECDSA_P256_SHA256));
        let p384 = Authority::new("P-384", key(&PKCS_ECDSA_P384_SHA384));
        let rsa = Authority::new("RSA", rsa_key(RSA_AUTHORITY));
        let ed25519 = Authority::new("Ed25519", key(&PKCS_ED25519));
        let stranger = Authority::new("Stranger", key(&PKCS_ECDSA_P256_SHA256));

        let mut roots = RootCertStore::empty();
        for trusted in [&ecdsa, &p384, &rsa, &ed25519] {
            roots.add(trusted.certificate.clone()).unwrap();
        }
        let p256 = || key(&PKCS_ECDSA_P256_SHA256);
        let identities = vec![
            (Leaf::Valid, ecdsa.issue(&server(), &p256())),
            (Leaf::Rsa, rsa.issue(&server(), &rsa_key(RSA_LEAF))),
            (Leaf::SignedWithSha384, p384.issue(&server(), &p256())),
            (Leaf::SignedWithEd25519, ed25519.issue(&server(), &p256())),
            (
                Leaf::WrongHost,
                ecdsa.issue(&params(&["wrong.example"]), &p256()),
            ),
            (Leaf::Expired, ecdsa.issue(&expired(), &p256())),
            (Leaf::Untrusted, stranger.issue(&server(), &p256())),
            (Leaf::Client, ecdsa.issue(&client(), &p256())),
        ];
        Self {
            roots: Arc::new(roots),
            identities,
        }
    }
}

struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self {
            certificate: params.self_signed(&key).unwrap().der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, params: &CertificateParams, key: &KeyPair) -> Identity {
        let leaf = params.signed_by(key, &self.issuer).unwrap();
        Identity::new(vec![leaf.der().clone()], key)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

fn server() -> CertificateParams {
    params(&["localhost", DOMAIN])
}

fn expired() -> CertificateParams {
    let mut params = server();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    params
}

fn client() -> CertificateParams {
    let mut params = params(&["client.example.com"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

// ring signs with RSA keys and makes none, so these two are files.
const RSA_AUTHORITY: &str = include_str!("keys/rsa_authority.pem");
const RSA_LEAF: &str = include_str!("keys/rsa_leaf.pem");

fn rsa_key(pem: &str) -> KeyPair {
    KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).unwrap()
}

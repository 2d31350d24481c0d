//! Servers that can prove their domains, servers that cannot, and streams
//! between them.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use xmpp_stream::config::{HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::dialback::DialbackSecret;
use xmpp_stream::jid::Jid;
use xmpp_stream::tls::identity::Trust;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{EventBuf, Initiator, Negotiation, Responder};

use crate::harness::configs::FIXED;
use crate::harness::pki::{Crypto, TLS13, Version, name};
use crate::harness::{Harness, HostileTls, Pair, START, Scripted, line};

/// The initiating server's domain.
pub const CAPULET: &str = "capulet.example";
/// The receiving server's.
pub const MONTAGUE: &str = "montague.example";
pub const EVIL: &str = "evil.example";

pub fn jid(text: &str) -> Jid {
    Jid::parse(text).unwrap()
}

/// The dialback secret of a domain.
pub fn secret(domain: &str) -> DialbackSecret {
    DialbackSecret::new(format!("the secret of {domain}").as_bytes())
}

/// A certificate, and who issued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For this domain, by the authority everybody trusts.
    Good(&'static str),
    /// For this domain, self-signed.
    SelfMade(&'static str),
    None,
}

struct Pki {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Pki {
            root: params.self_signed(&key).unwrap().der().clone(),
            issuer: Issuer::new(params, key),
        }
    })
}

pub fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(pki().root.clone()).unwrap();
    Arc::new(roots)
}

pub fn trust() -> Trust {
    Trust::new(roots(), &provider())
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(Crypto::Ring.provider())
}

impl Certificate {
    pub fn chain_and_key(self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let key = KeyPair::generate().unwrap();
        let params = |name: &str| CertificateParams::new(vec![name.to_string()]).unwrap();
        let certificate = match self {
            Self::Good(name) => params(name).signed_by(&key, &pki().issuer).unwrap(),
            Self::SelfMade(name) => params(name).self_signed(&key).unwrap(),
            Self::None => return None,
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Some((vec![certificate.der().clone()], key.into()))
    }

    /// A TLS client that shows it.
    pub fn client_config(self, version: Version) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(RootCertStore::empty());
        match self.chain_and_key() {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        }
    }

    pub fn client(self, version: Version) -> ClientTls {
        ClientTls::deferred(Arc::new(self.client_config(version)))
    }

    pub fn server(self, version: Version) -> ServerTls {
        let (chain, key) = self.chain_and_key().unwrap();
        let key = CertifiedKey::from_der(chain, key, &provider()).unwrap();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap();
        ServerTls::deferred(builder, Arc::new(SingleCertAndKey::from(key)))
    }
}

/// How servers prove their domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proofs {
    External,
    Dialback,
    Both,
}

impl Proofs {
    fn external(self) -> bool {
        self != Self::Dialback
    }

    fn dialback(self) -> bool {
        self != Self::External
    }
}

/// A server that connects from `own` to `peer`.
pub fn initiator(
    own: &str,
    peer: &str,
    tls: Option<ClientTls>,
    proofs: Proofs,
) -> Arc<InitiatorConfig> {
    let builder = InitiatorConfig::server(&jid(own), &jid(peer));
    let mut builder = match tls {
        Some(tls) => builder.starttls(tls),
        None => builder.dangerous_plaintext(&FIXED),
    };
    if proofs.external() {
        builder = builder.external(trust());
    }
    if proofs.dialback() {
        builder = builder.dialback(secret(own));
    }
    builder.random(&FIXED).build().unwrap()
}

/// A server of `domain` for others.
pub fn host(domain: &str, tls: Option<ServerTls>, proofs: Proofs) -> Arc<HostConfig> {
    let mut host = HostConfig::s2s(&jid(domain));
    if proofs.external() {
        host = host.external(trust());
    }
    if let Some(tls) = tls {
        host = host.tls(tls);
    }
    host.dialback_secret(secret(domain)).build().unwrap()
}

pub fn responder(domain: &str, tls: Option<ServerTls>, proofs: Proofs) -> Arc<ResponderConfig> {
    let starttls = tls.is_some();
    let mut builder = ResponderConfig::s2s(&FIXED).single_host(host(domain, tls, proofs));
    if proofs.dialback() {
        builder = builder.dialback();
    }
    match starttls {
        true => builder.starttls().build().unwrap(),
        false => builder.dangerous_plaintext().build().unwrap(),
    }
}

/// A stream between the two, of which the applications do nothing.
pub fn pair(initiator: Arc<InitiatorConfig>, responder: Arc<ResponderConfig>) -> Pair {
    let mut pair = Pair::connect(
        Initiator::new(initiator, START),
        Responder::new(responder, START),
    );
    pair.peer.app = Box::new(|_, _| {});
    pair
}

/// Capulet connects to Montague, over TLS.
pub fn capulet_to_montague(
    version: Version,
    certificate: Certificate,
    proofs: (Proofs, Proofs),
) -> Pair {
    pair(
        initiator(
            CAPULET,
            MONTAGUE,
            Some(certificate.client(version)),
            proofs.0,
        ),
        responder(
            MONTAGUE,
            Some(Certificate::Good(MONTAGUE).server(version)),
            proofs.1,
        ),
    )
}

/// The responder of the pair, and a peer that has Capulet's certificate and has
/// completed the handshake.
pub fn secured(pair: Pair) -> Harness<ResponderRole, HostileTls> {
    secured_over(pair, TLS13)
}

pub fn secured_over(pair: Pair, version: Version) -> Harness<ResponderRole, HostileTls> {
    secured_after(pair, version, HEADER)
}

/// The same, with this header before TLS.
pub fn secured_after(
    pair: Pair,
    version: Version,
    header: &str,
) -> Harness<ResponderRole, HostileTls> {
    let mut config = Certificate::Good(CAPULET).client_config(version);
    let verifier = Arc::new(AcceptAny(provider()));
    config.dangerous().set_certificate_verifier(verifier);
    let mut responder = pair.peer;
    for text in [
        header,
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ] {
        responder.deliver(text.as_bytes());
        responder.transmit(usize::MAX);
    }
    let mut harness = responder.hostile(HostileTls::client(config, name(MONTAGUE)), 4096);
    harness.receive();
    harness
}

/// Accepts any server.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The events in lines, without those that are the same everywhere.
pub fn reported<N: Negotiation, P>(harness: &Harness<N, P>) -> Vec<String> {
    harness
        .events
        .iter()
        .map(|event| match event {
            EventBuf::PairVerified(pair) => {
                format!("pair {} {} {}", pair.from(), pair.to(), pair.by().as_str())
            }
            EventBuf::Request(request) => {
                format!("request {} {}", request.from(), request.to())
            }
            EventBuf::KeyVerdict(verdict) => {
                let (from, to) = (verdict.from(), verdict.to());
                format!("key {from} {to} {}", verdict.verdict())
            }
            other => line(other),
        })
        .filter(|line| !line.starts_with("stream-opened") && line != "features")
        .map(|line| line.split(" Tls").next().unwrap().to_string())
        .collect()
}

pub const HEADER: &str = "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
    xmlns:stream='http://etherx.jabber.org/streams' from='capulet.example' \
    to='montague.example' version='1.0'>";

/// Montague without TLS, after the header and features.
pub fn opened_responder() -> Harness<ResponderRole, Scripted> {
    opened_responder_with(responder(MONTAGUE, None, Proofs::Dialback))
}

pub fn opened_responder_with(config: Arc<ResponderConfig>) -> Harness<ResponderRole, Scripted> {
    let responder = Responder::new(config, START);
    let mut harness = Harness::scripted(responder, Box::new(|_, _| {}));
    let answer = harness.answer_to(HEADER);
    assert!(answer.contains("<stream:features>"), "{answer}");
    harness
}

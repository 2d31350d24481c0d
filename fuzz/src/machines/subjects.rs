//! The machines: each kind and role without TLS, so that its phases can be reached by what can be guessed, and some with
//! TLS, which the input then is.

use std::sync::{Arc, OnceLock};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use xmpp_stream::component::ComponentSecret;
use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::dialback::DialbackSecret;
use xmpp_stream::event::{DialbackAnswer, DialbackQuestion};
use xmpp_stream::jid::Jid;
use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::sasl::{
    Decoy, Hash, IterationBounds, MechanismName, MechanismSet, Password, ScramKeys, Username,
};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Action, Connection, EventBuf, Initiator, Negotiation, Responder};

use super::{Outcome, Pace, Plan, START, decide, play as play_one};

/// A kind of machine. New ones come last: inputs name them by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Client,
    AnonymousClient,
    Server,
    /// One that asks which host it is.
    HostingServer,
    SendingServer,
    /// Whose application makes the keys.
    KeylessServer,
    AskingServer,
    ReceivingServer,
    /// Whose application checks the keys.
    KeylessReceivingServer,
    Component,
    ComponentServer,
    StartTlsClient,
    StartTlsServer,
    TlsClient,
    TlsServer,
}

use Subject as S;

impl Subject {
    pub const ALL: [Self; 15] = [
        S::Client,
        S::AnonymousClient,
        S::Server,
        S::HostingServer,
        S::SendingServer,
        S::KeylessServer,
        S::AskingServer,
        S::ReceivingServer,
        S::KeylessReceivingServer,
        S::Component,
        S::ComponentServer,
        S::StartTlsClient,
        S::StartTlsServer,
        S::TlsClient,
        S::TlsServer,
    ];

    pub fn speaks_tls(self) -> bool {
        matches!(
            self,
            S::StartTlsClient | S::StartTlsServer | S::TlsClient | S::TlsServer
        )
    }

    /// A stanza that it may send once it is established, if it ever may.
    pub(super) fn stanza(self) -> &'static str {
        match self {
            S::Component => "<message from='play.localhost' to='alice@localhost'/>",
            _ => "<message from='capulet.example' to='montague.example'/>",
        }
    }

    /// Its own domain and the peer's.
    pub(super) fn domains(self) -> (Jid, Jid) {
        (jid(CAPULET), jid(MONTAGUE))
    }
}

const CAPULET: &str = "capulet.example";
const MONTAGUE: &str = "montague.example";
const PLAY: &str = "play.localhost";

/// Plays the plan's machine.
pub(super) fn play(plan: &Plan<'_>, pace: Pace) -> Outcome {
    match initiator(plan.subject) {
        Some(config) => play_one(Initiator::new(config, START), plan, pace),
        None => play_one(Responder::new(responder(plan.subject), START), plan, pace),
    }
}

fn initiator(subject: Subject) -> Option<Arc<InitiatorConfig>> {
    let alice = || InitiatorConfig::client(&jid("alice@localhost/desk"));
    let capulet =
        || InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE)).dangerous_plaintext(&FIXED);
    let bounds = IterationBounds::new(4096, 5000).expect("bounds");
    let builder = match subject {
        S::Client => {
            let (name, password) = (Username::ascii("alice"), password());
            alice()
                .dangerous_plaintext(&FIXED)
                .password(name.expect("a name"), password)
                .iterations(bounds)
        }
        S::AnonymousClient => alice()
            .dangerous_plaintext(&FIXED)
            .credentials(Credentials::Anonymous),
        S::StartTlsClient => alice()
            .starttls(tls().client.clone())
            .credentials(Credentials::Anonymous),
        S::TlsClient => alice()
            .direct_tls(tls().client.clone())
            .credentials(Credentials::Anonymous),
        S::SendingServer => return Some(capulet().dialback(secret()).build().expect("a config")),
        S::KeylessServer => {
            let server = capulet().dialback_keys_by_application();
            return Some(server.build().expect("a config"));
        }
        S::AskingServer => return Some(capulet().verify_only().build().expect("a config")),
        S::Component => {
            let component = InitiatorConfig::component(&jid(PLAY)).dangerous_plaintext(&FIXED);
            return Some(component.secret(shared()).build().expect("a config"));
        }
        S::Server
        | S::HostingServer
        | S::ReceivingServer
        | S::KeylessReceivingServer
        | S::ComponentServer
        | S::StartTlsServer
        | S::TlsServer => return None,
    };
    Some(builder.random(&FIXED).build().expect("a config"))
}

fn responder(subject: Subject) -> Arc<ResponderConfig> {
    match subject {
        S::HostingServer => ResponderConfig::server(&FIXED)
            .dangerous_plaintext()
            .build()
            .unwrap(),
        S::ReceivingServer => ResponderConfig::s2s(&FIXED)
            .single_host(host(subject))
            .dialback()
            .dangerous_plaintext()
            .build()
            .unwrap(),
        S::KeylessReceivingServer => ResponderConfig::s2s(&FIXED)
            .dialback()
            .dangerous_plaintext()
            .build()
            .unwrap(),
        S::ComponentServer => ResponderConfig::component(&FIXED)
            .single_host(host(subject))
            .dangerous_plaintext()
            .build()
            .unwrap(),
        S::StartTlsServer => ResponderConfig::server(&FIXED)
            .single_host(host(subject))
            .starttls()
            .build()
            .unwrap(),
        S::TlsServer => ResponderConfig::server(&FIXED)
            .single_host(host(subject))
            .direct_tls(tls().server.clone())
            .build()
            .unwrap(),
        _ => ResponderConfig::server(&FIXED)
            .single_host(host(subject))
            .dangerous_plaintext()
            .build()
            .unwrap(),
    }
}

/// The host that a server serves.
pub(super) fn host(subject: Subject) -> Arc<HostConfig> {
    match subject {
        S::ReceivingServer => HostConfig::s2s(&jid(MONTAGUE))
            .dialback_secret(secret())
            .build()
            .unwrap(),
        S::KeylessReceivingServer => HostConfig::s2s(&jid(MONTAGUE)).build().unwrap(),
        S::ComponentServer => HostConfig::component(&jid(PLAY), shared()).build().unwrap(),
        _ => {
            let mechanisms = MechanismSet::scram()
                .with(MechanismName::Anonymous)
                .with(MechanismName::Plain)
                .with(MechanismName::External);
            HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
                .mechanisms(mechanisms)
                .tls(tls().server.clone())
                .build()
                .expect("a config")
        }
    }
}

/// The stored keys of alice.
pub(super) fn keys(hash: Hash) -> ScramKeys {
    static KEYS: OnceLock<[ScramKeys; 3]> = OnceLock::new();
    let all = KEYS.get_or_init(|| {
        [Hash::Sha1, Hash::Sha256, Hash::Sha512].map(|hash| {
            ScramKeys::derive(hash, &password(), b"sixteen octets!!", 4096).expect("keys")
        })
    });
    let keys = all.iter().find(|keys| keys.hash() == hash);
    keys.expect("keys for each hash").clone()
}

/// What a peer says to the machine until it is established; nothing for those that cannot be, or that it takes SCRAM's
/// many rounds to.
pub(super) fn login(subject: Subject) -> &'static [u8] {
    static LOGINS: [OnceLock<Vec<u8>>; Subject::ALL.len()] =
        [const { OnceLock::new() }; Subject::ALL.len()];
    LOGINS[subject as usize].get_or_init(|| {
        let (initiating, receiving) = match subject {
            S::AnonymousClient | S::Server => (S::AnonymousClient, S::Server),
            S::HostingServer => (S::AnonymousClient, S::HostingServer),
            S::SendingServer | S::ReceivingServer => (S::SendingServer, S::ReceivingServer),
            S::KeylessServer => (S::KeylessServer, S::ReceivingServer),
            S::KeylessReceivingServer => (S::KeylessServer, S::KeylessReceivingServer),
            S::Component | S::ComponentServer => (S::Component, S::ComponentServer),
            _ => return Vec::new(),
        };
        let [there, back] = exchange(initiating, receiving, false);
        match subject == initiating {
            true => back,
            false => there,
        }
    })
}

/// What each of two machines says to the other when their applications agree to everything and the first one, once it is
/// established, says a stanza and closes, if it does. Seeds are made of it.
pub fn exchange(initiating: Subject, receiving: Subject, closes: bool) -> [Vec<u8>; 2] {
    let initiator = initiator(initiating).expect("one that initiates");
    let mut initiator = Initiator::new(initiator, START);
    let mut responder = Responder::new(responder(receiving), START);
    let mut said = [Vec::new(), Vec::new()];
    let mut closing = !closes;
    for _ in 0..1_000 {
        agree(&mut initiator, initiating);
        agree(&mut responder, receiving);
        let there = initiator.transmit().to_vec();
        initiator.transmitted(there.len());
        let back = responder.transmit().to_vec();
        responder.transmitted(back.len());
        // A machine that has closed takes nothing, and one that goes on takes these short texts whole.
        let _ = responder.receive(&there);
        let _ = initiator.receive(&back);
        said[0].extend_from_slice(&there);
        said[1].extend_from_slice(&back);
        if there.is_empty() && back.is_empty() {
            match initiator.session() {
                Some(mut session) if !closing => {
                    closing = true;
                    let _ = session.send(initiating.stanza());
                    session.close();
                }
                _ => break,
            }
        }
    }
    said
}

fn agree<N: Negotiation>(machine: &mut Connection<N>, subject: Subject) {
    loop {
        match machine.poll(START) {
            Action::Event(event) => {
                let event = event.to_owned();
                if event == EventBuf::Decision {
                    decide(machine, subject, 0);
                }
                if let EventBuf::Request(request) = event {
                    let answer = match request.question() {
                        DialbackQuestion::MakeKey => DialbackAnswer::Key(super::key()),
                        _ => DialbackAnswer::Valid,
                    };
                    let mut session = machine.session().expect("a session");
                    session.answer(request.id(), answer).expect("an answer");
                }
            }
            Action::Wait(wait) if wait.deadline == Some(START) => {}
            Action::Wait(_) | Action::CloseTcp(_) => return,
        }
    }
}

struct Tls {
    client: ClientTls,
    server: ServerTls,
}

/// TLS with a certificate of its own making.
fn tls() -> &'static Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .clone();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a root");
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate for the key");
        Tls {
            client: ClientTls::new(Arc::new(client)),
            server: ServerTls::new(Arc::new(server)),
        }
    })
}

fn jid(text: &str) -> Jid {
    Jid::parse(text).expect("an address")
}

fn password() -> Password {
    Password::ascii("secret").expect("a password")
}

fn secret() -> DialbackSecret {
    DialbackSecret::new(b"the secret of both")
}

fn shared() -> ComponentSecret {
    ComponentSecret::new(b"shared")
}

/// The same in every run.
#[derive(Debug)]
struct Fixed;

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for (byte, value) in bytes.iter_mut().zip(1..) {
            *byte = value;
        }
        Ok(())
    }
}

static FIXED: Fixed = Fixed;

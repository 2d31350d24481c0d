//! Everything that is said to the crate under measurement: only its public names, and all of them in
//! this file, so that another version of the crate needs another version of this file alone.

use std::fmt;
use std::hint::black_box;
use std::sync::{Arc, LazyLock};

use rustls::{ClientConfig, ServerConfig};
use xmpp_stream::config::{
    Credentials, HostConfig, InitiatorConfig, ResponderConfig, Sasl2Options, TokenFallback,
};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{
    ClientKeys, Decoy, FastMechanism, FastSet, FastToken, Hash, MechanismName, MechanismPolicy,
    MechanismSet, Password, ScramKeys, StoredTokens, Username,
};
use xmpp_stream::sm::SmPolicy;
use xmpp_stream::stream::sasl2::UserAgent;
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::xml::{FrameLimits, Framer};
use xmpp_stream::{Action, Connection, Decision, Event, Negotiation};

use crate::pki::RANDOM;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    Plain,
    External,
    Scram,
    ScramPlus,
    Anonymous,
    /// With a token of an earlier login (XEP-0484), bound to the channel. SASL2 only.
    Fast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    StartTls,
    DirectTls,
}

/// The profile of SASL, and how a resource is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// RFC 6120 6 and 7.
    Sasl,
    /// XEP-0388, with the resource in the same exchange (XEP-0386).
    Sasl2,
}

/// What both machines of a pair are made from.
pub struct Configs {
    client: Arc<InitiatorConfig>,
    server: Arc<ResponderConfig>,
}

impl Configs {
    pub fn new(
        login: Login,
        carrier: Carrier,
        profile: Profile,
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
    ) -> Self {
        Self::with(login, carrier, profile, client, server, None)
    }

    /// The same, with stream management as its default is.
    pub fn managed(
        login: Login,
        carrier: Carrier,
        profile: Profile,
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
    ) -> Self {
        let policy = SmPolicy::new();
        Self::with(login, carrier, profile, client, server, Some(policy))
    }

    fn with(
        login: Login,
        carrier: Carrier,
        profile: Profile,
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        management: Option<SmPolicy>,
    ) -> Self {
        let mechanisms = MechanismSet::EMPTY.with(match login {
            Login::Plain | Login::Fast => MechanismName::Plain,
            Login::External => MechanismName::External,
            Login::Scram => MechanismName::Scram(Hash::Sha256),
            Login::ScramPlus => MechanismName::ScramPlus(Hash::Sha256),
            Login::Anonymous => MechanismName::Anonymous,
        });
        let tls = ClientTls::new(client.clone());
        let client = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").expect("a JID"));
        let client = match carrier {
            Carrier::StartTls => client.starttls(tls),
            Carrier::DirectTls => client.direct_tls(tls),
        };
        let client = client
            .credentials(match login {
                Login::External => Credentials::External { authzid: None },
                Login::Anonymous => Credentials::Anonymous,
                Login::Plain | Login::Fast => Credentials::Password {
                    username: username(),
                    password: password(),
                    keys: None,
                    authzid: None,
                },
                Login::Scram | Login::ScramPlus => Credentials::Keys {
                    username: username(),
                    keys: CACHED.clone(),
                    authzid: None,
                },
            })
            .sasl(MechanismPolicy::new().allow(mechanisms))
            .random(RANDOM);
        let client = match (profile, login) {
            (Profile::Sasl, _) => client.without_sasl2(),
            (Profile::Sasl2, Login::Fast) => {
                let agent = UserAgent::new(Some(CLIENT), None, None).expect("an id");
                let options = Sasl2Options::new().user_agent(agent);
                client.sasl2(options.token(TOKEN.clone(), TokenFallback::End))
            }
            (Profile::Sasl2, _) => client,
        };
        let client = match management.clone() {
            Some(policy) => client.stream_management(policy),
            None => client,
        };
        let client = client.build().expect("a config");

        let tls = ServerTls::new(server.clone());
        let host =
            HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096)).mechanisms(mechanisms);
        let host = match carrier {
            Carrier::StartTls => host.tls(tls.clone()),
            Carrier::DirectTls => host,
        };
        let host = match (profile, login) {
            (Profile::Sasl, _) => host.without_sasl2(),
            (Profile::Sasl2, Login::Fast) => host.fast(FastSet::all()),
            (Profile::Sasl2, _) => host,
        };
        let server = ResponderConfig::server(RANDOM).single_host(host.build().expect("a host"));
        let server = match carrier {
            Carrier::StartTls => server.starttls(),
            Carrier::DirectTls => server.direct_tls(tls),
        };
        let server = match management {
            Some(policy) => server.stream_management(policy),
            None => server,
        };
        let server = server.build().expect("a config");
        Self { client, server }
    }

    pub fn initiator(&self) -> Client {
        Machine(Box::new(Connection::new(self.client.clone(), START)))
    }

    pub fn responder(&self) -> Server {
        Machine(Box::new(Connection::new(self.server.clone(), START)))
    }
}

fn username() -> Username {
    Username::ascii("alice").expect("ASCII")
}

fn password() -> Password {
    Password::ascii("secret").expect("ASCII")
}

/// The id of the client that has the token.
const CLIENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";

/// The token of an earlier login, which both sides have stored.
static TOKEN: LazyLock<FastToken> = LazyLock::new(|| {
    FastToken::generate(FastMechanism::HtSha256Expr, "2030-01-01T00:00:00Z", RANDOM)
        .expect("a token")
});

/// What the server has stored for its user.
static STORED: LazyLock<ScramKeys> = LazyLock::new(|| {
    ScramKeys::derive(Hash::Sha256, &password(), b"sixteen octets!!", 4096).expect("keys")
});

/// What the client kept of an earlier login.
static CACHED: LazyLock<ClientKeys> = LazyLock::new(|| {
    let scram = MechanismSet::EMPTY.with(MechanismName::Scram(Hash::Sha256));
    let client = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").expect("a JID"))
        .dangerous_plaintext(RANDOM)
        .password(username(), password())
        .build()
        .expect("a config");
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096)).mechanisms(scram);
    let server = ResponderConfig::server(RANDOM)
        .single_host(host.build().expect("a host"))
        .dangerous_plaintext()
        .build()
        .expect("a config");
    let mut client: Client = Machine(Box::new(Connection::new(client, START)));
    let mut server: Server = Machine(Box::new(Connection::new(server, START)));
    while !client.drive(0).established {
        carry(&mut client, &mut server);
        server.drive(0);
        carry(&mut server, &mut client);
    }
    client.0.take_scram_keys().expect("a login by SCRAM")
});

fn carry<A: Negotiation, B: Negotiation>(from: &mut Machine<A>, to: &mut Machine<B>) {
    let taken = to.receive(from.transmit());
    from.transmitted(taken);
}

// The roles, and what they have in common.
pub use xmpp_stream::Negotiation as Kind;
pub use xmpp_stream::connection::{InitiatorRole as Initiating, ResponderRole as Receiving};

pub struct Machine<N: Negotiation>(Box<Connection<N>>);
pub type Client = Machine<Initiating>;
pub type Server = Machine<Receiving>;

const START: Instant = Instant::from_millis(0);

/// What a machine told until it had to wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    pub established: bool,
    pub stanzas: usize,
    /// In milliseconds.
    pub deadline: Option<u64>,
}

impl<N: Negotiation> Machine<N> {
    /// Polls until it waits, at `now` milliseconds. What the application has to do for it is done.
    pub fn drive(&mut self, now: u64) -> Told {
        let now = Instant::from_millis(now);
        let mut told = Told::default();
        loop {
            match self.0.poll(now) {
                Action::Event(Event::Stanza(stanza)) => {
                    black_box(&stanza);
                    told.stanzas += 1;
                }
                Action::Event(Event::Established(_)) => told.established = true,
                Action::Event(Event::Decision(_)) => decide(&mut self.0),
                Action::Event(_) => {}
                // More work is due at once: a slice of it was done.
                Action::Wait(wait) if wait.deadline == Some(now) => {}
                Action::Wait(wait) => {
                    told.deadline = wait.deadline.map(Instant::as_millis);
                    return told;
                }
                Action::CloseTcp(close) => panic!("{close:?}"),
            }
        }
    }

    pub fn window(&mut self) -> &mut [u8] {
        self.0.receive_window()
    }

    pub fn received(&mut self, n: usize) {
        self.0.received(n);
    }

    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.0.receive(bytes)
    }

    pub fn transmit(&self) -> &[u8] {
        self.0.transmit()
    }

    pub fn transmitted(&mut self, n: usize) {
        self.0.transmitted(n);
    }

    pub fn send(&mut self, stanza: &str) {
        self.0
            .session()
            .expect("established")
            .send(stanza)
            .expect("room");
    }
}

impl<N: Negotiation> fmt::Debug for Machine<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Answers as a server would that has its one user in memory.
fn decide<N: Negotiation>(machine: &mut Connection<N>) {
    match machine.decision() {
        Some(Decision::Password(password)) => {
            assert_eq!(password.password(), b"secret");
            let user = password.authcid().to_owned();
            password.accept(user);
        }
        Some(Decision::Scram(scram)) => {
            let user = scram.username().to_owned();
            scram.keys(user, STORED.clone());
        }
        Some(Decision::Token(token)) => {
            let user = token.username().to_owned();
            token.tokens(user, StoredTokens::none().after_issue(TOKEN.clone()));
        }
        Some(Decision::IssueToken(issue)) => issue.keep(),
        Some(Decision::External(external)) => external.accept("alice".to_owned()),
        Some(Decision::Anonymous(anonymous)) => anonymous.accept("guest".to_owned()),
        Some(Decision::Bind(bind)) => {
            let user = &bind.identity().authcid;
            // Of a resource that comes with the login, the server chooses the end.
            let resource = bind.resource().unwrap_or(bind.generated());
            let jid = Jid::from_parts(Some(user), "localhost", Some(resource)).expect("a JID");
            bind.accept(jid).expect("a full JID");
        }
        other => panic!("{other:?}"),
    }
}

/// The XML layer alone, in a stream.
pub struct Xml(Framer);

impl Xml {
    pub fn new() -> Self {
        let mut limits = FrameLimits::default();
        limits.frame_bytes = 256 * 1024;
        let mut xml = Self(Framer::new(limits));
        xml.feed(HEADER.as_bytes());
        xml
    }

    /// Returns how many frames were found.
    pub fn feed(&mut self, mut bytes: &[u8]) -> usize {
        let mut frames = 0;
        while let Some(kind) = self.0.feed(&mut bytes).expect("XML") {
            black_box((kind, self.0.frame()));
            frames += 1;
        }
        frames
    }
}

pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";

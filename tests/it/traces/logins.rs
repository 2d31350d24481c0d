//! Logins by every mechanism, in both roles, with secrets that the trace must not contain.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use xmpp_stream::component::ComponentSecret;
use xmpp_stream::config::{
    Credentials, HasSecurity, HostBuilder, HostConfig, InitiatorBuilder, InitiatorConfig,
    ResponderConfig, Sasl2Options, TokenFallback,
};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::sasl::{
    Decoy, FastMechanism, FastSet, Hash, MechanismName, MechanismPolicy, MechanismSet, Password,
    ScramKeys, StoredTokens, Username,
};
use xmpp_stream::sm::{SmPolicy, SmState};
use xmpp_stream::stream::sasl2::UserAgent;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::trace::Payload;
use xmpp_stream::{Connection, Decision, Initiator, Responder};

use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::recorder::contents;
use crate::harness::{Harness, Pair, Recorder, START, TlsPair};

const PASSWORD: &str = "correct-horse-battery";
const AGENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";

/// Random bytes that differ from call to call.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU8>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for byte in bytes {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = count.wrapping_mul(151) ^ 0x5a;
        }
        Ok(())
    }
}

/// What the server has stored.
#[derive(Default)]
struct Store {
    tokens: Option<StoredTokens>,
    session: Option<SmState>,
    keys_stored: bool,
}

type Shared = Rc<RefCell<Store>>;

fn decide(store: &mut Store, machine: &mut Connection<ResponderRole>) {
    match machine.decision() {
        None => {}
        Some(Decision::Password(decision)) => {
            assert_eq!(decision.password(), PASSWORD.as_bytes());
            decision.accept("alice".into());
        }
        Some(Decision::Scram(decision)) => {
            let password = Password::ascii(PASSWORD).unwrap();
            let salt = b"salt-of-the-earth";
            let keys = ScramKeys::derive(decision.hash(), &password, salt, 4096).unwrap();
            decision.keys("alice".into(), keys);
        }
        Some(Decision::External(decision)) => decision.accept("alice".into()),
        Some(Decision::Anonymous(decision)) => decision.accept("alice".into()),
        Some(Decision::Token(decision)) => {
            decision.tokens("alice".into(), store.tokens.clone().unwrap());
        }
        Some(Decision::IssueToken(decision)) => {
            let used = decision.request().used;
            let tokens = store.tokens.take().unwrap_or_else(StoredTokens::none);
            let tokens = match used {
                Some(slot) => tokens.after_use(slot),
                None => tokens,
            };
            let token = decision.issue("2030-01-01T00:00:00Z").unwrap();
            store.tokens = Some(tokens.after_issue(token));
        }
        Some(Decision::StoreKeys(decision)) => {
            store.keys_stored = true;
            decision.stored();
        }
        Some(Decision::Bind(decision)) => {
            let resource = decision.resource().unwrap_or("made-up");
            let jid = Jid::parse(&format!("alice@localhost/{resource}")).unwrap();
            decision.accept(jid).unwrap();
        }
        Some(Decision::Resume(decision)) => {
            decision.resume(store.session.take().unwrap()).unwrap();
        }
        Some(other) => panic!("{other:?}"),
    }
}

/// What carries the login.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Plaintext,
    Tls(Version),
}

/// A login between two machines, and the trace of both.
struct Login {
    over: Over,
    store: Shared,
    recorder: Arc<Recorder>,
    random: Counting,
}

impl Login {
    fn over(over: Over) -> Self {
        Self {
            over,
            store: Shared::default(),
            recorder: Recorder::new(Payload::Full),
            random: Counting::default(),
        }
    }

    fn client(
        &self,
        credentials: Credentials,
        adjust: impl FnOnce(InitiatorBuilder<HasSecurity>) -> InitiatorBuilder<HasSecurity>,
    ) -> Arc<InitiatorConfig> {
        let builder = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap());
        let builder = match self.over {
            Over::Plaintext => builder.dangerous_plaintext(self.random.clone()),
            Over::Tls(version) => {
                let tls = TlsPair::mutual(version).client;
                builder.starttls(ClientTls::new(Arc::new(tls)))
            }
        };
        let builder = builder
            .credentials(credentials)
            .random(self.random.clone())
            .trace(self.recorder.clone());
        adjust(builder).build().unwrap()
    }

    fn server(&self, adjust: impl FnOnce(HostBuilder) -> HostBuilder) -> Responder {
        let mechanisms = MechanismSet::scram()
            .with(MechanismName::Plain)
            .with(MechanismName::External)
            .with(MechanismName::Anonymous);
        let mut host =
            HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096)).mechanisms(mechanisms);
        if let Over::Tls(version) = self.over {
            host = host.tls(ServerTls::new(Arc::new(TlsPair::mutual(version).server)));
        }
        let host = adjust(host).build().unwrap();
        let builder = ResponderConfig::server(self.random.clone())
            .single_host(host)
            .stream_management(SmPolicy::new())
            .trace(self.recorder.clone());
        let config = match self.over {
            Over::Plaintext => builder.dangerous_plaintext().build(),
            Over::Tls(_) => builder.starttls().build(),
        };
        Responder::new(config.unwrap(), START)
    }

    /// Connects both, and asserts that stanzas may flow.
    fn connect(&self, mut client: Initiator, mut server: Responder) -> Pair {
        client.set_trace_id(1);
        server.set_trace_id(2);
        let store = self.store.clone();
        let app = Box::new(move |machine: &mut Connection<ResponderRole>, _: &_| {
            decide(&mut store.borrow_mut(), machine);
        });
        let mut pair = Pair::with_peer(client, Box::new(|_, _| {}), Harness::new(server, app));
        pair.exchange();
        assert!(
            pair.machine.session().is_some() && pair.peer.machine.session().is_some(),
            "{:?} {:?}",
            pair.event_lines(),
            pair.close
        );
        pair
    }

    /// Asserts that no secret is shown that is known beforehand.
    fn check(&self) {
        self.recorder.hides("the password", PASSWORD.as_bytes());
        self.recorder.hides("the salt", b"salt-of-the-earth");
        self.recorder
            .hides("the id of the user agent", AGENT.as_bytes());
        self.recorder.hides_content();
    }
}

fn password() -> Credentials {
    Credentials::Password {
        username: Username::ascii("alice").unwrap(),
        password: Password::ascii(PASSWORD).unwrap(),
        keys: None,
        authzid: None,
    }
}

fn only(name: &str) -> MechanismPolicy {
    let name = MechanismName::from_name(name).unwrap();
    MechanismPolicy::new().allow(MechanismSet::EMPTY.with(name))
}

fn agent() -> UserAgent {
    UserAgent::new(Some(AGENT), None, None).unwrap()
}

#[test]
fn no_login_by_sasl_or_sasl2_shows_what_its_mechanism_says() {
    let mechanisms = [
        ("PLAIN", password()),
        ("SCRAM-SHA-1", password()),
        ("SCRAM-SHA-1-PLUS", password()),
        ("SCRAM-SHA-256", password()),
        ("SCRAM-SHA-256-PLUS", password()),
        ("SCRAM-SHA-512", password()),
        ("SCRAM-SHA-512-PLUS", password()),
        ("EXTERNAL", Credentials::External { authzid: None }),
        ("ANONYMOUS", Credentials::Anonymous),
    ];
    for (name, credentials) in mechanisms {
        for uses_sasl2 in [false, true] {
            let login = Login::over(Over::Tls(TLS13));
            let config = login.client(credentials.clone(), |builder| {
                let builder = builder.sasl(only(name));
                match uses_sasl2 {
                    true => builder.sasl2(Sasl2Options::new().user_agent(agent())),
                    false => builder.without_sasl2(),
                }
            });
            login.connect(Initiator::new(config, START), login.server(|host| host));
            login.check();
            let element = match uses_sasl2 {
                true => "<authenticate xmlns='urn:xmpp:sasl:2'",
                false => "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'",
            };
            for side in ["1 ->", "2 <-"] {
                let line = format!("{side} {element} mechanism='{name}'>");
                let empty = format!("{side} {element} mechanism='{name}'/>");
                let found = login.recorder.with(&line).len() + login.recorder.with(&empty).len();
                assert_eq!(found, 1, "{line}: {:#?}", login.recorder.lines());
            }
        }
    }
}

/// In plaintext the test sees what was sent, and looks for exactly that.
#[test]
fn nothing_that_a_scram_login_sends_is_shown() {
    for name in ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let login = Login::over(Over::Plaintext);
        let config = login.client(password(), |builder| builder.sasl(only(name)));
        let pair = login.connect(Initiator::new(config, START), login.server(|host| host));
        login.check();
        let mut looked_for = 0;
        for sent in [&pair.sent, &pair.peer.sent] {
            for content in contents(std::str::from_utf8(sent).unwrap()) {
                login.recorder.hides("the content", content.as_bytes());
                looked_for += 1;
            }
        }
        assert_eq!(looked_for, 4, "auth, challenge, response, success");
    }
}

#[test]
fn no_token_is_shown_neither_a_new_one_nor_one_that_is_used() {
    for version in [TLS12, TLS13] {
        let login = Login::over(Over::Tls(version));
        let options = Sasl2Options::new().user_agent(agent());
        let server = || login.server(|host| host.fast(FastSet::all()));
        let config = login.client(password(), |builder| {
            builder.sasl2(options.clone().request_token())
        });
        let mut pair = login.connect(Initiator::new(config, START), server());
        let first = pair.machine.take_token().expect("a token");

        // The server replaces the token that is used.
        let using = options.token(first.clone(), TokenFallback::End);
        let config = login.client(password(), |builder| builder.sasl2(using));
        let mut pair = login.connect(Initiator::new(config, START), server());
        let second = pair.machine.take_token().expect("another token");
        assert_ne!(first, second);
        for token in [first, second] {
            login.recorder.hides("a token", token.secret().as_bytes());
        }
        login.check();
        let mechanism = FastMechanism::BY_PREFERENCE
            .iter()
            .find(|mechanism| {
                let used = format!("mechanism='{}'", mechanism.as_str());
                !login.recorder.with(&used).is_empty()
            })
            .expect("a mechanism of FAST");
        assert!(mechanism.as_str().starts_with("HT-"));
        let shown = login.recorder.with("token='[");
        assert_eq!(shown.len(), 4, "{shown:#?}");
        assert!(
            shown[0].contains("expiry='2030-01-01T00:00:00Z'"),
            "{shown:#?}"
        );
    }
}

#[test]
fn the_data_of_an_upgrade_task_are_not_shown() {
    let login = Login::over(Over::Tls(TLS13));
    let config = login.client(password(), |builder| builder);
    let server = login.server(|host| {
        let mechanisms =
            MechanismSet::EMPTY.with(MechanismName::from_name("SCRAM-SHA-256").unwrap());
        host.mechanisms(mechanisms)
            .scram_upgrades(&[Hash::Sha512], 4096)
    });
    login.connect(Initiator::new(config, START), server);
    assert!(login.store.borrow().keys_stored);
    login.check();
    let next = "1 -> <next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-512'/>";
    assert_eq!(login.recorder.with(next).len(), 1);
    let hash = "<hash xmlns='urn:xmpp:scram-upgrade:0'>[88 bytes]</hash></task-data>";
    assert_eq!(
        login.recorder.with(hash).len(),
        2,
        "{:#?}",
        login.recorder.lines()
    );
}

/// The name of a session lets whoever knows it, and logs in, read what waits in it.
#[test]
fn the_name_of_a_session_is_not_shown_when_it_is_enabled_and_resumed() {
    for over in [Over::Plaintext, Over::Tls(TLS13)] {
        let login = Login::over(over);
        let config = login.client(password(), |builder| {
            builder
                .stream_management(SmPolicy::new())
                .sasl(only("SCRAM-SHA-256"))
        });
        let mut pair = login.connect(
            Initiator::new(config.clone(), START),
            login.server(|host| host),
        );
        let name = pair
            .machine
            .sm_snapshot()
            .unwrap()
            .id()
            .unwrap()
            .to_string();
        for machine in [0, 1] {
            match machine {
                0 => pair.machine.transport_failed(),
                _ => pair.peer.machine.transport_failed(),
            }
        }
        pair.run();
        pair.peer.run();
        login.store.borrow_mut().session = pair.peer.machine.take_sm_state();
        let state = pair.machine.take_sm_state().unwrap();
        let client = Initiator::resume(config, state, START).unwrap();
        login.connect(client, login.server(|host| host));
        login
            .recorder
            .hides("the name of the session", name.as_bytes());
        login.check();
        for shown in [" id='[", "previd='["] {
            assert!(login.recorder.with(shown).len() >= 2, "{shown}");
        }
        let resumed = login.recorder.with("resumed, sent again: 0");
        assert_eq!(resumed.len(), 2, "{:#?}", login.recorder.with("**"));
    }
}

#[test]
fn a_component_handshake_is_not_shown() {
    let recorder = Recorder::new(Payload::Full);
    let domain = Jid::parse("plays.shakespeare.lit").unwrap();
    let secret = || ComponentSecret::new(PASSWORD.as_bytes());
    let initiator = InitiatorConfig::component(&domain)
        .dangerous_plaintext(Counting::default())
        .secret(secret())
        .trace(recorder.clone())
        .build()
        .unwrap();
    let responder = ResponderConfig::component(Counting::default())
        .single_host(HostConfig::component(&domain, secret()).build().unwrap())
        .trace(recorder.clone())
        .dangerous_plaintext()
        .build()
        .unwrap();
    let mut pair = Pair::connect(
        Initiator::new(initiator, START),
        Responder::new(responder, START),
    );
    pair.peer.app = Box::new(|_, _| {});
    pair.exchange();
    assert!(pair.machine.session().is_some());
    let sent = contents(std::str::from_utf8(&pair.sent).unwrap());
    assert_eq!(sent.len(), 1);
    recorder.hides("the handshake", sent[0].as_bytes());
    recorder.hides("the secret", PASSWORD.as_bytes());
    recorder.hides_content();
    let shown = recorder.with("<handshake xmlns='jabber:component:accept'>[40 bytes]</handshake>");
    assert_eq!(shown.len(), 2, "{:#?}", recorder.lines());
}

//! How many flights a login takes: how often the client begins to send after it has received
//! something, from the first byte on TCP until stanzas may flow. Both machines are ours, in memory.
//!
//! `cargo test --test it flights -- --nocapture` prints the table of `benches/README.md`.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;

use xmpp_stream::config::{
    HostConfig, InitiatorConfig, KnownFeatures, Pipelining, ResponderConfig, Sasl2Options,
    TokenFallback,
};
use xmpp_stream::sasl::{
    Decoy, FastSet, FastToken, Hash, MechanismName, MechanismPolicy, MechanismSet, Password,
    StoredTokens, Username,
};
use xmpp_stream::sm::{SmPolicy, SmState};
use xmpp_stream::stream::sasl2::UserAgent;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Decision, EventBuf, Initiator, Negotiation, Responder};

use crate::harness::configs::{FIXED, alice, decide};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, Pair, START, TlsPair};

/// The columns of the table.
const CARRIERS: [(&str, Carrier); 4] = [
    ("STARTTLS, TLS 1.2", Carrier::StartTls(TLS12)),
    ("STARTTLS, TLS 1.3", Carrier::StartTls(TLS13)),
    ("direct TLS 1.2", Carrier::DirectTls(TLS12)),
    ("direct TLS 1.3", Carrier::DirectTls(TLS13)),
];

const PLAIN: Mechanism = Mechanism::Password(MechanismName::Plain);
const SCRAM: Mechanism = Mechanism::Password(MechanismName::Scram(Hash::Sha256));
const FAST: Mechanism = Mechanism::Token;

/// What the client proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Password(MechanismName),
    /// The token of an earlier login by PLAIN (XEP-0484), with the channel binding that there is.
    Token,
}

/// The id of the client that the token is for.
const CLIENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";

/// How the client logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    /// RFC 6120 6 and 7, XEP-0198 5.
    Sasl,
    /// XEP-0388, XEP-0386, XEP-0198 9.
    Sasl2,
    /// The same, with the features of an earlier login. SCRAM waits for those of the stream (XEP-0474).
    Pipelined,
}

/// What follows the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Bind,
    /// The session of an earlier connection.
    Resume,
}

/// A row of the table: the client's flights over each carrier.
type Row = (&'static str, Profile, Mechanism, Then, [usize; 4]);

const TABLE: [Row; 14] = [
    (
        "SASL PLAIN, bind",
        Profile::Sasl,
        PLAIN,
        Then::Bind,
        [8, 7, 6, 5],
    ),
    (
        "SASL PLAIN, resumption",
        Profile::Sasl,
        PLAIN,
        Then::Resume,
        [8, 7, 6, 5],
    ),
    (
        "SASL SCRAM, bind",
        Profile::Sasl,
        SCRAM,
        Then::Bind,
        [9, 8, 7, 6],
    ),
    (
        "SASL SCRAM, resumption",
        Profile::Sasl,
        SCRAM,
        Then::Resume,
        [9, 8, 7, 6],
    ),
    (
        "SASL2 PLAIN, Bind 2",
        Profile::Sasl2,
        PLAIN,
        Then::Bind,
        [6, 5, 4, 3],
    ),
    (
        "SASL2 PLAIN, inline resumption",
        Profile::Sasl2,
        PLAIN,
        Then::Resume,
        [6, 5, 4, 3],
    ),
    (
        "SASL2 SCRAM, Bind 2",
        Profile::Sasl2,
        SCRAM,
        Then::Bind,
        [7, 6, 5, 4],
    ),
    (
        "SASL2 SCRAM, inline resumption",
        Profile::Sasl2,
        SCRAM,
        Then::Resume,
        [7, 6, 5, 4],
    ),
    (
        "SASL2 PLAIN, Bind 2, pipelined",
        Profile::Pipelined,
        PLAIN,
        Then::Bind,
        [5, 4, 3, 2],
    ),
    (
        "SASL2 PLAIN, inline resumption, pipelined",
        Profile::Pipelined,
        PLAIN,
        Then::Resume,
        [5, 4, 3, 2],
    ),
    (
        "SASL2 FAST, Bind 2",
        Profile::Sasl2,
        FAST,
        Then::Bind,
        [6, 5, 4, 3],
    ),
    (
        "SASL2 FAST, inline resumption",
        Profile::Sasl2,
        FAST,
        Then::Resume,
        [6, 5, 4, 3],
    ),
    (
        "SASL2 FAST, Bind 2, pipelined",
        Profile::Pipelined,
        FAST,
        Then::Bind,
        [5, 4, 3, 2],
    ),
    (
        "SASL2 FAST, inline resumption, pipelined",
        Profile::Pipelined,
        FAST,
        Then::Resume,
        [5, 4, 3, 2],
    ),
];

/// A way to log in, with the configs of both sides.
struct Way {
    tls: TlsPair,
    carrier: Carrier,
    profile: Profile,
    mechanism: Mechanism,
    then: Then,
}

/// What there is of an earlier login.
#[derive(Debug, Default)]
struct Earlier {
    known: Option<KnownFeatures>,
    /// The client's side of a session, and the server's.
    session: Option<(SmState, SmState)>,
    token: Option<FastToken>,
}

/// What a login took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flights {
    /// The client's.
    ours: usize,
    /// The server's, as far as the client needed them.
    theirs: usize,
}

impl Way {
    fn new(carrier: Carrier, profile: Profile, mechanism: Mechanism, then: Then) -> Self {
        let version = carrier.version().expect("TLS");
        Self {
            // Every handshake is a full one.
            tls: TlsPair::new(version).without_tickets(),
            carrier,
            profile,
            mechanism,
            then,
        }
    }

    /// The mechanisms that take a password.
    fn listed(&self) -> MechanismSet {
        MechanismSet::EMPTY.with(match self.mechanism {
            Mechanism::Password(name) => name,
            Mechanism::Token => MechanismName::Plain,
        })
    }

    fn options(&self, earlier: &Earlier) -> Sasl2Options {
        let mut options = Sasl2Options::new();
        if self.profile == Profile::Pipelined {
            let known = earlier.known.clone();
            options = options.pipelining(known.map_or(Pipelining::Learn, Pipelining::Known));
        }
        if self.mechanism == Mechanism::Token {
            let agent = UserAgent::new(Some(CLIENT), None, None).unwrap();
            options = options.user_agent(agent).request_token();
        }
        match &earlier.token {
            Some(token) => options.token(token.clone(), TokenFallback::End),
            None => options,
        }
    }

    fn client(&self, earlier: &Earlier) -> Arc<InitiatorConfig> {
        let tls = ClientTls::new(Arc::new(self.tls.client.clone()));
        let builder = InitiatorConfig::client(&alice());
        let builder = match self.carrier {
            Carrier::DirectTls(_) => builder.direct_tls(tls),
            _ => builder.starttls(tls),
        };
        let username = Username::ascii("alice").unwrap();
        let mut builder = builder
            .password(username, Password::ascii("secret").unwrap())
            .sasl(MechanismPolicy::new().allow(self.listed()))
            .random(&FIXED);
        builder = match self.profile {
            Profile::Sasl => builder.without_sasl2(),
            Profile::Sasl2 | Profile::Pipelined => builder.sasl2(self.options(earlier)),
        };
        if self.then == Then::Resume {
            builder = builder.stream_management(SmPolicy::new());
        }
        builder.build().unwrap()
    }

    fn server(&self) -> Arc<ResponderConfig> {
        let tls = ServerTls::new(Arc::new(self.tls.server.clone()));
        let mut host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
            .mechanisms(self.listed())
            .tls(tls.clone());
        if self.mechanism == Mechanism::Token {
            host = host.fast(FastSet::all());
        }
        let mut builder = ResponderConfig::server(&FIXED).single_host(host.build().unwrap());
        if self.then == Then::Resume {
            builder = builder.stream_management(SmPolicy::new());
        }
        let builder = match self.carrier {
            Carrier::DirectTls(_) => builder.direct_tls(tls),
            _ => builder.starttls(),
        };
        builder.build().unwrap()
    }

    /// Logs in, with what there is of an earlier login.
    fn log_in(&self, earlier: Earlier) -> (Pair, Flights) {
        let config = self.client(&earlier);
        let (ours, theirs) = earlier.session.unzip();
        let initiator = match ours {
            Some(state) => Initiator::resume(config, state, START).unwrap(),
            None => Initiator::new(config, START),
        };
        let store = Rc::new(RefCell::new(theirs));
        let left = store.clone();
        let tokens = earlier
            .token
            .into_iter()
            .fold(StoredTokens::none(), StoredTokens::after_issue);
        let responder = Harness::new(
            Responder::new(self.server(), START),
            Box::new(move |machine, _| match machine.decision() {
                Some(Decision::Resume(decision)) => {
                    let state = store.borrow_mut().take().expect("a session");
                    decision.resume(state).expect("the same account");
                }
                Some(Decision::Bind(bind)) => {
                    let jid = alice().with_resource(bind.generated()).unwrap();
                    bind.accept(jid).unwrap();
                }
                Some(Decision::Token(decision)) => {
                    decision.tokens("alice".into(), tokens.clone());
                }
                Some(Decision::IssueToken(decision)) if decision.request().requested => {
                    decision.issue("2030-01-01T00:00:00Z").unwrap();
                }
                Some(Decision::IssueToken(decision)) => decision.keep(),
                _ => decide(machine),
            }),
        );
        let mut pair = Pair::with_peer(initiator, Box::new(|_, _| {}), responder);
        let flights = count(&mut pair);
        assert!(left.borrow().is_none(), "the session was not resumed");
        (pair, flights)
    }

    /// What this way needs of an earlier login.
    fn earlier(&self) -> Earlier {
        let (is_pipelined, has_token, has_session) = (
            self.profile == Profile::Pipelined,
            self.mechanism == Mechanism::Token,
            self.then == Then::Resume,
        );
        let mut earlier = Earlier::default();
        if !(is_pipelined || has_token || has_session) {
            return earlier;
        }
        let (mut first, _) = self.log_in(Earlier::default());
        if is_pipelined {
            let known = first.machine.known_features().expect("remembered");
            earlier.known = Some(KnownFeatures::parse(known.as_str()).unwrap());
        }
        if has_token {
            earlier.token = Some(first.machine.take_token().expect("a token"));
        }
        if has_session {
            // Stream management is enabled after binding.
            first.exchange();
            first.machine.transport_failed();
            first.peer.machine.transport_failed();
            first.run();
            first.peer.run();
            let ours = first.machine.take_sm_state().expect("a session");
            let theirs = first.peer.machine.take_sm_state().expect("a session");
            earlier.session = Some((ours, theirs));
        }
        earlier
    }

    /// The flights of this way; before it, what it needs of an earlier connection.
    fn measure(&self) -> (Pair, Flights) {
        let (pair, flights) = self.log_in(self.earlier());
        // It went the way that was meant.
        let used = mechanism(&pair);
        match self.mechanism {
            Mechanism::Password(name) => assert_eq!(used, name.as_str()),
            Mechanism::Token => assert!(used.starts_with("HT-"), "{used}"),
        }
        (pair, flights)
    }
}

fn mechanism(pair: &Pair) -> &str {
    let authenticated = pair.events.iter().find_map(|event| match event {
        EventBuf::Authenticated { mechanism, .. } => Some(&**mechanism),
        _ => None,
    });
    authenticated.expect("a login")
}

fn is_established<N: Negotiation, P>(side: &Harness<N, P>) -> bool {
    let established =
        |event: &EventBuf| matches!(event, EventBuf::Established(done) if done.jid.is_some());
    side.events.iter().any(established)
}

/// Carries flights until the client may send stanzas.
fn count(pair: &mut Pair) -> Flights {
    let mut flights = Flights { ours: 0, theirs: 0 };
    for _ in 0..20 {
        pair.run();
        if is_established(pair) {
            return flights;
        }
        let flight = whole(pair);
        assert!(!flight.is_empty(), "{:?}", pair.machine);
        flights.ours += 1;
        pair.peer.deliver(&flight);
        let answer = whole(&mut pair.peer);
        assert!(!answer.is_empty(), "{:?}", pair.peer.machine);
        flights.theirs += 1;
        pair.deliver(&answer);
    }
    panic!("no login: {:?}", pair.machine);
}

/// Everything the machine has to send before it receives anything.
fn whole<N: Negotiation, P>(side: &mut Harness<N, P>) -> Vec<u8> {
    let mut flight = Vec::new();
    loop {
        let part = side.transmit(usize::MAX);
        if part.is_empty() {
            return flight;
        }
        flight.extend(part);
        side.run();
    }
}

/// A message each way, once the login has taken what it took.
fn assert_stanzas_flow(pair: &mut Pair) {
    let sent = "<message id='there'/>";
    pair.machine
        .session()
        .expect("established")
        .send(sent)
        .unwrap();
    let sent = "<message id='back'/>";
    pair.peer
        .machine
        .session()
        .expect("established")
        .send(sent)
        .unwrap();
    pair.exchange();
    let has = |lines: Vec<String>, id: &str| lines.iter().any(|line| line.contains(id));
    assert!(
        has(pair.event_lines(), "id='back'"),
        "{:?}",
        pair.event_lines()
    );
    assert!(
        has(pair.peer.event_lines(), "id='there'"),
        "{:?}",
        pair.peer.event_lines()
    );
}

#[test]
fn every_way_to_log_in_takes_as_many_flights_as_the_table_says() {
    let mut table = String::from("| the client's flights |");
    for (name, _) in CARRIERS {
        write!(table, " {name} |").unwrap();
    }
    table.push_str("\n| --- | ---: | ---: | ---: | ---: |\n");
    let mut differing = Vec::new();
    for (name, profile, mechanism, then, expected) in TABLE {
        let taken = CARRIERS.map(|(_, carrier)| {
            let (mut pair, flights) = Way::new(carrier, profile, mechanism, then).measure();
            // The client speaks first, and waits for an answer to each flight.
            assert_eq!(flights.ours, flights.theirs, "{name}");
            assert_stanzas_flow(&mut pair);
            flights.ours
        });
        let cells = taken.map(|flights| format!(" {flights} |")).concat();
        writeln!(table, "| {name} |{cells}").unwrap();
        if taken != expected {
            differing.push((name, expected, taken));
        }
    }
    println!("{table}");
    assert!(differing.is_empty(), "{differing:?}");
}

/// The handshake's one round trip, and one for everything else.
#[test]
fn over_direct_tls_1_3_a_pipelined_login_is_one_flight_after_the_client_hello_and_one_answer() {
    for mechanism in [PLAIN, FAST] {
        for then in [Then::Bind, Then::Resume] {
            let carrier = Carrier::DirectTls(TLS13);
            let way = Way::new(carrier, Profile::Pipelined, mechanism, then);
            let (mut pair, flights) = way.measure();
            assert_eq!(
                flights,
                Flights { ours: 2, theirs: 2 },
                "{mechanism:?} {then:?}"
            );
            assert_stanzas_flow(&mut pair);
        }
    }
}

#[test]
fn xep0388_2_6_1_the_success_names_the_full_address_that_was_bound_or_resumed() {
    for then in [Then::Bind, Then::Resume] {
        let way = Way::new(Carrier::DirectTls(TLS13), Profile::Sasl2, PLAIN, then);
        let (pair, _) = way.measure();
        let address = pair.events.iter().find_map(|event| match event {
            EventBuf::Established(established) => established.jid.clone(),
            _ => None,
        });
        let named = pair.events.iter().find_map(|event| match event {
            EventBuf::Authenticated { success, .. } => {
                let success = success.as_ref().expect("SASL2").as_stanza();
                let named = success.child("authorization-identifier", "urn:xmpp:sasl:2");
                Some(named.expect("an address").text().into_owned())
            }
            _ => None,
        });
        let address = address.expect("established");
        assert!(address.is_full(), "{address}");
        assert_eq!(named.as_deref(), Some(address.as_str()), "{then:?}");
    }
}

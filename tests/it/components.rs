//! External components, in both roles (XEP-0114).

use std::sync::Arc;

use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::component::ComponentSecret;
use xmpp_stream::config::{HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::jid::Jid;
use xmpp_stream::stream::{StanzaAddresses, StreamCondition};
use xmpp_stream::tls::{ClientTls, ServerTls, Verification};
use xmpp_stream::{CloseReason, EventBuf, Initiator, Negotiation, Responder, SendError};

use crate::harness::configs::FIXED;
use crate::harness::phases::peer_server;
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, pki};
use crate::harness::{Harness, Pair, START, Scripted, line};

fn domain() -> Jid {
    Jid::parse("plays.shakespeare.lit").unwrap()
}

fn secret(text: &str) -> ComponentSecret {
    ComponentSecret::new(text.as_bytes())
}

fn component(text: &str) -> Arc<InitiatorConfig> {
    InitiatorConfig::component(&domain())
        .dangerous_plaintext(&FIXED)
        .secret(secret(text))
        .build()
        .unwrap()
}

fn server() -> Arc<ResponderConfig> {
    ResponderConfig::component(&FIXED)
        .single_host(
            HostConfig::component(&domain(), secret("right"))
                .build()
                .unwrap(),
        )
        .dangerous_plaintext()
        .build()
        .unwrap()
}

fn pair(initiator: Arc<InitiatorConfig>, responder: Arc<ResponderConfig>) -> Pair {
    let mut pair = Pair::connect(
        Initiator::new(initiator, START),
        Responder::new(responder, START),
    );
    pair.peer.app = Box::new(|_, _| {});
    pair
}

fn reported<N: Negotiation, P>(harness: &Harness<N, P>) -> Vec<String> {
    harness.events.iter().map(line).collect()
}

fn error_of<N: Negotiation, P>(harness: &Harness<N, P>) -> StreamCondition {
    match harness.close.as_ref().map(|close| close.reason().clone()) {
        Some(CloseReason::StreamError { error, .. }) => error.condition(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn xep0114_3_header_handshake_and_nothing_else() {
    let mut pair = pair(component("right"), server());
    pair.exchange();
    assert_eq!(reported(&pair), ["stream-opened", "established"]);
    assert_eq!(reported(&pair.peer), ["stream-opened", "established"]);
    let (there, back) = (&pair.sent, &pair.peer.sent);
    let id = "0102030405060708090a0b0c0d0e0f10";
    let handshake = secret("right").handshake(id);
    assert_eq!(
        String::from_utf8_lossy(there),
        format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='plays.shakespeare.lit' \
             xml:lang='en'><handshake>{}</handshake>",
            handshake.as_str()
        )
    );
    assert_eq!(
        String::from_utf8_lossy(back),
        format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' from='plays.shakespeare.lit' \
             id='{id}' xml:lang='en'><handshake/>"
        )
    );
    pair.machine.session().unwrap().close();
    pair.finish();
    assert_eq!((pair.code(), pair.peer.code()), ("closed", "closed"));
}

#[test]
fn xep0114_3_a_wrong_secret_is_not_authorized() {
    let mut pair = pair(component("wrong"), server());
    pair.finish();
    assert_eq!(
        reported(&pair),
        ["stream-opened", "stream-error not-authorized"]
    );
    assert_eq!(reported(&pair.peer), ["stream-opened"]);
    assert_eq!(error_of(&pair), StreamCondition::NotAuthorized);
    assert_eq!(error_of(&pair.peer), StreamCondition::NotAuthorized);
}

#[test]
fn direct_tls_of_a_component_verifies_the_servers_name() {
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let client = ClientTls::new(Arc::new(pki().client(&setup)));
        let tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
        let initiator = |name: &str| {
            InitiatorConfig::component(&domain())
                .direct_tls(client.clone())
                .secret(secret("right"))
                .server_name(name)
                .build()
                .unwrap()
        };
        let host = HostConfig::component(&domain(), secret("right"))
            .build()
            .unwrap();
        let responder = ResponderConfig::component(&FIXED)
            .single_host(host)
            .direct_tls(tls)
            .build()
            .unwrap();
        let mut good = pair(initiator("localhost"), responder.clone());
        good.exchange();
        assert!(reported(&good).contains(&"established".to_string()));
        assert_eq!(good.machine.tls().unwrap().alpn(), None);
        // The component's own domain is not in the server's certificate.
        let mut bad = pair(initiator("plays.shakespeare.lit"), responder);
        bad.finish();
        assert_eq!(bad.code(), "tls");
        assert!(!String::from_utf8_lossy(&bad.sent).contains("handshake"));
    }
}

/// A server with a scripted component, after the header.
fn listening() -> (Harness<ResponderRole, Scripted>, String) {
    let mut harness = Harness::scripted(Responder::new(server(), START), Box::new(|_, _| {}));
    let header = "<stream:stream xmlns='jabber:component:accept' \
        xmlns:stream='http://etherx.jabber.org/streams' to='plays.shakespeare.lit'>";
    let answer = harness.answer_to(header);
    let id = answer.split(" id='").nth(1).unwrap();
    let id = id.split('\'').next().unwrap().to_string();
    (harness, id)
}

#[test]
fn xep0114_3_nothing_counts_before_the_handshake_and_there_is_one() {
    let message = "<message from='plays.shakespeare.lit' to='a@shakespeare.lit'/>";
    for (text, error) in [
        (message, "<not-authorized"),
        ("<handshake/>", "<not-authorized"),
        ("<handshake>0</handshake>", "<not-authorized"),
        ("<x xmlns='urn:example'/>", "<unsupported-stanza-type"),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
            "<unsupported-stanza-type",
        ),
        (
            "<db:result xmlns:db='jabber:server:dialback' from='a.lit' to='b.lit'>k</db:result>",
            "<unsupported-stanza-type",
        ),
    ] {
        let (mut harness, _) = listening();
        let answer = harness.answer_to(text);
        assert!(answer.contains(error), "{text}: {answer}");
        assert!(!reported(&harness).contains(&"established".to_string()));
    }
    let (mut harness, id) = listening();
    let handshake = format!(
        "<handshake> {} </handshake>",
        secret("right").handshake(&id).as_str()
    );
    assert_eq!(harness.answer_to(&handshake), "<handshake/>");
    let answer = harness.answer_to(&handshake);
    assert!(answer.contains("<unsupported-stanza-type"), "{answer}");
}

#[test]
fn xep0114_3_a_component_speaks_for_its_own_domain() {
    for (addresses, error) in [
        ("from='plays.shakespeare.lit' to='a@shakespeare.lit'", None),
        (
            "from='hamlet@plays.shakespeare.lit/x' to='a@shakespeare.lit'",
            None,
        ),
        (
            "from='shakespeare.lit' to='a@shakespeare.lit'",
            Some("<not-allowed"),
        ),
        (
            "from='sub.plays.shakespeare.lit' to='a@shakespeare.lit'",
            Some("<not-allowed"),
        ),
        ("from='plays.shakespeare.lit'", None),
        ("to='a@shakespeare.lit'", Some("<jid-malformed")),
    ] {
        let (mut harness, id) = listening();
        let handshake = format!(
            "<handshake>{}</handshake>",
            secret("right").handshake(&id).as_str()
        );
        harness.answer_to(&handshake);
        let answer = harness.answer_to(&format!("<message {addresses}/>"));
        match error {
            None => assert!(reported(&harness).last().unwrap().starts_with("stanza")),
            Some(error) => assert!(answer.contains(error), "{addresses}: {answer}"),
        }
    }
    let mut pair = pair(component("right"), server());
    pair.exchange();
    let mut session = pair.machine.session().unwrap();
    for addresses in [
        "from='shakespeare.lit' to='a.lit'",
        "from='plays.shakespeare.lit'",
        "",
    ] {
        let refused = session.send(&format!("<message {addresses}/>"));
        assert_eq!(refused, Err(SendError::Addresses), "{addresses}");
    }
    session
        .send("<message from='a@plays.shakespeare.lit' to='b@shakespeare.lit'/>")
        .unwrap();
    let mut session = pair.peer.machine.session().unwrap();
    session
        .send("<message from='b@shakespeare.lit' to='a@plays.shakespeare.lit'/>")
        .unwrap();
    pair.exchange();
    assert!(reported(&pair).last().unwrap().starts_with("stanza"));
    assert!(reported(&pair.peer).last().unwrap().starts_with("stanza"));
}

#[test]
fn xep0114_3_an_unknown_component_and_another_namespace_are_refused() {
    for (to, ns, error) in [
        ("other.lit", "jabber:component:accept", "<host-unknown"),
        (
            "plays.shakespeare.lit",
            "jabber:component:connect",
            "<invalid-namespace",
        ),
        (
            "plays.shakespeare.lit",
            "jabber:server",
            "<invalid-namespace",
        ),
    ] {
        let mut harness = Harness::scripted(Responder::new(server(), START), Box::new(|_, _| {}));
        let header = format!(
            "<stream:stream xmlns='{ns}' xmlns:stream='http://etherx.jabber.org/streams' to='{to}'>"
        );
        let answer = harness.answer_to(&header);
        assert!(answer.contains(error), "{answer}");
    }
}

/// Stanzas that a user of any other server can have written, with the odd `from` of a user and the
/// odd `to` of a component, or the other way round.
const ODD_ADDRESSES: [(&str, &str); 15] = [
    ("juliet@shakespeare.lit/ desk", "plays.shakespeare.lit"),
    ("juliet@shakespeare.lit/&#32;desk", "plays.shakespeare.lit"),
    ("a b@shakespeare.lit", "plays.shakespeare.lit"),
    ("a:b@shakespeare.lit", "plays.shakespeare.lit"),
    ("a@@shakespeare.lit", "plays.shakespeare.lit"),
    ("", "plays.shakespeare.lit"),
    ("juliet@shakespeare.lit", ""),
    ("", ""),
    ("juliet@shakespeare.lit", "hamlet@plays.shakespeare.lit/ x"),
    ("juliet@shakespeare.lit", "a:b@plays.shakespeare.lit"),
    ("juliet@shakespeare.lit", "elsewhere.lit"),
    ("plays.shakespeare.lit", "plays.shakespeare.lit"),
    ("/", "@"),
    ("&lt;&amp;&gt;", "&quot;"),
    ("juliet@shakespeare.lit/\u{1f9db}", "x..y"),
];

fn odd_stanzas() -> Vec<String> {
    let long = format!("{}@shakespeare.lit", "a".repeat(1024));
    let mut all = vec![
        "<message/>".to_string(),
        "<message to='plays.shakespeare.lit'/>".into(),
        "<message from='juliet@shakespeare.lit'/>".into(),
        format!("<message from='{long}' to='plays.shakespeare.lit'/>"),
        format!("<message from='juliet@shakespeare.lit' to='plays.shakespeare.lit/{long}'/>"),
        "<message xmlns:f='urn:f' f:from='a' f:to='b'/>".into(),
    ];
    for (from, to) in ODD_ADDRESSES {
        for (name, kind) in [
            ("message", "chat"),
            ("message", "error"),
            ("presence", "nonsense"),
            ("iq", "get"),
            ("iq", "result"),
            ("iq", "nonsense"),
        ] {
            all.push(format!("<{name} type='{kind}' from='{from}' to='{to}'/>"));
        }
    }
    // Odd content, which is nobody's but the recipient's.
    for content in [
        "<message xmlns='jabber:client' from='' to='@'/>",
        "<stream:stream/>",
        "<stream:error/>",
        "<handshake/>",
        "<body xmlns=''/>",
        "<iq xmlns='jabber:server'/>",
        "<db:result xmlns:db='jabber:server:dialback'/>",
        "text",
        "<error/><error/>",
    ] {
        for name in ["message", "presence", "iq"] {
            all.push(format!(
                "<{name} from='juliet@shakespeare.lit' to='plays.shakespeare.lit'>{content}</{name}>"
            ));
        }
    }
    all
}

/// A component, established, with a scripted server.
fn established_component() -> Harness<InitiatorRole, Scripted> {
    let mut harness = Harness::scripted(
        Initiator::new(component("right"), START),
        Box::new(|_, _| {}),
    );
    harness.send(
        "<stream:stream xmlns='jabber:component:accept' id='1' \
         xmlns:stream='http://etherx.jabber.org/streams' from='plays.shakespeare.lit'>",
    );
    harness.send("<handshake/>");
    harness.receive();
    harness
}

/// A server, established, with a scripted component.
fn established_server() -> Harness<ResponderRole, Scripted> {
    let (mut harness, id) = listening();
    let handshake = secret("right").handshake(&id);
    let handshake = format!("<handshake>{}</handshake>", handshake.as_str());
    assert_eq!(harness.answer_to(&handshake), "<handshake/>");
    harness
}

/// A component's stream is that of all users of its server.
#[test]
fn what_one_user_writes_does_not_end_a_components_stream() {
    let next = "<message from='b@shakespeare.lit' to='plays.shakespeare.lit' id='next'/>";
    let mut harness = established_component();
    for stanza in odd_stanzas() {
        let events = harness.events.len();
        assert_eq!(harness.answer_to(&stanza), "", "{stanza}");
        harness.send(next);
        let expected = [format!("stanza {stanza}"), format!("stanza {next}")];
        assert_eq!(harness.events_since(events), expected);
    }
    assert!(harness.machine.session().is_some());

    // The server: what its component may not send is refused, and the next one arrives.
    let next = "<message from='plays.shakespeare.lit' to='b@shakespeare.lit' id='next'/>";
    let mut harness = established_server();
    for stanza in odd_stanzas() {
        let events = harness.events.len();
        let answer = harness.answer_to(&stanza);
        let delivered = harness.events.len() - events;
        let own = stanza.contains("from='plays.shakespeare.lit'");
        assert_eq!(delivered, usize::from(own), "{stanza}");
        let silent = own || stanza.contains("type='error'") || stanza.contains("type='result'");
        let refused = answer.contains("<jid-malformed ") || answer.contains("<not-allowed ");
        assert_eq!(refused, !silent, "{stanza}: {answer}");
        assert!(!answer.contains("stream:"), "{stanza}: {answer}");
        harness.send(next);
        let last = harness.event_lines().pop().unwrap();
        assert_eq!(last, format!("stanza {next}"), "{stanza}");
    }
    assert!(harness.machine.session().is_some());
}

/// What the server says to its component about a stanza that it did not take: never more than one
/// answer, with the addresses exchanged as far as they are addresses.
#[test]
fn a_stanza_from_an_address_that_is_not_the_components_is_refused() {
    let mut harness = established_server();
    let answer = harness.answer_to(
        "<iq type='get' id='&lt;7&gt;' from='a@shakespeare.lit/ x' to='b@shakespeare.lit'><q/></iq>",
    );
    assert_eq!(
        answer,
        "<iq type='error' id='&lt;7&gt;' from='b@shakespeare.lit' to='a@shakespeare.lit/ x'>\
         <error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    let answer = harness.answer_to("<message from='a b@c' to='@'/>");
    assert_eq!(
        answer,
        "<message type='error'><error type='modify'>\
         <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    // After our closing tag it is neither delivered nor answered.
    harness.machine.session().unwrap().close();
    harness.receive();
    let events = harness.events.len();
    let answer = harness.answer_to("<message from='a@shakespeare.lit' to='b@shakespeare.lit'/>");
    assert_eq!((answer.as_str(), harness.events.len()), ("", events));
}

/// The application can tell an address that can be answered from one that cannot.
#[test]
fn the_application_learns_which_addresses_are_none() {
    let mut harness = established_component();
    for (from, reply_to, has_invalid) in [
        ("a@b.lit/x", Some("a@b.lit/x"), false),
        ("a@b.lit/ x", Some("a@b.lit/ x"), false),
        ("a@b.lit/&#32;x", Some("a@b.lit/ x"), false),
        ("a b@c", None, true),
        ("", None, false),
    ] {
        harness.send(format!(
            "<message from='{from}' to='plays.shakespeare.lit'/>"
        ));
        let Some(EventBuf::Stanza(stanza)) = harness.events.last() else {
            panic!("{from}");
        };
        let addresses = StanzaAddresses::read(&stanza.as_stanza());
        assert_eq!(addresses.from.reply_to(), reply_to, "{from}");
        assert_eq!(addresses.has_invalid(), has_invalid, "{from}");
        // What can be answered is answered.
        let answer = |to| format!("<message from='plays.shakespeare.lit' to='{to}'/>");
        let mut session = harness.machine.session().unwrap();
        let sent = session.send(&answer(reply_to.unwrap_or(from)));
        assert_eq!(sent.is_ok(), reply_to.is_some(), "{from}");
    }
}

/// Invariant 7, for components.
#[test]
fn a_component_gives_its_proof_only_to_a_verified_server() {
    let header = "<stream:stream xmlns='jabber:component:accept' id='1' \
        xmlns:stream='http://etherx.jabber.org/streams' from='plays.shakespeare.lit'>";
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let connect = |verification, dangerous| {
            let tls = ClientTls::new(Arc::new(pki().client(&setup))).verification(verification);
            let mut builder = InitiatorConfig::component(&domain())
                .direct_tls(tls)
                .server_name("localhost")
                .secret(secret("right"));
            if dangerous {
                builder = builder.dangerous_unverified_server();
            }
            let machine = Initiator::new(builder.build().unwrap(), START);
            let mut harness = Harness::scripted(machine, Box::new(|_, _| {}));
            harness.start_tls(peer_server(version));
            harness.receive();
            let answer = harness.answer_to(header);
            (harness, answer)
        };
        for (verification, dangerous, sent) in [
            (Verification::Config, false, true),
            (Verification::Deferred, true, true),
            (Verification::Deferred, false, false),
        ] {
            let (mut harness, answer) = connect(verification, dangerous);
            assert_eq!(answer.contains("<handshake>"), sent, "{answer}");
            if !sent {
                assert_eq!(answer, "</stream:stream>");
                // An acceptance that was not asked for has no effect.
                harness.send("<handshake/>");
                assert!(harness.machine.session().is_none());
                harness.finish();
                assert_eq!(
                    *harness.closed().reason(),
                    CloseReason::AuthenticationFailed(AuthenticationReason::ServerNotVerified)
                );
            }
        }
    }
}

/// The server's handshake element counts once, and only after ours.
#[test]
fn a_component_is_established_only_by_the_servers_handshake() {
    let header = "<stream:stream xmlns='jabber:component:accept' id='3BF96D32' \
        xmlns:stream='http://etherx.jabber.org/streams' from='plays.shakespeare.lit'>";
    let mut harness: Harness<InitiatorRole, Scripted> = Harness::scripted(
        Initiator::new(component("right"), START),
        Box::new(|_, _| {}),
    );
    harness.receive();
    let received = harness.answer_to(header);
    let proof = secret("right").handshake("3BF96D32");
    assert_eq!(
        received,
        format!("<handshake>{}</handshake>", proof.as_str())
    );
    assert!(harness.machine.session().is_none());
    harness.answer_to("<handshake/>");
    assert!(harness.machine.session().is_some());
    let answer = harness.answer_to("<handshake/>");
    assert!(answer.contains("<unsupported-stanza-type"));
}

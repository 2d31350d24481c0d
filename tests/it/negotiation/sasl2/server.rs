//! The receiving entity, against a scripted client.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_stream::config::{HostBuilder, HostConfig, ResponderConfig};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{Decoy, FastSet, Hash, MechanismName, MechanismSet, StoredTokens};
use xmpp_stream::sm::{SmPolicy, SmState};
use xmpp_stream::stream::sasl2::{InlineXml, MAX_BIND_FEATURE_BYTES};
use xmpp_stream::stream::{BindCondition, Features, ns};
use xmpp_stream::xml::StanzaBuf;
use xmpp_stream::{Decision, Responder};

use super::{SASL2, failure};
use crate::harness::configs::{FIXED, decide};
use crate::harness::phases::{BIND, peer_client, server_tls};
use crate::harness::pki::TLS13;
use crate::harness::{Harness, START, Scripted};

type Server = Harness<ResponderRole, Scripted>;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='alice@localhost' \
    version='1.0'>";
/// The name that the tests' randomness makes.
const NAME: &str = "0102030405060708090a0b0c0d0e0f10";

/// What the application of the server does, and what it was asked.
#[derive(Default)]
struct Application {
    /// The questions about resources: the suggested one, and how many features were asked for.
    binds: Vec<(String, usize)>,
    refuses: bool,
    session: Option<SmState>,
    resumes: usize,
}

type Shared = Rc<RefCell<Application>>;

fn server(adjust: impl FnOnce(HostBuilder) -> HostBuilder, app: &Shared) -> (Server, String) {
    let plain = MechanismSet::EMPTY.with(MechanismName::Plain);
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096)).mechanisms(plain);
    let config: Arc<ResponderConfig> = ResponderConfig::server(&FIXED)
        .single_host(adjust(host).build().unwrap())
        .stream_management(SmPolicy::new())
        .direct_tls(server_tls(TLS13))
        .build()
        .unwrap();
    let app = app.clone();
    let mut server = Harness::scripted(
        Responder::new(config, START),
        Box::new(move |machine, _| {
            let mut app = app.borrow_mut();
            match machine.decision() {
                Some(Decision::Bind(bind)) => {
                    let features = bind.inline().map_or(0, |inline| inline.features.len());
                    app.binds.push((bind.generated().to_string(), features));
                    if app.refuses {
                        return bind.refuse(BindCondition::NotAllowed);
                    }
                    let resource = bind.resource().unwrap_or(bind.generated()).to_string();
                    let jid = Jid::parse(&format!("alice@localhost/{resource}")).unwrap();
                    let result = InlineXml::new("<metadata xmlns='urn:xmpp:mam:2'/>").unwrap();
                    bind.accept_with(jid, vec![result]).unwrap();
                }
                Some(Decision::Resume(resume)) => {
                    app.resumes += 1;
                    match app.session.take() {
                        Some(session) => resume.resume(session).unwrap(),
                        None => resume.refuse(Some(3)),
                    }
                }
                Some(Decision::Token(token)) => match token.username() {
                    "alice" => token.tokens("alice".into(), StoredTokens::none()),
                    other => {
                        let name = other.to_string();
                        token.unknown_user(name);
                    }
                },
                _ => decide(machine),
            }
        }),
    );
    server.start_tls(peer_client(TLS13));
    server.send(HEADER);
    let features = server.receive();
    (server, features)
}

/// Reads the features that follow our header.
fn read(said: &str, check: impl FnOnce(Features<'_>)) {
    let (header, features) = said.split_once("<stream:features>").expect("features");
    assert!(header.contains("<stream:stream "), "{said}");
    let xml = format!("<stream:features xmlns:stream='{}'>{features}", ns::STREAM);
    let element = StanzaBuf::parse(&xml).expect("one element");
    check(Features::read(element.as_stanza().as_element()).expect("features"));
}

fn authenticate(password: &str, inline: &str) -> String {
    let data = STANDARD.encode(format!("\0alice\0{password}"));
    format!(
        "<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{data}\
         </initial-response>{inline}</authenticate>"
    )
}

const TAGGED: &str = "<bind xmlns='urn:xmpp:bind:0'><tag>Tests</tag></bind>";

#[test]
fn sasl2_is_offered_beside_the_profile_of_rfc_6120_and_can_be_left_out() {
    let app = Shared::default();
    let (_, features) = server(|host| host.inline_feature("urn:xmpp:carbons:2"), &app);
    read(&features, |features| {
        assert!(features.mechanisms().eq(["PLAIN"]));
        let offer = features.authentication().expect("SASL2");
        assert!(offer.mechanisms().eq(["PLAIN"]));
        assert!(offer.inline_management());
        let bind = offer.inline_bind().expect("Bind 2");
        assert!(bind.features().eq(["urn:xmpp:sm:3", "urn:xmpp:carbons:2"]));
        assert!(offer.fast_mechanisms().is_none());
        assert_eq!(offer.upgrades().count(), 0);
        // What is bound and managed inside the login is offered there alone.
        assert!(!features.bind() && !features.management());
        assert_eq!(features.unknown().count(), 0);
    });

    let (mut server, features) = server(HostBuilder::without_sasl2, &app);
    read(&features, |features| {
        assert!(features.mechanisms().eq(["PLAIN"]));
        assert!(features.authentication().is_none());
    });
    let answer = server.answer_to(&authenticate("secret", ""));
    assert_eq!(answer, failure("invalid-mechanism"));
}

#[test]
fn xep0386_3_2_a_resource_is_bound_with_the_login_and_features_follow_at_once() {
    let app = Shared::default();
    let (mut server, _) = server(|host| host.inline_feature("urn:xmpp:carbons:2"), &app);
    let bind = "<bind xmlns='urn:xmpp:bind:0'><tag>Tests</tag>\
        <enable xmlns='urn:xmpp:carbons:2'/><active xmlns='urn:xmpp:csi:0'/>\
        <enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";
    let said = server.answer_to(&authenticate("secret", bind));
    // Only the feature that is offered was handed over.
    assert_eq!(app.borrow().binds, [(format!("Tests/{NAME}"), 1)]);
    assert!(
        said.starts_with(&format!("<success xmlns='{SASL2}'>")),
        "{said}"
    );
    assert!(
        said.contains(&format!(">alice@localhost/Tests/{NAME}</")),
        "{said}"
    );
    assert!(
        said.contains("<metadata xmlns='urn:xmpp:mam:2'/>"),
        "{said}"
    );
    assert!(
        said.contains("<enabled xmlns='urn:xmpp:sm:3' id='"),
        "{said}"
    );
    let (_, features) = said.split_once("</success>").expect("its end");
    assert!(features.starts_with("<stream:features"), "{said}");
    assert!(!features.contains("xmpp-bind"), "{features}");
    let lines = server.event_lines();
    let tail: Vec<_> = lines[lines.len() - 3..]
        .iter()
        .map(|line| line.split([' ', '(', '{']).next().unwrap())
        .collect();
    assert_eq!(tail, ["authenticated", "established", "ManagementEnabled"]);
    server.send("<message to='alice@localhost'/>");
    let answer = server.answer_to("<r xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(answer, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
}

#[test]
fn xep0388_2_6_2_nothing_is_done_for_a_login_that_failed_and_another_may_follow() {
    let app = Shared::default();
    let (mut server, _) = server(|host| host, &app);
    let answer = server.answer_to(&authenticate("wrong", TAGGED));
    assert_eq!(answer, failure("not-authorized"));
    assert!(app.borrow().binds.is_empty());
    let answer = server.answer_to(&authenticate("secret", ""));
    assert!(answer.contains(">alice@localhost</"), "{answer}");
    assert!(
        app.borrow().binds.is_empty(),
        "nothing is left of the first"
    );
    // RFC 6120 7 is open to a client that asked for no resource.
    assert!(answer.contains("xmpp-bind"), "{answer}");
    let bound = server.answer_to(BIND);
    assert!(bound.contains("<jid>alice@localhost/"), "{bound}");
    assert!(server.machine.session().is_some());
}

#[test]
fn a_resource_that_is_refused_leaves_a_login_without_one() {
    let app = Shared::default();
    app.borrow_mut().refuses = true;
    let (mut server, _) = server(|host| host, &app);
    let answer = server.answer_to(&authenticate("secret", TAGGED));
    assert!(answer.contains(">alice@localhost</"), "{answer}");
    assert!(!answer.contains("<bound "), "{answer}");
    app.borrow_mut().refuses = false;
    let bound = server.answer_to(BIND);
    assert!(bound.contains("<jid>alice@localhost/"), "{bound}");
}

#[test]
fn xep0388_2_3_a_client_that_is_somebody_else_gets_a_failure() {
    let app = Shared::default();
    let (mut server, _) = server(|host| host, &app);
    let data = STANDARD.encode("bob@localhost\0alice\0secret");
    let answer = server.answer_to(&format!(
        "<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{data}\
         </initial-response></authenticate>"
    ));
    assert!(answer.starts_with("<failure "), "{answer}");
    assert!(
        !server
            .event_lines()
            .iter()
            .any(|line| line.starts_with("auth"))
    );
}

#[test]
fn xep0198_9_2_a_session_is_resumed_with_the_login_or_a_resource_bound() {
    let app = Shared::default();
    let (mut first, _) = server(|host| host, &app);
    let bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";
    first.answer_to(&authenticate("secret", bind));
    first
        .machine
        .session()
        .unwrap()
        .send("<message id='1'/>")
        .unwrap();
    first.rst();
    first.run_until_closed();
    app.borrow_mut().session = first.machine.take_sm_state();

    let inline = format!("<resume xmlns='urn:xmpp:sm:3' h='0' previd='{NAME}'/>{bind}");
    let (mut second, _) = server(|host| host, &app);
    let binds = app.borrow().binds.len();
    let said = second.answer_to(&authenticate("secret", &inline));
    let (success, rest) = said.split_once("</success>").expect("its end");
    assert!(success.contains(&format!(
        "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='{NAME}'/>"
    )));
    assert!(rest.starts_with("<message id='1'/>"), "no features: {rest}");
    assert_eq!(
        app.borrow().binds.len(),
        binds,
        "a resumed session has a resource"
    );
    assert!(second.machine.session().is_some());

    // The session is in use: a resource is bound in the same login.
    let (mut third, _) = server(|host| host, &app);
    let said = third.answer_to(&authenticate("secret", &inline));
    assert!(
        said.contains("<failed xmlns='urn:xmpp:sm:3' h='3'>"),
        "{said}"
    );
    assert!(said.contains("<bound "), "{said}");
    assert_eq!(app.borrow().resumes, 2);
}

#[test]
fn what_is_out_of_its_turn_ends_the_stream() {
    for late in [authenticate("secret", ""), "<message/>".into()] {
        let app = Shared::default();
        let (mut server, _) = server(|host| host, &app);
        server.answer_to(&authenticate("secret", ""));
        let said = server.answer_to(&late);
        assert!(said.contains("<stream:error>"), "{said}");
    }
    let app = Shared::default();
    let (mut server, _) = server(|host| host, &app);
    let said = server.answer_to("<message to='alice@localhost'/>");
    assert!(said.contains("<not-authorized "), "{said}");
}

#[test]
fn a_login_that_comes_byte_by_byte_is_the_same() {
    let whole = Shared::default();
    let (mut at_once, _) = server(|host| host, &whole);
    let expected = at_once.answer_to(&authenticate("secret", TAGGED));
    let parts = Shared::default();
    let (mut server, _) = server(|host| host, &parts);
    server.chunk = 1;
    assert_eq!(server.answer_to(&authenticate("secret", TAGGED)), expected);
    assert_eq!(server.event_lines(), at_once.event_lines());
}

/// A request for PLAIN without its data, which the server has to ask for.
const EMPTY: &str = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>";

/// What does not belong in an exchange of SASL2.
const STRAY: [&str; 8] = [
    " ",
    "\n",
    "<message to='alice@localhost'/>",
    EMPTY,
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
];

#[track_caller]
fn assert_ended(server: &mut Server, stray: &str) {
    let said = server.answer_to(stray);
    assert!(
        said.starts_with("<stream:error>"),
        "{stray:?} gets {said:?}"
    );
    let lines = server.event_lines();
    let is_told = lines.iter().any(|line| line.starts_with("auth"));
    assert!(!is_told, "{stray:?}: {lines:?}");
    assert!(server.machine.session().is_none());
}

#[test]
fn xep0388_2_4_whatever_does_not_belong_in_the_exchange_ends_the_stream() {
    let app = Shared::default();
    let challenge = format!("<challenge xmlns='{SASL2}'");
    for stray in STRAY {
        let (mut server, _) = server(|host| host, &app);
        let said = server.answer_to(EMPTY);
        assert!(said.starts_with(&challenge), "{said}");
        assert_ended(&mut server, stray);
    }
    // What does belong there.
    let (mut server, _) = server(|host| host, &app);
    server.answer_to(EMPTY);
    let said = server.answer_to(&format!("<abort xmlns='{SASL2}'/>"));
    assert_eq!(said, failure("aborted"));
    server.answer_to(EMPTY);
    let data = STANDARD.encode("\0alice\0secret");
    let said = server.answer_to(&format!("<response xmlns='{SASL2}'>{data}</response>"));
    assert!(said.contains(">alice@localhost</"), "{said}");
}

#[test]
fn xep0388_2_6_3_whatever_does_not_belong_in_a_task_ends_the_stream() {
    let app = Shared::default();
    let upgrade = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>";
    let offering = |host: HostBuilder| host.scram_upgrades(&[Hash::Sha512], 4096);
    let begin = |server: &mut Server| {
        let said = server.answer_to(&authenticate("secret", &format!("{upgrade}{TAGGED}")));
        assert!(
            said.starts_with(&format!("<continue xmlns='{SASL2}'")),
            "{said}"
        );
    };
    for stray in STRAY {
        let (mut server, _) = server(offering, &app);
        begin(&mut server);
        assert_ended(&mut server, stray);
    }
    // A client that turns to another task, or gives up, is not authenticated.
    for (answer, condition) in [
        (
            format!("<next xmlns='{SASL2}' task='UPGR-SCRAM-SHA-256'/>"),
            "malformed-request",
        ),
        (format!("<abort xmlns='{SASL2}'/>"), "aborted"),
    ] {
        let (mut server, _) = server(offering, &app);
        begin(&mut server);
        assert_eq!(server.answer_to(&answer), failure(condition));
        let said = server.answer_to("<message to='alice@localhost'/>");
        assert!(said.contains("<not-authorized "), "{said}");
    }
    assert!(app.borrow().binds.is_empty());
}

#[test]
fn xep0484_3_4_tokens_and_passwords_do_not_pass_for_each_other() {
    let app = Shared::default();
    let offering = |host: HostBuilder| host.fast(FastSet::all());
    let fast = "<fast xmlns='urn:xmpp:fast:0'/>";
    let token = |name: &str, inline: &str| {
        let data = STANDARD.encode([name.as_bytes(), &[0; 33]].concat());
        format!(
            "<authenticate xmlns='{SASL2}' mechanism='HT-SHA-256-NONE'><initial-response>{data}\
             </initial-response>{inline}</authenticate>"
        )
    };
    let (mut with, features) = server(offering, &app);
    assert!(features.contains(">HT-SHA-256-NONE</"), "{features}");
    // Without `<fast/>` it is a mechanism that is not offered, and with it PLAIN is none.
    let answer = with.answer_to(&token("alice", ""));
    assert_eq!(answer, failure("invalid-mechanism"));
    let answer = with.answer_to(&authenticate("secret", fast));
    assert_eq!(answer, failure("invalid-mechanism"));

    let id = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>";
    // Nobody learns who has an account, and the password may follow.
    for name in ["alice", "mallory"] {
        let (mut server, _) = server(offering, &app);
        let answer = server.answer_to(&token(name, &format!("{id}{fast}{TAGGED}")));
        assert_eq!(answer, failure("not-authorized"));
        assert!(app.borrow().binds.is_empty());
        let answer = server.answer_to(&authenticate("secret", ""));
        assert!(answer.contains(">alice@localhost</"), "{answer}");
    }

    let (mut without, _) = server(|host| host, &app);
    let answer = without.answer_to(&token("alice", fast));
    assert_eq!(answer, failure("invalid-mechanism"));
    // RFC 6120's profile has no tokens.
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='HT-SHA-256-NONE'>\
        YWxpY2UA</auth>";
    let (mut server, _) = server(offering, &app);
    let answer = server.answer_to(auth);
    assert!(answer.contains("<invalid-mechanism/>"), "{answer}");
}

/// A client of another kind than ours may do it all the same.
#[test]
fn xep0484_4_1_a_client_without_an_id_is_given_no_token_and_cannot_use_one() {
    let app = Shared::default();
    let offering = |host: HostBuilder| host.fast(FastSet::all());
    let request = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";
    for agent in ["", "<user-agent><software>Tests</software></user-agent>"] {
        // The login goes on, and the application is not asked: it would be `decide`'s to answer.
        let (mut server, _) = server(offering, &app);
        let answer = server.answer_to(&authenticate("secret", &format!("{agent}{request}")));
        assert!(answer.contains("<success "), "{answer}");
        assert!(!answer.contains("<token "), "{answer}");

        let (mut server, _) = self::server(offering, &app);
        let data = STANDARD.encode([&b"alice"[..], &[0; 33]].concat());
        let answer = server.answer_to(&format!(
            "<authenticate xmlns='{SASL2}' mechanism='HT-SHA-256-NONE'><initial-response>{data}\
             </initial-response>{agent}<fast xmlns='urn:xmpp:fast:0'/></authenticate>"
        ));
        assert_eq!(answer, failure("malformed-request"));
        assert!(!server.event_lines().contains(&"decision".to_string()));
    }
}

/// A declaration of 8 KB is within the frame once, and is not kept with each feature that uses it.
#[test]
fn what_is_kept_of_the_features_of_a_request_to_bind_is_bounded() {
    let app = Shared::default();
    let offering = |host: HostBuilder| host.inline_feature("urn:xmpp:carbons:2");
    let request = |declared: usize, count: usize| {
        let long = "x".repeat(declared);
        let feature = "<enable xmlns='urn:xmpp:carbons:2'><a:x/></enable>".repeat(count);
        format!("<bind xmlns='urn:xmpp:bind:0' xmlns:a='urn:{long}'>{feature}</bind>")
    };
    // Just below, and just above.
    let one = 4000 + "<enable xmlns='urn:xmpp:carbons:2' xmlns:a='urn:'><a:x/></enable>".len();
    assert!(2 * one <= MAX_BIND_FEATURE_BYTES && 3 * one > MAX_BIND_FEATURE_BYTES);
    for (count, kept) in [(1, Some(1)), (2, Some(2)), (3, None), (32, None)] {
        let (mut server, _) = server(offering, &app);
        let answer = server.answer_to(&authenticate("secret", &request(4000, count)));
        let bind = app.borrow_mut().binds.pop();
        match kept {
            Some(kept) => assert_eq!(bind.expect("asked").1, kept),
            None => assert_eq!((answer, bind), (failure("malformed-request"), None)),
        }
    }
    // What is not offered is not kept.
    let (mut server, _) = server(|host| host, &app);
    server.answer_to(&authenticate("secret", &request(4000, 32)));
    assert_eq!(app.borrow().binds.last().expect("asked").1, 0);
}

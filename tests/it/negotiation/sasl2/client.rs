//! The initiating entity.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::config::{
    Credentials, HasSecurity, InitiatorBuilder, InitiatorConfig, KnownFeatures, Pipelining,
    Sasl2Options,
};
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{self, MechanismPolicy, Password, SaslProfile, Username};
use xmpp_stream::sm::{SmPolicy, SmState};
use xmpp_stream::stream::NegotiationReason;
use xmpp_stream::stream::sasl2::{InlineXml, UserAgent};
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{CloseReason, EventBuf, Initiator, Manner};

use super::{SASL2, failure, offer, success};
use crate::harness::configs::FIXED;
use crate::harness::phases::{FOOTER, SERVER_HEADER, peer_server};
use crate::harness::pki::{Crypto, Setup, TLS13, pki};
use crate::harness::{Harness, START, Scripted};

type Client = Harness<InitiatorRole, Scripted>;

const BIND: &str = "<bind xmlns='urn:xmpp:bind:0'/>";
const BIND_SM: &str = "<sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline>\
    <feature var='urn:xmpp:sm:3'/></inline></bind>";
const FEATURES: &str = "<stream:features/>";
const LEGACY_BIND: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

/// alice at her desk, by direct TLS.
fn config(
    adjust: impl FnOnce(InitiatorBuilder<HasSecurity>) -> InitiatorBuilder<HasSecurity>,
) -> Arc<InitiatorConfig> {
    let tls = ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, TLS13))));
    let builder = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap())
        .direct_tls(tls)
        .credentials(Credentials::Password {
            username: Username::ascii("alice").unwrap(),
            password: Password::ascii("secret").unwrap(),
            keys: None,
            authzid: None,
        })
        .sasl(MechanismPolicy::new().allow_plain())
        .random(&FIXED);
    adjust(builder).build().unwrap()
}

/// A client after the TLS handshake, and what it has said since.
fn connected(machine: Initiator) -> (Client, String) {
    let mut client = Harness::scripted(machine, Box::new(|_, _| {}));
    client.start_tls(peer_server(TLS13));
    let said = client.receive();
    assert!(said.contains(" from='alice@localhost'"), "{said}");
    (client, said)
}

fn begun(machine: Initiator, features: &str) -> (Client, String) {
    let (mut client, _) = connected(machine);
    client.send(SERVER_HEADER);
    client.send(features);
    let said = client.receive();
    (client, said)
}

fn plain(inline: &str) -> String {
    let data = STANDARD.encode("\0alice\0secret");
    format!(
        "<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{data}\
         </initial-response>{inline}</authenticate>"
    )
}

fn tagged(inline: &str) -> String {
    format!("<bind xmlns='urn:xmpp:bind:0'><tag>desk</tag>{inline}</bind>")
}

fn reason(client: &Client) -> &AuthenticationReason {
    match client.closed().reason() {
        CloseReason::AuthenticationFailed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn xep0388_2_6_1_a_login_binds_its_resource_and_the_stream_goes_on_without_a_header() {
    let machine = Initiator::new(config(|config| config), START);
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], BIND));
    assert_eq!(said, plain(&tagged("")));
    let answer = success("alice@localhost/desk.1", "<bound xmlns='urn:xmpp:bind:0'/>");
    assert_eq!(client.answer_to(&answer), "");
    // Nothing may be sent before the features.
    assert!(client.machine.session().is_none());
    let features = "<stream:features><ver xmlns='urn:xmpp:features:rosterver'/></stream:features>";
    assert_eq!(client.answer_to(features), "");
    // The application learns of them as after a new header.
    let lines = client.event_lines();
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "authenticated PLAIN alice",
            "features",
            "established alice@localhost/desk.1"
        ]
    );
    let Some(EventBuf::Features(read)) = client.events.iter().rev().nth(1) else {
        panic!("{lines:?}");
    };
    assert!(
        read.contains("<ver xmlns='urn:xmpp:features:rosterver'/>"),
        "{read}"
    );
    let mut session = client.machine.session().expect("established");
    session.send("<presence/>").unwrap();
    client.run();
    assert_eq!(client.receive(), "<presence/>");
}

#[test]
fn xep0388_2_6_1_without_bind_2_a_resource_is_bound_after_the_features() {
    let machine = Initiator::new(config(|config| config), START);
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], ""));
    assert_eq!(said, plain(""));
    assert_eq!(client.answer_to(&success("alice@localhost", "")), "");
    let bind = client.answer_to(LEGACY_BIND);
    assert!(bind.starts_with("<iq type='set' id='bind'>"), "{bind}");
}

#[test]
fn sasl2_is_preferred_and_can_be_left_out() {
    let machine = Initiator::new(config(InitiatorBuilder::without_sasl2), START);
    let (_, said) = begun(machine, &offer(&["PLAIN"], BIND));
    assert!(said.starts_with("<auth "), "{said}");
    // Where it is not offered, the profile of RFC 6120 is spoken.
    let machine = Initiator::new(config(|config| config), START);
    let (_, said) = begun(machine, &super::super::sasl::offer(&["PLAIN"]));
    assert!(said.starts_with("<auth "), "{said}");
}

#[test]
fn xep0386_3_2_only_offered_features_are_asked_for_and_their_results_are_handed_over() {
    let carbons = InlineXml::new("<enable xmlns='urn:xmpp:carbons:2'/>").unwrap();
    let inactive = InlineXml::new("<inactive xmlns='urn:xmpp:csi:0'/>").unwrap();
    let agent = UserAgent::new(
        Some("d4565fa7-4d72-4749-b3d3-740edbf87770"),
        Some("Tests"),
        None,
    );
    let options = Sasl2Options::new()
        .user_agent(agent.unwrap())
        .tag("Tests")
        .unwrap()
        .feature("urn:xmpp:csi:0", inactive)
        .unwrap()
        .feature("urn:xmpp:carbons:2", carbons)
        .unwrap();
    let machine = Initiator::new(config(|config| config.sasl2(options)), START);
    let inline = "<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/>\
        </inline></bind>";
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], inline));
    let expected = plain(
        "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Tests</software>\
         </user-agent><bind xmlns='urn:xmpp:bind:0'><tag>Tests</tag>\
         <enable xmlns='urn:xmpp:carbons:2'/></bind>",
    );
    assert_eq!(said, expected);
    let bound = "<bound xmlns='urn:xmpp:bind:0'><metadata xmlns='urn:xmpp:mam:2'/></bound>";
    let answer = success("alice@localhost/Tests.1", bound);
    client.send(answer);
    let Some(EventBuf::Authenticated {
        profile,
        success: Some(success),
        ..
    }) = client.events.last()
    else {
        panic!("{:?}", client.events);
    };
    assert_eq!(*profile, SaslProfile::Sasl2);
    let bound = success
        .as_stanza()
        .child("bound", "urn:xmpp:bind:0")
        .unwrap();
    assert!(bound.child("metadata", "urn:xmpp:mam:2").is_some());
}

#[test]
fn xep0388_2_6_1_what_was_not_asked_for_ends_the_login() {
    let bound = "<bound xmlns='urn:xmpp:bind:0'/>";
    let resumed = "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>";
    for (inline, jid, extra) in [
        ("", "alice@localhost/desk", bound),
        (BIND_SM, "alice@localhost", resumed),
    ] {
        let machine = Initiator::new(config(|config| config), START);
        let (mut client, _) = begun(machine, &offer(&["PLAIN"], inline));
        assert_eq!(client.answer_to(&success(jid, extra)), FOOTER);
        client.finish();
        assert_eq!(
            *reason(&client),
            AuthenticationReason::Mechanism(sasl::SaslError::Malformed)
        );
        assert!(
            !client
                .event_lines()
                .iter()
                .any(|line| line.starts_with("auth"))
        );
    }
}

#[test]
fn xep0388_2_6_1_success_without_a_proof_is_refused() {
    let machine = Initiator::new(config(|config| config), START);
    let (mut client, said) = begun(machine, &offer(&["SCRAM-SHA-256"], BIND));
    assert!(said.contains(" mechanism='SCRAM-SHA-256'>"), "{said}");
    let answer = success("alice@localhost/desk", "<bound xmlns='urn:xmpp:bind:0'/>");
    assert_eq!(client.answer_to(&answer), FOOTER);
    client.finish();
    assert_eq!(client.end(), ("authentication-failed", Manner::Graceful));
    assert!(
        !client
            .event_lines()
            .iter()
            .any(|line| line.starts_with("auth"))
    );
}

#[test]
fn xep0388_2_6_2_a_refused_mechanism_is_followed_by_the_next_in_the_same_profile() {
    let machine = Initiator::new(config(|config| config), START);
    let (mut client, said) = begun(machine, &offer(&["SCRAM-SHA-256", "PLAIN"], BIND));
    assert!(said.contains("'SCRAM-SHA-256'"), "{said}");
    let next = client.answer_to(&failure("invalid-mechanism"));
    assert_eq!(next, plain(&tagged("")));
    // A refused password is not shown to the server by another mechanism.
    assert_eq!(client.answer_to(&failure("not-authorized")), FOOTER);
}

#[test]
fn a_server_that_answers_in_the_other_profile_gets_a_stream_error() {
    for answer in [
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    ] {
        let machine = Initiator::new(config(|config| config), START);
        let (mut client, _) = begun(machine, &offer(&["PLAIN"], BIND));
        let said = client.answer_to(answer);
        assert!(said.contains("<unsupported-stanza-type "), "{said}");
    }
}

#[test]
fn xep0198_9_1_stream_management_is_enabled_with_the_resource() {
    let machine = Initiator::new(config(|config| config.stream_management(policy())), START);
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], BIND_SM));
    let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'/>";
    assert_eq!(said, plain(&tagged(enable)));
    enable_inline(&mut client);
}

/// The server binds and enables; a stanza each way is counted.
fn enable_inline(client: &mut Client) {
    let bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s1' \
        resume='true' max='120'/></bound>";
    assert_eq!(
        client.answer_to(&success("alice@localhost/desk", bound)),
        ""
    );
    assert_eq!(client.answer_to(FEATURES), "");
    let lines = client.event_lines();
    assert_eq!(lines[lines.len() - 2], "established alice@localhost/desk");
    assert!(
        lines[lines.len() - 1].starts_with("ManagementEnabled"),
        "{lines:?}"
    );
    client.send("<message/>");
    assert_eq!(
        client.answer_to("<r xmlns='urn:xmpp:sm:3'/>"),
        "<a xmlns='urn:xmpp:sm:3' h='1'/>"
    );
    client
        .machine
        .session()
        .unwrap()
        .send("<message id='1'/>")
        .unwrap();
    client.run();
    client.receive();
}

fn policy() -> SmPolicy {
    SmPolicy::new().ask(3, Duration::from_secs(2))
}

#[test]
fn xep0198_9_1_a_refusal_to_enable_is_told_and_the_stream_goes_on() {
    let machine = Initiator::new(config(|config| config.stream_management(policy())), START);
    let (mut client, _) = begun(machine, &offer(&["PLAIN"], BIND_SM));
    let bound = "<bound xmlns='urn:xmpp:bind:0'><failed xmlns='urn:xmpp:sm:3'/></bound>";
    client.send(success("alice@localhost/desk", bound));
    assert_eq!(client.answer_to(FEATURES), "");
    let last = client.event_lines().pop().unwrap();
    assert!(last.starts_with("ManagementRefused"), "{last}");
    assert!(client.machine.session().is_some());
}

/// A session of a connection that broke.
fn broken() -> SmState {
    let machine = Initiator::new(config(|config| config.stream_management(policy())), START);
    let (mut client, _) = begun(machine, &offer(&["PLAIN"], BIND_SM));
    enable_inline(&mut client);
    client.rst();
    client.run_until_closed();
    client.machine.take_sm_state().expect("a session")
}

fn resuming() -> Client {
    let config = config(|config| config.stream_management(policy()));
    let machine = Initiator::resume(config, broken(), START).unwrap();
    let (client, said) = begun(machine, &offer(&["PLAIN"], BIND_SM));
    let resume = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>";
    let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'/>";
    assert_eq!(said, plain(&format!("{resume}{}", tagged(enable))));
    client
}

#[test]
fn xep0198_9_2_a_session_is_resumed_with_the_login_and_no_features_follow() {
    let mut client = resuming();
    let resumed = "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>";
    let said = client.answer_to(&success("alice@localhost", resumed));
    assert_eq!(said, "<message id='1'/><r xmlns='urn:xmpp:sm:3'/>");
    let lines = client.event_lines();
    assert_eq!(
        lines[lines.len() - 2..],
        [
            "authenticated PLAIN alice",
            "established alice@localhost/desk"
        ]
    );
    client.send("<message id='2'/>");
    assert_eq!(
        client.event_lines().pop().unwrap(),
        "stanza <message id='2'/>"
    );
}

#[test]
fn xep0198_9_2_a_refused_resumption_is_followed_by_the_resource_of_the_same_login() {
    let mut client = resuming();
    let inline = "<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found \
        xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>\
        <bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s2' resume='true'/></bound>";
    client.send(success("alice@localhost/desk", inline));
    assert_eq!(client.answer_to(FEATURES), "");
    let lines = client.event_lines();
    let tail: Vec<_> = lines[lines.len() - 5..]
        .iter()
        .map(|line| line.split([' ', '(', '{']).next().unwrap())
        .collect();
    assert_eq!(
        tail,
        [
            "authenticated",
            "features",
            "established",
            "ManagementRefused",
            "ManagementEnabled"
        ]
    );
    let earlier = client.machine.take_sm_state().expect("the earlier session");
    assert_eq!(
        earlier.unacknowledged().count(),
        0,
        "the server had handled it"
    );
}

const LEGACY_SM: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
    <sm xmlns='urn:xmpp:sm:3'/></stream:features>";

#[test]
fn xep0198_3_stream_management_that_cannot_travel_with_the_login_is_enabled_after_bind_2() {
    let machine = Initiator::new(config(|config| config.stream_management(policy())), START);
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], BIND));
    assert_eq!(said, plain(&tagged("")));
    let bound = "<bound xmlns='urn:xmpp:bind:0'/>";
    client.send(success("alice@localhost/desk", bound));
    let features = "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>";
    let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'/>";
    assert_eq!(client.answer_to(features), enable);
    client.send("<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>");
    let last = client.event_lines().pop().unwrap();
    assert!(last.starts_with("ManagementEnabled"), "{last}");
}

#[test]
fn xep0198_9_1_what_was_refused_with_the_login_is_not_asked_for_again() {
    let machine = Initiator::new(config(|config| config.stream_management(policy())), START);
    let (mut client, _) = begun(machine, &offer(&["PLAIN"], BIND_SM));
    let bound = "<bound xmlns='urn:xmpp:bind:0'><failed xmlns='urn:xmpp:sm:3'/></bound>";
    client.send(success("alice@localhost/desk", bound));
    assert_eq!(client.answer_to(LEGACY_SM), "");
}

#[test]
fn xep0198_5_a_session_that_cannot_be_resumed_with_the_login_is_resumed_in_the_place_of_binding() {
    let config = config(|config| config.stream_management(policy()));
    let machine = Initiator::resume(config, broken(), START).unwrap();
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], BIND));
    assert_eq!(said, plain(""), "no resource is asked for");
    client.send(success("alice@localhost", ""));
    let resume = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>";
    assert_eq!(client.answer_to(LEGACY_SM), resume);
    client.send("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>");
    assert_eq!(
        client.event_lines().pop().unwrap(),
        "established alice@localhost/desk"
    );
}

#[test]
fn a_session_that_a_server_of_bind_2_alone_cannot_resume_is_over_and_the_next_login_binds() {
    let config = config(|config| config.stream_management(policy()));
    let machine = Initiator::resume(config.clone(), broken(), START).unwrap();
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], BIND));
    assert_eq!(said, plain(""), "no resource is asked for");
    client.send(success("alice@localhost", ""));
    client.answer_to(FEATURES);
    client.send(FOOTER);
    client.run_until_closed();
    let reason = client.closed().reason();
    let no_bind = CloseReason::NegotiationFailed(NegotiationReason::NoBind);
    assert_eq!(format!("{reason:?}"), format!("{no_bind:?}"));
    let session = client.machine.take_sm_state().expect("the session");
    assert!(!session.is_resumable());
    // What was not acknowledged is the application's.
    let left: Vec<_> = session.unacknowledged().map(|sent| sent.stanza).collect();
    assert_eq!(left, ["<message id='1'/>"]);

    let (mut client, said) = begun(Initiator::new(config, START), &offer(&["PLAIN"], BIND));
    assert_eq!(said, plain(&tagged("")));
    let bound = "<bound xmlns='urn:xmpp:bind:0'/>";
    client.send(success("alice@localhost/desk", bound));
    assert_eq!(client.answer_to(FEATURES), "");
    assert!(client.machine.session().is_some());
}

#[test]
fn xep0198_9_2_a_session_refused_with_the_login_is_not_asked_for_again_before_binding() {
    let config = config(|config| config.stream_management(policy()));
    let machine = Initiator::resume(config, broken(), START).unwrap();
    // Resumption inline, and no Bind 2.
    let (mut client, said) = begun(machine, &offer(&["PLAIN"], "<sm xmlns='urn:xmpp:sm:3'/>"));
    let resume = "<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>";
    assert_eq!(said, plain(resume));
    let failed = "<failed xmlns='urn:xmpp:sm:3' h='0'/>";
    client.send(success("alice@localhost", failed));
    let said = client.answer_to(LEGACY_SM);
    assert!(said.starts_with("<iq type='set' id='bind'>"), "{said}");
    assert!(!said.contains("<resume"), "{said}");
}

#[test]
fn xep0198_9_2_too_high_a_count_ends_the_stream() {
    let mut client = resuming();
    let resumed = "<resumed xmlns='urn:xmpp:sm:3' h='9' previd='s1'/>";
    let said = client.answer_to(&success("alice@localhost", resumed));
    assert!(said.contains("<handled-count-too-high "), "{said}");
    assert!(
        !client
            .event_lines()
            .iter()
            .any(|line| line.starts_with("auth"))
    );
}

fn pipelining(known: &str) -> Arc<InitiatorConfig> {
    let known = Pipelining::Known(KnownFeatures::parse(known).unwrap());
    config(|config| config.sasl2(Sasl2Options::new().pipelining(known)))
}

#[test]
fn a_pipelined_login_takes_one_flight_of_ours_and_one_answer() {
    // What the first login remembers.
    let options = Sasl2Options::new().pipelining(Pipelining::Learn);
    let machine = Initiator::new(config(|config| config.sasl2(options)), START);
    let features = offer(&["PLAIN"], BIND);
    let (client, _) = begun(machine, &features);
    let known = client
        .machine
        .known_features()
        .expect("remembered")
        .as_str()
        .to_string();

    let (mut client, said) = connected(Initiator::new(pipelining(&known), START));
    assert!(said.starts_with("<?xml"), "{said}");
    assert!(said.ends_with(&plain(&tagged(""))), "{said}");
    let answer = success("alice@localhost/desk", "<bound xmlns='urn:xmpp:bind:0'/>");
    let said = client.answer_to(&format!("{SERVER_HEADER}{features}{answer}{FEATURES}"));
    assert_eq!(said, "");
    assert!(client.machine.session().is_some());
    assert_eq!(
        client.event_lines().pop().unwrap(),
        "established alice@localhost/desk"
    );
}

#[test]
fn a_pipelined_login_that_is_refused_goes_by_the_features_that_came() {
    let standalone = |features: String| {
        features.replace(
            "<stream:features>",
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>",
        )
    };
    let known = standalone(offer(&["PLAIN"], ""));
    let (mut client, said) = connected(Initiator::new(pipelining(&known), START));
    assert!(said.ends_with(&plain("")), "{said}");
    client.send(SERVER_HEADER);
    assert_eq!(client.answer_to(&offer(&["SCRAM-SHA-256"], BIND)), "");
    let next = client.answer_to(&failure("invalid-mechanism"));
    assert!(next.contains(" mechanism='SCRAM-SHA-256'>"), "{next}");
    assert!(next.contains(BIND.trim_end_matches("/>")), "{next}");
}

#[test]
fn nothing_is_pipelined_that_the_policy_does_not_allow() {
    let known = offer(&["X-OTHER"], BIND).replace(
        "<stream:features>",
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    let (mut client, said) = connected(Initiator::new(pipelining(&known), START));
    assert!(said.ends_with("version='1.0'>"), "{said}");
    client.send(SERVER_HEADER);
    assert_eq!(client.answer_to(&offer(&["PLAIN"], "")), plain(""));
}

/// The documentation of `config` stores them at that event.
#[test]
fn what_a_client_stores_is_there_once_it_is_authenticated() {
    let agent = UserAgent::new(Some("d4565fa7-4d72-4749-b3d3-740edbf87770"), None, None).unwrap();
    let options = Sasl2Options::new()
        .user_agent(agent)
        .request_token()
        .pipelining(Pipelining::Learn);
    let machine = Initiator::new(config(|config| config.sasl2(options)), START);
    let stored = Rc::new(RefCell::new(None));
    let kept = stored.clone();
    let app = move |machine: &mut Initiator, event: &EventBuf| {
        if let EventBuf::Authenticated { .. } = event {
            let features = machine.known_features().cloned();
            *kept.borrow_mut() = Some((machine.take_token(), machine.login_pin(), features));
        }
    };
    let mut client = Harness::scripted(machine, Box::new(app));
    client.start_tls(peer_server(TLS13));
    client.send(SERVER_HEADER);
    let fast = "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast>";
    client.send(offer(&["PLAIN"], fast));
    assert!(stored.borrow().is_none());
    let token = "<token xmlns='urn:xmpp:fast:0' token='t' expiry='2030-01-01T00:00:00Z'/>";
    client.send(success("alice@localhost", token));
    client.run();
    let (token, pin, features) = stored.take().expect("authenticated");
    assert_eq!(token.unwrap().secret().as_bytes(), b"t");
    assert_eq!(pin.unwrap().mechanism(), sasl::MechanismName::Plain);
    assert!(features.unwrap().as_str().contains("HT-SHA-256-NONE"));
}

//! Tests of what each first-level element is to a state table, and of what is refused.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{Awaited, ElementClass, ErrorClass, PairAnswer, StanzaKind, classify};
use crate::stream::testing::{element_after, element_of};
use crate::stream::{BindCondition as BindError, Kind, StreamCondition as Condition};

const C2S: Kind = Kind::ClientToServer;
const S2S: Kind = Kind::ServerToServer;
const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
const SESSION: &str = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";

fn class(kind: Kind, xml: &str) -> ElementClass {
    awaiting(kind, Awaited::Nothing, xml)
}

fn awaiting(kind: Kind, awaited: Awaited<'_>, xml: &str) -> ElementClass {
    let class = element_of(kind, xml, |element| classify(&element, kind, awaited));
    assert!(
        ElementClass::all().any(|listed| listed == class),
        "{class:?} is missing in the list of all"
    );
    class
}

#[test]
fn rfc6120_5_and_6_negotiation_elements_are_told_by_namespace_and_name() {
    let tls = "urn:ietf:params:xml:ns:xmpp-tls";
    let sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
    for (name, namespace, expected) in [
        ("starttls", tls, ElementClass::StartTls),
        ("proceed", tls, ElementClass::Proceed),
        ("failure", tls, ElementClass::TlsReason),
        ("auth", sasl, ElementClass::Auth),
        ("response", sasl, ElementClass::Response),
        ("abort", sasl, ElementClass::Abort),
        ("challenge", sasl, ElementClass::Challenge),
        ("success", sasl, ElementClass::Success),
        ("failure", sasl, ElementClass::SaslFailure),
        ("success", tls, ElementClass::Other),
        ("proceed", sasl, ElementClass::Other),
        ("auth", "urn:x", ElementClass::Other),
    ] {
        for kind in [C2S, S2S] {
            assert_eq!(
                class(kind, &format!("<{name} xmlns='{namespace}'/>")),
                expected
            );
            assert_eq!(
                class(kind, &format!("<p:{name} xmlns:p='{namespace}'/>")),
                expected
            );
        }
        // In the content namespace it is nothing at all.
        assert_eq!(
            class(C2S, &format!("<{name}/>")),
            ElementClass::Bad(Condition::UnsupportedStanzaType)
        );
    }
}

#[test]
fn rfc6120_4_9_stream_errors_are_classed_by_their_effect() {
    let error = |child: &str| {
        class(
            C2S,
            &format!(
                "<stream:error>{}</stream:error>",
                child.replace("NS", "xmlns='urn:ietf:params:xml:ns:xmpp-streams'")
            ),
        )
    };
    assert_eq!(
        error("<reset NS/>"),
        ElementClass::StreamError(ErrorClass::Reset)
    );
    assert_eq!(
        error("<see-other-host NS>h:5222</see-other-host>"),
        ElementClass::StreamError(ErrorClass::SeeOtherHost)
    );
    for other in [
        "<see-other-host NS/>",
        "<conflict NS/>",
        "<fancy NS/>",
        "",
        "<reset/>",
    ] {
        assert_eq!(
            error(other),
            ElementClass::StreamError(ErrorClass::Other),
            "{other}"
        );
    }
}

#[test]
fn features_are_summed_up() {
    match class(C2S, &format!("<stream:features>{BIND}</stream:features>")) {
        ElementClass::Features(features) => assert!(features.bind && !features.sasl),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc6120_4_1_2_stanzas_are_three_names_in_the_content_namespace() {
    for (name, stanza) in [
        ("message", StanzaKind::Message),
        ("presence", StanzaKind::Presence),
        ("iq", StanzaKind::Iq),
    ] {
        assert_eq!(
            class(C2S, &format!("<{name}/>")),
            ElementClass::Stanza(stanza)
        );
        assert_eq!(
            class(
                S2S,
                &format!("<{name} from='a.example' to='b@b.example/r'/>")
            ),
            ElementClass::Stanza(stanza)
        );
        // 4.8.4: looks like one and is none.
        assert_eq!(
            class(
                C2S,
                &format!("<ns2:{name} xmlns:ns2='http://example.org/ns2'/>")
            ),
            ElementClass::Other
        );
    }
}

#[test]
fn rfc6120_4_8_5_5_stanzas_with_a_prefix_are_refused() {
    let refused = ElementClass::Bad(Condition::BadNamespacePrefix);
    assert_eq!(
        class(
            C2S,
            "<foo:message xmlns:foo='jabber:client'><foo:body>foo</foo:body></foo:message>"
        ),
        refused
    );
    assert_eq!(
        class(S2S, "<x:iq xmlns:x='jabber:server' from='a' to='b'/>"),
        refused
    );
    // Declared in the header it is no better.
    let opening = "<stream:stream xmlns='jabber:client' xmlns:foo='jabber:client' \
                   xmlns:stream='http://etherx.jabber.org/streams'>";
    let read = |xml| {
        element_after(opening, xml, |element| {
            classify(&element, C2S, Awaited::Nothing)
        })
    };
    assert_eq!(read("<foo:message/>"), refused);
    assert_eq!(
        read("<message/>"),
        ElementClass::Stanza(StanzaKind::Message)
    );
}

#[test]
fn rfc6120_4_8_2_3_elements_that_name_their_namespace_themselves() {
    let opening = "<stream xmlns='http://etherx.jabber.org/streams'>";
    let read = |xml| {
        element_after(opening, xml, |element| {
            classify(&element, C2S, Awaited::Nothing)
        })
    };
    assert_eq!(
        read("<message xmlns='jabber:client'><body>foo</body></message>"),
        ElementClass::Stanza(StanzaKind::Message)
    );
    assert!(matches!(read("<features/>"), ElementClass::Features(_)));
    // 4.8.2: a stanza's name in the stream namespace makes no stanza.
    assert_eq!(
        read("<message/>"),
        ElementClass::Bad(Condition::UnsupportedStanzaType)
    );
}

#[test]
fn rfc6120_4_8_3_1_the_wrong_content_namespace_is_invalid_namespace() {
    let refused = ElementClass::Bad(Condition::InvalidNamespace);
    assert_eq!(class(C2S, "<message xmlns='jabber:server'/>"), refused);
    assert_eq!(
        class(S2S, "<message xmlns='jabber:client' from='a' to='b'/>"),
        refused
    );
    assert_eq!(class(C2S, "<message xmlns=''/>"), refused);
    assert_eq!(class(S2S, "<x xmlns='jabber:client'/>"), refused);
}

#[test]
fn rfc6120_4_9_3_24_1_unknown_names_are_unsupported_stanza_type() {
    for xml in [
        "<pubsub xmlns='jabber:client'/>",
        "<stream:x/>",
        "<Message/>",
    ] {
        assert_eq!(
            class(C2S, xml),
            ElementClass::Bad(Condition::UnsupportedStanzaType),
            "{xml}"
        );
    }
}

#[test]
fn rfc6120_8_1_1_2_1_and_8_1_2_2_1_stanzas_between_servers_are_addressed() {
    for attributes in [
        "",
        "from='a@b'",
        "to='a@b'",
        "from='' to='a@b'",
        "from='a@b' to=''",
        "from='a@b' to='a b'",
        "from='@b' to='a@b'",
        "from='a@b' x:to='a@b' xmlns:x='u:x'",
    ] {
        for name in ["message", "presence", "iq"] {
            assert_eq!(
                class(S2S, &format!("<{name} {attributes}/>")),
                ElementClass::Bad(Condition::ImproperAddressing),
                "{name} {attributes}"
            );
        }
        // Between client and server both are optional (4.8.3).
        assert_eq!(
            class(C2S, &format!("<message {attributes}/>")),
            ElementClass::Stanza(StanzaKind::Message)
        );
    }
}

#[test]
fn a_second_header_is_no_restart() {
    let header = "<stream:stream version='1.0'></stream:stream>";
    assert_eq!(class(C2S, header), ElementClass::SecondHeader);
    assert_eq!(
        class(C2S, &format!("<message>{header}</message>")),
        ElementClass::Stanza(StanzaKind::Message)
    );
}

#[test]
fn rfc6120_7_requests_are_told_from_other_stanzas() {
    assert_eq!(
        class(C2S, &format!("<iq type='set' id='a'>{BIND}</iq>")),
        ElementClass::BindRequest
    );
    assert_eq!(
        class(C2S, &format!("<iq type='set' id='a'>{SESSION}</iq>")),
        ElementClass::SessionRequest
    );
    // RFC 6120 8.2.3: a request that is malformed is answered as such.
    assert_eq!(
        class(C2S, &format!("<iq type='set'>{BIND}</iq>")),
        ElementClass::BindRequest
    );
    let stanza = ElementClass::Stanza(StanzaKind::Iq);
    for xml in [
        format!("<iq type='get' id='a'>{BIND}</iq>"),
        "<iq type='set' id='a'><q xmlns='u:x'/></iq>".into(),
        "<iq/>".into(),
    ] {
        assert_eq!(class(C2S, &xml), stanza, "{xml}");
    }
    // There is no binding between servers.
    assert_eq!(
        class(
            S2S,
            &format!("<iq type='set' id='a' from='a' to='b'>{BIND}</iq>")
        ),
        stanza
    );
}

#[test]
fn rfc6120_7_6_answers_are_told_by_their_id() {
    let stanza = ElementClass::Stanza(StanzaKind::Iq);
    let result = "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                  <jid>a@b/c</jid></bind></iq>";
    let error = "<iq type='error' id='b1'><error type='modify'>\
                 <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    let empty = "<iq type='result' id='b1'/>";
    let read = |awaited, xml| awaiting(C2S, awaited, xml);

    assert_eq!(read(Awaited::Bind("b1"), result), ElementClass::BindResult);
    assert_eq!(
        read(Awaited::Bind("b1"), error),
        ElementClass::BindError(BindError::Conflict)
    );
    assert_eq!(
        read(Awaited::Bind("b1"), empty),
        ElementClass::Bad(Condition::ImproperAddressing)
    );
    assert_eq!(
        read(Awaited::Session("b1"), empty),
        ElementClass::SessionResult
    );
    assert_eq!(
        read(Awaited::Session("b1"), error),
        ElementClass::SessionError
    );
    for awaited in [Awaited::Nothing, Awaited::Bind("b2"), Awaited::Session("b")] {
        for xml in [result, error, empty] {
            assert_eq!(read(awaited, xml), stanza, "{awaited:?} {xml}");
        }
    }
    // Of the right id, but no answer.
    assert_eq!(
        read(Awaited::Bind("b1"), "<iq type='get' id='b1'/>"),
        stanza
    );
}

#[test]
fn xep0220_2_dialback_is_told_by_what_it_says_and_between_servers_alone() {
    let dialback = |name: &str, rest: &str| {
        format!(
            "<db:{name} xmlns:db='jabber:server:dialback' from='a.example' to='b.example'{rest}"
        )
    };
    for (xml, expected) in [
        (
            dialback("result", ">key</db:result>"),
            ElementClass::DialbackRequest,
        ),
        (
            dialback("result", " type='valid'/>"),
            ElementClass::DialbackResult(PairAnswer::Valid),
        ),
        (
            dialback("result", " type='invalid'/>"),
            ElementClass::DialbackResult(PairAnswer::Failed),
        ),
        (
            dialback("result", " type='error'/>"),
            ElementClass::DialbackResult(PairAnswer::Failed),
        ),
        (
            dialback("verify", " id='1'>key</db:verify>"),
            ElementClass::DialbackVerify,
        ),
        (
            dialback("verify", " id='1' type='valid'/>"),
            ElementClass::DialbackVerified,
        ),
        (
            dialback("verify", " type='valid'/>"),
            ElementClass::Bad(Condition::BadFormat),
        ),
        (dialback("other", "/>"), ElementClass::Other),
    ] {
        assert_eq!(class(S2S, &xml), expected, "{xml}");
        assert_eq!(class(C2S, &xml), ElementClass::Other, "{xml}");
        assert_eq!(class(Kind::Component, &xml), ElementClass::Other, "{xml}");
    }
}

#[test]
fn starttls_commands_with_content_are_told_apart() {
    for (name, expected) in [
        ("starttls", ElementClass::MalformedStartTls),
        ("proceed", ElementClass::Other),
        ("failure", ElementClass::TlsReason),
    ] {
        let tls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
        let xml = format!("<{name} {tls}><required/></{name}>");
        assert_eq!(class(C2S, &xml), expected, "{xml}");
        assert_eq!(class(S2S, &xml), expected, "{xml}");
    }
}

#[test]
fn every_class_is_listed_once() {
    let all: Vec<_> = ElementClass::all().collect();
    let distinct: BTreeSet<String> = all.iter().map(|class| format!("{class:?}")).collect();
    assert_eq!(all.len(), distinct.len());
    assert_eq!(all.len(), 32 + 5 + 6 + 8 + 297);
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(48), ..ProptestConfig::default() })]

    /// Total, and within the list of classes, whatever names and namespaces
    /// are put together.
    #[test]
    fn any_element_has_a_listed_class(
        server in any::<bool>(),
        name in proptest::sample::select(&[
            "message", "iq", "presence", "stream", "features", "error", "auth", "failure",
            "starttls", "proceed", "x",
        ][..]),
        namespace in proptest::sample::select(&[
            "", "jabber:client", "jabber:server", "http://etherx.jabber.org/streams",
            "urn:ietf:params:xml:ns:xmpp-tls", "urn:ietf:params:xml:ns:xmpp-sasl",
            "urn:ietf:params:xml:ns:xmpp-streams", "u:x",
        ][..]),
        kind_of_iq in proptest::sample::select(&["get", "set", "result", "error", ""][..]),
        child in proptest::sample::select(&["", BIND, SESSION, "<error/>", "text"][..]),
        to in "[a-c@/ ]{0,4}",
        awaited in 0usize..3,
    ) {
        let awaited = [Awaited::Nothing, Awaited::Bind("i"), Awaited::Session("i")][awaited];
        let kind = if server { S2S } else { C2S };
        let xml = format!(
            "<{name} xmlns='{namespace}' type='{kind_of_iq}' id='i' from='a' to='{to}'>{child}</{name}>"
        );
        awaiting(kind, awaited, &xml);
    }
}

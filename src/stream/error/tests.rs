//! Tests of stream errors: the text as written, and what is read from a peer.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::IpAddr;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{
    ApplicationConditionError, MAX_APPLICATION_BYTES, MAX_TEXT_BYTES, OtherHost, OtherHostError,
    StreamError,
};
use crate::stream::testing::element;
use crate::stream::{HeaderOut, Kind, StreamCondition};

fn written(error: &StreamError) -> String {
    let mut out = String::new();
    error.write(&mut out);
    out
}

fn parsed(xml: &str) -> StreamError {
    element(xml, |element| StreamError::parse(&element))
}

#[test]
fn rfc6120_4_9_2_1_written_with_exactly_one_condition() {
    assert_eq!(
        written(&StreamError::new(StreamCondition::Reset)),
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    );
    for condition in StreamCondition::ALL {
        let error = StreamError::new(condition);
        let xml = written(&error);
        assert_eq!(parsed(&xml), error);
        let children = element(&xml, |element| element.children().count());
        assert_eq!(children, 1, "{xml}");
    }
}

/// The whole element as it stands in RFC 6120 4.9.3, with names and namespaces copied from there.
#[test]
fn errors_look_as_the_rfc_shows_them() {
    for (condition, name) in [
        (StreamCondition::BadFormat, "bad-format"),
        (StreamCondition::HostUnknown, "host-unknown"),
        (StreamCondition::InvalidXml, "invalid-xml"),
        (StreamCondition::NotWellFormed, "not-well-formed"),
        (StreamCondition::Reset, "reset"),
        (StreamCondition::SystemShutdown, "system-shutdown"),
        (StreamCondition::UnsupportedVersion, "unsupported-version"),
    ] {
        let xml = format!(
            "<stream:error><{name} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        assert_eq!(written(&StreamError::new(condition)), xml);
        assert_eq!(parsed(&xml), StreamError::new(condition));
    }
    let host = StreamError::see_other_host(OtherHost::new("h.example", Some(5222)).unwrap());
    let xml = "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>\
               h.example:5222</see-other-host></stream:error>";
    assert_eq!(written(&host), xml);
    assert_eq!(parsed(xml), host);
    let text = StreamError::new(StreamCondition::PolicyViolation).with_text("too long");
    let xml = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
               <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>too long</text>\
               </stream:error>";
    assert_eq!(written(&text), xml);
    assert_eq!(parsed(xml), text);
}

/// RFC 6120 4.8.5: `error` is written with the prefix that the header declares for the stream
/// namespace. In the content namespace it would be another element, which a peer refuses.
#[test]
fn errors_and_features_are_written_with_the_declared_prefix() {
    use crate::stream::features::{FeaturesOut, write_features};
    use crate::stream::{Awaited, ElementClass, classify, ns};

    let mut features = String::new();
    write_features(&mut features, &FeaturesOut::default());
    let error = written(&StreamError::new(StreamCondition::Reset));
    for kind in [Kind::ClientToServer, Kind::ServerToServer, Kind::Component] {
        let prefix = kind.prefixes().iter().find(|(_, uri)| *uri == ns::STREAM);
        let (prefix, _) = prefix.unwrap();
        for (xml, name) in [(&features, "features"), (&error, "error")] {
            assert!(xml.starts_with(&format!("<{prefix}:{name}>")), "{xml}");
            assert!(xml.ends_with(&format!("</{prefix}:{name}>")), "{xml}");
            assert!(!xml.contains("http://etherx.jabber.org/streams"), "{xml}");
            let unprefixed = xml.replace(&format!("{prefix}:"), "");
            let class = crate::stream::testing::element_of(kind, &unprefixed, |element| {
                classify(&element, kind, Awaited::Nothing)
            });
            let refused = ElementClass::Bad(StreamCondition::UnsupportedStanzaType);
            assert_eq!(class, refused, "{unprefixed}");
        }
    }
}

/// RFC 6120 4.9.3.19: the host is mandatory, so the condition cannot be sent without one.
#[test]
fn rfc6120_4_9_3_19_2_see_other_host_is_never_written_without_a_host() {
    let error = StreamError::new(StreamCondition::SeeOtherHost);
    assert_eq!(error.condition(), StreamCondition::UndefinedCondition);
    assert!(!written(&error).contains("see-other-host"));
    let host = OtherHost::new("h.example", Some(9222)).unwrap();
    let error = StreamError::see_other_host(host.clone());
    assert_eq!(error.other_host(), Some(&host));
    assert!(written(&error).contains(">h.example:9222</see-other-host>"));
}

#[test]
fn rfc6120_4_9_4_example_is_read() {
    let error = parsed(
        "<stream:error>
           <not-well-formed
               xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
           <text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Some special application diagnostic information!</text>
           <escape-your-data xmlns='http://example.org/ns'/>
         </stream:error>",
    );
    assert_eq!(error.condition(), StreamCondition::NotWellFormed);
    assert_eq!(
        error.text(),
        Some("Some special application diagnostic information!")
    );
    assert_eq!(error.lang(), Some("en"));
    assert_eq!(
        error.application(),
        Some("<escape-your-data xmlns='http://example.org/ns'/>")
    );
}

#[test]
fn rfc6120_4_9_3_19_2_example_is_read() {
    let error = parsed(
        "<stream:error>
           <see-other-host
               xmlns='urn:ietf:params:xml:ns:xmpp-streams'>
             [2001:41D0:1:A49b::1]:9222
           </see-other-host>
         </stream:error>",
    );
    let host = error.other_host().unwrap();
    assert_eq!(host.host(), "[2001:41d0:1:a49b::1]");
    assert_eq!(host.port(), Some(9222));
    assert_eq!(
        host.address(),
        Some("2001:41d0:1:a49b::1".parse::<IpAddr>().unwrap())
    );
}

#[test]
fn rfc6120_4_9_3_19_2_host_and_port_forms() {
    let read = |text: &str| text.parse::<OtherHost>();
    for (text, host, port, is_address) in [
        ("h", "h", None, false),
        ("h.example:5222", "h.example", Some(5222), false),
        ("H.Example.", "h.example", None, false),
        ("192.0.2.1:443", "192.0.2.1", Some(443), true),
        ("[::1]", "[::1]", None, true),
        ("[2001:db8::1]:9222", "[2001:db8::1]", Some(9222), true),
        ("\r\n\t h:1 \n", "h", Some(1), false),
    ] {
        let read = read(text).unwrap();
        assert_eq!((read.host(), read.port()), (host, port), "{text}");
        assert_eq!(read.address().is_some(), is_address, "{text}");
    }
    for bad in [
        "",
        " ",
        ":5222",
        "h:",
        "h:0",
        "h:+1",
        "h:65536",
        "h:1:2",
        "::1",
        "2001:db8::1",
        "[::1",
        "[::1]5222",
        "[h]:1",
        "a b",
        "user@h",
        "h/r",
        "[::1]:",
        "[[::1]]",
    ] {
        assert_eq!(read(bad), Err(OtherHostError), "{bad:?}");
        let xml = format!(
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{bad}\
             </see-other-host></stream:error>"
        );
        let error = parsed(&xml);
        assert_eq!(error.condition(), StreamCondition::SeeOtherHost);
        assert_eq!(error.other_host(), None);
    }
}

#[test]
fn rfc6120_4_9_2_2_unknown_condition_keeps_its_name() {
    let error =
        parsed("<stream:error><fancy xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
    assert_eq!(error.condition(), StreamCondition::UndefinedCondition);
    assert_eq!(error.unknown_name(), Some("fancy"));
    assert_eq!(error.to_string(), "fancy");
}

#[test]
fn rfc6120_4_9_2_reading_never_fails() {
    for xml in [
        "<stream:error/>",
        "<stream:error>text</stream:error>",
        "<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        "<stream:error><reset/></stream:error>",
        "<stream:error><reset xmlns='urn:example'/></stream:error>",
        "<stream:error><see-other-host xmlns='urn:example'>h</see-other-host></stream:error>",
    ] {
        let error = parsed(xml);
        assert_eq!(
            error.condition(),
            StreamCondition::UndefinedCondition,
            "{xml}"
        );
        assert_eq!(error.other_host(), None, "{xml}");
    }
}

#[test]
fn a_nested_condition_does_not_count() {
    let error = parsed(
        "<stream:error><x xmlns='urn:example'>\
         <reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></x></stream:error>",
    );
    assert_eq!(error.condition(), StreamCondition::UndefinedCondition);
    assert!(error.application().is_some());
}

#[test]
fn rfc6120_4_9_2_5_inherited_namespaces_are_added_to_the_application_condition() {
    let xml = "<stream:error xmlns:x='urn:example'>\
               <internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
               <x:out-of-cheese/></stream:error>";
    let error = parsed(xml);
    let application = error.application().unwrap();
    let again = StreamError::new(StreamCondition::InternalServerError)
        .with_application(application)
        .unwrap();
    assert_eq!(again.application(), Some(application));
}

#[test]
fn application_conditions_are_checked() {
    let error = || StreamError::new(StreamCondition::UndefinedCondition);
    for (xml, reason) in [
        ("", ApplicationConditionError::NotOneElement),
        ("text", ApplicationConditionError::NotOneElement),
        ("<a xmlns='u:x'>", ApplicationConditionError::NotOneElement),
        (
            "<a xmlns='u:x'/><b/>",
            ApplicationConditionError::NotOneElement,
        ),
        ("</stream:error>", ApplicationConditionError::NotOneElement),
        ("<x:a/>", ApplicationConditionError::NotOneElement),
        ("<a/>", ApplicationConditionError::Namespace),
        (
            "<reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
            ApplicationConditionError::Namespace,
        ),
        (
            "<message xmlns='jabber:client'/>",
            ApplicationConditionError::Namespace,
        ),
    ] {
        assert_eq!(error().with_application(xml), Err(reason), "{xml}");
    }
    let long = format!("<a xmlns='u:x'>{}</a>", "a".repeat(MAX_APPLICATION_BYTES));
    assert_eq!(
        error().with_application(&long),
        Err(ApplicationConditionError::TooLong)
    );
    let (most, more) = (
        "a".repeat(MAX_APPLICATION_BYTES - 19),
        "a".repeat(MAX_APPLICATION_BYTES - 18),
    );
    let fits = |text| {
        error()
            .with_application(&format!("<a xmlns='u:x'>{text}</a>"))
            .is_ok()
    };
    assert!(fits(most) && !fits(more));
}

#[test]
fn what_is_received_is_bounded() {
    let ns = "urn:ietf:params:xml:ns:xmpp-streams";
    let error = parsed(&format!(
        "<stream:error><{} xmlns='{ns}'/><text xmlns='{ns}' xml:lang='{}'>{}</text>\
         <a xmlns='u:x'>{}</a></stream:error>",
        "n".repeat(200),
        "a".repeat(200),
        "\u{20ac}".repeat(MAX_TEXT_BYTES),
        "a".repeat(MAX_APPLICATION_BYTES),
    ));
    assert_eq!(error.unknown_name().unwrap().len(), 64);
    assert_eq!(error.lang(), None);
    // 1024 is no multiple of 3: cut between characters.
    assert_eq!(error.text().unwrap().len(), 1023);
    assert_eq!(error.application(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(49), ..ProptestConfig::default() })]

    /// Whatever the text: well-formed, bounded, and read back as written.
    #[test]
    fn written_errors_read_back_equal(
        condition in proptest::sample::select(&StreamCondition::ALL[..]),
        text in proptest::option::of(".{0,40}|\\PC{0,400}|[<&'\">\\]\r\n\t]{0,40}"),
        lang in "[a-z]{2}|.{0,3}",
        port in proptest::option::of(1u16..),
        application in any::<bool>(),
    ) {
        let mut error = match condition {
            StreamCondition::SeeOtherHost => {
                StreamError::see_other_host(OtherHost::new("h.example", port).unwrap())
            }
            _ => StreamError::new(condition),
        };
        if let Some(text) = &text {
            error = error.with_text_in(&lang, text);
            prop_assert!(error.text().unwrap().len() <= MAX_TEXT_BYTES);
        }
        if application {
            error = error.with_application("<a xmlns='u:x'><b c='d'/>e</a>").unwrap();
        }
        let xml = written(&error);
        prop_assert_eq!(parsed(&xml), error, "{}", xml);
    }
}

/// The prefix is the one our header declares, whatever the kind.
#[test]
fn rfc6120_4_9_1_2_readable_after_our_header() {
    for kind in [Kind::ClientToServer, Kind::ServerToServer] {
        let mut opening = String::new();
        HeaderOut::response(kind, "", "id", "en").write(&mut opening);
        let error = StreamError::new(StreamCondition::HostUnknown).with_text("no such host here");
        let read = crate::stream::testing::element_after(&opening, &written(&error), |element| {
            StreamError::parse(&element)
        });
        assert_eq!(read, error);
    }
}

//! Tests of stream headers: the text as written, and how a received one is judged.

use alloc::string::{String, ToString};
use alloc::{format, vec};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{HeaderClass, HeaderFlaw, HeaderOut, Kind, ParsedHeader, Role, Version, VersionClass};
use crate::jid::Jid;
use crate::stream::testing::header;
use crate::stream::{StreamCondition, ns};

const CURRENT: HeaderClass = HeaderClass::Valid(VersionClass::Current);
const LEGACY: HeaderClass = HeaderClass::Valid(VersionClass::Legacy);
const STREAMS: &str = "http://etherx.jabber.org/streams";

fn written(out: &HeaderOut<'_>) -> String {
    let mut text = String::new();
    out.write(&mut text);
    text
}

fn class(xml: &str, kind: Kind, role: Role) -> HeaderClass {
    header(xml, |header| ParsedHeader::read(&header, kind, role).class)
}

/// The class of a client's header with these attributes.
fn client(attributes: &str) -> HeaderClass {
    class(
        &format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' {attributes}>"),
        Kind::ClientToServer,
        Role::Receiving,
    )
}

/// XEP-0368 section 4; components have no direct TLS of their own.
#[test]
fn the_application_protocol_is_the_one_registered_for_the_kind() {
    assert_eq!(Kind::ClientToServer.alpn(), Some(&b"xmpp-client"[..]));
    assert_eq!(Kind::ServerToServer.alpn(), Some(&b"xmpp-server"[..]));
    assert_eq!(Kind::Component.alpn(), None);
}

#[test]
fn rfc6120_4_7_2_1_initial_header_is_written_with_to_version_and_language_without_id() {
    assert_eq!(
        written(&HeaderOut::initial(
            Kind::ClientToServer,
            "im.example.com",
            "en"
        )),
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' to='im.example.com' \
         xml:lang='en' version='1.0'>"
    );
}

#[test]
fn rfc6120_4_7_3_1_response_header_is_written_with_from_and_id() {
    let response = HeaderOut {
        to: Some("juliet@im.example.com"),
        ..HeaderOut::response(Kind::ServerToServer, "im.example.com", "++TR84=", "de")
    };
    assert_eq!(
        written(&response),
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
         xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' \
         from='im.example.com' to='juliet@im.example.com' id='++TR84=' xml:lang='de' \
         version='1.0'>"
    );
}

#[test]
fn rfc6120_4_8_5_7_our_header_declares_nothing_but_what_is_needed() {
    let stream = ("stream", "http://etherx.jabber.org/streams");
    let dialback = ("db", "jabber:server:dialback");
    for (kind, prefixes, content) in [
        (Kind::ClientToServer, vec![stream], "jabber:client"),
        (
            Kind::ServerToServer,
            vec![stream, dialback],
            "jabber:server",
        ),
        (Kind::Component, vec![stream], "jabber:component:accept"),
    ] {
        header(&written(&HeaderOut::initial(kind, "h", "en")), |header| {
            let declared = header.namespaces().filter(|(prefix, _)| !prefix.is_empty());
            assert!(declared.eq(prefixes), "{kind:?}");
            assert_eq!(header.content_ns(), Some(content));
        });
    }
}

#[test]
fn rfc6120_4_7_5_3_versions_compare_as_numbers() {
    let version = |text| Version::parse(text).unwrap();
    assert!(version("2.4") < version("2.13"));
    assert!(version("2.13") < version("12.3"));
    assert!(Version::LEGACY < Version::XMPP_1_0);
    assert_eq!(
        Version::XMPP_1_0.negotiate(version("1.5")),
        Version::XMPP_1_0
    );
    assert_eq!(Version::XMPP_1_0.negotiate(version("0.8")), version("0.8"));
}

#[test]
fn rfc6120_4_7_5_4_leading_zeros_are_ignored_and_not_sent() {
    for text in ["1.0", "01.0", "1.00", "0001.000"] {
        assert_eq!(Version::parse(text), Some(Version::XMPP_1_0));
    }
    assert_eq!(Version::parse("6.01").unwrap().to_string(), "6.1");
}

#[test]
fn rfc6120_4_7_5_versions_that_are_none() {
    for text in [
        "",
        "1",
        "1.",
        ".0",
        ".",
        "1.0.0",
        "+1.0",
        "1.-0",
        " 1.0",
        "1.0 ",
        "a.b",
        "1,0",
        "\u{661}.0",
    ] {
        assert_eq!(Version::parse(text), None, "{text:?}");
    }
    assert_eq!(
        Version::parse("99999999999999999999.0"),
        Some(Version {
            major: u16::MAX,
            minor: 0
        })
    );
}

#[test]
fn rfc6120_4_7_5_8_no_version_means_0_9() {
    assert_eq!(client(""), LEGACY);
    assert_eq!(client("version='0.9'"), LEGACY);
    assert_eq!(client("version='1.0'"), CURRENT);
    assert_eq!(client("version='1.7'"), CURRENT);
    assert_eq!(client("version='11.0'"), CURRENT);
    for bad in ["", "one", "1"] {
        assert_eq!(
            client(&format!("version='{bad}'")),
            HeaderClass::Bad(StreamCondition::UnsupportedVersion)
        );
    }
}

#[test]
fn rfc6120_4_7_5_2_and_9_the_answer_names_the_lower_version_or_none() {
    for (attributes, answer) in [
        ("", None),
        ("version='0.8'", Some("0.8")),
        ("version='1.0'", Some("1.0")),
        ("version='1.5'", Some("1.0")),
        ("version='11.0'", Some("1.0")),
        ("version='x'", Some("1.0")),
    ] {
        let xml =
            format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' {attributes}>");
        header(&xml, |header| {
            let opened = ParsedHeader::read(&header, Kind::ClientToServer, Role::Receiving);
            let version = opened.answer().1.map(|version| version.to_string());
            assert_eq!(version.as_deref(), answer, "{attributes}");
        });
    }
}

#[test]
fn rfc6120_4_7_2_2_the_answer_goes_to_the_bare_address_given() {
    for (attributes, answer) in [
        ("", None),
        ("from=''", None),
        ("from='a@b'", Some("a@b")),
        ("from='a@b/c'", Some("a@b")),
        ("from='@'", None),
    ] {
        let xml =
            format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' {attributes}>");
        header(&xml, |header| {
            let opened = ParsedHeader::read(&header, Kind::ClientToServer, Role::Receiving);
            let to = opened.answer().0;
            assert_eq!(to.as_ref().map(Jid::as_str), answer, "{attributes}");
        });
    }
}

#[test]
fn rfc6120_4_8_1_1_any_prefix_for_the_stream_namespace() {
    for xml in [
        format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' version='1.0'>"),
        format!("<foobar:stream xmlns='jabber:client' xmlns:foobar='{STREAMS}' version='1.0'>"),
        format!("<stream xmlns='{STREAMS}' version='1.0'>"),
        format!("<stream:stream xmlns:stream='{STREAMS}' version='1.0'>"),
    ] {
        assert_eq!(
            class(&xml, Kind::ClientToServer, Role::Receiving),
            CURRENT,
            "{xml}"
        );
    }
}

#[test]
fn rfc6120_4_8_1_2_wrong_stream_namespace_is_invalid_namespace() {
    let invalid = HeaderClass::Bad(StreamCondition::InvalidNamespace);
    for xml in [
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://wrong.namespace.example.org/'>",
        "<stream>",
        "<html>",
        "<stream xmlns='jabber:client'>",
    ] {
        assert_eq!(class(xml, Kind::ClientToServer, Role::Receiving), invalid);
        assert_eq!(class(xml, Kind::ClientToServer, Role::Initiating), invalid);
    }
}

#[test]
fn a_root_that_is_not_stream_is_bad_format() {
    let xml = format!("<stream:features xmlns='jabber:client' xmlns:stream='{STREAMS}'>");
    assert_eq!(
        class(&xml, Kind::ClientToServer, Role::Receiving),
        HeaderClass::Bad(StreamCondition::BadFormat)
    );
}

#[test]
fn rfc6120_4_8_2_2_content_namespace_is_the_one_of_the_kind() {
    for (content, fits_client, fits_server) in [
        ("jabber:client", true, false),
        ("jabber:server", false, true),
        ("jabber:component:accept", false, false),
        ("JABBER:CLIENT", false, false),
        // `xmlns=""` undeclares: as if there were none.
        ("", true, true),
    ] {
        let xml =
            format!("<stream:stream xmlns='{content}' xmlns:stream='{STREAMS}' version='1.0'>");
        let expected = |fits| {
            if fits {
                CURRENT
            } else {
                HeaderClass::Bad(StreamCondition::InvalidNamespace)
            }
        };
        for role in [Role::Initiating, Role::Receiving] {
            assert_eq!(
                class(&xml, Kind::ClientToServer, role),
                expected(fits_client)
            );
            assert_eq!(
                class(&xml, Kind::ServerToServer, role),
                expected(fits_server)
            );
        }
    }
}

#[test]
fn rfc7622_3_header_addresses_that_are_none_are_improper_addressing() {
    let improper = HeaderClass::Bad(StreamCondition::ImproperAddressing);
    let read = |attributes: &str, kind: Kind, role| {
        let content = kind.content_ns();
        class(
            &format!(
                "<stream:stream xmlns='{content}' xmlns:stream='{STREAMS}' version='1.0' \
                 {attributes}>"
            ),
            kind,
            role,
        )
    };
    let (c2s, s2s) = (Kind::ClientToServer, Kind::ServerToServer);
    let (initiating, receiving) = (Role::Initiating, Role::Receiving);
    for (attributes, kind, role, class) in [
        ("to='h'", c2s, receiving, CURRENT),
        ("to='a@h'", c2s, receiving, improper),
        ("to='h/r'", c2s, receiving, improper),
        ("to='a b'", c2s, receiving, improper),
        ("from='a@h'", c2s, receiving, CURRENT),
        ("from='a@h/r'", c2s, receiving, CURRENT),
        ("from='&lt;@h'", c2s, receiving, improper),
        ("from='h' to='a@h'", c2s, initiating, CURRENT),
        ("from='a@h'", c2s, initiating, improper),
        ("from='' to=''", c2s, initiating, CURRENT),
        ("from='h' to='i'", s2s, receiving, CURRENT),
        ("from='a@h' to='i'", s2s, receiving, improper),
        ("from='h' to='a@i'", s2s, receiving, improper),
        ("from='h' to='a@i'", s2s, initiating, improper),
    ] {
        assert_eq!(
            read(attributes, kind, role),
            class,
            "{attributes} {kind:?} {role:?}"
        );
    }
}

#[test]
fn rfc6120_4_7_1_6_headers_without_addresses_are_accepted() {
    assert_eq!(client("version='1.0'"), CURRENT);
    assert_eq!(client("version='1.0' to='' from=''"), CURRENT);
}

#[test]
fn rfc6120_4_7_3_5_id_of_an_initial_header_is_ignored() {
    let xml = format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' id='x'>");
    header(&xml, |header| {
        let id = |role| ParsedHeader::read(&header, Kind::ClientToServer, role).id;
        assert_eq!(id(Role::Receiving), None);
        assert_eq!(id(Role::Initiating).as_deref(), Some("x"));
    });
}

#[test]
fn rfc6120_4_7_1_attributes_with_a_prefix_are_others() {
    let xml = format!(
        "<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' stream:to='a b' \
         stream:version='x' lang='fr' xml:lang='de-CH'>"
    );
    header(&xml, |header| {
        let opened = ParsedHeader::read(&header, Kind::ClientToServer, Role::Receiving);
        assert_eq!(opened.class, LEGACY);
        assert_eq!(opened.to, Ok(None));
        assert_eq!(opened.lang.as_deref(), Some("de-CH"));
    });
}

#[test]
fn rfc6120_4_7_4_1_what_is_no_language_tag_is_ignored() {
    let xml =
        format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' xml:lang='en us'>");
    header(&xml, |header| {
        let opened = ParsedHeader::read(&header, Kind::ClientToServer, Role::Receiving);
        assert_eq!((opened.class, opened.lang), (LEGACY, None));
    });
}

#[test]
fn every_class_read_is_in_the_list_of_classes() {
    for namespace in [STREAMS, "urn:x"] {
        for name in ["stream", "x"] {
            for content in [ns::CLIENT, ns::SERVER] {
                for version in ["", "version='1.0'", "version='x'"] {
                    for to in ["", "to='h'", "to=' '"] {
                        let xml = format!(
                            "<s:{name} xmlns:s='{namespace}' xmlns='{content}' {version} {to}>"
                        );
                        let class = class(&xml, Kind::ClientToServer, Role::Receiving);
                        assert!(HeaderClass::ALL.contains(&class), "{class:?}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(47), ..ProptestConfig::default() })]

    /// Whatever texts are given: well-formed, and read back as written where
    /// they are addresses.
    #[test]
    fn written_headers_read_back(
        server in any::<bool>(),
        from in proptest::option::of("[a-z]{1,5}(\\.[a-z]{1,4})?"),
        to in proptest::option::of("[a-z]{1,5}(\\.[a-z]{1,4})?"),
        id in "\\PC{1,24}|[<>&'\"\t\r\n ]{1,8}",
        version in proptest::option::of((0u16.., 0u16..)),
    ) {
        let kind = if server { Kind::ServerToServer } else { Kind::ClientToServer };
        let out = HeaderOut {
            kind,
            from: from.as_deref(),
            to: to.as_deref(),
            id: Some(&id),
            lang: "en",
            version: version.map(|(major, minor)| Version { major, minor }),
        };
        let xml = written(&out);
        header(&xml, |header| {
            let opened = ParsedHeader::read(&header, kind, Role::Initiating);
            let expected = out.version.unwrap_or(Version::LEGACY);
            prop_assert_eq!(opened.class, HeaderClass::Valid(expected.class()));
            prop_assert_eq!(opened.version, expected);
            prop_assert_eq!(opened.id.as_deref(), Some(id.as_str()));
            prop_assert_eq!(opened.lang.as_deref(), Some("en"));
            let text = |address: Option<Jid>| address.map(|jid| jid.to_string());
            prop_assert_eq!(opened.from.map(text), Ok(from.clone()));
            prop_assert_eq!(opened.to.map(text), Ok(to.clone()));
            Ok(())
        })?;
    }
}

/// RFC 6120 4.7.1, 4.7.2: between servers, too, an absent address is no reason to refuse.
#[test]
fn headers_between_servers_without_addresses_are_accepted() {
    for role in [Role::Initiating, Role::Receiving] {
        for attributes in [
            "",
            "from='a.example'",
            "to='b.example'",
            "from='' to='b.example'",
            "from='a.example' to=''",
        ] {
            let xml = format!(
                "<stream:stream xmlns='jabber:server' xmlns:stream='{STREAMS}' version='1.0' \
                 {attributes}>"
            );
            assert_eq!(class(&xml, Kind::ServerToServer, role), CURRENT);
            header(&xml, |header| {
                let read = ParsedHeader::read(&header, Kind::ServerToServer, role);
                assert_eq!(read.flaw(), None);
                assert_eq!(read.server_address_flaw("a.example", "b.example"), None);
            });
        }
    }
}

#[test]
fn a_response_of_or_to_another_server_can_still_be_read_on() {
    let invalid_from = HeaderFlaw::Unacceptable(StreamCondition::InvalidFrom);
    let improper = HeaderFlaw::Unacceptable(StreamCondition::ImproperAddressing);
    for (attributes, flaw) in [
        ("from='a.example' to='b.example'", None),
        ("from='A.example' to='B.example.'", None),
        ("from='c.example' to='b.example'", Some(invalid_from)),
        ("from='c.example'", Some(invalid_from)),
        ("from='c.example' to='c.example'", Some(invalid_from)),
        ("from='a b' to='b.example'", Some(invalid_from)),
        ("from='a.example' to='c.example'", Some(improper)),
        ("to='c.example'", Some(improper)),
    ] {
        let xml = format!(
            "<stream:stream xmlns='jabber:server' xmlns:stream='{STREAMS}' version='1.0' \
             {attributes}>"
        );
        header(&xml, |header| {
            let read = ParsedHeader::read(&header, Kind::ServerToServer, Role::Initiating);
            let found = read.server_address_flaw("a.example", "b.example");
            assert_eq!(found, flaw, "{attributes}");
        });
    }
}

#[test]
fn only_a_header_that_is_none_of_a_stream_is_refused_before_what_follows() {
    let ours = "xmlns:stream='http://etherx.jabber.org/streams'";
    let not_a_stream = |condition| Some(HeaderFlaw::NotAStream(condition));
    let unacceptable = |condition| Some(HeaderFlaw::Unacceptable(condition));
    for (xml, flaw) in [
        (
            format!("<stream:stream xmlns='jabber:client' {ours} version='1.0'>"),
            None,
        ),
        (
            "<html>".into(),
            not_a_stream(StreamCondition::InvalidNamespace),
        ),
        (
            "<stream:stream xmlns='jabber:client' xmlns:stream='u:x' version='1.0'>".into(),
            not_a_stream(StreamCondition::InvalidNamespace),
        ),
        (
            format!("<stream:error xmlns='jabber:client' {ours} version='1.0'>"),
            not_a_stream(StreamCondition::BadFormat),
        ),
        (
            format!("<stream:stream xmlns='jabber:server' {ours} version='1.0'>"),
            unacceptable(StreamCondition::InvalidNamespace),
        ),
        (
            format!("<stream:stream xmlns='jabber:client' {ours} version='x'>"),
            unacceptable(StreamCondition::UnsupportedVersion),
        ),
        (
            format!("<stream:stream xmlns='jabber:client' {ours}>"),
            unacceptable(StreamCondition::UnsupportedVersion),
        ),
        (
            format!("<stream:stream xmlns='jabber:client' {ours} version='0.9'>"),
            unacceptable(StreamCondition::UnsupportedVersion),
        ),
        (
            format!("<stream:stream xmlns='jabber:client' {ours} from='a b' version='1.0'>"),
            unacceptable(StreamCondition::ImproperAddressing),
        ),
    ] {
        header(&xml, |header| {
            let read = ParsedHeader::read(&header, Kind::ClientToServer, Role::Initiating);
            assert_eq!(read.flaw(), flaw, "{xml}");
            // The flaw and the class agree, apart from the version of a server.
            match (read.class, flaw) {
                (HeaderClass::Bad(condition), Some(flaw)) => {
                    assert_eq!(condition, flaw.condition(), "{xml}");
                }
                (HeaderClass::Valid(VersionClass::Current), None)
                | (HeaderClass::Valid(VersionClass::Legacy), Some(_)) => {}
                other => panic!("{xml}: {other:?}"),
            }
        });
    }
}

/// A component's headers have no version (XEP-0114), and a server answers clients of any version.
#[test]
fn a_missing_version_is_a_flaw_only_of_a_server() {
    for (kind, role, is_flaw) in [
        (Kind::ClientToServer, Role::Initiating, true),
        (Kind::ServerToServer, Role::Initiating, true),
        (Kind::Component, Role::Initiating, false),
        (Kind::ClientToServer, Role::Receiving, false),
        (Kind::ServerToServer, Role::Receiving, false),
        (Kind::Component, Role::Receiving, false),
    ] {
        let content = kind.content_ns();
        let xml = format!("<stream:stream xmlns='{content}' xmlns:stream='{STREAMS}'>");
        header(&xml, |header| {
            let read = ParsedHeader::read(&header, kind, role);
            assert_eq!(read.flaw().is_some(), is_flaw, "{kind:?} {role:?}");
        });
    }
}

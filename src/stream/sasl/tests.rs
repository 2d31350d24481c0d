//! Tests of the elements of SASL (RFC 6120 6.4): the text as written, and what is read or refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{
    ABORT, MAX_TEXT_BYTES, SaslElement, SaslFailure, is_mechanism_name, write_auth,
    write_challenge, write_failure, write_response, write_success,
};
use crate::sasl::{SaslCondition, Secret};
use crate::stream::testing::element;

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// What an element holds, without its lifetime.
#[derive(Debug, PartialEq)]
enum Read {
    Auth(String, Option<Vec<u8>>),
    Challenge(Vec<u8>),
    Response(Vec<u8>),
    Abort,
    Success(Option<Vec<u8>>),
    Failure(SaslFailure),
}

fn read(xml: &str) -> Result<Read, SaslCondition> {
    let octets = |secret: Secret| secret.as_bytes().to_vec();
    element(xml, |element| {
        Ok(match SaslElement::read(&element)? {
            SaslElement::Auth { mechanism, data } => {
                Read::Auth(mechanism.into_owned(), data.map(octets))
            }
            SaslElement::Challenge(data) => Read::Challenge(octets(data)),
            SaslElement::Response(data) => Read::Response(octets(data)),
            SaslElement::Abort => Read::Abort,
            SaslElement::Success(data) => Read::Success(data.map(octets)),
            SaslElement::Failure(failure) => Read::Failure(failure),
        })
    })
}

fn response(text: &str) -> Result<Read, SaslCondition> {
    read(&format!("<response xmlns='{SASL}'>{text}</response>"))
}

#[test]
fn rfc6120_6_4_2_example_is_read() {
    assert_eq!(
        read(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' \
             mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>"
        ),
        Ok(Read::Auth(
            "PLAIN".into(),
            Some(b"\0juliet\0r0m30myr0m30".to_vec())
        ))
    );
}

#[test]
fn rfc6120_6_4_2_1_equals_sign_is_present_and_empty_and_absence_is_absence() {
    let auth = |text| {
        read(&format!(
            "<auth xmlns='{SASL}' mechanism='EXTERNAL'>{text}</auth>"
        ))
    };
    assert_eq!(
        auth("="),
        Ok(Read::Auth("EXTERNAL".into(), Some(Vec::new())))
    );
    assert_eq!(auth(""), Ok(Read::Auth("EXTERNAL".into(), None)));
    let success = |text| read(&format!("<success xmlns='{SASL}'>{text}</success>"));
    assert_eq!(success("="), Ok(Read::Success(Some(Vec::new()))));
    assert_eq!(success(""), Ok(Read::Success(None)));
    assert_eq!(success("eA=="), Ok(Read::Success(Some(b"x".to_vec()))));
}

#[test]
fn rfc6120_6_4_6_2_empty_data_is_written_as_an_equals_sign_and_none_as_nothing() {
    let written = |write: &dyn Fn(&mut String)| {
        let mut out = String::new();
        write(&mut out);
        out
    };
    let auth = |data| written(&|out| write_auth(out, "EXTERNAL", data));
    assert_eq!(
        auth(Some(b"")),
        format!("<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
    );
    assert_eq!(
        auth(None),
        format!("<auth xmlns='{SASL}' mechanism='EXTERNAL'></auth>")
    );
    let success = |data| written(&|out| write_success(out, data));
    assert_eq!(
        success(Some(b"")),
        format!("<success xmlns='{SASL}'>=</success>")
    );
    assert_eq!(success(None), format!("<success xmlns='{SASL}'></success>"));
    assert_eq!(
        written(&|out| write_response(out, b"")),
        format!("<response xmlns='{SASL}'></response>")
    );
}

#[test]
fn rfc6120_6_4_3_1_challenges_and_responses_always_have_data() {
    assert_eq!(response(""), Ok(Read::Response(Vec::new())));
    assert_eq!(response("="), Ok(Read::Response(Vec::new())));
    assert_eq!(
        read(&format!("<challenge xmlns='{SASL}'/>")),
        Ok(Read::Challenge(Vec::new()))
    );
}

#[test]
fn rfc6120_13_9_1_base64_is_strict() {
    assert_eq!(response("YWJj"), Ok(Read::Response(b"abc".to_vec())));
    assert_eq!(response("YWI="), Ok(Read::Response(b"ab".to_vec())));
    for bad in [
        "YWJj\n", "YW Jj", " YWJj", "YWJ", "YWI", "YWJj=", "=AAA", "BBBB=CCC", "YQ==YQ==", "====",
        "==", "Y===", "YWJ=", "YR==", "YW-_", "YWJj.", "\u{e9}", " ",
    ] {
        assert_eq!(
            response(bad),
            Err(SaslCondition::IncorrectEncoding),
            "{bad:?}"
        );
    }
}

/// Put together from pieces by the XML layer, the text is the same text.
#[test]
fn base64_written_with_references_and_cdata_is_the_same_base64() {
    assert_eq!(
        response("&#89;WJ<![CDATA[j]]>"),
        Ok(Read::Response(b"abc".to_vec()))
    );
}

#[test]
fn rfc6120_6_5_7_a_missing_or_impossible_mechanism_is_invalid_mechanism() {
    for attribute in [
        "",
        "mechanism=''",
        "mechanism='plain'",
        "x:mechanism='PLAIN'",
    ] {
        assert_eq!(
            read(&format!(
                "<auth xmlns='{SASL}' xmlns:x='u:x' {attribute}>=</auth>"
            )),
            Err(SaslCondition::InvalidMechanism),
            "{attribute}"
        );
    }
}

#[test]
fn rfc6120_6_5_8_elements_inside_and_unknown_elements_are_malformed_request() {
    assert_eq!(response("<x/>"), Err(SaslCondition::MalformedRequest));
    assert_eq!(response("YWJj<x/>"), Err(SaslCondition::MalformedRequest));
    for xml in [
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<auth xmlns='urn:x' mechanism='PLAIN'/>",
    ] {
        assert_eq!(read(xml), Err(SaslCondition::MalformedRequest));
    }
}

#[test]
fn rfc4422_3_1_mechanism_names() {
    for good in ["PLAIN", "SCRAM-SHA-512-PLUS", "X_1", "AAAAAAAAAAAAAAAAAAAA"] {
        assert!(is_mechanism_name(good), "{good}");
    }
    for bad in [
        "",
        "plain",
        "PLAIN ",
        "A.B",
        "AAAAAAAAAAAAAAAAAAAAA",
        "\u{c4}",
    ] {
        assert!(!is_mechanism_name(bad), "{bad}");
    }
}

#[test]
fn rfc6120_6_4_5_1_failures_are_written_and_read() {
    for condition in SaslCondition::ALL {
        let mut out = String::new();
        write_failure(&mut out, condition, None);
        assert_eq!(
            out,
            format!(
                "<failure xmlns='{SASL}'><{}/></failure>",
                condition.as_str()
            )
        );
        write_failure(&mut out, condition, Some("a < b\0"));
        let (_, with_text) = out.split_at(out.rfind("<failure").unwrap());
        assert_eq!(
            read(with_text),
            Ok(Read::Failure(SaslFailure {
                condition,
                unknown_name: None,
                text: Some("a < b\u{fffd}".into()),
            }))
        );
    }
}

/// Names copied from the headings of RFC 6120 6.5.1 to 6.5.11.
#[test]
fn failure_conditions_have_the_names_of_the_rfc() {
    use SaslCondition as C;
    let names = [
        (C::Aborted, "aborted"),
        (C::AccountDisabled, "account-disabled"),
        (C::CredentialsExpired, "credentials-expired"),
        (C::EncryptionRequired, "encryption-required"),
        (C::IncorrectEncoding, "incorrect-encoding"),
        (C::InvalidAuthzid, "invalid-authzid"),
        (C::InvalidMechanism, "invalid-mechanism"),
        (C::MalformedRequest, "malformed-request"),
        (C::MechanismTooWeak, "mechanism-too-weak"),
        (C::NotAuthorized, "not-authorized"),
        (C::TemporaryAuthFailure, "temporary-auth-failure"),
    ];
    assert_eq!(names.map(|(condition, _)| condition), SaslCondition::ALL);
    for (condition, name) in names {
        let xml = format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{name}/></failure>");
        let mut out = String::new();
        write_failure(&mut out, condition, None);
        assert_eq!(out, xml);
        let read = match read(&xml) {
            Ok(Read::Failure(failure)) => (failure.condition, failure.unknown_name),
            other => panic!("{other:?}"),
        };
        assert_eq!(read, (condition, None));
    }
}

#[test]
fn rfc6120_6_5_1_unknown_condition_is_not_authorized_and_keeps_its_name() {
    let failure =
        |children: &str| match read(&format!("<failure xmlns='{SASL}'>{children}</failure>")) {
            Ok(Read::Failure(failure)) => (failure.condition, failure.unknown_name),
            other => panic!("{other:?}"),
        };
    assert_eq!(
        failure("<fancy/>"),
        (SaslCondition::NotAuthorized, Some("fancy".into()))
    );
    assert_eq!(failure(""), (SaslCondition::NotAuthorized, None));
    assert_eq!(
        failure("<text>t</text><x xmlns='u:x'/>\n<aborted/>"),
        (SaslCondition::Aborted, None)
    );
}

#[test]
fn texts_and_names_received_are_bounded() {
    let xml = format!(
        "<failure xmlns='{SASL}'><{}/><text>{}</text></failure>",
        "n".repeat(200),
        "t".repeat(5000)
    );
    match read(&xml) {
        Ok(Read::Failure(failure)) => {
            assert_eq!(failure.unknown_name.unwrap().len(), 64);
            assert_eq!(failure.text.unwrap().len(), MAX_TEXT_BYTES);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc6120_6_4_4_1_abort_is_read() {
    assert_eq!(read(ABORT), Ok(Read::Abort));
}

#[test]
fn data_is_absent_from_debug() {
    let xml = format!("<auth xmlns='{SASL}' mechanism='PLAIN'>c2VjcmV0</auth>");
    let debug = element(&xml, |element| {
        format!("{:?}", SaslElement::read(&element).unwrap())
    });
    assert!(debug.contains("PLAIN"), "{debug}");
    assert!(
        !debug.contains("c2VjcmV0") && !debug.contains("secret"),
        "{debug}"
    );
    // b"secret" as a list of numbers
    assert!(!debug.contains("115"), "{debug}");
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(64), ..ProptestConfig::default() })]

    #[test]
    fn written_elements_read_back(data in proptest::option::of(any::<Vec<u8>>())) {
        let octets = data.clone().unwrap_or_default();
        let written = |write: &dyn Fn(&mut String)| {
            let mut out = String::new();
            write(&mut out);
            read(&out)
        };
        prop_assert_eq!(
            written(&|out| write_auth(out, "SCRAM-SHA-1", data.as_deref())),
            Ok(Read::Auth("SCRAM-SHA-1".into(), data.clone()))
        );
        prop_assert_eq!(
            written(&|out| write_challenge(out, &octets)),
            Ok(Read::Challenge(octets.clone()))
        );
        prop_assert_eq!(
            written(&|out| write_response(out, &octets)),
            Ok(Read::Response(octets.clone()))
        );
        prop_assert_eq!(
            written(&|out| write_success(out, data.as_deref())),
            Ok(Read::Success(data.clone()))
        );
    }

    /// Reading is total, and what it accepts is canonical: encoded again it is
    /// the same text.
    #[test]
    fn any_text_is_read_or_refused(text in "[A-Za-z0-9+/= ]{0,12}") {
        if let Ok(Read::Response(octets)) = response(&text) {
            let mut again = String::new();
            write_response(&mut again, &octets);
            let expected = if text == "=" { "" } else { text.as_str() };
            prop_assert_eq!(again, format!("<response xmlns='{SASL}'>{expected}</response>"));
        }
    }
}

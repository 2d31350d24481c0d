//! Tests of resource binding and session establishment: the text as written, and what is read.

use alloc::format;
use alloc::string::{String, ToString};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{
    BindCondition, BindRequest, MAX_ID_BYTES, MalformedRequest, Recipient, read_result,
    read_session_request, write_error, write_request, write_result, write_session_request,
    write_session_result,
};
use crate::jid::Jid;
use crate::stream::testing::element;

type Request = (String, Option<String>);

fn request(xml: &str) -> Option<Request> {
    element(xml, |iq| {
        let request = BindRequest::read(&iq, Recipient::Anyone)?.ok()?;
        Some((request.id.into_owned(), request.resource.map(String::from)))
    })
}

/// What a request to the server that must be refused is answered with.
fn refusal(xml: &str) -> Option<String> {
    let answer = |malformed: MalformedRequest<'_>| written(|out| malformed.write_error(out));
    let domain = Recipient::Server {
        domain: "example.net",
        account: None,
    };
    element(xml, |iq| {
        let bind = BindRequest::read(&iq, domain).and_then(Result::err);
        let session = read_session_request(&iq, domain).and_then(Result::err);
        bind.or(session).map(answer)
    })
}

fn result(xml: &str) -> Option<String> {
    element(xml, |iq| Some(read_result(&iq)?.to_string()))
}

fn session(xml: &str) -> Option<String> {
    element(xml, |iq| {
        let request = read_session_request(&iq, Recipient::Anyone)?.ok()?;
        Some(String::from(request))
    })
}

fn written(write: impl Fn(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

#[test]
fn rfc6120_7_6_1_1_examples_are_read() {
    assert_eq!(
        request(
            "<iq id='tn281v37' type='set'>
               <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>
             </iq>"
        ),
        Some(("tn281v37".into(), None))
    );
    assert_eq!(
        result(
            "<iq id='tn281v37' type='result'>
              <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>
                <jid>
                  juliet@im.example.com/4db06f06-1ea4-11dc-aca3-000bcd821bfb
                </jid>
              </bind>
             </iq>"
        )
        .as_deref(),
        Some("juliet@im.example.com/4db06f06-1ea4-11dc-aca3-000bcd821bfb")
    );
}

#[test]
fn rfc6120_7_7_1_examples_are_read() {
    assert_eq!(
        request(
            "<iq id='wy2xa82b4' type='set'>
               <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>
                 <resource>balcony</resource>
               </bind>
             </iq>"
        ),
        Some(("wy2xa82b4".into(), Some("balcony".into())))
    );
    // The server's choice counts, whatever it looks like.
    assert_eq!(
        result(
            "<iq id='wy2xa82b4' type='result'>
              <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>
                <jid>
             juliet@im.example.com/balcony 4db06f06-1ea4-11dc-aca3-000bcd821bfb
                </jid>
              </bind>
             </iq>"
        )
        .as_deref(),
        Some("juliet@im.example.com/balcony 4db06f06-1ea4-11dc-aca3-000bcd821bfb")
    );
}

#[test]
fn rfc6120_7_7_2_1_1_an_empty_resource_asks_for_a_generated_one() {
    assert_eq!(
        request(
            "<iq id='a' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource/></bind></iq>"
        ),
        Some(("a".into(), None))
    );
}

#[test]
fn other_elements_are_not_requests_to_bind() {
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    for xml in [
        format!("<iq type='result' id='a'>{bind}</iq>"),
        format!("<iq type='error' id='a'>{bind}<error/></iq>"),
        format!("<message type='set' id='a'>{bind}</message>"),
        format!("<iq type='set' id='a'><x xmlns='u:x'>{bind}</x></iq>"),
        "<iq type='set' id='a'><bind/></iq>".into(),
        "<iq type='set' id='a'/>".into(),
    ] {
        assert_eq!(request(&xml), None, "{xml}");
        assert_eq!(refusal(&xml), None, "{xml}");
    }
}

#[test]
fn rfc6120_8_2_3_a_malformed_request_is_answered_with_bad_request() {
    let long = "i".repeat(MAX_ID_BYTES + 1);
    let longest = "i".repeat(MAX_ID_BYTES);
    for child in [
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    ] {
        for (xml, id) in [
            (format!("<iq type='set'>{child}</iq>"), ""),
            (format!("<iq type='set' id=''>{child}</iq>"), " id=''"),
            (format!("<iq type='set' id='{long}'>{child}</iq>"), ""),
            (format!("<iq type='get' id='a'>{child}</iq>"), " id='a'"),
            (format!("<iq id='a'>{child}</iq>"), " id='a'"),
            (format!("<iq type='x' id='a'>{child}</iq>"), " id='a'"),
            (
                format!("<iq type='set' id='a'>{child}<q xmlns='u:x'/></iq>"),
                " id='a'",
            ),
            (
                format!("<iq type='set' id='a'><q xmlns='u:x'/>{child}</iq>"),
                " id='a'",
            ),
            (
                format!("<iq type='set' id='a'>{child}{child}</iq>"),
                " id='a'",
            ),
        ] {
            assert_eq!((request(&xml), session(&xml)), (None, None), "{xml}");
            let answer = format!(
                "<iq type='error'{id}><error type='modify'>\
                 <bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            );
            assert_eq!(refusal(&xml), Some(answer), "{xml}");
        }
        let fits = format!("<iq type='set' id='{longest}'> {child} </iq>");
        assert_eq!(refusal(&fits), None);
        assert!(request(&fits).is_some() || session(&fits).is_some());
    }
}

#[test]
fn rfc6120_8_1_1_a_request_to_somebody_else_is_not_the_servers() {
    let account = Jid::parse("juliet@example.net").unwrap();
    let full = Jid::parse("juliet@example.net/r").unwrap();
    let read = |to: &str, account: Option<&Jid>, child: &str| {
        let xml = format!("<iq type='set' id='a' {to}>{child}</iq>");
        let domain = "example.net";
        let recipient = Recipient::Server { domain, account };
        element(&xml, |iq| {
            let bind = BindRequest::read(&iq, recipient).is_some();
            bind || read_session_request(&iq, recipient).is_some()
        })
    };
    for child in [
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    ] {
        for (to, unknown, known) in [
            ("", true, true),
            ("to=''", true, true),
            ("to='example.net'", true, true),
            ("to='EXAMPLE.net'", true, true),
            ("to='juliet@example.net'", false, true),
            ("to='juliet@example.net/r'", false, false),
            ("to='romeo@example.net'", false, false),
            ("to='example.net/r'", false, false),
            ("to='other.example'", false, false),
            ("to='conference.example.net'", false, false),
            ("to='a b'", false, false),
        ] {
            assert_eq!(read(to, None, child), unknown, "{to}");
            assert_eq!(read(to, Some(&account), child), known, "{to}");
            assert_eq!(read(to, Some(&full), child), known, "{to}");
        }
    }
}

#[test]
fn rfc6120_7_7_1_a_resource_is_handed_over_as_received() {
    for resource in [
        "Balcony",
        "BALCONY",
        " balcony ",
        "\tx\ty",
        "sixteen characters and more",
        "a/b@c",
        "\u{130}\u{df}",
    ] {
        let asked = written(|out| write_request(out, "a", Some(resource)));
        let read = request(&asked).unwrap().1;
        assert_eq!(read.as_deref(), Some(resource), "{asked}");
    }
    let read = request(
        "<iq id='a' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource> De&#x73;k <![CDATA[& ]]></resource></bind></iq>",
    );
    assert_eq!(read.unwrap().1.as_deref(), Some(" Desk & "));
    let longest = "R".repeat(crate::jid::MAX_PART_BYTES);
    let asked = written(|out| write_request(out, "a", Some(&longest)));
    assert_eq!(request(&asked).unwrap().1.as_deref(), Some(&*longest));
    for resource in ["Balcony", "balcony ", &longest] {
        let xml = format!(
            "<iq type='result' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>juliet@example.net/{resource}</jid></bind></iq>"
        );
        let bound = element(&xml, |iq| read_result(&iq)).unwrap();
        assert_eq!(bound.resource(), Some(resource));
    }
}

#[test]
fn rfc6120_7_6_2_an_error_that_echoes_an_address_is_never_a_result() {
    let echo = |kind: &str| {
        format!(
            "<iq {kind} id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>juliet@example.net/r</jid></bind></iq>"
        )
    };
    assert_eq!(
        result(&echo("type='result'")).as_deref(),
        Some("juliet@example.net/r")
    );
    for kind in [
        "type='error'",
        "type='set'",
        "type='get'",
        "type='Result'",
        "",
    ] {
        assert_eq!(result(&echo(kind)), None, "{kind}");
    }
}

/// RFC 6120 7.6.2, 7.7.2, 8.3.3: names and types are copied from the text.
#[test]
fn rfc6120_8_3_3_conditions_have_the_names_of_the_rfc() {
    for (condition, name, kind) in [
        (BindCondition::BadRequest, "bad-request", "modify"),
        (BindCondition::Conflict, "conflict", "modify"),
        (BindCondition::NotAllowed, "not-allowed", "cancel"),
        (
            BindCondition::ResourceConstraint,
            "resource-constraint",
            "wait",
        ),
        (BindCondition::Other, "internal-server-error", "cancel"),
    ] {
        let xml = format!(
            "<iq type='error' id='a'><error type='{kind}'>\
             <{name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
        assert_eq!(element(&xml, |iq| BindCondition::read(&iq)), condition);
        assert_eq!(written(|out| write_error(out, "a", condition)), xml);
    }
}

#[test]
fn rfc6120_7_6_1_1_only_a_full_address_is_a_result() {
    for jid in [
        "",
        "<jid/>",
        "<jid>example.com</jid>",
        "<jid>a@example.com</jid>",
        "<jid>example.com/r</jid>",
        "<jid>a b@example.com/r</jid>",
        "<jid xmlns='u:x'>a@example.com/r</jid>",
    ] {
        let xml = format!(
            "<iq type='result' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{jid}\
             </bind></iq>"
        );
        assert_eq!(result(&xml), None, "{xml}");
    }
}

#[test]
fn rfc6120_7_6_2_and_7_7_2_errors_are_written_as_shown() {
    assert_eq!(
        written(|out| write_error(out, "wy2xa82b4", BindCondition::Conflict)),
        "<iq type='error' id='wy2xa82b4'><error type='modify'>\
         <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    let types = [
        (BindCondition::BadRequest, "modify"),
        (BindCondition::Conflict, "modify"),
        (BindCondition::NotAllowed, "cancel"),
        (BindCondition::ResourceConstraint, "wait"),
    ];
    for (error, kind) in types {
        let xml = written(|out| write_error(out, "a", error));
        assert!(xml.contains(&format!("<error type='{kind}'>")), "{xml}");
    }
    for error in BindCondition::ALL {
        let xml = written(|out| write_error(out, "a", error));
        assert_eq!(element(&xml, |iq| BindCondition::read(&iq)), error);
    }
}

#[test]
fn rfc6120_7_6_2_other_errors_are_other() {
    assert_eq!(BindCondition::Conflict.to_string(), "conflict");
    for error in [
        "",
        "<error/>",
        "<error><conflict/></error>",
        "<error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
    ] {
        let xml = format!("<iq type='error' id='a'>{error}</iq>");
        assert_eq!(
            element(&xml, |iq| BindCondition::read(&iq)),
            BindCondition::Other
        );
    }
    let with_text = "<iq type='error' id='a'><error>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>t</text>\
         <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    assert_eq!(
        element(with_text, |iq| BindCondition::read(&iq)),
        BindCondition::Conflict
    );
}

#[test]
fn rfc3921_3_session_is_asked_for_and_granted() {
    let asked = written(|out| write_session_request(out, "sess_1"));
    assert_eq!(
        asked,
        "<iq type='set' id='sess_1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
    );
    assert_eq!(session(&asked).as_deref(), Some("sess_1"));
    assert_eq!(request(&asked), None);
    let granted = written(|out| write_session_result(out, "sess_1"));
    assert_eq!(granted, "<iq type='result' id='sess_1'></iq>");
    assert_eq!(session(&granted), None);
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn written_requests_and_results_read_back(
        id in "\\PC{1,20}|[<&>'\" \t\r\n]{1,8}",
        resource in "\\PC{1,20}|[<&>'\"\\]]{1,20}",
    ) {
        let xml = written(|out| write_request(out, &id, Some(&resource)));
        prop_assert_eq!(request(&xml), Some((id.clone(), Some(resource.clone()))));
        let xml = written(|out| write_request(out, &id, None));
        prop_assert_eq!(request(&xml), Some((id.clone(), None)));
        if let Ok(jid) = Jid::from_parts(Some("juliet"), "example.com", Some(&resource)) {
            let xml = written(|out| write_result(out, &id, &jid));
            prop_assert_eq!(result(&xml), Some(jid.to_string()));
        }
        let xml = written(|out| write_session_request(out, &id));
        prop_assert_eq!(session(&xml), Some(id));
    }
}

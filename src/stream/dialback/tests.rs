//! Tests of the elements of Server Dialback: the text as written, and what is read or refused.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};

use super::{
    DialbackCondition, DialbackContent, DialbackElement, DialbackVerdict, MAX_ID_BYTES,
    write_request, write_result, write_verified, write_verify,
};
use crate::dialback::{DialbackKey, MAX_KEY_BYTES};
use crate::stream::testing::element_of;
use crate::stream::{Kind, StreamCondition};

/// Addresses and content, without lifetime.
type Read = Result<(String, String, DialbackContent<'static>), StreamCondition>;

fn read(xml: &str) -> Option<Read> {
    element_of(Kind::ServerToServer, xml, |element| {
        let read = DialbackElement::read(&element)?;
        Some(read.map(|element| {
            let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
            let content = match element.content {
                DialbackContent::Request { key } => DialbackContent::Request { key },
                DialbackContent::Result(verdict) => DialbackContent::Result(verdict),
                DialbackContent::Verify { id, key } => {
                    DialbackContent::Verify { id: owned(id), key }
                }
                DialbackContent::Verified { id, verdict } => DialbackContent::Verified {
                    id: owned(id),
                    verdict,
                },
            };
            let address = |jid: crate::jid::Jid| String::from(jid.as_str());
            (address(element.from), address(element.to), content)
        }))
    })
}

/// With `Some`, as `read` has it.
#[allow(clippy::unnecessary_wraps, reason = "compared with what is read")]
fn said(content: DialbackContent<'static>) -> Option<Read> {
    Some(Ok((
        "capulet.example".into(),
        "montague.example".into(),
        content,
    )))
}

const PAIR: (&str, &str) = ("capulet.example", "montague.example");
const KEY: &str = "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3";

fn key() -> DialbackKey {
    DialbackKey::new(KEY).unwrap()
}

#[test]
fn xep0220_2_1_what_is_written_is_read() {
    let (from, to) = PAIR;
    let mut out = String::new();
    write_request(&mut out, from, to, &key());
    assert_eq!(
        out,
        format!("<db:result from='{from}' to='{to}'>{KEY}</db:result>")
    );
    assert_eq!(read(&out), said(DialbackContent::Request { key: key() }));

    let mut out = String::new();
    write_verify(&mut out, from, to, "417GAF25", &key());
    let id = || Cow::Borrowed("417GAF25");
    assert_eq!(
        read(&out),
        said(DialbackContent::Verify {
            id: id(),
            key: key()
        })
    );

    let errors = DialbackCondition::ALL
        .into_iter()
        .map(DialbackVerdict::Error);
    for verdict in [DialbackVerdict::Valid, DialbackVerdict::Invalid]
        .into_iter()
        .chain(errors)
    {
        let mut out = String::new();
        write_result(&mut out, from, to, verdict);
        assert_eq!(read(&out), said(DialbackContent::Result(verdict)), "{out}");
        let mut out = String::new();
        write_verified(&mut out, from, to, "417GAF25", verdict);
        let verified = DialbackContent::Verified { id: id(), verdict };
        assert_eq!(read(&out), said(verified), "{out}");
    }
}

#[test]
fn xep0220_2_5_an_error_names_its_condition() {
    for error in DialbackCondition::ALL {
        let shown = DialbackVerdict::Error(error).to_string();
        assert_eq!(shown, format!("error: {}", error.as_str()));
    }
    assert_eq!(DialbackVerdict::Valid.to_string(), "valid");
    let (from, to) = PAIR;
    let mut out = String::new();
    let verdict = DialbackVerdict::Error(DialbackCondition::ItemNotFound);
    write_result(&mut out, from, to, verdict);
    assert_eq!(
        out,
        "<db:result from='capulet.example' to='montague.example' type='error'>\
         <error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         </error></db:result>"
    );
    let unknown = "<db:result from='capulet.example' to='montague.example' type='error'/>";
    let other = DialbackVerdict::Error(DialbackCondition::Other);
    assert_eq!(read(unknown), said(DialbackContent::Result(other)));
}

#[test]
fn white_space_around_a_key_and_another_prefix_are_fine() {
    let xml = format!(
        "<d:result xmlns:d='jabber:server:dialback' from='Capulet.example' \
         to='montague.example'>\n  {KEY}\n</d:result>"
    );
    assert_eq!(read(&xml), said(DialbackContent::Request { key: key() }));
}

#[test]
fn xep0220_2_1_1_both_addresses_are_domains() {
    for addresses in [
        "to='b.example'",
        "from='a.example'",
        "from='' to='b.example'",
        "from='u@a.example' to='b.example'",
        "from='a.example' to='b.example/r'",
        "from='a.example' to='a b'",
    ] {
        for name in ["result", "verify id='1'"] {
            let xml = format!("<db:{name} {addresses} type='valid'/>");
            assert_eq!(read(&xml), Some(Err(StreamCondition::ImproperAddressing)));
        }
    }
}

#[test]
fn what_has_no_meaning_is_bad_format() {
    let long = |n: usize| "k".repeat(n);
    let pair = "from='a.example' to='b.example'";
    for xml in [
        format!("<db:result {pair}/>"),
        format!("<db:result {pair}> </db:result>"),
        format!("<db:result {pair}>{}</db:result>", long(MAX_KEY_BYTES + 1)),
        format!("<db:result {pair} type='Valid'/>"),
        format!("<db:result {pair} type=''/>"),
        format!("<db:verify {pair}>key</db:verify>"),
        format!("<db:verify {pair} id=''>key</db:verify>"),
        format!("<db:verify {pair} id='1'/>"),
        format!(
            "<db:verify {pair} id='{}' type='valid'/>",
            long(MAX_ID_BYTES + 1)
        ),
        format!("<db:verify {pair} type='valid'/>"),
    ] {
        assert_eq!(read(&xml), Some(Err(StreamCondition::BadFormat)), "{xml}");
    }
    let longest = long(MAX_KEY_BYTES);
    let xml = format!("<db:result {pair}>{longest}</db:result>");
    assert!(matches!(read(&xml), Some(Ok(_))));
    // Neither is dialback's.
    assert_eq!(read("<db:other/>"), None);
    assert_eq!(read("<result xmlns='urn:example'/>"), None);
}

#[test]
fn a_key_is_not_shown() {
    let xml = format!("<db:result from='a.example' to='b.example'>{KEY}</db:result>");
    assert!(!format!("{:?}", read(&xml)).contains(KEY));
    let xml = format!("<db:verify id='1' from='a.example' to='b.example'>{KEY}</db:verify>");
    assert!(!format!("{:?}", read(&xml)).contains(KEY));
}

/// Names copied from XEP-0220 2.5, types from RFC 6120 8.3.3.
#[test]
fn conditions_have_the_names_of_the_xep() {
    use DialbackCondition as C;
    let names = [
        (C::ItemNotFound, "item-not-found", "cancel"),
        (
            C::RemoteConnectionFailed,
            "remote-connection-failed",
            "cancel",
        ),
        (C::RemoteServerNotFound, "remote-server-not-found", "cancel"),
        (C::RemoteServerTimeout, "remote-server-timeout", "wait"),
        (C::PolicyViolation, "policy-violation", "modify"),
        (C::NotAuthorized, "not-authorized", "auth"),
        (C::Forbidden, "forbidden", "auth"),
        (C::NotAcceptable, "not-acceptable", "modify"),
        (C::ResourceConstraint, "resource-constraint", "wait"),
        (C::Other, "undefined-condition", "cancel"),
    ];
    assert_eq!(names.map(|(condition, ..)| condition), C::ALL);
    for (condition, name, kind) in names {
        let verdict = DialbackVerdict::Error(condition);
        let xml = format!(
            "<db:result from='capulet.example' to='montague.example' type='error'>\
             <error type='{kind}'><{name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>\
             </db:result>"
        );
        assert_eq!(read(&xml), said(DialbackContent::Result(verdict)));
        let mut out = String::new();
        write_result(&mut out, PAIR.0, PAIR.1, verdict);
        assert_eq!(out, xml);
    }
    for (verdict, kind) in [
        (DialbackVerdict::Valid, "valid"),
        (DialbackVerdict::Invalid, "invalid"),
    ] {
        let xml = format!(
            "<db:verify from='capulet.example' to='montague.example' id='1' type='{kind}'/>"
        );
        let id = Cow::Borrowed("1");
        assert_eq!(read(&xml), said(DialbackContent::Verified { id, verdict }));
        let mut out = String::new();
        write_verified(&mut out, PAIR.0, PAIR.1, "1", verdict);
        assert_eq!(out, xml);
    }
}

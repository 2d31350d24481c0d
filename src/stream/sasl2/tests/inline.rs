//! What an application gives to be written, and what is handed to it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::read;
use crate::stream::sasl2::{
    InlineXml, InlineXmlError, MAX_DESCRIPTION_BYTES, Sasl2Element as E, UserAgent, UserAgentError,
};

#[test]
fn xep0388_2_3_a_user_agent_is_checked() {
    let id = "D4565FA7-4D72-4749-B3D3-740EDBF87770";
    let agent = UserAgent::new(Some(id), Some("A"), Some("")).unwrap();
    assert_eq!(agent.id(), Some("d4565fa7-4d72-4749-b3d3-740edbf87770"));
    assert_eq!((agent.software(), agent.device()), (Some("A"), None));
    assert_eq!(
        UserAgent::new(Some("x"), None, None),
        Err(UserAgentError::Id)
    );
    let long = "a".repeat(MAX_DESCRIPTION_BYTES);
    assert!(UserAgent::new(None, Some(&long), None).is_ok());
    let longer = format!("{long}a");
    assert_eq!(
        UserAgent::new(None, Some(&longer), None),
        Err(UserAgentError::TooLong)
    );
    assert_eq!(
        UserAgent::new(None, None, Some("a\u{0}")),
        Err(UserAgentError::Unwritable)
    );
}

/// The first description of each kind counts; it is cut between characters.
#[test]
fn descriptions_of_a_user_agent_that_are_received_are_cut() {
    let long = "é".repeat(MAX_DESCRIPTION_BYTES);
    let xml = format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>\
         <user-agent id='D4565FA7-4D72-4749-B3D3-740EDBF87770'><software>{long}</software>\
         <software>b</software><device/></user-agent></authenticate>"
    );
    let agent = read(&xml, |read| match read {
        E::Authenticate(read) => read.user_agent.unwrap(),
        other => panic!("{other:?}"),
    });
    let agent = agent.unwrap();
    assert_eq!(agent.id(), Some("d4565fa7-4d72-4749-b3d3-740edbf87770"));
    let cut = "é".repeat(MAX_DESCRIPTION_BYTES / 2);
    assert_eq!(agent.software(), Some(&*cut));
    assert_eq!(agent.device(), None);
}

#[test]
fn an_inline_element_has_a_namespace_of_its_own() {
    let fine = "<x xmlns='u:x'><y/></x>";
    assert_eq!(
        InlineXml::new(fine).map(|xml| String::from(xml.as_str())),
        Ok(fine.into())
    );
    for xml in [
        "",
        "<a xmlns='u:x'/><b/>",
        "<a xmlns='u:x'>",
        "</success>",
        "x",
    ] {
        assert_eq!(
            InlineXml::new(xml),
            Err(InlineXmlError::NotOneElement),
            "{xml}"
        );
    }
    for namespace in [
        "",
        "jabber:client",
        "jabber:server",
        "jabber:component:accept",
        "http://etherx.jabber.org/streams",
        "urn:xmpp:sasl:2",
        "urn:xmpp:bind:0",
        "urn:xmpp:sm:3",
        "urn:xmpp:fast:0",
        "urn:xmpp:sasl:upgrade:0",
    ] {
        let xml = format!("<a xmlns='{namespace}'/>");
        assert_eq!(
            InlineXml::new(&xml),
            Err(InlineXmlError::Namespace),
            "{xml}"
        );
    }
}

/// XEP-0388 2.3, 2.6.1: unknown elements are handed over in their places, and those without a
/// namespace of their own are not.
#[test]
fn elements_of_extensions_are_handed_over() {
    let xml = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><y/><a xmlns='u:a'/>\
               <bind xmlns='urn:xmpp:bind:0'><y/><tag/><b xmlns='u:b'/></bind>\
               <y xmlns='urn:xmpp:fast:0'/><c xmlns='u:c'/></authenticate>";
    let names = read(xml, |read| {
        let E::Authenticate(read) = read else {
            panic!("{read:?}")
        };
        let bind = read.bind.as_ref().unwrap();
        assert_eq!(bind.tag, None);
        let names = read.extensions().chain(bind.features());
        names.map(|e| String::from(e.name())).collect::<Vec<_>>()
    });
    assert_eq!(names.unwrap(), ["a", "c", "b"]);
}

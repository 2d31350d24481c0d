//! The handshake of an external component, written and read (XEP-0114 3).
//!
//! Both sides send `<handshake/>` in the content namespace of the stream: the component with its
//! proof, the server without content when it accepts the proof.
//! [`ComponentSecret`](crate::component::ComponentSecret) makes and checks the proof; this file
//! only knows its form on the wire.

use alloc::borrow::Cow;
use alloc::string::String;

use super::put;
use crate::component::Handshake;
use crate::xml::Element;

/// The answer of a server that accepts the proof.
pub const ACCEPTED: &str = "<handshake/>";

/// Appends the component's `<handshake/>`.
pub fn write(out: &mut String, proof: &Handshake) {
    out.push_str("<handshake>");
    put::text(out, proof.as_str());
    out.push_str("</handshake>");
}

/// Returns the proof in a received `<handshake/>`, without the white space around it.
#[must_use]
pub fn read<'a>(element: &Element<'a>) -> Cow<'a, str> {
    match element.text() {
        Cow::Borrowed(text) => Cow::Borrowed(put::trim(text)),
        Cow::Owned(text) => Cow::Owned(put::trim(&text).into()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use crate::component::ComponentSecret;
    use crate::stream::testing::element_of;
    use crate::stream::{Awaited, ElementClass, Kind, classify};

    fn class(kind: Kind, xml: &str) -> ElementClass {
        element_of(kind, xml, |element| {
            classify(&element, kind, Awaited::Nothing)
        })
    }

    #[test]
    fn xep0114_hs_what_is_written_is_read() {
        let secret = ComponentSecret::new(b"secret");
        let mut out = String::new();
        super::write(&mut out, &secret.handshake("id"));
        let matches = element_of(Kind::Component, &out, |element| {
            secret.verify("id", &super::read(&element))
        });
        assert!(matches, "{out}");
        assert_eq!(class(Kind::Component, &out), ElementClass::Handshake);
        assert_eq!(
            class(Kind::Component, super::ACCEPTED),
            ElementClass::Handshake
        );
    }

    #[test]
    fn it_is_no_element_of_other_streams() {
        for kind in [Kind::ClientToServer, Kind::ServerToServer] {
            assert!(matches!(class(kind, super::ACCEPTED), ElementClass::Bad(_)));
        }
        assert!(matches!(
            class(Kind::Component, "<handshake xmlns='jabber:client'/>"),
            ElementClass::Bad(_)
        ));
    }

    #[test]
    fn a_stanza_of_a_component_is_one_whatever_its_addresses_are() {
        let stanza = |xml| matches!(class(Kind::Component, xml), ElementClass::Stanza(_));
        assert!(stanza("<message from='a.example' to='b@c.example'/>"));
        assert!(stanza("<message from='a.example'/>"));
        assert!(stanza("<message to='a.example'/>"));
        assert!(stanza("<message from='a b@c' to=''/>"));
    }
}

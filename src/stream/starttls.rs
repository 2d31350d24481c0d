//! The three elements of STARTTLS, written and read (RFC 6120 5.4.2).
//!
//! TLS begins directly after the `>` of `<proceed/>` (RFC 6120 5.4.2.3): no byte may be written
//! after it, and no white space before it (RFC 6120 5.3.3).
//!
//! This decision was open: RFC 6120 5.4.2.2 names a malformed command as a cause of failure without
//! saying what one is. Here it is a `<starttls/>` or `<proceed/>` with child elements or text
//! inside. `<required/>` belongs only to the feature (RFC 6120 5.4.1). White space and unknown
//! attributes (RFC 6120 11.4) are ignored.

use super::{ns, put};
use crate::xml::Element;

/// Names an element of the STARTTLS namespace. The feature `<starttls/>` is part of
/// [`features`](super::features).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartTls {
    /// `<starttls/>`: the initiating entity asks for TLS (RFC 6120 5.4.2.1).
    Request,
    /// `<proceed/>`: TLS begins (RFC 6120 5.4.2.3).
    Proceed,
    /// `<failure/>`: the stream and the connection end, whatever else the element contains
    /// (RFC 6120 5.4.2.2). It is not used for failures of TLS itself (RFC 6120 5.4.3.2).
    Failure,
}

/// Says that a `<starttls/>` or `<proceed/>` has child elements or text inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a STARTTLS command with content")]
pub struct Malformed(
    /// The command that it would be without them.
    pub StartTls,
);

impl StartTls {
    /// Reads the element. Returns `None` if it is none of the three. Attributes are ignored.
    ///
    /// # Errors
    /// Returns [`Malformed`] if it is a `<starttls/>` or `<proceed/>` that is not empty.
    #[must_use]
    pub fn read(element: &Element<'_>) -> Option<Result<Self, Malformed>> {
        let command = match (element.name(), element.ns()) {
            ("starttls", ns::TLS) => Self::Request,
            ("proceed", ns::TLS) => Self::Proceed,
            ("failure", ns::TLS) => return Some(Ok(Self::Failure)),
            _ => return None,
        };
        match is_empty(element) {
            true => Some(Ok(command)),
            false => Some(Err(Malformed(command))),
        }
    }

    /// Returns the element as it is sent.
    #[must_use]
    pub const fn as_xml(self) -> &'static str {
        match self {
            Self::Request => "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            Self::Proceed => "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            Self::Failure => "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        }
    }
}

fn is_empty(element: &Element<'_>) -> bool {
    element.children().next().is_none() && put::trim(&element.text()).is_empty()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::{Malformed, StartTls};
    use crate::stream::testing::element;

    #[test]
    fn rfc6120_5_4_2_elements_are_written_and_read() {
        for tls in [StartTls::Request, StartTls::Proceed, StartTls::Failure] {
            assert_eq!(
                element(tls.as_xml(), |read| StartTls::read(&read)),
                Some(Ok(tls))
            );
        }
    }

    #[test]
    fn a_command_with_content_is_malformed() {
        let read = |name: &str, content: &str| {
            let xml = format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-tls'>{content}</{name}>");
            element(&xml, |read| StartTls::read(&read))
        };
        for content in [
            "<required/>",
            "<a xmlns='u'/>",
            "x",
            " x ",
            "\u{a0}",
            "&#48;",
        ] {
            for (name, tls) in [
                ("starttls", StartTls::Request),
                ("proceed", StartTls::Proceed),
            ] {
                let malformed = Some(Err(Malformed(tls)));
                assert_eq!(read(name, content), malformed, "{name} {content}");
            }
            // The content of a failure does not matter.
            assert_eq!(read("failure", content), Some(Ok(StartTls::Failure)));
            assert_eq!(read("other", content), None);
        }
        for empty in ["", " \t\r\n", "&#x20;", "<![CDATA[]]>", "<![CDATA[\n]]> "] {
            assert_eq!(
                read("starttls", empty),
                Some(Ok(StartTls::Request)),
                "{empty}"
            );
            assert_eq!(
                read("proceed", empty),
                Some(Ok(StartTls::Proceed)),
                "{empty}"
            );
        }
    }

    #[test]
    fn foreign_attributes_of_a_command_are_ignored() {
        let xml = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls' xmlns:a='u' a:b='c' d='e'/>";
        let read = element(xml, |read| StartTls::read(&read));
        assert_eq!(read, Some(Ok(StartTls::Request)));
    }

    #[test]
    fn the_namespace_decides_not_the_prefix() {
        let read = |xml| element(xml, |read| StartTls::read(&read));
        assert_eq!(
            read("<t:proceed xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'> </t:proceed>"),
            Some(Ok(StartTls::Proceed))
        );
        assert_eq!(read("<proceed xmlns='urn:example'/>"), None);
        assert_eq!(
            read("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
            None
        );
    }
}

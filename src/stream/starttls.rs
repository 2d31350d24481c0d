//! STARTTLS's three elements (RFC 6120 section 5.4.2).
//!
//! TLS begins right behind the `>` of `<proceed/>` (5.4.2.3): nothing may be
//! written after it, nor any white space before it (5.3.3).

use super::ns;
use crate::xml::Element;

/// An element of the STARTTLS namespace. The feature of the same name is part
/// of [`features`](super::features).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartTls {
    /// `<starttls/>`: the initiating entity asks for TLS (5.4.2.1).
    Request,
    /// `<proceed/>`: TLS begins (5.4.2.3).
    Proceed,
    /// `<failure/>`: the stream and the connection end (5.4.2.2). Not for
    /// failures of TLS itself (5.4.3.2).
    Failure,
}

impl StartTls {
    /// Recognises the element; attributes and content do not matter.
    #[must_use]
    pub fn read(element: &Element<'_>) -> Option<Self> {
        match (element.name(), element.ns()) {
            ("starttls", ns::TLS) => Some(Self::Request),
            ("proceed", ns::TLS) => Some(Self::Proceed),
            ("failure", ns::TLS) => Some(Self::Failure),
            _ => None,
        }
    }

    /// The element as it is sent.
    #[must_use]
    pub const fn as_xml(self) -> &'static str {
        match self {
            Self::Request => "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            Self::Proceed => "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            Self::Failure => "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StartTls;
    use crate::stream::testing::element;

    #[test]
    fn rfc6120_5_4_2_elements_are_written_and_read() {
        for tls in [StartTls::Request, StartTls::Proceed, StartTls::Failure] {
            assert_eq!(
                element(tls.as_xml(), |read| StartTls::read(&read)),
                Some(tls)
            );
        }
    }

    #[test]
    fn the_namespace_decides_not_the_prefix() {
        let read = |xml| element(xml, |read| StartTls::read(&read));
        assert_eq!(
            read("<t:proceed xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'> </t:proceed>"),
            Some(StartTls::Proceed)
        );
        assert_eq!(read("<proceed xmlns='urn:example'/>"), None);
        assert_eq!(
            read("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
            None
        );
    }
}

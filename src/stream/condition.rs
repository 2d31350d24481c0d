//! The names of stream errors (RFC 6120 4.9.3).
//!
//! The list is the RFC's and complete. A name that is wrong here is wrong on the wire, so each one
//! is tested against the text of the RFC.

use core::fmt;

use crate::xml::XmlErrorClass;

/// Names a stream error on the wire (RFC 6120 4.9.3). The element that carries it is a
/// [`StreamError`](super::StreamError).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StreamCondition {
    /// The XML cannot be processed. A more specific condition is sent where one applies
    /// (RFC 6120 4.9.3.1).
    BadFormat,
    /// A namespace prefix is not supported, or is missing (RFC 6120 4.9.3.2).
    BadNamespacePrefix,
    /// The stream gives way to a newer one, or a new stream to an existing one (RFC 6120 4.9.3.3).
    Conflict,
    /// The peer no longer answers (RFC 6120 4.9.3.4).
    ConnectionTimeout,
    /// The host that is asked for is no longer served here (RFC 6120 4.9.3.5).
    HostGone,
    /// The host that is asked for is not served here (RFC 6120 4.9.3.6).
    HostUnknown,
    /// An address is missing or breaks the rules for addresses (RFC 6120 4.9.3.7).
    ImproperAddressing,
    /// The server is misconfigured or has another internal error (RFC 6120 4.9.3.8).
    InternalServerError,
    /// `from` is not the authorised address or domain (RFC 6120 4.9.3.9).
    InvalidFrom,
    /// The stream namespace is wrong, or the content namespace is not supported (RFC 6120
    /// 4.9.3.10).
    InvalidNamespace,
    /// A validating server finds the XML invalid (RFC 6120 4.9.3.11).
    InvalidXml,
    /// Data arrived before authentication, or a negotiation step that is not allowed (RFC 6120
    /// 4.9.3.12).
    NotAuthorized,
    /// The XML is not well-formed or not namespace-well-formed (RFC 6120 4.9.3.13).
    NotWellFormed,
    /// A local policy was violated, for instance a size limit (RFC 6120 4.9.3.14).
    PolicyViolation,
    /// A remote entity that is needed for authentication cannot be reached (RFC 6120 4.9.3.15).
    RemoteConnectionFailed,
    /// Stream and security context end, and everything is negotiated again on a new connection
    /// (RFC 6120 4.9.3.16).
    Reset,
    /// The server lacks resources (RFC 6120 4.9.3.17).
    ResourceConstraint,
    /// The XML contains a comment, a processing instruction, a document type declaration or an
    /// entity reference (RFC 6120 4.9.3.18).
    RestrictedXml,
    /// The initiating entity is redirected to another host (RFC 6120 4.9.3.19).
    SeeOtherHost,
    /// The server is being shut down (RFC 6120 4.9.3.20).
    SystemShutdown,
    /// None of the others applies. An unknown condition is read as this one (RFC 6120 4.9.2,
    /// 4.9.3.21).
    UndefinedCondition,
    /// The encoding is not UTF-8 (RFC 6120 4.9.3.22).
    UnsupportedEncoding,
    /// Only mandatory features were offered that are not supported (RFC 6120 4.9.3.23).
    UnsupportedFeature,
    /// A first-level element is not understood (RFC 6120 4.9.3.24).
    UnsupportedStanzaType,
    /// The version of XMPP is not supported (RFC 6120 4.9.3.25).
    UnsupportedVersion,
}

impl StreamCondition {
    /// Every condition, in the order of the RFC.
    pub const ALL: [Self; 25] = [
        Self::BadFormat,
        Self::BadNamespacePrefix,
        Self::Conflict,
        Self::ConnectionTimeout,
        Self::HostGone,
        Self::HostUnknown,
        Self::ImproperAddressing,
        Self::InternalServerError,
        Self::InvalidFrom,
        Self::InvalidNamespace,
        Self::InvalidXml,
        Self::NotAuthorized,
        Self::NotWellFormed,
        Self::PolicyViolation,
        Self::RemoteConnectionFailed,
        Self::Reset,
        Self::ResourceConstraint,
        Self::RestrictedXml,
        Self::SeeOtherHost,
        Self::SystemShutdown,
        Self::UndefinedCondition,
        Self::UnsupportedEncoding,
        Self::UnsupportedFeature,
        Self::UnsupportedStanzaType,
        Self::UnsupportedVersion,
    ];

    /// Returns the element name of the condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::Conflict => "conflict",
            Self::ConnectionTimeout => "connection-timeout",
            Self::HostGone => "host-gone",
            Self::HostUnknown => "host-unknown",
            Self::ImproperAddressing => "improper-addressing",
            Self::InternalServerError => "internal-server-error",
            Self::InvalidFrom => "invalid-from",
            Self::InvalidNamespace => "invalid-namespace",
            Self::InvalidXml => "invalid-xml",
            Self::NotAuthorized => "not-authorized",
            Self::NotWellFormed => "not-well-formed",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::Reset => "reset",
            Self::ResourceConstraint => "resource-constraint",
            Self::RestrictedXml => "restricted-xml",
            Self::SeeOtherHost => "see-other-host",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::UnsupportedFeature => "unsupported-feature",
            Self::UnsupportedStanzaType => "unsupported-stanza-type",
            Self::UnsupportedVersion => "unsupported-version",
        }
    }

    /// Returns the condition of that element name.
    ///
    /// An unknown name is [`UndefinedCondition`](Self::UndefinedCondition) (RFC 6120 4.9.2).
    /// `xml-not-well-formed`, the name in RFC 3920, is [`NotWellFormed`](Self::NotWellFormed)
    /// (RFC 6120 4.9.3.13).
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "xml-not-well-formed" => Self::NotWellFormed,
            _ => Self::ALL
                .into_iter()
                .find(|condition| condition.as_str() == name)
                .unwrap_or(Self::UndefinedCondition),
        }
    }
}

impl fmt::Display for StreamCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the sender of faulty XML is told (RFC 6120 sections 11.1 to 11.6,
/// 13.12).
impl From<XmlErrorClass> for StreamCondition {
    fn from(class: XmlErrorClass) -> Self {
        match class {
            XmlErrorClass::NotWellFormed => Self::NotWellFormed,
            XmlErrorClass::RestrictedXml => Self::RestrictedXml,
            XmlErrorClass::BadNamespacePrefix => Self::BadNamespacePrefix,
            XmlErrorClass::BadFormat => Self::BadFormat,
            XmlErrorClass::UnsupportedEncoding => Self::UnsupportedEncoding,
            XmlErrorClass::PolicyViolation => Self::PolicyViolation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StreamCondition as C;

    /// Copied from the headings of RFC 6120 4.9.3.1 to 4.9.3.25.
    const NAMES: [(C, &str); 25] = [
        (C::BadFormat, "bad-format"),
        (C::BadNamespacePrefix, "bad-namespace-prefix"),
        (C::Conflict, "conflict"),
        (C::ConnectionTimeout, "connection-timeout"),
        (C::HostGone, "host-gone"),
        (C::HostUnknown, "host-unknown"),
        (C::ImproperAddressing, "improper-addressing"),
        (C::InternalServerError, "internal-server-error"),
        (C::InvalidFrom, "invalid-from"),
        (C::InvalidNamespace, "invalid-namespace"),
        (C::InvalidXml, "invalid-xml"),
        (C::NotAuthorized, "not-authorized"),
        (C::NotWellFormed, "not-well-formed"),
        (C::PolicyViolation, "policy-violation"),
        (C::RemoteConnectionFailed, "remote-connection-failed"),
        (C::Reset, "reset"),
        (C::ResourceConstraint, "resource-constraint"),
        (C::RestrictedXml, "restricted-xml"),
        (C::SeeOtherHost, "see-other-host"),
        (C::SystemShutdown, "system-shutdown"),
        (C::UndefinedCondition, "undefined-condition"),
        (C::UnsupportedEncoding, "unsupported-encoding"),
        (C::UnsupportedFeature, "unsupported-feature"),
        (C::UnsupportedStanzaType, "unsupported-stanza-type"),
        (C::UnsupportedVersion, "unsupported-version"),
    ];

    #[test]
    fn rfc6120_4_9_3_all_25_conditions_read_back() {
        assert_eq!(NAMES.map(|(condition, _)| condition), C::ALL);
        for (condition, name) in NAMES {
            assert_eq!(condition.as_str(), name);
            assert_eq!(C::from_name(name), condition);
        }
    }

    #[test]
    fn rfc6120_4_9_2_2_unknown_condition_is_undefined_condition() {
        for name in ["", "foo", "Reset", "reset ", "text"] {
            assert_eq!(C::from_name(name), C::UndefinedCondition);
        }
    }

    #[test]
    fn rfc6120_4_9_3_13_1_old_name_is_recognised() {
        assert_eq!(C::from_name("xml-not-well-formed"), C::NotWellFormed);
    }
}

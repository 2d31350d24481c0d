//! The stream error conditions of RFC 6120 section 4.9.3.

use crate::xml::FaultClass;

/// A stream error condition (RFC 6120 section 4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StreamCondition {
    /// XML that cannot be processed; where a more specific condition applies
    /// that one is sent (4.9.3.1).
    BadFormat,
    /// A namespace prefix that is not supported, or a missing one (4.9.3.2).
    BadNamespacePrefix,
    /// The stream gives way to a newer one, or a new one to it (4.9.3.3).
    Conflict,
    /// The peer does not answer any more (4.9.3.4).
    ConnectionTimeout,
    /// The addressed host is served here no longer (4.9.3.5).
    HostGone,
    /// The addressed host is not served here (4.9.3.6).
    HostUnknown,
    /// An address is missing or breaks the rules for addresses (4.9.3.7).
    ImproperAddressing,
    /// Misconfiguration or another error of the server's own (4.9.3.8).
    InternalServerError,
    /// `from` is not the authorised address or domain (4.9.3.9).
    InvalidFrom,
    /// Wrong stream namespace or unsupported content namespace (4.9.3.10).
    InvalidNamespace,
    /// XML that a validating server finds invalid (4.9.3.11).
    InvalidXml,
    /// Data before authentication, or a negotiation step that is not allowed
    /// (4.9.3.12).
    NotAuthorized,
    /// XML that is not well-formed or not namespace-well-formed (4.9.3.13).
    NotWellFormed,
    /// A local policy was violated, e.g. a size limit (4.9.3.14).
    PolicyViolation,
    /// A remote entity needed for authentication cannot be reached (4.9.3.15).
    RemoteConnectionFailed,
    /// Stream and security context end; everything is to be negotiated anew,
    /// on a new connection (4.9.3.16).
    Reset,
    /// The server lacks resources (4.9.3.17).
    ResourceConstraint,
    /// A comment, processing instruction, document type declaration or entity
    /// reference (4.9.3.18).
    RestrictedXml,
    /// The initiating entity is sent to another host (4.9.3.19).
    SeeOtherHost,
    /// The server is being shut down (4.9.3.20).
    SystemShutdown,
    /// None of the others; also what an unknown condition is read as (4.9.2,
    /// 4.9.3.21).
    UndefinedCondition,
    /// An encoding other than UTF-8 (4.9.3.22).
    UnsupportedEncoding,
    /// Only mandatory features were offered that are not supported (4.9.3.23).
    UnsupportedFeature,
    /// A first-level element that is not understood (4.9.3.24).
    UnsupportedStanzaType,
    /// A version of XMPP that is not supported (4.9.3.25).
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

    /// The element name of the condition.
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

    /// The condition of that element name. An unknown one is
    /// [`UndefinedCondition`](Self::UndefinedCondition) (RFC 6120 section
    /// 4.9.2); `xml-not-well-formed`, RFC 3920's name, is
    /// [`NotWellFormed`](Self::NotWellFormed) (4.9.3.13).
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

impl core::fmt::Display for StreamCondition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the sender of faulty XML is told (RFC 6120 sections 11.1 to 11.6,
/// 13.12).
impl From<FaultClass> for StreamCondition {
    fn from(class: FaultClass) -> Self {
        match class {
            FaultClass::NotWellFormed => Self::NotWellFormed,
            FaultClass::RestrictedXml => Self::RestrictedXml,
            FaultClass::BadNamespacePrefix => Self::BadNamespacePrefix,
            FaultClass::BadFormat => Self::BadFormat,
            FaultClass::UnsupportedEncoding => Self::UnsupportedEncoding,
            FaultClass::PolicyViolation => Self::PolicyViolation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StreamCondition;

    #[test]
    fn rfc6120_4_9_3_all_25_conditions_read_back() {
        for (index, condition) in StreamCondition::ALL.into_iter().enumerate() {
            assert_eq!(StreamCondition::from_name(condition.as_str()), condition);
            // Alphabetical in the RFC, so a swapped or doubled entry shows.
            if let Some(next) = StreamCondition::ALL.get(index + 1) {
                assert!(condition.as_str() < next.as_str(), "{condition} < {next}");
            }
        }
    }

    #[test]
    fn rfc6120_4_9_2_2_unknown_condition_is_undefined_condition() {
        for name in ["", "foo", "Reset", "reset ", "text"] {
            assert_eq!(
                StreamCondition::from_name(name),
                StreamCondition::UndefinedCondition
            );
        }
    }

    #[test]
    fn rfc6120_4_9_3_13_1_old_name_is_recognised() {
        assert_eq!(
            StreamCondition::from_name("xml-not-well-formed"),
            StreamCondition::NotWellFormed
        );
    }
}

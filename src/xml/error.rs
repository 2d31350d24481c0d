//! The errors of the XML layer, and the stream error that answers each (RFC 6120 4.9.3 and 11).
//!
//! A new kind needs a row in [`XmlErrorKind::class`].

use thiserror::Error;

/// A violation in the bytes of a stream: what it is and where.
///
/// The same bytes give the same error, however they were split into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {position} of the stream")]
#[non_exhaustive]
pub struct XmlError {
    /// The kind of violation.
    pub kind: XmlErrorKind,
    /// The offset at which the offending construct starts, in bytes from the start of the current
    /// stream (since the last restart). For a limit on bytes it is the first byte that exceeds the
    /// limit.
    pub position: u64,
}

impl XmlError {
    /// Returns an error for tests of code that handles one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn for_testing(kind: XmlErrorKind, position: u64) -> Self {
        Self { kind, position }
    }
}

/// The kind of a violation. [`XmlErrorKind::class`] returns the stream error condition to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// The bytes are not UTF-8: overlong, surrogate, beyond U+10FFFF, stray or missing continuation
    /// bytes (RFC 6120 11.6).
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// A character is outside of XML's `Char` production (XML 1.0 2.2).
    #[error("character not allowed in XML")]
    InvalidCharacter,
    /// A TLS alert or handshake begins where XML was expected: the peer takes the port for one of direct
    /// TLS (XEP-0368), or is one.
    #[error("TLS where XML was expected")]
    TlsRecord,
    /// The XML declaration or the first bytes say that the stream is not UTF-8 (RFC 6120 11.6).
    #[error("encoding other than UTF-8")]
    UnsupportedEncoding,
    /// No production of XML 1.0 or of Namespaces in XML allows the markup.
    #[error("malformed markup")]
    Syntax,
    /// An XML declaration does not match XML's `XMLDecl`.
    #[error("malformed XML declaration")]
    MalformedDeclaration,
    /// An XML declaration does not stand at the start of the stream (RFC 6120 11.5).
    #[error("XML declaration not at the start of the stream")]
    MisplacedDeclaration,
    /// There is a standalone document declaration, which a peer must not send and may be refused
    /// for (RFC 6120 11.5).
    #[error("standalone document declaration")]
    Standalone,
    /// There is character data before the stream header; a byte order mark is such data (RFC 6120
    /// 11.6).
    #[error("text before the stream header")]
    TextBeforeHeader,
    /// There is character data other than white space between first-level elements (RFC 6120 11.7).
    #[error("text between first-level elements")]
    TextBetweenStanzas,
    /// Something other than white space follows the closing stream tag.
    #[error("data after the closing stream tag")]
    AfterFooter,
    /// An end tag does not belong to the element that is open.
    #[error("end tag without matching start tag")]
    MismatchedTag,
    /// Two attributes have the same name, or the same local name in the same namespace.
    #[error("duplicate attribute")]
    DuplicateAttribute,
    /// No declaration in scope binds a prefix.
    #[error("undeclared namespace prefix")]
    UndeclaredPrefix,
    /// No declaration binds the prefix of a first-level element's name (RFC 6120 4.9.3.2).
    #[error("undeclared namespace prefix on a first-level element")]
    UndeclaredFirstLevelPrefix,
    /// The prefix `xml` or `xmlns`, or the namespace of one of them, is bound or used against
    /// Namespaces in XML 1.0 3.
    #[error("reserved namespace or prefix")]
    ReservedNamespace,
    /// A prefix is bound to no namespace: `xmlns:prefix=''` (Namespaces in XML 1.0 2.2).
    #[error("prefix bound to no namespace")]
    EmptyNamespace,
    /// A `<` stands in an attribute value.
    #[error("'<' in an attribute value")]
    LessThanInAttribute,
    /// A `]]>` stands in character data.
    #[error("']]>' in character data")]
    CdataEnd,
    /// A `&` starts no reference.
    #[error("bare ampersand")]
    BareAmpersand,
    /// A character reference stands for no legal character.
    #[error("invalid character reference")]
    InvalidCharacterReference,
    /// A reference names an entity other than the five predefined ones (RFC 6120 11.1).
    #[error("entity reference")]
    EntityReference,
    /// There is a comment (RFC 6120 11.1).
    #[error("comment")]
    Comment,
    /// There is a processing instruction (RFC 6120 11.1).
    #[error("processing instruction")]
    ProcessingInstruction,
    /// There is a document type or other markup declaration (RFC 6120 11.1).
    #[error("document type declaration")]
    Doctype,
    /// The text ends before its element does. Occurs only where one complete element is checked,
    /// never on a stream.
    #[error("unfinished element")]
    Incomplete,
    /// Something stands before or after the one element. Occurs only where one complete element is
    /// checked.
    #[error("not exactly one element")]
    NotOneElement,
    /// A limit is exceeded (RFC 6120 13.12).
    #[error("limit on {0} reached")]
    Limit(LimitKind),
}

/// A limit of [`FrameLimits`](super::FrameLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`frame_bytes`](super::FrameLimits::frame_bytes).
    #[error("bytes of a first-level element")]
    FrameBytes,
    /// [`header_bytes`](super::FrameLimits::header_bytes).
    #[error("bytes of the stream header")]
    HeaderBytes,
    /// [`depth`](super::FrameLimits::depth).
    #[error("depth")]
    Depth,
    /// [`attributes`](super::FrameLimits::attributes).
    #[error("attributes")]
    Attributes,
    /// [`elements`](super::FrameLimits::elements).
    #[error("elements")]
    Elements,
    /// [`name_bytes`](super::FrameLimits::name_bytes).
    #[error("bytes of a name")]
    NameBytes,
    /// [`namespaces`](super::FrameLimits::namespaces).
    #[error("namespace declarations")]
    Namespaces,
}

/// The stream error condition that answers a violation (RFC 6120 4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum XmlErrorClass {
    /// `<not-well-formed/>` (RFC 6120 4.9.3.13).
    NotWellFormed,
    /// `<restricted-xml/>` (RFC 6120 4.9.3.18).
    RestrictedXml,
    /// `<bad-namespace-prefix/>` (RFC 6120 4.9.3.2).
    BadNamespacePrefix,
    /// `<bad-format/>` (RFC 6120 4.9.3.1).
    BadFormat,
    /// `<unsupported-encoding/>` (RFC 6120 4.9.3.22).
    UnsupportedEncoding,
    /// `<policy-violation/>` (RFC 6120 4.9.3.14).
    PolicyViolation,
}

impl XmlErrorKind {
    /// Returns the stream error condition to answer with.
    ///
    /// Text between first-level elements is well-formed XML that has no meaning in a stream, hence
    /// `<bad-format/>`, "XML that cannot be processed" (RFC 6120 4.9.3.1). An undeclared prefix is
    /// `<bad-namespace-prefix/>` on the name of a first-level element and `<not-well-formed/>`
    /// elsewhere (RFC 6120 11.3).
    #[must_use]
    pub const fn class(self) -> XmlErrorClass {
        match self {
            Self::UnsupportedEncoding => XmlErrorClass::UnsupportedEncoding,
            Self::Comment
            | Self::ProcessingInstruction
            | Self::Doctype
            | Self::EntityReference
            | Self::Standalone => XmlErrorClass::RestrictedXml,
            Self::UndeclaredFirstLevelPrefix => XmlErrorClass::BadNamespacePrefix,
            Self::TextBetweenStanzas | Self::NotOneElement => XmlErrorClass::BadFormat,
            Self::Limit(_) => XmlErrorClass::PolicyViolation,
            Self::InvalidUtf8
            | Self::InvalidCharacter
            | Self::TlsRecord
            | Self::Syntax
            | Self::MalformedDeclaration
            | Self::MisplacedDeclaration
            | Self::TextBeforeHeader
            | Self::AfterFooter
            | Self::MismatchedTag
            | Self::DuplicateAttribute
            | Self::UndeclaredPrefix
            | Self::ReservedNamespace
            | Self::EmptyNamespace
            | Self::LessThanInAttribute
            | Self::CdataEnd
            | Self::BareAmpersand
            | Self::InvalidCharacterReference
            | Self::Incomplete => XmlErrorClass::NotWellFormed,
        }
    }

    /// Returns the error at an offset within the text that is being read.
    pub(crate) const fn at(self, at: usize) -> RelativeError {
        RelativeError { kind: self, at }
    }
}

/// An error whose position is relative to the text that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelativeError {
    pub(crate) kind: XmlErrorKind,
    pub(crate) at: usize,
}

impl RelativeError {
    /// Returns the error as it is reported, given the position of that text in the stream.
    pub(crate) fn from(self, base: u64) -> XmlError {
        XmlError {
            kind: self.kind,
            position: base.saturating_add(self.at as u64),
        }
    }
}

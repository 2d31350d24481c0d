//! Why a stream's XML is refused, and which stream error says so (RFC 6120 sections 4.9.3 and 11).

use thiserror::Error;

/// A violation in the bytes of a stream: what it is and where.
///
/// The same bytes give the same fault, however they were split into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {position} of the stream")]
#[non_exhaustive]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where the offending construct starts: bytes from the start of the current stream (since the last restart).
    /// For a limit on bytes it is the first byte that is too many.
    pub position: u64,
}

/// What is wrong with the bytes received. [`FaultKind::class`] tells the stream error condition to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// Not UTF-8: overlong, surrogate, beyond U+10FFFF, stray or missing continuation bytes (RFC 6120 11.6).
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// A character outside XML's `Char` production (XML 1.0 section 2.2).
    #[error("character not allowed in XML")]
    InvalidCharacter,
    /// The stream is not UTF-8 by its XML declaration or by its first bytes (RFC 6120 11.6).
    #[error("encoding other than UTF-8")]
    UnsupportedEncoding,
    /// Markup that no production of XML 1.0 or Namespaces in XML allows.
    #[error("malformed markup")]
    Syntax,
    /// An XML declaration that does not match XML's `XMLDecl`.
    #[error("malformed XML declaration")]
    MalformedDeclaration,
    /// An XML declaration that is not the very first thing in the stream (RFC 6120 11.5).
    #[error("XML declaration not at the start of the stream")]
    MisplacedDeclaration,
    /// A standalone document declaration, which RFC 6120 11.5 forbids to send and lets us refuse.
    #[error("standalone document declaration")]
    Standalone,
    /// Character data before the stream header; a byte order mark is such data (RFC 6120 11.6).
    #[error("text before the stream header")]
    TextBeforeHeader,
    /// Character data other than white space between first-level elements (RFC 6120 11.7).
    #[error("text between first-level elements")]
    TextBetweenStanzas,
    /// Anything but white space behind the closing stream tag.
    #[error("data behind the closing stream tag")]
    AfterFooter,
    /// An end tag that does not belong to the element that is open.
    #[error("end tag without matching start tag")]
    MismatchedTag,
    /// Two attributes of the same name, or of the same local name in the same namespace.
    #[error("duplicate attribute")]
    DuplicateAttribute,
    /// A prefix that no declaration in scope binds.
    #[error("undeclared namespace prefix")]
    UndeclaredPrefix,
    /// The same, on the name of a first-level element (RFC 6120 4.9.3.2).
    #[error("undeclared namespace prefix on a first-level element")]
    UndeclaredFirstLevelPrefix,
    /// `xml` or `xmlns`, or one of their namespaces, bound or used against Namespaces in XML section 3.
    #[error("reserved namespace or prefix")]
    ReservedNamespace,
    /// `xmlns:prefix=''` (Namespaces in XML 1.0 section 2.2).
    #[error("prefix bound to no namespace")]
    EmptyNamespace,
    /// `<` in an attribute value.
    #[error("'<' in an attribute value")]
    LessThanInAttribute,
    /// `]]>` in character data.
    #[error("']]>' in character data")]
    CdataEnd,
    /// A `&` that starts no reference.
    #[error("bare ampersand")]
    BareAmpersand,
    /// A character reference without a legal character.
    #[error("invalid character reference")]
    InvalidCharacterReference,
    /// A reference to an entity other than the five predefined ones (RFC 6120 11.1).
    #[error("entity reference")]
    EntityReference,
    /// A comment (RFC 6120 11.1).
    #[error("comment")]
    Comment,
    /// A processing instruction (RFC 6120 11.1).
    #[error("processing instruction")]
    ProcessingInstruction,
    /// A document type or other markup declaration (RFC 6120 11.1).
    #[error("document type declaration")]
    Doctype,
    /// The text ends before its element does. Only where one whole element was to be checked, never on a stream.
    #[error("unfinished element")]
    Incomplete,
    /// Something before or behind the one element asked for. Only where one whole element was to be checked.
    #[error("not exactly one element")]
    NotOneElement,
    /// A limit was reached (RFC 6120 13.12).
    #[error("limit on {0} reached")]
    Limit(LimitKind),
}

/// Which limit of [`FrameLimits`](super::FrameLimits) was reached.
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

/// The stream error condition that answers a fault (RFC 6120 section 4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultClass {
    /// `<not-well-formed/>` (4.9.3.13).
    NotWellFormed,
    /// `<restricted-xml/>` (4.9.3.18).
    RestrictedXml,
    /// `<bad-namespace-prefix/>` (4.9.3.2).
    BadNamespacePrefix,
    /// `<bad-format/>` (4.9.3.1).
    BadFormat,
    /// `<unsupported-encoding/>` (4.9.3.22).
    UnsupportedEncoding,
    /// `<policy-violation/>` (4.9.3.14).
    PolicyViolation,
}

impl FaultKind {
    /// The stream error condition to answer with.
    ///
    /// Text between first-level elements is well-formed XML that no stream can mean, hence `<bad-format/>`, "XML
    /// that cannot be processed" (RFC 6120 4.9.3.1). An undeclared prefix is `<bad-namespace-prefix/>` on the name of
    /// a first-level element and `<not-well-formed/>` elsewhere (RFC 6120 11.3).
    #[must_use]
    pub const fn class(self) -> FaultClass {
        match self {
            Self::UnsupportedEncoding => FaultClass::UnsupportedEncoding,
            Self::Comment
            | Self::ProcessingInstruction
            | Self::Doctype
            | Self::EntityReference
            | Self::Standalone => FaultClass::RestrictedXml,
            Self::UndeclaredFirstLevelPrefix => FaultClass::BadNamespacePrefix,
            Self::TextBetweenStanzas | Self::NotOneElement => FaultClass::BadFormat,
            Self::Limit(_) => FaultClass::PolicyViolation,
            Self::InvalidUtf8
            | Self::InvalidCharacter
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
            | Self::Incomplete => FaultClass::NotWellFormed,
        }
    }

    /// The fault at an offset within the text in hand.
    pub(crate) const fn at(self, at: usize) -> RelativeError {
        RelativeError { kind: self, at }
    }
}

/// A fault whose place is still relative to the text in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelativeError {
    pub(crate) kind: FaultKind,
    pub(crate) at: usize,
}

impl RelativeError {
    /// The fault, given where in the stream the text in hand starts.
    pub(crate) fn from(self, base: u64) -> Fault {
        Fault {
            kind: self.kind,
            position: base.saturating_add(self.at as u64),
        }
    }
}

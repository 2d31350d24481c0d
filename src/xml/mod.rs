//! XML as streams use it: framing, validation, views, writing (RFC 6120 4.1, 4.3.3, 4.8 and 11; XML
//! 1.0, fifth edition; Namespaces in XML 1.0, third edition).
//!
//! [`Framer`] takes bytes as they arrive ([`Framer::feed`]) and yields complete, validated frames:
//! the stream header, first-level elements as [`Stanza`] views, white space keepalives, the closing
//! tag. [`Checker`] holds outbound text to the same rules, [`mod@write`] escapes text,
//! [`Stanza::rewrite`] changes addresses and the content namespace.
//!
//! # What is refused
//!
//! Everything that is not well-formed or not namespace-well-formed (RFC 6120 11.3), what RFC 6120
//! 11.1 restricts, and what exceeds [`FrameLimits`] is refused. [`XmlErrorKind`] lists the violations,
//! and [`XmlErrorKind::class`] returns the stream error. Where the specifications leave room, these
//! decisions hold:
//!
//! * A byte order mark is text before the header (RFC 6120 11.6). White space before the header is
//!   accepted if no XML declaration follows it, because keepalives may cross a restart.
//! * A standalone declaration is refused (RFC 6120 11.5 permits either).
//! * A violation inside a tag is found when the tag is complete, and a `<` in a tag completes it at
//!   once; any other violation is found at its first byte. Restricted constructs are refused when
//!   they can be told from legal ones, however long they would be.
//! * White space between first-level elements gives one [`FrameKind::Keepalive`] per byte, so that
//!   frames do not depend on how bytes were grouped.
//!
//! # What it does not do
//!
//! It does not judge names: that the root is `stream:stream`, that a first-level element is a
//! stanza and that no second header comes are rules of the stream layer.
//! [`Framer::pending_start_tag`] lets that layer apply them before an element is complete. Elements
//! are delivered complete; there is no streaming within a stanza. There are no DTDs, so no
//! attribute types other than CDATA and no defaults.
//!
//! # How it works
//!
//! Bytes are validated as UTF-8 and as XML characters once, in runs as long as they arrive, and
//! copied once, to the text of the frames; everything after that works on a `str`. A tag is read
//! when it is complete, on xmlparser's `Stream`, with fast paths for what nearly all tags consist
//! of; text is skipped with memchr. The result is a tape of nodes, attributes and namespaces, which
//! the views read: nothing is tokenised twice, and in steady state nothing is allocated. The cost
//! is linear in the bytes, in chunks of any size and under any limits. Chunks of a few bytes wait,
//! up to 512 bytes in all, as long as they can complete nothing and are known to be legal; no frame
//! and no error is reported later because of that.
//!
//! # Memory
//!
//! A framer holds at most the larger of `frame_bytes` and `header_bytes` plus two windows of 17
//! KiB, and the tape: 40 bytes for each of at most `3 * elements + 1` nodes, 32 for each attribute
//! and 24 more if it declares a namespace. There are at most `elements * attributes` attributes,
//! each of five bytes of text or more. Where an element has attributes of one local name under
//! several prefixes, or more than 16 attributes or prefixes, there are copies of namespace names
//! and prefixes and a list of its attributes besides. Vectors may hold up to twice that because of
//! the way they grow. [`Framer::shrink`] releases what is not in use.

mod chars;
mod checker;
#[cfg(all(test, feature = "std"))]
mod doubling;
mod element;
mod element_parser;
mod error;
mod fast_path;
mod frame;
mod framer;
mod header;
mod input_buffer;
mod limits;
mod namespaces;
pub mod rewrite;
mod scope;
mod span;
mod stanza;
mod start_tag;
mod stream_parser;
mod tag;
mod tape;
mod top_level;
mod values;
pub(crate) mod work;
pub mod write;

pub use checker::Checker;
pub use element::{Attribute, Element, Node, Nodes, Text};
pub use error::{LimitKind, XmlError, XmlErrorClass, XmlErrorKind};
pub use frame::{Frame, FrameKind};
pub use framer::Framer;
pub use header::Header;
pub use limits::FrameLimits;
pub use rewrite::{Rewrite, RewriteError};
pub use scope::Scope;
pub use stanza::{Stanza, StanzaBuf};
pub use start_tag::StartTag;

/// The namespace of `xml:lang`, `xml:space` and similar attributes. It is bound to the prefix `xml`
/// everywhere.
pub const XML_NS: &str = tape::XML;

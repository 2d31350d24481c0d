//! XML as streams use it: framing, validation, views, writing (RFC 6120 sections 4.1, 4.3.3, 4.8 and 11; XML 1.0 fifth
//! edition; Namespaces in XML 1.0 third edition).
//!
//! [`Framer`] takes bytes as they come ([`Framer::feed`]) and yields whole, validated frames: the stream header,
//! first-level elements as [`Stanza`] views, white space keepalives, the closing tag. [`Checker`] holds outbound text to
//! the same rules, [`mod@write`] escapes, [`Stanza::rewrite`] readdresses.
//!
//! # What is refused
//!
//! Everything that is not well-formed or not namespace-well-formed (RFC 6120 11.3), what RFC 6120 11.1 restricts, and
//! what exceeds [`FrameLimits`]; [`FaultKind`] lists it, [`FaultKind::class`] gives the stream error. Decisions where the
//! specifications leave room:
//!
//! * A byte order mark is text before the header (RFC 6120 11.6). White space before the header is taken if no XML
//!   declaration follows it: keepalives may cross a restart.
//! * A standalone declaration is refused (RFC 6120 11.5 permits either).
//! * A fault inside a tag is found when the tag is whole, which a `<` in it brings about at once; any other at its first
//!   byte. Restricted constructs are refused when they can be told apart from legal ones, however long they would be.
//! * White space between first-level elements gives one [`FrameKind::Keepalive`] per byte, so that frames do not depend
//!   on how bytes were grouped.
//!
//! # What it does not do
//!
//! It does not judge names: that the root is `stream:stream`, that a first-level element is a stanza, that no second
//! header comes are the stream layer's rules. No streaming within a stanza: elements are delivered whole. No DTDs, so no
//! attribute types but CDATA and no defaults.
//!
//! # How it works
//!
//! Bytes are validated once, in runs as long as they come, as UTF-8 and as XML characters, and copied once, to the text of
//! the frames; from there on everything is a `str`. A tag is read when it is whole, on xmlparser's `Stream`, with short ways for what nearly all tags consist of;
//! text is skipped with memchr. What was read goes to a tape of nodes, attributes and namespaces, which the views read:
//! nothing is tokenised twice, and in steady state nothing is allocated. The cost is linear in the bytes, in chunks of any
//! size. Bytes that come one by one wait, up to 512 of them, as long as they can complete nothing and are known to be
//! legal; no frame and no fault comes later for that.
//!
//! # Memory
//!
//! A framer holds at most the larger of `frame_bytes` and `header_bytes` plus two windows of 17 KiB, and the tape: 40 bytes
//! for each of at most `3 * elements + 1` nodes, 32 for each attribute and 24 more if it declares a namespace; of these
//! there are at most `elements * attributes`, at five bytes of text or more each. Vectors may hold up to twice that by the way they grow.
//! [`Framer::shrink`] gives back what is not in use.

mod chars;
mod checker;
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
mod stanza_buf;
mod start_tag;
mod stream_parser;
mod tag;
mod tape;
mod top_level;
mod values;
pub mod write;

pub use checker::Checker;
pub use element::{Attribute, Content, Element, Nodes, Stanza, Text};
pub use error::{Fault, FaultClass, FaultKind, LimitKind};
pub use frame::{Frame, FrameKind};
pub use framer::Framer;
pub use header::Header;
pub use limits::FrameLimits;
pub use rewrite::{Rewrite, RewriteError};
pub use scope::Scope;
pub use stanza_buf::StanzaBuf;
pub use start_tag::StartTag;

/// The namespace of `xml:lang`, `xml:space` and their like, bound to the prefix `xml` everywhere.
pub const XML_NS: &str = tape::XML;

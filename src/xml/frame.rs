//! The kinds of frames that a framer yields, and their views.

use super::header::Header;
use super::stanza::Stanza;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The start tag of the stream.
    Header,
    /// A first-level element.
    Element,
    /// *One byte* of white space between first-level elements. Each byte is a frame, because how
    /// many arrive together depends on the transport, and frames must not depend on it.
    Keepalive,
    /// The closing tag of the stream. A root element without content (`<stream:stream/>`) gives a
    /// header and a footer.
    Footer,
}

/// A frame, borrowed from the framer until the next poll.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// The start tag of the stream. The name of the root is for the stream layer to judge.
    Header(Header<'a>),
    /// A first-level element, also one with the name of a stream header, which opens no stream.
    Element(Stanza<'a>),
    /// See [`FrameKind::Keepalive`].
    Keepalive,
    /// The closing tag of the stream.
    Footer,
}

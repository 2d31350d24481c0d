//! What a framer finds.

use super::element::Stanza;
use super::header::Header;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The start tag of the stream.
    Header,
    /// A first-level element.
    Element,
    /// *One byte* of white space between first-level elements. One byte each, because how many arrive together is an
    /// accident of the transport, and frames must not depend on it.
    Keepalive,
    /// The closing tag of the stream. A root element without content (`<stream:stream/>`) is a header and a footer.
    Footer,
}

/// A frame, borrowed from the framer until the next poll.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// The start tag of the stream. What the root is called is for the stream layer to judge.
    Header(Header<'a>),
    /// A first-level element, also one that looks like another stream header: it opens nothing.
    Element(Stanza<'a>),
    /// See [`FrameKind::Keepalive`].
    Keepalive,
    /// The closing tag of the stream.
    Footer,
}

//! Helpers for the tests of the wire forms: they read texts with the real framer.

use alloc::format;
use alloc::string::String;

use super::{HeaderOut, Kind};
use crate::xml::{Element, Frame, FrameKind, FrameLimits, Framer, Header};

/// Returns what `read` returns for the one element `xml`, first-level on a client's stream.
pub(super) fn element<T>(xml: &str, read: impl FnOnce(Element<'_>) -> T) -> T {
    element_of(Kind::ClientToServer, xml, read)
}

/// Does the same on a stream of that kind, opened with the header that we write.
pub(super) fn element_of<T>(kind: Kind, xml: &str, read: impl FnOnce(Element<'_>) -> T) -> T {
    let mut opening = String::new();
    HeaderOut::initial(kind, "example.net", "en").write(&mut opening);
    element_after(&opening, xml, read)
}

/// The name of [`element_after`] in the tests of the tables.
pub(super) use self::element_after as element_behind;

/// Does the same after the header `opening`.
pub(super) fn element_after<T>(opening: &str, xml: &str, read: impl FnOnce(Element<'_>) -> T) -> T {
    let bytes = format!("{opening}{xml}");
    let mut framer = fed(&bytes);
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)), "{opening}");
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)), "{xml}");
    assert!(!framer.has_unread(), "more than one element: {xml}");
    match framer.frame() {
        Some(Frame::Element(stanza)) => read(*stanza),
        other => panic!("{other:?}"),
    }
}

/// Returns what `read` returns for the header `xml`.
pub(super) fn header<T>(xml: &str, read: impl FnOnce(Header<'_>) -> T) -> T {
    let mut framer = fed(xml);
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)), "{xml}");
    match framer.frame() {
        Some(Frame::Header(header)) => read(header),
        other => panic!("{other:?}"),
    }
}

fn fed(text: &str) -> Framer {
    let mut framer = Framer::new(FrameLimits::default());
    assert_eq!(
        framer.push(text.as_bytes()),
        text.len(),
        "test text too long"
    );
    framer
}

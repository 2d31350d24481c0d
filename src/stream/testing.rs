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

/// Does the same after the header `opening`.
pub(super) fn element_after<T>(opening: &str, xml: &str, read: impl FnOnce(Element<'_>) -> T) -> T {
    let bytes = format!("{opening}{xml}");
    let mut framer = Framer::new(FrameLimits::default());
    let mut unread = bytes.as_bytes();
    assert_eq!(
        next(&mut framer, &mut unread),
        FrameKind::Header,
        "{opening}"
    );
    assert_eq!(next(&mut framer, &mut unread), FrameKind::Element, "{xml}");
    assert!(
        unread.is_empty() && !framer.has_unread(),
        "more than one element: {xml}"
    );
    match framer.frame() {
        Some(Frame::Element(stanza)) => read(*stanza),
        other => panic!("{other:?}"),
    }
}

/// Returns what `read` returns for the header `xml`.
pub(super) fn header<T>(xml: &str, read: impl FnOnce(Header<'_>) -> T) -> T {
    let mut framer = Framer::new(FrameLimits::default());
    let mut unread = xml.as_bytes();
    assert_eq!(next(&mut framer, &mut unread), FrameKind::Header, "{xml}");
    match framer.frame() {
        Some(Frame::Header(header)) => read(header),
        other => panic!("{other:?}"),
    }
}

/// Feeds `unread` until the next frame is complete.
fn next(framer: &mut Framer, unread: &mut &[u8]) -> FrameKind {
    loop {
        let taken = framer.push(unread);
        *unread = &unread[taken..];
        match framer.poll() {
            Ok(Some(kind)) => return kind,
            Ok(None) => assert!(!unread.is_empty(), "the text ends before the frame does"),
            Err(fault) => panic!("{fault}"),
        }
    }
}

//! The limits as the XML layer takes them.

use super::Limits;
use crate::xml::FrameLimits;

impl Limits {
    /// For frames of a peer that is not authenticated yet.
    #[must_use]
    pub const fn before_auth(&self) -> FrameLimits {
        self.frames(self.frame_bytes_before_auth)
    }

    /// For frames of an authenticated peer.
    #[must_use]
    pub const fn after_auth(&self) -> FrameLimits {
        self.frames(self.stanza_bytes)
    }

    const fn frames(&self, frame_bytes: usize) -> FrameLimits {
        FrameLimits {
            frame_bytes,
            header_bytes: self.header_bytes,
            depth: self.depth,
            attributes: self.attributes,
            elements: self.elements,
            name_bytes: self.name_bytes,
            namespaces: self.namespaces,
        }
    }
}

//! The limits as the XML layer takes them.

use super::Limits;
use crate::xml::FrameLimits;

impl Limits {
    /// For frames of a peer that is not authenticated yet.
    #[must_use]
    pub fn before_auth(&self) -> FrameLimits {
        self.frames(self.frame_bytes_before_auth)
    }

    /// For frames of an authenticated peer.
    #[must_use]
    pub fn after_auth(&self) -> FrameLimits {
        self.frames(self.stanza_bytes)
    }

    fn frames(&self, frame_bytes: usize) -> FrameLimits {
        let mut limits = FrameLimits::default();
        limits.frame_bytes = frame_bytes;
        limits.header_bytes = self.header_bytes;
        limits.depth = self.depth;
        limits.attributes = self.attributes;
        limits.elements = self.elements;
        limits.name_bytes = self.name_bytes;
        limits.namespaces = self.namespaces;
        limits
    }
}

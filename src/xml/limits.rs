//! What a peer may make us hold: the limits of one frame (RFC 6120 section 13.12).

/// Limits of the XML layer. There is no unlimited setting: every field is a number.
///
/// RFC 6120 section 13.12 wants a configurable maximum stanza size of at least 10000 bytes once a stream is
/// negotiated; smaller values make sense before authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// Bytes of one first-level element, from its `<` to its last `>` (default 262,144).
    pub frame_bytes: usize,
    /// Bytes of the stream header, from the first byte of the stream (white space and XML declaration included)
    /// to the `>` of the header (default 4096).
    pub header_bytes: usize,
    /// Open elements within one first-level element, itself included (default 64).
    pub depth: u16,
    /// Attributes on one element, namespace declarations included (default 64).
    pub attributes: u16,
    /// Elements and CDATA sections in one first-level element, itself included (default 4096).
    pub elements: u32,
    /// Bytes of one qualified name, and of one reference between `&` and `;` (default 256).
    pub name_bytes: u16,
    /// Namespace declarations in scope at one place, those of the stream header included (default 32).
    pub namespaces: u16,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            frame_bytes: 262_144,
            header_bytes: 4096,
            depth: 64,
            attributes: 64,
            elements: 4096,
            name_bytes: 256,
            namespaces: 32,
        }
    }
}

impl FrameLimits {
    /// Offsets within a frame are kept in 32 bits; sizes beyond that are cut to what these can say.
    pub(crate) fn clamped(self) -> Self {
        const PENDING_MAX: usize = (u32::MAX / 2) as usize;
        Self {
            frame_bytes: self.frame_bytes.min(PENDING_MAX),
            header_bytes: self.header_bytes.min(PENDING_MAX),
            ..self
        }
    }

    /// A reference is cut off at the length of a name, but every legal character reference fits.
    pub(crate) fn reference_bytes(&self) -> usize {
        usize::from(self.name_bytes).max(16)
    }
}

#[cfg(test)]
mod tests {
    use super::FrameLimits;

    #[test]
    fn offsets_fit_their_32_bits() {
        let most = FrameLimits {
            frame_bytes: usize::MAX,
            header_bytes: usize::MAX,
            ..FrameLimits::default()
        };
        let clamped = most.clamped();
        for bytes in [clamped.frame_bytes, clamped.header_bytes] {
            assert_eq!(bytes, 0x7FFF_FFFF);
        }
    }
}

//! The limits of one frame, which bound what a peer can make a framer hold (RFC 6120 13.12).
//!
//! A new limit needs a [`LimitKind`](super::LimitKind), a test that it is enforced, and an argument
//! that the work stays linear however large it is set.

/// The limits of the XML layer. There is no unlimited setting: every field is a number.
///
/// RFC 6120 13.12 asks for a configurable maximum stanza size of at least 10000 bytes once a stream
/// is negotiated; smaller values make sense before authentication.
///
/// Whatever the limits, reading costs linear work in the bytes received, with a logarithm of
/// `attributes` or `namespaces` where an element uses many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// The bytes of one first-level element, from its `<` to its last `>` (default 262,144).
    pub frame_bytes: usize,
    /// The bytes of the stream header, from the first byte of the stream (white space and XML
    /// declaration included) to the `>` of the header (default 4096).
    pub header_bytes: usize,
    /// The open elements within one first-level element, itself included (default 64).
    pub depth: u16,
    /// The attributes of one element, namespace declarations included (default 64).
    pub attributes: u16,
    /// The elements and CDATA sections in one first-level element, itself included (default 4096).
    pub elements: u32,
    /// The bytes of one qualified name, and of one reference between `&` and `;` (default 256).
    pub name_bytes: u16,
    /// The namespace declarations in scope at one place, those of the stream header included
    /// (default 32).
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
    /// Returns the limits with sizes that fit the 32 bits in which offsets within a frame are kept.
    pub(crate) fn clamped(self) -> Self {
        const PENDING_MAX: usize = (u32::MAX / 2) as usize;
        Self {
            frame_bytes: self.frame_bytes.min(PENDING_MAX),
            header_bytes: self.header_bytes.min(PENDING_MAX),
            ..self
        }
    }

    /// Returns how many bytes a reference may have between `&` and `;`. It is the length of a name,
    /// but at least what every legal character reference needs.
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

//! The TLS record header: what is known about a record before anything of it is trusted (RFC 5246
//! 6.2.1, RFC 8446 5.1).
//!
//! Change here what counts as a well-formed header. What is made of the records is decided in
//! [`session`](super::session) and [`record_guard`](super::record_guard).

use core::fmt;

/// Bytes of a record header.
pub(super) const HEADER_LEN: usize = 5;

/// The largest record on the wire: header, 2^14 bytes, and the 2048 bytes of expansion TLS 1.2
/// allows (RFC 5246 6.2.3).
pub(super) const MAX_WIRE: usize = HEADER_LEN + 16_384 + 2048;

/// The largest plaintext of one record (RFC 8446 5.1).
pub(super) const MAX_PLAINTEXT: usize = 16_384;

/// A record header. It is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: ContentType,
    major: u8,
    len: u16,
}

/// The content type that the header of a TLS record claims (RFC 8446 5.1). It is in clear, and from the
/// keys on TLS 1.3 claims [`ApplicationData`](Self::ApplicationData) for all of them (RFC 8446 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentType {
    /// `change_cipher_spec` (20).
    ChangeCipherSpec,
    /// `alert` (21).
    Alert,
    /// `handshake` (22).
    Handshake,
    /// `application_data` (23).
    ApplicationData,
    /// `heartbeat` (24, RFC 6520).
    Heartbeat,
    /// A number that is no content type.
    Unknown,
}

impl Header {
    /// Reads the header `bytes` begin with. Returns `None` while it is not complete.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let [kind, major, _, high, low] = *header;
        Some(Self {
            kind: ContentType::from(kind),
            major,
            len: u16::from_be_bytes([high, low]),
        })
    }

    /// Returns whether every TLS library refuses this header: its type is unknown, its version is
    /// none of TLS, it is empty where it must not be, or too long.
    pub(super) fn is_malformed(self) -> bool {
        self.kind == ContentType::Unknown
            || self.major != 3
            || (self.len == 0 && self.kind != ContentType::ApplicationData)
            || self.wire_len() >= MAX_WIRE
    }

    /// Returns the bytes of the whole record, its header included.
    pub(super) fn wire_len(self) -> usize {
        HEADER_LEN + usize::from(self.len)
    }

    /// Returns the bytes after the header, as it claims.
    pub(super) fn length(self) -> usize {
        usize::from(self.len)
    }

    /// Returns the bytes needed before the record can be processed: all of it, or the header alone
    /// if it is malformed.
    pub(super) fn needed(self) -> usize {
        if self.is_malformed() {
            HEADER_LEN
        } else {
            self.wire_len()
        }
    }
}

/// Writes the name of RFC 8446 5.1.
impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChangeCipherSpec => "change_cipher_spec",
            Self::Alert => "alert",
            Self::Handshake => "handshake",
            Self::ApplicationData => "application_data",
            Self::Heartbeat => "heartbeat",
            Self::Unknown => "unknown",
        })
    }
}

impl From<u8> for ContentType {
    fn from(value: u8) -> Self {
        match value {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            24 => Self::Heartbeat,
            _ => Self::Unknown,
        }
    }
}

/// Iterates over the records in `bytes`, each with its header. A rest that is no whole record is
/// left out.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let header = Header::read(rest)?;
        let (record, following) = rest.split_at_checked(header.wire_len())?;
        rest = following;
        Some((header, record))
    })
}

/// Iterates over the records in `bytes`: the content type and the length of each, without its header.
pub(crate) fn record_types(bytes: &[u8]) -> impl Iterator<Item = (ContentType, usize)> + '_ {
    records(bytes).map(|(header, _)| (header.kind, header.length()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_header_needs_no_body() {
        for malformed in [
            *b"GET /",
            [22, 3, 3, 0, 0],
            [22, 2, 0, 0, 9],
            [23, 3, 3, 0x48, 0],
            [25, 3, 3, 0, 1],
        ] {
            let header = Header::read(&malformed).unwrap();
            assert!(header.is_malformed(), "{malformed:?}");
            assert_eq!(header.needed(), HEADER_LEN);
        }
        for fine in [[23, 3, 3, 0, 0], [22, 3, 1, 0x47, 0xff], [24, 3, 3, 0, 1]] {
            let header = Header::read(&fine).unwrap();
            assert!(!header.is_malformed(), "{fine:?}");
            assert!(header.needed() <= MAX_WIRE);
        }
        assert_eq!(Header::read(&[22, 3, 3, 0]), None);
    }

    #[test]
    fn records_are_walked_and_a_rest_is_left_out() {
        let bytes = [21, 3, 3, 0, 2, 2, 40, 23, 3, 3, 0, 1, 9, 22, 3, 3, 0, 9, 1];
        let found: alloc::vec::Vec<_> = records(&bytes).map(|(h, r)| (h.kind, r.len())).collect();
        assert_eq!(
            found,
            [(ContentType::Alert, 7), (ContentType::ApplicationData, 6)]
        );
    }
}

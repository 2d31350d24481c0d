//! What the limits add up to.

use super::Limits;

impl Limits {
    /// An upper bound, in bytes, on the memory of one connection under these
    /// limits, whatever peer and application do.
    ///
    /// Three times the sum of its buffers: one that grows by doubling may have
    /// twice the room it needs, and while it moves exists with half as much
    /// beside it. Each buffer at its fullest:
    ///
    /// | buffer | bytes |
    /// |---|---|
    /// | XML being read | [`stanza_bytes`](Self::stanza_bytes) and one record |
    /// | what was found in it | 28 for every 5 bytes (`\u{20}a=''`, the shortest attribute) and 80 per element |
    /// | the stream header | [`header_bytes`](Self::header_bytes), and the same for what was found in it |
    /// | TLS being read | [`handshake_bytes`](Self::handshake_bytes) and two records |
    /// | what waits to be sent | [`reserve_bytes`](Self::reserve_bytes) and two records; twice [`outbox_bytes`](Self::outbox_bytes), in which each unit is charged for its bookkeeping and its record |
    /// | what was found in a stanza to be sent | as above, for [`outbox_bytes`](Self::outbox_bytes) |
    ///
    /// plus 3,300 for each of [`requests`](Self::requests), which is what a
    /// question of another server's and a domain pair take at most, and
    /// plus 96 KiB for the rest, most of it TLS state during the handshake. A
    /// record is 18,437 bytes, the largest TLS 1.2 knows.
    ///
    /// Not in it: what is shared between connections (configuration,
    /// certificates) and what the application keeps.
    #[must_use]
    pub const fn memory_bound(&self) -> usize {
        let sent = self.outbox_bytes * PER_OUTBOX_BYTE + self.found(self.outbox_bytes);
        let asked = self.requests as usize * PER_REQUEST;
        3 * (self.read(self.stanza_bytes) + self.common() + sent) + asked + FIXED
    }

    /// The same for a connection whose peer has not authenticated yet: what
    /// anyone who reaches the port can make it take.
    ///
    /// [`frame_bytes_before_auth`](Self::frame_bytes_before_auth) stands for
    /// the stanza, four times it for the SASL exchange, and nothing of the
    /// application's waits to be sent. Of questions of another server's four
    /// may wait.
    #[must_use]
    pub const fn memory_bound_before_auth(&self) -> usize {
        let frame = self.frame_bytes_before_auth;
        3 * (self.read(frame) + self.common() + 4 * frame) + 4 * PER_REQUEST + FIXED
    }

    /// XML of `bytes` being read.
    const fn read(&self, bytes: usize) -> usize {
        bytes + RECORD + self.found(bytes)
    }

    /// What is kept about an element of `bytes`: elements and the texts
    /// between them, limited by number, and attributes, limited by length.
    const fn found(&self, bytes: usize) -> usize {
        let elements = self.elements as usize;
        // No element is shorter than four bytes.
        let elements = if elements < bytes / 4 {
            elements
        } else {
            bytes / 4
        };
        bytes.div_ceil(5) * 28 + (elements + 1) * 80
    }

    const fn common(&self) -> usize {
        self.header_bytes
            + self.found(self.header_bytes)
            + self.handshake_bytes
            + self.reserve_bytes
            + 4 * RECORD
            + 64 * (self.depth as usize + self.namespaces as usize)
    }
}

/// Header, 2^14 bytes, and the most that protection may add (RFC 5246 6.2.3).
const RECORD: usize = 5 + (1 << 14) + 2_048;

/// Text before it is sealed, and what it becomes.
const PER_OUTBOX_BYTE: usize = 2;

/// Two domains of 1,023 bytes, key and id, and their places in a list that is
/// being moved.
const PER_REQUEST: usize = 3_300;

const FIXED: usize = 96 << 10;

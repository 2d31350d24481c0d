//! The record-level half of the renegotiation rule, without a TLS library.
//!
//! RFC 6120 5.3.5 asks an entity that does not support TLS renegotiation to
//! close the TCP connection as soon as it detects an attempt. In TLS 1.2 an
//! attempt is a handshake record (content type 22) after the handshake: a
//! HelloRequest or a ClientHello. The content type stands in clear in the
//! record header, so a [`RecordGuard`] sees it without any key. In TLS 1.3
//! there is no renegotiation, post-handshake messages hide behind type 23 and
//! are legal, and the guard passes everything.
//!
//! This is for users of other TLS libraries than the one behind
//! [`Session`](super::Session), which carries the whole rule. The header is not
//! authenticated: whoever can write into the TCP connection can raise a
//! suspicion with a forged record. A user who can should therefore still let
//! the library decrypt the suspect record, treat a failed decryption as an
//! ordinary TLS failure, and anything else as renegotiation. One who cannot
//! may simply close, as forged records end a TLS connection anyway.
//!
//! Not done here: decryption, alerts, TLS 1.3 ClientHello after the handshake
//! (the library reports that as an unexpected message).

use super::info::TlsVersion;
use super::record::{HEADER_LEN, Header, Kind};

/// Watches the record headers of one direction of a connection.
///
/// Feed it every received byte, in order, before the TLS library sees it, and
/// tell it when the handshake is complete. Where the handshake ends in the
/// middle of what was read at once, only a caller that passes record after
/// record to the library knows the border; [`scan`](Self::scan) therefore
/// stops at the end of each record.
#[derive(Clone, Debug, Default)]
pub struct RecordGuard {
    phase: Phase,
    place: Place,
}

/// What [`RecordGuard::scan`] found in the bytes it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Scan {
    /// The bytes end inside a record that is no suspect so far.
    Partial,
    /// The bytes end with the end of a record that is no suspect.
    Pass,
    /// The bytes belong to a handshake record after a TLS 1.2 handshake: a
    /// renegotiation attempt, if the record is authentic. Given again for
    /// every piece of that record.
    Suspect,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Handshaking,
    Established(TlsVersion),
}

/// Where in a record the next byte stands.
#[derive(Clone, Debug)]
enum Place {
    Header { seen: [u8; HEADER_LEN], len: usize },
    Body { left: usize, found: Scan },
}

impl Default for Place {
    fn default() -> Self {
        Self::Header {
            seen: [0; HEADER_LEN],
            len: 0,
        }
    }
}

impl RecordGuard {
    /// A guard at the first byte of a TLS connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The handshake is complete; the next record is the first behind it.
    pub fn handshake_complete(&mut self, version: TlsVersion) {
        self.phase = Phase::Established(version);
    }

    /// Looks at received bytes, at most to the end of the current record.
    /// Returns how many bytes that is and what they are. Call again with the
    /// rest; an empty slice is [`Scan::Partial`].
    ///
    /// The suspicion is raised as soon as the header is whole. Bytes that are
    /// no TLS at all are cut into records like any others: noticing that is
    /// left to the library.
    pub fn scan(&mut self, bytes: &[u8]) -> (usize, Scan) {
        let header = self.read_header(bytes);
        let Place::Body { left, found } = &mut self.place else {
            return (header, Scan::Partial);
        };
        let body = (*left).min(bytes.len() - header);
        *left -= body;
        let found = match (*left, *found) {
            (1.., Scan::Pass) => Scan::Partial,
            (_, found) => found,
        };
        if *left == 0 {
            self.place = Place::default();
        }
        (header + body, found)
    }

    /// Takes what `bytes` hold of an unfinished header, and returns how much.
    fn read_header(&mut self, bytes: &[u8]) -> usize {
        let Place::Header { seen, len } = &mut self.place else {
            return 0;
        };
        let mut taken = 0;
        for (slot, byte) in seen.iter_mut().skip(*len).zip(bytes) {
            *slot = *byte;
            taken += 1;
        }
        *len += taken;
        if let (HEADER_LEN, Some(header)) = (*len, Header::read(seen)) {
            self.enter(header);
        }
        taken
    }

    fn enter(&mut self, header: Header) {
        let found = if is_suspect(header, self.phase.version()) {
            Scan::Suspect
        } else {
            Scan::Pass
        };
        self.place = Place::Body {
            left: header.wire_len() - HEADER_LEN,
            found,
        };
    }
}

impl Phase {
    fn version(self) -> Option<TlsVersion> {
        match self {
            Self::Handshaking => None,
            Self::Established(version) => Some(version),
        }
    }
}

/// Clause 1 of the rule: a handshake record, and the TLS 1.2 handshake was
/// complete before it. `established` is the version of a finished handshake.
pub(super) fn is_suspect(header: Header, established: Option<TlsVersion>) -> bool {
    established == Some(TlsVersion::Tls12) && header.kind == Kind::Handshake
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const HANDSHAKE: [u8; 9] = [22, 3, 3, 0, 4, 0, 0, 0, 0];
    const DATA: [u8; 6] = [23, 3, 3, 0, 1, b'x'];
    const EMPTY: [u8; 5] = [22, 3, 3, 0, 0];

    /// The verdict on each record of `bytes`, fed `chunk` bytes at a time.
    fn verdicts(guard: &mut RecordGuard, bytes: &[u8], chunk: usize) -> Vec<Scan> {
        let mut found = Vec::new();
        for part in bytes.chunks(chunk) {
            let mut rest = part;
            while !rest.is_empty() {
                let (n, scan) = guard.scan(rest);
                assert!(n > 0);
                rest = &rest[n..];
                if scan != Scan::Partial {
                    found.push(scan);
                }
            }
        }
        found
    }

    #[test]
    fn a_handshake_record_is_suspect_only_after_a_tls_1_2_handshake() {
        let stream = [&HANDSHAKE[..], &DATA, &EMPTY].concat();
        let mut guard = RecordGuard::new();
        assert_eq!(verdicts(&mut guard, &stream, 100), [Scan::Pass; 3]);
        guard.handshake_complete(TlsVersion::Tls12);
        assert_eq!(
            verdicts(&mut guard, &stream, 100),
            [Scan::Suspect, Scan::Pass, Scan::Suspect]
        );
        let mut guard = RecordGuard::new();
        guard.handshake_complete(TlsVersion::Tls13);
        assert_eq!(verdicts(&mut guard, &stream, 100), [Scan::Pass; 3]);
    }

    #[test]
    fn the_suspicion_comes_with_the_header_however_it_is_cut() {
        for chunk in 1..=9 {
            let mut guard = RecordGuard::new();
            guard.handshake_complete(TlsVersion::Tls12);
            assert_eq!(verdicts(&mut guard, &DATA, chunk), [Scan::Pass]);
            let mut taken = 0;
            for part in HANDSHAKE.chunks(chunk) {
                let (n, scan) = guard.scan(part);
                taken += n;
                assert_eq!(scan == Scan::Suspect, taken >= 5, "chunk {chunk}");
            }
            assert_eq!(taken, HANDSHAKE.len());
            // The record behind it is judged by itself.
            assert_eq!(verdicts(&mut guard, &DATA, chunk), [Scan::Pass]);
        }
    }

    #[test]
    fn a_scan_stops_at_the_end_of_a_record() {
        let mut guard = RecordGuard::new();
        let stream = [&HANDSHAKE[..], &DATA].concat();
        assert_eq!(guard.scan(&stream), (9, Scan::Pass));
        assert_eq!(guard.scan(&stream[9..]), (6, Scan::Pass));
        assert_eq!(guard.scan(&[]), (0, Scan::Partial));
    }
}

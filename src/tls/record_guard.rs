//! The record-level half of the renegotiation rule, without a TLS library.
//!
//! An entity that does not support TLS renegotiation must close the TCP connection as soon as it
//! detects an attempt (RFC 6120 5.3.5). In TLS 1.2 an attempt is a handshake record (content type
//! 22) after the handshake: a HelloRequest or a ClientHello. The content type is not encrypted, so
//! a [`RecordGuard`] sees it without any key. In TLS 1.3 there is no renegotiation, and handshake
//! messages after the handshake are legal and encrypted as application data, so the guard passes
//! them.
//!
//! This is for users of other TLS libraries than the one [`TlsSession`](super::TlsSession) works with,
//! which carries the whole rule. The header is not authenticated: whoever can write into the TCP
//! connection can raise a suspicion with a forged record. A user who can should therefore still let
//! the library decrypt the suspect record, treat a failed decryption as an ordinary TLS failure,
//! and anything else as renegotiation. A user who cannot may simply close, because forged records
//! end a TLS connection anyway.
//!
//! The guard follows the records by their lengths, so a header it cannot read would put it out of
//! step, and everything after it would pass unseen. Some libraries read more than TLS records, for
//! example a first ClientHello in the format of SSLv2 (RFC 5246 E.2; RFC 6176 forbids it). Such a
//! header is therefore a finding, and a final one: [`Scan::Malformed`].
//!
//! Not done here: decryption, alerts, and a TLS 1.3 ClientHello after the handshake, which the
//! library reports as an unexpected message.
//!
//! Change here what can be told from headers alone; the rule itself is in
//! [`renegotiation`](super::renegotiation).

use super::info::TlsVersion;
use super::record::{ContentType, HEADER_LEN, Header};

/// Watches the record headers of the receiving direction of a connection.
///
/// Feed it every received byte, in order, before the TLS library sees it, and tell it when the
/// handshake is complete. [`scan`](Self::scan) stops at the end of each record, so that a caller
/// can pass record after record to the library and know at once where the handshake ends. A caller
/// that forwards bytes as they come learns of it only after other records of the same
/// read; [`handshake_complete`](Self::handshake_complete) makes up for them.
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
    /// The bytes belong to a handshake record after a TLS 1.2 handshake: a renegotiation attempt,
    /// if the record is authentic. This is given again for every piece of that record.
    Suspect,
    /// A record header is none: its content type is unknown, its version is none of TLS, it is
    /// empty where it must not be, or longer than a record may be (RFC 5246 6.2.3). Where the next
    /// record begins is not known any more, so every later answer is the same. Close the
    /// connection, whatever the library makes of the bytes.
    Malformed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// How many handshake records have come since ChangeCipherSpec, or `None` before it.
    Handshaking {
        protected: Option<u32>,
    },
    Established(TlsVersion),
}

/// Where in a record the next byte is.
#[derive(Clone, Debug)]
enum Place {
    Header { seen: [u8; HEADER_LEN], len: usize },
    Body { left: usize, found: Scan },
    Lost,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Handshaking { protected: None }
    }
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
    /// Returns a guard at the first byte of a TLS connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note that the library has completed the handshake. The next record is the first one
    /// after it.
    ///
    /// Returns [`Scan::Suspect`] if a record after it was scanned already, which can be if the
    /// caller forwards bytes as they come: in TLS 1.2 only one handshake record, Finished, follows
    /// the peer's ChangeCipherSpec (RFC 5246 7.4.9). Returns [`Scan::Malformed`] if a scan has
    /// returned it, and [`Scan::Pass`] otherwise.
    pub fn handshake_complete(&mut self, version: TlsVersion) -> Scan {
        let before = core::mem::replace(&mut self.phase, Phase::Established(version));
        match (&self.place, before) {
            (Place::Lost, _) => Scan::Malformed,
            (
                _,
                Phase::Handshaking {
                    protected: Some(2..),
                },
            ) if version == TlsVersion::Tls12 => Scan::Suspect,
            _ => Scan::Pass,
        }
    }

    /// Looks at received bytes, at most to the end of the current record. Returns how many bytes
    /// that is and what they are. Call it again with the rest. An empty slice is
    /// [`Scan::Partial`].
    ///
    /// A suspicion is raised as soon as the header is whole.
    pub fn scan(&mut self, bytes: &[u8]) -> (usize, Scan) {
        let header = self.read_header(bytes);
        let (left, found) = match &mut self.place {
            Place::Lost => return (bytes.len(), Scan::Malformed),
            Place::Header { .. } => return (header, Scan::Partial),
            Place::Body { left, found } => (left, *found),
        };
        let body = (*left).min(bytes.len() - header);
        *left -= body;
        let found = match (*left, found) {
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
        if header.is_malformed() {
            self.place = Place::Lost;
            return;
        }
        if let Phase::Handshaking { protected } = &mut self.phase {
            match (header.kind, &mut *protected) {
                (ContentType::ChangeCipherSpec, None) => *protected = Some(0),
                (ContentType::Handshake, Some(count)) => *count = count.saturating_add(1),
                _ => {}
            }
        }
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
            Self::Handshaking { .. } => None,
            Self::Established(version) => Some(version),
        }
    }
}

/// Applies clause 1 of the rule: a handshake record, and the TLS 1.2 handshake was complete before
/// it. `established` is the version of a finished handshake.
pub(super) fn is_suspect(header: Header, established: Option<TlsVersion>) -> bool {
    established == Some(TlsVersion::Tls12) && header.kind == ContentType::Handshake
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const HANDSHAKE: [u8; 9] = [22, 3, 3, 0, 4, 0, 0, 0, 0];
    const DATA: [u8; 6] = [23, 3, 3, 0, 1, b'x'];
    const CCS: [u8; 6] = [20, 3, 3, 0, 1, 1];

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

    /// A guard after a handshake of this version.
    fn established(version: TlsVersion) -> RecordGuard {
        let mut guard = RecordGuard::new();
        assert_eq!(guard.handshake_complete(version), Scan::Pass);
        guard
    }

    #[test]
    fn a_handshake_record_is_suspect_only_after_a_tls_1_2_handshake() {
        let stream = [&HANDSHAKE[..], &DATA, &HANDSHAKE].concat();
        let mut guard = RecordGuard::new();
        assert_eq!(verdicts(&mut guard, &stream, 100), [Scan::Pass; 3]);
        assert_eq!(guard.handshake_complete(TlsVersion::Tls12), Scan::Pass);
        assert_eq!(
            verdicts(&mut guard, &stream, 100),
            [Scan::Suspect, Scan::Pass, Scan::Suspect]
        );
        let mut guard = established(TlsVersion::Tls13);
        assert_eq!(verdicts(&mut guard, &stream, 100), [Scan::Pass; 3]);
    }

    #[test]
    fn a_header_that_cannot_be_read_is_a_final_finding() {
        let sslv2_hello = [0x80, 0x2e, 1, 3, 3, 0, 0x15, 0, 0, 0, 0x10];
        for malformed in [
            &sslv2_hello[..],
            b"GET / HTTP/1.1",
            &[22, 2, 0, 0, 4, 0, 0, 0, 0],
            &[22, 3, 3, 0, 0],
            &[20, 3, 3, 0, 0],
            &[21, 3, 3, 0, 0],
            &[22, 3, 3, 0x48, 0],
            &[23, 3, 3, 0xff, 0xff],
            &[0, 3, 3, 0, 1],
        ] {
            for chunk in [1, 4, 5, 6, 100] {
                for before in [&[][..], &DATA] {
                    for guard in [
                        RecordGuard::new(),
                        established(TlsVersion::Tls12),
                        established(TlsVersion::Tls13),
                    ] {
                        let mut guard = guard;
                        let stream = [before, malformed, &HANDSHAKE].concat();
                        let found = verdicts(&mut guard, &stream, chunk);
                        let (before, after) = found.split_at(before.len() / DATA.len());
                        assert!(before.iter().all(|scan| *scan == Scan::Pass));
                        assert!(!after.is_empty(), "{malformed:?}");
                        assert!(after.iter().all(|scan| *scan == Scan::Malformed));
                        let complete = guard.handshake_complete(TlsVersion::Tls12);
                        assert_eq!(complete, Scan::Malformed);
                        assert_eq!(guard.scan(&HANDSHAKE), (9, Scan::Malformed));
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_forwarded_as_they_come_hide_no_record_after_finished() {
        let first = [&HANDSHAKE[..], &HANDSHAKE, &CCS, &HANDSHAKE].concat();
        for (more, expected) in [
            (&[][..], Scan::Pass),
            (&DATA, Scan::Pass),
            (&HANDSHAKE, Scan::Suspect),
            (&[DATA.as_slice(), &HANDSHAKE].concat(), Scan::Suspect),
            // The header is enough.
            (&HANDSHAKE[..5], Scan::Suspect),
        ] {
            for chunk in [1, 100] {
                let mut guard = RecordGuard::new();
                let _all = verdicts(&mut guard, &[&first, more].concat(), chunk);
                assert_eq!(guard.handshake_complete(TlsVersion::Tls12), expected);
                // In TLS 1.3 a second ClientHello can follow ChangeCipherSpec.
                let mut guard = RecordGuard::new();
                let _all = verdicts(&mut guard, &[&first, more].concat(), chunk);
                assert_eq!(guard.handshake_complete(TlsVersion::Tls13), Scan::Pass);
            }
        }
    }

    #[test]
    fn the_suspicion_comes_with_the_header_however_it_is_cut() {
        for chunk in 1..=9 {
            let mut guard = established(TlsVersion::Tls12);
            assert_eq!(verdicts(&mut guard, &DATA, chunk), [Scan::Pass]);
            let mut taken = 0;
            for part in HANDSHAKE.chunks(chunk) {
                let (n, scan) = guard.scan(part);
                taken += n;
                assert_eq!(scan == Scan::Suspect, taken >= 5, "chunk {chunk}");
            }
            assert_eq!(taken, HANDSHAKE.len());
            // The record after it is looked at by itself.
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

//! Counts what the current keys have protected.
//!
//! The library has no public counter and does not check the receiving direction at all, so records
//! are counted as they pass. In TLS 1.2, keys come into use after ChangeCipherSpec, and Finished is
//! record number 0. In TLS 1.3 the traffic keys are first used after the client's Finished, except
//! for the tickets a server appends to its last flight.
//!
//! Change here how records are counted. What the counts mean to a user is said in
//! [`Counters`].

use super::info::{Counters, TlsVersion};
use super::record::{ContentType, records};
use super::renegotiation::TlsRole;

#[derive(Debug)]
pub(super) struct KeyUsage(Counters);

impl Default for KeyUsage {
    fn default() -> Self {
        Self(Counters {
            limit: u64::MAX,
            ..Counters::default()
        })
    }
}

impl KeyUsage {
    pub(super) fn counters(&self) -> Counters {
        self.0
    }

    /// Returns whether `records` more can be sealed. In TLS 1.3 the library updates its keys when
    /// the last number is reached. With a part of a handshake message received (`pending`) it would
    /// raise an alert instead.
    pub(super) fn allows(&self, records: u64, pending: bool) -> bool {
        let after = self.0.records_sent.saturating_add(records);
        if self.0.rekeys_itself {
            !pending || after < self.0.limit
        } else {
            after <= self.0.limit
        }
    }

    /// Counts a record of the handshake and `written`, the answer to it.
    pub(super) fn handshake(&mut self, received: ContentType, written: &[u8]) {
        count(&mut self.0.records_received, received);
        for (header, _) in records(written) {
            count(&mut self.0.records_sent, header.kind);
        }
    }

    /// Starts the counts of the established keys. `written` was the last answer of the handshake.
    pub(super) fn established(
        &mut self,
        role: TlsRole,
        version: TlsVersion,
        limit: u64,
        written: &[u8],
    ) {
        self.0.limit = limit;
        self.0.rekeys_itself = version == TlsVersion::Tls13;
        if self.0.rekeys_itself {
            self.0.records_received = 0;
            self.0.records_sent = match role {
                TlsRole::Client => 0,
                TlsRole::Server => count_records(written),
            };
        }
    }

    /// Counts `written`: one record with `text` bytes, after key updates if there is more than one.
    pub(super) fn sealed(&mut self, written: &[u8], text: usize) {
        let sealed = count_records(written);
        let updates = sealed.saturating_sub(1);
        if self.0.rekeys_itself && updates > 0 {
            self.0.records_sent = 1;
            self.0.bytes_sent = 0;
            self.0.key_updates_sent = self
                .0
                .key_updates_sent
                .saturating_add(u32::try_from(updates).unwrap_or(u32::MAX));
        } else {
            self.0.records_sent = self.0.records_sent.saturating_add(sealed);
        }
        self.0.bytes_sent = self.0.bytes_sent.saturating_add(wide(text));
    }

    /// Counts a record with `text` bytes that was opened.
    pub(super) fn opened(&mut self, text: usize) {
        self.0.records_received = self.0.records_received.saturating_add(1);
        self.0.bytes_received = self.0.bytes_received.saturating_add(wide(text));
    }

    /// Takes note that the record just opened was the last one under the old keys of the peer.
    pub(super) fn peer_updated_keys(&mut self) {
        self.0.records_received = 0;
        self.0.bytes_received = 0;
        self.0.key_updates_received = self.0.key_updates_received.saturating_add(1);
    }
}

/// Counts one record. In TLS 1.2, ChangeCipherSpec is the last record before the new keys.
fn count(counter: &mut u64, kind: ContentType) {
    *counter = match kind {
        ContentType::ChangeCipherSpec => 0,
        _ => counter.saturating_add(1),
    };
}

fn count_records(written: &[u8]) -> u64 {
    wide(records(written).count())
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

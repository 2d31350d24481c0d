//! The receiving half of a session: one record, one verdict.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use rustls::{Error, SupportedCipherSuite};

use super::config::Verification;
use super::info::{HandshakeKind, TlsInfo, TlsVersion};
use super::reason::{TlsFailure, TlsFailureKind, kind_of};
use super::record::{HEADER_LEN, Header, Kind, MAX_WIRE};
use super::renegotiation::{RecordContext, detect};
use super::renegotiation_info::HelloFinding;
use super::session::{Established, Reading, Session, Step};
use super::{exporter, server_end_point};

/// The authentication tag of every TLS 1.3 suite the library knows.
const TAG: usize = 16;

/// Content of a sealed TLS 1.3 alert: level, description, inner type, tag.
const TLS13_ALERT: usize = HEADER_LEN + 2 + 1 + TAG;

/// A fatal handshake_failure (RFC 5746 3.4, RFC 9325 3.5), in clear as all of
/// the first flight.
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

impl Session {
    /// Has a client write its ClientHello.
    pub(super) fn start(&mut self, out: &mut Vec<u8>) -> Step {
        self.reading = Reading::Records;
        match self.engine.pump(&mut self.buffer, out, &mut |_| {}) {
            Ok(_) => Step::Continue,
            Err(error) => self.fail(&error, out),
        }
    }

    pub(super) fn next_record(&mut self, out: &mut Vec<u8>, sink: &mut dyn FnMut(&[u8])) -> Step {
        let Some(header) = Header::read(self.buffer.unread()) else {
            self.buffer.release();
            return Step::NeedMore;
        };
        let Some(record) = self.buffer.unread().get(..header.needed()) else {
            return Step::NeedMore;
        };
        if self.buffer.exposed() + record.len()
            > self.limits.handshake_bytes.saturating_add(MAX_WIRE)
        {
            return failed(TlsFailureKind::HandshakeTooLarge, false);
        }
        if let Err(refusal) = self.hello.inspect(record) {
            return refuse(refusal, out);
        }
        let exposed = self.buffer.expose(header.needed());
        let context = RecordContext {
            role: self.engine.role(),
            header,
            established: self.version(),
        };
        let tickets = self.engine.tickets_received();
        let written = out.len();
        let result = self.engine.pump(&mut self.buffer, out, sink);
        let after = match &result {
            Ok(_) => Ok(out.get(written..).unwrap_or_default()),
            Err(error) => Err(error),
        };
        if let Some(attempt) = detect(context, after) {
            out.truncate(written);
            return Step::Renegotiation(attempt);
        }
        let yielded = match result {
            Ok(yielded) => yielded,
            Err(error) => return self.fail(&error, out),
        };
        if header.is_malformed() {
            // The library has not objected to what it must object to.
            return failed(malformed(), false);
        }
        let written = out.get(written..).unwrap_or_default();
        if self.established.is_none() {
            self.key_usage.handshake(header.kind, written);
            return self.check_established(written);
        }
        self.key_usage.opened(yielded.text);
        self.key_usage.sealed(written, 0);
        if self.is_key_update(exposed, tickets) {
            self.key_usage.peer_updated_keys();
        }
        match (yielded.peer_closed, yielded.text) {
            (true, _) => Step::PeerClosed,
            (false, 0) => Step::Continue,
            (false, _) => Step::Plaintext,
        }
    }

    /// Behind our own close_notify: records go by unopened.
    pub(super) fn skip_record(&mut self) -> Step {
        let Some(header) = Header::read(self.buffer.unread()) else {
            self.buffer.release();
            return Step::NeedMore;
        };
        if header.is_malformed() {
            return failed(malformed(), false);
        }
        if self.buffer.unread().len() < header.wire_len() {
            return Step::NeedMore;
        }
        self.buffer.skip(header.wire_len());
        match (self.version(), header.kind) {
            (_, Kind::Alert) => Step::PeerClosed,
            (Some(TlsVersion::Tls13), Kind::ApplicationData)
                if header.wire_len() == TLS13_ALERT =>
            {
                Step::PeerClosed
            }
            _ => Step::Continue,
        }
    }

    fn version(&self) -> Option<TlsVersion> {
        self.established.as_ref().map(|e| e.info.version)
    }

    /// The library's error as ours, with the alerts it wants sent.
    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) -> Step {
        let before = out.len();
        self.engine.drain_alerts(out);
        failed(kind_of(error), out.len() > before)
    }

    /// Gathers the facts once the handshake is complete. `written` is what the
    /// last record of it caused to be sent.
    fn check_established(&mut self, written: &[u8]) -> Step {
        if self.engine.is_handshaking() {
            return Step::Continue;
        }
        let facts = (
            self.engine.version(),
            self.engine.suite(),
            self.engine.handshake_kind(),
        );
        let (Some(version), Some(suite), Some(handshake)) = facts else {
            let detail = String::from("handshake complete, parameters unknown");
            return failed(TlsFailureKind::Internal { detail }, false);
        };
        let peer_certificates = self.engine.peer_certificates().to_vec();
        let info = TlsInfo {
            version,
            suite: name(suite),
            handshake,
            alpn: self.engine.alpn().map(<[u8]>::to_vec),
            server_name: self.server_name(),
            peer_verified: self.verification == Verification::Config
                && !peer_certificates.is_empty(),
            peer_certificates,
        };
        self.key_usage
            .established(self.engine.role(), version, limit(suite), written);
        self.established = Some(Established {
            exporter: self.exporter(suite),
            endpoint: self.endpoint(&info),
            info,
        });
        Step::Established
    }

    fn exporter(&self, suite: SupportedCipherSuite) -> Option<exporter::Secret> {
        let secret = self.exporter.secret.take()?;
        match suite {
            SupportedCipherSuite::Tls13(suite) => exporter::derive(suite, &secret),
            SupportedCipherSuite::Tls12(_) => None,
        }
    }

    /// On a resumed session a server has sent no certificate, and the one it
    /// would send today need not be the session's.
    fn endpoint(&self, info: &TlsInfo) -> Option<Vec<u8>> {
        match &self.resolver {
            None => server_end_point::hash(info.peer_certificates.first()?),
            Some(_) if info.handshake == HandshakeKind::Resumed => None,
            Some(resolver) => resolver.endpoint.take().map(|hash| hash.to_vec()),
        }
    }

    fn server_name(&self) -> Option<String> {
        let name = self.resolver.as_ref()?.server_name.take()?;
        String::from_utf8(name.to_vec()).ok()
    }

    /// Whether the record was a TLS 1.3 KeyUpdate. The library does not tell;
    /// but it decrypts in place, and the inner type is the last byte of the
    /// plaintext that is not padding (RFC 8446 5.2). Behind a ticket in the
    /// same record an update goes unnoticed, and the count runs on too high.
    fn is_key_update(&self, exposed: Range<usize>, tickets: u32) -> bool {
        self.version() == Some(TlsVersion::Tls13)
            && self.buffer.exposed() == 0
            && self.engine.tickets_received() == tickets
            && inner_type(self.buffer.decrypted_in_place(exposed)) == Some(Kind::Handshake)
    }
}

fn inner_type(record: &[u8]) -> Option<Kind> {
    let inner = record.get(HEADER_LEN..record.len().checked_sub(TAG)?)?;
    let last = inner.iter().rev().find(|byte| **byte != 0)?;
    Some(Kind::from(*last))
}

fn refuse(refusal: HelloFinding, out: &mut Vec<u8>) -> Step {
    out.extend_from_slice(&HANDSHAKE_FAILURE);
    let kind = match refusal {
        HelloFinding::Missing => TlsFailureKind::NoRenegotiationInfo,
        HelloFinding::NotEmpty => TlsFailureKind::RenegotiationInfo,
    };
    failed(kind, true)
}

fn malformed() -> TlsFailureKind {
    TlsFailureKind::MalformedRecord {
        detail: String::from("header"),
    }
}

fn failed(kind: TlsFailureKind, alert_sent: bool) -> Step {
    Step::Failed(TlsFailure::new(kind, alert_sent))
}

fn name(suite: SupportedCipherSuite) -> (u16, &'static str) {
    let suite = suite.suite();
    (u16::from(suite), suite.as_str().unwrap_or("unknown"))
}

fn limit(suite: SupportedCipherSuite) -> u64 {
    match suite {
        SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
        SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
    }
}

//! Bounds on what one connection may cost.
//!
//! [`Limits`] holds the per-connection part of RFC 6120 13.12 (sizes of what a peer sends) and the
//! deadlines that RFC 6120 4.4 and 4.6 leave to the implementation. Limits across connections
//! (connections per address, stanzas per hour) belong to the application, because it alone sees
//! more than one connection.
//!
//! There is no unlimited setting. Each setter accepts a range, named in its docs. The range is
//! chosen so that an honest peer can still communicate and a hostile one cannot exhaust memory. A
//! value outside the range is refused; no setter changes a value.
//!
//! To add a limit, add a field with its preset, a getter, a setter with its range, and a row in the
//! table of the tests; if it bounds memory, count it in [`Limits::memory_bound`].

mod error;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use error::LimitsError;
use error::{time_within, within};

use crate::xml::FrameLimits;

/// Holds the limits of one connection. Start from the preset for its role and adjust.
///
/// ```
/// use core::time::Duration;
/// use xmpp_stream::limits::Limits;
///
/// let limits = Limits::server()
///     .with_stanza_bytes(100_000)?
///     .with_closing_timeout(Duration::from_secs(2))?;
/// assert_eq!(limits.stanza_bytes(), 100_000);
/// assert!(limits.with_stanza_bytes(9_999).is_err()); // RFC 6120 13.12
/// # Ok::<(), xmpp_stream::limits::LimitsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a first-level element before authentication.
    frame_bytes_before_auth: usize,
    /// Bytes of a first-level element after authentication.
    stanza_bytes: usize,
    /// Bytes of a stream header.
    header_bytes: usize,
    /// Nesting of elements, the first-level element being 1.
    depth: u16,
    /// Attributes of one element, namespace declarations included.
    attributes: u16,
    /// Elements of one first-level element, itself included.
    elements: u32,
    /// Bytes of a name, prefix included.
    name_bytes: u16,
    /// Namespace declarations in force at one place.
    namespaces: u16,
    /// Bytes of an incomplete TLS handshake message.
    handshake_bytes: usize,
    /// Bytes sent by the application that TCP has not taken yet.
    outbox_bytes: usize,
    /// Bytes of the connection's own output that TCP has not taken yet.
    reserve_bytes: usize,
    /// Time for one phase of the negotiation.
    phase_timeout: Duration,
    /// Time for the whole negotiation.
    negotiation_timeout: Duration,
    /// Time for the answer to a dialback verification.
    verify_timeout: Duration,
    /// Time that TCP may take nothing while bytes wait.
    write_stall_timeout: Duration,
    /// Seconds without traffic before a keepalive; 0 for never.
    keepalive_seconds: u32,
    /// Time for the peer's closing tag and close_notify.
    closing_timeout: Duration,
    /// Time that the driver reads and discards after a graceful close.
    linger: Duration,
    /// Failed authentications, or mechanisms tried.
    sasl_attempts: u8,
    /// Redirects followed in a row.
    redirects: u8,
    /// Domain pairs and requests of one stream between servers.
    requests: u16,
}

/// Presets. They differ only in [`stanza_bytes`](Limits::stanza_bytes),
/// [`elements`](Limits::elements) and [`keepalive`](Limits::keepalive).
impl Limits {
    /// Returns the preset for a client: stanzas of up to 2 MiB and 65,536 elements.
    ///
    /// Because a server's answer (a roster of thousands, an archive page) can be larger than what
    /// that server accepts, and the user chose the server, this is the most generous preset.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            elements: 65_536,
            ..Self::with_default_stanza_bytes(2 * 1024 * 1024)
        }
    }

    /// Returns the preset for a server that accepts clients: stanzas of up to 256 KiB.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            keepalive_seconds: 600,
            ..Self::with_default_stanza_bytes(256 * 1024)
        }
    }

    /// Returns the preset for streams between servers, in either role: stanzas of up to 512 KiB.
    ///
    /// A stanza grows on its way (addresses, delay stamps), so this is more than what a server
    /// accepts from a client.
    ///
    /// A stanza above a limit ends the stream (RFC 6120 4.9.3.14), which others share. Where the
    /// peer has no such limit for its users (depth, attributes, elements), one of them can do that.
    #[must_use]
    pub const fn server_to_server() -> Self {
        Self::with_default_stanza_bytes(512 * 1024)
    }

    const fn with_default_stanza_bytes(stanza_bytes: usize) -> Self {
        Self {
            frame_bytes_before_auth: 10_000,
            stanza_bytes,
            header_bytes: 4 * 1024,
            depth: 64,
            attributes: 64,
            elements: 4_096,
            name_bytes: 256,
            namespaces: 32,
            handshake_bytes: 32 * 1024,
            outbox_bytes: 64 * 1024,
            reserve_bytes: 16 * 1024,
            phase_timeout: Duration::from_secs(30),
            negotiation_timeout: Duration::from_secs(120),
            verify_timeout: Duration::from_secs(20),
            write_stall_timeout: Duration::from_secs(60),
            keepalive_seconds: 300,
            closing_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(2),
            sasl_attempts: 3,
            redirects: 5,
            requests: 64,
        }
    }
}

/// Limits on what the peer may send.
impl Limits {
    /// Returns the most bytes of one first-level element before the peer is authenticated:
    /// features, STARTTLS and SASL elements. The default is 10,000.
    #[must_use]
    pub const fn frame_bytes_before_auth(&self) -> usize {
        self.frame_bytes_before_auth
    }

    /// Sets [`frame_bytes_before_auth`](Self::frame_bytes_before_auth):
    /// 4,096 to 65,536.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_frame_bytes_before_auth(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.frame_bytes_before_auth = within("frame-bytes-before-auth", bytes, 4_096, 65_536)?;
        Ok(self)
    }

    /// Returns the most bytes of one stanza or other first-level element after authentication, from
    /// its first `<` to its last `>`. The default depends on the preset (RFC 6120 13.12).
    #[must_use]
    pub const fn stanza_bytes(&self) -> usize {
        self.stanza_bytes
    }

    /// Sets [`stanza_bytes`](Self::stanza_bytes): 10,000 to 16 MiB.
    ///
    /// RFC 6120 13.12 forbids a lower value, and asks not to choose the lowest one without need.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_stanza_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.stanza_bytes = within("stanza-bytes", bytes, 10_000, 16 << 20)?;
        Ok(self)
    }

    /// Returns the most bytes of a stream header, including the XML declaration and white space
    /// before it. The default is 4,096.
    #[must_use]
    pub const fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    /// Sets [`header_bytes`](Self::header_bytes): 2,048 to 65,536.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_header_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.header_bytes = within("header-bytes", bytes, 2_048, 65_536)?;
        Ok(self)
    }

    /// Returns how deep elements may be nested, the first-level element being 1. The default is 64.
    #[must_use]
    pub const fn depth(&self) -> u16 {
        self.depth
    }

    /// Sets [`depth`](Self::depth): 16 to 256.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_depth(mut self, depth: u16) -> Result<Self, LimitsError> {
        self.depth = within("depth", depth, 16, 256)?;
        Ok(self)
    }

    /// Returns the most attributes of one element, namespace declarations included. The default is
    /// 64.
    #[must_use]
    pub const fn attributes(&self) -> u16 {
        self.attributes
    }

    /// Sets [`attributes`](Self::attributes): 16 to 256.
    ///
    /// **Cost**: each attribute of an element is compared with the others of that element to find
    /// duplicates (Namespaces in XML 6.3), so the work for one element grows with the square of
    /// this limit: at 256 it is 16 times that at 64 for an element that reaches the limit.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_attributes(mut self, attributes: u16) -> Result<Self, LimitsError> {
        self.attributes = within("attributes", attributes, 16, 256)?;
        Ok(self)
    }

    /// Returns the most elements of one stanza, itself included. The default is 4,096, or 65,536
    /// for a client.
    #[must_use]
    pub const fn elements(&self) -> u32 {
        self.elements
    }

    /// Sets [`elements`](Self::elements): 64 to 262,144.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_elements(mut self, elements: u32) -> Result<Self, LimitsError> {
        self.elements = within("elements", elements, 64, 1 << 18)?;
        Ok(self)
    }

    /// Returns the most bytes of an element's or attribute's name, prefix included. The default is
    /// 256.
    #[must_use]
    pub const fn name_bytes(&self) -> u16 {
        self.name_bytes
    }

    /// Sets [`name_bytes`](Self::name_bytes): 64 to 1,024.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_name_bytes(mut self, bytes: u16) -> Result<Self, LimitsError> {
        self.name_bytes = within("name-bytes", bytes, 64, 1_024)?;
        Ok(self)
    }

    /// Returns the most namespace declarations in force at one place. The default is 32.
    #[must_use]
    pub const fn namespaces(&self) -> u16 {
        self.namespaces
    }

    /// Sets [`namespaces`](Self::namespaces): 16 to 256.
    ///
    /// **Cost**: a prefix is looked up among all declarations in force, so each prefixed name costs
    /// up to this many comparisons: at 256 up to eight times those at 32.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_namespaces(mut self, namespaces: u16) -> Result<Self, LimitsError> {
        self.namespaces = within("namespaces", namespaces, 16, 256)?;
        Ok(self)
    }

    /// Returns the most bytes of a TLS handshake message that is not complete yet. The default is
    /// 32 KiB.
    #[must_use]
    pub const fn handshake_bytes(&self) -> usize {
        self.handshake_bytes
    }

    /// Sets [`handshake_bytes`](Self::handshake_bytes): 16 KiB to 64 KiB, the most that rustls
    /// accepts. A long certificate chain needs more than one record.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_handshake_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.handshake_bytes = within("handshake-bytes", bytes, 16 << 10, 64 << 10)?;
        Ok(self)
    }

    /// Returns how many failed authentications close the stream (responder), or how many mechanisms
    /// are tried (initiator). The default is 3.
    #[must_use]
    pub const fn sasl_attempts(&self) -> u8 {
        self.sasl_attempts
    }

    /// Sets [`sasl_attempts`](Self::sasl_attempts): 2 to 5 (RFC 6120 6.4.5).
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_sasl_attempts(mut self, attempts: u8) -> Result<Self, LimitsError> {
        self.sasl_attempts = within("sasl-attempts", attempts, 2, 5)?;
        Ok(self)
    }

    /// Returns how many `<see-other-host/>` redirects in a row an initiator follows. The default is
    /// 5.
    ///
    /// A single connection does not apply it. Pass it to
    /// [`PlannerConfig::with_max_redirects`](crate::reset::PlannerConfig::with_max_redirects),
    /// because a redirect ends the connection that it came on.
    #[must_use]
    pub const fn redirects(&self) -> u8 {
        self.redirects
    }

    /// Sets [`redirects`](Self::redirects): 2 to 5 (RFC 6120 4.9.3.19).
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_redirects(mut self, redirects: u8) -> Result<Self, LimitsError> {
        self.redirects = within("redirects", redirects, 2, 5)?;
        Ok(self)
    }

    /// Returns the most dialback state of a stream between servers. The default is 64 (XEP-0220).
    ///
    /// It bounds two sums: the domain pairs verified on the stream together with the peer's
    /// requests that wait for the application's answer; and our requests that the peer has not
    /// answered, including those whose deadline has passed. Before any pair is verified, at most
    /// four of the peer's requests wait.
    #[must_use]
    pub const fn requests(&self) -> u16 {
        self.requests
    }

    /// Sets [`requests`](Self::requests): 1 to 1,024.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_requests(mut self, requests: u16) -> Result<Self, LimitsError> {
        self.requests = within("requests", requests, 1, 1_024)?;
        Ok(self)
    }
}

/// Limits on what may wait to be sent.
impl Limits {
    /// Returns the most bytes sent by the application that may wait until TCP takes them. The
    /// default is 64 KiB.
    ///
    /// A stanza that does not fit is refused as a whole. While nothing waits, one of up to
    /// [`stanza_bytes`](Self::stanza_bytes) fits, so that what may be received may be sent.
    #[must_use]
    pub const fn outbox_bytes(&self) -> usize {
        self.outbox_bytes
    }

    /// Sets [`outbox_bytes`](Self::outbox_bytes): 10,000 to 4 MiB.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_outbox_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.outbox_bytes = within("outbox-bytes", bytes, 10_000, 4 << 20)?;
        Ok(self)
    }

    /// Returns the bytes reserved, in addition to the outbox, for the output of the connection
    /// itself: its header, negotiation, stream error and closing tag. The default is 16 KiB.
    ///
    /// While the reserve is used up, no further input of the peer is processed.
    #[must_use]
    pub const fn reserve_bytes(&self) -> usize {
        self.reserve_bytes
    }

    /// Sets [`reserve_bytes`](Self::reserve_bytes): 8 KiB to 64 KiB. A header with the longest
    /// addresses takes more than 6,000 bytes.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_reserve_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.reserve_bytes = within("reserve-bytes", bytes, 8 << 10, 64 << 10)?;
        Ok(self)
    }
}

/// Deadlines.
impl Limits {
    /// Returns how long one phase of the negotiation may take: a header, features, a TLS handshake,
    /// a SASL exchange, binding, or a decision of the application. The default is 30 s.
    #[must_use]
    pub const fn phase_timeout(&self) -> Duration {
        self.phase_timeout
    }

    /// Sets [`phase_timeout`](Self::phase_timeout): 1 s to 10 min.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_phase_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.phase_timeout = time_within("phase-timeout", timeout, 1_000, 600_000)?;
        Ok(self)
    }

    /// Returns how long the negotiation as a whole may take. The default is 120 s.
    #[must_use]
    pub const fn negotiation_timeout(&self) -> Duration {
        self.negotiation_timeout
    }

    /// Sets [`negotiation_timeout`](Self::negotiation_timeout): 1 s to 1 h.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_negotiation_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.negotiation_timeout = time_within("negotiation-timeout", timeout, 1_000, 3_600_000)?;
        Ok(self)
    }

    /// Returns how long the peer may take to answer our [`verify`](crate::Session::verify). The
    /// default is 20 s (XEP-0220).
    ///
    /// The default is less than a [phase](Self::phase_timeout), so that the server that waits for
    /// the verdict on its key can still be told that there is none.
    #[must_use]
    pub const fn verify_timeout(&self) -> Duration {
        self.verify_timeout
    }

    /// Sets [`verify_timeout`](Self::verify_timeout): 1 s to 10 min.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_verify_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.verify_timeout = time_within("verify-timeout", timeout, 1_000, 600_000)?;
        Ok(self)
    }

    /// Returns how long TCP may take nothing while bytes wait to be sent. The default is 60 s.
    #[must_use]
    pub const fn write_stall_timeout(&self) -> Duration {
        self.write_stall_timeout
    }

    /// Sets [`write_stall_timeout`](Self::write_stall_timeout): 1 s to 10 min.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_write_stall_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.write_stall_timeout = time_within("write-stall-timeout", timeout, 1_000, 600_000)?;
        Ok(self)
    }

    /// Returns after how much time without a byte in either direction an established stream is tried,
    /// so that it does not wait for ever for a peer that is gone (RFC 6120 4.6.1, 4.6.4): with
    /// [stream management](crate::sm) by a request for acknowledgement, whose answer has a
    /// [deadline](crate::sm::SmPolicy::ack_timeout); otherwise by one space, which TCP has to deliver,
    /// or fail. The default is 300 s, for a server that accepts clients 600 s, so that the client, which
    /// has fewer streams, goes first (RFC 6120 4.6.4). `None` means never: the application pings (XEP-0199), or accepts
    /// to wait.
    #[must_use]
    pub const fn keepalive(&self) -> Option<Duration> {
        match self.keepalive_seconds {
            0 => None,
            seconds => Some(Duration::from_secs(seconds as u64)),
        }
    }

    /// Sets [`keepalive`](Self::keepalive): 10 s to 24 h, in whole seconds, or never. RFC 6120 4.6.1
    /// asks not to try a peer too often.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_keepalive(mut self, interval: Option<Duration>) -> Result<Self, LimitsError> {
        self.keepalive_seconds = match interval {
            None => 0,
            Some(interval) => {
                let interval = time_within("keepalive", interval, 10_000, 86_400_000)?;
                u32::try_from(interval.as_secs()).unwrap_or(u32::MAX)
            }
        };
        Ok(self)
    }

    /// Returns how long to wait for the peer's closing tag and close_notify. The default is 5 s
    /// (the "reasonable amount of time" of RFC 6120 4.4). Before the stream is established, and while
    /// no domain pair of a stream between servers is verified, it is one second at most.
    #[must_use]
    pub const fn closing_timeout(&self) -> Duration {
        self.closing_timeout
    }

    /// Sets [`closing_timeout`](Self::closing_timeout): 0.1 s to 60 s.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_closing_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.closing_timeout = time_within("closing-timeout", timeout, 100, 60_000)?;
        Ok(self)
    }

    /// Returns how long the driver reads and discards after a graceful close. The default is 2 s.
    ///
    /// Otherwise the kernel would answer unread input with a RST, which can destroy our last bytes
    /// before the peer has read them.
    #[must_use]
    pub const fn linger(&self) -> Duration {
        self.linger
    }

    /// Sets [`linger`](Self::linger): 0.1 s to 60 s.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for a value outside that range.
    pub fn with_linger(mut self, linger: Duration) -> Result<Self, LimitsError> {
        self.linger = time_within("linger", linger, 100, 60_000)?;
        Ok(self)
    }
}

/// The limits in the form that the XML layer takes.
impl Limits {
    /// Returns the limits for frames of a peer that is not authenticated yet.
    #[must_use]
    pub const fn before_auth(&self) -> FrameLimits {
        self.frames(self.frame_bytes_before_auth)
    }

    /// Returns the limits for frames of an authenticated peer.
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

/// What the limits add up to.
impl Limits {
    /// Returns an upper bound, in bytes, on the memory of one connection under these limits,
    /// whatever the peer and the application do.
    ///
    /// The bound is three times the sum of the buffers: a buffer that grows by doubling may have
    /// twice the capacity it needs, and while it is reallocated the old half exists beside it. Each
    /// buffer at its fullest:
    ///
    /// | buffer | bytes |
    /// |---|---|
    /// | XML being read | [`stanza_bytes`](Self::stanza_bytes) and one record |
    /// | the index of that XML | 28 for every 5 bytes (`\u{20}a=''`, the shortest attribute) and 80 per element |
    /// | the stream header | [`header_bytes`](Self::header_bytes), and the same for its index |
    /// | TLS being read | [`handshake_bytes`](Self::handshake_bytes) and two records |
    /// | what waits to be sent | [`reserve_bytes`](Self::reserve_bytes) and two records; twice [`outbox_bytes`](Self::outbox_bytes), in which each unit is charged for its bookkeeping and its record, or twice [`stanza_bytes`](Self::stanza_bytes), if that is more |
    /// | the index of a stanza to be sent | as above, for [`stanza_bytes`](Self::stanza_bytes) |
    ///
    /// To this are added 3,300 for each of [`requests`](Self::requests), the most that a dialback
    /// request or a domain pair takes, and 96 KiB for the rest, most of it TLS state during the
    /// handshake. A record is 18,437 bytes, the largest of TLS 1.2.
    ///
    /// It does not count what connections share (configuration, certificates) and what the
    /// application keeps.
    #[must_use]
    pub const fn memory_bound(&self) -> usize {
        let waiting = if self.outbox_bytes > self.stanza_bytes {
            self.outbox_bytes
        } else {
            self.stanza_bytes
        };
        let sent = waiting * PER_OUTBOX_BYTE + self.index(self.stanza_bytes);
        let asked = self.requests as usize * PER_REQUEST;
        3 * (self.xml(self.stanza_bytes) + self.common() + sent) + asked + FIXED
    }

    /// Returns the bound for a connection whose peer has not authenticated yet: the memory that
    /// anyone who reaches the port can make it take.
    ///
    /// In the sum of [`memory_bound`](Self::memory_bound),
    /// [`frame_bytes_before_auth`](Self::frame_bytes_before_auth) takes the place of the stanza,
    /// four times it is added for the SASL exchange, the outbox is empty, and four dialback
    /// requests wait.
    #[must_use]
    pub const fn memory_bound_before_auth(&self) -> usize {
        let frame = self.frame_bytes_before_auth;
        3 * (self.xml(frame) + self.common() + 4 * frame) + 4 * PER_REQUEST + FIXED
    }

    /// Counts XML of `bytes` being read, and its index.
    const fn xml(&self, bytes: usize) -> usize {
        bytes + RECORD + self.index(bytes)
    }

    /// Counts the index of an element of `bytes`: elements and the texts between them, limited by
    /// number, and attributes, limited by length.
    const fn index(&self, bytes: usize) -> usize {
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
            + self.index(self.header_bytes)
            + self.handshake_bytes
            + self.reserve_bytes
            + 4 * RECORD
            + 64 * (self.depth as usize + self.namespaces as usize)
    }
}

/// The largest record: header, 2^14 bytes, and the most that protection may add (RFC 5246 6.2.3).
const RECORD: usize = 5 + (1 << 14) + 2_048;

/// Text before encryption, and the record that it becomes.
const PER_OUTBOX_BYTE: usize = 2;

/// Two domains of 1,023 bytes, key and id, and their entries in a list that is being reallocated.
const PER_REQUEST: usize = 3_300;

/// What does not depend on any limit, most of it TLS state.
const FIXED: usize = 96 << 10;

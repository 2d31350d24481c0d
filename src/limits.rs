//! Bounds on what one connection may cost.
//!
//! Implements the per-connection part of RFC 6120 13.12 (stanza size and
//! friends) and the deadlines that 4.4 and 4.6 leave to the implementation.
//! Limits across connections (connections per address, stanzas per hour) are
//! the application's, which alone sees more than one.
//!
//! There is no unlimited setting. Each setter takes a range, named in its docs
//! and chosen so that an honest peer can still be talked to and a hostile one
//! cannot exhaust memory; a value outside is refused, not silently changed.

mod error;
mod frames;
mod memory;
mod own;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use error::LimitsError;
use error::within;

/// The limits of one connection: start from the preset for its role and adjust.
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
    frame_bytes_before_auth: usize,
    stanza_bytes: usize,
    header_bytes: usize,
    depth: u16,
    attributes: u16,
    elements: u32,
    name_bytes: u16,
    namespaces: u16,
    handshake_bytes: usize,
    outbox_bytes: usize,
    reserve_bytes: usize,
    phase_timeout: Duration,
    negotiation_timeout: Duration,
    verify_timeout: Duration,
    write_stall_timeout: Duration,
    closing_timeout: Duration,
    linger: Duration,
    sasl_attempts: u8,
    redirects: u8,
    requests: u16,
}

/// Presets. They differ in [`stanza_bytes`](Limits::stanza_bytes) and
/// [`elements`](Limits::elements) alone.
impl Limits {
    /// For a client: stanzas of up to 2 MiB and 65,536 elements, since a
    /// server's answer (a roster of thousands, an archive page) is larger than
    /// what it accepts, and the server is one of the user's choice.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            elements: 65_536,
            ..Self::with_default_stanza_bytes(2 * 1024 * 1024)
        }
    }

    /// For a server that accepts clients: stanzas of up to 256 KiB.
    #[must_use]
    pub const fn server() -> Self {
        Self::with_default_stanza_bytes(256 * 1024)
    }

    /// For server to server, in either role: stanzas of up to 512 KiB, since a
    /// stanza grows on its way (addresses, delay stamps).
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
            closing_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(2),
            sasl_attempts: 3,
            redirects: 5,
            requests: 64,
        }
    }
}

/// What the peer may send.
impl Limits {
    /// Bytes of one first-level element before the peer is authenticated:
    /// features, STARTTLS and SASL elements. Default 10,000.
    #[must_use]
    pub const fn frame_bytes_before_auth(&self) -> usize {
        self.frame_bytes_before_auth
    }

    /// Sets [`frame_bytes_before_auth`](Self::frame_bytes_before_auth):
    /// 4,096 to 65,536.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_frame_bytes_before_auth(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.frame_bytes_before_auth = within("frame-bytes-before-auth", bytes, 4_096, 65_536)?;
        Ok(self)
    }

    /// Bytes of one stanza or other first-level element after authentication,
    /// from its first `<` to its last `>` (RFC 6120 13.12). Default: by preset.
    #[must_use]
    pub const fn stanza_bytes(&self) -> usize {
        self.stanza_bytes
    }

    /// Sets [`stanza_bytes`](Self::stanza_bytes): 10,000 to 16 MiB. RFC 6120
    /// 13.12 forbids less, and to choose that least value blindly.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_stanza_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.stanza_bytes = within("stanza-bytes", bytes, 10_000, 16 << 20)?;
        Ok(self)
    }

    /// Bytes of a stream header, XML declaration and white space before it
    /// included. Default 4,096.
    #[must_use]
    pub const fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    /// Sets [`header_bytes`](Self::header_bytes): 2,048 to 65,536.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_header_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.header_bytes = within("header-bytes", bytes, 2_048, 65_536)?;
        Ok(self)
    }

    /// How deep elements may be nested, the first-level element being 1.
    /// Default 64.
    #[must_use]
    pub const fn depth(&self) -> u16 {
        self.depth
    }

    /// Sets [`depth`](Self::depth): 16 to 256.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_depth(mut self, depth: u16) -> Result<Self, LimitsError> {
        self.depth = within("depth", depth, 16, 256)?;
        Ok(self)
    }

    /// Attributes of one element, namespace declarations included. Default 64.
    #[must_use]
    pub const fn attributes(&self) -> u16 {
        self.attributes
    }

    /// Sets [`attributes`](Self::attributes): 16 to 256.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_attributes(mut self, attributes: u16) -> Result<Self, LimitsError> {
        self.attributes = within("attributes", attributes, 16, 256)?;
        Ok(self)
    }

    /// Elements of one stanza, itself included. Default 4,096.
    #[must_use]
    pub const fn elements(&self) -> u32 {
        self.elements
    }

    /// Sets [`elements`](Self::elements): 64 to 262,144.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_elements(mut self, elements: u32) -> Result<Self, LimitsError> {
        self.elements = within("elements", elements, 64, 1 << 18)?;
        Ok(self)
    }

    /// Bytes of an element's or attribute's name, prefix included. Default 256.
    #[must_use]
    pub const fn name_bytes(&self) -> u16 {
        self.name_bytes
    }

    /// Sets [`name_bytes`](Self::name_bytes): 64 to 1,024.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_name_bytes(mut self, bytes: u16) -> Result<Self, LimitsError> {
        self.name_bytes = within("name-bytes", bytes, 64, 1_024)?;
        Ok(self)
    }

    /// Namespace declarations in force at one place. Default 32.
    #[must_use]
    pub const fn namespaces(&self) -> u16 {
        self.namespaces
    }

    /// Sets [`namespaces`](Self::namespaces): 16 to 256.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_namespaces(mut self, namespaces: u16) -> Result<Self, LimitsError> {
        self.namespaces = within("namespaces", namespaces, 16, 256)?;
        Ok(self)
    }

    /// Bytes of a TLS handshake message that is not whole yet. Default 32 KiB.
    #[must_use]
    pub const fn handshake_bytes(&self) -> usize {
        self.handshake_bytes
    }

    /// Sets [`handshake_bytes`](Self::handshake_bytes): 16 KiB to 64 KiB (what
    /// rustls takes). Long certificate chains need more than a record.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_handshake_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.handshake_bytes = within("handshake-bytes", bytes, 16 << 10, 64 << 10)?;
        Ok(self)
    }

    /// Failed authentications before the stream is closed (responder), or
    /// mechanisms tried (initiator). Default 3.
    #[must_use]
    pub const fn sasl_attempts(&self) -> u8 {
        self.sasl_attempts
    }

    /// Sets [`sasl_attempts`](Self::sasl_attempts): 2 to 5 (RFC 6120 6.4.5).
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_sasl_attempts(mut self, attempts: u8) -> Result<Self, LimitsError> {
        self.sasl_attempts = within("sasl-attempts", attempts, 2, 5)?;
        Ok(self)
    }

    /// Successive `<see-other-host/>` redirects an initiator follows. It
    /// outlives a connection: hand it to
    /// [`PlannerConfig::max_redirects`](crate::reset::PlannerConfig::max_redirects).
    /// Default 5.
    #[must_use]
    pub const fn redirects(&self) -> u8 {
        self.redirects
    }

    /// Sets [`redirects`](Self::redirects): 2 to 5 (RFC 6120 4.9.3.19).
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_redirects(mut self, redirects: u8) -> Result<Self, LimitsError> {
        self.redirects = within("redirects", redirects, 2, 5)?;
        Ok(self)
    }

    /// Between servers (XEP-0220): domain pairs that are verified on a stream,
    /// and questions of the peer's that wait for the application's answer,
    /// together; and questions of ours that the peer has not answered, in time
    /// or not. Before any pair is verified no more than four questions wait.
    /// Default 64.
    #[must_use]
    pub const fn requests(&self) -> u16 {
        self.requests
    }

    /// Sets [`requests`](Self::requests): 1 to 1,024.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_requests(mut self, requests: u16) -> Result<Self, LimitsError> {
        self.requests = within("requests", requests, 1, 1_024)?;
        Ok(self)
    }
}

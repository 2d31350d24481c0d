//! The limits on our own side: buffers and deadlines.

use core::time::Duration;

use super::{
    Limits, LimitsError,
    error::{time_within, within},
};

/// What may wait to be sent.
impl Limits {
    /// Bytes of the application's that may wait to be taken by TCP. Default
    /// 64 KiB.
    ///
    /// A stanza that does not fit is refused as a whole, so this is also the
    /// largest stanza that can be sent.
    #[must_use]
    pub const fn outbox_bytes(&self) -> usize {
        self.outbox_bytes
    }

    /// Sets [`outbox_bytes`](Self::outbox_bytes): 10,000 to 4 MiB.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_outbox_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.outbox_bytes = within("outbox-bytes", bytes, 10_000, 4 << 20)?;
        Ok(self)
    }

    /// Bytes kept, beside the outbox, for what the connection itself must say:
    /// its header, negotiation, stream error and closing tag. While they are
    /// used up nothing further is taken from the peer. Default 16 KiB.
    #[must_use]
    pub const fn reserve_bytes(&self) -> usize {
        self.reserve_bytes
    }

    /// Sets [`reserve_bytes`](Self::reserve_bytes): 8 KiB to 64 KiB. (A header
    /// with the longest addresses takes more than 6,000 bytes.)
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_reserve_bytes(mut self, bytes: usize) -> Result<Self, LimitsError> {
        self.reserve_bytes = within("reserve-bytes", bytes, 8 << 10, 64 << 10)?;
        Ok(self)
    }
}

/// How long things may take.
impl Limits {
    /// How long one phase of the negotiation may take: a header, features, a
    /// TLS handshake, a SASL exchange, binding, a decision of the
    /// application's. Default 30 s.
    #[must_use]
    pub const fn phase_timeout(&self) -> Duration {
        self.phase_timeout
    }

    /// Sets [`phase_timeout`](Self::phase_timeout): 1 s to 10 min.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_phase_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.phase_timeout = time_within("phase-timeout", timeout, 1_000, 600_000)?;
        Ok(self)
    }

    /// How long the negotiation as a whole may take. Default 120 s.
    #[must_use]
    pub const fn negotiation_timeout(&self) -> Duration {
        self.negotiation_timeout
    }

    /// Sets [`negotiation_timeout`](Self::negotiation_timeout): 1 s to 1 h.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_negotiation_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.negotiation_timeout = time_within("negotiation-timeout", timeout, 1_000, 3_600_000)?;
        Ok(self)
    }

    /// Between servers (XEP-0220): how long the answer to a
    /// [`verify`](crate::Session::verify) of ours may take. Default 20 s: less
    /// than a [phase](Self::phase_timeout), so that the server that waits for
    /// the verdict on its key can still be told that there is none.
    #[must_use]
    pub const fn verify_timeout(&self) -> Duration {
        self.verify_timeout
    }

    /// Sets [`verify_timeout`](Self::verify_timeout): 1 s to 10 min.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_verify_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.verify_timeout = time_within("verify-timeout", timeout, 1_000, 600_000)?;
        Ok(self)
    }

    /// How long TCP may take nothing while something waits to be sent. Default
    /// 60 s.
    #[must_use]
    pub const fn write_stall_timeout(&self) -> Duration {
        self.write_stall_timeout
    }

    /// Sets [`write_stall_timeout`](Self::write_stall_timeout): 1 s to 10 min.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_write_stall_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.write_stall_timeout = time_within("write-stall-timeout", timeout, 1_000, 600_000)?;
        Ok(self)
    }

    /// How long to wait for the peer's closing tag and close_notify: the
    /// "reasonable amount of time" of RFC 6120 4.4. Default 5 s.
    #[must_use]
    pub const fn closing_timeout(&self) -> Duration {
        self.closing_timeout
    }

    /// Sets [`closing_timeout`](Self::closing_timeout): 0.1 s to 60 s.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_closing_timeout(mut self, timeout: Duration) -> Result<Self, LimitsError> {
        self.closing_timeout = time_within("closing-timeout", timeout, 100, 60_000)?;
        Ok(self)
    }

    /// How long the driver reads and discards after a graceful close, so that
    /// the kernel does not answer unread input with a RST, which would destroy
    /// the last words before the peer has read them. Default 2 s.
    #[must_use]
    pub const fn linger(&self) -> Duration {
        self.linger
    }

    /// Sets [`linger`](Self::linger): 0.1 s to 60 s.
    ///
    /// # Errors
    ///
    /// A value outside that range.
    pub fn with_linger(mut self, linger: Duration) -> Result<Self, LimitsError> {
        self.linger = time_within("linger", linger, 100, 60_000)?;
        Ok(self)
    }
}

//! How stream management is used: [`SmPolicy`].

use alloc::string::String;
use core::time::Duration;

/// When the peer's stanzas are acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AckMode {
    /// Once the application has been handed them.
    #[default]
    Delivered,
    /// Once the application has said that they are safe
    /// ([`Session::handled`](crate::Session::handled)): it stores each stanza before the peer may
    /// forget it. What was handed over and not handled is delivered again after a resumption
    /// ([`Session::is_redelivery`](crate::Session::is_redelivery)).
    Handled,
}

/// How stream management is used (XEP-0198).
///
/// The default asks for an acknowledgement after 256 stanzas, when half of the queue is used, or 2
/// seconds after the first stanza that is not acknowledged; it gives up a peer that owes one for 60
/// seconds, and keeps at most 1,024 stanzas or 1 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a policy does nothing before a config takes it"]
pub struct SmPolicy {
    pub(crate) resumption: Option<u32>,
    pub(crate) location: Option<String>,
    pub(crate) ack_mode: AckMode,
    pub(crate) ask_after: u32,
    pub(crate) ask_delay: Duration,
    pub(crate) ack_timeout: Duration,
    pub(crate) queue_stanzas: u32,
    pub(crate) queue_bytes: u32,
}

/// A peer that handles nothing and answers at once is not asked without a pause.
const MIN_ASK_DELAY: Duration = Duration::from_millis(100);

impl Default for SmPolicy {
    fn default() -> Self {
        Self {
            resumption: Some(300),
            location: None,
            ack_mode: AckMode::Delivered,
            ask_after: 256,
            ask_delay: Duration::from_secs(2),
            ack_timeout: Duration::from_secs(60),
            queue_stanzas: 1024,
            queue_bytes: 1 << 20,
        }
    }
}

impl SmPolicy {
    /// Returns the default policy, with resumption for 300 seconds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets for how many seconds a session can be resumed after its stream has broken: what a client
    /// asks for, and what a server grants at most. `None` has sessions that cannot be resumed.
    pub fn resumption(mut self, seconds: Option<u32>) -> Self {
        self.resumption = seconds;
        self
    }

    /// Sets where a server would like its sessions to be resumed: `host`, `host:port` or
    /// `[address]:port` (XEP-0198 5).
    pub fn location(mut self, location: &str) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Sets when the peer's stanzas are acknowledged.
    pub fn ack_mode(mut self, mode: AckMode) -> Self {
        self.ack_mode = mode;
        self
    }

    /// Sets after how many stanzas an acknowledgement is asked for, at least 1, and how long after
    /// the first stanza that is not acknowledged at the latest, at least 100 ms. It is asked for as
    /// well when half of the [queue](Self::queue) is used.
    pub fn ask(mut self, stanzas: u32, delay: Duration) -> Self {
        self.ask_after = stanzas.max(1);
        self.ask_delay = delay.max(MIN_ASK_DELAY);
        self
    }

    /// Sets how long the peer may take to acknowledge what it was asked about. Then the connection
    /// ends with [`Timeout(Acknowledgement)`](crate::close::Phase::Acknowledgement), and the session
    /// can be resumed.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = timeout;
        self
    }

    /// Sets how many stanzas, and how many bytes of them, are kept until they are acknowledged. At
    /// least one stanza is. That memory, with 16 bytes for each stanza and 16 KiB for what this crate
    /// answers by itself, in buffers that may have grown to twice that, comes beside
    /// [`Limits::memory_bound`](crate::limits::Limits::memory_bound).
    pub fn queue(mut self, stanzas: u32, bytes: u32) -> Self {
        self.queue_stanzas = stanzas.max(1);
        self.queue_bytes = bytes;
        self
    }
}

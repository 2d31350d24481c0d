//! What the application learns and is asked on streams between servers (XEP-0178, XEP-0220).

use alloc::string::String;

use crate::dialback::DialbackKey;
use crate::jid::Jid;
use crate::stream::{DialbackCondition, DialbackVerdict};

/// A verified domain pair: the initiating server may send stanzas `from` the one `to` the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairVerified {
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) by: Proven,
}

impl PairVerified {
    /// Returns a pair for tests of code that handles one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn for_testing(from: Jid, to: Jid, by: Proven) -> Self {
        Self { from, to, by }
    }

    /// Returns the domain of the initiating server.
    #[must_use]
    pub const fn from(&self) -> &Jid {
        &self.from
    }

    /// Returns the domain of the receiving server.
    #[must_use]
    pub const fn to(&self) -> &Jid {
        &self.to
    }

    /// Returns what has proved the pair.
    #[must_use]
    pub const fn by(&self) -> Proven {
        self.by
    }
}

/// What proves a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proven {
    /// A certificate: SASL EXTERNAL (XEP-0178).
    External,
    /// Server Dialback (XEP-0220).
    Dialback,
}

impl Proven {
    /// Returns `external` or `dialback`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Dialback => "dialback",
        }
    }
}

/// Names a request on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u32);

/// A question that does not stop the stream. [`Session::answer`](crate::Session::answer) answers it,
/// whenever the application knows. It lapses when the stream is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialbackRequest {
    pub(crate) id: RequestId,
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) stream_id: String,
    pub(crate) question: DialbackQuestion,
}

/// What a [`DialbackRequest`] asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialbackQuestion {
    /// May the peer send stanzas from `from` to `to`? Ask the authoritative server of `from` whether
    /// the key is genuine ([`Session::verify`](crate::Session::verify) on a stream to it), or decide
    /// otherwise (XEP-0220 2.2.1).
    Authorize(DialbackKey),
    /// Is this the key that a server of `to` made for the stream `stream_id`, on which `from` received
    /// it (XEP-0220 2.2.2)? This is asked where no secret is configured.
    Verify(DialbackKey),
    /// Which key proves that this server is `from`, on the stream `stream_id` of `to` (XEP-0220
    /// 2.1.1)? Answer with [`DialbackAnswer::Key`].
    MakeKey,
}

impl DialbackRequest {
    /// Returns a request for tests of code that handles one. No machine waits for its answer.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn for_testing(
        number: u32,
        from: Jid,
        to: Jid,
        stream_id: String,
        question: DialbackQuestion,
    ) -> Self {
        Self {
            id: RequestId(number),
            from,
            to,
            stream_id,
            question,
        }
    }

    /// Returns what [`Session::answer`](crate::Session::answer) takes.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// Returns what is asked.
    #[must_use]
    pub const fn question(&self) -> &DialbackQuestion {
        &self.question
    }

    /// Returns the domain in `from`.
    #[must_use]
    pub const fn from(&self) -> &Jid {
        &self.from
    }

    /// Returns the domain in `to`.
    #[must_use]
    pub const fn to(&self) -> &Jid {
        &self.to
    }

    /// Returns the id of the stream that the key is for.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }
}

/// The answer to a [`DialbackRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialbackAnswer {
    /// The key is genuine.
    Valid,
    /// The key is not genuine. While no pair is verified this ends the stream.
    Invalid,
    /// Whether the key is genuine could not be found out (XEP-0220 2.4). The stream goes on.
    Error(DialbackCondition),
    /// The key to [`DialbackQuestion::MakeKey`].
    Key(DialbackKey),
}

impl From<DialbackVerdict> for DialbackAnswer {
    fn from(verdict: DialbackVerdict) -> Self {
        match verdict {
            DialbackVerdict::Valid => Self::Valid,
            DialbackVerdict::Invalid => Self::Invalid,
            DialbackVerdict::Error(error) => Self::Error(error),
        }
    }
}

/// The answer to [`Session::verify`](crate::Session::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVerdict {
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) stream_id: String,
    pub(crate) verdict: DialbackVerdict,
}

impl KeyVerdict {
    /// Returns a verdict for tests of code that handles one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn for_testing(
        from: Jid,
        to: Jid,
        stream_id: String,
        verdict: DialbackVerdict,
    ) -> Self {
        Self {
            from,
            to,
            stream_id,
            verdict,
        }
    }

    /// Returns the domain that was asked for.
    #[must_use]
    pub const fn from(&self) -> &Jid {
        &self.from
    }

    /// Returns the domain whose key it is.
    #[must_use]
    pub const fn to(&self) -> &Jid {
        &self.to
    }

    /// Returns the id of the stream on which the key was received.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// Returns the answer. An error stands also for an answer that did not arrive in time, because
    /// whoever waits for the result is to get one too (XEP-0220 2.4).
    #[must_use]
    pub const fn verdict(&self) -> DialbackVerdict {
        self.verdict
    }
}

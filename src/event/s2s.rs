//! What is told and asked between servers (XEP-0220).

use alloc::string::String;

use crate::dialback::DialbackKey;
use crate::jid::Jid;
use crate::stream::{DialbackCondition, DialbackVerdict};

/// A domain pair is verified: the initiating server may send stanzas `from` the
/// one `to` the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairVerified {
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) by: Proven,
}

impl PairVerified {
    /// The domain of the initiating server.
    #[must_use]
    pub const fn from(&self) -> &Jid {
        &self.from
    }

    /// The domain of the receiving server.
    #[must_use]
    pub const fn to(&self) -> &Jid {
        &self.to
    }

    /// What has proved it.
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
    /// `external` or `dialback`.
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

/// A question that does not stop the stream. It is answered with
/// [`Session::answer`](crate::Session::answer), whenever the application knows;
/// it lapses when the stream is closed.
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
    /// May the peer send stanzas from `from` to `to`? Ask the authoritative
    /// server of `from` whether the key is genuine
    /// ([`Session::verify`](crate::Session::verify) on a stream to it), or
    /// decide otherwise (2.2.1).
    Authorize(DialbackKey),
    /// Is this the key that a server of `to` made for the stream `stream_id`
    /// that `from` received it on (2.2.2)? Asked where no secret is configured.
    Verify(DialbackKey),
    /// Which key proves that we are `from`, on the stream `stream_id` of `to`
    /// (2.1.1)? Answer with [`DialbackAnswer::Key`].
    MakeKey,
}

impl DialbackRequest {
    /// What to answer to.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// What is asked.
    #[must_use]
    pub const fn question(&self) -> &DialbackQuestion {
        &self.question
    }

    /// The domain in `from`.
    #[must_use]
    pub const fn from(&self) -> &Jid {
        &self.from
    }

    /// The domain in `to`.
    #[must_use]
    pub const fn to(&self) -> &Jid {
        &self.to
    }

    /// The id of the stream the key is for.
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
    /// It is not. While no pair is verified this ends the stream.
    Invalid,
    /// There is no answer (2.4). The stream goes on.
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

/// The answer to a [`Session::verify`](crate::Session::verify) of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVerdict {
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) stream_id: String,
    pub(crate) verdict: DialbackVerdict,
}

impl KeyVerdict {
    /// The domain we asked as.
    #[must_use]
    pub const fn from(&self) -> &Jid {
        &self.from
    }

    /// The domain whose key it is.
    #[must_use]
    pub const fn to(&self) -> &Jid {
        &self.to
    }

    /// The id of the stream the key was received on.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The answer. An error counts as none, and stands for none that came in
    /// time: whoever waits for it is to get one too (2.4).
    #[must_use]
    pub const fn verdict(&self) -> DialbackVerdict {
        self.verdict
    }
}

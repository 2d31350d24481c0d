//! What the application has asked for and the next poll acts on.

use crate::reset::ResetCause;
use crate::stream::{AppRequest, InFlight, StreamError};

/// A request of the application to end the stream or the connection.
#[derive(Debug)]
pub(super) enum EndRequest {
    /// With the closing tag (RFC 6120 4.4).
    Close,
    /// With `<reset/>` (RFC 6120 4.9.3.16).
    Reset(ResetCause),
    /// With this stream error (RFC 6120 4.9).
    Fail(StreamError),
    /// At once, without another byte.
    Abort,
}

impl EndRequest {
    /// The request as the table knows it; `None` for an abort.
    pub(super) fn app_request(&self) -> Option<AppRequest> {
        match self {
            Self::Close => Some(AppRequest::Close),
            Self::Reset(cause) => Some(AppRequest::Reset(match cause.discards_in_flight() {
                true => InFlight::Discard,
                false => InFlight::Deliver,
            })),
            Self::Fail(_) => Some(AppRequest::Fail),
            Self::Abort => None,
        }
    }
}

/// The request that waits for the next poll.
#[derive(Debug, Default)]
pub(super) struct PendingRequest(Option<EndRequest>);

impl PendingRequest {
    /// Stores a request. The first one counts, but an abort replaces what has not been acted on.
    pub(super) fn store(&mut self, request: EndRequest) {
        if self.0.is_none() || matches!(request, EndRequest::Abort) {
            self.0 = Some(request);
        }
    }

    /// Takes the request.
    pub(super) fn take(&mut self) -> Option<EndRequest> {
        self.0.take()
    }

    pub(super) const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) const fn is_abort(&self) -> bool {
        matches!(self.0, Some(EndRequest::Abort))
    }
}

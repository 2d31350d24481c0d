//! From the reason of an end to what a [`Planner`](crate::reset::Planner) has
//! to know of it.

use super::{AuthenticationFailure, CloseReason};
use crate::reset::{Cause, Complaint, Ended, Side};
use crate::sasl;
use crate::stream::{Condition, StreamError};

impl CloseReason {
    /// The end as [`Planner::next`](crate::reset::Planner::next) takes it.
    #[must_use]
    pub fn ended(&self) -> Ended {
        match self {
            Self::Closed { by } => Ended::Closed { by: *by },
            Self::Reset { by, cause } => Ended::Reset {
                by: *by,
                cause: cause.unwrap_or(Cause::Other),
            },
            Self::StreamError {
                by: Side::Peer,
                error,
            } => complained(error),
            Self::StreamError { by: Side::Us, .. }
            | Self::PlaintextAfterStarttls
            | Self::NotWellFormed(_)
            | Self::Limit(_) => Ended::ProtocolViolation,
            Self::TlsRenegotiation(_) => Ended::TlsRenegotiation,
            Self::Tls(_) => Ended::TlsFailed,
            Self::TlsTruncated | Self::Timeout(_) | Self::Transport(_) => Ended::Lost,
            Self::AuthenticationFailed(failure) => refused(failure),
            Self::NegotiationFailed(_) | Self::StarttlsRefused => Ended::NegotiationFailed,
            Self::LocalAbort => Ended::LocalAbort,
            Self::Internal(_) => Ended::Internal,
        }
    }
}

/// What the peer's stream error says about coming back (RFC 6120 4.9.3).
fn complained(error: &StreamError) -> Ended {
    use Condition as C;
    Ended::StreamError(match error.condition() {
        C::Reset => {
            return Ended::Reset {
                by: Side::Peer,
                cause: Cause::Other,
            };
        }
        C::Conflict => Complaint::Conflict,
        C::SeeOtherHost => Complaint::SeeOtherHost,
        C::ConnectionTimeout
        | C::InternalServerError
        | C::RemoteConnectionFailed
        | C::ResourceConstraint
        | C::SystemShutdown => Complaint::Unavailable,
        _ => Complaint::Refused,
    })
}

/// Whether the same credentials may do next time (RFC 6120 6.5).
fn refused(failure: &AuthenticationFailure) -> Ended {
    use sasl::Condition as C;
    match failure {
        AuthenticationFailure::Refused(C::TemporaryAuthFailure | C::Aborted) => {
            Ended::AuthenticationUnavailable
        }
        AuthenticationFailure::Refused(_) | AuthenticationFailure::Mechanism(_) => {
            Ended::AuthenticationFailed
        }
        AuthenticationFailure::NoMechanism(_) => Ended::NegotiationFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::{InternalError, Phase};
    use crate::stream::OtherHost;

    fn complaint(condition: Condition) -> Ended {
        CloseReason::StreamError {
            by: Side::Peer,
            error: StreamError::new(condition),
        }
        .ended()
    }

    fn sasl(condition: sasl::Condition) -> Ended {
        CloseReason::AuthenticationFailed(AuthenticationFailure::Refused(condition)).ended()
    }

    #[test]
    fn a_reset_keeps_its_author_and_its_cause() {
        let reset = |by, cause| CloseReason::Reset { by, cause }.ended();
        let (us, peer) = (Side::Us, Side::Peer);
        assert_eq!(
            reset(us, Some(Cause::KeyRefresh)),
            Ended::Reset {
                by: us,
                cause: Cause::KeyRefresh
            }
        );
        let by_peer = Ended::Reset {
            by: peer,
            cause: Cause::Other,
        };
        assert_eq!(reset(peer, None), by_peer);
        assert_eq!(complaint(Condition::Reset), by_peer);
    }

    #[test]
    fn a_stream_error_of_the_peer_says_whether_to_come_back() {
        let cases = [
            (Condition::Conflict, Complaint::Conflict),
            (Condition::ConnectionTimeout, Complaint::Unavailable),
            (Condition::InternalServerError, Complaint::Unavailable),
            (Condition::RemoteConnectionFailed, Complaint::Unavailable),
            (Condition::ResourceConstraint, Complaint::Unavailable),
            (Condition::SystemShutdown, Complaint::Unavailable),
            (Condition::HostUnknown, Complaint::Refused),
            (Condition::PolicyViolation, Complaint::Refused),
            (Condition::UndefinedCondition, Complaint::Refused),
        ];
        for (condition, expected) in cases {
            assert_eq!(complaint(condition), Ended::StreamError(expected));
        }
        let elsewhere = OtherHost::new("im.example.com", None).unwrap();
        let redirect = CloseReason::StreamError {
            by: Side::Peer,
            error: StreamError::see_other_host(elsewhere),
        };
        assert_eq!(
            redirect.ended(),
            Ended::StreamError(Complaint::SeeOtherHost)
        );
        let ours = CloseReason::StreamError {
            by: Side::Us,
            error: StreamError::new(Condition::SystemShutdown),
        };
        assert_eq!(ours.ended(), Ended::ProtocolViolation);
    }

    #[test]
    fn only_a_passing_failure_of_sasl_lets_the_same_password_try_again() {
        use sasl::Condition as C;
        assert_eq!(
            sasl(C::TemporaryAuthFailure),
            Ended::AuthenticationUnavailable
        );
        assert_eq!(sasl(C::Aborted), Ended::AuthenticationUnavailable);
        assert_eq!(sasl(C::NotAuthorized), Ended::AuthenticationFailed);
        assert_eq!(sasl(C::AccountDisabled), Ended::AuthenticationFailed);
        let unproven = AuthenticationFailure::Mechanism(sasl::Error::ServerNotVerified);
        assert_eq!(
            CloseReason::AuthenticationFailed(unproven).ended(),
            Ended::AuthenticationFailed
        );
        let none = AuthenticationFailure::NoMechanism(sasl::Refusal::NoMechanism);
        assert_eq!(
            CloseReason::AuthenticationFailed(none).ended(),
            Ended::NegotiationFailed
        );
    }

    #[test]
    fn whatever_breaks_a_connection_is_a_loss_and_the_rest_keeps_its_kind() {
        for lost in [
            CloseReason::TlsTruncated,
            CloseReason::Timeout(Phase::Features),
            CloseReason::Transport(Phase::Established),
        ] {
            assert_eq!(lost.ended(), Ended::Lost);
        }
        let by = Side::Us;
        assert_eq!(CloseReason::Closed { by }.ended(), Ended::Closed { by });
        assert_eq!(
            CloseReason::StarttlsRefused.ended(),
            Ended::NegotiationFailed
        );
        assert_eq!(
            CloseReason::PlaintextAfterStarttls.ended(),
            Ended::ProtocolViolation
        );
        assert_eq!(CloseReason::LocalAbort.ended(), Ended::LocalAbort);
        assert_eq!(
            CloseReason::Internal(InternalError::Randomness).ended(),
            Ended::Internal
        );
    }
}

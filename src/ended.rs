//! From the end of a connection to what a [`Planner`](crate::reset::Planner)
//! is told.
//!
//! ```
//! # use xmpp_stream::{CloseTcp, reset::{Plan, Planner}, time::Instant};
//! # fn after(planner: &mut Planner, now: Instant, close: &CloseTcp) -> Plan {
//! planner.next(now, close.into())
//! # }
//! ```

use crate::close::{AuthenticationFailure, CloseReason, CloseTcp};
use crate::reset::{Cause, Complaint, Ended, Outcome, Side};
use crate::sasl;
use crate::stream::{
    DialbackCondition as DialbackError, DialbackVerdict, StreamCondition as Condition, StreamError,
};

/// [`Outcome::Closed`] with what matters of the reason.
impl From<&CloseTcp> for Outcome {
    fn from(close: &CloseTcp) -> Self {
        Self::Closed(close.reason().into())
    }
}

/// What matters of the reason for the next connection.
impl From<&CloseReason> for Ended {
    fn from(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::Closed { by } => Self::Closed { by: *by },
            CloseReason::Reset { by, cause } => Self::Reset {
                by: *by,
                cause: cause.unwrap_or(Cause::Other),
            },
            CloseReason::StreamError { by, error } => stream_error(*by, error),
            CloseReason::TlsRenegotiation(_) => Self::TlsRenegotiation,
            CloseReason::Tls(_) => Self::TlsFailed,
            CloseReason::AuthenticationFailed(failure) => authentication(failure),
            CloseReason::NegotiationFailed(_) | CloseReason::StarttlsRefused => {
                Self::NegotiationFailed
            }
            CloseReason::NotWellFormed(_)
            | CloseReason::Limit(_)
            | CloseReason::PlaintextAfterStarttls => Self::ProtocolViolation,
            CloseReason::TlsTruncated | CloseReason::Timeout(_) | CloseReason::Transport(_) => {
                Self::Lost
            }
            CloseReason::LocalAbort => Self::LocalAbort,
            CloseReason::Internal(_) => Self::Internal,
        }
    }
}

fn stream_error(by: Side, error: &StreamError) -> Ended {
    match (by, error.condition()) {
        (by, Condition::Reset) => Ended::Reset {
            by,
            cause: Cause::Other,
        },
        (Side::Us, _) => Ended::ProtocolViolation,
        (Side::Peer, Condition::SeeOtherHost) => Ended::StreamError(match error.other_host() {
            Some(_) => Complaint::SeeOtherHost,
            // Nowhere to go: what was sent is no host.
            None => Complaint::Refused,
        }),
        (Side::Peer, condition) => Ended::StreamError(complaint(condition)),
    }
}

fn complaint(condition: Condition) -> Complaint {
    match condition {
        Condition::Conflict => Complaint::Conflict,
        Condition::ConnectionTimeout
        | Condition::InternalServerError
        | Condition::RemoteConnectionFailed
        | Condition::ResourceConstraint
        | Condition::SystemShutdown => Complaint::Unavailable,
        // Whatever else the peer says, it is about us.
        _ => Complaint::Refused,
    }
}

fn authentication(failure: &AuthenticationFailure) -> Ended {
    match failure {
        AuthenticationFailure::Refused(
            sasl::Condition::TemporaryAuthFailure | sasl::Condition::Aborted,
        ) => Ended::AuthenticationUnavailable,
        AuthenticationFailure::Refused(_) | AuthenticationFailure::Mechanism(_) => {
            Ended::AuthenticationFailed
        }
        AuthenticationFailure::Dialback(verdict) => dialback(*verdict),
        // Nothing was refused: the server offers nothing that we accept now.
        AuthenticationFailure::NoMechanism(_) => Ended::NegotiationFailed,
    }
}

/// An error that is about a third server may be over the next time.
fn dialback(verdict: DialbackVerdict) -> Ended {
    match verdict {
        DialbackVerdict::Error(
            DialbackError::RemoteConnectionFailed
            | DialbackError::RemoteServerNotFound
            | DialbackError::RemoteServerTimeout
            | DialbackError::ResourceConstraint
            | DialbackError::Other,
        ) => Ended::AuthenticationUnavailable,
        _ => Ended::AuthenticationFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::{InternalError, Phase};
    use crate::xml::StanzaBuf;
    use alloc::vec::Vec;

    #[test]
    fn each_end_is_planned_for_as_what_it_is() {
        let both = [Side::Us, Side::Peer];
        for by in both {
            assert_eq!(
                Ended::from(&CloseReason::Closed { by }),
                Ended::Closed { by }
            );
        }
        for (reason, ended) in [
            (CloseReason::TlsTruncated, Ended::Lost),
            (CloseReason::Timeout(Phase::Header), Ended::Lost),
            (CloseReason::Transport(Phase::Established), Ended::Lost),
            (CloseReason::StarttlsRefused, Ended::NegotiationFailed),
            (
                CloseReason::PlaintextAfterStarttls,
                Ended::ProtocolViolation,
            ),
            (CloseReason::LocalAbort, Ended::LocalAbort),
            (
                CloseReason::Internal(InternalError::Randomness),
                Ended::Internal,
            ),
        ] {
            assert_eq!(Ended::from(&reason), ended, "{reason:?}");
        }
    }

    #[test]
    fn rfc6120_4_9_3_16_2_every_form_of_reset_reaches_the_planner_as_one() {
        let reset = |by, cause| CloseReason::Reset { by, cause };
        let plain = |by| CloseReason::StreamError {
            by,
            error: StreamError::new(Condition::Reset),
        };
        for (reason, by, cause) in [
            (
                reset(Side::Us, Some(Cause::KeyRefresh)),
                Side::Us,
                Cause::KeyRefresh,
            ),
            (reset(Side::Peer, None), Side::Peer, Cause::Other),
            (plain(Side::Us), Side::Us, Cause::Other),
            (plain(Side::Peer), Side::Peer, Cause::Other),
        ] {
            assert_eq!(Ended::from(&reason), Ended::Reset { by, cause });
        }
    }

    fn from_peer(error: StreamError) -> Ended {
        Ended::from(&CloseReason::StreamError {
            by: Side::Peer,
            error,
        })
    }

    #[test]
    fn stream_errors_of_the_peer_are_sorted_by_what_they_mean_for_the_next_attempt() {
        let sorted = |wanted: Complaint| -> Vec<&str> {
            Condition::ALL
                .into_iter()
                .filter(|condition| *condition != Condition::SeeOtherHost)
                .filter(|condition| {
                    from_peer(StreamError::new(*condition)) == Ended::StreamError(wanted)
                })
                .map(Condition::as_str)
                .collect()
        };
        assert_eq!(sorted(Complaint::Conflict), ["conflict"]);
        assert_eq!(
            sorted(Complaint::Unavailable),
            [
                "connection-timeout",
                "internal-server-error",
                "remote-connection-failed",
                "resource-constraint",
                "system-shutdown"
            ]
        );
        // All others but `reset` and `see-other-host`.
        assert_eq!(sorted(Complaint::Refused).len(), 25 - 6 - 2);
    }

    #[test]
    fn rfc6120_4_9_3_19_a_redirect_is_followed_only_if_it_names_a_host() {
        let host = "im2.example.com:9222".parse().unwrap();
        assert_eq!(
            from_peer(StreamError::see_other_host(host)),
            Ended::StreamError(Complaint::SeeOtherHost)
        );
        let nowhere = StanzaBuf::parse(
            "<error xmlns='http://etherx.jabber.org/streams'>\
             <see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a b</see-other-host>\
             </error>",
        )
        .unwrap();
        let nowhere = StreamError::parse(&nowhere.as_stanza());
        assert_eq!(nowhere.condition(), Condition::SeeOtherHost);
        assert_eq!(from_peer(nowhere), Ended::StreamError(Complaint::Refused));
    }

    #[test]
    fn our_own_stream_error_is_a_violation_of_the_peers() {
        let reason = CloseReason::StreamError {
            by: Side::Us,
            error: StreamError::new(Condition::Conflict),
        };
        assert_eq!(Ended::from(&reason), Ended::ProtocolViolation);
    }

    #[test]
    fn a_passing_authentication_failure_is_not_a_wrong_password() {
        for condition in sasl::Condition::ALL {
            let failure = AuthenticationFailure::Refused(condition);
            let expected = match condition.as_str() {
                "temporary-auth-failure" | "aborted" => Ended::AuthenticationUnavailable,
                _ => Ended::AuthenticationFailed,
            };
            let reason = CloseReason::AuthenticationFailed(failure);
            assert_eq!(Ended::from(&reason), expected, "{condition:?}");
        }
    }
}

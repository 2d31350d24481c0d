//! From the end of a connection to what a [`Planner`](crate::reset::Planner) is told. `reset` does
//! not know connections, so this translation stands with the reasons.
//!
//! ```
//! # use xmpp_stream::{CloseTcp, reset::{Plan, Planner}, time::Instant};
//! # fn after(planner: &mut Planner, now: Instant, close: &CloseTcp) -> Plan {
//! planner.next(now, close.into())
//! # }
//! ```

use crate::close::{AuthenticationReason, CloseReason, CloseTcp};
use crate::reset::{Disconnect, Outcome, PeerError, ResetCause, Side};
use crate::sasl;
use crate::stream::{DialbackCondition, DialbackVerdict, StreamCondition, StreamError};

/// [`Outcome::Closed`] with what matters of the reason.
impl From<&CloseTcp> for Outcome {
    fn from(close: &CloseTcp) -> Self {
        Self::Closed(close.reason().into())
    }
}

/// What matters of the reason for the next connection.
impl From<&CloseReason> for Disconnect {
    fn from(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::Closed { by } => Self::Closed { by: *by },
            CloseReason::Reset { by, cause } => Self::Reset {
                by: *by,
                cause: cause.unwrap_or(ResetCause::Other),
            },
            CloseReason::StreamError { by, error } => stream_error(*by, error),
            CloseReason::TlsRenegotiation(_) => Self::TlsRenegotiation,
            CloseReason::Tls(_) => Self::TlsFailed,
            CloseReason::AuthenticationFailed(failure) => authentication(failure),
            CloseReason::NegotiationFailed(_)
            | CloseReason::StarttlsRefused
            | CloseReason::StarttlsNotOffered => Self::NegotiationFailed,
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

fn stream_error(by: Side, error: &StreamError) -> Disconnect {
    match (by, error.condition()) {
        (by, StreamCondition::Reset) => Disconnect::Reset {
            by,
            cause: ResetCause::Other,
        },
        (Side::Us, _) => Disconnect::ProtocolViolation,
        (Side::Peer, StreamCondition::SeeOtherHost) => {
            Disconnect::StreamError(match error.other_host() {
                Some(_) => PeerError::SeeOtherHost,
                // Nowhere to go: what was sent is no host.
                None => PeerError::Refused,
            })
        }
        (Side::Peer, condition) => Disconnect::StreamError(complaint(condition)),
    }
}

fn complaint(condition: StreamCondition) -> PeerError {
    match condition {
        StreamCondition::Conflict => PeerError::Conflict,
        StreamCondition::ConnectionTimeout
        | StreamCondition::InternalServerError
        | StreamCondition::RemoteConnectionFailed
        | StreamCondition::ResourceConstraint
        | StreamCondition::SystemShutdown
        // It says nothing (RFC 6120 4.9.3.21), so nothing lasting either.
        | StreamCondition::UndefinedCondition => PeerError::Unavailable,
        // Whatever else the peer says, it is about us.
        _ => PeerError::Refused,
    }
}

fn authentication(failure: &AuthenticationReason) -> Disconnect {
    match failure {
        AuthenticationReason::Refused(
            sasl::SaslCondition::TemporaryAuthFailure | sasl::SaslCondition::Aborted,
        ) => Disconnect::AuthenticationUnavailable,
        AuthenticationReason::Refused(_) | AuthenticationReason::Mechanism(_) => {
            Disconnect::AuthenticationFailed
        }
        AuthenticationReason::Dialback(verdict) => dialback(*verdict),
        // Nothing was refused: the server offers nothing that we accept now.
        AuthenticationReason::NoMechanism(_)
        | AuthenticationReason::Token(_)
        | AuthenticationReason::Pin(_)
        | AuthenticationReason::Task
        | AuthenticationReason::ServerNotVerified => Disconnect::NegotiationFailed,
    }
}

/// An error that is about a third server may be over the next time.
fn dialback(verdict: DialbackVerdict) -> Disconnect {
    match verdict {
        DialbackVerdict::Error(
            DialbackCondition::RemoteConnectionFailed
            | DialbackCondition::RemoteServerNotFound
            | DialbackCondition::RemoteServerTimeout
            | DialbackCondition::ResourceConstraint
            | DialbackCondition::Other,
        ) => Disconnect::AuthenticationUnavailable,
        _ => Disconnect::AuthenticationFailed,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::close::{InternalReason, Phase};
    use crate::xml::StanzaBuf;

    #[test]
    fn each_end_is_planned_for_as_what_it_is() {
        let both = [Side::Us, Side::Peer];
        for by in both {
            assert_eq!(
                Disconnect::from(&CloseReason::Closed { by }),
                Disconnect::Closed { by }
            );
        }
        for (reason, ended) in [
            (CloseReason::TlsTruncated, Disconnect::Lost),
            (CloseReason::Timeout(Phase::Header), Disconnect::Lost),
            (CloseReason::Transport(Phase::Established), Disconnect::Lost),
            (CloseReason::StarttlsRefused, Disconnect::NegotiationFailed),
            (
                CloseReason::PlaintextAfterStarttls,
                Disconnect::ProtocolViolation,
            ),
            (CloseReason::LocalAbort, Disconnect::LocalAbort),
            (
                CloseReason::Internal(InternalReason::Randomness),
                Disconnect::Internal,
            ),
        ] {
            assert_eq!(Disconnect::from(&reason), ended, "{reason:?}");
        }
    }

    #[test]
    fn rfc6120_4_9_3_16_2_every_form_of_reset_reaches_the_planner_as_one() {
        let reset = |by, cause| CloseReason::Reset { by, cause };
        let plain = |by| CloseReason::StreamError {
            by,
            error: StreamError::new(StreamCondition::Reset),
        };
        for (reason, by, cause) in [
            (
                reset(Side::Us, Some(ResetCause::KeyRefresh)),
                Side::Us,
                ResetCause::KeyRefresh,
            ),
            (reset(Side::Peer, None), Side::Peer, ResetCause::Other),
            (plain(Side::Us), Side::Us, ResetCause::Other),
            (plain(Side::Peer), Side::Peer, ResetCause::Other),
        ] {
            assert_eq!(Disconnect::from(&reason), Disconnect::Reset { by, cause });
        }
    }

    fn from_peer(error: StreamError) -> Disconnect {
        Disconnect::from(&CloseReason::StreamError {
            by: Side::Peer,
            error,
        })
    }

    #[test]
    fn stream_errors_of_the_peer_are_sorted_by_what_they_mean_for_the_next_attempt() {
        let sorted = |wanted: PeerError| -> Vec<&str> {
            StreamCondition::ALL
                .into_iter()
                .filter(|condition| *condition != StreamCondition::SeeOtherHost)
                .filter(|condition| {
                    from_peer(StreamError::new(*condition)) == Disconnect::StreamError(wanted)
                })
                .map(StreamCondition::as_str)
                .collect()
        };
        assert_eq!(sorted(PeerError::Conflict), ["conflict"]);
        assert_eq!(
            sorted(PeerError::Unavailable),
            [
                "connection-timeout",
                "internal-server-error",
                "remote-connection-failed",
                "resource-constraint",
                "system-shutdown",
                "undefined-condition"
            ]
        );
        // All others but `reset` and `see-other-host`.
        assert_eq!(sorted(PeerError::Refused).len(), 25 - 7 - 2);
    }

    #[test]
    fn rfc6120_4_9_3_19_a_redirect_is_followed_only_if_it_names_a_host() {
        let host = "im2.example.com:9222".parse().unwrap();
        assert_eq!(
            from_peer(StreamError::see_other_host(host)),
            Disconnect::StreamError(PeerError::SeeOtherHost)
        );
        let nowhere = StanzaBuf::parse(
            "<error xmlns='http://etherx.jabber.org/streams'>\
             <see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a b</see-other-host>\
             </error>",
        )
        .unwrap();
        let nowhere = StreamError::parse(&nowhere.as_stanza());
        assert_eq!(nowhere.condition(), StreamCondition::SeeOtherHost);
        assert_eq!(
            from_peer(nowhere),
            Disconnect::StreamError(PeerError::Refused)
        );
    }

    #[test]
    fn our_own_stream_error_is_a_violation_of_the_peers() {
        let reason = CloseReason::StreamError {
            by: Side::Us,
            error: StreamError::new(StreamCondition::Conflict),
        };
        assert_eq!(Disconnect::from(&reason), Disconnect::ProtocolViolation);
    }

    #[test]
    fn a_passing_authentication_failure_is_not_a_wrong_password() {
        for condition in sasl::SaslCondition::ALL {
            let failure = AuthenticationReason::Refused(condition);
            let expected = match condition.as_str() {
                "temporary-auth-failure" | "aborted" => Disconnect::AuthenticationUnavailable,
                _ => Disconnect::AuthenticationFailed,
            };
            let reason = CloseReason::AuthenticationFailed(failure);
            assert_eq!(Disconnect::from(&reason), expected, "{condition:?}");
        }
    }
}

//! From the connected transport to the first XML, the same in both roles:
//! STARTTLS's TLS negotiation (RFC 6120 5.4.3), direct TLS (XEP-0368), or
//! neither.
//!
//! No XML flows here, in neither direction: whatever goes wrong ends the
//! transport without a word (5.4.3.2), and an error of the application waits
//! until TLS is there to carry it (5.4.3.1).
//!
//! Not here: STARTTLS itself (5.4.2), which is each role's own, and what TLS
//! says of itself, which ends the connection without asking the tables.

use super::Kind;
use super::closing::Closing;
use super::policy::{Policy, Security};
use super::table::{Act, Cause, Failure, Inbound, Input, Leg, Local, Output, OwnHeader, act};

/// What follows the TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterTls {
    /// The stream header.
    Negotiate,
    /// The stream error the application gave meanwhile: no XML may be sent
    /// before the handshake is complete (5.4.3.1).
    Fail,
    /// The `<reset/>` the application asked for meanwhile.
    Reset,
}

/// Where a step before the first XML leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// TLS is being negotiated.
    Handshake(AfterTls, Output),
    /// XML may flow; who speaks first depends on the role.
    Open(Leg),
    /// There will be no stream, or only to say why.
    Closing(Closing, Output),
}

/// A step of a negotiator that is not connected.
pub(super) fn begin(policy: Policy, input: Input) -> Next {
    match (input, policy.security) {
        // A component has no features, hence no STARTTLS (XEP-0114).
        (Input::Begin, Security::StartTls) if policy.kind == Kind::Component => {
            end(Cause::Internal)
        }
        (Input::Begin, Security::DirectTls) => {
            Next::Handshake(AfterTls::Negotiate, act(Act::StartTls))
        }
        (Input::Begin, Security::StartTls | Security::Plaintext) => Next::Open(Leg::Plain),
        (Input::Local(_), _) => end(Cause::Closed),
        // The driver's defects.
        _ => end(Cause::Internal),
    }
}

impl AfterTls {
    /// A step while TLS is being negotiated.
    pub(super) fn step(self, input: Input) -> Next {
        use AfterTls::{Fail, Negotiate, Reset};
        match (self, input) {
            (Negotiate, Input::Secured) => Next::Open(Leg::Secured),
            (Fail, Input::Secured) => late_failure(Failure::Application),
            (Reset, Input::Secured) => late_failure(Failure::Reset),

            (Negotiate, Input::Local(Local::Fail)) => wait(Fail),
            (Negotiate, Input::Local(Local::Reset(_))) => wait(Reset),
            // The first wish counts.
            (wish, Input::Local(Local::Fail | Local::Reset(_))) => wait(wish),

            (_, Input::Local(Local::Close)) => end(Cause::Closed),
            (_, Input::Expired) => end(Cause::Timeout),
            // The driver's defects.
            _ => end(Cause::Internal),
        }
    }
}

fn wait(after: AfterTls) -> Next {
    Next::Handshake(after, Output::NOTHING)
}

/// A failure that had to wait for the handshake: the own header comes first.
fn late_failure(failure: Failure) -> Next {
    Next::Closing(
        Closing::AwaitFooter(Inbound::Discard),
        act(Act::Fail(OwnHeader::Missing, failure)),
    )
}

fn end(cause: Cause) -> Next {
    Next::Closing(Closing::Done, act(Act::EndTransport(cause)))
}

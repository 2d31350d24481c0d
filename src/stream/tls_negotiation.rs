//! From the connected transport to the first XML, the same in both roles: STARTTLS's TLS negotiation
//! (RFC 6120 5.4.3), direct TLS (XEP-0368), or neither.
//!
//! No XML flows here in either direction. Whatever goes wrong ends the transport without a stream
//! error (RFC 6120 5.4.3.2), and an error of the application waits until TLS can carry it (RFC 6120
//! 5.4.3.1).
//!
//! Not here: STARTTLS itself (RFC 6120 5.4.2), which belongs to each role, and failures of TLS, which
//! end the connection without asking the tables.

use super::Kind;
use super::closing::Closing;
use super::policy::{Security, StreamPolicy};
use super::table::{
    AppRequest, CloseCause, Command, ErrorSource, InFlight, Input, Notice, Output, OwnHeader,
    StreamLevel, command, notify,
};

/// What follows the TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterTls {
    /// The stream header.
    Negotiate,
    /// The stream error that the application gave meanwhile. No XML may be sent before the handshake is
    /// complete (RFC 6120 5.4.3.1).
    Fail,
    /// The `<reset/>` that the application asked for meanwhile.
    Reset,
}

/// Where a step before the first XML leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next<C> {
    /// TLS is being negotiated.
    Handshake(AfterTls, Output<C>),
    /// XML may flow. Which side sends first depends on the role.
    Open(StreamLevel),
    /// There will be no stream, or only one that says why.
    Closing(Closing, Output<C>),
}

/// A step of a negotiator that is not connected.
pub(super) fn begin<C>(policy: StreamPolicy, input: Input) -> Next<C> {
    match (input, policy.security) {
        // A component has no features, hence no STARTTLS (XEP-0114).
        (Input::Begin, Security::StartTls) if policy.kind == Kind::Component => {
            end(CloseCause::Internal)
        }
        (Input::Begin, Security::DirectTls) => {
            Next::Handshake(AfterTls::Negotiate, command(Command::StartTls))
        }
        (Input::Begin, Security::StartTls | Security::Plaintext) => Next::Open(StreamLevel::Plain),
        (Input::AppRequest(_), _) => end(CloseCause::Closed),
        // Only a defect of the driver gives these inputs.
        _ => end(CloseCause::Internal),
    }
}

impl AfterTls {
    /// A step while TLS is being negotiated.
    pub(super) fn step<C>(self, input: Input) -> Next<C> {
        use AfterTls::{Fail, Negotiate, Reset};
        match (self, input) {
            (Negotiate, Input::Secured) => Next::Open(StreamLevel::Secured),
            (Fail, Input::Secured) => delayed_failure(ErrorSource::Application),
            (Reset, Input::Secured) => delayed_failure(ErrorSource::Reset),

            (Negotiate, Input::AppRequest(AppRequest::Fail)) => wait(Fail),
            (Negotiate, Input::AppRequest(AppRequest::Reset(_))) => wait(Reset),
            // The first request of the application counts.
            (after, Input::AppRequest(AppRequest::Fail | AppRequest::Reset(_))) => wait(after),

            (_, Input::AppRequest(AppRequest::Close)) => end(CloseCause::Closed),
            (_, Input::Expired) => end(CloseCause::Timeout),
            // Only a defect of the driver gives these inputs.
            _ => end(CloseCause::Internal),
        }
    }
}

/// The notice with which XML may flow on this level.
pub(super) const fn tls_notice(level: StreamLevel) -> Notice {
    match level {
        StreamLevel::Secured => Notice::TlsEstablished,
        StreamLevel::Plain | StreamLevel::Authenticated => Notice::Nothing,
    }
}

fn wait<C>(after: AfterTls) -> Next<C> {
    Next::Handshake(after, Output::NOTHING)
}

/// An error that had to wait for the handshake. Our header comes first.
fn delayed_failure<C>(error: ErrorSource) -> Next<C> {
    Next::Closing(
        Closing::AwaitFooter(InFlight::Discard),
        notify(
            Notice::TlsEstablished,
            Command::Fail(OwnHeader::Missing, error),
        ),
    )
}

fn end<C>(cause: CloseCause) -> Next<C> {
    Next::Closing(Closing::Done, command(Command::EndTransport(cause)))
}

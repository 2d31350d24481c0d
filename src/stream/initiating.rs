//! The state table of the initiating entity (RFC 6120 4 to 7).
//!
//! ```text
//! Idle -> [TlsHandshake] -> AwaitHeader -> AwaitFeatures -> AwaitProceed -> TlsHandshake -> ...
//!   ... -> AwaitHeader -> AwaitFeatures -> Authenticating -> AwaitHeader -> AwaitFeatures
//!   ... -> Binding -> [StartingSession] -> Established -> Closing
//! ```
//!
//! Between servers Established follows the features behind SASL, or
//! Federating, where Server Dialback takes SASL's place; a component's stream
//! goes from AwaitHeader to AwaitHandshake to Established.
//!
//! Choices the RFC leaves open:
//! * STARTTLS is asked for whether or not it is offered (RFC 7590 3.1): an
//!   attacker who strips the offer gains nothing, and nothing but
//!   `<starttls/>` leaves before TLS.
//! * A `<proceed/>` with content is no `<proceed/>`, but an element out of its
//!   turn: TLS is not begun.
//! * A server that is not verified by `<success/>` gets a closing tag and no
//!   further word.
//! * A stanza before the stream is established is `<not-authorized/>` from
//!   either side (4.9.3.12); another element out of its turn is
//!   `<unsupported-stanza-type/>` (4.9.3.24).
//! * RFC 6121's legacy session is requested only where it is offered without
//!   `<optional/>`.

mod servers;

use super::closing::{Closing, delivered, ends_the_stream, interrupted, is_proof, leave};
use super::policy::{Conflict, Dialback, Policy, Security};
use super::table::{
    Act, Cause, Failure, Inbound, Input, Leg, NegotiationFailure, Output, OwnHeader, Resource,
    Sasl, Tell, act, tell,
};
use super::tls_negotiation::{self, AfterTls, Next};
use super::{
    BindCondition as BindError, ElementClass, FeatureOffer as Offer, FeaturesClass,
    HeaderClass as OpeningClass, Kind, StreamCondition as Condition, VersionClass,
};

/// The negotiator of an initiating entity: a client, or a server that opens a
/// server-to-server stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Initiating {
    policy: Policy,
    phase: InitiatingPhase,
}

/// Where an initiating entity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InitiatingPhase {
    /// Not connected.
    Idle,
    /// TLS is being negotiated.
    TlsHandshake(AfterTls),
    /// The own header is written, the peer's outstanding.
    AwaitHeader(Leg),
    /// The peer's features are outstanding.
    AwaitFeatures(Leg),
    /// `<starttls/>` is written.
    AwaitProceed,
    /// SASL is under way; so many attempts have been used up before.
    Authenticating(Exchange, u8),
    /// The bind request is written.
    Binding(Resource, LegacySession),
    /// The legacy session request is written.
    StartingSession,
    /// Dialback goes on in the place of SASL: the own domain pair is asked for,
    /// or only the keys of others are.
    Federating,
    /// The component's `<handshake/>` is written.
    AwaitHandshake,
    /// Stanzas flow.
    Established,
    /// The stream is being closed.
    Closing(Closing),
}

/// Where the SASL exchange stands (6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// A mechanism is being chosen.
    Choosing,
    /// `<auth/>` or `<response/>` is written.
    AwaitReply,
    /// The mechanism works on a challenge.
    Computing,
    /// The mechanism verifies the server.
    Verifying,
    /// `<abort/>` is written.
    Aborting,
}

/// Whether the legacy session is requested after binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegacySession {
    /// Not offered, or voluntary.
    Skip,
    /// Offered, and not voluntary.
    Request,
}

impl Initiating {
    /// A negotiator before its stream.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: InitiatingPhase::Idle,
        }
    }

    /// What it was made for.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> InitiatingPhase {
        self.phase
    }

    /// One step: the only function that moves.
    pub fn step(&mut self, input: Input) -> Output {
        let (phase, output) = self.next(input);
        self.phase = phase;
        output
    }

    fn next(&self, input: Input) -> (InitiatingPhase, Output) {
        use InitiatingPhase as P;
        let policy = self.policy;
        match (self.phase, input) {
            (P::Closing(closing), input) => {
                let (closing, output) = closing.step(input);
                (P::Closing(closing), output)
            }

            (P::Idle, input) => before_xml(tls_negotiation::begin(policy, input)),
            (P::TlsHandshake(after), input) => before_xml(after.step(input)),

            (P::AwaitHeader(_), Input::Header(OpeningClass::Valid(_)))
                if policy.kind == Kind::Component =>
            {
                let answer = tell(Tell::StreamOpened, Act::SendHandshake);
                (P::AwaitHandshake, answer)
            }
            // 4.7.5: a peer before 1.0 has no features, hence no TLS and SASL.
            (P::AwaitHeader(_), Input::Header(OpeningClass::Valid(VersionClass::Legacy))) => {
                fail(Condition::UnsupportedVersion)
            }
            (P::AwaitHeader(leg), Input::Header(OpeningClass::Valid(VersionClass::Current))) => {
                (P::AwaitFeatures(leg), tell(Tell::StreamOpened, Act::Wait))
            }

            // There is nothing before a header.
            (P::AwaitHeader(_), Input::Element(_) | Input::Footer) => {
                end(Act::EndTransport(Cause::Internal))
            }
            (P::AwaitFeatures(leg), Input::Element(ElementClass::Features(features))) => {
                let (phase, order) = chosen(policy, leg, features);
                let news = match phase {
                    P::Established => Tell::Established,
                    _ => Tell::Features,
                };
                (phase, tell(news, order))
            }

            (P::AwaitProceed, Input::Element(ElementClass::Proceed)) => {
                (P::TlsHandshake(AfterTls::Negotiate), act(Act::StartTls))
            }
            (P::AwaitProceed, Input::Element(ElementClass::TlsFailure)) => {
                close(Cause::StarttlsRefused)
            }

            (P::Authenticating(exchange, used), input) => {
                authenticating(policy, exchange, used, input)
            }
            (P::AwaitHandshake, Input::Element(ElementClass::Handshake)) => established(),
            (P::Federating | P::Established, Input::Element(class))
                if policy.kind == Kind::ServerToServer && is_proof(class) =>
            {
                servers::dialback(policy, self.phase, class)
            }

            (P::Binding(_, session), Input::Element(ElementClass::BindResult)) => match session {
                LegacySession::Skip => established(),
                LegacySession::Request => (P::StartingSession, act(Act::RequestSession)),
            },
            (
                P::Binding(Resource::Wanted, session),
                Input::Element(ElementClass::BindError(BindError::Conflict)),
            ) if policy.conflict == Conflict::Generate => (
                P::Binding(Resource::Generated, session),
                act(Act::RequestBind(Resource::Generated)),
            ),
            (P::Binding(..), Input::Element(ElementClass::BindError(_))) => {
                close(Cause::Negotiation(NegotiationFailure::BindRefused))
            }
            (P::StartingSession, Input::Element(ElementClass::SessionResult)) => established(),
            (P::StartingSession, Input::Element(ElementClass::SessionError)) => {
                close(Cause::Negotiation(NegotiationFailure::SessionRefused))
            }

            // 4.4: the application may finish before the own tag goes out.
            (P::Established, Input::Footer) => (
                P::Closing(Closing::PeerClosed),
                tell(Tell::PeerClosing, Act::Wait),
            ),
            (P::Established, Input::Keepalive) => {
                (P::Established, tell(Tell::Keepalive, Act::Wait))
            }
            (P::Established, Input::Local(local)) => {
                let (closing, output) = leave(local);
                (P::Closing(closing), output)
            }
            (phase, input) => common(phase, input),
        }
    }
}

/// What the features of a leg lead to (4.3.2, 5.3.1, 6.3.1, 7.3.1).
fn chosen(policy: Policy, leg: Leg, features: FeaturesClass) -> (InitiatingPhase, Act) {
    use InitiatingPhase as P;
    let closing = |order| (P::Closing(Closing::AwaitFooter(Inbound::Discard)), order);
    let unsupported = Act::Fail(
        OwnHeader::Sent,
        Failure::Condition(Condition::UnsupportedFeature),
    );
    let missing = |step| Act::CloseStream(Cause::Negotiation(step));
    match leg {
        Leg::Plain if policy.security == Security::StartTls => (P::AwaitProceed, Act::RequestTls),
        _ if policy.kind == Kind::ServerToServer && policy.dialback == Dialback::VerifyOnly => {
            (P::Federating, Act::Wait)
        }
        Leg::Plain | Leg::Secured => {
            // Whether the peer has dialback is asked together with SASL.
            if features.sasl || policy.has_dialback(leg) {
                (
                    P::Authenticating(Exchange::Choosing, 0),
                    Act::ChooseMechanism,
                )
            } else if features.unknown_required {
                closing(unsupported)
            } else {
                closing(missing(NegotiationFailure::NoSasl))
            }
        }
        Leg::Authenticated => match (policy.kind, features.bind) {
            // Of several mandatory features we choose ours (4.3.2). What is left
            // is the application's, as stream management is.
            (Kind::ClientToServer, true) => {
                let session = match features.session {
                    Offer::Required => LegacySession::Request,
                    _ => LegacySession::Skip,
                };
                (
                    P::Binding(Resource::Wanted, session),
                    Act::RequestBind(Resource::Wanted),
                )
            }
            // 4.9.3.23: mandatory, not ours, and nothing else to choose.
            _ if features.unknown_required => closing(unsupported),
            (Kind::ClientToServer, false) => closing(missing(NegotiationFailure::NoBind)),
            (Kind::ServerToServer | Kind::Component, _) => (P::Established, Act::Wait),
        },
    }
}

/// SASL (6.4). `used` counts the attempts before this one (6.4.5).
fn authenticating(
    policy: Policy,
    exchange: Exchange,
    used: u8,
    input: Input,
) -> (InitiatingPhase, Output) {
    use ElementClass as E;
    use Exchange::{Aborting, AwaitReply, Choosing, Computing, Verifying};
    let at = |exchange| InitiatingPhase::Authenticating(exchange, used);
    match (exchange, input) {
        (Choosing, Input::Sasl(Sasl::Send)) => (at(AwaitReply), act(Act::SendAuth)),
        (Choosing, Input::Sasl(Sasl::Dialback))
            if policy.has_dialback(policy.security.sasl_leg()) =>
        {
            (InitiatingPhase::Federating, act(Act::RequestPair))
        }
        (Choosing, Input::Sasl(_)) => close(Cause::Authentication),

        (AwaitReply, Input::Element(E::Challenge)) => (at(Computing), act(Act::RunChallenge)),
        (Computing, Input::Sasl(Sasl::Send)) => (at(AwaitReply), act(Act::SendResponse)),
        (Computing, Input::Sasl(_)) => (at(Aborting), act(Act::SendAbort)),

        (AwaitReply, Input::Element(E::Success)) => (at(Verifying), act(Act::VerifySuccess)),
        (Verifying, Input::Sasl(Sasl::Done)) => (
            InitiatingPhase::AwaitHeader(Leg::Authenticated),
            tell(Tell::Authenticated, Act::OpenStream(Leg::Authenticated)),
        ),
        (Verifying, Input::Sasl(_)) => close(Cause::Authentication),

        (AwaitReply, Input::Element(E::SaslFailure)) if used + 1 < policy.sasl_attempts => (
            InitiatingPhase::Authenticating(Choosing, used + 1),
            act(Act::ChooseMechanism),
        ),
        (AwaitReply | Aborting, Input::Element(E::SaslFailure)) => close(Cause::Authentication),
        // The abort may have crossed these.
        (Aborting, Input::Element(E::Challenge | E::Success)) => close(Cause::Authentication),

        (_, input) => common(at(exchange), input),
    }
}

/// What means the same in every phase in which XML flows.
fn common(phase: InitiatingPhase, input: Input) -> (InitiatingPhase, Output) {
    use InitiatingPhase as P;
    if let (P::Established, Input::Element(class)) = (phase, input) {
        if !ends_the_stream(class) && !is_proof(class) {
            return (phase, delivered(class));
        }
    }
    match interrupted(OwnHeader::Sent, Failure::Timeout, input) {
        Some((closing, output)) => (P::Closing(closing), output),
        None => (phase, Output::NOTHING),
    }
}

/// The initiating entity speaks first.
fn before_xml(next: Next) -> (InitiatingPhase, Output) {
    use InitiatingPhase as P;
    match next {
        Next::Handshake(after, output) => (P::TlsHandshake(after), output),
        Next::Open(leg) => (P::AwaitHeader(leg), act(Act::OpenStream(leg))),
        Next::Closing(closing, output) => (P::Closing(closing), output),
    }
}

fn established() -> (InitiatingPhase, Output) {
    (
        InitiatingPhase::Established,
        tell(Tell::Established, Act::Wait),
    )
}

fn close(cause: Cause) -> (InitiatingPhase, Output) {
    (
        InitiatingPhase::Closing(Closing::AwaitFooter(Inbound::Discard)),
        act(Act::CloseStream(cause)),
    )
}

fn fail(condition: Condition) -> (InitiatingPhase, Output) {
    (
        InitiatingPhase::Closing(Closing::AwaitFooter(Inbound::Discard)),
        act(Act::Fail(OwnHeader::Sent, Failure::Condition(condition))),
    )
}

fn end(order: Act) -> (InitiatingPhase, Output) {
    (InitiatingPhase::Closing(Closing::Done), act(order))
}

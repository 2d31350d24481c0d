//! The state table of the receiving entity (RFC 6120 4 to 7).
//!
//! ```text
//! Idle -> [TlsHandshake] -> AwaitHeader -> AwaitHost -> Negotiating -> TlsHandshake -> ...
//!   ... -> AwaitHeader -> AwaitHost -> Negotiating <-> Authenticating -> AwaitHeader
//!   ... -> AwaitHost -> AwaitBind <-> Binding -> Established -> Closing
//! ```
//!
//! Between servers Established follows AwaitHost behind SASL, or Federating,
//! where Server Dialback takes SASL's place; a component's stream goes from
//! AwaitHost to AwaitHandshake to Established.
//!
//! Choices the RFC leaves open:
//! * `<auth/>` before mandatory TLS is a SASL failure
//!   (`<encryption-required/>`, 6.5.4) and counts as an attempt; one attempt too
//!   many ends the stream with `<policy-violation/>` (4.9.3.14, 6.4.5).
//! * A stanza before the stream is established is `<not-authorized/>`
//!   (4.9.3.12); another element out of its turn is
//!   `<unsupported-stanza-type/>` (4.9.3.24).
//! * `<starttls/>` where it was not offered, or with content, gets `<failure/>`
//!   and the closing tag (5.4.2.2).
//! * The legacy session of RFC 3921 is answered, and means nothing.
//! * Who is authenticated as somebody else than its protected header says gets
//!   `<invalid-from/>` (4.9.3.9) and no `<success/>` (6.4.6).
//! * Where the application, or our own mechanism, takes too long the error is
//!   `<internal-server-error/>` (4.9.3.8).
//! * A header before version 1.0 is `<unsupported-version/>` (4.7.5): such a
//!   peer can use neither TLS nor SASL.

mod servers;

use super::closing::{Closing, delivered, ends_the_stream, failed, interrupted, is_proof, leave};
use super::policy::{Policy, Security};
use super::table::{
    Act, BindRefusal, Cause, Failure, Inbound, Input, Leg, Output, OwnHeader, Sasl, Tell, Verdict,
    act, tell,
};
use super::tls_negotiation::{self, AfterTls, Next};
use super::{
    ElementClass, HeaderClass as OpeningClass, Kind, StreamCondition as Condition, VersionClass,
};

/// The negotiator of a receiving entity: a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiving {
    policy: Policy,
    phase: ReceivingPhase,
}

/// Where a receiving entity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceivingPhase {
    /// Not connected.
    Idle,
    /// TLS is being negotiated.
    TlsHandshake(AfterTls),
    /// The peer's header is outstanding.
    AwaitHeader(Leg),
    /// The application is asked which host this is.
    AwaitHost(Leg),
    /// Features are written; SASL attempts used up so far.
    Negotiating(Leg, u8),
    /// SASL is under way.
    Authenticating(Leg, Turn, u8),
    /// The bind request is outstanding; attempts used up so far.
    AwaitBind(u8),
    /// The application is asked for the resource.
    Binding(u8),
    /// The peer has turned to dialback in the place of SASL, and no domain pair
    /// is verified yet.
    Federating,
    /// A component's `<handshake/>` is outstanding.
    AwaitHandshake,
    /// It is being checked.
    CheckingHandshake,
    /// Stanzas flow.
    Established,
    /// The stream is being closed.
    Closing(Closing),
}

/// Whose turn it is in a SASL exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// Ours: the mechanism, or the application it asks.
    Own,
    /// The peer's: a challenge is written.
    Peer,
}

/// How many bind requests may be refused before the stream is.
const BIND_ATTEMPTS: u8 = 5;

impl Receiving {
    /// A negotiator before its stream.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: ReceivingPhase::Idle,
        }
    }

    /// What it was made for.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> ReceivingPhase {
        self.phase
    }

    /// One step: the only function that moves.
    pub fn step(&mut self, input: Input) -> Output {
        let (phase, output) = self.next(input);
        self.phase = phase;
        output
    }

    fn next(&self, input: Input) -> (ReceivingPhase, Output) {
        use ElementClass as E;
        use ReceivingPhase as P;
        let policy = self.policy;
        match (self.phase, input) {
            (P::Closing(closing), input) => {
                let (closing, output) = closing.step(input);
                (P::Closing(closing), output)
            }

            (P::Idle, input) => before_xml(tls_negotiation::begin(policy, input)),
            (P::TlsHandshake(after), input) => before_xml(after.step(input)),

            (P::AwaitHeader(_), Input::Header(OpeningClass::Valid(VersionClass::Legacy)))
                if policy.kind != Kind::Component =>
            {
                failure(
                    OwnHeader::Missing,
                    Failure::Condition(Condition::UnsupportedVersion),
                )
            }
            (P::AwaitHeader(leg), Input::Header(OpeningClass::Valid(_))) => (
                P::AwaitHost(leg),
                tell(Tell::StreamOpened, Act::AskHost(leg)),
            ),
            // Behind a header that nobody has read there is nothing to read.
            (P::AwaitHeader(_) | P::AwaitHost(_), Input::Element(_) | Input::Footer) => {
                end(Act::EndTransport(Cause::Internal))
            }
            (P::AwaitHost(leg), Input::Verdict(Verdict::Accept)) => {
                let phase = after_host(policy, leg);
                let news = match phase {
                    P::Established => Tell::Established,
                    _ => Tell::Nothing,
                };
                (phase, tell(news, Act::OpenStream(leg)))
            }
            (P::AwaitHost(_), Input::Verdict(Verdict::Refuse)) => {
                failure(OwnHeader::Missing, Failure::Application)
            }

            // 5.4.2
            (P::Negotiating(Leg::Plain, _), Input::Element(E::StartTls))
                if policy.security == Security::StartTls =>
            {
                (P::TlsHandshake(AfterTls::Negotiate), act(Act::Proceed))
            }
            // 5.4.2.2: malformed, not offered, or not offered any more.
            (
                P::Negotiating(..) | P::Established | P::AwaitBind(_),
                Input::Element(E::StartTls | E::MalformedStartTls),
            ) => (
                P::Closing(Closing::AwaitFooter(Inbound::Discard)),
                act(Act::RefuseTls),
            ),

            // 6.4, 6.4.5
            (P::Negotiating(_, used), Input::Element(E::Auth)) if used >= policy.sasl_attempts => {
                fail(Condition::PolicyViolation)
            }
            (P::Negotiating(leg, used), Input::Element(E::Auth)) => {
                if leg == policy.security.sasl_leg() {
                    (
                        P::Authenticating(leg, Turn::Own, used),
                        act(Act::BeginMechanism),
                    )
                } else {
                    refused(leg, used, Act::RequireEncryption)
                }
            }
            // Who leaves after a refusal could not authenticate.
            (P::Negotiating(_, 1..), Input::Footer) => (
                P::Closing(Closing::Done),
                act(Act::CloseStream(Cause::Authentication)),
            ),
            (P::Authenticating(leg, turn, used), input) => {
                authenticating(policy, leg, turn, used, input)
            }
            (P::Negotiating(..) | P::Federating | P::Established, input)
                if policy.kind == Kind::ServerToServer && servers::concerns(input) =>
            {
                servers::dialback(policy, self.phase, input)
            }
            // The peer may have come only to ask about keys.
            (P::Federating, Input::Footer) => (
                P::Closing(Closing::Done),
                act(Act::CloseStream(Cause::Closed)),
            ),
            (P::Federating, Input::Expired) => fail(Condition::RemoteConnectionFailed),

            (P::AwaitHandshake, Input::Element(E::Handshake)) => {
                (P::CheckingHandshake, act(Act::CheckHandshake))
            }
            (P::CheckingHandshake, Input::Verdict(Verdict::Accept)) => (
                P::Established,
                tell(Tell::Established, Act::AcceptHandshake),
            ),
            (P::CheckingHandshake, Input::Verdict(Verdict::Refuse)) => {
                fail(Condition::NotAuthorized)
            }

            // 7.6, 7.7
            (P::AwaitBind(BIND_ATTEMPTS), Input::Element(E::BindRequest)) => {
                fail(Condition::PolicyViolation)
            }
            (P::AwaitBind(used), Input::Element(E::BindRequest)) => {
                (P::Binding(used), act(Act::AskBind))
            }
            (P::Binding(_), Input::Verdict(Verdict::Accept)) => {
                (P::Established, tell(Tell::Established, Act::SendBindResult))
            }
            (P::Binding(used), Input::Verdict(Verdict::Refuse)) => (
                P::AwaitBind(used + 1),
                act(Act::SendBindError(BindRefusal::Application)),
            ),

            // RFC 6121 1.4: sessions mean nothing, and are answered.
            (P::Established, Input::Element(E::SessionRequest)) => {
                (P::Established, act(Act::SendSessionResult))
            }
            (P::Established, Input::Element(E::BindRequest)) => (
                P::Established,
                act(Act::SendBindError(BindRefusal::AlreadyBound)),
            ),
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

/// The initiating entity speaks first.
fn before_xml(next: Next) -> (ReceivingPhase, Output) {
    use ReceivingPhase as P;
    match next {
        Next::Handshake(after, output) => (P::TlsHandshake(after), output),
        Next::Open(leg) => (P::AwaitHeader(leg), Output::NOTHING),
        Next::Closing(closing, output) => (P::Closing(closing), output),
    }
}

/// What a stream of this leg is for.
fn after_host(policy: Policy, leg: Leg) -> ReceivingPhase {
    match (leg, policy.kind) {
        (Leg::Authenticated, Kind::ClientToServer) => ReceivingPhase::AwaitBind(0),
        (Leg::Authenticated, Kind::ServerToServer) => ReceivingPhase::Established,
        (_, Kind::Component) => ReceivingPhase::AwaitHandshake,
        (Leg::Plain | Leg::Secured, _) => ReceivingPhase::Negotiating(leg, 0),
    }
}

/// SASL (6.4). `used` counts the attempts before this one (6.4.5).
fn authenticating(
    policy: Policy,
    leg: Leg,
    turn: Turn,
    used: u8,
    input: Input,
) -> (ReceivingPhase, Output) {
    use ElementClass as E;
    use ReceivingPhase as P;
    match (turn, input) {
        (Turn::Own, Input::Sasl(Sasl::Send)) => (
            P::Authenticating(leg, Turn::Peer, used),
            act(Act::SendChallenge),
        ),
        (Turn::Own, Input::Sasl(Sasl::Done)) => (
            P::AwaitHeader(Leg::Authenticated),
            tell(Tell::Authenticated, Act::SendSuccess),
        ),
        // 6.4.6
        (Turn::Own, Input::Sasl(Sasl::Mismatch)) => fail(Condition::InvalidFrom),
        (Turn::Own, Input::Sasl(Sasl::Failed | Sasl::Exhausted | Sasl::Dialback)) => {
            refused(leg, used, Act::SendFailure)
        }
        (Turn::Peer, Input::Element(E::Response)) => (
            P::Authenticating(leg, Turn::Own, used),
            act(Act::RunResponse),
        ),
        (Turn::Peer, Input::Element(E::Abort)) => refused(leg, used, Act::SendAborted),
        // 6.4.2: a new `<auth/>` gives up the exchange before it.
        (Turn::Peer, Input::Element(E::Auth)) if used + 1 < policy.sasl_attempts => (
            P::Authenticating(leg, Turn::Own, used + 1),
            act(Act::BeginMechanism),
        ),
        (Turn::Peer, Input::Element(E::Auth)) => fail(Condition::PolicyViolation),
        (turn, input) => common(P::Authenticating(leg, turn, used), input),
    }
}

/// A SASL attempt that came to nothing (6.4.5).
fn refused(leg: Leg, used: u8, answer: Act) -> (ReceivingPhase, Output) {
    (ReceivingPhase::Negotiating(leg, used + 1), act(answer))
}

/// What means the same in every phase in which XML flows.
fn common(phase: ReceivingPhase, input: Input) -> (ReceivingPhase, Output) {
    use ReceivingPhase as P;
    if let (P::Established, Input::Element(class)) = (phase, input) {
        if !ends_the_stream(class) && !is_proof(class) {
            return (phase, delivered(class));
        }
    }
    let header = match phase {
        P::AwaitHeader(_) | P::AwaitHost(_) => OwnHeader::Missing,
        _ => OwnHeader::Sent,
    };
    match interrupted(header, overdue(phase), input) {
        Some((closing, output)) => (P::Closing(closing), output),
        None => (phase, Output::NOTHING),
    }
}

/// Who is late: `<connection-timeout/>` is for a peer that does not answer
/// (4.9.3.4), not for one that waits for us.
fn overdue(phase: ReceivingPhase) -> Failure {
    use ReceivingPhase as P;
    match phase {
        P::AwaitHost(_) | P::Authenticating(_, Turn::Own, _) | P::Binding(_) => {
            Failure::Condition(Condition::InternalServerError)
        }
        _ => Failure::Timeout,
    }
}

fn fail(condition: Condition) -> (ReceivingPhase, Output) {
    (
        ReceivingPhase::Closing(Closing::AwaitFooter(Inbound::Discard)),
        failed(Failure::Condition(condition)),
    )
}

fn failure(header: OwnHeader, failure: Failure) -> (ReceivingPhase, Output) {
    (
        ReceivingPhase::Closing(Closing::AwaitFooter(Inbound::Discard)),
        act(Act::Fail(header, failure)),
    )
}

fn end(order: Act) -> (ReceivingPhase, Output) {
    (ReceivingPhase::Closing(Closing::Done), act(order))
}

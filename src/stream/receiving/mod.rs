//! The state table of the receiving entity (RFC 6120 4 to 7): [`Receiving`].
//!
//! ```text
//! Idle -> [TlsHandshake] -> AwaitHeader -> AwaitHost -> Negotiating -> TlsHandshake -> ...
//!   ... -> AwaitHeader -> AwaitHost -> Negotiating <-> Authenticating -> AwaitHeader
//!   ... -> AwaitHost -> AwaitBind <-> Binding -> Established -> Closing
//! ```
//!
//! With SASL2 (XEP-0388), Authenticating is followed by Task where the client is to do something, then
//! by Completing, where its inline requests are done: a token, a resumption, a resource. AwaitBind or
//! Established follow without a new header.
//!
//! Between servers, Established follows AwaitHost after SASL, or Federating, where Server Dialback
//! takes SASL's place. A component's stream goes from AwaitHost to AwaitHandshake to Established.
//!
//! Choices that the RFCs leave open:
//! * `<auth/>` before mandatory TLS is a SASL failure (`<encryption-required/>`, RFC 6120 6.5.4) and
//!   counts as an attempt. One attempt too many ends the stream with `<policy-violation/>` (RFC 6120
//!   4.9.3.14, 6.4.5).
//! * A stanza before the stream is established is answered with `<not-authorized/>` (RFC 6120
//!   4.9.3.12): a stream error, or, for a request that a client makes to the server itself, a stanza
//!   error (RFC 6120 7.1). Another unexpected element is answered with `<unsupported-stanza-type/>`
//!   (RFC 6120 4.9.3.24).
//! * `<starttls/>` where it was not offered, or with content, is answered with `<failure/>` and the
//!   closing tag (RFC 6120 5.4.2.2).
//! * The legacy session of RFC 3921 is answered, and has no effect.
//! * A peer that is authenticated as somebody else than its protected header says gets
//!   `<invalid-from/>` (RFC 6120 4.9.3.9) and no `<success/>` (RFC 6120 6.4.6).
//! * If the application, or our own mechanism, takes too long, the error is
//!   `<internal-server-error/>` (RFC 6120 4.9.3.8).
//! * A header before version 1.0 is answered with `<unsupported-version/>` (RFC 6120 4.7.5), because
//!   such a peer can use neither TLS nor SASL.
//!
//! Rows are added here; what both roles share before and after negotiation is in `tls_negotiation`
//! and `closing`, the SASL rows in `sasl`, the dialback rows in `s2s`.

mod phase;
mod s2s;
mod sasl;

pub use phase::{InlineStep, ReceivingPhase, SaslTurn, TaskTurn};
use phase::{common, fail, failure};

use super::closing::{Closing, close_locally, concerns_management, deliver, managed};
use super::policy::{EarlyElements, Security, StreamPolicy};
use super::table::{
    Answer, BindRefusal, CloseCause, Command, ErrorSource, InFlight, Input, ManagementResult,
    Notice, Output, OwnHeader, ReceivingCommand as C, StreamLevel, command, notify, order,
};
use super::tls_negotiation::{self, AfterTls, Next, tls_notice};
use super::{
    ElementClass, HeaderClass, Kind, ManagementClass as M, Sasl2Class, StanzaRefusal,
    StreamCondition, VersionClass,
};
use crate::sasl::SaslProfile;

/// The negotiator of a receiving entity: a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiving {
    policy: StreamPolicy,
    phase: ReceivingPhase,
}

/// How many bind requests may be refused before the stream is.
const BIND_ATTEMPTS: u8 = 5;

impl Receiving {
    /// A negotiator before its stream.
    #[must_use]
    pub const fn new(policy: StreamPolicy) -> Self {
        Self {
            policy,
            phase: ReceivingPhase::Idle,
        }
    }

    /// What it was made for.
    #[must_use]
    pub const fn policy(&self) -> StreamPolicy {
        self.policy
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> ReceivingPhase {
        self.phase
    }

    /// Whether elements are delivered here before the stream is established, and may be answered.
    pub(crate) fn delivers_early(&self) -> bool {
        is_delivered_early(self.policy, self.phase, ElementClass::Other)
    }

    /// One step: the only function that moves.
    pub fn step(&mut self, input: Input) -> Output<C> {
        let (phase, output) = self.next(input);
        self.phase = phase;
        output
    }

    fn next(&self, input: Input) -> (ReceivingPhase, Output<C>) {
        use ElementClass as E;
        use ReceivingPhase as P;
        let policy = self.policy;
        match (self.phase, policy.known(input)) {
            // The first row, because nearly all steps of a stream are this one.
            (P::Established, Input::Element(class @ E::Stanza(_))) => {
                (P::Established, deliver(class))
            }

            (P::Closing(closing), input) => {
                let (closing, output) = closing.step(input);
                (P::Closing(closing), output)
            }

            (P::Idle, input) => before_xml(tls_negotiation::begin(policy, input)),
            (P::TlsHandshake(after), input) => before_xml(after.step(input)),

            (P::AwaitHeader(_), Input::Header(HeaderClass::Valid(VersionClass::Legacy)))
                if policy.kind != Kind::Component =>
            {
                failure(
                    OwnHeader::Missing,
                    ErrorSource::Condition(StreamCondition::UnsupportedVersion),
                )
            }
            (P::AwaitHeader(level), Input::Header(HeaderClass::Valid(_))) => (
                P::AwaitHost(level),
                notify(Notice::StreamOpened, Command::Role(C::AskHost(level))),
            ),
            // Nothing can be read after a header that nobody has read.
            (P::AwaitHeader(_) | P::AwaitHost(_), Input::Element(_) | Input::Footer) => {
                end(Command::EndTransport(CloseCause::Internal))
            }
            (P::AwaitHost(level), Input::Answer(Answer::Accept)) => {
                let phase = after_host(policy, level);
                let notice = match phase {
                    P::Established => Notice::Established,
                    _ => Notice::Nothing,
                };
                (phase, notify(notice, Command::Role(C::OpenStream(level))))
            }
            (P::AwaitHost(_), Input::Answer(Answer::Refuse)) => {
                failure(OwnHeader::Missing, ErrorSource::Refusal)
            }

            // RFC 6120 5.4.2
            (P::Negotiating(StreamLevel::Plain, _), Input::Element(E::StartTls))
                if policy.security == Security::StartTls =>
            {
                (P::TlsHandshake(AfterTls::Negotiate), order(C::Proceed))
            }
            // RFC 6120 5.4.2.2: malformed, not offered, or not offered any more.
            (
                P::Negotiating(..) | P::Established | P::AwaitBind(_),
                Input::Element(E::StartTls | E::MalformedStartTls),
            ) => (
                P::Closing(Closing::AwaitFooter(InFlight::Discard)),
                order(C::RefuseTls),
            ),

            // RFC 6120 6.4, 6.4.5; XEP-0388 2.3
            (P::Negotiating(level, used), Input::Element(E::Auth)) => {
                sasl::begin(policy, SaslProfile::Sasl, level, used)
            }
            (P::Negotiating(level, used), Input::Element(E::Sasl2(Sasl2Class::Authenticate))) => {
                sasl::begin(policy, SaslProfile::Sasl2, level, used)
            }
            // A peer that leaves after a refusal could not authenticate.
            (P::Negotiating(_, 1..), Input::Footer) => (
                P::Closing(Closing::Done),
                command(Command::CloseStream(CloseCause::Authentication)),
            ),
            (P::Authenticating(profile, level, turn, used), input) => {
                sasl::authenticating(policy, profile, level, turn, used, input)
            }
            (P::Task(turn, used), input) => sasl::task(policy, turn, used, input),
            (P::Completing(step, left), input) => sasl::completing(step, left, input),
            (P::Negotiating(..) | P::Federating | P::Established, input)
                if policy.kind == Kind::ServerToServer && s2s::concerns(input) =>
            {
                s2s::dialback(policy, self.phase, input)
            }
            // The peer may have come only to ask about keys.
            (P::Federating, Input::Footer) => (
                P::Closing(Closing::Done),
                command(Command::CloseStream(CloseCause::Closed)),
            ),
            (P::Federating, Input::Expired) => fail(StreamCondition::RemoteConnectionFailed),

            (P::AwaitHandshake, Input::Element(E::Handshake)) => {
                (P::CheckingHandshake, order(C::CheckHandshake))
            }
            (P::CheckingHandshake, Input::Answer(Answer::Accept)) => (
                P::Established,
                notify(Notice::Established, Command::Role(C::AcceptHandshake)),
            ),
            (P::CheckingHandshake, Input::Answer(Answer::Refuse)) => {
                fail(StreamCondition::NotAuthorized)
            }

            // RFC 6120 7.6, 7.7
            (P::AwaitBind(BIND_ATTEMPTS), Input::Element(E::BindRequest)) => {
                fail(StreamCondition::PolicyViolation)
            }
            (P::AwaitBind(used), Input::Element(E::BindRequest)) => {
                (P::Binding(used), order(C::AskBind))
            }
            (P::Binding(_), Input::Answer(Answer::Accept)) => (
                P::Established,
                notify(Notice::Established, Command::Role(C::SendBindResult)),
            ),
            (P::Binding(used), Input::Answer(Answer::Refuse)) => (
                P::AwaitBind(used + 1),
                order(C::SendBindError(BindRefusal::Application)),
            ),

            // XEP-0198 5: a session is resumed in the place of binding. Refusals count as those of
            // binding do.
            (P::AwaitBind(BIND_ATTEMPTS), Input::Element(E::Management(M::Resume | M::Enable))) => {
                fail(StreamCondition::PolicyViolation)
            }
            (P::AwaitBind(used), Input::Element(E::Management(M::Resume))) => {
                (P::Resuming(used), order(C::AskResumption))
            }
            (P::AwaitBind(used), Input::Element(E::Management(M::Enable))) => {
                (P::AwaitBind(used + 1), order(C::RefuseManagement))
            }
            (P::Resuming(_), Input::Answer(Answer::Accept)) => (
                P::Established,
                notify(Notice::Established, Command::Role(C::SendResumed)),
            ),
            (P::Resuming(used), Input::Answer(Answer::Refuse)) => {
                (P::AwaitBind(used + 1), order(C::RefuseResumption))
            }
            (P::Resuming(_), Input::Managed(ManagementResult::TooHigh)) => {
                failure(OwnHeader::Sent, ErrorSource::HandledCount)
            }
            (P::Established, input) if policy.has_management() && concerns_management(input) => {
                match managed(input) {
                    (None, output) => (P::Established, output),
                    (Some(closing), output) => (P::Closing(closing), output),
                }
            }

            (P::Negotiating(..) | P::AwaitBind(_), Input::Element(class))
                if is_delivered_early(policy, self.phase, class) =>
            {
                (self.phase, deliver(class))
            }
            // RFC 6120 7.1: only a stanza to somebody else ends the stream of a client that is not
            // bound; the server itself answers for itself.
            (
                P::Negotiating(..) | P::AwaitBind(_),
                Input::Element(E::ServerRequest | E::SessionRequest | E::BindRequest),
            ) => (
                self.phase,
                order(C::RefuseStanza(StanzaRefusal::NotAuthorized)),
            ),
            (P::Established, Input::Element(E::RefusedStanza(refusal))) => {
                (P::Established, order(C::RefuseStanza(refusal)))
            }

            // RFC 6121 1.4: sessions mean nothing, and are answered.
            (P::Established, Input::Element(E::SessionRequest)) => {
                (P::Established, order(C::SendSessionResult))
            }
            (P::Established, Input::Element(E::BindRequest)) => (
                P::Established,
                order(C::SendBindError(BindRefusal::AlreadyBound)),
            ),
            // RFC 6120 4.4: the application may finish before our tag goes out.
            (P::Established, Input::Footer) => (
                P::Closing(Closing::PeerClosed),
                notify(Notice::PeerClosing, Command::Wait),
            ),
            (P::Established, Input::Keepalive) => {
                (P::Established, notify(Notice::Keepalive, Command::Wait))
            }
            (P::Established, Input::AppRequest(request)) => {
                let (closing, output) = close_locally(request);
                (P::Closing(closing), output)
            }
            (phase, input) => common(phase, input),
        }
    }
}

/// Whether an element is the application's before the stream is established.
fn is_delivered_early(policy: StreamPolicy, phase: ReceivingPhase, class: ElementClass) -> bool {
    let is_protected = match phase {
        ReceivingPhase::Negotiating(level, _) => level == policy.security.sasl_level(),
        ReceivingPhase::AwaitBind(_) => true,
        _ => false,
    };
    policy.early_elements == EarlyElements::Delivered
        && policy.kind == Kind::ClientToServer
        && is_protected
        && matches!(class, ElementClass::Other | ElementClass::ServerRequest)
}

/// The receiving entity waits for the header.
fn before_xml(next: Next<C>) -> (ReceivingPhase, Output<C>) {
    use ReceivingPhase as P;
    match next {
        Next::Handshake(after, output) => (P::TlsHandshake(after), output),
        Next::Open(level) => (
            P::AwaitHeader(level),
            notify(tls_notice(level), Command::Wait),
        ),
        Next::Closing(closing, output) => (P::Closing(closing), output),
    }
}

/// What a stream of this level is for.
fn after_host(policy: StreamPolicy, level: StreamLevel) -> ReceivingPhase {
    match (level, policy.kind) {
        (StreamLevel::Authenticated, Kind::ClientToServer) => ReceivingPhase::AwaitBind(0),
        (StreamLevel::Authenticated, Kind::ServerToServer) => ReceivingPhase::Established,
        (_, Kind::Component) => ReceivingPhase::AwaitHandshake,
        (StreamLevel::Plain | StreamLevel::Secured, _) => ReceivingPhase::Negotiating(level, 0),
    }
}

fn end(command: Command<C>) -> (ReceivingPhase, Output<C>) {
    (
        ReceivingPhase::Closing(Closing::Done),
        Output {
            notice: Notice::Nothing,
            command,
        },
    )
}

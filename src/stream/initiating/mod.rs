//! The state table of the initiating entity (RFC 6120 4 to 7): [`Initiating`].
//!
//! ```text
//! Idle -> [TlsHandshake] -> AwaitHeader -> AwaitFeatures -> AwaitProceed -> TlsHandshake -> ...
//!   ... -> AwaitHeader -> AwaitFeatures -> Authenticating -> AwaitHeader -> AwaitFeatures
//!   ... -> Binding -> [StartingSession] -> Established -> Closing
//! ```
//!
//! With SASL2 (XEP-0388), Authenticating is followed by AwaitFeatures without a new header; by Bound
//! where the login has bound a resource (XEP-0386); or by Resumed and Established where it has
//! resumed a session (XEP-0198 9.2). Pipelined takes the place of AwaitHeader to Authenticating where
//! the features were known before.
//!
//! Negotiated stands between the last features and Established, where nothing is left to negotiate:
//! the application learns of both.
//!
//! Between servers, Negotiated follows the features after SASL, or Federating, where Server
//! Dialback takes SASL's place. A component's stream goes from AwaitHeader to CheckingServer to
//! AwaitHandshake to Established.
//!
//! Choices that the RFCs leave open:
//! * STARTTLS is requested whether or not it is offered (RFC 7590 3.1). Because of that an attacker
//!   who strips the offer gains nothing, and nothing but `<starttls/>` leaves before TLS.
//! * A `<proceed/>` with content is an unexpected element: TLS does not begin.
//! * A server that `<success/>` does not verify gets a closing tag and nothing else.
//! * A stanza before the stream is established is answered with `<not-authorized/>` (RFC 6120
//!   4.9.3.12), another unexpected element with `<unsupported-stanza-type/>` (RFC 6120 4.9.3.24).
//! * The legacy session of RFC 3921 is requested only where it is offered without `<optional/>`. The
//!   stream is established as soon as the resource is bound (RFC 6120 7.1), so stanzas that arrive
//!   before the session's result are delivered.
//! * After an EXTERNAL exchange that had to be aborted, a server may still turn to dialback.
//!
//! Rows are added here; what both roles share before and after negotiation is in `tls_negotiation`
//! and `closing`, the SASL rows in `sasl`, the dialback rows in `s2s`.

mod phase;
mod s2s;
mod sasl;

pub use phase::{InitiatingPhase, LegacySession, PipelinedStage, SaslExchange};
use phase::{close, common, established, fail};

use super::closing::{
    Closing, close_locally, concerns_management, deliver, is_peer_authentication, managed,
};
use super::policy::{ConflictPolicy, DialbackPolicy, ManagementPolicy, Security, StreamPolicy};
use super::table::{
    Answer, CloseCause, Command, ErrorSource, InFlight, InitiatingCommand as C, Input,
    ManagementResult, NegotiationReason, Notice, Output, OwnHeader, ResourceChoice, SaslResult,
    StreamLevel, command, notify, order,
};
use super::tls_negotiation::{self, AfterTls, Next, tls_notice};
use super::{
    BindCondition, ElementClass, FeatureOffer, FeaturesClass, HeaderClass, Kind,
    ManagementClass as M, StreamCondition, VersionClass,
};
use crate::sasl::SaslProfile;

/// The negotiator of an initiating entity: a client, or a server that opens a
/// server-to-server stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Initiating {
    policy: StreamPolicy,
    phase: InitiatingPhase,
}

impl Initiating {
    /// A negotiator before its stream.
    #[must_use]
    pub const fn new(policy: StreamPolicy) -> Self {
        Self {
            policy,
            phase: InitiatingPhase::Idle,
        }
    }

    /// What it was made for.
    #[must_use]
    pub const fn policy(&self) -> StreamPolicy {
        self.policy
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> InitiatingPhase {
        self.phase
    }

    /// One step: the only function that moves.
    pub fn step(&mut self, input: Input) -> Output<C> {
        let (phase, output) = self.next(input);
        self.phase = phase;
        output
    }

    fn next(&self, input: Input) -> (InitiatingPhase, Output<C>) {
        use InitiatingPhase as P;
        let policy = self.policy;
        match (self.phase, policy.known(input)) {
            // The first row, because nearly all steps of a stream are this one.
            (P::Established, Input::Element(class @ ElementClass::Stanza(_))) => {
                (P::Established, deliver(class))
            }

            (P::Closing(closing), input) => {
                let (closing, output) = closing.step(input);
                (P::Closing(closing), output)
            }

            (P::Idle, input) => before_xml(tls_negotiation::begin(policy, input)),
            (P::TlsHandshake(after), input) => before_xml(after.step(input)),

            (P::AwaitHeader(_), Input::Header(HeaderClass::Valid(_)))
                if policy.kind == Kind::Component =>
            {
                let check = notify(Notice::StreamOpened, Command::Role(C::CheckServer));
                (P::CheckingServer, check)
            }
            (P::CheckingServer, Input::Answer(Answer::Accept)) => {
                (P::AwaitHandshake, order(C::SendHandshake))
            }
            // RFC 6120 13.8.3 says so of passwords: a proof can be searched for its secret.
            (P::CheckingServer, Input::Answer(Answer::Refuse)) => close(CloseCause::Authentication),
            // RFC 6120 4.7.5: a peer before 1.0 has no features, hence no TLS and SASL.
            (P::AwaitHeader(_), Input::Header(HeaderClass::Valid(VersionClass::Legacy))) => {
                fail(StreamCondition::UnsupportedVersion)
            }
            (P::AwaitHeader(level), Input::Header(HeaderClass::Valid(VersionClass::Current))) => (
                P::AwaitFeatures(level),
                notify(Notice::StreamOpened, Command::Wait),
            ),

            // There is nothing before a header, and nothing is read while the server is checked.
            (P::AwaitHeader(_) | P::CheckingServer, Input::Element(_) | Input::Footer) => {
                end(Command::EndTransport(CloseCause::Internal))
            }
            (P::AwaitFeatures(level), Input::Element(ElementClass::Features(features))) => {
                let (phase, command) = after_features(policy, level, features);
                (phase, notify(Notice::Features, command))
            }

            (P::AwaitProceed, Input::Element(ElementClass::Proceed)) => (
                P::TlsHandshake(AfterTls::Negotiate),
                command(Command::StartTls),
            ),
            (P::AwaitProceed, Input::Element(ElementClass::TlsReason)) => {
                close(CloseCause::StarttlsRefused)
            }

            // The features were known before, and `<authenticate/>` is written already.
            (P::AwaitHeader(level), Input::Sasl(SaslResult::Send))
                if policy.has_sasl2() && level == policy.security.sasl_level() =>
            {
                (
                    P::Pipelined(PipelinedStage::AwaitHeader),
                    order(C::SendAuth(SaslProfile::Sasl2)),
                )
            }
            (P::Pipelined(stage), input) => sasl::pipelined(stage, input),
            (P::Authenticating(profile, exchange, used), input) => {
                sasl::authenticating(policy, profile, exchange, used, input)
            }
            (P::Bound, Input::Element(ElementClass::Features(_))) => {
                (P::Negotiated, notify(Notice::Features, Command::Wait))
            }
            (P::Negotiated, Input::Resume) => established(),
            (P::Resumed, Input::Resume) => (
                P::Established,
                notify(Notice::Established, Command::Retransmit),
            ),
            (P::AwaitHandshake, Input::Element(ElementClass::Handshake)) => established(),
            (P::Federating | P::Established, Input::Element(class))
                if policy.kind == Kind::ServerToServer && is_peer_authentication(class) =>
            {
                s2s::dialback(policy, self.phase, class)
            }

            (P::Binding(_, session), Input::Element(ElementClass::BindResult)) => match session {
                LegacySession::Skip => established(),
                LegacySession::Request => (
                    P::StartingSession,
                    notify(Notice::Established, Command::Role(C::RequestSession)),
                ),
            },
            (
                P::Binding(ResourceChoice::Wanted, session),
                Input::Element(ElementClass::BindError(BindCondition::Conflict)),
            ) if policy.conflict == ConflictPolicy::Generate => (
                P::Binding(ResourceChoice::Generated, session),
                order(C::RequestBind(ResourceChoice::Generated)),
            ),
            (P::Binding(..), Input::Element(ElementClass::BindError(_))) => {
                close(CloseCause::Negotiation(NegotiationReason::BindRefused))
            }
            // XEP-0198 5: a session is resumed in the place of binding, and bound after a refusal.
            (P::Resuming(_), Input::Element(ElementClass::Management(M::Resumed))) => {
                (self.phase, order(C::CheckResumption))
            }
            (P::Resuming(_), Input::Managed(ManagementResult::Resumed)) => (
                P::Established,
                notify(Notice::Established, Command::Retransmit),
            ),
            (P::Resuming(_), Input::Managed(ManagementResult::TooHigh)) => (
                P::Closing(Closing::AwaitFooter(InFlight::Discard)),
                command(Command::Fail(OwnHeader::Sent, ErrorSource::HandledCount)),
            ),
            (P::Resuming(_), Input::Managed(ManagementResult::Unexpected)) => {
                fail(StreamCondition::BadFormat)
            }
            // It was refused with the login already (XEP-0198 9.2), so nothing was written.
            (P::Resuming(session), Input::Managed(ManagementResult::Refused)) => (
                P::Binding(ResourceChoice::Wanted, session),
                order(C::RequestBind(ResourceChoice::Wanted)),
            ),
            (P::Resuming(session), Input::Element(ElementClass::Management(M::Failed))) => (
                P::Binding(ResourceChoice::Wanted, session),
                notify(
                    Notice::ManagementRefused,
                    Command::Role(C::RequestBind(ResourceChoice::Wanted)),
                ),
            ),
            (P::Established | P::StartingSession, input)
                if policy.has_management() && concerns_management(input) =>
            {
                match managed(input) {
                    (None, output) => (self.phase, output),
                    (Some(closing), output) => (P::Closing(closing), output),
                }
            }
            (P::StartingSession, Input::Element(ElementClass::SessionResult)) => {
                (P::Established, Output::NOTHING)
            }
            (P::StartingSession, Input::Element(ElementClass::SessionError)) => {
                close(CloseCause::Negotiation(NegotiationReason::SessionRefused))
            }

            // RFC 6120 4.4: the application may finish before our tag goes out.
            (P::Established | P::StartingSession, Input::Footer) => (
                P::Closing(Closing::PeerClosed),
                notify(Notice::PeerClosing, Command::Wait),
            ),
            (P::Established | P::StartingSession, Input::Keepalive) => {
                (self.phase, notify(Notice::Keepalive, Command::Wait))
            }
            (P::Established | P::StartingSession, Input::AppRequest(request)) => {
                let (closing, output) = close_locally(request);
                (P::Closing(closing), output)
            }
            (phase, input) => common(phase, input),
        }
    }
}

/// What the features of a level lead to (RFC 6120 4.3.2, 5.3.1, 6.3.1, 7.3.1).
fn after_features(
    policy: StreamPolicy,
    level: StreamLevel,
    features: FeaturesClass,
) -> (InitiatingPhase, Command<C>) {
    use InitiatingPhase as P;
    let closing = |command| (P::Closing(Closing::AwaitFooter(InFlight::Discard)), command);
    let unsupported = Command::Fail(
        OwnHeader::Sent,
        ErrorSource::Condition(StreamCondition::UnsupportedFeature),
    );
    let missing = |step| Command::CloseStream(CloseCause::Negotiation(step));
    let choosing = |profile| {
        (
            P::Authenticating(profile, SaslExchange::Choosing, 0),
            Command::Role(C::ChooseMechanism(profile)),
        )
    };
    match level {
        StreamLevel::Plain if policy.security == Security::StartTls => {
            (P::AwaitProceed, Command::Role(C::RequestTls))
        }
        _ if policy.kind == Kind::ServerToServer
            && policy.dialback == DialbackPolicy::VerifyOnly =>
        {
            (P::Federating, Command::Wait)
        }
        StreamLevel::Plain | StreamLevel::Secured => {
            // A client prefers SASL2 where it is offered. Whether the peer has dialback is asked
            // together with SASL.
            if features.sasl2 && policy.has_sasl2() && level == policy.security.sasl_level() {
                choosing(SaslProfile::Sasl2)
            } else if features.sasl || policy.has_dialback(level) {
                choosing(SaslProfile::Sasl)
            } else if features.unknown_required {
                closing(unsupported)
            } else {
                closing(missing(NegotiationReason::NoSasl))
            }
        }
        StreamLevel::Authenticated => match (policy.kind, features.bind) {
            // Of several mandatory features we choose ours (RFC 6120 4.3.2). What is left
            // is the application's, as stream management is.
            (Kind::ClientToServer, true) => {
                let session = match features.session {
                    FeatureOffer::Required => LegacySession::Request,
                    _ => LegacySession::Skip,
                };
                if features.management && policy.management == ManagementPolicy::Resume {
                    return (P::Resuming(session), Command::Role(C::RequestResumption));
                }
                (
                    P::Binding(ResourceChoice::Wanted, session),
                    Command::Role(C::RequestBind(ResourceChoice::Wanted)),
                )
            }
            // RFC 6120 4.9.3.23: mandatory, not ours, and nothing else to choose.
            _ if features.unknown_required => closing(unsupported),
            (Kind::ClientToServer, false) => closing(missing(NegotiationReason::NoBind)),
            (Kind::ServerToServer | Kind::Component, _) => (P::Negotiated, Command::Wait),
        },
    }
}

/// The initiating entity sends its header first.
fn before_xml(next: Next<C>) -> (InitiatingPhase, Output<C>) {
    use InitiatingPhase as P;
    match next {
        Next::Handshake(after, output) => (P::TlsHandshake(after), output),
        Next::Open(level) => {
            let open = Command::Role(C::OpenStream(level));
            (P::AwaitHeader(level), notify(tls_notice(level), open))
        }
        Next::Closing(closing, output) => (P::Closing(closing), output),
    }
}

fn end(command: Command<C>) -> (InitiatingPhase, Output<C>) {
    (
        InitiatingPhase::Closing(Closing::Done),
        Output {
            notice: Notice::Nothing,
            command,
        },
    )
}

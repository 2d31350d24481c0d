//! The search: every reachable state with every input.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use xmpp_stream::stream::{
    Act, Closing, Conflict, Dialback, ElementClass, HeaderClass, Inbound, Initiating,
    InitiatingPhase, Input, Kind, Local, Output, OwnHeader, Pair, PairAnswer, Policy, Receiving,
    ReceivingPhase, Sasl, Security, StreamCondition, Tell, Turn, Verdict,
};

pub(crate) const KINDS: [Kind; 3] = [Kind::ClientToServer, Kind::ServerToServer, Kind::Component];

/// Every policy there is; what only servers have is left alone elsewhere, and a
/// component has no STARTTLS.
pub(crate) fn policies() -> impl Iterator<Item = Policy> {
    let securities = [Security::StartTls, Security::DirectTls, Security::Plaintext];
    let conflicts = [Conflict::Generate, Conflict::GiveUp];
    let dialbacks = [Dialback::Refused, Dialback::Allowed, Dialback::VerifyOnly];
    KINDS.into_iter().flat_map(move |kind| {
        let uses = dialbacks
            .into_iter()
            .filter(move |use_| kind == Kind::ServerToServer || *use_ == Dialback::Refused);
        uses.flat_map(move |dialback| {
            let securities = securities
                .into_iter()
                .filter(move |security| kind != Kind::Component || *security != Security::StartTls);
            securities.flat_map(move |security| {
                (2..=5).flat_map(move |sasl_attempts| {
                    conflicts.into_iter().map(move |conflict| Policy {
                        kind,
                        security,
                        sasl_attempts,
                        conflict,
                        dialback,
                    })
                })
            })
        })
    })
}

/// Every input there is.
pub(crate) fn alphabet() -> Vec<Input> {
    let mut inputs = vec![
        Input::Begin,
        Input::Keepalive,
        Input::Footer,
        Input::Secured,
        Input::Resume,
        Input::Expired,
        Input::Sasl(Sasl::Send),
        Input::Sasl(Sasl::Done),
        Input::Sasl(Sasl::Failed),
        Input::Sasl(Sasl::Mismatch),
        Input::Sasl(Sasl::Exhausted),
        Input::Sasl(Sasl::Dialback),
        Input::Pair(Pair::Accept),
        Input::Pair(Pair::Refuse),
        Input::Pair(Pair::Fail),
        Input::KeyChecked,
        Input::Verdict(Verdict::Accept),
        Input::Verdict(Verdict::Refuse),
        Input::Local(Local::Close),
        Input::Local(Local::Fail),
        Input::Local(Local::Reset(Inbound::Deliver)),
        Input::Local(Local::Reset(Inbound::Discard)),
    ];
    inputs.extend(HeaderClass::ALL.map(Input::Header));
    inputs.extend(ElementClass::all().map(Input::Element));
    inputs.extend(StreamCondition::ALL.map(Input::Fault));
    inputs
}

/// A role's table.
pub(crate) trait Table: Clone + Eq + Hash {
    fn start(policy: Policy) -> Self;
    fn take(&mut self, input: Input) -> Output;
    fn now(&self) -> Phase;
}

impl Table for Initiating {
    fn start(policy: Policy) -> Self {
        Self::new(policy)
    }

    fn take(&mut self, input: Input) -> Output {
        self.step(input)
    }

    fn now(&self) -> Phase {
        Phase::I(self.phase())
    }
}

impl Table for Receiving {
    fn start(policy: Policy) -> Self {
        Self::new(policy)
    }

    fn take(&mut self, input: Input) -> Output {
        self.step(input)
    }

    fn now(&self) -> Phase {
        Phase::R(self.phase())
    }
}

/// The phase of either role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    I(InitiatingPhase),
    R(ReceivingPhase),
}

impl Phase {
    pub(crate) fn is_established(self) -> bool {
        matches!(
            self,
            Self::I(InitiatingPhase::Established) | Self::R(ReceivingPhase::Established)
        )
    }

    fn closing(self) -> Option<Closing> {
        match self {
            Self::I(InitiatingPhase::Closing(closing))
            | Self::R(ReceivingPhase::Closing(closing)) => Some(closing),
            _ => None,
        }
    }
}

/// How many deadlines are left at most: 0 at the end.
pub(crate) fn rank(phase: Phase) -> u8 {
    match phase.closing() {
        Some(Closing::Done) => 0,
        Some(Closing::PeerClosed | Closing::AwaitFooter(_)) => 1,
        None => 2,
    }
}

/// What happened before: the facts that the promises speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about a past, not a state"
)]
pub(crate) struct History {
    /// TLS was ordered.
    pub(crate) tls_started: bool,
    /// The TLS handshake was completed.
    pub(crate) secured: bool,
    /// A mechanism ended well.
    pub(crate) authenticated: bool,
    /// A domain pair was proved by dialback.
    pub(crate) proved: bool,
    /// A component's handshake was accepted.
    pub(crate) shook_hands: bool,
    /// A resource was granted.
    pub(crate) bound: bool,
    /// Established was told.
    pub(crate) established: bool,
    /// Acceptable headers of the peer.
    pub(crate) opened: u8,
    /// The own header of this stream is written.
    pub(crate) own_header: bool,
    /// The own closing tag is written.
    pub(crate) closing_tag: bool,
    /// Mechanisms begun, not counting what was refused before TLS.
    pub(crate) sasl_attempts: u8,
    /// Bind requests that were let through to the application.
    pub(crate) bind_attempts: u8,
}

impl History {
    pub(crate) fn in_handshake(&self) -> bool {
        self.tls_started && !self.secured
    }

    fn then(mut self, step: &Step) -> Self {
        let Output { tell, act } = step.output;
        self.secured |= step.input == Input::Secured && self.tls_started;
        self.authenticated |= tell == Tell::Authenticated && step.input == Input::Sasl(Sasl::Done);
        self.proved |= match step.phase_before {
            Phase::I(phase) => {
                let valid = ElementClass::DialbackResult(PairAnswer::Valid);
                phase == InitiatingPhase::Federating
                    && step.input == Input::Element(valid)
                    && tell == Tell::Established
            }
            Phase::R(_) => act == Act::AcceptPair && step.input == Input::Pair(Pair::Accept),
        };
        self.shook_hands |= match step.phase_before {
            Phase::I(phase) => {
                phase == InitiatingPhase::AwaitHandshake
                    && step.input == Input::Element(ElementClass::Handshake)
            }
            Phase::R(_) => {
                act == Act::AcceptHandshake && step.input == Input::Verdict(Verdict::Accept)
            }
        };
        self.bound |= match step.phase_before {
            Phase::I(_) => step.input == Input::Element(ElementClass::BindResult),
            Phase::R(_) => {
                act == Act::SendBindResult && step.input == Input::Verdict(Verdict::Accept)
            }
        };
        self.established |= tell == Tell::Established;
        let header = tell == Tell::StreamOpened;
        self.opened = (self.opened + u8::from(header)).min(9);
        self.own_header |= step.writes_header();
        // A stream is replaced by the one after TLS or SASL (4.3.3).
        if step.starts_tls() {
            self.own_header = false;
        }
        if tell == Tell::Authenticated {
            self.own_header = step.writes_header();
        }
        self.tls_started |= step.starts_tls();
        self.closing_tag |= matches!(
            act,
            Act::CloseStream(_) | Act::Fail(..) | Act::RefuseTls | Act::RefusePair
        );
        self.sasl_attempts += u8::from(matches!(act, Act::ChooseMechanism | Act::BeginMechanism));
        self.sasl_attempts = self.sasl_attempts.min(6);
        self.bind_attempts = (self.bind_attempts + u8::from(act == Act::AskBind)).min(6);
        self
    }
}

/// One header for each (re)start of the stream (4.3.3): behind TLS, and behind
/// SASL.
pub(crate) fn headers_due(security: Security, history: History) -> u8 {
    1 + u8::from(security == Security::StartTls) + u8::from(history.authenticated)
}

/// One step of a table.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) phase_before: Phase,
    pub(crate) before: History,
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) phase_after: Phase,
    pub(crate) after: History,
}

impl Step {
    /// Whether the transport is handed to TLS.
    pub(crate) fn starts_tls(&self) -> bool {
        matches!(self.output.act, Act::StartTls | Act::Proceed)
    }

    /// Whether a mechanism is chosen, begun or run.
    pub(crate) fn orders_sasl(&self) -> bool {
        matches!(
            self.output.act,
            Act::ChooseMechanism
                | Act::SendAuth
                | Act::RunChallenge
                | Act::SendResponse
                | Act::VerifySuccess
                | Act::BeginMechanism
                | Act::RunResponse
                | Act::SendChallenge
                | Act::SendSuccess
        )
    }

    /// Whether something is proved, or believed, by dialback.
    pub(crate) fn orders_dialback(&self) -> bool {
        matches!(
            self.output.act,
            Act::RequestPair
                | Act::AskPair
                | Act::AcceptPair
                | Act::RefusePair
                | Act::CheckKey
                | Act::SendKeyVerdict
        )
    }

    /// Whether the own header is written.
    pub(crate) fn writes_header(&self) -> bool {
        matches!(
            self.output.act,
            Act::OpenStream(_) | Act::Fail(OwnHeader::Missing, _)
        )
    }

    /// Whether XML is written.
    pub(crate) fn writes(&self) -> bool {
        self.writes_header() || self.writes_bare()
    }

    /// Whether XML is written that needs a header before it.
    pub(crate) fn writes_bare(&self) -> bool {
        match self.output.act {
            Act::Wait
            | Act::StartTls
            | Act::EndTransport(_)
            | Act::ChooseMechanism
            | Act::RunChallenge
            | Act::VerifySuccess
            | Act::AskHost(_)
            | Act::BeginMechanism
            | Act::RunResponse
            | Act::AskBind
            | Act::AskPair
            | Act::CheckKey
            | Act::CheckHandshake
            | Act::OpenStream(_)
            | Act::Fail(OwnHeader::Missing, _) => false,
            Act::CloseStream(_)
            | Act::Fail(OwnHeader::Sent, _)
            | Act::RequestTls
            | Act::SendAuth
            | Act::SendResponse
            | Act::SendAbort
            | Act::RequestBind(_)
            | Act::RequestSession
            | Act::Proceed
            | Act::RefuseTls
            | Act::RequireEncryption
            | Act::SendChallenge
            | Act::SendSuccess
            | Act::SendFailure
            | Act::SendAborted
            | Act::SendBindResult
            | Act::SendBindError(_)
            | Act::SendSessionResult
            | Act::RequestPair
            | Act::SendHandshake
            | Act::AcceptPair
            | Act::RefusePair
            | Act::FailPair
            | Act::SendKeyVerdict
            | Act::DeclineDialback(_)
            | Act::AcceptHandshake => true,
        }
    }
}

/// What a search has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) phases: usize,
    pub(crate) states: usize,
    pub(crate) steps: usize,
}

/// Visits every reachable (state, input) pair.
pub(crate) fn explore<T: Table>(policy: Policy, visit: &mut dyn FnMut(&Step)) -> Count {
    let inputs = alphabet();
    let start = (T::start(policy), History::default());
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = VecDeque::from([start]);
    let mut count = Count::default();
    while let Some((table, before)) = queue.pop_front() {
        for input in inputs.iter().copied() {
            let mut next = table.clone();
            let output = next.take(input);
            let mut step = Step {
                phase_before: table.now(),
                before,
                input,
                output,
                phase_after: next.now(),
                after: before,
            };
            step.after = before.then(&step);
            count.steps += 1;
            visit(&step);
            if next == table && step.after == before {
                continue;
            }
            let state = (next, step.after);
            if seen.insert(state.clone()) {
                queue.push_back(state);
            }
        }
    }
    count.states = seen.len();
    count.phases = seen
        .iter()
        .map(|(table, _)| table.now())
        .collect::<HashSet<_>>()
        .len();
    count
}

/// The table after these inputs.
pub(crate) fn reach<T: Table>(mut table: T, inputs: &[Input]) -> T {
    for input in inputs {
        let _ = table.take(*input);
    }
    table
}

/// What a driver that keeps to the contract can give in a phase: what the
/// orders before it ask for, what can be on the wire, deadlines and wishes.
pub(crate) fn is_possible(policy: Policy, phase: Phase, input: Input) -> bool {
    use InitiatingPhase as I;
    use ReceivingPhase as R;
    if !is_of(policy, input) {
        return false;
    }
    let waits_for = match phase {
        Phase::I(I::Idle) | Phase::R(R::Idle) => Waits::Begin,
        Phase::I(I::TlsHandshake(_)) | Phase::R(R::TlsHandshake(_)) => Waits::Tls,
        Phase::I(I::AwaitHeader(_)) | Phase::R(R::AwaitHeader(_)) => Waits::Header,
        Phase::R(R::AwaitHost(_) | R::Binding(_) | R::CheckingHandshake) => Waits::Verdict,
        Phase::R(R::Authenticating(_, Turn::Own, _)) => Waits::Mechanism,
        Phase::I(I::Authenticating(exchange, _)) => {
            use xmpp_stream::stream::Exchange as X;
            match exchange {
                X::Choosing | X::Computing | X::Verifying => Waits::Mechanism,
                X::AwaitReply | X::Aborting => Waits::Frame,
            }
        }
        Phase::I(I::Closing(closing)) | Phase::R(R::Closing(closing)) => match closing {
            Closing::PeerClosed => Waits::Application,
            Closing::AwaitFooter(_) => Waits::Anything,
            Closing::Done => Waits::Nothing,
        },
        _ => Waits::Frame,
    };
    match input {
        Input::Begin => waits_for == Waits::Begin,
        Input::Secured => waits_for == Waits::Tls,
        Input::Sasl(_) => waits_for == Waits::Mechanism,
        Input::Verdict(_) => waits_for == Waits::Verdict,
        // Asked by the peer here, or before.
        Input::Pair(_) | Input::KeyChecked => {
            matches!(phase, Phase::R(R::Federating | R::Established))
        }
        Input::Resume => waits_for == Waits::Application,
        Input::Local(_) => waits_for != Waits::Nothing,
        Input::Expired => !matches!(waits_for, Waits::Nothing | Waits::Begin),
        Input::Header(_) => matches!(waits_for, Waits::Header | Waits::Anything),
        Input::Fault(_) => matches!(waits_for, Waits::Header | Waits::Frame | Waits::Anything),
        Input::Element(_) | Input::Keepalive | Input::Footer => {
            matches!(waits_for, Waits::Frame | Waits::Anything)
        }
    }
}

/// Whether streams of that kind know the input.
fn is_of(policy: Policy, input: Input) -> bool {
    use ElementClass as E;
    let kind = policy.kind;
    match input {
        Input::Pair(_) | Input::KeyChecked | Input::Sasl(Sasl::Dialback) => {
            policy.dialback == Dialback::Allowed
        }
        Input::Element(class) => match class {
            E::DialbackRequest | E::DialbackVerify | E::DialbackResult(_) | E::DialbackVerified => {
                kind == Kind::ServerToServer
            }
            E::Handshake => kind == Kind::Component,
            E::BindRequest | E::BindResult | E::BindError(_) => kind == Kind::ClientToServer,
            E::SessionRequest | E::SessionResult | E::SessionError => kind == Kind::ClientToServer,
            _ => true,
        },
        _ => true,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Begin,
    Tls,
    Header,
    Verdict,
    Mechanism,
    Frame,
    /// A header or what comes behind it.
    Anything,
    /// The event of the step before is being looked at.
    Application,
    Nothing,
}

//! The search: every reachable state with every input.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use xmpp_stream::sasl::SaslProfile;
use xmpp_stream::stream::{
    Answer, AppRequest, Closing, Command, ConflictPolicy, DialbackPolicy, EarlyElements,
    ElementClass, ErrorSource, HeaderClass, InFlight, Initiating, InitiatingCommand as Initiate,
    InitiatingPhase, InlineRequests, InlineStep, Input, Kind, LoginOutcome, ManagementClass,
    ManagementPolicy, ManagementResult, Notice, Output, OwnHeader, PairAnswer, PairResult,
    PipelinedStage, Receiving, ReceivingCommand as Receive, ReceivingPhase, Sasl2Policy,
    SaslExchange, SaslResult, SaslTurn, Security, StreamCondition, StreamLevel, StreamPolicy,
    TaskTurn,
};

/// What only one role does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleCommand {
    I(Initiate),
    R(Receive),
}

pub(crate) use RoleCommand::{I, R};

/// The command of the role alone.
impl std::fmt::Debug for RoleCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            I(command) => command.fmt(f),
            R(command) => command.fmt(f),
        }
    }
}

/// The same output, of either role.
fn of_role<C>(output: Output<C>, role: fn(C) -> RoleCommand) -> Output<RoleCommand> {
    Output {
        notice: output.notice,
        command: match output.command {
            Command::Wait => Command::Wait,
            Command::StartTls => Command::StartTls,
            Command::CloseStream(cause) => Command::CloseStream(cause),
            Command::Fail(header, error) => Command::Fail(header, error),
            Command::EndTransport(cause) => Command::EndTransport(cause),
            Command::Manage => Command::Manage,
            Command::Retransmit => Command::Retransmit,
            Command::Role(command) => Command::Role(role(command)),
            _ => panic!("a command that the search does not know"),
        },
    }
}

pub(crate) const KINDS: [Kind; 3] = [Kind::ClientToServer, Kind::ServerToServer, Kind::Component];

/// Every policy there is; what only servers or only clients have is left alone
/// elsewhere, and a component has no STARTTLS. Stream management comes after
/// SASL, whose attempts do not change it: it is combined with one number of
/// them.
pub(crate) fn policies() -> impl Iterator<Item = StreamPolicy> {
    let securities = [Security::StartTls, Security::DirectTls, Security::Plaintext];
    let conflicts = [ConflictPolicy::Generate, ConflictPolicy::GiveUp];
    let dialbacks = [
        DialbackPolicy::Refused,
        DialbackPolicy::Allowed,
        DialbackPolicy::VerifyOnly,
    ];
    KINDS.into_iter().flat_map(move |kind| {
        let uses = dialbacks
            .into_iter()
            .filter(move |use_| kind == Kind::ServerToServer || *use_ == DialbackPolicy::Refused);
        uses.flat_map(move |dialback| {
            let securities = securities
                .into_iter()
                .filter(move |security| kind != Kind::Component || *security != Security::StartTls);
            securities.flat_map(move |security| {
                (2..=5).flat_map(move |sasl_attempts| {
                    conflicts.into_iter().flat_map(move |conflict| {
                        let mut policy = StreamPolicy::new(kind, security);
                        policy.sasl_attempts = sasl_attempts;
                        policy.conflict = conflict;
                        policy.dialback = dialback;
                        let is_client = kind == Kind::ClientToServer;
                        managements(is_client, sasl_attempts).flat_map(move |management| {
                            policy.management = management;
                            let mut delivering = policy;
                            delivering.early_elements = EarlyElements::Delivered;
                            // With further attempts the same happens. Without TLS the setting has no
                            // effect, which is a promise.
                            let most = if security == Security::Plaintext {
                                2
                            } else {
                                3
                            };
                            let has_sasl2 = is_client && sasl_attempts <= most;
                            let mut sasl2 = policy;
                            sasl2.sasl2 = Sasl2Policy::On;
                            [
                                Some(policy),
                                is_client.then_some(delivering),
                                has_sasl2.then_some(sasl2),
                            ]
                            .into_iter()
                            .flatten()
                        })
                    })
                })
            })
        })
    })
}

fn managements(is_client: bool, sasl_attempts: u8) -> impl Iterator<Item = ManagementPolicy> {
    let all = [
        ManagementPolicy::Off,
        ManagementPolicy::Enable,
        ManagementPolicy::Resume,
    ];
    let used = is_client && sasl_attempts == 3;
    all.into_iter()
        .filter(move |management| used || *management == ManagementPolicy::Off)
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
        Input::Sasl(SaslResult::Send),
        Input::Sasl(SaslResult::Done),
        Input::Sasl(SaslResult::Failed),
        Input::Sasl(SaslResult::Mismatch),
        Input::Sasl(SaslResult::Exhausted),
        Input::Sasl(SaslResult::Dialback),
        Input::Sasl(SaslResult::Task),
        Input::Pair(PairResult::Accept),
        Input::Pair(PairResult::Refuse),
        Input::Pair(PairResult::Fail),
        Input::KeyChecked,
        Input::Answer(Answer::Accept),
        Input::Answer(Answer::Refuse),
        Input::AppRequest(AppRequest::Close),
        Input::AppRequest(AppRequest::Fail),
        Input::AppRequest(AppRequest::Reset(InFlight::Deliver)),
        Input::AppRequest(AppRequest::Reset(InFlight::Discard)),
    ];
    inputs.extend(HeaderClass::ALL.map(Input::Header));
    inputs.extend(ElementClass::all().map(Input::Element));
    inputs.extend(StreamCondition::ALL.map(Input::Fault));
    inputs.extend(ManagementResult::ALL.map(Input::Managed));
    inputs.extend(LoginOutcome::ALL.map(|outcome| Input::Sasl(SaslResult::Completed(outcome))));
    inputs.extend(InlineRequests::all().map(|requests| Input::Sasl(SaslResult::Inline(requests))));
    inputs
}

/// A role's table.
pub(crate) trait Table: Clone + Eq + Hash {
    fn start(policy: StreamPolicy) -> Self;
    fn take(&mut self, input: Input) -> Output<RoleCommand>;
    fn now(&self) -> Phase;
}

impl Table for Initiating {
    fn start(policy: StreamPolicy) -> Self {
        Self::new(policy)
    }

    fn take(&mut self, input: Input) -> Output<RoleCommand> {
        of_role(self.step(input), I)
    }

    fn now(&self) -> Phase {
        Phase::I(self.phase())
    }
}

impl Table for Receiving {
    fn start(policy: StreamPolicy) -> Self {
        Self::new(policy)
    }

    fn take(&mut self, input: Input) -> Output<RoleCommand> {
        of_role(self.step(input), R)
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
            Self::I(InitiatingPhase::Established | InitiatingPhase::StartingSession)
                | Self::R(ReceivingPhase::Established)
        )
    }

    pub(crate) fn closing(self) -> Option<Closing> {
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
        Some(other) => panic!("{other:?}"),
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
    /// It did in SASL2, after which the stream is not restarted.
    pub(crate) sasl2: bool,
    /// The server was verified: by `<success/>`, or by `<continue/>`.
    pub(crate) verified: bool,
    /// A pipelined `<authenticate/>` is written, and not compared with the features.
    pub(crate) unconfirmed: bool,
    /// A domain pair was proved by dialback.
    pub(crate) proved: bool,
    /// A component's handshake was accepted.
    pub(crate) shook_hands: bool,
    /// A resource was granted.
    pub(crate) bound: bool,
    /// What came of a request to resume a session.
    pub(crate) resumption: Resumption,
    /// Established was told.
    pub(crate) established: bool,
    /// Acceptable headers of the peer.
    pub(crate) opened: u8,
    /// Our header of this stream is written.
    pub(crate) own_header: bool,
    /// Our closing tag is written.
    pub(crate) closing_tag: bool,
    /// Mechanisms begun, not counting what was refused before TLS.
    pub(crate) sasl_attempts: u8,
    /// Bind requests and requests to resume that were let through to the
    /// application, and requests for stream management before either.
    pub(crate) bind_attempts: u8,
}

/// What came of a request to resume a session: the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Resumption {
    /// There was none.
    #[default]
    None,
    /// It is outstanding.
    Asked,
    /// The server, or its application, has refused it.
    Refused,
    /// The session goes on.
    Accepted,
}

impl Resumption {
    fn then(self, step: &Step) -> Self {
        let refused = Input::Element(ElementClass::Management(ManagementClass::Failed));
        let accepted = Input::Managed(ManagementResult::Resumed);
        match (step.output.command, step.phase_before, step.input) {
            (
                Command::Role(
                    I(Initiate::RequestResumption)
                    | R(Receive::AskResumption | Receive::AskInlineResumption),
                ),
                ..,
            ) => Self::Asked,
            // A client's `<resume/>` travels with its login.
            (_, Phase::I(_), input)
                if input == Input::Sasl(SaslResult::Completed(LoginOutcome::Resumed))
                    && step.output.notice == Notice::Authenticated =>
            {
                Self::Accepted
            }
            (_, Phase::I(InitiatingPhase::Resuming(_)), input)
                if input == refused || input == Input::Managed(ManagementResult::Refused) =>
            {
                Self::Refused
            }
            (_, Phase::I(InitiatingPhase::Resuming(_)), input) if input == accepted => {
                Self::Accepted
            }
            (
                _,
                Phase::R(
                    ReceivingPhase::Resuming(_)
                    | ReceivingPhase::Completing(InlineStep::Resumption, _),
                ),
                Input::Answer(answer),
            ) => match answer {
                Answer::Accept => Self::Accepted,
                _ => Self::Refused,
            },
            _ => self,
        }
    }
}

impl History {
    pub(crate) fn in_handshake(&self) -> bool {
        self.tls_started && !self.secured
    }

    fn then(mut self, step: &Step) -> Self {
        let Output {
            notice: tell,
            command: act,
        } = step.output;
        self.secured |= step.input == Input::Secured && self.tls_started;
        self.authenticated |= tell == Notice::Authenticated
            && matches!(
                step.input,
                Input::Sasl(SaslResult::Done | SaslResult::Completed(_) | SaslResult::Inline(_))
            );
        self.sasl2 |= tell == Notice::Authenticated && step.input != Input::Sasl(SaslResult::Done);
        self.proved |= match step.phase_before {
            Phase::I(phase) => {
                let valid = ElementClass::DialbackResult(PairAnswer::Valid);
                phase == InitiatingPhase::Federating
                    && step.input == Input::Element(valid)
                    && tell == Notice::Established
            }
            Phase::R(_) => {
                act == Command::Role(R(Receive::AcceptPair))
                    && step.input == Input::Pair(PairResult::Accept)
            }
        };
        self.shook_hands |= match step.phase_before {
            Phase::I(phase) => {
                phase == InitiatingPhase::AwaitHandshake
                    && step.input == Input::Element(ElementClass::Handshake)
            }
            Phase::R(_) => {
                act == Command::Role(R(Receive::AcceptHandshake))
                    && step.input == Input::Answer(Answer::Accept)
            }
        };
        self.bound |= match step.phase_before {
            Phase::I(_) => {
                step.input == Input::Element(ElementClass::BindResult)
                    || (tell == Notice::Authenticated
                        && step.input == Input::Sasl(SaslResult::Completed(LoginOutcome::Bound)))
            }
            Phase::R(_) => {
                (act == Command::Role(R(Receive::SendBindResult))
                    || act == Command::Role(R(Receive::SendOutcome(LoginOutcome::Bound))))
                    && step.input == Input::Answer(Answer::Accept)
            }
        };
        self.verified |= matches!(
            (step.phase_before, step.input),
            (
                Phase::I(InitiatingPhase::Authenticating(
                    _,
                    SaslExchange::Verifying | SaslExchange::Continuing,
                    _
                )),
                Input::Sasl(SaslResult::Done | SaslResult::Completed(_) | SaslResult::Send)
            )
        );
        self.unconfirmed |= matches!(
            step.phase_after,
            Phase::I(InitiatingPhase::Pipelined(PipelinedStage::AwaitHeader))
        );
        self.unconfirmed &= act != Command::Role(I(Initiate::ConfirmOffer));
        self.resumption = self.resumption.then(step);
        self.established |= tell == Notice::Established;
        let header = tell == Notice::StreamOpened;
        self.opened = (self.opened + u8::from(header)).min(9);
        self.own_header |= step.writes_header();
        // A stream is replaced by the one after TLS or SASL (4.3.3).
        if step.starts_tls() {
            self.own_header = false;
        }
        if tell == Notice::Authenticated && !self.sasl2 {
            self.own_header = step.writes_header();
        }
        self.tls_started |= step.starts_tls();
        self.closing_tag |= matches!(
            act,
            Command::CloseStream(_)
                | Command::Fail(..)
                | Command::Role(R(Receive::RefuseTls | Receive::RefusePair))
        );
        self.sasl_attempts += u8::from(matches!(
            act,
            Command::Role(
                I(Initiate::ChooseMechanism(_) | Initiate::ConfirmOffer)
                    | R(Receive::BeginMechanism(_))
            )
        ));
        self.sasl_attempts = self.sasl_attempts.min(6);
        let attempts = matches!(
            act,
            Command::Role(R(Receive::AskBind
                | Receive::AskResumption
                | Receive::RefuseManagement))
        );
        self.bind_attempts = (self.bind_attempts + u8::from(attempts)).min(6);
        self
    }
}

/// One header for each (re)start of the stream (RFC 6120 4.3.3): after TLS, and
/// after SASL.
pub(crate) fn headers_due(security: Security, history: History) -> u8 {
    let restarts = history.authenticated && !history.sasl2;
    1 + u8::from(security == Security::StartTls) + u8::from(restarts)
}

/// One step of a table.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) phase_before: Phase,
    pub(crate) before: History,
    pub(crate) input: Input,
    pub(crate) output: Output<RoleCommand>,
    pub(crate) phase_after: Phase,
    pub(crate) after: History,
}

impl Step {
    /// Whether the transport is handed to TLS.
    pub(crate) fn starts_tls(&self) -> bool {
        matches!(
            self.output.command,
            Command::StartTls | Command::Role(R(Receive::Proceed))
        )
    }

    /// Whether a mechanism is chosen, begun or run.
    pub(crate) fn orders_sasl(&self) -> bool {
        matches!(
            self.output.command,
            Command::Role(
                I(Initiate::ChooseMechanism(_)
                    | Initiate::SendAuth(_)
                    | Initiate::ConfirmOffer
                    | Initiate::RunChallenge(_)
                    | Initiate::SendResponse(_)
                    | Initiate::VerifySuccess(_)
                    | Initiate::RunContinue
                    | Initiate::SendNext
                    | Initiate::RunTask
                    | Initiate::SendTaskData)
                    | R(Receive::BeginMechanism(_)
                        | Receive::RunResponse(_)
                        | Receive::SendChallenge(_)
                        | Receive::SendContinue
                        | Receive::RunTask
                        | Receive::SendTaskData
                        | Receive::SendSuccess)
            )
        )
    }

    /// The profile whose element is written, if one is.
    pub(crate) fn profile(&self) -> Option<SaslProfile> {
        let Command::Role(command) = self.output.command else {
            return None;
        };
        match command {
            I(
                Initiate::SendAuth(profile)
                | Initiate::SendResponse(profile)
                | Initiate::SendAbort(profile),
            )
            | R(
                Receive::SendChallenge(profile)
                | Receive::SendFailure(profile)
                | Receive::SendAborted(profile)
                | Receive::RequireEncryption(profile),
            ) => Some(profile),
            I(Initiate::SendNext | Initiate::SendTaskData)
            | R(Receive::SendContinue | Receive::SendTaskData | Receive::SendOutcome(_)) => {
                Some(SaslProfile::Sasl2)
            }
            R(Receive::SendSuccess) => Some(SaslProfile::Sasl),
            _ => None,
        }
    }

    /// Whether SASL2 is spoken, beyond the refusal of an attempt before TLS.
    pub(crate) fn speaks_sasl2(&self) -> bool {
        let refusal = Command::Role(R(Receive::RequireEncryption(SaslProfile::Sasl2)));
        self.profile() == Some(SaslProfile::Sasl2) && self.output.command != refusal
    }

    /// Whether something is proved, or believed, by dialback.
    pub(crate) fn orders_dialback(&self) -> bool {
        matches!(
            self.output.command,
            Command::Role(
                I(Initiate::RequestPair)
                    | R(Receive::AskPair
                        | Receive::AcceptPair
                        | Receive::RefusePair
                        | Receive::CheckKey
                        | Receive::SendKeyVerdict)
            )
        )
    }

    /// Whether stream management is spoken.
    pub(crate) fn orders_management(&self) -> bool {
        matches!(
            self.output.command,
            Command::Manage
                | Command::Fail(_, ErrorSource::HandledCount)
                | Command::Role(R(Receive::RefuseManagement))
        ) || self.orders_resumption()
            || matches!(
                self.output.notice,
                Notice::ManagementEnabled | Notice::ManagementRefused | Notice::Acknowledged
            )
    }

    /// Whether a session is asked for, judged or gone on with.
    pub(crate) fn orders_resumption(&self) -> bool {
        matches!(
            self.output.command,
            Command::Retransmit
                | Command::Role(
                    I(Initiate::RequestResumption | Initiate::CheckResumption)
                        | R(Receive::AskResumption
                            | Receive::AskInlineResumption
                            | Receive::SendOutcome(LoginOutcome::Resumed)
                            | Receive::SendResumed
                            | Receive::RefuseResumption)
                )
        )
    }

    /// Whether our header is written.
    pub(crate) fn writes_header(&self) -> bool {
        matches!(
            self.output.command,
            Command::Role(I(Initiate::OpenStream(_)) | R(Receive::OpenStream(_)))
                | Command::Fail(OwnHeader::Missing, _)
        )
    }

    /// Whether XML is written.
    pub(crate) fn writes(&self) -> bool {
        self.writes_header() || self.writes_bare()
    }

    /// Whether XML is written that needs a header before it.
    pub(crate) fn writes_bare(&self) -> bool {
        match self.output.command {
            // What is asked or said is answered; an acknowledgement is only counted.
            Command::Manage => {
                let answer = ElementClass::Management(ManagementClass::Answer);
                self.input != Input::Element(answer)
            }
            Command::Wait
            | Command::StartTls
            | Command::EndTransport(_)
            | Command::Role(
                I(
                    Initiate::ChooseMechanism(_)
                    | Initiate::ConfirmOffer
                    | Initiate::CheckServer
                    | Initiate::RunChallenge(_)
                    | Initiate::RunContinue
                    | Initiate::RunTask
                    | Initiate::VerifySuccess(_)
                    | Initiate::CheckResumption
                    | Initiate::OpenStream(_),
                )
                | R(
                    Receive::AskHost(_)
                    | Receive::BeginMechanism(_)
                    | Receive::RunResponse(_)
                    | Receive::RunTask
                    | Receive::AskToken
                    | Receive::AskInlineBind
                    | Receive::AskInlineResumption
                    | Receive::AskBind
                    | Receive::AskResumption
                    | Receive::AskPair
                    | Receive::CheckKey
                    | Receive::CheckHandshake
                    | Receive::OpenStream(_),
                ),
            )
            | Command::Fail(OwnHeader::Missing, _) => false,
            Command::CloseStream(_)
            | Command::Fail(OwnHeader::Sent, _)
            | Command::Retransmit
            | Command::Role(
                I(
                    Initiate::RequestTls
                    | Initiate::SendAuth(_)
                    | Initiate::SendResponse(_)
                    | Initiate::SendNext
                    | Initiate::SendTaskData
                    | Initiate::SendAbort(_)
                    | Initiate::RequestBind(_)
                    | Initiate::RequestResumption
                    | Initiate::RequestSession
                    | Initiate::RequestPair
                    | Initiate::SendHandshake,
                )
                | R(
                    Receive::Proceed
                    | Receive::RefuseTls
                    | Receive::RefuseStanza(_)
                    | Receive::RequireEncryption(_)
                    | Receive::SendChallenge(_)
                    | Receive::SendSuccess
                    | Receive::SendOutcome(_)
                    | Receive::SendContinue
                    | Receive::SendTaskData
                    | Receive::SendFailure(_)
                    | Receive::SendAborted(_)
                    | Receive::SendBindResult
                    | Receive::SendBindError(_)
                    | Receive::SendResumed
                    | Receive::RefuseResumption
                    | Receive::RefuseManagement
                    | Receive::SendSessionResult
                    | Receive::AcceptPair
                    | Receive::RefusePair
                    | Receive::FailPair
                    | Receive::SendKeyVerdict
                    | Receive::DeclineDialback(_)
                    | Receive::AcceptHandshake,
                ),
            ) => true,
            other => panic!("{other:?}"),
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

/// Visits every reachable (state, input) pair, where a state has its history.
pub(crate) fn explore<T: Table>(policy: StreamPolicy, visit: &mut dyn FnMut(&Step)) -> Count {
    search::<T>(policy, History::then, visit)
}

/// Visits every reachable (phase, input) pair; no step knows a history.
pub(crate) fn explore_phases<T: Table>(
    policy: StreamPolicy,
    visit: &mut dyn FnMut(&Step),
) -> Count {
    search::<T>(policy, |before, _| before, visit)
}

fn search<T: Table>(
    policy: StreamPolicy,
    then: fn(History, &Step) -> History,
    visit: &mut dyn FnMut(&Step),
) -> Count {
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
            step.after = then(before, &step);
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
pub(crate) fn is_possible(policy: StreamPolicy, phase: Phase, input: Input) -> bool {
    use InitiatingPhase as I;
    use ReceivingPhase as R;
    if !is_of(policy, input) {
        return false;
    }
    let waits_for = match phase {
        Phase::I(I::Idle) | Phase::R(R::Idle) => Waits::Begin,
        Phase::I(I::TlsHandshake(_)) | Phase::R(R::TlsHandshake(_)) => Waits::Tls,
        Phase::I(I::AwaitHeader(_)) | Phase::R(R::AwaitHeader(_)) => Waits::Header,
        Phase::I(I::CheckingServer)
        | Phase::R(
            R::AwaitHost(_)
            | R::Binding(_)
            | R::Resuming(_)
            | R::Completing(..)
            | R::CheckingHandshake,
        ) => Waits::Verdict,
        Phase::R(R::Authenticating(_, _, SaslTurn::Own, _) | R::Task(TaskTurn::Own, _)) => {
            Waits::Mechanism
        }
        Phase::I(I::Pipelined(PipelinedStage::AwaitHeader)) => Waits::Header,
        Phase::I(I::Resumed | I::Negotiated) => Waits::Application,
        Phase::I(I::Authenticating(_, exchange, _)) => {
            use SaslExchange as X;
            match exchange {
                X::Choosing
                | X::Computing
                | X::Verifying
                | X::Confirming
                | X::Continuing
                | X::ComputingTask => Waits::Mechanism,
                X::AwaitReply | X::AwaitTaskData | X::AwaitOutcome | X::Aborting => Waits::Frame,
                other => panic!("{other:?}"),
            }
        }
        Phase::I(I::Closing(closing)) | Phase::R(R::Closing(closing)) => match closing {
            Closing::PeerClosed => Waits::Application,
            Closing::AwaitFooter(_) => Waits::Anything,
            Closing::Done => Waits::Nothing,
            other => panic!("{other:?}"),
        },
        _ => Waits::Frame,
    };
    match input {
        Input::Begin => waits_for == Waits::Begin,
        Input::Secured => waits_for == Waits::Tls,
        // Right after the header is ordered, where the features were known before.
        Input::Sasl(SaslResult::Send)
            if phase == Phase::I(I::AwaitHeader(StreamLevel::Secured)) =>
        {
            has_sasl2(policy)
        }
        Input::Sasl(_) => waits_for == Waits::Mechanism,
        Input::Answer(_) => waits_for == Waits::Verdict,
        // Asked by the peer here, or before.
        Input::Pair(_) | Input::KeyChecked => {
            matches!(phase, Phase::R(R::Federating | R::Established))
        }
        Input::Managed(result) => is_managed(phase, result),
        Input::Resume => waits_for == Waits::Application,
        Input::AppRequest(_) => waits_for != Waits::Nothing,
        Input::Expired => !matches!(waits_for, Waits::Nothing | Waits::Begin),
        Input::Header(_) => matches!(waits_for, Waits::Header | Waits::Anything),
        Input::Fault(_) => matches!(waits_for, Waits::Header | Waits::Frame | Waits::Anything),
        Input::Element(_) | Input::Keepalive | Input::Footer => {
            matches!(waits_for, Waits::Frame | Waits::Anything)
        }
        other => panic!("{other:?}"),
    }
}

/// Whether an element of stream management can come to this in the phase.
fn is_managed(phase: Phase, result: ManagementResult) -> bool {
    use InitiatingPhase as I;
    use ManagementResult as M;
    use ReceivingPhase as R;
    match phase {
        // A refusal came with the login by SASL2.
        Phase::I(I::Resuming(_)) => {
            matches!(result, M::Resumed | M::Refused | M::TooHigh | M::Unexpected)
        }
        // The answer of the application names a session whose count does not fit.
        Phase::R(R::Resuming(_) | R::Completing(InlineStep::Resumption, _)) => result == M::TooHigh,
        // `<success/>` brings the answer to the client's `<resume/>`.
        Phase::I(I::Authenticating(SaslProfile::Sasl2, SaslExchange::Verifying, _)) => {
            result == M::TooHigh
        }
        Phase::I(I::Established | I::StartingSession) => result != M::Resumed,
        // A client asks, and has nothing to refuse.
        Phase::R(R::Established) => !matches!(result, M::Resumed | M::Refused),
        // An acknowledgement that crossed the closing tag.
        Phase::I(I::Closing(Closing::AwaitFooter(_)))
        | Phase::R(R::Closing(Closing::AwaitFooter(_))) => {
            matches!(result, M::Acknowledged | M::TooHigh | M::Unexpected)
        }
        _ => false,
    }
}

/// Whether stream management is in use.
pub(crate) fn has_management(policy: StreamPolicy) -> bool {
    policy.kind == Kind::ClientToServer && policy.management != ManagementPolicy::Off
}

/// Whether SASL2 is in use.
pub(crate) fn has_sasl2(policy: StreamPolicy) -> bool {
    policy.kind == Kind::ClientToServer
        && policy.sasl2 == Sasl2Policy::On
        && policy.security != Security::Plaintext
}

/// Whether streams of that kind know the input.
fn is_of(policy: StreamPolicy, input: Input) -> bool {
    use ElementClass as E;
    let kind = policy.kind;
    match input {
        Input::Pair(_) | Input::KeyChecked | Input::Sasl(SaslResult::Dialback) => {
            policy.dialback == DialbackPolicy::Allowed
        }
        Input::Managed(_) => has_management(policy),
        Input::Element(class) => match class {
            E::DialbackRequest | E::DialbackVerify | E::DialbackResult(_) | E::DialbackVerified => {
                kind == Kind::ServerToServer
            }
            E::Handshake => kind == Kind::Component,
            E::ServerRequest => kind == Kind::ClientToServer,
            E::RefusedStanza(_) => kind == Kind::Component,
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
    /// A header or what comes after it.
    Anything,
    /// The event of the step before is being looked at.
    Application,
    Nothing,
}

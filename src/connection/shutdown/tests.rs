//! Every state of the end with every input, alone and after the tables of both roles.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use std::collections::HashSet;
use std::println;

use super::*;
use crate::close::{AuthenticationReason, Phase};
use crate::sasl::SaslCondition;
use crate::stream::{
    Closing, Command, DialbackPolicy, ElementClass, ErrorSource, HeaderClass, InFlight, Initiating,
    InitiatingPhase, Input, Kind, NegotiationReason, Output, Receiving, ReceivingPhase, Security,
    StreamCondition, StreamError, StreamPolicy,
};

pub(super) const CLOCK: ShutdownClock = ShutdownClock {
    now: Instant::from_millis(1_000),
    timeout: Duration::from_secs(5),
    linger: Duration::from_secs(2),
};

fn error(by: Side, condition: StreamCondition) -> CloseReason {
    CloseReason::StreamError {
        by,
        error: StreamError::new(condition),
    }
}

/// One reason of each kind.
fn reasons() -> Vec<Reason> {
    vec![
        Reason::new(CloseReason::Closed { by: Side::Us }),
        Reason::new(CloseReason::Closed { by: Side::Peer }),
        Reason::new(error(Side::Us, StreamCondition::UnsupportedVersion)),
        Reason::new(CloseReason::Timeout(Phase::Header)),
        Reason::new(CloseReason::Transport(Phase::Established)),
        Reason::new(CloseReason::TlsTruncated),
        Reason::new(error(Side::Peer, StreamCondition::SeeOtherHost)),
        Reason::new(CloseReason::Reset {
            by: Side::Peer,
            cause: None,
        }),
        Reason::stated(error(Side::Us, StreamCondition::Conflict)),
        Reason::stated(CloseReason::Reset {
            by: Side::Us,
            cause: None,
        }),
        Reason::new(CloseReason::AuthenticationFailed(
            AuthenticationReason::Refused(SaslCondition::NotAuthorized),
        )),
        Reason::new(CloseReason::NegotiationFailed(NegotiationReason::NoBind)),
    ]
}

fn inputs() -> Vec<ShutdownInput> {
    use ShutdownInput as I;
    let mut inputs = vec![
        I::Footer,
        I::Closing,
        I::StreamOver(PeerNotify::None),
        I::StreamOver(PeerNotify::Outstanding),
        I::StreamOver(PeerNotify::Received),
        I::LastBytes,
        I::CloseNotify,
        I::Fin,
        I::Rst,
        I::Expired,
        I::Drained,
        I::Abort(CloseReason::LocalAbort),
    ];
    inputs.extend(reasons().into_iter().map(I::Reason));
    inputs
}

/// Whether the connection gives this input in that state. It ends a stream only with a reason.
fn is_given(state: &Shutdown, input: &ShutdownInput) -> bool {
    use ShutdownInput as I;
    match (state, input) {
        (Shutdown::Open { reason, .. }, I::StreamOver(_) | I::LastBytes | I::Rst) => {
            reason.is_some()
        }
        _ => true,
    }
}

/// A state in words, by which states are told apart.
fn key(state: &Shutdown) -> String {
    alloc::format!("{state:?}")
}

fn stepped(state: &Shutdown, input: &ShutdownInput) -> Shutdown {
    let mut next = state.clone();
    next.step(input.clone(), CLOCK);
    next
}

/// How far the end has come. It never goes back.
fn rank(state: &Shutdown) -> u8 {
    match state {
        Shutdown::Open { .. } => 0,
        Shutdown::AwaitCloseNotify { .. } => 1,
        Shutdown::Flushing { .. } => 2,
        Shutdown::Closed { .. } => 3,
    }
}

fn reason(state: &Shutdown) -> Option<&Reason> {
    match state {
        Shutdown::Open { reason, .. } => reason.as_ref(),
        Shutdown::AwaitCloseNotify { reason, .. } | Shutdown::Flushing { reason, .. } => {
            Some(reason)
        }
        Shutdown::Closed { .. } => None,
    }
}

/// Every reachable state, and every step between them.
pub(super) fn explore(mut visit: impl FnMut(&Shutdown, &ShutdownInput, &Shutdown)) -> usize {
    let mut seen = HashSet::from([key(&Shutdown::OPEN)]);
    let mut queue = VecDeque::from([Shutdown::OPEN]);
    while let Some(state) = queue.pop_front() {
        for input in inputs().iter().filter(|input| is_given(&state, input)) {
            let next = stepped(&state, input);
            visit(&state, input, &next);
            if seen.insert(key(&next)) {
                queue.push_back(next);
            }
        }
    }
    seen.len()
}

#[test]
fn every_state_of_the_end_with_every_input() {
    use ShutdownInput as I;
    let mut steps = 0;
    let states = explore(|before, input, after| {
        steps += 1;
        let context = alloc::format!("{before:?}\n  {input:?}\n  {after:?}");
        assert!(rank(after) >= rank(before), "goes back: {context}");
        match (before, input) {
            // Invariant 3: after the end, the same answer for ever.
            (Shutdown::Closed { close, .. }, _) => {
                assert_eq!(after.close(), Some(close), "{context}");
            }
            // Invariant 4: an abort, or a transport that failed, ends at once.
            (_, I::Abort(reason)) => {
                let close = after.close().expect(&context);
                assert_eq!(
                    (close.reason(), close.manner()),
                    (reason, Manner::Abort),
                    "{context}"
                );
            }
            (_, I::Rst) => {
                let close = after.close().expect(&context);
                assert_eq!(close.manner(), Manner::Abort, "{context}");
                assert_eq!(
                    Some(close.reason()),
                    reason(before).map(|r| &r.reason),
                    "{context}"
                );
            }
            // Only the heavier of two reasons replaces the other.
            (_, I::Reason(new)) => match reason(before) {
                Some(old) if old.weight >= new.weight => {
                    assert_eq!(reason(after), Some(old), "{context}");
                }
                _ => assert_eq!(reason(after), Some(new), "{context}"),
            },
            _ => {}
        }
        // Nothing but a reason and an abort changes the reason.
        if !matches!(input, I::Reason(_) | I::Abort(_)) {
            match (reason(before), after) {
                (Some(old), Shutdown::Closed { close, .. }) => {
                    assert_eq!(close.reason(), &old.reason, "{context}");
                }
                (old, _) => assert_eq!(reason(after), old, "{context}"),
            }
        }
        // A graceful end has flushed, or its deadline has passed.
        if let (true, Some(close)) = (rank(before) < 3, after.close()) {
            let flushed = matches!(before, Shutdown::Flushing { .. })
                && matches!(input, I::Drained | I::Expired);
            assert_eq!(close.manner() == Manner::Graceful, flushed, "{context}");
        }
        // The deadline of the exchange is set once, and never set back.
        if let (
            Shutdown::Open {
                deadline: Some(old),
                ..
            },
            Shutdown::Open { deadline, .. },
        ) = (before, after)
        {
            assert_eq!(deadline, &Some(*old), "{context}");
        }
    });
    println!("{states} states of the end, {steps} steps");
    assert!(states > 100, "{states}");
}

/// Whatever happens, two deadlines after the streams are over the connection is closed.
#[test]
fn every_state_after_the_streams_reaches_close_tcp_by_deadlines_alone() {
    explore(|_, _, state| {
        if state.is_open() {
            return;
        }
        let mut state = state.clone();
        for _ in 0..2 {
            state.step(ShutdownInput::Expired, CLOCK);
        }
        assert!(state.close().is_some(), "{state:?}");
    });
}

/// RFC 6120 4.4, RFC 5246 7.2.1: truncated is what was closed in order but for close_notify.
#[test]
fn truncation_is_a_closing_tag_without_close_notify() {
    use ShutdownInput as I;
    let closed = I::Reason(Reason::new(CloseReason::Closed { by: Side::Us }));
    for (tag, end, truncated) in [
        (true, I::Fin, true),
        (true, I::Expired, true),
        (true, I::CloseNotify, false),
        (false, I::Fin, false),
        (false, I::CloseNotify, false),
    ] {
        let mut state = Shutdown::OPEN;
        state.step(closed.clone(), CLOCK);
        if tag {
            state.step(I::Footer, CLOCK);
        }
        for input in [
            I::StreamOver(PeerNotify::Outstanding),
            end.clone(),
            I::Drained,
        ] {
            state.step(input, CLOCK);
        }
        let close = state.close().expect("closed");
        assert_eq!(close.truncated(), truncated, "{tag} {end:?}");
    }
}

#[test]
fn close_tcp_is_handed_over_once() {
    let mut state = Shutdown::OPEN;
    state.step(ShutdownInput::Abort(CloseReason::LocalAbort), CLOCK);
    assert!(state.take_close().is_some());
    assert!(state.take_close().is_none());
    assert!(state.close().is_some());
}

/// After the deadline of the exchange nothing but the last bytes is waited for.
#[test]
fn one_deadline_bounds_closing_tags_and_close_notify_together() {
    let mut state = Shutdown::OPEN;
    state.step(ShutdownInput::Reason(reasons().remove(0)), CLOCK);
    state.step(ShutdownInput::Closing, CLOCK);
    let deadline = state.deadline().expect("set");
    assert_eq!(deadline, CLOCK.now + CLOCK.timeout);
    let later = ShutdownClock {
        now: deadline,
        ..CLOCK
    };
    state.step(ShutdownInput::Closing, later);
    assert_eq!(state.deadline(), Some(deadline));
    state.step(ShutdownInput::StreamOver(PeerNotify::Outstanding), later);
    assert!(matches!(state, Shutdown::Flushing { .. }), "{state:?}");
    assert_eq!(state.deadline(), Some(deadline + FLUSH_TIMEOUT));
}

/// A role's table and the end after it, as the connection joins them.
trait Table: Clone + core::fmt::Debug {
    fn take(&mut self, input: Input) -> (bool, Option<Reason>);
    fn closing(&self) -> Option<Closing>;
}

fn reason_of<C>(output: &Output<C>) -> Option<Reason> {
    match output.command {
        Command::CloseStream(_) | Command::EndTransport(_) => {
            Some(Reason::new(CloseReason::Closed { by: Side::Us }))
        }
        Command::Fail(_, ErrorSource::Application | ErrorSource::Reset) => {
            Some(Reason::stated(error(Side::Us, StreamCondition::Reset)))
        }
        Command::Fail(..) => Some(Reason::new(error(Side::Us, StreamCondition::BadFormat))),
        _ => None,
    }
}

impl Table for Initiating {
    fn take(&mut self, input: Input) -> (bool, Option<Reason>) {
        let reason = reason_of(&self.step(input));
        (self.closing() == Some(Closing::Done), reason)
    }

    fn closing(&self) -> Option<Closing> {
        match self.phase() {
            InitiatingPhase::Closing(closing) => Some(closing),
            _ => None,
        }
    }
}

impl Table for Receiving {
    fn take(&mut self, input: Input) -> (bool, Option<Reason>) {
        let reason = reason_of(&self.step(input));
        (self.closing() == Some(Closing::Done), reason)
    }

    fn closing(&self) -> Option<Closing> {
        match self.phase() {
            ReceivingPhase::Closing(closing) => Some(closing),
            _ => None,
        }
    }
}

/// What ends streams: of each kind one input, since the texts do not matter here.
fn table_inputs() -> Vec<Input> {
    use crate::stream::{AppRequest, ErrorClass};
    let mut inputs = vec![
        Input::Begin,
        Input::Secured,
        Input::Header(HeaderClass::Bad(StreamCondition::InvalidFrom)),
        Input::Element(ElementClass::StreamError(ErrorClass::Other)),
        Input::Element(ElementClass::Proceed),
        Input::Element(ElementClass::StartTls),
        Input::Element(ElementClass::Success),
        Input::Footer,
        Input::Keepalive,
        Input::Fault(StreamCondition::NotWellFormed),
        Input::Expired,
        Input::Resume,
        Input::AppRequest(AppRequest::Close),
        Input::AppRequest(AppRequest::Fail),
        Input::AppRequest(AppRequest::Reset(InFlight::Deliver)),
        Input::AppRequest(AppRequest::Reset(InFlight::Discard)),
    ];
    inputs.extend(
        ElementClass::all()
            .filter(|class| !matches!(class, ElementClass::Features(_) | ElementClass::Bad(_)))
            .map(Input::Element),
    );
    inputs.extend(HeaderClass::ALL.map(Input::Header));
    inputs.extend(
        crate::stream::FeaturesClass::all()
            .map(ElementClass::Features)
            .map(Input::Element),
    );
    inputs.extend([
        Input::Sasl(crate::stream::SaslResult::Send),
        Input::Sasl(crate::stream::SaslResult::Done),
        Input::Sasl(crate::stream::SaslResult::Failed),
        Input::Sasl(crate::stream::SaslResult::Dialback),
        Input::Answer(crate::stream::Answer::Accept),
        Input::Answer(crate::stream::Answer::Refuse),
        Input::Pair(crate::stream::PairResult::Accept),
    ]);
    inputs
}

/// The table and the end together: from every reachable state deadlines alone lead to `CloseTcp`.
fn explore_with<T: Table>(start: &T) -> (usize, usize) {
    let inputs = table_inputs();
    let ends = [
        ShutdownInput::CloseNotify,
        ShutdownInput::Fin,
        ShutdownInput::Rst,
        ShutdownInput::Expired,
        ShutdownInput::Drained,
        ShutdownInput::Abort(CloseReason::LocalAbort),
    ];
    let name = |table: &T, end: &Shutdown| alloc::format!("{table:?} {end:?}");
    let mut seen = HashSet::from([name(start, &Shutdown::OPEN)]);
    let mut queue = VecDeque::from([(start.clone(), Shutdown::OPEN)]);
    let mut steps = 0;
    while let Some((table, end)) = queue.pop_front() {
        assert_closes(&table, &end);
        let mut reached = Vec::new();
        if end.is_open() {
            for input in &inputs {
                for notify in [
                    PeerNotify::None,
                    PeerNotify::Outstanding,
                    PeerNotify::Received,
                ] {
                    let (mut table, mut end) = (table.clone(), end.clone());
                    drive(&mut table, &mut end, *input, notify);
                    reached.push((table, end));
                }
            }
        }
        for input in &ends {
            // While the stream is open the connection turns the end of TCP into a reason first.
            let mut end = end.clone();
            if end.is_open() && matches!(input, ShutdownInput::Fin | ShutdownInput::Rst) {
                let lost = Reason::new(CloseReason::Transport(Phase::Header));
                end.step(ShutdownInput::Reason(lost), CLOCK);
                if matches!(input, ShutdownInput::Fin) {
                    end.step(ShutdownInput::StreamOver(PeerNotify::None), CLOCK);
                }
            }
            end.step(input.clone(), CLOCK);
            reached.push((table.clone(), end));
        }
        for (table, end) in reached {
            steps += 1;
            if seen.insert(name(&table, &end)) {
                queue.push_back((table, end));
            }
        }
    }
    (seen.len(), steps)
}

/// One input of the table, and what the connection makes of it for the end.
fn drive<T: Table>(table: &mut T, end: &mut Shutdown, input: Input, notify: PeerNotify) {
    if input == Input::Footer {
        end.step(ShutdownInput::Footer, CLOCK);
    }
    let (done, reason) = table.take(input);
    if table.closing().is_some() {
        end.step(ShutdownInput::Closing, CLOCK);
    }
    if input == Input::Element(ElementClass::StreamError(crate::stream::ErrorClass::Other)) {
        let stated = Reason::new(error(Side::Peer, StreamCondition::SystemShutdown));
        end.step(ShutdownInput::Reason(stated), CLOCK);
    }
    if let Some(reason) = reason {
        end.step(ShutdownInput::Reason(reason), CLOCK);
    }
    if done && !matches!(end, Shutdown::Open { reason: None, .. }) {
        end.step(ShutdownInput::StreamOver(notify), CLOCK);
    }
}

fn assert_closes<T: Table>(table: &T, end: &Shutdown) {
    let (mut table, mut end) = (table.clone(), end.clone());
    for _ in 0..5 {
        if end.is_open() && table.closing() != Some(Closing::Done) {
            drive(
                &mut table,
                &mut end,
                Input::Expired,
                PeerNotify::Outstanding,
            );
        } else if end.is_open() {
            assert!(
                !matches!(end, Shutdown::Open { reason: None, .. }),
                "{table:?}: no reason"
            );
            end.step(ShutdownInput::StreamOver(PeerNotify::Outstanding), CLOCK);
        } else {
            end.step(ShutdownInput::Expired, CLOCK);
        }
    }
    // An established stream has no deadline of its own.
    assert!(
        end.is_closed() || table.closing().is_none(),
        "{table:?} {end:?}"
    );
}

#[test]
fn every_state_of_both_tables_with_the_end_reaches_close_tcp() {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for kind in [Kind::ClientToServer, Kind::ServerToServer, Kind::Component] {
        let mut policy = StreamPolicy::new(kind, Security::DirectTls);
        policy.sasl_attempts = 2;
        if kind == Kind::ServerToServer {
            policy.dialback = DialbackPolicy::Allowed;
        }
        let initiating = explore_with(&Initiating::new(policy));
        let receiving = explore_with(&Receiving::new(policy));
        counts.insert(alloc::format!("{kind:?} initiating"), initiating);
        counts.insert(alloc::format!("{kind:?} receiving"), receiving);
    }
    for (name, (states, steps)) in &counts {
        println!("{name}: {states} states with the end, {steps} steps");
    }
    assert!(
        counts.values().all(|(states, _)| *states > 50),
        "{}",
        counts.len().to_string()
    );
}

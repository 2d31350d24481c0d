//! Proofs about the state tables of both roles: their state space is closed
//! and small, so every reachable (state, input) pair is visited, for every
//! policy there is, and each promise is checked on each step.
//!
//! What happened on the way to a state (was TLS completed, was a closing tag
//! written, ...) is part of what is searched: see `search::History`.

mod state_tables {
    pub(super) mod describe;
    pub(super) mod diagram;
    pub(super) mod layers;
    pub(super) mod pictures;
    pub(super) mod search;
}

use std::collections::{BTreeMap, BTreeSet, HashMap};

use state_tables::search::{
    Count, I, Phase, R, Resumption, RoleCommand, Step, Table, alphabet, explore, explore_phases,
    has_management, has_sasl2, headers_due, is_possible, policies, rank, reach,
};
use state_tables::{describe, diagram, pictures};
use xmpp_stream::sasl::SaslProfile;
use xmpp_stream::stream::{
    AfterTls, Answer, AppRequest, CloseCause, Closing, Command, DialbackPolicy, EarlyElements,
    ElementClass, ErrorSource, InFlight, Initiating, InitiatingCommand as Initiate,
    InitiatingPhase, Input, Kind, LoginOutcome, ManagementPolicy, ManagementResult, Notice, Output,
    OwnHeader, Receiving, ReceivingCommand as Receive, ReceivingPhase, ResourceChoice, Sasl2Class,
    SaslTurn, Security, StreamLevel, StreamPolicy, TaskTurn,
};

/// Phases, and the inputs that end them with [`CloseCause::Internal`].
const BLAMED: [(&str, &str); 43] = [
    (
        "Authenticating(Sasl, Aborting)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl, AwaitReply)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl, Choosing)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl, Computing)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl, Plain, Own)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl, Plain, Peer)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl, Secured, Own)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl, Secured, Peer)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl, Verifying)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, Aborting)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl2, AwaitOutcome)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl2, AwaitReply)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl2, AwaitTaskData)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl2, Choosing)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, Computing)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, ComputingTask)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, Confirming)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, Continuing)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, Secured, Own)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "Authenticating(Sasl2, Secured, Peer)",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Authenticating(Sasl2, Verifying)",
        "Answer Begin KeyChecked Managed Pair Resume Secured",
    ),
    (
        "AwaitBind",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "AwaitFeatures",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "AwaitHandshake",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "AwaitHeader",
        "Answer Begin Element Footer KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "AwaitHost",
        "Begin Element Footer KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "AwaitProceed",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Binding",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Bound",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "CheckingHandshake",
        "Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "CheckingServer",
        "Begin Element Footer KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Completing",
        "Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Established",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Federating",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Idle",
        "Answer Element Expired Fault Footer Header Keepalive KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Negotiated",
        "Answer Begin KeyChecked Managed Pair Sasl Secured",
    ),
    (
        "Negotiating",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Pipelined",
        "Answer Begin Element Footer KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Resumed",
        "Answer Begin KeyChecked Managed Pair Sasl Secured",
    ),
    (
        "Resuming",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "StartingSession",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "Task",
        "Answer Begin KeyChecked Managed Pair Resume Sasl Secured",
    ),
    (
        "TlsHandshake",
        "Answer Begin Element Fault Footer Header Keepalive KeyChecked Managed Pair Resume Sasl",
    ),
];

/// Whether a step under a policy keeps it.
type Promise = fn(&StreamPolicy, &Step) -> bool;

/// What is promised of every step, by name.
const PROMISES: [(&str, Promise); 40] = [
    // 6120-4.3.2-4, 6120-5.3.1-1, 6120-13.3-1
    (
        "established only after the TLS handshake",
        |policy, step| !tells_established(step) || step.after.secured == has_tls(*policy),
    ),
    // 6120-6.3.1-1, 6120-15-sasl-mtn, XEP-0220-corr, XEP-0114-hs
    ("established only after a proof", |policy, step| {
        !tells_established(step)
            || match policy.kind {
                Kind::ServerToServer => {
                    step.after.authenticated
                        || (step.after.proved && policy.dialback == DialbackPolicy::Allowed)
                }
                Kind::Component => step.after.shook_hands,
                _ => step.after.authenticated,
            }
    }),
    (
        "a component gives its proof only to a server that was found fit for it",
        |_, step| {
            step.output.command != Command::Role(I(Initiate::SendHandshake))
                || (step.phase_before == Phase::I(InitiatingPhase::CheckingServer)
                    && step.input == Input::Answer(Answer::Accept))
        },
    ),
    // 6120-7.3.1-1
    (
        "a client's stream established only with a resource, or the session that has one",
        |policy, step| {
            !tells_established(step)
                || policy.kind != Kind::ClientToServer
                || (step.after.bound != (step.after.resumption == Resumption::Accepted))
        },
    ),
    (
        "dialback between servers alone, after TLS where the policy has it, and not before",
        |policy, step| {
            !step.orders_dialback()
                || (policy.kind == Kind::ServerToServer
                    && policy.dialback == DialbackPolicy::Allowed
                    && step.before.secured == has_tls(*policy))
        },
    ),
    (
        "no SASL after a question of dialback, and no pair of a stream before a restart",
        |_, step| {
            let federating = matches!(
                step.phase_before,
                Phase::I(InitiatingPhase::Federating) | Phase::R(ReceivingPhase::Federating)
            );
            !federating || (!step.orders_sasl() && !step.writes_header())
        },
    ),
    (
        "who only asks about keys is never established",
        |policy, step| {
            let asks = policy.dialback == DialbackPolicy::VerifyOnly
                && matches!(step.phase_before, Phase::I(_));
            !(asks && tells_established(step))
        },
    ),
    // 6120-4.3.3-1
    (
        "established only with a new header after each restart",
        |policy, step| {
            !tells_established(step)
                || step.after.opened == headers_due(policy.security, step.after)
        },
    ),
    ("established is told once", |_, step| {
        !(tells_established(step) && step.before.established)
    }),
    ("established is never reached silently", |_, step| {
        !step.phase_after.is_established() || step.after.established
    }),
    // 6120-4.3.5-5, 6120-7.1-2, 6120-13.12-1
    (
        "nothing is delivered before the stream is established, but what the policy says",
        |policy, step| {
            let delivered = matches!(
                step.output.notice,
                Notice::Stanza
                    | Notice::Element
                    | Notice::Keepalive
                    | Notice::PeerClosing
                    | Notice::ManagementEnabled
            );
            // Under TLS where the policy has it, and never a stanza to somebody else.
            let early = policy.early_elements == EarlyElements::Delivered
                && matches!(step.phase_before, Phase::R(_))
                && step.before.secured == has_tls(*policy)
                && match step.input {
                    Input::Element(ElementClass::Other | ElementClass::ServerRequest) => true,
                    Input::Element(ElementClass::Management(_)) => !has_management(*policy),
                    Input::Element(ElementClass::Sasl2(_)) => !has_sasl2(*policy),
                    _ => false,
                };
            !delivered || early || step.before.established
        },
    ),
    ("what must be refused is never delivered", |_, step| {
        let refused = matches!(
            step.input,
            Input::Element(
                ElementClass::Bad(_) | ElementClass::SecondHeader | ElementClass::RefusedStanza(_)
            )
        );
        !(refused && matches!(step.output.notice, Notice::Stanza | Notice::Element))
    }),
    // 6120-5.4.3.1-1, 6120-5.3.5-6
    (
        "no XML from STARTTLS's answer to the end of the handshake",
        |_, step| !(step.before.in_handshake() && step.input != Input::Secured && step.writes()),
    ),
    // 6120-5.3.4-1
    ("SASL on its leg alone", |policy, step| {
        !step.orders_sasl()
            || (step.before.secured == has_tls(*policy) && !step.before.authenticated)
    }),
    (
        "TLS only if the policy has it, STARTTLS likewise",
        |policy, step| match step.output.command {
            Command::StartTls => has_tls(*policy),
            Command::Role(I(Initiate::RequestTls) | R(Receive::Proceed)) => {
                policy.security == Security::StartTls
            }
            _ => true,
        },
    ),
    // 6120-5.4.2.2-3
    ("TLS is begun by a sound command alone", |_, step| {
        let command = match step.output.command {
            Command::Role(R(Receive::Proceed)) => ElementClass::StartTls,
            Command::StartTls if step.input != Input::Begin => ElementClass::Proceed,
            _ => return true,
        };
        step.input == Input::Element(command)
    }),
    // 6120-5.4.3.3-8
    ("TLS once", |_, step| {
        !(step.starts_tls() && step.before.tls_started)
    }),
    // 6120-4.4-3
    ("nothing is written after our closing tag", |_, step| {
        !(step.before.closing_tag && step.writes())
    }),
    // 6120-4.9.1.2-1
    (
        "a header before everything else, and one for each stream",
        |_, step| {
            let restarts = step.output.notice == Notice::Authenticated;
            (step.before.own_header || !step.writes_bare())
                && !(step.before.own_header && step.writes_header() && !restarts)
        },
    ),
    // 6120-4.4-5, 6120-4.4-6
    (
        "two deadlines at most to the end, and no way back",
        |_, step| {
            let (before, after) = (rank(step.phase_before), rank(step.phase_after));
            after <= before && (step.input != Input::Expired || before == 0 || after < before)
        },
    ),
    ("done is terminal and silent", |_, step| {
        rank(step.phase_before) > 0
            || (step.phase_after == step.phase_before
                && step.output.command == Command::Wait
                && step.output.notice == Notice::Nothing)
    }),
    ("no end without a cause", |_, step| {
        let ended = rank(step.phase_after) == 0 && rank(step.phase_before) > 0;
        !ended
            || matches!(
                step.output.command,
                Command::EndTransport(_) | Command::CloseStream(_) | Command::Fail(..)
            )
    }),
    // XEP-0198-first
    ("no bind on the way to a resumption", |policy, step| {
        let binds = matches!(
            step.output.command,
            Command::Role(I(Initiate::RequestBind(_)))
        );
        let offered = match step.input {
            Input::Element(ElementClass::Features(features)) => features.management,
            _ => step.before.resumption != Resumption::None,
        };
        !binds
            || !offered
            || step.before.sasl2
            || policy.management != ManagementPolicy::Resume
            || step.after.resumption == Resumption::Refused
    }),
    // XEP-0198-count: `Advance::count_inbound` counts what was reported, and what left the stream
    // established.
    (
        "no stanza is counted that was not handed over or answered",
        |_, step| {
            let Input::Element(class) = step.input else {
                return true;
            };
            let is_counted = class.is_stanza()
                && step.phase_before.is_established()
                && (step.output.notice == Notice::Stanza || step.phase_after.is_established());
            let is_answered = matches!(
                step.output.command,
                Command::Role(R(Receive::SendSessionResult
                    | Receive::SendBindError(_)
                    | Receive::RefuseStanza(_)))
            );
            // The answer to our own request; and what only streams without counts refuse.
            let is_ours = matches!(
                class,
                ElementClass::SessionResult | ElementClass::RefusedStanza(_)
            );
            !is_counted || step.output.notice == Notice::Stanza || is_answered || is_ours
        },
    ),
    // XEP-0198-first
    (
        "a session that was refused is not asked for again",
        |_, step| {
            step.output.command != Command::Role(I(Initiate::RequestResumption))
                || step.before.resumption == Resumption::None
        },
    ),
    (
        "nothing is sent again without a resumption that was accepted",
        |_, step| match step.output.command {
            Command::Retransmit => match step.phase_before {
                Phase::I(InitiatingPhase::Resuming(_)) => {
                    step.before.resumption == Resumption::Asked
                        && step.input == Input::Managed(ManagementResult::Resumed)
                }
                phase => {
                    phase == Phase::I(InitiatingPhase::Resumed)
                        && step.before.resumption == Resumption::Accepted
                }
            },
            Command::Role(R(Receive::SendOutcome(LoginOutcome::Resumed))) => {
                step.before.resumption == Resumption::Asked
                    && step.input == Input::Answer(Answer::Accept)
            }
            Command::Role(R(Receive::SendResumed)) => {
                step.before.resumption == Resumption::Asked
                    && matches!(step.phase_before, Phase::R(ReceivingPhase::Resuming(_)))
                    && step.input == Input::Answer(Answer::Accept)
            }
            _ => true,
        },
    ),
    // XEP-0198-auth
    ("a session is resumed only after SASL", |policy, step| {
        !step.orders_resumption()
            || (step.after.authenticated
                && step.before.secured == has_tls(*policy)
                && !step.before.established)
    }),
    // XEP-0198-high
    (
        "too high a count ends the stream with that error",
        |policy, step| {
            let is_too_high = step.input == Input::Managed(ManagementResult::TooHigh)
                && rank(step.phase_before) == 2
                && is_possible(*policy, step.phase_before, step.input);
            let error = Command::Fail(OwnHeader::Sent, ErrorSource::HandledCount);
            let fails = step.output.command == error
                && rank(step.phase_after) == 1
                && step.output.notice == Notice::Nothing;
            is_too_high == fails && (fails || step.output.command != error)
        },
    ),
    // XEP-0198-off
    (
        "stream management is silent where it is off",
        |policy, step| {
            // The end knows no policy. Nobody gives this input there.
            let acknowledged = Input::Managed(ManagementResult::Acknowledged);
            has_management(*policy)
                || !step.orders_management()
                || (rank(step.phase_before) == 1 && step.input == acknowledged)
        },
    ),
    // 6120-6.4.5-2, 6120-7.7.3-1, XEP-0198-tries
    ("attempts are bounded", |policy, step| {
        step.after.sasl_attempts <= policy.sasl_attempts && step.after.bind_attempts <= 5
    }),
    // XEP-0388-tls
    (
        "SASL2 only where the policy has it, and only after TLS",
        |policy, step| !step.speaks_sasl2() || (has_sasl2(*policy) && step.before.secured),
    ),
    // XEP-0388-tls
    (
        "no header is written after the success of SASL2",
        |_, step| !(step.before.sasl2 && step.writes_header()),
    ),
    (
        "no success without verification of the server",
        |_, step| {
            let tells = step.output.notice == Notice::Authenticated;
            !(tells && matches!(step.phase_before, Phase::I(_))) || step.after.verified
        },
    ),
    (
        "a pipelined login is compared with the features before its answer is read",
        |_, step| {
            let reads = matches!(
                step.output.command,
                Command::Role(I(Initiate::RunChallenge(_)
                    | Initiate::VerifySuccess(_)
                    | Initiate::RunContinue))
            );
            !(reads && step.before.unconfirmed)
        },
    ),
    (
        "a login is pipelined once, and before any other",
        |_, step| {
            let pipelines = matches!(step.phase_after, Phase::I(InitiatingPhase::Pipelined(_)));
            !pipelines || (step.before.sasl_attempts == 0 && !step.before.authenticated)
        },
    ),
    // XEP-0386-order, XEP-0388 2.6.2
    (
        "inline requests are asked about after the login alone, a resource not after a resumption",
        |_, step| match step.output.command {
            Command::Role(R(Receive::AskToken | Receive::AskInlineResumption)) => {
                step.after.sasl2 && step.before.resumption == Resumption::None
            }
            Command::Role(R(Receive::AskInlineBind)) => {
                step.after.sasl2 && step.after.resumption != Resumption::Accepted
            }
            Command::Role(R(Receive::SendOutcome(outcome))) => {
                step.after.sasl2
                    && match outcome {
                        LoginOutcome::Authenticated => {
                            !step.after.bound && step.after.resumption != Resumption::Accepted
                        }
                        LoginOutcome::Bound => step.after.bound,
                        LoginOutcome::Resumed => step.after.resumption == Resumption::Accepted,
                    }
            }
            _ => true,
        },
    ),
    ("each profile is answered in its own elements", |_, step| {
        let profile = match step.phase_before {
            Phase::I(InitiatingPhase::Authenticating(profile, ..))
            | Phase::R(ReceivingPhase::Authenticating(profile, ..)) => profile,
            Phase::R(ReceivingPhase::Task(..)) => SaslProfile::Sasl2,
            _ => return true,
        };
        step.profile().is_none_or(|written| written == profile)
    }),
    // XEP-0388-ws
    (
        "a server's stream ends at anything else that is sent during SASL2",
        |_, step| {
            let during = match step.phase_before {
                Phase::R(ReceivingPhase::Authenticating(
                    SaslProfile::Sasl2,
                    _,
                    SaslTurn::Peer,
                    _,
                )) => [Sasl2Class::Response, Sasl2Class::Abort],
                Phase::R(ReceivingPhase::Task(TaskTurn::AwaitNext, _)) => {
                    [Sasl2Class::Next, Sasl2Class::Abort]
                }
                Phase::R(ReceivingPhase::Task(TaskTurn::AwaitData, _)) => {
                    [Sasl2Class::TaskData, Sasl2Class::Abort]
                }
                _ => return true,
            };
            match step.input {
                Input::Element(ElementClass::Sasl2(class)) if during.contains(&class) => true,
                Input::Element(_) | Input::Keepalive => rank(step.phase_after) < 2,
                _ => true,
            }
        },
    ),
    // XEP-0388-auth2
    (
        "a login after SASL2 and before a resource ends the stream",
        |_, step| {
            let begins =
                step.input == Input::Element(ElementClass::Sasl2(Sasl2Class::Authenticate));
            let is_late = matches!(
                step.phase_before,
                Phase::R(ReceivingPhase::AwaitBind(_) | ReceivingPhase::Task(..))
            );
            !(begins && is_late && step.after.sasl2) || rank(step.phase_after) < 2
        },
    ),
    // It blames the driver: neither peer nor deadline nor application get here.
    ("an internal cause needs a wrong driver", |policy, step| {
        step.output.command != Command::EndTransport(CloseCause::Internal)
            || !is_possible(*policy, step.phase_before, step.input)
    }),
];

#[test]
fn every_promise_holds_on_every_step_of_both_roles_under_every_policy() {
    let inputs = alphabet().len();
    // What an alphabet with a hole in it would lack.
    assert_eq!(inputs, 420);
    assert_eq!(policies().count(), 178);

    let mut broken: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut total = Count::default();
    for policy in policies() {
        let mut check = |step: &Step| {
            for (promise, holds) in &PROMISES {
                if !holds(&policy, step) {
                    let steps = broken.entry(*promise).or_default();
                    steps.push(format!("{policy:?}\n    {step:?}"));
                }
            }
        };
        let initiating = explore::<Initiating>(policy, &mut check);
        let receiving = explore::<Receiving>(policy, &mut check);
        for (role, count) in [("initiating", initiating), ("receiving", receiving)] {
            println!("{role:10} {policy:?}: {count:?}");
            assert_eq!(count.steps, count.states * inputs, "a pair was left out");
            // Closed and small: phases know no text and no number beyond attempts.
            assert!(count.phases <= 100);
            total.states += count.states;
            total.steps += count.steps;
        }
    }
    println!(
        "{} states with their history, {} steps",
        total.states, total.steps
    );
    for (promise, steps) in &broken {
        println!("BROKEN: {promise}: {} steps", steps.len());
        for step in steps.iter().take(3) {
            println!("  {step}");
        }
    }
    assert!(broken.is_empty(), "{:?}", broken.keys());
}

/// The promises above would also hold of a table that does nothing.
#[test]
fn everything_that_is_bounded_can_be_reached() {
    for policy in policies().filter(|policy| policy.sasl_attempts == 3) {
        let has_sasl = policy.kind != Kind::Component;
        let attempts = |reached: bool| if reached { 3 } else { 0 };

        let sends = policy.dialback != DialbackPolicy::VerifyOnly;
        let mut seen = Seen::default();
        explore::<Initiating>(policy, &mut |step| seen.note(step));
        assert_eq!(seen.established, sends, "initiating {policy:?}");
        let expected = attempts(has_sasl && sends);
        assert_eq!(seen.sasl_attempts, expected, "initiating {policy:?}");
        let dialback = policy.dialback == DialbackPolicy::Allowed;
        assert_eq!(seen.proved, dialback, "initiating {policy:?}");
        let resumes = policy.management == ManagementPolicy::Resume;
        assert_eq!(seen.resumed, resumes, "initiating {policy:?}");

        let mut seen = Seen::default();
        explore::<Receiving>(policy, &mut |step| seen.note(step));
        assert!(seen.established, "receiving {policy:?}");
        let expected = attempts(has_sasl);
        assert_eq!(seen.sasl_attempts, expected, "receiving {policy:?}");
        assert_eq!(seen.proved, dialback, "receiving {policy:?}");
        if policy.kind == Kind::ClientToServer {
            assert_eq!(seen.bind_attempts, 5, "receiving {policy:?}");
        }
        assert_eq!(seen.resumed, has_management(policy), "receiving {policy:?}");
    }
}

#[test]
fn xep0114_a_component_has_no_starttls() {
    let policy = StreamPolicy::new(Kind::Component, Security::StartTls);
    let begun = (
        reach(Initiating::start(policy), &[Input::Begin]).phase(),
        reach(Receiving::start(policy), &[Input::Begin]).phase(),
    );
    let done = (
        InitiatingPhase::Closing(Closing::Done),
        ReceivingPhase::Closing(Closing::Done),
    );
    assert_eq!(begun, done);
}

/// Where the tables blame the driver; the promise above says that a correct
/// one does not get there.
#[test]
fn the_inputs_that_blame_the_driver_are_these() {
    let mut blamed: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut note = |step: &Step| {
        if step.output.command == Command::EndTransport(CloseCause::Internal) {
            // Up to what comes next or was asked for.
            let phase = describe::phase(step.phase_before);
            let phase = phase.split('(').next().unwrap().to_string();
            let phase = match phase.as_str() {
                "Authenticating" => describe::phase(step.phase_before),
                _ => phase,
            };
            let inputs = blamed.entry(phase).or_default();
            inputs.insert(describe::kind(step.input));
        }
    };
    for policy in policies().filter(|policy| policy.sasl_attempts == 3) {
        explore_phases::<Initiating>(policy, &mut note);
        explore_phases::<Receiving>(policy, &mut note);
    }
    let lines: Vec<_> = blamed
        .iter()
        .map(|(phase, inputs)| {
            let inputs: Vec<_> = inputs.iter().copied().collect();
            (phase.as_str(), inputs.join(" "))
        })
        .collect();
    let expected: Vec<_> = BLAMED
        .iter()
        .map(|(phase, inputs)| (*phase, (*inputs).to_string()))
        .collect();
    assert_eq!(lines, expected, "{lines:#?}");
}

/// The first wish of the application counts.
#[test]
fn a_failure_that_waits_for_the_handshake_is_not_replaced() {
    let policy = StreamPolicy::new(Kind::ClientToServer, Security::DirectTls);
    let fail = Input::AppRequest(AppRequest::Fail);
    let reset = Input::AppRequest(AppRequest::Reset(InFlight::Deliver));
    for (first, second, after) in [
        (fail, reset, AfterTls::Fail),
        (reset, fail, AfterTls::Reset),
    ] {
        let inputs = [Input::Begin, first, second];
        let initiating = reach(Initiating::start(policy), &inputs);
        assert_eq!(initiating.phase(), InitiatingPhase::TlsHandshake(after));
        let receiving = reach(Receiving::start(policy), &inputs);
        assert_eq!(receiving.phase(), ReceivingPhase::TlsHandshake(after));
    }
}

/// Only an offer with nothing else mandatory in it is refused.
#[test]
fn rfc6120_4_9_3_23_1_binding_is_taken_up_beside_an_unknown_mandatory_feature() {
    let phase = format!("AwaitFeatures({:?})", StreamLevel::Authenticated);
    for policy in policies().filter(|policy| policy.kind == Kind::ClientToServer) {
        let mut taken_up = 0;
        explore_phases::<Initiating>(policy, &mut |step| {
            let Input::Element(ElementClass::Features(features)) = step.input else {
                return;
            };
            if describe::phase(step.phase_before) == phase && features.bind {
                taken_up += 1;
                let resumes = policy.management == ManagementPolicy::Resume && features.management;
                let command = match resumes {
                    true => Initiate::RequestResumption,
                    false => Initiate::RequestBind(ResourceChoice::Wanted),
                };
                assert_eq!(step.output.command, Command::Role(I(command)));
            }
        });
        assert!(taken_up >= 72);
    }
}

/// Where stream management is off, its elements are like those of any protocol
/// that is not known; a server's or a component's stream never has it.
#[test]
fn xep0198_off_elements_of_stream_management_are_like_any_other() {
    for mut policy in policies().filter(|policy| policy.sasl_attempts == 3) {
        if policy.kind != Kind::ClientToServer {
            policy.management = ManagementPolicy::Resume;
        }
        if !has_management(policy) {
            management_is_other(policy, &transitions::<Initiating>(policy));
            management_is_other(policy, &transitions::<Receiving>(policy));
        }
    }
}

fn management_is_other(policy: StreamPolicy, transitions: &Transitions) {
    let mut compared = 0;
    for ((phase, input), outcome) in transitions {
        if let Input::Element(ElementClass::Management(_)) = input {
            let other = (*phase, Input::Element(ElementClass::Other));
            assert_eq!(*outcome, transitions[&other], "{policy:?} {phase:?}");
            compared += 1;
        }
    }
    assert!(compared >= 5 * 8, "{compared}");
}

/// Whether there is a session to resume is the client's to know.
#[test]
fn a_server_is_not_told_whether_there_is_a_session_to_resume() {
    for mut policy in policies() {
        if policy.management == ManagementPolicy::Enable && policy.sasl_attempts == 3 {
            let enabling = transitions::<Receiving>(policy);
            policy.management = ManagementPolicy::Resume;
            assert_eq!(enabling, transitions::<Receiving>(policy), "{policy:?}");
        }
    }
}

/// What a table does in each phase with each input.
type Transitions = HashMap<(Phase, Input), (Output<RoleCommand>, Phase)>;

fn transitions<T: Table>(policy: StreamPolicy) -> Transitions {
    let mut transitions = HashMap::new();
    explore_phases::<T>(policy, &mut |step| {
        let outcome = (step.output, step.phase_after);
        transitions.insert((step.phase_before, step.input), outcome);
    });
    transitions
}

/// The documented tables are the real ones. To write them anew:
/// `UPDATE_TABLES=1 cargo test --test state_tables`.
#[test]
fn the_documented_tables_are_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stream/tables.md");
    let fresh = diagram::render();
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == fresh,
        "src/stream/tables.md is out of date: UPDATE_TABLES=1 cargo test --test state_tables"
    );
}

/// The pictures are of the real tables. They are written anew like the tables.
#[test]
fn the_pictures_of_the_tables_are_up_to_date() {
    for (name, fresh) in pictures::render() {
        let path = format!("{}/docs/diagrams/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_TABLES").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == fresh,
            "docs/diagrams/{name} is out of date: UPDATE_TABLES=1 cargo test --test state_tables"
        );
    }
}

#[derive(Default)]
struct Seen {
    established: bool,
    proved: bool,
    resumed: bool,
    sasl_attempts: u8,
    bind_attempts: u8,
}

impl Seen {
    fn note(&mut self, step: &Step) {
        self.established |= tells_established(step);
        self.proved |= step.after.proved;
        self.resumed |= tells_established(step) && step.after.resumption == Resumption::Accepted;
        self.sasl_attempts = self.sasl_attempts.max(step.after.sasl_attempts);
        self.bind_attempts = self.bind_attempts.max(step.after.bind_attempts);
    }
}

fn tells_established(step: &Step) -> bool {
    step.output.notice == Notice::Established
}

fn has_tls(policy: StreamPolicy) -> bool {
    policy.security != Security::Plaintext
}

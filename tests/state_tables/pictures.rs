//! The tables as pictures, made from what they do on clients' streams over TLS.

use std::collections::{BTreeMap, BTreeSet};

use xmpp_stream::sasl::SaslProfile;
use xmpp_stream::stream::{
    Answer, BindCondition, Closing, Command, ElementClass, Initiating, InitiatingPhase,
    InlineRequests, Input, Kind, LoginOutcome, ManagementPolicy, ManagementResult, Notice,
    Receiving, ReceivingPhase, SaslResult, Security, StreamPolicy, TaskTurn,
};

use super::describe;
use super::layers::{Colour, Edge, Node, Picture, wrap_list};
use super::search::{Phase, Step, Table, explore_phases, is_possible, policies};

/// File names and contents.
pub(crate) fn render() -> Vec<(&'static str, String)> {
    let [client, client_login] = Found::by::<Initiating, 2>([overview, login]);
    let groupings: [Grouping; 4] = [overview, login, task, inline];
    let [server, server_login, task, inline] = Found::by::<Receiving, 4>(groupings);
    vec![
        (
            "initiating.svg",
            client.draw(
                "stream::Initiating: a client's stream, from TCP to its end",
                &OVERVIEW,
            ),
        ),
        (
            "initiating-login.svg",
            client_login.draw(
                "stream::Initiating: a client logs in, by both profiles of SASL",
                &LOGIN,
            ),
        ),
        (
            "receiving.svg",
            server.draw(
                "stream::Receiving: a server's stream of a client, from TCP to its end",
                &OVERVIEW,
            ),
        ),
        (
            "receiving-login.svg",
            server_login.draw(
                "stream::Receiving: a client is logged in, by both profiles of SASL",
                &LOGIN,
            ),
        ),
        (
            "receiving-task.svg",
            task.draw(
                "stream::Receiving: a task after a login by SASL2 (XEP-0388 2.6.3)",
                &LOGIN,
            ),
        ),
        (
            "receiving-inline.svg",
            inline.draw(
                "stream::Receiving: what a login by SASL2 asks for beside the login",
                &INLINE,
            ),
        ),
    ]
}

const OVERVIEW: [&str; 3] = [
    "Drawn from every reachable step of the table, under every policy of a client's stream over TLS. \
     Labels: what is taken, and in blue what is ordered and, after the plus sign, what the \
     application is told. Dashed: back to an earlier phase.",
    "Not drawn: from each phase an error, a deadline that has passed, a closing tag or the application's \
     end of the stream leads to Closing; and what leaves the phase as it is. What each input does in \
     each phase is in src/stream/tables.md.",
    "Phases that differ in a counter or a detail are one box.",
];

const LOGIN: [&str; 2] = [
    "Drawn from every reachable step of the table, under every policy of a client's stream over TLS. \
     Labels: what is taken, and in blue what is ordered and, after the plus sign, what the \
     application is told. Dashed: back to an earlier phase. Grey: where a login begins and where it leads.",
    "Not drawn: errors, deadlines and ends, which lead to Closing; and what leaves the phase as it is. \
     A mechanism also fails by every result that is not expected of it in the phase. \
     What each input does in each phase is in src/stream/tables.md.",
];

const INLINE: [&str; 2] = [
    "A client may ask for a token, for its earlier session and for a resource together with its login. \
     The application is asked about each in this order. A resource is not asked for if the session \
     goes on. Drawn from every reachable step of the table.",
    "Labels: what is taken, and in blue what is ordered and, after the plus sign, what the \
     application is told. Not drawn: errors, deadlines and ends, which lead to Closing.",
];

/// What phases are drawn as: a name, lines under it, a colour; and whether edges beside it are drawn
/// even if the other end is of no interest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    name: String,
    lines: Vec<String>,
    colour: Colour,
    is_inside: bool,
}

type Grouping = fn(Phase) -> Option<Group>;

/// What leads from one group to another.
#[derive(Debug, Default)]
struct Way {
    inputs: BTreeSet<String>,
    features: Vec<Input>,
    results: Vec<Input>,
    orders: BTreeSet<String>,
    notices: BTreeSet<String>,
    policies: BTreeSet<usize>,
}

#[derive(Debug)]
struct Found {
    grouping: Grouping,
    groups: Vec<Group>,
    /// In the order they were found.
    edges: Vec<(usize, usize, Way)>,
    /// Under which policies a group is reached.
    reached: BTreeMap<usize, BTreeSet<usize>>,
    policies: Vec<StreamPolicy>,
}

impl Found {
    fn by<T: Table, const N: usize>(groupings: [Grouping; N]) -> [Self; N] {
        let policies = policies().filter(|policy| {
            policy.kind == Kind::ClientToServer
                && policy.security != Security::Plaintext
                && policy.sasl_attempts == 3
        });
        let policies: Vec<_> = policies.collect();
        let mut found = groupings.map(|grouping| Self {
            grouping,
            groups: Vec::new(),
            edges: Vec::new(),
            reached: BTreeMap::new(),
            policies: policies.clone(),
        });
        for (at, policy) in policies.into_iter().enumerate() {
            explore_phases::<T>(policy, &mut |step| {
                let leads = step.phase_before != step.phase_after;
                if leads && is_possible(policy, step.phase_before, step.input) {
                    for found in &mut found {
                        found.note(at, step);
                    }
                }
            });
        }
        found
    }

    fn note(&mut self, policy: usize, step: &Step) {
        let grouping = self.grouping;
        let Some(from) = grouping(step.phase_before) else {
            return;
        };
        let is_inside = from.is_inside;
        let from = self.group(from);
        self.reached.entry(from).or_default().insert(policy);
        let Some(to) = grouping(step.phase_after).filter(|to| is_inside || to.is_inside) else {
            return;
        };
        let to = self.group(to);
        if from == to || !is_drawn(step) {
            return;
        }
        let known = self
            .edges
            .iter()
            .position(|(one, other, _)| (*one, *other) == (from, to));
        let known = known.unwrap_or_else(|| {
            self.edges.push((from, to, Way::default()));
            self.edges.len() - 1
        });
        self.edges[known].2.note(policy, step);
    }

    fn group(&mut self, group: Group) -> usize {
        let known = self.groups.iter().position(|known| *known == group);
        known.unwrap_or_else(|| {
            self.groups.push(group);
            self.groups.len() - 1
        })
    }

    fn draw(&self, title: &str, caption: &[&str]) -> String {
        // What no edge leads to or from is not in the picture.
        let mut used = BTreeMap::new();
        for (at, _) in self.groups.iter().enumerate() {
            if self
                .edges
                .iter()
                .any(|(from, to, _)| *from == at || *to == at)
            {
                used.insert(at, used.len());
            }
        }
        let nodes = used.keys().map(|at| {
            let group = &self.groups[*at];
            let mut lines = group.lines.clone();
            let is_left = self.edges.iter().any(|(from, ..)| from == at);
            if group.is_inside && !is_left && !group.name.starts_with("Closing") {
                lines.push("only Closing follows".into());
            }
            Node {
                name: group.name.clone(),
                lines,
                colour: group.colour,
            }
        });
        let edges = self.edges.iter().map(|(from, to, way)| {
            let condition = self.condition(&self.reached[from], &way.policies);
            Edge {
                from: used[from],
                to: used[to],
                inputs: way.inputs(condition),
                orders: way.orders(),
            }
        });
        let colours: BTreeSet<Colour> = used.keys().map(|at| self.groups[*at].colour).collect();
        let legend: Vec<_> = LEGEND
            .into_iter()
            .filter(|(colour, _)| colours.contains(colour))
            .collect();
        Picture {
            title,
            caption,
            legend: &legend,
            nodes: nodes.collect(),
            edges: edges.collect(),
        }
        .render()
    }

    /// What the policies of a way have in common, and not all policies at its beginning.
    fn condition(&self, all: &BTreeSet<usize>, way: &BTreeSet<usize>) -> Option<&'static str> {
        let holds = |policies: &BTreeSet<usize>, predicate: fn(&StreamPolicy) -> bool| {
            policies.iter().all(|at| predicate(&self.policies[*at]))
        };
        let mut named = NAMED.into_iter();
        let found = named.find(|(_, predicate)| holds(way, *predicate) && !holds(all, *predicate));
        found.map(|(name, _)| name)
    }
}

type Predicate = fn(&StreamPolicy) -> bool;

const NAMED: [(&str, Predicate); 4] = [
    ("STARTTLS", |policy| policy.security == Security::StartTls),
    ("direct TLS", |policy| {
        policy.security == Security::DirectTls
    }),
    ("with a session", |policy| {
        policy.management == ManagementPolicy::Resume
    }),
    ("without a session", |policy| {
        policy.management != ManagementPolicy::Resume
    }),
];

const LEGEND: [(Colour, &str); 6] = [
    (Colour::Blue, "TLS"),
    (Colour::Green, "login"),
    (Colour::Amber, "resource and stream management"),
    (Colour::Violet, "a task after the login (XEP-0388 2.6.3)"),
    (Colour::Red, "stanzas flow"),
    (Colour::Grey, "everything else"),
];

/// What ends a stream would be drawn from everywhere; it is drawn as far as it is asked for in an
/// established stream, and from there to the end.
fn is_drawn(step: &Step) -> bool {
    let Some(_) = step.phase_after.closing() else {
        return true;
    };
    step.phase_before.closing().is_some()
        || (matches!(
            step.phase_before,
            Phase::I(InitiatingPhase::Established) | Phase::R(ReceivingPhase::Established)
        ) && matches!(step.input, Input::Footer | Input::AppRequest(_)))
}

impl Way {
    fn note(&mut self, policy: usize, step: &Step) {
        self.policies.insert(policy);
        match step.input {
            Input::Element(ElementClass::Features(_)) => push_new(&mut self.features, step.input),
            Input::Sasl(_) => push_new(&mut self.results, step.input),
            input => {
                self.inputs.insert(word(input));
            }
        }
        match step.output.command {
            Command::Wait => {}
            Command::Role(command) => {
                self.orders.insert(bare(&format!("{command:?}")));
            }
            command => {
                self.orders.insert(bare(&format!("{command:?}")));
            }
        }
        if step.output.notice != Notice::Nothing {
            self.notices.insert(format!("+ {:?}", step.output.notice));
        }
    }

    fn inputs(&self, condition: Option<&str>) -> Vec<String> {
        let mut words: Vec<String> = self.inputs.iter().cloned().collect();
        if words == [ACCEPTS, REFUSES] {
            words = vec!["application answers".into()];
        }
        if !self.features.is_empty() {
            words.push(features(&self.features));
        }
        if !self.results.is_empty() {
            words.push(results(&self.results));
        }
        if let Some(condition) = condition {
            for word in &mut words {
                *word = format!("{word} ({condition})");
            }
        }
        wrap_list(&words, LABEL)
    }

    fn orders(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for words in [&self.orders, &self.notices] {
            let words: Vec<_> = words.iter().cloned().collect();
            lines.extend(wrap_list(&words, LABEL));
        }
        lines
    }
}

const ACCEPTS: &str = "application accepts";
const REFUSES: &str = "application refuses";

/// The widest label, in pixels.
const LABEL: i64 = 136;

fn push_new(set: &mut Vec<Input>, input: Input) {
    if !set.contains(&input) {
        set.push(input);
    }
}

/// The name without arguments.
fn bare(command: &str) -> String {
    let end = command.find('(').unwrap_or(command.len());
    command[..end].to_owned()
}

/// An input, as short as it can be said.
fn word(input: Input) -> String {
    match input {
        Input::Begin => "TCP is connected".into(),
        Input::Secured => "TLS is established".into(),
        Input::Header(_) => "header".into(),
        Input::Answer(Answer::Accept) => ACCEPTS.into(),
        Input::Answer(_) => REFUSES.into(),
        Input::Resume => "application has seen it".into(),
        Input::AppRequest(_) => "application ends the stream".into(),
        Input::Managed(ManagementResult::Resumed) => "session goes on".into(),
        Input::Managed(ManagementResult::Refused) => "session is over".into(),
        Input::Element(ElementClass::BindError(BindCondition::Conflict)) => "conflict".into(),
        Input::Element(ElementClass::Management(class)) => {
            describe::management(class).replace('`', "")
        }
        Input::Element(ElementClass::Sasl2(class)) => describe::sasl2(class).replace('`', ""),
        other => describe::family(other).1.replace('`', ""),
    }
}

/// What all these features have.
fn features(features: &[Input]) -> String {
    let all: Vec<_> = features
        .iter()
        .filter_map(|input| match input {
            Input::Element(ElementClass::Features(features)) => Some(*features),
            _ => None,
        })
        .collect();
    let mut offers = Vec::new();
    for (offer, is_in) in [
        ("SASL2", all.iter().all(|features| features.sasl2)),
        ("SASL", all.iter().all(|features| features.sasl)),
        (
            "stream management",
            all.iter().all(|features| features.management),
        ),
        ("bind", all.iter().all(|features| features.bind)),
    ] {
        if is_in {
            offers.push(offer);
        }
    }
    match offers.as_slice() {
        [] => "features".into(),
        offers => format!("features with {}", offers.join(", ")),
    }
}

/// What a mechanism came to. Where a failure leads, everything else that is not expected leads too.
fn results(results: &[Input]) -> String {
    let results = results.iter().filter_map(|input| match input {
        Input::Sasl(result) => Some(*result),
        _ => None,
    });
    let results: Vec<_> = results.collect();
    if results.contains(&SaslResult::Failed) {
        return "mechanism fails".into();
    }
    let mut words = Vec::new();
    let mut inline: Vec<InlineRequests> = Vec::new();
    for result in results {
        match result {
            SaslResult::Send => words.push("mechanism has data to send".to_owned()),
            SaslResult::Done => words.push("mechanism is done".into()),
            SaslResult::Task => words.push("a task is left".into()),
            SaslResult::Completed(LoginOutcome::Authenticated) => {
                words.push("server verified, logged in".into());
            }
            SaslResult::Completed(LoginOutcome::Bound) => {
                words.push("server verified, resource bound".into());
            }
            SaslResult::Completed(LoginOutcome::Resumed) => {
                words.push("server verified, session goes on".into());
            }
            SaslResult::Inline(requests) => inline.push(requests),
            other => words.push(format!("{other:?}")),
        }
    }
    if !inline.is_empty() {
        let mut asked = Vec::new();
        for (request, asks) in [
            ("a token", inline.iter().all(|requests| requests.token)),
            ("to resume", inline.iter().all(|requests| requests.resume)),
            ("a resource", inline.iter().all(|requests| requests.bind)),
        ] {
            if asks {
                asked.push(request);
            }
        }
        let none = inline
            .iter()
            .any(|requests| !requests.token && !requests.resume && !requests.bind);
        words.push(match (asked.as_slice(), none) {
            ([], true) => "client is authenticated, nothing else asked".into(),
            ([], false) => "client is authenticated, more is asked".into(),
            (asked, _) => format!("client is authenticated, {} asked", asked.join(" and ")),
        });
    }
    words.join("; ")
}

/// A group by the name of its phases.
fn named(phase: Phase, lines: &[&str], colour: Colour) -> Group {
    Group {
        name: describe::phase(phase),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        colour,
        is_inside: true,
    }
}

/// A group of phases that differ in their arguments.
fn merged(name: &str, lines: &[&str], colour: Colour) -> Group {
    Group {
        name: name.into(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        colour,
        is_inside: true,
    }
}

/// A group beside what a picture is about.
fn outside(name: &str, lines: &[&str]) -> Group {
    Group {
        is_inside: false,
        ..merged(name, lines, Colour::Grey)
    }
}

fn closing(closing: Closing) -> Group {
    match closing {
        Closing::PeerClosed => merged(
            "Closing(PeerClosed)",
            &["the application may still send"],
            Colour::Grey,
        ),
        Closing::AwaitFooter(_) => merged(
            "Closing(AwaitFooter)",
            &["our closing tag is written"],
            Colour::Grey,
        ),
        Closing::Done => merged(
            "Closing(Done)",
            &["then the end: see end.svg"],
            Colour::Grey,
        ),
        other => panic!("{other:?}"),
    }
}

/// The whole stream, each login in one box.
#[allow(clippy::unnecessary_wraps, reason = "other groupings leave phases out")]
fn overview(phase: Phase) -> Option<Group> {
    use InitiatingPhase as I;
    use ReceivingPhase as R;
    let group = match phase {
        Phase::I(I::Closing(end)) | Phase::R(R::Closing(end)) => closing(end),
        Phase::I(I::TlsHandshake(_)) | Phase::R(R::TlsHandshake(_)) => {
            merged("TlsHandshake", &["no XML is written"], Colour::Blue)
        }
        Phase::I(I::AwaitProceed) => named(phase, &[], Colour::Blue),
        Phase::I(I::Authenticating(SaslProfile::Sasl, ..))
        | Phase::R(R::Authenticating(SaslProfile::Sasl, ..)) => {
            merged("Authenticating(Sasl)", &["RFC 6120 6"], Colour::Green)
        }
        Phase::I(I::Authenticating(SaslProfile::Sasl2, ..))
        | Phase::R(R::Authenticating(SaslProfile::Sasl2, ..)) => {
            merged("Authenticating(Sasl2)", &["XEP-0388"], Colour::Green)
        }
        Phase::I(I::Pipelined(_)) => {
            merged("Pipelined", &["<authenticate/> is written"], Colour::Green)
        }
        Phase::R(R::Task(..)) => merged("Task", &["XEP-0388 2.6.3"], Colour::Violet),
        Phase::I(I::Resuming(_)) => merged("Resuming", &["<resume/> is written"], Colour::Amber),
        Phase::I(I::Binding(..)) => merged("Binding", &["bind request is written"], Colour::Amber),
        Phase::I(I::Bound | I::Negotiated | I::Resumed | I::StartingSession)
        | Phase::R(R::AwaitBind(_)) => named(phase, &[], Colour::Amber),
        Phase::R(R::Resuming(_) | R::Binding(_)) => {
            named(phase, &["application is asked"], Colour::Amber)
        }
        Phase::R(R::Completing(..)) => {
            merged("Completing", &["application is asked"], Colour::Amber)
        }
        Phase::R(R::AwaitHost(_)) => named(phase, &["application is asked"], Colour::Grey),
        Phase::I(I::Established) | Phase::R(R::Established) => {
            named(phase, &["stanzas flow"], Colour::Red)
        }
        phase => named(phase, &[], Colour::Grey),
    };
    Some(group)
}

/// The phases of a login, and those around it.
fn login(phase: Phase) -> Option<Group> {
    use InitiatingPhase as I;
    use ReceivingPhase as R;
    let group = match phase {
        Phase::I(I::Authenticating(..)) | Phase::R(R::Authenticating(..)) => {
            named(phase, &[], Colour::Green)
        }
        Phase::I(I::Pipelined(_)) => named(phase, &[], Colour::Green),
        Phase::R(R::Task(..)) => outside("Task", &["see receiving-task.svg"]),
        Phase::R(R::Completing(..)) => outside("Completing", &["see receiving-inline.svg"]),
        Phase::I(I::Closing(_)) | Phase::R(R::Closing(_)) => return None,
        phase => outside(&describe::phase(phase), &[]),
    };
    Some(group)
}

/// A task after a login by SASL2.
fn task(phase: Phase) -> Option<Group> {
    use ReceivingPhase as R;
    let group = match phase {
        Phase::R(R::Task(TaskTurn::Own, _)) => {
            named(phase, &["the task is worked on"], Colour::Violet)
        }
        Phase::R(R::Task(..)) => named(phase, &["the client's turn"], Colour::Violet),
        Phase::R(R::Authenticating(SaslProfile::Sasl2, ..)) => {
            outside("Authenticating(Sasl2)", &[])
        }
        Phase::R(R::Completing(..)) => outside("Completing", &["see receiving-inline.svg"]),
        Phase::R(R::AwaitBind(_) | R::Negotiating(..)) => outside(&describe::phase(phase), &[]),
        _ => return None,
    };
    Some(group)
}

/// The requests that travel with a login by SASL2.
fn inline(phase: Phase) -> Option<Group> {
    use ReceivingPhase as R;
    let group = match phase {
        Phase::R(R::Completing(step, _)) => {
            let name = format!("Completing({step:?})");
            merged(&name, &["application is asked"], Colour::Amber)
        }
        Phase::R(R::Authenticating(SaslProfile::Sasl2, ..) | R::Task(..)) => {
            outside("Authenticating(Sasl2), Task", &[])
        }
        Phase::R(R::AwaitBind(_) | R::Established) => outside(&describe::phase(phase), &[]),
        _ => return None,
    };
    Some(group)
}

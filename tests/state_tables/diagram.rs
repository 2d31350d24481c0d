//! The tables as Markdown, made from what they do.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use xmpp_stream::stream::{
    ConflictPolicy, DialbackPolicy, EarlyElements, Initiating, Input, Kind, ManagementPolicy,
    Receiving, Security, StreamPolicy,
};

use super::describe;
use super::search::{
    KINDS, Phase, Step, Table, alphabet, explore_phases, has_sasl2, is_possible, policies, rank,
};

/// Both tables, for each kind of stream.
pub(crate) fn render() -> String {
    let mut out = String::from(INTRODUCTION);
    role::<Initiating>(&mut out, ["client", "server", "component"].map(initiating));
    role::<Receiving>(
        &mut out,
        ["clients", "servers", "components"].map(receiving),
    );
    out
}

fn initiating(who: &str) -> String {
    format!("Initiating entity: a {who}")
}

fn receiving(whom: &str) -> String {
    format!("Receiving entity: a server of {whom}")
}

const INTRODUCTION: &str = "\
What the tables do, written by the test that searches them.

Inputs that a correct driver cannot give in a phase are left out. `-` means that
nothing is done. Our header is written before an error if it is still missing, and
our closing tag is written after it. Counters of attempts are not shown. `Closing` is
the same in both roles. For servers and components the phases are shown that differ
from a client's.

The same as pictures, of clients' streams: `docs/diagrams` of the repository, and the
module `diagrams` of this documentation.
";

/// What a step comes to: its order and its notice, and the phase after it.
type Outcome = (String, String);

/// Under which policy, and after how many attempts.
type Context = (StreamPolicy, u8);

/// For each phase and input, what happens in which contexts.
type Rows = BTreeMap<(String, usize), BTreeMap<Outcome, HashSet<Context>>>;

struct Found {
    rows: Rows,
    /// Phases in the order they were found.
    phases: Vec<String>,
    /// Those in which XML flows.
    open: BTreeSet<String>,
    /// The contexts of each phase.
    contexts: BTreeMap<String, HashSet<Context>>,
}

fn role<T: Table>(out: &mut String, names: [String; 3]) {
    let inputs = alphabet();
    let mut shown = BTreeSet::new();
    for (kind, name) in KINDS.into_iter().zip(names) {
        let found = find::<T>(&inputs, kind);
        writeln!(out, "\n# {name}\n").unwrap();
        mermaid(out, &found, &inputs);
        for (phase, table) in sections(&found, &inputs) {
            let section = format!("\n**{phase}**\n\n{table}");
            if shown.insert(section.clone()) {
                out.push_str(&section);
            }
        }
    }
}

/// Each phase with its rows.
fn sections(found: &Found, inputs: &[Input]) -> Vec<(String, String)> {
    let mut sections = Vec::new();
    let common = common(found, inputs);
    let rows = common
        .iter()
        .map(|(input, outcome)| (*input, outcome.clone(), String::new()));
    let mut text = String::new();
    table(&mut text, rows.collect(), inputs, inputs);
    let everywhere = "Wherever nothing else is said and XML flows".to_string();
    sections.push((everywhere, text));

    for phase in &found.phases {
        let possible: Vec<usize> = found
            .rows
            .keys()
            .filter(|(known, _)| known == phase)
            .map(|(_, input)| *input)
            .collect();
        let is_open = found.open.contains(phase);
        let mut rows = Vec::new();
        for input in &possible {
            let outcomes = &found.rows[&(phase.clone(), *input)];
            for (outcome, contexts) in outcomes {
                let usual = common.get(input).is_some_and(|usual| {
                    usual.0 == outcome.0 && usual.1.replace("(same)", phase) == outcome.1
                });
                if is_open && usual && outcomes.len() == 1 {
                    continue;
                }
                let condition = condition(phase, contexts, &found.contexts[phase]);
                rows.push((*input, outcome.clone(), condition));
            }
        }
        if rows.is_empty() {
            continue;
        }
        let possible: Vec<Input> = possible.iter().map(|input| inputs[*input]).collect();
        let mut text = String::new();
        table(&mut text, rows, inputs, &possible);
        sections.push((phase.clone(), text));
    }
    sections
}

fn find<T: Table>(inputs: &[Input], kind: Kind) -> Found {
    let mut found = Found {
        rows: Rows::new(),
        phases: Vec::new(),
        open: BTreeSet::new(),
        contexts: BTreeMap::new(),
    };
    let inputs = inputs.iter().copied().zip(0..).collect();
    // With further attempts the rows say the same.
    for policy in policies().filter(|policy| policy.kind == kind && policy.sasl_attempts <= 3) {
        explore_phases::<T>(policy, &mut |step| found.note(policy, step, &inputs));
    }
    found
        .phases
        .sort_by_key(|phase| phase.starts_with("Closing"));
    found
}

impl Found {
    fn note(&mut self, policy: StreamPolicy, step: &Step, inputs: &HashMap<Input, usize>) {
        let (phase, used) = describe::counted(step.phase_before);
        if !self.phases.contains(&phase) {
            self.phases.push(phase.clone());
        }
        if !is_possible(policy, step.phase_before, step.input) {
            return;
        }
        if step.input == Input::Expired
            && rank(step.phase_before) == 2
            && is_open(step.phase_before)
        {
            self.open.insert(phase.clone());
        }
        let contexts = self.contexts.entry(phase.clone()).or_default();
        contexts.insert((policy, used));
        let outcome = (
            describe::output(step.input, step.output),
            describe::phase(step.phase_after),
        );
        let input = inputs[&step.input];
        let outcomes = self.rows.entry((phase, input)).or_default();
        outcomes.entry(outcome).or_default().insert((policy, used));
    }
}

fn is_open(phase: Phase) -> bool {
    let name = describe::phase(phase);
    !name.starts_with("TlsHandshake") && !name.starts_with("Idle")
}

/// For each input, what happens in most of the phases in which XML flows.
fn common(found: &Found, inputs: &[Input]) -> BTreeMap<usize, Outcome> {
    let mut common = BTreeMap::new();
    for (input, meaning) in inputs.iter().enumerate() {
        if matches!(
            meaning,
            Input::Sasl(_) | Input::Answer(_) | Input::Managed(_)
        ) {
            continue;
        }
        let mut votes: BTreeMap<Outcome, usize> = BTreeMap::new();
        for phase in &found.open {
            let Some(outcomes) = found.rows.get(&(phase.clone(), input)) else {
                continue;
            };
            if let (Some(((act, next), _)), 1) = (outcomes.first_key_value(), outcomes.len()) {
                let next = match next == phase {
                    true => "(same)".to_string(),
                    false => next.clone(),
                };
                *votes.entry((act.clone(), next)).or_default() += 1;
            }
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        if let Some((outcome, _)) = most.filter(|(_, votes)| *votes > 1) {
            common.insert(input, outcome);
        }
    }
    common
}

/// One line for each outcome.
fn table(
    out: &mut String,
    rows: Vec<(usize, Outcome, String)>,
    inputs: &[Input],
    possible: &[Input],
) {
    let mut lines: Vec<((Outcome, String), Vec<Input>)> = Vec::new();
    for (input, outcome, condition) in rows {
        let key = (outcome, condition);
        match lines.iter_mut().find(|(known, _)| *known == key) {
            Some((_, set)) => set.push(inputs[input]),
            None => lines.push((key, vec![inputs[input]])),
        }
    }
    out.push_str("| input | order | next |\n|---|---|---|\n");
    for (((order, next), condition), set) in lines {
        let set = describe::inputs(&set, possible);
        let condition = match condition.as_str() {
            "" => String::new(),
            condition => format!(" ({condition})"),
        };
        writeln!(out, "| {set}{condition} | {order} | {next} |").unwrap();
    }
}

/// What the contexts of an outcome have in common, and no other has.
fn condition(phase: &str, contexts: &HashSet<Context>, all: &HashSet<Context>) -> String {
    if contexts.len() == all.len() {
        return String::new();
    }
    let holds = |predicate: &dyn Fn(&Context) -> bool| {
        all.iter()
            .all(|context| predicate(context) == contexts.contains(context))
    };
    // What counts attempts counts those before this one, except between them.
    let counts_finished = phase.starts_with("Negotiating");
    let named = NAMED
        .into_iter()
        .filter(|(name, _)| !(counts_finished && *name == "another attempt left"));
    let named: Vec<_> = named.collect();
    if let Some((name, _)) = named.iter().find(|(_, predicate)| holds(&|c| predicate(c))) {
        return (*name).into();
    }
    for (at, (one, first)) in named.iter().enumerate() {
        for (other, second) in named.iter().skip(at + 1) {
            if holds(&|context| first(context) && second(context)) {
                return format!("{one}, {other}");
            }
            if holds(&|context| first(context) || second(context)) {
                return format!("{one}, or {other}");
            }
        }
    }
    panic!("{phase}: nothing says {contexts:?}");
}

type Predicate = fn(&Context) -> bool;

/// What contexts can have in common.
const NAMED: [(&str, Predicate); 32] = [
    ("early elements refused or TLS to come", |(p, _)| {
        p.early_elements == EarlyElements::Refused || p.security == Security::StartTls
    }),
    ("with SASL2", |(p, _)| has_sasl2(*p)),
    ("without SASL2", |(p, _)| !has_sasl2(*p)),
    ("with stream management", |(p, _)| {
        p.management != ManagementPolicy::Off
    }),
    ("without stream management", |(p, _)| {
        p.management == ManagementPolicy::Off
    }),
    ("a session to resume", |(p, _)| {
        p.management == ManagementPolicy::Resume
    }),
    ("no session to resume", |(p, _)| {
        p.management != ManagementPolicy::Resume
    }),
    ("early elements delivered", |(p, _)| {
        p.early_elements == EarlyElements::Delivered
    }),
    ("early elements refused", |(p, _)| {
        p.early_elements == EarlyElements::Refused
    }),
    ("with dialback", |(p, _)| {
        p.dialback == DialbackPolicy::Allowed
    }),
    ("without dialback", |(p, _)| {
        p.dialback != DialbackPolicy::Allowed
    }),
    ("only asking about keys", |(p, _)| {
        p.dialback == DialbackPolicy::VerifyOnly
    }),
    ("not only asking about keys", |(p, _)| {
        p.dialback != DialbackPolicy::VerifyOnly
    }),
    ("certificates alone", |(p, _)| {
        p.dialback == DialbackPolicy::Refused
    }),
    ("TLS", |(p, _)| p.security != Security::Plaintext),
    ("no TLS", |(p, _)| p.security == Security::Plaintext),
    ("STARTTLS", |(p, _)| p.security == Security::StartTls),
    ("not STARTTLS", |(p, _)| p.security != Security::StartTls),
    ("direct TLS", |(p, _)| p.security == Security::DirectTls),
    ("not direct TLS", |(p, _)| p.security != Security::DirectTls),
    ("a second try", |(p, _)| {
        p.conflict == ConflictPolicy::Generate
    }),
    ("no second try", |(p, _)| {
        p.conflict == ConflictPolicy::GiveUp
    }),
    ("another attempt left", |(p, used)| {
        used + 1 < p.sasl_attempts
    }),
    ("no attempt left", |(p, used)| used + 1 >= p.sasl_attempts),
    ("fewer than 5 refused", |(_, used)| *used < 5),
    ("5 refused", |(_, used)| *used >= 5),
    ("attempts used up", |(p, used)| *used >= p.sasl_attempts),
    ("attempts left", |(p, used)| *used < p.sasl_attempts),
    ("after a failed attempt", |(_, used)| *used > 0),
    ("before any attempt", |(_, used)| *used == 0),
    (
        "early elements delivered and no stream management",
        |(p, _)| {
            p.early_elements == EarlyElements::Delivered && p.management == ManagementPolicy::Off
        },
    ),
    (
        "early elements refused or stream management known",
        |(p, _)| {
            p.early_elements == EarlyElements::Refused || p.management != ManagementPolicy::Off
        },
    ),
];

/// The ways forward, as a picture.
fn mermaid(out: &mut String, found: &Found, inputs: &[Input]) {
    let mut edges: BTreeMap<(String, String), Vec<Input>> = BTreeMap::new();
    let mut possible: BTreeMap<&str, Vec<Input>> = BTreeMap::new();
    for ((phase, input), outcomes) in &found.rows {
        possible.entry(phase).or_default().push(inputs[*input]);
        for (_, next) in outcomes.keys() {
            // What ends the stream would be drawn from everywhere.
            let established = phase == "Established" && next == "Closing(PeerClosed)";
            if next != phase && (!next.starts_with("Closing") || established) {
                let edge = (phase.clone(), next.clone());
                edges.entry(edge).or_default().push(inputs[*input]);
            }
        }
    }
    out.push_str("```mermaid\nstateDiagram-v2\n");
    for phase in &found.phases {
        for ((from, next), set) in &edges {
            if from == phase {
                let set = describe::inputs(set, &possible[from.as_str()]).replace(['`', ';'], "");
                writeln!(out, "    {} --> {}: {set}", id(from), id(next)).unwrap();
            }
        }
    }
    out.push_str("```\n");
}

/// A name Mermaid takes.
fn id(phase: &str) -> String {
    phase.chars().filter(char::is_ascii_alphanumeric).collect()
}

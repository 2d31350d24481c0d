//! The end as a picture, made from its steps.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

#[allow(
    dead_code,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "it is made for the pictures of the state tables, in a test with `std`"
)]
#[path = "../../../tests/state_tables/layers/mod.rs"]
mod layers;

use layers::{Colour, Edge, Node, Picture, wrap_list};

use super::*;

/// The states that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Open,
    Explained,
    Limited,
    AwaitCloseNotify,
    Flushing,
    Graceful,
    Abort,
}

impl State {
    fn of(state: &Shutdown) -> Self {
        match state {
            Shutdown::Open {
                deadline: Some(_), ..
            } => Self::Limited,
            Shutdown::Open {
                reason: Some(_), ..
            } => Self::Explained,
            Shutdown::Open { .. } => Self::Open,
            Shutdown::AwaitCloseNotify { .. } => Self::AwaitCloseNotify,
            Shutdown::Flushing { .. } => Self::Flushing,
            Shutdown::Closed { close, .. } => match close.manner() {
                Manner::Graceful => Self::Graceful,
                Manner::Abort => Self::Abort,
            },
        }
    }

    fn words(self) -> (&'static str, &'static str, Colour) {
        match self {
            Self::Open => ("Open", "the role's table decides", Colour::Red),
            Self::Explained => ("Open", "with a reason", Colour::Red),
            Self::Limited => ("Open", "closing tags are exchanged", Colour::Amber),
            Self::AwaitCloseNotify => ("AwaitCloseNotify", "ours is written", Colour::Blue),
            Self::Flushing => ("Flushing", "last bytes wait for TCP", Colour::Blue),
            Self::Graceful => ("Closed", "CloseTcp, Graceful", Colour::Grey),
            Self::Abort => ("Closed", "CloseTcp, Abort", Colour::Grey),
        }
    }
}

fn word(input: &ShutdownInput, is_late: bool) -> &'static str {
    use ShutdownInput as I;
    match input {
        I::Reason(_) => "a reason",
        I::Footer => "closing tag",
        I::Closing => "closing tags are due",
        I::StreamOver(PeerNotify::Outstanding) if is_late => "streams are over, after the deadline",
        I::StreamOver(PeerNotify::Outstanding) => "streams are over, close_notify is due",
        I::StreamOver(_) => "streams are over, no close_notify is due",
        I::LastBytes => "reading is over",
        I::CloseNotify => "close_notify",
        I::Fin => "TCP ends",
        I::Rst => "TCP fails",
        I::Expired => "deadline",
        I::Drained => "TCP has every byte",
        I::Abort(_) => "abort",
    }
}

const CAPTION: [&str; 4] = [
    "How a connection ends, in both roles: drawn from every reachable step of connection::shutdown. Not \
     drawn: what leaves the state as it is.",
    "Abort: a renegotiation attempt, the application's abort, or a transport that takes no bytes. It \
     overrides every reason in every state, and no byte leaves after it.",
    "Which of two reasons wins: what either side has stated (a stream error of the peer, an error or a \
     reset of the application, a failed login or negotiation, a failure of TLS) before what this side \
     has observed (our complaint, a timeout, a lost transport), and that before an orderly close. Among \
     equals the first counts.",
    "The deadline is one for closing tags and close_notify together. Two deadlines after the streams \
     are over the connection is closed, whatever the peer does.",
];

/// The committed picture is of the real steps. To write it anew:
/// `UPDATE_TABLES=1 cargo test --lib picture_of_the_end`.
#[test]
fn the_picture_of_the_end_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/diagrams/end.svg");
    let fresh = render();
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == fresh,
        "docs/diagrams/end.svg is out of date: UPDATE_TABLES=1 cargo test --lib picture_of_the_end"
    );
}

fn render() -> String {
    let mut ways: BTreeMap<(State, State), BTreeSet<&'static str>> = BTreeMap::new();
    let mut states = BTreeSet::new();
    let late = ShutdownClock {
        now: tests::CLOCK.now + tests::CLOCK.timeout,
        ..tests::CLOCK
    };
    tests::explore(|before, input, after| {
        let (from, to) = (State::of(before), State::of(after));
        states.extend([from, to]);
        let mut note = |to, is_late| {
            if from != to {
                ways.entry((from, to))
                    .or_default()
                    .insert(word(input, is_late));
            }
        };
        note(to, false);
        let mut expired = before.clone();
        expired.step(input.clone(), late);
        if State::of(&expired) != to {
            note(State::of(&expired), true);
        }
    });
    let states: Vec<State> = states.into_iter().collect();
    let at = |state| states.iter().position(|known| *known == state).unwrap();
    let nodes = states.iter().map(|state| {
        let (name, line, colour) = state.words();
        Node {
            name: name.into(),
            lines: Vec::from([line.into()]),
            colour,
        }
    });
    let edges = ways.iter().map(|((from, to), words)| {
        let words: Vec<String> = words.iter().copied().map(String::from).collect();
        Edge {
            from: at(*from),
            to: at(*to),
            inputs: wrap_list(&words, 150),
            orders: Vec::new(),
        }
    });
    Picture {
        title: "connection::shutdown: from the first reason to CloseTcp",
        caption: &CAPTION,
        legend: &[
            (Colour::Red, "the stream is open"),
            (Colour::Amber, "under a deadline"),
            (Colour::Blue, "XML is over, under a deadline"),
            (Colour::Grey, "the final answer"),
        ],
        nodes: nodes.collect(),
        edges: edges.collect(),
    }
    .render()
}

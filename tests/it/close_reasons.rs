//! The page `docs/guide/close-reasons.md` has every reason there is, and no other, and says of each
//! what the planner does.

use std::any::type_name;
use std::time::Duration;

use xmpp_stream::close::{AuthenticationReason, CloseReason, InternalReason, Phase};
use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::reset::{
    Disconnect, GiveUp, Outcome, Plan, Planner, PlannerConfig, ResetCause, Side,
};
use xmpp_stream::sasl::{
    Downgrade, PinBreach, SaslCondition, SaslError, ScramError, SelectError, TokenUnusable,
};
use xmpp_stream::stream::{
    DialbackCondition, DialbackVerdict, NegotiationReason, StreamCondition, StreamError,
};
use xmpp_stream::testkit::samples::Samples;
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{CertificateReason, RenegotiationEvidence, SetupError, TlsReasonKind};
use xmpp_stream::xml::{LimitKind, XmlErrorKind};

const PAGE: &str = include_str!("../../docs/guide/close-reasons.md");

/// The name of an enum, and those of its variants.
fn variants<T: Samples>() -> (&'static str, &'static [&'static str]) {
    let path = type_name::<T>();
    (path.rsplit("::").next().expect("a name"), T::VARIANTS)
}

fn enums() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        variants::<CloseReason>(),
        variants::<ResetCause>(),
        variants::<StreamCondition>(),
        variants::<RenegotiationEvidence>(),
        variants::<TlsReasonKind>(),
        variants::<CertificateReason>(),
        variants::<AuthenticationReason>(),
        variants::<SaslCondition>(),
        variants::<SaslError>(),
        variants::<ScramError>(),
        variants::<SelectError>(),
        variants::<Downgrade>(),
        variants::<TokenUnusable>(),
        variants::<PinBreach>(),
        variants::<DialbackVerdict>(),
        variants::<DialbackCondition>(),
        variants::<NegotiationReason>(),
        variants::<XmlErrorKind>(),
        variants::<LimitKind>(),
        variants::<Phase>(),
        variants::<InternalReason>(),
        variants::<SetupError>(),
    ]
}

/// A table of the page: its title, and its rows as cells.
struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

fn cells(line: &'static str) -> Vec<&'static str> {
    let line = line.trim_matches('|');
    line.split('|').map(str::trim).collect()
}

fn tables() -> Vec<Table> {
    let sections = PAGE.split("\n## ").skip(1);
    let read = |section: &'static str| {
        let (title, content) = section.split_once('\n').expect("a title");
        let mut lines = content.lines().filter(|line| line.starts_with('|'));
        Table {
            title: title.trim_matches('`'),
            head: cells(lines.next().expect("a head")),
            rows: lines.skip(1).map(cells).collect(),
        }
    };
    sections.map(read).collect()
}

#[test]
fn the_guide_has_every_close_reason_and_no_other() {
    let tables = tables();
    let written = tables.iter().map(|table| table.title).collect::<Vec<_>>();
    let known = enums();
    let titles = known.iter().map(|(title, _)| *title).collect::<Vec<_>>();
    assert_eq!(written, titles);
    for (table, (title, variants)) in tables.iter().zip(known) {
        let names = table.rows.iter().map(|row| row[0].trim_matches('`'));
        assert_eq!(names.collect::<Vec<_>>(), variants, "{title}");
        for row in &table.rows {
            assert_eq!(row.len(), table.head.len(), "{title}: {row:?}");
            assert!(row.iter().all(|cell| !cell.is_empty()), "{title}: {row:?}");
        }
    }
}

/// What is in the column *again* of this row.
fn again(title: &str, row: &str) -> String {
    let tables = tables();
    let table = tables.iter().find(|table| table.title == title);
    let table = table.expect("a table");
    let column = table.head.iter().position(|head| *head == "again");
    let row = table
        .rows
        .iter()
        .find(|cells| cells[0].trim_matches('`') == row);
    row.expect("a row")[column.expect("a column")].to_string()
}

#[derive(Debug)]
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(0);
        Ok(())
    }
}

/// What a planner does about this end of an established stream, again and again.
fn planned(reason: &CloseReason) -> &'static str {
    let ended = Outcome::Closed(Disconnect::from(reason));
    let mut planner = Planner::new(PlannerConfig::new(), Zeros);
    let mut now = Instant::from_millis(0);
    let _keep = planner.next(now, Outcome::Established);
    for attempt in 0..100 {
        now = now + Duration::from_millis(1);
        match planner.next(now, ended) {
            Plan::GiveUp(_) if attempt == 0 => return "no",
            Plan::GiveUp(GiveUp::Refused) => return "few",
            Plan::GiveUp(_) => return "yes",
            _ => {}
        }
    }
    "yes"
}

#[test]
fn the_guide_says_of_each_condition_whether_the_planner_connects_again() {
    let title = |condition: &str| {
        let words = condition.split('-');
        let word = |word: &str| word[..1].to_uppercase() + &word[1..];
        words.map(word).collect::<String>()
    };
    for condition in StreamCondition::ALL {
        let error = match condition {
            StreamCondition::SeeOtherHost => {
                StreamError::see_other_host("im.example.net".parse().unwrap())
            }
            condition => StreamError::new(condition),
        };
        let by = Side::Peer;
        let reason = CloseReason::StreamError { by, error };
        let row = title(condition.as_str());
        assert_eq!(again("StreamCondition", &row), planned(&reason), "{row}");
    }
    let failed = |reason| planned(&CloseReason::AuthenticationFailed(reason));
    for condition in SaslCondition::ALL {
        let row = title(condition.as_str());
        let planned = failed(AuthenticationReason::Refused(condition));
        assert_eq!(again("SaslCondition", &row), planned, "{row}");
    }
    for condition in DialbackCondition::samples() {
        let row = format!("{condition:?}");
        let verdict = DialbackVerdict::Error(condition);
        let planned = failed(AuthenticationReason::Dialback(verdict));
        assert_eq!(again("DialbackCondition", &row), planned, "{row}");
    }
    for (row, reason) in [
        (
            "Mechanism",
            AuthenticationReason::Mechanism(SaslError::ServerNotVerified),
        ),
        (
            "NoMechanism",
            AuthenticationReason::NoMechanism(SelectError::NoMechanism),
        ),
        (
            "Token",
            AuthenticationReason::Token(TokenUnusable::NotOffered),
        ),
        ("Pin", AuthenticationReason::Pin(PinBreach::Profile)),
        ("Task", AuthenticationReason::Task),
        ("ServerNotVerified", AuthenticationReason::ServerNotVerified),
    ] {
        assert_eq!(again("AuthenticationReason", row), failed(reason), "{row}");
    }
    for (row, reason) in [
        ("TlsTruncated", CloseReason::TlsTruncated),
        (
            "NegotiationFailed",
            CloseReason::NegotiationFailed(NegotiationReason::NoBind),
        ),
        ("Timeout", CloseReason::Timeout(Phase::Header)),
        ("Transport", CloseReason::Transport(Phase::Established)),
        ("StarttlsRefused", CloseReason::StarttlsRefused),
        ("StarttlsNotOffered", CloseReason::StarttlsNotOffered),
        (
            "PlaintextAfterStarttls",
            CloseReason::PlaintextAfterStarttls,
        ),
        ("LocalAbort", CloseReason::LocalAbort),
        (
            "Internal",
            CloseReason::Internal(InternalReason::Randomness),
        ),
    ] {
        assert_eq!(again("CloseReason", row), planned(&reason), "{row}");
    }
}

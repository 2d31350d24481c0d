//! `docs/CONFORMANCE.md`, made from the table.

use std::fmt::Write as _;

use super::table::{Row, Status};

/// Levels of the documents, by what they ask.
const LEVELS: [(&str, &[&str]); 4] = [
    (
        "MUST, MUST NOT, SHALL, REQUIRED",
        &["MUST", "SHALL", "REQUIRED"],
    ),
    (
        "SHOULD, SHOULD NOT, RECOMMENDED, advised",
        &["SHOULD", "RECOMMENDED", "ADVISED"],
    ),
    (
        "MAY, OPTIONAL, preferable",
        &["MAY", "OPTIONAL", "preferable"],
    ),
    (
        "definitions, and what follows from others",
        &["DEF", "DERIVED", "derived"],
    ),
];

/// Which of them a level is; the strictest it names.
pub fn class(level: &str) -> Option<usize> {
    LEVELS
        .iter()
        .position(|(_, words)| words.iter().any(|word| level.contains(word)))
}

pub fn render(rows: &[Row<'_>]) -> String {
    let mut page = String::from(
        "# Conformance\n\n\
         Made from `tests/it/conformance/table.tsv` by\n\
         `UPDATE_CONFORMANCE=1 cargo test --test it conformance`; not to be edited.\n\n\
         * *kept*: the tests named show it, and fail if it is broken: `.ci/mutations/run` breaks each\n\
         \x20 on purpose, and runs one of them.\n\
         * *not-applicable*: nothing in this crate can keep or break it; the note says whose it is.\n\
         * *deliberate*: decided otherwise, for the reason given.\n\
         * *open*: for a part that is not built yet.\n\n",
    );
    counts(&mut page, rows);
    let mut group = None;
    for row in rows {
        let this = heading(row);
        if group.as_ref() != Some(&this) {
            write!(
                page,
                "\n## {this}\n\n| id | section | level | requirement | status | test or reason |\n\
                 |---|---|---|---|---|---|\n"
            )
            .unwrap();
            group = Some(this);
        }
        line(&mut page, row);
    }
    page
}

fn counts(page: &mut String, rows: &[Row<'_>]) {
    page.push_str("| level |");
    for status in Status::ALL {
        write!(page, " {} |", status.as_str()).unwrap();
    }
    page.push_str(" all |\n|---|---|---|---|---|---|\n");
    let total = |wanted: Option<usize>| {
        let of = |status: Option<Status>| {
            rows.iter()
                .filter(|row| wanted.is_none_or(|level| class(row.level) == Some(level)))
                .filter(|row| status.is_none_or(|status| row.status == status))
                .count()
        };
        let mut cells = String::new();
        for status in Status::ALL.map(Some).into_iter().chain([None]) {
            write!(cells, " {} |", of(status)).unwrap();
        }
        cells
    };
    for (index, (name, _)) in LEVELS.iter().enumerate() {
        writeln!(page, "| {name} |{}", total(Some(index))).unwrap();
    }
    writeln!(page, "| all |{}", total(None)).unwrap();
}

fn heading(row: &Row<'_>) -> String {
    match row.id.split_once('-') {
        Some(("6120", rest)) => {
            let section = rest.split(['.', '-']).next().unwrap_or_default();
            format!("RFC 6120, section {section}")
        }
        Some(("XEP", _)) => "XMPP extensions".into(),
        Some(("3920bis", _)) => "The draft before RFC 6120, of July 2010, on renegotiation".into(),
        _ => "Other RFCs".into(),
    }
}

fn line(page: &mut String, row: &Row<'_>) {
    let mut cell = row
        .tests()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if !row.note.is_empty() {
        if !cell.is_empty() {
            cell.push_str("; ");
        }
        cell.push_str(&plain(row.note));
    }
    writeln!(
        page,
        "| {} | {} | {} | {} | {} | {cell} |",
        row.id,
        row.section,
        row.level,
        plain(row.requirement),
        row.status.as_str(),
    )
    .unwrap();
}

/// Text that Markdown leaves alone.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '|' | '*' | '_' | '`' | '\\' | '[' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

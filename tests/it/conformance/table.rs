//! The table: one requirement a row.

/// Columns: id, section, level, role, requirement, status, tests, note.
pub const TABLE: &str = include_str!("table.tsv");

/// A requirement, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Document, section and number; or what the section's summary calls it.
    pub id: &'a str,
    pub section: &'a str,
    /// In the words of the document, or `DEF` for what defines a term and
    /// `DERIVED` for what follows from others.
    pub level: &'a str,
    pub role: &'a str,
    pub requirement: &'a str,
    pub status: Status,
    /// The names of the tests that show it.
    pub tests: &'a str,
    /// The reason of any other status than kept, and what else there is to know.
    pub note: &'a str,
}

/// What became of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The tests show it.
    Kept,
    /// Nothing in this crate can keep or break it.
    NotApplicable,
    /// Decided otherwise, for the reason given.
    Deliberate,
    /// For a part that is not built yet.
    Open,
}

impl Status {
    pub const ALL: [Self; 4] = [
        Self::Kept,
        Self::NotApplicable,
        Self::Deliberate,
        Self::Open,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::NotApplicable => "not-applicable",
            Self::Deliberate => "deliberate",
            Self::Open => "open",
        }
    }
}

impl Row<'_> {
    pub fn tests(&self) -> impl Iterator<Item = &str> {
        self.tests.split(' ').filter(|name| !name.is_empty())
    }

    /// How the names of its tests begin: `rfc6120_4_7_3_2` for
    /// `6120-4.7.3-2`, `xep0198_close` for `XEP-0198-close`.
    pub fn key(&self) -> String {
        let id = match self.id.strip_prefix("XEP-") {
            Some(id) => format!("xep{id}"),
            None => format!("rfc{}", self.id),
        };
        id.to_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    }
}

/// The rows of `table`.
///
/// # Panics
/// A line is no row.
pub fn rows(table: &str) -> Vec<Row<'_>> {
    let mut lines = table.lines();
    assert_eq!(
        lines.next(),
        Some("id\tsection\tlevel\trole\trequirement\tstatus\ttests\tnote")
    );
    lines.map(row).collect()
}

fn row(line: &str) -> Row<'_> {
    let columns: Vec<_> = line.split('\t').collect();
    let [id, section, level, role, requirement, status, tests, note] = columns[..] else {
        panic!("{} columns: {line}", columns.len());
    };
    let status = Status::ALL
        .into_iter()
        .find(|known| known.as_str() == status)
        .unwrap_or_else(|| panic!("no status: {line}"));
    Row {
        id,
        section,
        level,
        role,
        requirement,
        status,
        tests,
        note,
    }
}

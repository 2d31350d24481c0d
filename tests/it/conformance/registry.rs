//! Table, page and sources agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::page;
use super::sources::{self, Test};
use super::table::{Row, Status, TABLE, rows};

#[test]
fn the_table_has_no_flaws() {
    assert_eq!(flaws(&rows(TABLE)), [""; 0]);
}

#[test]
fn every_test_named_exists() {
    assert_eq!(missing(&rows(TABLE), &sources::tests()), [""; 0]);
}

#[test]
fn every_test_that_carries_a_requirement_is_in_the_table() {
    assert_eq!(unlisted(&rows(TABLE), &sources::tests()), [""; 0]);
}

#[test]
fn the_page_is_up_to_date() {
    let path = sources::root().join("docs/CONFORMANCE.md");
    let page = page::render(&rows(TABLE));
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let differing = page
        .lines()
        .zip(stored.lines())
        .find(|(made, stored)| made != stored);
    assert!(
        page == stored,
        "run `UPDATE_CONFORMANCE=1 cargo test --test it conformance`; first difference: {differing:?}"
    );
}

/// What is wrong with the rows by themselves.
fn flaws(rows: &[Row<'_>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut flaws = Vec::new();
    for row in rows {
        if !seen.insert(row.key()) {
            flaws.push(format!("{}: twice", row.id));
        }
        let fields = [row.id, row.section, row.level, row.role, row.requirement];
        if fields.iter().any(|field| field.trim().is_empty()) {
            flaws.push(format!("{}: a field is empty", row.id));
        }
        if page::class(row.level).is_none() {
            flaws.push(format!("{}: no level", row.id));
        }
        match row.status {
            Status::Kept if row.tests().next().is_none() => {
                flaws.push(format!("{}: kept, and no test", row.id));
            }
            Status::NotApplicable | Status::Deliberate | Status::Open if row.note.is_empty() => {
                flaws.push(format!("{}: no reason", row.id));
            }
            _ => {}
        }
    }
    flaws
}

/// Tests the table names that are not in the sources, or not once.
fn missing(rows: &[Row<'_>], tests: &[Test]) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for test in tests {
        *count.entry(&test.name).or_default() += 1;
    }
    rows.iter()
        .flat_map(|row| row.tests().map(|name| (row.id, name)))
        .filter(|(_, name)| count.get(name) != Some(&1))
        .map(|(id, name)| format!("{id}: {name}"))
        .collect()
}

/// Tests named after a requirement that its row, or no row, names.
fn unlisted(rows: &[Row<'_>], tests: &[Test]) -> Vec<String> {
    let named: BTreeSet<&str> = rows.iter().flat_map(Row::tests).collect();
    let mut unlisted = Vec::new();
    for test in tests.iter().filter(|test| carries_an_id(&test.name)) {
        if !named.contains(test.name.as_str()) {
            unlisted.push(format!("{}: {}", test.file.display(), test.name));
        }
        for row in rows {
            if is_named_after(&test.name, &row.key()) && !row.tests().any(|name| name == test.name)
            {
                unlisted.push(format!("{}: {}", row.id, test.name));
            }
        }
    }
    unlisted
}

/// `rfc6120_..`, `xep0368_..`
fn carries_an_id(name: &str) -> bool {
    ["rfc", "xep"].iter().any(|document| {
        name.strip_prefix(document)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Whether `name` begins with `key`, and not with that of a row below it.
fn is_named_after(name: &str, key: &str) -> bool {
    match name.strip_prefix(key) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('_')
            .is_some_and(|word| !word.starts_with(|c: char| c.is_ascii_digit())),
        None => false,
    }
}

/// These checks can fail.
#[test]
fn the_checks_find_what_they_look_for() {
    let head = "id\tsection\tlevel\trole\trequirement\tstatus\ttests\tnote\n";
    let check = |lines: &str, names: &[&str]| {
        let table = [head, lines].concat();
        let rows = rows(&table);
        let tests: Vec<_> = names
            .iter()
            .map(|name| Test {
                name: (*name).to_string(),
                file: "tests/x.rs".into(),
            })
            .collect();
        [
            flaws(&rows),
            missing(&rows, &tests),
            unlisted(&rows, &tests),
        ]
        .map(|found| found.len())
    };
    let good = "6120-4.1-1\t4.1\tMUST\tboth\tx\tkept\trfc6120_4_1_1_x y\t";
    assert_eq!(check(good, &["rfc6120_4_1_1_x", "y"]), [0, 0, 0]);
    assert_eq!(check(good, &["rfc6120_4_1_1_x"]), [0, 1, 0]);
    assert_eq!(check(good, &["rfc6120_4_1_1_x", "y", "y"]), [0, 1, 0]);
    assert_eq!(
        check(good, &["rfc6120_4_1_1_x", "y", "rfc6120_4_2"]),
        [0, 0, 1]
    );
    assert_eq!(
        check(good, &["rfc6120_4_1_1_x", "y", "xep0001_2"]),
        [0, 0, 1]
    );
    assert_eq!(
        check(good, &["rfc6120_4_1_1_x", "y", "rfc6120_4_1_1_z"]),
        [0, 0, 2]
    );
    let twice = [good, "\n", good].concat();
    assert_eq!(check(&twice, &["rfc6120_4_1_1_x", "y"]), [1, 0, 0]);
    for (line, flaws) in [
        ("6120-4.1-1\t4.1\tMUST\tboth\tx\tkept\t\t", 1),
        ("6120-4.1-1\t4.1\tMUST\tboth\tx\topen\t\t", 1),
        ("6120-4.1-1\t4.1\tMUST\tboth\tx\topen\t\twhy", 0),
        ("6120-4.1-1\t4.1\tPERHAPS\tboth\tx\topen\t\twhy", 1),
        ("6120-4.1-1\t4.1\tMUST\tboth\t\topen\t\twhy", 1),
    ] {
        assert_eq!(check(line, &[]), [flaws, 0, 0], "{line}");
    }
    let source = "#[test]\nfn one() {}\n#[test]\n#[ignore = \"why\"]\nfn two() {}\nfn three() {}\n\
                  #[test]\n#[cfg(feature = \"std\")]\nfn four() {}";
    assert_eq!(sources::names(source).collect::<Vec<_>>(), ["one", "four"]);
}

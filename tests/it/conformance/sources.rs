//! The tests there are, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// A function marked `#[test]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub name: String,
    pub file: PathBuf,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All tests of the crate that are run: those of `src` and `tests`.
pub fn tests() -> Vec<Test> {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 300, "the sources were not found");
    found
}

fn walk(path: &Path, found: &mut Vec<Test>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let text = fs::read_to_string(path).unwrap();
        let file = path.strip_prefix(root()).unwrap().to_path_buf();
        found.extend(names(&text).map(|name| Test {
            name: name.to_string(),
            file: file.clone(),
        }));
    }
}

/// The functions after `#[test]`; not those that are ignored.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let starts: Vec<_> = (0..lines.len())
        .filter(|at| lines[*at] == "#[test]")
        .collect();
    starts.into_iter().filter_map(move |at| {
        let following = lines[at..].iter().skip(1);
        let attributes = following
            .clone()
            .take_while(|line| !line.starts_with("fn "));
        if attributes
            .into_iter()
            .any(|line| line.starts_with("#[ignore"))
        {
            return None;
        }
        let function = following.into_iter().find(|line| line.starts_with("fn "))?;
        function.strip_prefix("fn ")?.split('(').next()
    })
}

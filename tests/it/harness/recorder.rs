//! A hook for traces that keeps what it is told, and looks for secrets in it.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_stream::time::Instant;
use xmpp_stream::trace::{Direction, Payload, Trace, Traced};

/// Keeps every line.
#[derive(Debug, Default)]
pub struct Recorder {
    payload: Payload,
    lines: Mutex<Vec<String>>,
    /// What `Debug` writes of the same.
    debug: Mutex<Vec<String>>,
    /// The bytes of all records that were sent, headers included, and their number.
    records: Mutex<(usize, usize)>,
}

impl Trace for Recorder {
    fn trace(&self, id: u64, _: Instant, what: &Traced<'_>) {
        if let Traced::Record(record) = what {
            if record.direction == Direction::Out {
                let mut records = self.records.lock().unwrap();
                records.0 += record.length + 5;
                records.1 += 1;
            }
        }
        self.lines.lock().unwrap().push(format!("{id} {what}"));
        self.debug.lock().unwrap().push(format!("{what:?}"));
    }

    fn payload(&self) -> Payload {
        self.payload
    }
}

impl Recorder {
    pub fn new(payload: Payload) -> Arc<Self> {
        Arc::new(Self {
            payload,
            ..Self::default()
        })
    }

    /// Returns all lines, each with the number of its connection.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Returns the lines that contain `part`.
    pub fn with(&self, part: &str) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.contains(part));
        lines
    }

    /// Returns the bytes of all records that were sent, and their number.
    pub fn records_sent(&self) -> (usize, usize) {
        *self.records.lock().unwrap()
    }

    /// Asserts that the secret is in no line, in no form in which it could be read.
    pub fn hides(&self, what: &str, secret: &[u8]) {
        assert!(secret.len() >= 6, "{what} is too short to be looked for");
        let lines = [self.lines(), self.debug.lock().unwrap().clone()].concat();
        assert!(lines.len() > 4, "nothing was traced");
        for form in forms(secret) {
            for line in &lines {
                assert!(!line.contains(&form), "{what} as {form:?} in {line}");
            }
        }
    }

    /// Asserts that of the elements which carry secrets nothing but lengths is shown.
    pub fn hides_content(&self) {
        for line in self.lines() {
            for content in contents(&line) {
                let bytes = content
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(" bytes]"));
                let is_length = bytes.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
                assert!(is_length, "{content:?} in {line}");
            }
        }
    }
}

/// Elements whose text is a secret.
const SECRET: [&str; 12] = [
    "auth",
    "challenge",
    "response",
    "success",
    "initial-response",
    "additional-data",
    "handshake",
    "salt",
    "hash",
    "token",
    "db:result",
    "db:verify",
];

/// Returns the texts in the elements of `text` that carry secrets.
pub fn contents(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in SECRET {
        for part in text.split(&format!("<{name}")).skip(1) {
            let Some((tag, rest)) = part.split_once('>') else {
                continue;
            };
            let is_other = !tag.starts_with([' ', '>', '/']) && !tag.is_empty();
            let content = rest.split('<').next().unwrap_or_default();
            if !is_other && !tag.ends_with('/') && !content.is_empty() {
                found.push(content.to_string());
            }
        }
    }
    found
}

/// Returns the forms in which a secret could be read: as it is, in hex, and in base64 wherever it
/// begins in what is encoded.
fn forms(secret: &[u8]) -> Vec<String> {
    let digits = secret.iter().map(|byte| format!("{byte:02x}"));
    let hex = digits.collect::<Vec<_>>().concat();
    let mut forms = vec![hex.to_uppercase(), hex];
    forms.extend(String::from_utf8(secret.to_vec()));
    for (before, start) in [(0, 0), (1, 2), (2, 3)] {
        let encoded = STANDARD.encode([&vec![0; before], secret].concat());
        let whole = (before + secret.len()) * 8 / 6;
        forms.push(encoded[start..whole].to_string());
    }
    // A list of bytes, as `Debug` writes it.
    forms.push(format!("{secret:?}").trim_matches(['[', ']']).to_string());
    forms
}

#[test]
fn a_secret_is_found_in_every_form() {
    let recorder = Recorder::new(Payload::Full);
    let secret = b"staple-battery";
    for prefix in ["", "a", "ab"] {
        let encoded = STANDARD.encode([prefix.as_bytes(), secret, b"\0end"].concat());
        let is_found = forms(secret).iter().any(|form| encoded.contains(form));
        assert!(is_found, "{encoded}");
    }
    assert_eq!(
        contents("<auth mechanism='P'>x</auth><authenticate>y</authenticate><hash>z</hash>"),
        ["x", "z"]
    );
    assert!(recorder.lines().is_empty());
}

//! What was offered, as XEP-0474 hashes it, and what came of the comparison.
//!
//! A server proves in SCRAM what it has offered, so that a client notices if somebody weakened the
//! offer on its way. This file has the text that both sides hash; [`ScramAcceptor`] sends the hash
//! and [`ScramClient`] compares it, in `scram`.
//!
//! XEP-0474 7 would let a client that shares no channel binding with the server go on without one
//! and trust this proof. [`select`](super::select()) does not: it refuses such an offer before
//! anything is sent.
//!
//! [`ScramAcceptor`]: super::ScramAcceptor
//! [`ScramClient`]: super::ScramClient

use alloc::string::String;
use alloc::vec::Vec;

use super::{Hash, Secret};

/// Stands between two names of a list.
const NAME: char = '\u{1e}';

/// Stands between the list of mechanisms and that of channel bindings.
const LIST: char = '\u{1f}';

/// What a server has offered on a stream, for XEP-0474: the names of all mechanisms in the list of
/// one SASL profile, and the channel bindings announced (XEP-0440).
///
/// Unknown names count, too. Mechanisms of FAST do not, because they are in a list of their own. The
/// order of a list has no influence.
///
/// A name with one of the two separators of XEP-0474, U+001E and U+001F, is left out: it would be
/// hashed as two names, or as a name of the other list. XML cannot carry these characters (XML 1.0
/// 2.2), so no peer has offered such a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRecord {
    /// The text to be hashed.
    text: String,
}

impl OfferRecord {
    /// Takes the names in `<mechanisms/>` (RFC 6120), or those in `<authentication/>` (XEP-0388) if
    /// that is the profile used, exactly as offered.
    pub fn new<'a>(mechanisms: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        push_sorted(&mut text, mechanisms);
        Self { text }
    }

    /// Adds the names in `<sasl-channel-binding/>`, exactly as announced. A list without any name counts
    /// as no announcement, because XEP-0440 has none.
    #[must_use]
    pub fn announcing<'a>(mut self, bindings: impl IntoIterator<Item = &'a str>) -> Self {
        let mut bindings = bindings.into_iter().filter(is_name).peekable();
        if bindings.peek().is_some() {
            self.text.push(LIST);
            push_sorted(&mut self.text, bindings);
        }
        self
    }

    /// Returns the hash, with that of the SCRAM mechanism (XEP-0474 6.1).
    pub(super) fn digest(&self, hash: Hash) -> Secret {
        hash.digest(self.text.as_bytes())
    }
}

/// Whether the name stays one name among others.
fn is_name(name: &&str) -> bool {
    !name.contains([NAME, LIST])
}

/// Appends the names in the order of their octets (`i;octet`, RFC 4790 9.3).
fn push_sorted<'a>(text: &mut String, names: impl IntoIterator<Item = &'a str>) {
    let mut names: Vec<&str> = names.into_iter().filter(is_name).collect();
    names.sort_unstable();
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            text.push(NAME);
        }
        text.push_str(name);
    }
}

/// Whether a server must prove what it has offered (XEP-0474).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DowngradeProtection {
    /// A server that proves something else is refused, and one that proves nothing is accepted.
    #[default]
    IfPresent,
    /// A server that proves nothing is refused, too.
    Required,
}

/// What an exchange proved about the server's offer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfferProof {
    /// Nothing: the server or the mechanism has no such proof.
    None,
    /// The offer arrived as it was sent (XEP-0474).
    Verified,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xep0474_6_1_lists_are_sorted_by_octets_and_joined() {
        let text = |mechanisms: &[&str], bindings: &[&str]| {
            OfferRecord::new(mechanisms.iter().copied())
                .announcing(bindings.iter().copied())
                .text
        };
        assert_eq!(
            text(
                &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
                &["tls-server-end-point", "tls-exporter"]
            ),
            "SCRAM-SHA-1\u{1e}SCRAM-SHA-1-PLUS\u{1f}tls-exporter\u{1e}tls-server-end-point"
        );
        // "-" is before digits, those are before letters, and capitals before small ones.
        assert_eq!(
            text(&["b", "A1", "A-", "B", "A", "AA"], &[]),
            "A\u{1e}A-\u{1e}A1\u{1e}AA\u{1e}B\u{1e}b"
        );
        assert_eq!(text(&[], &[]), "");
        assert_eq!(text(&["X"], &["y"]), "X\u{1f}y");
    }

    #[test]
    fn an_offer_is_told_from_every_other() {
        let record = |mechanisms: &[&str], bindings: &[&str]| {
            OfferRecord::new(mechanisms.iter().copied()).announcing(bindings.iter().copied())
        };
        let records = [
            record(&["A", "B"], &[]),
            record(&["A"], &["B"]),
            record(&["AB"], &[]),
            record(&["A", "A", "B"], &[]),
            record(&[], &["A", "B"]),
            record(&["A", "B"], &["C"]),
            record(&["A"], &["B", "C"]),
        ];
        for (index, one) in records.iter().enumerate() {
            for other in &records[index + 1..] {
                assert_ne!(one.digest(Hash::Sha256), other.digest(Hash::Sha256));
            }
        }
        assert_eq!(record(&["A", "B"], &[]), record(&["B", "A"], &[]));
    }

    #[test]
    fn a_name_with_a_separator_is_left_out_and_not_taken_for_several() {
        let record = |mechanisms: &[&str], bindings: &[&str]| {
            OfferRecord::new(mechanisms.iter().copied()).announcing(bindings.iter().copied())
        };
        for separated in [
            "A\u{1e}B", "A\u{1f}B", "\u{1e}", "\u{1f}", "A\u{1e}", "\u{1f}A",
        ] {
            assert_eq!(
                record(&["X", separated], &["y", separated]),
                record(&["X"], &["y"])
            );
            assert_eq!(record(&["X"], &[separated]), record(&["X"], &[]));
        }
    }
}

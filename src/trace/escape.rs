//! A line stays a line: characters that control a terminal, or the direction of text, as references.

use alloc::string::String;
use core::fmt::{self, Write as _};

/// Appends text, with characters that control a terminal or a line, or the direction of text, as
/// references.
pub(super) fn push_safely(out: &mut String, text: &str) {
    for character in text.chars() {
        match is_unsafe(character) {
            // Writing to a `String` cannot fail.
            true => drop(write!(out, "&#x{:x};", u32::from(character))),
            false => out.push(character),
        }
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Writes what is formatted into it so.
pub(super) struct OneLine<'a, 'b>(pub(super) &'a mut fmt::Formatter<'b>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut escaped = String::new();
        push_safely(&mut escaped, text);
        self.0.write_str(&escaped)
    }
}

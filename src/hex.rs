//! Hexadecimal text, for the keys of components and Server Dialback.

use alloc::string::String;

/// Returns two lower-case digits for each byte. The text never outgrows its buffer, so no copy of a
/// secret stays in memory.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text
}

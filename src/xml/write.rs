//! Writing XML: escapes what must be escaped, and refuses what cannot be written at all.

use core::fmt;

use thiserror::Error;

use super::chars;
use super::values::ValueContext;

/// Escapes text that is to stand between tags.
///
/// `>` is escaped too, so that no `]]>` can arise, and carriage returns, so that they survive line
/// end normalisation (XML 1.0 2.11).
///
/// # Errors
///
/// Returns [`Unwritable`] for a character that XML does not allow, not even as a reference. Nothing
/// was written then.
///
/// ```
/// let text = xmpp_stream::xml::write::escape_text("1 < 2 & 3")?;
/// assert_eq!(text.to_string(), "1 &lt; 2 &amp; 3");
/// # Ok::<(), xmpp_stream::xml::write::Unwritable>(())
/// ```
pub fn escape_text(text: &str) -> Result<Escaped<'_>, Unwritable> {
    Escaped::new(text, ValueContext::Text)
}

/// Escapes text that is to stand as an attribute value between quotes of either kind.
///
/// White space other than U+0020 becomes references, so that it survives normalisation (XML 1.0
/// 3.3.3).
///
/// # Errors
///
/// Returns [`Unwritable`] for a character that XML does not allow, not even as a reference. Nothing
/// was written then.
pub fn escape_attr(value: &str) -> Result<Escaped<'_>, Unwritable> {
    Escaped::new(value, ValueContext::Attribute)
}

/// Displays the escaped form of a text; made by [`escape_text`] and [`escape_attr`].
#[derive(Clone, Copy)]
#[must_use]
pub struct Escaped<'a> {
    text: &'a str,
    context: ValueContext,
}

/// A character that XML does not allow (XML 1.0 2.2, production `Char`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("XML cannot carry U+{:04X}, found at byte {index}", u32::from(*.character))]
#[non_exhaustive]
pub struct Unwritable {
    /// The character.
    pub character: char,
    /// Its offset in the text, in bytes.
    pub index: usize,
}

impl<'a> Escaped<'a> {
    fn new(text: &'a str, context: ValueContext) -> Result<Self, Unwritable> {
        let forbidden = chars::check_chars(text)
            .err()
            .and_then(|index| Some((index, text.get(index..)?.chars().next()?)));
        match forbidden {
            Some((index, character)) => Err(Unwritable { character, index }),
            None => Ok(Self { text, context }),
        }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0;
        for (at, byte) in self.text.bytes().enumerate() {
            let Some(escape) = escape(byte, self.context) else {
                continue;
            };
            f.write_str(self.text.get(written..at).unwrap_or_default())?;
            f.write_str(escape)?;
            written = at + 1;
        }
        f.write_str(self.text.get(written..).unwrap_or_default())
    }
}

impl fmt::Debug for Escaped<'_> {
    /// Shows the length only, because the text may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Escaped")
            .field("place", &self.context)
            .field("bytes", &self.text.len())
            .finish()
    }
}

fn escape(byte: u8, context: ValueContext) -> Option<&'static str> {
    Some(match (byte, context) {
        (b'&', _) => "&amp;",
        (b'<', _) => "&lt;",
        (b'>', _) => "&gt;",
        (b'\r', _) => "&#13;",
        (b'\'', ValueContext::Attribute) => "&apos;",
        (b'"', ValueContext::Attribute) => "&quot;",
        (b'\t', ValueContext::Attribute) => "&#9;",
        (b'\n', ValueContext::Attribute) => "&#10;",
        _ => return None,
    })
}

/// Writes ` xmlns:prefix='uri'`, or ` xmlns='uri'` for the empty prefix. The namespace name was
/// read from XML, so it can be written.
pub(crate) fn declaration(out: &mut dyn fmt::Write, prefix: &str, uri: &str) -> fmt::Result {
    let uri = Escaped {
        text: uri,
        context: ValueContext::Attribute,
    };
    if prefix.is_empty() {
        write!(out, " xmlns='{uri}'")
    } else {
        write!(out, " xmlns:{prefix}='{uri}'")
    }
}

//! What the initiating entity knows: names and passwords, prepared.
//!
//! SCRAM and PLAIN take user names and passwords in the form that SASLprep gives them (RFC 4013).
//! Printable ASCII is already in that form. Anything else needs the tables of RFC 3454, and the
//! only crate that has them needs `std`. Each type therefore has three constructors: `ascii`
//! (checked, needs no tables), `prepared` (the caller has prepared the text) and, with feature
//! `std`, `saslprep`. The last treats text as a *stored* string, so code points that Unicode 3.2
//! did not assign are refused.

use alloc::string::String;
use core::fmt;

use super::Secret;

/// The error of the constructors: why a text cannot be a name or a password.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The text is empty, or nothing is left of it after preparation.
    #[error("the text is empty")]
    Empty,
    /// The text is longer than `limit` octets.
    #[error("the text is longer than {limit} octets")]
    TooLong {
        /// The most octets allowed.
        limit: usize,
    },
    /// The text has a character outside U+0020 to U+007E (`ascii` only).
    #[error("the text is not printable ASCII")]
    NotAscii,
    /// The text has a character that is not allowed: NUL, or one that SASLprep prohibits.
    #[error("the text has a prohibited character")]
    Prohibited,
}

/// The most octets of a [`Username`]: those of a JID's localpart (RFC 7622 3.3).
pub const MAX_USERNAME: usize = 1023;
/// The most octets of a [`Password`]. RFC 4616 2 asks for at least 255.
pub const MAX_PASSWORD: usize = 4096;
/// The most octets of an [`Authzid`]: those of a whole JID (RFC 7622 3.1).
pub const MAX_AUTHZID: usize = 3071;

/// The authentication identity: the name whose credentials are used.
///
/// On a client connection this is the localpart of the JID (RFC 6120 6.3.7). SCRAM does the
/// escaping (`=2C`, `=3D`), not the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Takes a name of printable ASCII, of at most [`MAX_USERNAME`] octets.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty, too long or not printable ASCII.
    pub fn ascii(text: &str) -> Result<Self, PrepareError> {
        ascii(text, MAX_USERNAME).map(Self)
    }

    /// Takes a name to which the caller has applied SASLprep.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty or too long, or contains NUL.
    pub fn prepared(text: &str) -> Result<Self, PrepareError> {
        prepared(text, MAX_USERNAME).map(Self)
    }

    /// Applies SASLprep to a name (RFC 4013).
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty, too long, prohibited, unassigned or bidirectionally
    /// ambiguous.
    #[cfg(feature = "std")]
    pub fn saslprep(text: &str) -> Result<Self, PrepareError> {
        check_length(text, MAX_USERNAME)?;
        let text = stringprep::saslprep(text).map_err(|_| PrepareError::Prohibited)?;
        Self::prepared(&text)
    }

    /// Returns the name as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The authorization identity: the entity to act as.
///
/// Give one only to act for somebody else (RFC 6120 6.3.8). Its form belongs to the protocol: a
/// bare JID for clients, a domainpart between servers. The stream layer checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authzid(String);

impl Authzid {
    /// Takes `text` as it is.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty or longer than [`MAX_AUTHZID`], or contains NUL.
    pub fn new(text: &str) -> Result<Self, PrepareError> {
        prepared(text, MAX_AUTHZID).map(Self)
    }

    /// Returns the identity as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password. It is wiped when dropped, and absent from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Secret);

impl Password {
    /// Takes a password of printable ASCII, of at most [`MAX_PASSWORD`] octets.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty, too long or not printable ASCII.
    pub fn ascii(text: &str) -> Result<Self, PrepareError> {
        check_ascii(text, MAX_PASSWORD)?;
        Ok(Self(text.as_bytes().into()))
    }

    /// Takes a password to which the caller has applied SASLprep.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty or too long, or contains NUL.
    pub fn prepared(text: &str) -> Result<Self, PrepareError> {
        check_prepared(text, MAX_PASSWORD)?;
        Ok(Self(text.as_bytes().into()))
    }

    /// Applies SASLprep to a password (RFC 4013).
    ///
    /// The result is wiped like any password. What `stringprep` leaves in memory on the way to it
    /// (for texts outside ASCII) is not.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the text is empty, too long, prohibited, unassigned or bidirectionally
    /// ambiguous.
    #[cfg(feature = "std")]
    pub fn saslprep(text: &str) -> Result<Self, PrepareError> {
        use alloc::borrow::Cow;

        use zeroize::Zeroize;

        // The length is checked first, because preparation does more work than its input is long.
        check_length(text, MAX_PASSWORD)?;
        let text = stringprep::saslprep(text).map_err(|_| PrepareError::Prohibited)?;
        let password = Self::prepared(&text);
        if let Cow::Owned(mut copy) = text {
            copy.zeroize();
        }
        password
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

fn ascii(text: &str, limit: usize) -> Result<String, PrepareError> {
    check_ascii(text, limit).map(|()| text.into())
}

fn prepared(text: &str, limit: usize) -> Result<String, PrepareError> {
    check_prepared(text, limit).map(|()| text.into())
}

fn check_ascii(text: &str, limit: usize) -> Result<(), PrepareError> {
    check_length(text, limit)?;
    if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        Ok(())
    } else {
        Err(PrepareError::NotAscii)
    }
}

pub(super) fn check_prepared(text: &str, limit: usize) -> Result<(), PrepareError> {
    check_length(text, limit)?;
    if text.contains('\0') {
        Err(PrepareError::Prohibited)
    } else {
        Ok(())
    }
}

fn check_length(text: &str, limit: usize) -> Result<(), PrepareError> {
    match text.len() {
        0 => Err(PrepareError::Empty),
        length if length > limit => Err(PrepareError::TooLong { limit }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn ascii_takes_printable_ascii_alone() {
        assert!(Password::ascii(" !~pencil").is_ok());
        for (text, error) in [
            ("", PrepareError::Empty),
            ("tab\t", PrepareError::NotAscii),
            ("del\x7f", PrepareError::NotAscii),
            ("p\u{e4}ss", PrepareError::NotAscii),
        ] {
            assert_eq!(Password::ascii(text), Err(error), "{text:?}");
            assert_eq!(Username::ascii(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let limit = MAX_PASSWORD;
        assert!(Password::ascii(&"a".repeat(limit)).is_ok());
        assert_eq!(
            Password::prepared(&"a".repeat(limit + 1)),
            Err(PrepareError::TooLong { limit })
        );
        let limit = MAX_USERNAME;
        assert!(Username::prepared(&"a".repeat(limit)).is_ok());
        assert_eq!(
            Username::ascii(&"a".repeat(limit + 1)),
            Err(PrepareError::TooLong { limit })
        );
        assert_eq!(Authzid::new("a\0b"), Err(PrepareError::Prohibited));
    }

    #[cfg(feature = "std")]
    #[test]
    fn saslprep_prepares_the_characters_rfc5802_names() {
        // RFC 5802 3: forms C and KC differ for U+00BD and U+00B4.
        assert_eq!(
            Password::saslprep("\u{bd}"),
            Password::prepared("1\u{2044}2")
        );
        // RFC 4013 3.
        assert_eq!(Password::saslprep("I\u{ad}X"), Password::ascii("IX"));
        assert_eq!(Username::saslprep("\u{aa}"), Username::ascii("a"));
        assert_eq!(Username::saslprep("\u{ad}"), Err(PrepareError::Empty));
        for prohibited in ["\u{7}", "\u{627}\u{31}", "\u{e000}"] {
            assert_eq!(
                Password::saslprep(prohibited),
                Err(PrepareError::Prohibited),
                "{prohibited:?}"
            );
        }
    }

    #[test]
    fn a_password_is_absent_from_debug() {
        let password = Password::ascii("pencil").unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}

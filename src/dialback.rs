//! Keys of Server Dialback (XEP-0185).
//!
//! A server proves a domain by keys that only it, or another server with the same secret, can make.
//! Each stream has its own key, which is why stream ids must be unpredictable and must not repeat
//! (RFC 6120 4.7.3).
//!
//! ```text
//! key = HMAC-SHA256(SHA256(secret), "{receiving} {originating} {stream id}")
//! ```
//!
//! Both hashes are written in hexadecimal, including the one that is the key of the HMAC.
//!
//! Not done here are the choice of the secret, which needs about as much randomness as the key has
//! bits (XEP-0185 3), and its change, which invalidates the keys of verifications under way. The
//! elements that carry keys are in `stream`.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::hex::hex;
use crate::jid::Jid;
use crate::sasl::Secret;

/// The longest key that is accepted, in bytes. XEP-0220 sets no bound; the keys of XEP-0185 have 64
/// bytes.
pub const MAX_KEY_BYTES: usize = 256;

/// Holds the secret with which all servers of a domain make and check its keys. It is wiped when
/// dropped, and absent from `Debug`.
#[derive(Clone)]
pub struct DialbackSecret(Secret);

impl DialbackSecret {
    /// Takes a secret of any length. One with fewer than 16 random bytes can be guessed from one
    /// key.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let mut digest = Sha256::digest(secret);
        let hashed = Secret::new(hex(&digest).into_bytes());
        digest.as_mut_slice().zeroize();
        Self(hashed)
    }

    /// Returns the key with which `originating` proves itself to `receiving`, on the stream to
    /// which `receiving` gave the id `stream_id`. Only the domains of both are used.
    #[must_use]
    pub fn key(&self, receiving: &Jid, originating: &Jid, stream_id: &str) -> DialbackKey {
        // HMAC accepts keys of any length, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else {
            return DialbackKey(Secret::default());
        };
        let (receiving, originating) = (receiving.domain(), originating.domain());
        for piece in [receiving, " ", originating, " ", stream_id] {
            mac.update(piece.as_bytes());
        }
        let mut digest = mac.finalize().into_bytes();
        let key = Secret::new(hex(&digest).into_bytes());
        digest.as_mut_slice().zeroize();
        DialbackKey(key)
    }
}

impl fmt::Debug for DialbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialbackSecret(..)")
    }
}

/// A key, made or received: 1 to [`MAX_KEY_BYTES`] bytes of text. It is compared in constant time,
/// wiped when dropped, and absent from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct DialbackKey(Secret);

impl DialbackKey {
    /// Takes a key that was made elsewhere, or received. Returns `None` if it is empty or longer
    /// than [`MAX_KEY_BYTES`], begins or ends with white space, or contains a control character.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=MAX_KEY_BYTES).contains(&text.len());
        let carried = text.trim() == text && !text.chars().any(char::is_control);
        (fits && carried).then(|| Self(text.as_bytes().into()))
    }

    /// Returns the text, as it stands in the element.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.0.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for DialbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialbackKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::{DialbackKey, DialbackSecret};
    use crate::jid::Jid;

    fn domain(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    /// The examples of XEP-0220 2.1.1 and 2.2.2.
    #[test]
    fn xep0185_2_the_keys_of_the_examples() {
        for (secret, receiving, originating, id, key) in [
            (
                "s3cr3tf0rd14lb4ck",
                "montague.example",
                "capulet.example",
                "D60000229F",
                "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3",
            ),
            (
                "d14lb4ck43v3r",
                "capulet.example",
                "montague.example",
                "417GAF25",
                "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d",
            ),
        ] {
            let secret = DialbackSecret::new(secret.as_bytes());
            let made = secret.key(&domain(receiving), &domain(originating), id);
            assert_eq!(made.as_str(), key);
            assert!(made == DialbackKey::new(key).unwrap());
        }
    }

    #[test]
    fn each_part_of_the_question_changes_the_key() {
        let secret = DialbackSecret::new(b"secret");
        let (a, b) = (domain("a.example"), domain("b.example"));
        let key = secret.key(&a, &b, "1");
        assert!(key == secret.key(&a, &b, "1"));
        assert!(key != secret.key(&b, &a, "1"));
        assert!(key != secret.key(&a, &b, "2"));
        assert!(key != secret.key(&a, &domain("c.example"), "1"));
        assert!(key != DialbackSecret::new(b"secret2").key(&a, &b, "1"));
    }

    /// A change at any place is noticed, so no part of a key is left out of the comparison.
    #[test]
    fn xep0185_2_keys_are_compared_as_a_whole() {
        let secret = DialbackSecret::new(b"secret");
        let key = secret.key(&domain("a.example"), &domain("b.example"), "1");
        let text = key.as_str();
        assert_eq!(text.len(), 64);
        assert!(key == DialbackKey::new(text).unwrap());
        for place in 0..text.len() {
            let other = if &text[place..=place] == "0" {
                "1"
            } else {
                "0"
            };
            let mut changed = String::from(text);
            changed.replace_range(place..=place, other);
            assert!(key != DialbackKey::new(&changed).unwrap(), "{place}");
            let cut = DialbackKey::new(&text[..place]);
            assert!(cut.is_none_or(|cut| key != cut), "cut to {place}");
        }
        assert!(key != DialbackKey::new(&format!("{text}0")).unwrap());
        assert!(key != DialbackKey::new(&text.to_uppercase()).unwrap());
    }

    #[test]
    fn foreign_keys_are_text_of_a_bounded_length() {
        assert!(DialbackKey::new("").is_none());
        assert!(DialbackKey::new(" k").is_none());
        assert!(DialbackKey::new("k\n").is_none());
        assert!(DialbackKey::new("k\u{1}k").is_none());
        assert!(DialbackKey::new(&"k".repeat(256)).is_some());
        assert!(DialbackKey::new(&"k".repeat(257)).is_none());
    }

    #[test]
    fn nothing_is_shown() {
        let secret = DialbackSecret::new(b"hidden");
        let key = secret.key(&domain("a"), &domain("b"), "1");
        assert_eq!(
            format!("{secret:?} {key:?}"),
            "DialbackSecret(..) DialbackKey(..)"
        );
    }
}

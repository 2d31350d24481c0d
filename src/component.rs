//! Secrets of external components (XEP-0114).
//!
//! A component proves that it knows the secret by the SHA-1 of the stream id and the secret, in
//! hexadecimal. XEP-0114 prescribes SHA-1, and nothing here depends on its collision resistance.
//! Whoever sees the exchange can guess secrets offline, and nothing protects the stream: use TLS or
//! the loopback interface for that. This file only computes and compares; who may see a handshake
//! is decided in `connection`.

use core::fmt;

use sha1::{Digest, Sha1};
use zeroize::Zeroize;

use crate::hex::hex;
use crate::sasl::Secret;

/// Holds the secret that a component and its server share. It is wiped when dropped, and absent
/// from `Debug`.
#[derive(Clone)]
pub struct ComponentSecret(Secret);

impl ComponentSecret {
    /// Takes a secret of any length.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(secret.into())
    }

    /// Returns what a component sends on the stream to which the server gave the id `stream_id`: 40
    /// lower-case hexadecimal digits.
    #[must_use]
    pub fn handshake(&self, stream_id: &str) -> Handshake {
        let mut hash = Sha1::new();
        hash.update(stream_id.as_bytes());
        hash.update(self.0.as_bytes());
        let mut digest = hash.finalize();
        let digits = Secret::new(hex(&digest).into_bytes());
        digest.as_mut_slice().zeroize();
        Handshake(digits)
    }

    /// Returns whether `received` is the handshake for `stream_id`, in constant time. Upper-case
    /// digits are not.
    #[must_use]
    pub fn verify(&self, stream_id: &str, received: &str) -> bool {
        self.handshake(stream_id).0 == Secret::from(received.as_bytes())
    }
}

impl fmt::Debug for ComponentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComponentSecret(..)")
    }
}

/// The content of `<handshake/>`. It is wiped when dropped, and absent from `Debug`.
pub struct Handshake(Secret);

impl Handshake {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.0.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::ComponentSecret;

    /// SHA-1 of `3BF96D32test`, computed elsewhere.
    const KNOWN: &str = "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e";

    #[test]
    fn xep0114_hs_the_handshake_is_sha1_of_id_and_secret_in_small_hex() {
        let secret = ComponentSecret::new(b"test");
        assert_eq!(secret.handshake("3BF96D32").as_str(), KNOWN);
        assert!(secret.verify("3BF96D32", KNOWN));
        for wrong in ["", "x", &KNOWN[..39], &KNOWN.to_uppercase()] {
            assert!(!secret.verify("3BF96D32", wrong));
        }
        assert!(!secret.verify("3BF96D33", KNOWN));
        assert!(!ComponentSecret::new(b"tesu").verify("3BF96D32", KNOWN));
    }

    /// A change at any place is noticed, so no part of a handshake is left out of the comparison.
    #[test]
    fn xep0114_hs_handshakes_are_compared_as_a_whole() {
        let secret = ComponentSecret::new(b"test");
        for place in 0..KNOWN.len() {
            let other = if &KNOWN[place..=place] == "0" {
                "1"
            } else {
                "0"
            };
            let mut changed = String::from(KNOWN);
            changed.replace_range(place..=place, other);
            assert!(!secret.verify("3BF96D32", &changed), "{place}");
            assert!(
                !secret.verify("3BF96D32", &KNOWN[..place]),
                "cut to {place}"
            );
        }
        assert!(!secret.verify("3BF96D32", &format!("{KNOWN}0")));
    }

    #[test]
    fn nothing_is_shown() {
        let secret = ComponentSecret::new(b"hidden");
        let shown = format!("{secret:?} {:?}", secret.handshake("1"));
        assert_eq!(shown, "ComponentSecret(..) Handshake(..)");
    }
}

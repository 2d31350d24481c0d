//! A buffer for octets that must not be seen.
//!
//! Everything that keeps or sends a secret uses it; keep it free of any function that copies octets
//! out.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Holds octets that are wiped when dropped, compared in constant time and absent from `Debug`.
///
/// Every message of a mechanism is one, whether it holds a password (PLAIN) or is public (a SCRAM
/// challenge). What a vector leaves in memory when it *grows* is not wiped, so build it with its final
/// capacity.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of `octets`.
    #[must_use]
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Returns the octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the number of octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Combines the octets with others by exclusive or, as far as both go.
    #[must_use]
    pub(super) fn xor(mut self, other: &[u8]) -> Self {
        for (octet, other) in self.0.iter_mut().zip(other) {
            *octet ^= other;
        }
        self
    }

    /// Returns the first `length` octets.
    #[must_use]
    pub(super) fn truncated(mut self, length: usize) -> Self {
        // The octets that are cut off stay in the allocation, which is wiped as a whole.
        self.0.truncate(length);
        self
    }

    /// Returns whether there are no octets: the `=` of RFC 6120 6.4.2.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self::new(octets)
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Self {
        Self::new(octets.to_vec())
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes constant time for equal lengths. A length is no secret here.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::Secret;

    #[test]
    fn secrets_are_wiped() {
        fn wiped_on_drop<T: ZeroizeOnDrop>(_: &T) {}
        let Secret(octets) = &Secret::from(&b"pencil"[..]);
        wiped_on_drop(octets);
    }

    #[test]
    fn octets_are_changed_in_place() {
        let secret = Secret::from(&b"pencil"[..]);
        let place = secret.as_bytes().as_ptr();
        let secret = secret.xor(&[1, 2]).truncated(3);
        // All of the allocation is wiped when it is dropped, what was cut off included.
        assert_eq!(secret.as_bytes(), b"qgn");
        assert_eq!(secret.as_bytes().as_ptr(), place);
        assert_eq!(secret.xor(b"qgnabc").as_bytes(), [0; 3]);
    }
}

//! The hashes of SCRAM, and the functions `H`, `HMAC`, and `Hi` in slices (RFC 5802 2.2).
//!
//! This file has all hashing of SASL. Whatever it computes is wiped when dropped; keep that when a
//! hash is added.

use alloc::boxed::Box;
use core::fmt;

use hmac::digest::{Digest, FixedOutput, FixedOutputReset, Key, Output};
use hmac::{EagerHash, HmacReset, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroize;

use super::Secret;

/// The most HMAC iterations of one `work` call: well below a millisecond on a desktop CPU, some
/// milliseconds on a small one.
pub const SLICE: u32 = 1024;

/// The hash of a SCRAM mechanism. Weaker ones come first in the order.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 5802).
    Sha1,
    /// SHA-256 (RFC 7677).
    Sha256,
    /// SHA-512 (registered with IANA; the construction is that of RFC 5802).
    Sha512,
}

impl Hash {
    /// Returns the IANA name, e.g. `SHA-256`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// Returns how many octets the hash, and every key made with it, has.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Returns `H(data)`.
    pub(super) fn digest(self, data: &[u8]) -> Secret {
        match self {
            Self::Sha1 => take(&mut Sha1::digest(data)),
            Self::Sha256 => take(&mut Sha256::digest(data)),
            Self::Sha512 => take(&mut Sha512::digest(data)),
        }
    }

    /// Returns `HMAC(key, parts)`, the parts concatenated.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Secret {
        match self {
            Self::Sha1 => take(&mut authenticate(keyed::<Sha1>(key), parts)),
            Self::Sha256 => take(&mut authenticate(keyed::<Sha256>(key), parts)),
            Self::Sha512 => take(&mut authenticate(keyed::<Sha512>(key), parts)),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A computation of `Hi(password, salt, iterations)`: PBKDF2 with one block (RFC 5802 2.2).
///
/// The states of the hashes are worth as much as the password. They are wiped when dropped (feature
/// `zeroize` of the hash crates).
pub(super) enum Derivation {
    Sha1(Box<Rounds<Sha1>>),
    Sha256(Box<Rounds<Sha256>>),
    Sha512(Box<Rounds<Sha512>>),
}

impl Derivation {
    /// Starts, and does the first of the `iterations`. Zero counts as one.
    pub(super) fn new(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1(Box::new(Rounds::begin(password, salt, iterations))),
            Hash::Sha256 => Self::Sha256(Box::new(Rounds::begin(password, salt, iterations))),
            Hash::Sha512 => Self::Sha512(Box::new(Rounds::begin(password, salt, iterations))),
        }
    }

    /// Does at most `slice` iterations. Returns the salted password if they were the last ones.
    pub(super) fn advance(&mut self, slice: u32) -> Option<Secret> {
        match self {
            Self::Sha1(rounds) => rounds.advance(slice),
            Self::Sha256(rounds) => rounds.advance(slice),
            Self::Sha512(rounds) => rounds.advance(slice),
        }
    }

    /// Does all remaining iterations.
    pub(super) fn finish(mut self) -> Secret {
        loop {
            if let Some(salted) = self.advance(u32::MAX) {
                return salted;
            }
        }
    }
}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derivation(..)")
    }
}

pub(super) struct Rounds<D: EagerHash> {
    mac: HmacReset<D>,
    last: Output<HmacReset<D>>,
    sum: Output<HmacReset<D>>,
    left: u32,
}

impl<D: EagerHash> Rounds<D> {
    fn begin(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mac = keyed::<D>(password);
        let first = authenticate(mac.clone(), &[salt, &1u32.to_be_bytes()]);
        Self {
            mac,
            sum: first.clone(),
            last: first,
            left: iterations.saturating_sub(1),
        }
    }

    fn advance(&mut self, slice: u32) -> Option<Secret> {
        let rounds = self.left.min(slice);
        for _ in 0..rounds {
            Mac::update(&mut self.mac, &self.last);
            FixedOutputReset::finalize_into_reset(&mut self.mac, &mut self.last);
            for (sum, last) in self.sum.iter_mut().zip(&self.last) {
                *sum ^= last;
            }
        }
        self.left -= rounds;
        (self.left == 0).then(|| Secret::from(self.sum.as_slice()))
    }
}

impl<D: EagerHash> Drop for Rounds<D> {
    fn drop(&mut self) {
        self.last.as_mut_slice().zeroize();
        self.sum.as_mut_slice().zeroize();
    }
}

/// Makes an HMAC with a key of any length: one longer than a block is hashed first (RFC 2104 2).
fn keyed<D: EagerHash>(key: &[u8]) -> HmacReset<D> {
    let mut block = Key::<HmacReset<D>>::default();
    if let Some(start) = block.get_mut(..key.len()) {
        start.copy_from_slice(key);
    } else {
        let mut hashed = D::digest(key);
        for (block, hashed) in block.iter_mut().zip(&hashed) {
            *block = *hashed;
        }
        hashed.as_mut_slice().zeroize();
    }
    let mac = HmacReset::new(&block);
    block.as_mut_slice().zeroize();
    mac
}

fn authenticate<D: EagerHash>(mut mac: HmacReset<D>, parts: &[&[u8]]) -> Output<HmacReset<D>> {
    for part in parts {
        Mac::update(&mut mac, part);
    }
    mac.finalize_fixed()
}

fn take(octets: &mut [u8]) -> Secret {
    let secret = Secret::from(&*octets);
    octets.zeroize();
    secret
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use zeroize::ZeroizeOnDrop;

    use super::*;

    /// `Hi` against another implementation of PBKDF2 (that of `ring`), for
    /// passwords shorter than, as long as and longer than a block.
    #[test]
    fn rfc5802_2_2_hi_agrees_with_another_pbkdf2() {
        for (hash, algorithm) in [
            (Hash::Sha1, ring::pbkdf2::PBKDF2_HMAC_SHA1),
            (Hash::Sha256, ring::pbkdf2::PBKDF2_HMAC_SHA256),
            (Hash::Sha512, ring::pbkdf2::PBKDF2_HMAC_SHA512),
        ] {
            for length in [1, 63, 64, 65, 127, 128, 129, 1000] {
                for iterations in [1, 2, 4096] {
                    let password = vec![b'p'; length];
                    let mut expected = vec![0; hash.output_len()];
                    ring::pbkdf2::derive(
                        algorithm,
                        iterations.try_into().unwrap(),
                        b"salt and more",
                        &password,
                        &mut expected,
                    );
                    let derivation = Derivation::new(hash, &password, b"salt and more", iterations);
                    assert_eq!(
                        derivation.finish().as_bytes(),
                        expected,
                        "{hash} {length} {iterations}"
                    );
                }
            }
        }
    }

    #[test]
    fn slices_give_the_same_key_and_do_no_more_than_told() {
        let whole = Derivation::new(Hash::Sha256, b"pencil", b"salt", 4096).finish();
        for slice in [1, 7, 1024, 4095, 4096] {
            let mut derivation = Derivation::new(Hash::Sha256, b"pencil", b"salt", 4096);
            let mut calls = 1;
            let salted = loop {
                match derivation.advance(slice) {
                    Some(salted) => break salted,
                    None => calls += 1,
                }
            };
            assert_eq!(salted, whole, "{slice}");
            assert_eq!(calls, 4095u32.div_ceil(slice), "{slice}");
        }
    }

    #[test]
    fn states_of_hashes_are_wiped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        // `HmacReset` keeps its state in the cores of these, and has no marker.
        wiped::<Sha1>();
        wiped::<Sha256>();
        wiped::<Sha512>();
    }
}

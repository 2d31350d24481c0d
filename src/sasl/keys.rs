//! What either side of SCRAM keeps in place of a password (RFC 5802 3, 5.1).
//!
//! [`ScramKeys`] are those of a server, [`ClientKeys`] those of a client, and [`Decoy`] makes keys
//! for users who do not exist. Servers store keys for years, so a change here must accept those
//! that were made before it.

use alloc::sync::Arc;
use core::fmt;

use subtle::ConstantTimeEq;

use super::hash::Derivation;
use super::{Hash, Password, Secret};
use crate::random::{Random, RandomError};

/// The fewest iterations, which RFC 5802 5.1 and RFC 7677 4 ask servers to announce at least.
pub(super) const MIN_ITERATIONS: u32 = 4096;

/// The most octets of the salt of SCRAM.
pub const MAX_SALT: usize = 256;

/// The octets of the salts that are made here.
const SALT_LENGTH: usize = 16;

/// What a server stores for one user and one hash.
///
/// They are not the password, but enough to guess it offline: protect them like one.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    hash: Hash,
    iterations: u32,
    /// `StoredKey` and `ServerKey`.
    octets: KeyOctets,
}

impl ScramKeys {
    /// Derives the keys from a password, for storing. It **blocks** for all `iterations`: tenths of
    /// a second for the larger counts.
    ///
    /// `salt` should be 16 or more random octets; [`generate`](Self::generate) makes one.
    ///
    /// # Errors
    ///
    /// [`KeysError`] if the salt is empty or longer than 256 octets, or for fewer than 4096
    /// iterations (RFC 5802 5.1).
    pub fn derive(
        hash: Hash,
        password: &Password,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, KeysError> {
        if iterations < MIN_ITERATIONS {
            return Err(KeysError::Iterations);
        }
        check_salt(salt)?;
        let salted = Derivation::new(hash, password.as_bytes(), salt, iterations).finish();
        Ok(Self::from_salted(hash, salt, iterations, &salted))
    }

    /// Derives the keys of a new password, with a fresh salt of 16 octets from `random`. **Blocks**
    /// as [`derive`](Self::derive) does.
    ///
    /// ```
    /// use xmpp_stream::sasl::{Hash, Password, ScramKeys};
    /// # use xmpp_stream::random::{Random, RandomError};
    /// # #[derive(Debug)]
    /// # struct Os;
    /// # impl Random for Os {
    /// #     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
    /// #         bytes.fill(1);
    /// #         Ok(())
    /// #     }
    /// # }
    ///
    /// // `Os`: any `Random`; with rustls, the provider's `secure_random`.
    /// let password = Password::ascii("pencil")?;
    /// let keys = ScramKeys::generate(Hash::Sha256, &password, 10_000, &Os)?;
    /// assert_eq!(keys.salt().len(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeysError::Iterations`] for fewer than 4096 iterations (RFC 5802 5.1), and
    /// [`KeysError::Random`] if `random` fails. Nothing is derived then.
    pub fn generate(
        hash: Hash,
        password: &Password,
        iterations: u32,
        random: &(impl Random + ?Sized),
    ) -> Result<Self, KeysError> {
        let mut salt = [0; SALT_LENGTH];
        random
            .fill(&mut salt)
            .map_err(|RandomError| KeysError::Random)?;
        Self::derive(hash, password, &salt, iterations)
    }

    /// Takes stored parts. Fewer than 4096 iterations are accepted, because old accounts have them,
    /// though many clients refuse them, [`ScramClient`](crate::sasl::ScramClient) included.
    ///
    /// # Errors
    ///
    /// [`KeysError`] if a key does not have the length of the hash, the salt is empty or longer
    /// than 256 octets, or the count is zero.
    pub fn from_parts(
        hash: Hash,
        salt: &[u8],
        iterations: u32,
        stored_key: &[u8],
        server_key: &[u8],
    ) -> Result<Self, KeysError> {
        check_parts(hash, salt, iterations, [stored_key, server_key])?;
        Ok(Self {
            hash,
            iterations,
            octets: KeyOctets::new(salt, stored_key, server_key),
        })
    }

    pub(super) fn from_salted(hash: Hash, salt: &[u8], iterations: u32, salted: &Secret) -> Self {
        let (_, stored_key, server_key) = expand(hash, salted);
        Self {
            hash,
            iterations,
            octets: KeyOctets::new(salt, stored_key.as_bytes(), server_key.as_bytes()),
        }
    }

    /// Returns the hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.octets.salt(self.hash)
    }

    /// Returns the iteration count.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Returns `StoredKey`, to be stored.
    #[must_use]
    pub fn stored_key(&self) -> &[u8] {
        self.octets.first(self.hash)
    }

    /// Returns `ServerKey`, to be stored.
    #[must_use]
    pub fn server_key(&self) -> &[u8] {
        self.octets.second(self.hash)
    }

    /// Starts to salt a password that claims to be the one of these keys.
    pub(super) fn derivation(&self, password: &[u8]) -> Derivation {
        Derivation::new(self.hash, password, self.salt(), self.iterations)
    }

    /// Returns whether these are the keys of this salted password, in constant time.
    pub(super) fn fits(&self, salted: &Secret) -> bool {
        let (_, stored_key, _) = expand(self.hash, salted);
        stored_key.as_bytes().ct_eq(self.stored_key()).into()
    }

    /// Returns whether `proof` was made with the client key for `auth_message`, given in parts, in
    /// constant time (RFC 5802 3).
    pub(super) fn verify(&self, auth_message: &[&[u8]], proof: &[u8]) -> bool {
        let signature = self.hash.hmac(self.stored_key(), auth_message);
        let client_key = signature.xor(proof);
        let stored_key = self.hash.digest(client_key.as_bytes());
        let fits = bool::from(stored_key.as_bytes().ct_eq(self.stored_key()));
        // `xor` stops at the shorter text, so a longer proof would pass without this check.
        fits && proof.len() == self.hash.output_len()
    }

    /// Returns `ServerSignature`.
    pub(super) fn server_signature(&self, auth_message: &[&[u8]]) -> Secret {
        self.hash.hmac(self.server_key(), auth_message)
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// What a client may keep in place of its password, to skip the derivation next time (RFC 5802
/// 5.1).
///
/// They are good for one account, as long as the server keeps salt, count and hash. Whoever has
/// them can log in: protect them like the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientKeys {
    hash: Hash,
    iterations: u32,
    /// `ClientKey` and `ServerKey`.
    octets: KeyOctets,
}

impl ClientKeys {
    /// Takes stored parts.
    ///
    /// # Errors
    ///
    /// [`KeysError`] if a key does not have the length of the hash, the salt is empty or longer
    /// than 256 octets, or the count is zero.
    pub fn from_parts(
        hash: Hash,
        salt: &[u8],
        iterations: u32,
        client_key: &[u8],
        server_key: &[u8],
    ) -> Result<Self, KeysError> {
        check_parts(hash, salt, iterations, [client_key, server_key])?;
        Ok(Self {
            hash,
            iterations,
            octets: KeyOctets::new(salt, client_key, server_key),
        })
    }

    pub(super) fn from_salted(hash: Hash, salt: &[u8], iterations: u32, salted: &Secret) -> Self {
        let (client_key, _, server_key) = expand(hash, salted);
        Self {
            hash,
            iterations,
            octets: KeyOctets::new(salt, client_key.as_bytes(), server_key.as_bytes()),
        }
    }

    /// Returns the hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.octets.salt(self.hash)
    }

    /// Returns the iteration count.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Returns `ClientKey`, to be stored.
    #[must_use]
    pub fn client_key(&self) -> &[u8] {
        self.octets.first(self.hash)
    }

    /// Returns `ServerKey`, to be stored.
    #[must_use]
    pub fn server_key(&self) -> &[u8] {
        self.octets.second(self.hash)
    }

    /// Returns whether the keys fit what the server asks for.
    pub(super) fn are_for(&self, hash: Hash, salt: &[u8], iterations: u32) -> bool {
        self.hash == hash && self.salt() == salt && self.iterations == iterations
    }

    /// Returns `ClientProof`.
    pub(super) fn proof(&self, auth_message: &[&[u8]]) -> Secret {
        let stored_key = self.hash.digest(self.client_key());
        let signature = self.hash.hmac(stored_key.as_bytes(), auth_message);
        signature.xor(self.client_key())
    }

    /// Returns `ServerSignature`.
    pub(super) fn server_signature(&self, auth_message: &[&[u8]]) -> Secret {
        self.hash.hmac(self.server_key(), auth_message)
    }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeys")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// Makes keys for users who do not exist, always the same for a name.
///
/// Without it, a server that answers an unknown name at once, or with another salt each time,
/// reveals who has an account. It hides that only as far as the decoy looks like the real accounts:
/// give it the iteration count and the salt length of new accounts, and the same secret on all
/// nodes and across restarts.
#[derive(Clone)]
pub struct Decoy {
    secret: Arc<Secret>,
    iterations: u32,
    salt_length: usize,
    plain_hash: Hash,
}

impl Decoy {
    /// Takes 32 random octets known only to this service, and the iteration count of its accounts.
    /// Salts have 16 octets.
    ///
    /// A count of zero gives the keys of one iteration, because there are none of zero.
    #[must_use]
    pub fn new(secret: &[u8; 32], iterations: u32) -> Self {
        Self {
            secret: Arc::new(secret.as_slice().into()),
            iterations: iterations.max(1),
            salt_length: SALT_LENGTH,
            plain_hash: Hash::Sha256,
        }
    }

    /// Sets the length of the salts: 1 to 64 octets.
    ///
    /// # Errors
    ///
    /// [`KeysError::SaltLength`] for a length outside that range.
    pub fn with_salt_length(self, octets: usize) -> Result<Self, KeysError> {
        if !(1..=Hash::Sha512.output_len()).contains(&octets) {
            return Err(KeysError::SaltLength);
        }
        Ok(Self {
            salt_length: octets,
            ..self
        })
    }

    /// Sets the hash of the keys that PLAIN is checked against. The default is SHA-256.
    #[must_use]
    pub fn with_plain_hash(self, hash: Hash) -> Self {
        Self {
            plain_hash: hash,
            ..self
        }
    }

    /// Returns keys for `name` that no password fits.
    #[must_use]
    pub fn keys(&self, name: &str, hash: Hash) -> ScramKeys {
        let make = |part: &[u8], length: usize| {
            let made = Hash::Sha512.hmac(
                self.secret.as_bytes(),
                &[
                    part,
                    b"\0",
                    hash.as_str().as_bytes(),
                    b"\0",
                    name.as_bytes(),
                ],
            );
            made.truncated(length)
        };
        let salt = make(b"salt", self.salt_length);
        let stored_key = make(b"stored key", hash.output_len());
        let server_key = make(b"server key", hash.output_len());
        ScramKeys {
            hash,
            iterations: self.iterations,
            octets: KeyOctets::new(
                salt.as_bytes(),
                stored_key.as_bytes(),
                server_key.as_bytes(),
            ),
        }
    }

    pub(super) const fn plain_hash(&self) -> Hash {
        self.plain_hash
    }
}

impl fmt::Debug for Decoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoy")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// The error of making keys, or a decoy.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// A key does not have the length of the hash.
    #[error("a key does not have the length of the hash")]
    KeyLength,
    /// The salt is empty or too long.
    #[error("the salt is empty or too long")]
    SaltLength,
    /// The iteration count is too low.
    #[error("the iteration count is too low")]
    Iterations,
    /// The source of randomness failed.
    #[error("no random salt could be had")]
    Random,
}

/// Returns client key, stored key and server key (RFC 5802 3).
fn expand(hash: Hash, salted: &Secret) -> (Secret, Secret, Secret) {
    let client_key = hash.hmac(salted.as_bytes(), &[b"Client Key"]);
    let stored_key = hash.digest(client_key.as_bytes());
    let server_key = hash.hmac(salted.as_bytes(), &[b"Server Key"]);
    (client_key, stored_key, server_key)
}

/// A salt and two keys, one after the other. Clones share them, and the last one wipes them.
#[derive(Clone, PartialEq, Eq)]
struct KeyOctets(Arc<Secret>);

impl KeyOctets {
    fn new(salt: &[u8], first: &[u8], second: &[u8]) -> Self {
        // `concat` allocates once.
        Self(Arc::new(Secret::new([salt, first, second].concat())))
    }

    fn salt(&self, hash: Hash) -> &[u8] {
        self.parts(hash).0
    }

    fn first(&self, hash: Hash) -> &[u8] {
        self.parts(hash).1
    }

    fn second(&self, hash: Hash) -> &[u8] {
        self.parts(hash).2
    }

    fn parts(&self, hash: Hash) -> (&[u8], &[u8], &[u8]) {
        let octets = self.0.as_bytes();
        let n = hash.output_len();
        let (salt, keys) = octets.split_at(octets.len().saturating_sub(2 * n));
        let (first, second) = keys.split_at(keys.len().min(n));
        (salt, first, second)
    }
}

fn check_parts(
    hash: Hash,
    salt: &[u8],
    iterations: u32,
    keys: [&[u8]; 2],
) -> Result<(), KeysError> {
    if keys.iter().any(|key| key.len() != hash.output_len()) {
        return Err(KeysError::KeyLength);
    }
    if iterations == 0 {
        return Err(KeysError::Iterations);
    }
    check_salt(salt)
}

fn check_salt(salt: &[u8]) -> Result<(), KeysError> {
    if (1..=MAX_SALT).contains(&salt.len()) {
        Ok(())
    } else {
        Err(KeysError::SaltLength)
    }
}

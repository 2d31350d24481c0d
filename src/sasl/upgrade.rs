//! Upgrade tasks: a client that has just logged in gives the server the keys of another hash
//! (XEP-0480 3).
//!
//! The server sends salt and iteration count, and the client answers with `SaltedPassword` (RFC 5802
//! 3). That is as good as the password for SCRAM with this hash, so it goes only where the password
//! may go: [`select_upgrade`] decides for the client. The server cannot compare it with the password
//! that it knows a hash of. A client that has not proved a password must therefore not set one:
//! offer the task only after SCRAM or PLAIN ([`MechanismName::proves_password`]), never after a
//! token, EXTERNAL or ANONYMOUS.
//!
//! The elements are the stream layer's.

use core::fmt;

use super::hash::Derivation;
use super::keys::MAX_SALT;
use super::{
    BindingUse, Capabilities, Choice, Hash, IterationBounds, KeysError, MechanismName,
    MechanismPolicy, MechanismStep, Password, SLICE, SaslCondition, SaslError, ScramKeys, Secret,
};
use crate::random::{Random, RandomError};

/// The octets of the salts that are made here.
const SALT_LENGTH: usize = 16;

/// Chooses the upgrade that a client requests with its login: the strongest of the hashes offered
/// that the policy allows and that is stronger than the one of the login. Returns `None` if there is
/// none. One is enough for a login, because each costs a derivation.
///
/// It also returns `None` where the password must not be shown to the server in another form: if the
/// login does not use a password or there is none ([`Capabilities::password`]), if the server is not
/// verified, or if the login is not bound to the channel although it could be (XEP-0480 5).
#[must_use]
pub fn select_upgrade(
    offered: impl IntoIterator<Item = Hash>,
    choice: Choice,
    capabilities: Capabilities,
    policy: MechanismPolicy,
) -> Option<Hash> {
    let mechanism = choice.mechanism();
    let login = match mechanism {
        // There is no upgrade to SHA-1: it is the weakest.
        MechanismName::Plain => Hash::Sha1,
        MechanismName::Scram(hash) | MechanismName::ScramPlus(hash) => hash,
        MechanismName::External | MechanismName::Anonymous => return None,
    };
    let bound = matches!(mechanism, MechanismName::ScramPlus(_));
    // With `DangerousIfAnnounced`, an unbound login may be one from whose offer the announcement was
    // removed. Otherwise `select` binds a login wherever both sides can.
    let trusted = match policy.binding {
        BindingUse::Preferred => true,
        BindingUse::Required | BindingUse::DangerousIfAnnounced => bound,
    };
    if !trusted || !capabilities.is_verified() || !capabilities.has_password() {
        return None;
    }
    let allowed = |hash: &Hash| {
        let allowed = policy.allowed();
        allowed.contains(MechanismName::Scram(*hash))
            || allowed.contains(MechanismName::ScramPlus(*hash))
    };
    offered
        .into_iter()
        .filter(|hash| *hash > login && allowed(hash))
        .max()
}

/// The initiating side of an upgrade task: salts the password with what the server sent.
pub struct UpgradeClient {
    hash: Hash,
    /// `None` once the answer was given.
    derivation: Option<Derivation>,
}

impl UpgradeClient {
    /// Starts, with the salt and the iteration count from `<salt/>` and the bounds of the logins.
    /// Then [`work`](Self::work) has to be called until it responds.
    ///
    /// Start it only after [`Mechanism::success`](super::Mechanism::success) has returned `Ok`: before
    /// that, the server has proved nothing.
    ///
    /// # Errors
    ///
    /// [`SaslError::Iterations`], [`SaslError::TooLong`] or [`SaslError::Malformed`] for a count or
    /// a salt that a SCRAM exchange would refuse, too. Nothing is derived then.
    pub fn new(
        hash: Hash,
        password: &Password,
        salt: &[u8],
        iterations: u32,
        bounds: IterationBounds,
    ) -> Result<Self, SaslError> {
        if salt.is_empty() {
            return Err(SaslError::Malformed);
        }
        if salt.len() > MAX_SALT {
            return Err(SaslError::TooLong);
        }
        if !bounds.contains(iterations) {
            return Err(SaslError::Iterations { count: iterations });
        }
        Ok(Self {
            hash,
            derivation: Some(Derivation::new(hash, password.as_bytes(), salt, iterations)),
        })
    }

    /// Returns the hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Does one bounded slice of the derivation. The response is the content of `<hash/>`.
    ///
    /// # Errors
    ///
    /// [`SaslError::OutOfSequence`] after the response.
    pub fn work(&mut self) -> Result<MechanismStep, SaslError> {
        let derivation = self.derivation.as_mut().ok_or(SaslError::OutOfSequence)?;
        Ok(match derivation.advance(SLICE) {
            None => MechanismStep::Working,
            Some(salted) => {
                self.derivation = None;
                MechanismStep::Respond(salted)
            }
        })
    }
}

impl fmt::Debug for UpgradeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeClient")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// The receiving side of an upgrade task: what is sent in `<salt/>`, and the keys that come of the
/// answer.
#[derive(Clone, Debug)]
pub struct UpgradeAcceptor {
    hash: Hash,
    salt: Secret,
    iterations: u32,
}

impl UpgradeAcceptor {
    /// Starts, with a fresh salt of 16 octets from `random` and the count of new accounts.
    ///
    /// # Errors
    ///
    /// [`KeysError::Iterations`] for fewer than 4096 iterations (the schema of XEP-0480), and
    /// [`KeysError::Random`] if `random` fails.
    pub fn new(
        hash: Hash,
        iterations: u32,
        random: &(impl Random + ?Sized),
    ) -> Result<Self, KeysError> {
        if iterations < super::keys::MIN_ITERATIONS {
            return Err(KeysError::Iterations);
        }
        let mut salt = [0; SALT_LENGTH];
        random
            .fill(&mut salt)
            .map_err(|RandomError| KeysError::Random)?;
        Ok(Self {
            hash,
            salt: salt.as_slice().into(),
            iterations,
        })
    }

    /// Returns the hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the content of `<salt/>`.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.salt.as_bytes()
    }

    /// Returns the iteration count of `<salt/>`.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Takes the content of `<hash/>`, and returns the keys to be stored beside those of the other
    /// hashes (XEP-0480 4).
    ///
    /// # Errors
    ///
    /// `malformed-request` if it does not have the length of the hash.
    pub fn finish(&self, salted: &Secret) -> Result<ScramKeys, SaslCondition> {
        if salted.len() != self.hash.output_len() {
            return Err(SaslCondition::MalformedRequest);
        }
        Ok(ScramKeys::from_salted(
            self.hash,
            self.salt(),
            self.iterations,
            salted,
        ))
    }
}

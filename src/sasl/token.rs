//! Tokens for fast logins, as either side keeps them (XEP-0484).
//!
//! A server stores the token itself: HT proves the knowledge of the token by an HMAC that is keyed
//! with it and covers the channel binding, so no hash of the token can take its place
//! (draft-schmaus-kitten-sasl-ht-09 3.1). A stolen store therefore lets the thief log in until the
//! tokens expire. The secret is random, so that it cannot be guessed from an exchange.
//!
//! Servers and clients store tokens for weeks, so a change of [`FastToken::to_bytes`] must go on
//! reading what was written before it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{FastMechanism, Secret};
use crate::random::{Random, RandomError};

/// The most octets of the secret of a [`FastToken`].
pub const MAX_TOKEN: usize = 1024;

/// The most octets of the expiry of a [`FastToken`]. A time of XEP-0082 is shorter.
pub const MAX_TOKEN_EXPIRY: usize = 64;

/// The random octets of the secrets that are made here. At least 16 are required
/// (draft-schmaus-kitten-sasl-ht-09 5).
const RANDOM_LENGTH: usize = 32;

/// The octets of their encoding in base64.
const ENCODED_LENGTH: usize = 43;

/// What [`FastToken::to_bytes`] begins with: the format and its version.
const MAGIC: &[u8] = b"XMPP-FAST\x01";

/// A token that takes the place of the password in one-round-trip logins of one client (XEP-0484).
///
/// It is good for one mechanism only, the one that it was requested for. Whoever has the secret can
/// log in, so protect it like a password (XEP-0484 4.1).
#[derive(Clone, PartialEq, Eq)]
pub struct FastToken {
    /// UTF-8 text without NUL.
    secret: Secret,
    mechanism: FastMechanism,
    expiry: String,
}

impl FastToken {
    /// Makes a new token for `mechanism`, of 32 octets from `random`. `expiry` is the time at which
    /// it expires (XEP-0082, e.g. `2020-03-12T14:36:15Z`); the server that makes it also judges it.
    ///
    /// # Errors
    ///
    /// [`TokenError::Expiry`], and [`TokenError::Random`] if `random` fails.
    pub fn generate(
        mechanism: FastMechanism,
        expiry: &str,
        random: &(impl Random + ?Sized),
    ) -> Result<Self, TokenError> {
        check_expiry(expiry)?;
        let mut octets = Zeroizing::new([0; RANDOM_LENGTH]);
        random
            .fill(octets.as_mut())
            .map_err(|RandomError| TokenError::Random)?;
        let mut secret = alloc::vec![0; ENCODED_LENGTH];
        // The vector has the exact length, so this cannot fail.
        let written = URL_SAFE_NO_PAD.encode_slice(octets.as_slice(), &mut secret);
        debug_assert_eq!(written, Ok(ENCODED_LENGTH));
        Ok(Self {
            secret: secret.into(),
            mechanism,
            expiry: expiry.into(),
        })
    }

    /// Takes a token from its parts: what a client received in `<token/>`, with the mechanism that it
    /// asked for, or what was stored.
    ///
    /// # Errors
    ///
    /// [`TokenError`] if the secret is empty, longer than [`MAX_TOKEN`] or not UTF-8 text without
    /// NUL, or the expiry is empty, longer than [`MAX_TOKEN_EXPIRY`] or not visible ASCII.
    pub fn from_parts(
        secret: Secret,
        mechanism: FastMechanism,
        expiry: &str,
    ) -> Result<Self, TokenError> {
        check_expiry(expiry)?;
        let text = core::str::from_utf8(secret.as_bytes()).map_err(|_| TokenError::Secret)?;
        if text.is_empty() || text.len() > MAX_TOKEN || text.contains('\0') {
            return Err(TokenError::Secret);
        }
        Ok(Self {
            secret,
            mechanism,
            expiry: expiry.into(),
        })
    }

    /// Returns the secret: UTF-8 text, the `token` of `<token/>`.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the only mechanism that the token is good for.
    #[must_use]
    pub const fn mechanism(&self) -> FastMechanism {
        self.mechanism
    }

    /// Returns the time at which the token expires, as the server wrote it. This crate has no clock
    /// and does not read it.
    #[must_use]
    pub fn expiry(&self) -> &str {
        &self.expiry
    }

    /// Returns the token as octets to be stored, the secret among them. Later versions of this crate
    /// read them.
    #[must_use]
    pub fn to_bytes(&self) -> Secret {
        let name = self.mechanism.as_str();
        let length = MAGIC.len() + name.len() + 1 + self.expiry.len() + 1 + self.secret.len();
        // A vector that grows would leave copies of the secret.
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(self.expiry.as_bytes());
        out.push(0);
        out.extend_from_slice(self.secret.as_bytes());
        out.into()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    ///
    /// [`TokenError::Format`] for anything else, and the errors of
    /// [`from_parts`](Self::from_parts).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(TokenError::Format)?;
        let mut parts = rest.splitn(3, |octet| *octet == 0);
        let (Some(name), Some(expiry), Some(secret)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Format);
        };
        let mechanism = core::str::from_utf8(name)
            .ok()
            .and_then(FastMechanism::from_name)
            .ok_or(TokenError::Format)?;
        let expiry = core::str::from_utf8(expiry).map_err(|_| TokenError::Expiry)?;
        if secret.len() > MAX_TOKEN {
            return Err(TokenError::Secret);
        }
        Self::from_parts(secret.into(), mechanism, expiry)
    }
}

/// Leaves out the secret.
impl fmt::Debug for FastToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastToken")
            .field("mechanism", &self.mechanism)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

fn check_expiry(expiry: &str) -> Result<(), TokenError> {
    let visible = expiry.bytes().all(|octet| octet.is_ascii_graphic());
    if expiry.is_empty() || expiry.len() > MAX_TOKEN_EXPIRY || !visible {
        return Err(TokenError::Expiry);
    }
    Ok(())
}

/// The error of [`FastToken`]'s constructors.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    /// The secret is empty, longer than [`MAX_TOKEN`], or not UTF-8 text without NUL.
    #[error("the secret is empty, too long or not text")]
    Secret,
    /// The expiry is empty, longer than [`MAX_TOKEN_EXPIRY`], or not visible ASCII.
    #[error("the expiry is empty, too long or not visible ASCII")]
    Expiry,
    /// The octets are no stored token, or one of a later version.
    #[error("the octets are no stored token, or one of a later version")]
    Format,
    /// The source of randomness failed.
    #[error("the source of randomness failed")]
    Random,
}

/// A token that a server has stored, and whether it still trusts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    token: FastToken,
    trust: Trust,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Valid,
    Expired,
}

impl StoredToken {
    /// Takes a token that has not expired.
    #[must_use]
    pub const fn valid(token: FastToken) -> Self {
        Self {
            token,
            trust: Trust::Valid,
        }
    }

    /// Takes a token that has expired, or is no longer trusted. A client that proves to have it gets
    /// `credentials-expired` (XEP-0484 4.2), and anybody else `not-authorized`.
    ///
    /// A server that has forgotten the token answers without it. The client then gets
    /// `not-authorized`, and goes on with its password in both cases.
    #[must_use]
    pub const fn expired(token: FastToken) -> Self {
        Self {
            token,
            trust: Trust::Expired,
        }
    }

    /// Returns the token.
    #[must_use]
    pub const fn token(&self) -> &FastToken {
        &self.token
    }

    /// Returns whether the token is no longer trusted.
    #[must_use]
    pub const fn is_expired(&self) -> bool {
        matches!(self.trust, Trust::Expired)
    }
}

/// Which of a client's two tokens (XEP-0484 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSlot {
    /// The token that was given last, and has not been used so far. The client may not have received
    /// it.
    New,
    /// The token that was used last.
    Current,
}

/// The tokens of one client, that is of one `<user-agent/>` of one account: at most two, so that a
/// client that lost a connection before a new token arrived can use the one before (XEP-0484 3.5,
/// 5.1).
///
/// The functions that return another value are the rotation of XEP-0484 5.1. Store what they return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredTokens {
    new: Option<StoredToken>,
    current: Option<StoredToken>,
}

impl StoredTokens {
    /// Returns no tokens.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns these tokens with another one in `slot`.
    #[must_use]
    pub fn with(mut self, slot: TokenSlot, token: StoredToken) -> Self {
        *self.slot(slot) = Some(token);
        self
    }

    /// Returns the token in `slot`.
    #[must_use]
    pub const fn get(&self, slot: TokenSlot) -> Option<&StoredToken> {
        match slot {
            TokenSlot::New => self.new.as_ref(),
            TokenSlot::Current => self.current.as_ref(),
        }
    }

    /// Returns the tokens after a login with the one in `used`: the new token becomes the current
    /// one, and the one before it is no longer good. A login with the current one changes nothing,
    /// because a new one must stay good until it is used (XEP-0484 3.5).
    #[must_use]
    pub fn after_use(mut self, used: TokenSlot) -> Self {
        match (used, self.new.take()) {
            (TokenSlot::New, Some(token)) => self.current = Some(token),
            (TokenSlot::Current, new) => self.new = new,
            (TokenSlot::New, None) => {}
        }
        self
    }

    /// Returns the tokens after `token` was given to the client. One that was given before and never
    /// used is no longer good (XEP-0484 3.5).
    #[must_use]
    pub fn after_issue(self, token: FastToken) -> Self {
        self.with(TokenSlot::New, StoredToken::valid(token))
    }

    fn slot(&mut self, slot: TokenSlot) -> &mut Option<StoredToken> {
        match slot {
            TokenSlot::New => &mut self.new,
            TokenSlot::Current => &mut self.current,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const EXPIRY: &str = "2020-03-12T14:36:15Z";

    #[derive(Debug)]
    struct Ascending;

    impl Random for Ascending {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::try_from(index).map_err(|_| RandomError)?;
            }
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Broken;

    impl Random for Broken {
        fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
            Err(RandomError)
        }
    }

    fn token(secret: &str) -> Result<FastToken, TokenError> {
        let secret = Secret::from(secret.as_bytes());
        FastToken::from_parts(secret, FastMechanism::HtSha256Expr, EXPIRY)
    }

    #[test]
    fn a_generated_token_is_256_random_bits_as_text() {
        let token = FastToken::generate(FastMechanism::HtSha256Endp, EXPIRY, &Ascending).unwrap();
        // `base64.urlsafe_b64encode(bytes(range(32)))` of Python, without its `=`.
        assert_eq!(
            token.secret().as_bytes(),
            b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        );
        assert_eq!(
            FastToken::generate(FastMechanism::HtSha256Endp, EXPIRY, &Broken),
            Err(TokenError::Random)
        );
    }

    #[test]
    fn what_a_token_consists_of_is_bounded_and_text() {
        let longest = "x".repeat(MAX_TOKEN);
        assert!(token(&longest).is_ok());
        for secret in ["", "a\0b", &(longest + "x")] {
            assert_eq!(token(secret), Err(TokenError::Secret), "{secret:.20?}");
        }
        let mechanism = FastMechanism::HtSha256None;
        let latin1 = Secret::from(&b"\xe4"[..]);
        assert_eq!(
            FastToken::from_parts(latin1, mechanism, EXPIRY),
            Err(TokenError::Secret)
        );
        let longest = "9".repeat(MAX_TOKEN_EXPIRY);
        assert!(FastToken::generate(mechanism, &longest, &Ascending).is_ok());
        for expiry in ["", "in a week", "2020\u{e4}", "2020\0", &(longest + "9")] {
            assert_eq!(
                FastToken::generate(mechanism, expiry, &Ascending),
                Err(TokenError::Expiry),
                "{expiry:?}"
            );
        }
    }

    #[test]
    fn a_token_is_read_back_as_it_was_stored() {
        for mechanism in FastMechanism::BY_PREFERENCE {
            let token = FastToken::generate(mechanism, EXPIRY, &Ascending).unwrap();
            let bytes = token.to_bytes();
            assert_eq!(FastToken::from_bytes(bytes.as_bytes()), Ok(token));
            // A prefix is either refused or a shorter secret, which is another token.
            for length in 0..bytes.len() {
                let cut = FastToken::from_bytes(&bytes.as_bytes()[..length]);
                assert!(cut.map_or(true, |cut| cut.secret().len() < ENCODED_LENGTH));
            }
        }
        let too_long = [MAGIC, b"HT-SHA-256-NONE\0x\0", &vec![b'x'; MAX_TOKEN + 1]].concat();
        for (bytes, error) in [
            (&b""[..], TokenError::Format),
            (
                b"XMPP-FAST\x02HT-SHA-256-NONE\0x\0secret",
                TokenError::Format,
            ),
            (
                b"XMPP-FAST\x01HT-SHA-256-UNIQ\0x\0secret",
                TokenError::Format,
            ),
            (b"XMPP-FAST\x01HT-SHA-256-NONE\0secret", TokenError::Format),
            (
                b"XMPP-FAST\x01HT-SHA-256-NONE\0\0secret",
                TokenError::Expiry,
            ),
            (b"XMPP-FAST\x01HT-SHA-256-NONE\0x\0", TokenError::Secret),
            (b"XMPP-FAST\x01HT-SHA-256-NONE\0x\0a\0b", TokenError::Secret),
            (&too_long, TokenError::Secret),
        ] {
            assert_eq!(FastToken::from_bytes(bytes), Err(error), "{bytes:.40?}");
        }
    }

    #[test]
    fn xep0484_5_1_tokens_rotate_through_two_slots() {
        let (first, second, third) = (
            token("first").unwrap(),
            token("second").unwrap(),
            token("third").unwrap(),
        );
        let in_slot = |tokens: &StoredTokens, slot| tokens.get(slot).map(|t| t.token().clone());
        let both = |tokens: &StoredTokens| {
            (
                in_slot(tokens, TokenSlot::New),
                in_slot(tokens, TokenSlot::Current),
            )
        };
        let tokens = StoredTokens::none().after_issue(first.clone());
        assert_eq!(both(&tokens), (Some(first.clone()), None));
        let tokens = tokens.after_use(TokenSlot::New);
        assert_eq!(both(&tokens), (None, Some(first.clone())));
        // The second one gets lost on its way, so the first one is used again, and the third one
        // takes the place of the second.
        let tokens = tokens.after_issue(second.clone());
        let tokens = tokens.after_use(TokenSlot::Current);
        assert_eq!(both(&tokens), (Some(second), Some(first.clone())));
        let tokens = tokens.after_issue(third.clone());
        assert_eq!(both(&tokens), (Some(third.clone()), Some(first)));
        // Once it is used, the first one is gone.
        let tokens = tokens.after_use(TokenSlot::New);
        assert_eq!(both(&tokens), (None, Some(third)));
        assert_eq!(tokens.clone().after_use(TokenSlot::New), tokens);
    }
}

//! Which mechanism of FAST a client asks a token for, and whether it may use a token that it has
//! (XEP-0484, XEP-0440).
//!
//! Both are pure functions of the offer, of what this connection has and of the policy, like
//! [`select`](super::select()).

use super::{Capabilities, FastMechanism, FastSet, FastToken, MechanismPolicy};

/// Chooses the mechanism to request a token for: the preferred one
/// ([`FastMechanism::BY_PREFERENCE`]) that is offered in `<fast/>`, whose channel binding this
/// connection has, and which the policy allows. Returns `None` if there is none, or if the server is
/// not verified (XEP-0484 6).
///
/// A man in the middle that the client trusts can remove mechanisms from `<fast/>`, which
/// XEP-0474 does not cover, and so get a token without channel binding; the login in which it is
/// requested has then been his already. Under
/// [`BindingUse::Required`](super::BindingUse::Required), and with [`FastSet::bound`] in
/// [`MechanismPolicy::fast`], no such token is requested.
#[must_use]
pub fn select_fast(
    offered: FastSet,
    capabilities: Capabilities,
    policy: MechanismPolicy,
) -> Option<FastMechanism> {
    offered
        .iter()
        .find(|mechanism| check(*mechanism, offered, capabilities, policy).is_ok())
}

/// Returns whether a token may be used on this connection. Its mechanism is that of its issue, so a
/// token that is bound to the channel is never used without that binding.
///
/// Whether the token has expired is up to the caller, who has a clock. A token that the server
/// refuses is discarded (XEP-0484 4.1).
///
/// # Errors
///
/// [`TokenUnusable`] says why it may not. The token may be usable on another connection.
pub fn check_token(
    token: &FastToken,
    offered: FastSet,
    capabilities: Capabilities,
    policy: MechanismPolicy,
) -> Result<(), TokenUnusable> {
    check(token.mechanism(), offered, capabilities, policy)
}

fn check(
    mechanism: FastMechanism,
    offered: FastSet,
    capabilities: Capabilities,
    policy: MechanismPolicy,
) -> Result<(), TokenUnusable> {
    if !capabilities.is_verified() {
        Err(TokenUnusable::NotVerified)
    } else if !offered.contains(mechanism) {
        Err(TokenUnusable::NotOffered)
    } else if !policy.allowed_fast().contains(mechanism) {
        Err(TokenUnusable::NotAllowed)
    } else if !mechanism
        .binding()
        .is_none_or(|kind| capabilities.has_binding(kind))
    {
        Err(TokenUnusable::NoBinding)
    } else {
        Ok(())
    }
}

/// Why a token may not be used on this connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenUnusable {
    /// The server's certificate was not verified (XEP-0484 6).
    #[error("the server is not verified")]
    NotVerified,
    /// The server does not offer the token's mechanism in `<fast/>`.
    #[error("the server does not offer the token's mechanism")]
    NotOffered,
    /// The policy does not allow the token's mechanism.
    #[error("the policy does not allow the token's mechanism")]
    NotAllowed,
    /// The connection does not have the token's channel binding.
    #[error("the connection does not have the token's channel binding")]
    NoBinding,
    /// The client has no id to use the token with (XEP-0484 4.1).
    #[error("a token needs a user agent with an id")]
    NoClientId,
}

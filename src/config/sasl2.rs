//! What a client asks for with its login by SASL2 (XEP-0388), and what it remembers of a server.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::sasl::FastToken;
use crate::stream::Features;
use crate::stream::sasl2::{InlineXml, MAX_BIND_FEATURES, MAX_TAG_BYTES, UserAgent};
use crate::xml::StanzaBuf;

/// How a client uses SASL2 where the server offers it.
///
/// The defaults bind a resource in the same exchange (XEP-0386), with the resource of the account's
/// address as the tag, and enable or resume stream management in it where that is configured.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Sasl2Options {
    /// What the client says of itself.
    pub(crate) user_agent: Option<UserAgent>,
    /// What the server's resource begins with; `None` takes the wanted resource.
    pub(crate) tag: Option<String>,
    /// What is enabled together with the resource.
    pub(crate) features: Vec<InlineFeature>,
    pub(crate) pipelining: Pipelining,
    /// The token of an earlier login.
    pub(crate) token: Option<TokenUse>,
    pub(crate) token_request: TokenRequest,
    pub(crate) upgrades: Upgrades,
}

/// Whether a server is given keys for further hashes (XEP-0480).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Upgrades {
    #[default]
    On,
    Off,
}

/// How the token of an earlier login is used (XEP-0484 3.4).
#[derive(Clone, Debug)]
pub(crate) struct TokenUse {
    pub(crate) token: FastToken,
    pub(crate) count: Option<u32>,
    pub(crate) fallback: TokenFallback,
    pub(crate) after: AfterUse,
}

/// What becomes of a token after its use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AfterUse {
    #[default]
    Keep,
    Invalidate,
}

/// Whether a token is asked for (XEP-0484 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TokenRequest {
    #[default]
    Off,
    On,
}

/// What a client does where its token cannot be used, or is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenFallback {
    /// It logs in with its other credentials (XEP-0484 4.1).
    #[default]
    Credentials,
    /// The login has failed.
    End,
}

/// A feature that is enabled together with the resource (XEP-0386 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InlineFeature {
    /// The name that the server offers it by.
    pub(crate) var: String,
    /// The element that asks for it.
    pub(crate) xml: InlineXml,
}

/// Whether a client writes `<authenticate/>` before it has read the server's features.
///
/// It spares one round trip. Only mechanisms whose client sends one message are pipelined: PLAIN,
/// EXTERNAL, ANONYMOUS and those of FAST. SCRAM waits, because it proves what the server offered on
/// this very stream (XEP-0474). XEP-0388 2.1 allows to remember the features for that, which do not
/// change between streams from and to the same addresses under the same protection. The client
/// compares them with those that arrive, before it reads any answer; where a mechanism is gone, the
/// server refuses the attempt and the client makes another one. What is remembered of a server must
/// not be used for another one, or for another account.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Pipelining {
    /// It waits for the features, and remembers nothing.
    #[default]
    Off,
    /// It waits for the features, and remembers them
    /// ([`Initiator::known_features`](crate::Initiator::known_features)).
    Learn,
    /// It goes by what was remembered of the last login with this server, and remembers what it reads
    /// now.
    Known(KnownFeatures),
}

/// The features of a server at an earlier login: what [`Pipelining::Known`] needs.
///
/// It holds no secret. The application stores it as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFeatures(Arc<str>);

/// Why a text is not the features of an earlier login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the features of a server that offers SASL2")]
pub struct KnownFeaturesError;

/// Why an option of SASL2 cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Sasl2OptionsError {
    /// The tag is empty, or longer than [`MAX_TAG_BYTES`].
    #[error("the tag is empty or too long")]
    Tag,
    /// There are [`MAX_BIND_FEATURES`] features already.
    #[error("too many features")]
    Features,
}

/// The longest features that are remembered, in bytes.
const MAX_KNOWN_BYTES: usize = 8192;

impl Sasl2Options {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the client says of itself (XEP-0388 2.3). Tokens are issued only to a client with an
    /// id of its own (XEP-0484 4.1).
    pub fn user_agent(mut self, agent: UserAgent) -> Self {
        self.user_agent = Some(agent);
        self
    }

    /// Sets what the resource begins with that the server chooses (XEP-0386 3.2): as a rule the name
    /// of the software. Others can see it.
    ///
    /// # Errors
    /// [`Sasl2OptionsError::Tag`] if it is empty or too long.
    pub fn tag(mut self, tag: &str) -> Result<Self, Sasl2OptionsError> {
        if tag.is_empty() || tag.len() > MAX_TAG_BYTES {
            return Err(Sasl2OptionsError::Tag);
        }
        self.tag = Some(tag.into());
        Ok(self)
    }

    /// Enables a feature together with the resource, where the server offers it by the name `var`
    /// (XEP-0386 3.1): for carbons, `urn:xmpp:carbons:2` and `<enable xmlns='urn:xmpp:carbons:2'/>`.
    /// Stream management is enabled without being named here. What the server answers is in
    /// [`Authenticated::success`](crate::event::Authenticated::success).
    ///
    /// # Errors
    /// [`Sasl2OptionsError::Features`] if there are too many.
    pub fn feature(mut self, var: &str, request: InlineXml) -> Result<Self, Sasl2OptionsError> {
        // Stream management takes one of them.
        if self.features.len() + 1 >= MAX_BIND_FEATURES {
            return Err(Sasl2OptionsError::Features);
        }
        self.features.push(InlineFeature {
            var: var.into(),
            xml: request,
        });
        Ok(self)
    }

    /// Asks for a token for later logins, where the server offers one (XEP-0484 3.2), unless this login
    /// uses one itself. [`Initiator::take_token`](crate::Initiator::take_token) returns it. The
    /// [user agent](Self::user_agent) needs an id; without one no token is asked for.
    pub fn request_token(mut self) -> Self {
        self.token_request = TokenRequest::On;
        self
    }

    /// Logs in with the token of an earlier login, where the server offers its mechanism and the
    /// connection has its channel binding (XEP-0484 3.4). Otherwise, and if the server refuses it,
    /// `fallback` says what follows. A token that was refused is to be discarded (XEP-0484 4.1). The
    /// [user agent](Self::user_agent) needs the id that the token was issued to (XEP-0484 4.1); without
    /// one the token cannot be used.
    ///
    /// Discard it too where the login with it has failed by
    /// [`Refused`](crate::close::AuthenticationReason::Refused), whatever the condition: the
    /// `mod_sasl2_fast` of prosody-modules (2023-02) takes no other mechanism on a stream on which it
    /// has refused a token. It answers `invalid-mechanism`, and the next connection needs the
    /// credentials.
    ///
    /// The application watches the [expiry](FastToken::expiry), because it has a clock.
    pub fn token(mut self, token: FastToken, fallback: TokenFallback) -> Self {
        self.token = Some(TokenUse {
            token,
            count: None,
            fallback,
            after: AfterUse::Keep,
        });
        self
    }

    /// Says how often the token was used, this time included, in `count` (XEP-0484 3.4). Servers need
    /// it only for TLS 0-RTT, which this crate does not use. Without a token it does nothing.
    pub fn token_count(mut self, count: u32) -> Self {
        if let Some(token) = &mut self.token {
            token.count = Some(count);
        }
        self
    }

    /// Has the server forget the token after this login (XEP-0484 3.6): to log out. Without a token it
    /// does nothing.
    pub fn invalidate_token(mut self) -> Self {
        if let Some(token) = &mut self.token {
            token.after = AfterUse::Invalidate;
        }
        self
    }

    /// Does not give a server the keys of the password for a stronger hash. By default a client does,
    /// where the server asks for them after a login with the password and the policy allows the hash
    /// (XEP-0480 2.2).
    pub fn without_upgrades(mut self) -> Self {
        self.upgrades = Upgrades::Off;
        self
    }

    /// Whether the client has an id, which tokens belong to.
    pub(crate) fn has_client_id(&self) -> bool {
        self.user_agent
            .as_ref()
            .is_some_and(|agent| agent.id().is_some())
    }

    /// Sets whether `<authenticate/>` is written before the features are read. The default is
    /// [`Pipelining::Off`].
    pub fn pipelining(mut self, pipelining: Pipelining) -> Self {
        self.pipelining = pipelining;
        self
    }
}

impl KnownFeatures {
    /// Reads what [`as_str`](Self::as_str) returned.
    ///
    /// # Errors
    /// [`KnownFeaturesError`] if the text is no `<stream:features/>` that offers SASL2, or longer than
    /// 8 KiB.
    pub fn parse(text: &str) -> Result<Self, KnownFeaturesError> {
        let parsed = Self(text.into()).to_stanza().ok_or(KnownFeaturesError)?;
        match Features::read(parsed.as_stanza().as_element()) {
            Some(features) if features.class().sasl2 => Ok(Self(text.into())),
            _ => Err(KnownFeaturesError),
        }
    }

    /// Returns the features as text: one element, standing alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Remembers features just received, unless they are too long.
    pub(crate) fn learn(features: &Features<'_>) -> Option<Self> {
        let text = features.element().standalone();
        (text.len() <= MAX_KNOWN_BYTES).then(|| Self((*text).into()))
    }

    /// The features as an element.
    pub(crate) fn to_stanza(&self) -> Option<StanzaBuf> {
        (self.0.len() <= MAX_KNOWN_BYTES)
            .then(|| StanzaBuf::parse(&self.0).ok())
            .flatten()
    }
}

//! What travels with a client's login by SASL2: the resource (XEP-0386) and stream management
//! (XEP-0198 9).
//!
//! Only what the server offers is asked for, and only what was asked for is taken from `<success/>`.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::{AfterUse, InitiatorConfig, Sasl2Options, TokenUse};
use crate::connection::context::Context;
use crate::connection::management::Management;
use crate::jid::Jid;
use crate::sasl::{FastMechanism, FastSet, FastToken, Hash, Secret};
use crate::stream::sasl2::{
    AuthenticateOut, FastUse, InlineBindOut, InlineResumption, InlineXml, Success, upgrade_hash,
    write_authenticate,
};
use crate::stream::{
    Features, Input, LoginOutcome, ManagementElement, ManagementResult, SaslResult, ns,
};

/// The inline requests of a login.
#[derive(Debug)]
pub(super) struct InlineRequests {
    config: Arc<InitiatorConfig>,
    offer: InlineOffer,
    asked: Asked,
    /// The resource that the last login bound.
    bound: Option<Jid>,
    /// The token that the last login brought.
    token: Option<FastToken>,
}

/// What the server offers to do with the login.
#[derive(Debug, Default)]
struct InlineOffer {
    /// To resume a session.
    resume: bool,
    /// To bind a resource, and to enable these features with it.
    bind: Option<BindOffer>,
    /// To use tokens for these mechanisms, and to ask for them.
    fast: FastSet,
    /// To be given the keys for these hashes.
    upgrades: Vec<Hash>,
}

#[derive(Debug, Default)]
struct BindOffer {
    /// Stream management.
    management: bool,
    /// Of the configured features, those that are offered.
    features: Vec<InlineXml>,
}

/// What the last `<authenticate/>` has asked for.
#[derive(Debug, Default)]
struct Asked {
    resume: bool,
    bind: bool,
    enable: bool,
    /// The mechanism that a token was asked for, or used with.
    token: Option<FastMechanism>,
}

/// The server's `<success/>` brings what was not asked for, or not what was.
pub(super) struct Unexpected;

impl InlineRequests {
    pub(super) fn new(config: Arc<InitiatorConfig>) -> Self {
        Self {
            config,
            offer: InlineOffer::default(),
            asked: Asked::default(),
            bound: None,
            token: None,
        }
    }

    /// Reads what the server offers to do with the login.
    pub(super) fn read_offer(&mut self, features: &Features<'_>) {
        let Some(authentication) = features.authentication() else {
            self.offer = InlineOffer::default();
            return;
        };
        let configured = self.options().map_or(&[][..], |options| &options.features);
        let bind = authentication.inline_bind().map(|bind| BindOffer {
            management: bind.features().any(|var| var == ns::MANAGEMENT),
            features: configured
                .iter()
                .filter(|feature| bind.features().any(|var| var == feature.var))
                .map(|feature| feature.xml.clone())
                .collect(),
        });
        let fast = authentication.fast_mechanisms().into_iter().flatten();
        self.offer = InlineOffer {
            resume: authentication.inline_management(),
            bind,
            fast: fast.fold(FastSet::EMPTY, |set, name| set.with_name(&name)),
            upgrades: authentication
                .upgrades()
                .filter_map(|name| upgrade_hash(&name))
                .collect(),
        };
    }

    /// The mechanisms of FAST that the server offers.
    pub(super) const fn fast(&self) -> FastSet {
        self.offer.fast
    }

    /// The hashes that the server would like to have keys for.
    pub(super) fn upgrades(&self) -> impl Iterator<Item = Hash> {
        self.offer.upgrades.iter().copied()
    }

    /// Writes `<authenticate/>`. `used` is the token that the login uses, `request` the mechanism to
    /// ask for one, and `upgrade` the task that is asked for.
    pub(super) fn write(
        &mut self,
        mechanism: &str,
        data: Option<&Secret>,
        used: Option<&TokenUse>,
        request: Option<FastMechanism>,
        upgrade: Option<&str>,
        cx: &mut Context<'_>,
    ) {
        let management = cx.management.as_deref();
        let resume = management
            .filter(|_| self.offer.resume)
            .and_then(|sm| sm.resumption());
        // A session that cannot be resumed with the login is resumed after it, in the place of binding
        // (XEP-0198 5). Whether the server has that is known only then: one that has neither gives up
        // the session, and the next login binds.
        let resumes_later = resume.is_none()
            && management.is_some_and(|management| management.resumption().is_some());
        let bind = self.offer.bind.as_ref().filter(|_| !resumes_later);
        let enable = management
            .filter(|_| bind.is_some_and(|bind| bind.management))
            .map(Management::inline_enable);
        self.asked = Asked {
            resume: resume.is_some(),
            bind: bind.is_some(),
            enable: enable.is_some(),
            token: request.or(used.map(|used| used.token.mechanism())),
        };
        let options = self.options();
        let wanted = self.config.account.resource();
        let request = AuthenticateOut {
            mechanism,
            initial_response: data,
            user_agent: options.and_then(|options| options.user_agent.as_ref()),
            bind: bind.map(|bind| InlineBindOut {
                tag: options
                    .and_then(|options| options.tag.as_deref())
                    .or(wanted),
                enable,
                features: &bind.features,
            }),
            resume,
            fast: used.map(|used| FastUse {
                count: used.count,
                invalidate: used.after == AfterUse::Invalidate,
            }),
            request_token: request.map(FastMechanism::as_str),
            upgrades: upgrade.as_slice(),
        };
        cx.out
            .push_secret_element(request.max_len(), |out| write_authenticate(out, &request));
    }

    /// Takes what came with the verified `<success/>`.
    ///
    /// # Errors
    /// [`Unexpected`].
    pub(super) fn read_success(
        &mut self,
        success: &Success<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Input, Unexpected> {
        let asked = core::mem::take(&mut self.asked);
        // A server that rotates a token sends the new one without being asked (XEP-0484 3.5).
        self.token = match (&success.token, asked.token) {
            (Some(issued), Some(mechanism)) => {
                let (secret, expiry) = (issued.token.clone(), &issued.expiry);
                Some(FastToken::from_parts(secret, mechanism, expiry).map_err(|_| Unexpected)?)
            }
            (Some(_), None) => return Err(Unexpected),
            (None, _) => None,
        };
        let management = cx.management.as_deref_mut();
        match (&success.resumption, management) {
            (InlineResumption::Resumed { h, previd }, Some(management)) if asked.resume => {
                let resumed = ManagementElement::Resumed {
                    h: *h,
                    previd: Cow::Borrowed(previd),
                };
                return match management.check_resumed(&resumed) {
                    ManagementResult::Resumed => {
                        self.bound = management.jid().cloned();
                        Ok(completed(LoginOutcome::Resumed))
                    }
                    ManagementResult::TooHigh => Ok(Input::Managed(ManagementResult::TooHigh)),
                    _ => Err(Unexpected),
                };
            }
            (InlineResumption::Resumed { .. }, _) => return Err(Unexpected),
            (InlineResumption::Failed { h }, Some(management)) if asked.resume => {
                management.inline_refused(*h);
            }
            // XEP-0198 9.2 wants a word of it; there is none, and no session either.
            (_, Some(management)) if asked.resume => management.inline_refused(None),
            _ => {}
        }
        let Some(bound) = &success.bound else {
            return Ok(completed(LoginOutcome::Authenticated));
        };
        if !asked.bind {
            return Err(Unexpected);
        }
        if let (Some(element), Some(management), true) = (
            &bound.management,
            cx.management.as_deref_mut(),
            asked.enable,
        ) {
            management.inline_enabled(element);
        }
        self.bound = Some(success.authorization_identifier.clone());
        Ok(completed(LoginOutcome::Bound))
    }

    /// The token that the login brought, once.
    pub(super) fn take_token(&mut self) -> Option<FastToken> {
        self.token.take()
    }

    /// The address that the login has bound, once.
    pub(super) fn take_bound(&mut self) -> Option<Jid> {
        self.bound.take()
    }

    fn options(&self) -> Option<&Sasl2Options> {
        self.config.sasl2.as_deref()
    }
}

const fn completed(outcome: LoginOutcome) -> Input {
    Input::Sasl(SaslResult::Completed(outcome))
}

//! The client's side of SASL (RFC 6120 6.4): which mechanism is chosen, how it runs, and why it
//! failed.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::inline::{InlineRequests, Unexpected};
use super::offer::{challenge, offer, record, refusal};
use super::task::Upgrade;
use crate::close::AuthenticationReason;
use crate::config::{
    Credentials, InitiatorConfig, KnownFeatures, Pipelining, TokenFallback, TokenRequest, Upgrades,
};
use crate::connection::context::Context;
use crate::connection::login::{Exchange, ExchangeName};
use crate::connection::role::NoRandomness;
use crate::jid::Jid;
use crate::sasl::{
    self, AnonymousClient, BindingFlag, Capabilities, ClientKeys, ExternalClient, FastMechanism,
    FastToken, Hash, HtClient, LoginPin, LoginResult, Mechanism, MechanismName, MechanismOffer,
    MechanismSet, MechanismStep, OfferRecord, PinnedError, PlainClient, SaslCondition, SaslError,
    SaslProfile, ScramClient, ScramCredentials, Secret, TokenUnusable, Username,
};
use crate::stream::sasl2::Sasl2Element;
use crate::stream::{
    Content, Features, FirstLevelElement, Input, SaslElement, SaslResult, sasl as wire,
};
use crate::tls;

/// The login of an initiating entity.
#[derive(Debug)]
pub(super) struct ClientLogin {
    config: Arc<InitiatorConfig>,
    exchange: Exchange<dyn Mechanism>,
    profile: SaslProfile,
    /// What the server offered on this stream.
    offer: Option<MechanismOffer>,
    /// Mechanisms that failed in a way that leaves the others open.
    failed: MechanismSet,
    /// Whether the configured token may still be tried.
    token: TokenState,
    /// The names that the server offers in the profile that is spoken, for XEP-0474.
    record: OfferRecord,
    /// Why the login failed, as far as it is known.
    reason: Option<AuthenticationReason>,
    /// The SCRAM keys of the login that just worked.
    keys: Option<ClientKeys>,
    /// What travels with a login by SASL2.
    inline: InlineRequests,
    upgrade: Upgrade,
    /// What the mechanism that runs was chosen as.
    choice: Option<sasl::Choice>,
    /// What the mechanism has proved, once it has verified the server.
    verified: Option<LoginResult>,
    /// What later logins must not fall below.
    pin: Option<LoginPin>,
    /// The features that a later login may go by.
    learned: Option<KnownFeatures>,
}

/// Whether the configured token has been tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenState {
    Untried,
    Refused,
}

/// How many messages the mechanisms that may be chosen take of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Messages {
    One,
    Any,
}

impl ClientLogin {
    pub(super) fn new(config: Arc<InitiatorConfig>) -> Self {
        Self {
            inline: InlineRequests::new(config.clone()),
            upgrade: Upgrade::None,
            choice: None,
            verified: None,
            pin: None,
            config,
            exchange: Exchange::new(),
            profile: SaslProfile::Sasl,
            offer: None,
            failed: MechanismSet::EMPTY,
            token: TokenState::Untried,
            record: OfferRecord::new([]),
            reason: None,
            keys: None,
            learned: None,
        }
    }

    /// The profile that is spoken.
    pub(super) const fn profile(&self) -> SaslProfile {
        self.profile
    }

    /// The name of the mechanism that runs, or ran last.
    pub(super) fn mechanism_name(&self) -> &str {
        self.exchange.name()
    }

    /// The mechanism of the token that the login uses, if it uses one.
    pub(super) const fn used_token(&self) -> Option<FastMechanism> {
        self.exchange.token()
    }

    /// The token that a login by SASL2 brought, once.
    pub(super) fn take_token(&mut self) -> Option<FastToken> {
        self.inline.take_token()
    }

    /// The address that a login by SASL2 has bound, once.
    pub(super) fn take_bound(&mut self) -> Option<Jid> {
        self.inline.take_bound()
    }

    /// What a later login may go by, once this one has worked.
    pub(super) const fn learned(&self) -> Option<&KnownFeatures> {
        self.learned.as_ref()
    }

    pub(super) fn take_keys(&mut self) -> Option<ClientKeys> {
        self.keys.take()
    }

    pub(super) const fn is_working(&self) -> bool {
        self.exchange.is_working() || self.upgrade.is_working()
    }

    /// What later logins must not fall below, once this one has worked.
    pub(super) const fn pin(&self) -> Option<LoginPin> {
        self.pin
    }

    /// The data of `<response/>`; a mechanism that has none sends an empty one.
    pub(super) fn take_reply(&mut self) -> Secret {
        self.exchange.take_reply().unwrap_or_default()
    }

    /// Chooses the strongest acceptable mechanism of the offer, or the next one after a failure that
    /// leaves others open (RFC 6120 6.4.5). `verified` proves who the server is.
    pub(super) fn choose(
        &mut self,
        profile: SaslProfile,
        element: Option<&FirstLevelElement<'_>>,
        verified: Option<tls::Verified>,
        cx: &mut Context<'_>,
    ) -> SaslResult {
        let Some(element) = element else {
            cx.defect("mechanisms are chosen without an offer");
            return SaslResult::Exhausted;
        };
        if let Content::Features(features) = element.content() {
            self.read_offer(profile, features);
        } else if !self.record_failure(refusal(element)) {
            return SaslResult::Exhausted;
        }
        self.select(Messages::Any, verified, cx)
    }

    /// Chooses by what was remembered of the server, before its features are read. `None` if there is
    /// nothing to go by.
    pub(super) fn pipeline(
        &mut self,
        verified: Option<tls::Verified>,
        cx: &mut Context<'_>,
    ) -> Option<SaslResult> {
        let config = self.config.clone();
        let Pipelining::Known(known) = &config.sasl2.as_ref()?.pipelining else {
            return None;
        };
        let stanza = known.to_stanza()?;
        let features = Features::read(stanza.as_stanza().as_element())?;
        self.read_offer(SaslProfile::Sasl2, &features);
        let result = self.select(Messages::One, verified, cx);
        if result == SaslResult::Send {
            return Some(result);
        }
        // The features themselves may say more.
        self.reason = None;
        None
    }

    /// Compares a pipelined `<authenticate/>` with the features that it did not wait for.
    pub(super) fn confirm(&mut self, element: Option<&FirstLevelElement<'_>>) -> SaslResult {
        let Some(Content::Features(features)) = element.map(FirstLevelElement::content) else {
            return SaslResult::Failed;
        };
        // The server refuses a mechanism that it does not offer any more; the next attempt goes by
        // these features.
        self.read_offer(SaslProfile::Sasl2, features);
        SaslResult::Send
    }

    /// Reads what the server offers in this profile.
    fn read_offer(&mut self, profile: SaslProfile, features: &Features<'_>) {
        self.profile = profile;
        self.offer = Some(offer(profile, features));
        self.record = record(profile, features);
        if profile == SaslProfile::Sasl2 {
            self.inline.read_offer(features);
            self.learned = match self
                .config
                .sasl2
                .as_ref()
                .map(|options| &options.pipelining)
            {
                None | Some(Pipelining::Off) => None,
                Some(_) => KnownFeatures::learn(features),
            };
        }
    }

    fn select(
        &mut self,
        messages: Messages,
        verified: Option<tls::Verified>,
        cx: &mut Context<'_>,
    ) -> SaslResult {
        match self.select_token(verified, cx) {
            Ok(true) => return SaslResult::Send,
            Ok(false) => {}
            Err(reason) => {
                self.reason.get_or_insert(reason);
                return SaslResult::Exhausted;
            }
        }
        // What was refused leaves the offer and not the policy, so that a refused -PLUS mechanism is
        // never followed by its unbound form.
        let offer = self
            .failed
            .iter()
            .fold(self.offer.unwrap_or_default(), MechanismOffer::refused);
        let capabilities = self.capabilities(verified, cx);
        self.choice = None;
        let selected = match self.config.pin {
            Some(pin) => {
                sasl::select_pinned(offer, capabilities, self.config.sasl, self.profile, pin)
            }
            None => sasl::select(offer, capabilities, self.config.sasl).map_err(PinnedError::from),
        };
        let choice = match selected {
            Ok(choice) if messages == Messages::One && is_scram(choice.mechanism()) => {
                return SaslResult::Exhausted;
            }
            Ok(choice) => choice,
            Err(error) => {
                self.reason.get_or_insert(match error {
                    PinnedError::Select(error) => AuthenticationReason::NoMechanism(error),
                    PinnedError::Pin(breach) => AuthenticationReason::Pin(breach),
                });
                return SaslResult::Exhausted;
            }
        };
        match self.build(choice, cx) {
            Ok(Some(mechanism)) => {
                let name = ExchangeName::Listed(choice.mechanism());
                self.exchange.begin(name, mechanism);
                self.choice = Some(choice);
                // This attempt makes up for the failure before it.
                self.reason = None;
                SaslResult::Send
            }
            Ok(None) => SaslResult::Exhausted,
            Err(NoRandomness) => {
                cx.no_randomness();
                SaslResult::Exhausted
            }
        }
    }

    /// Chooses the configured token, if it can be used here (XEP-0484 3.4).
    ///
    /// # Errors
    /// It cannot, and the configuration says that the login has failed then.
    fn select_token(
        &mut self,
        verified: Option<tls::Verified>,
        cx: &Context<'_>,
    ) -> Result<bool, AuthenticationReason> {
        let config = self.config.clone();
        let used = config
            .sasl2
            .as_deref()
            .and_then(|options| options.token.as_ref());
        let (Some(used), SaslProfile::Sasl2) = (used, self.profile) else {
            return match used {
                Some(used) if used.fallback == TokenFallback::End => {
                    Err(AuthenticationReason::Token(TokenUnusable::NotOffered))
                }
                _ => Ok(false),
            };
        };
        let capabilities = self.capabilities(verified, cx);
        let usable = match self.token {
            TokenState::Refused => return Ok(false),
            TokenState::Untried if !config.sasl2.as_ref().is_some_and(|o| o.has_client_id()) => {
                Err(TokenUnusable::NoClientId)
            }
            TokenState::Untried => {
                sasl::check_token(&used.token, self.inline.fast(), capabilities, config.sasl)
            }
        };
        match (usable, used.fallback) {
            (Ok(()), _) => {}
            (Err(_), TokenFallback::Credentials) => return Ok(false),
            (Err(unusable), TokenFallback::End) => {
                return Err(AuthenticationReason::Token(unusable));
            }
        }
        let kind = used.token.mechanism().binding();
        let binding = kind.and_then(|kind| cx.channel_binding(kind));
        let username = self.token_username();
        let client =
            username.and_then(|username| HtClient::new(&username, &used.token, binding.as_slice()));
        match client {
            Some(client) => {
                let name = ExchangeName::Token(used.token.mechanism());
                self.exchange.begin(name, Box::new(client));
                self.reason = None;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The name that a token is used with: that of the credentials, or of the account.
    fn token_username(&self) -> Option<Username> {
        match self.config.credentials() {
            Some(Credentials::Password { username, .. } | Credentials::Keys { username, .. }) => {
                Some(username.clone())
            }
            _ => Username::prepared(self.config.account.local()?).ok(),
        }
    }

    /// The mechanism to ask a token for, if one is to be asked for.
    fn token_request(
        &self,
        verified: Option<tls::Verified>,
        cx: &Context<'_>,
    ) -> Option<FastMechanism> {
        let options = self.config.sasl2.as_deref()?;
        let is_asked = options.token_request == TokenRequest::On
            && options.has_client_id()
            && self.exchange.token().is_none();
        is_asked
            .then(|| {
                let capabilities = self.capabilities(verified, cx);
                sasl::select_fast(self.inline.fast(), capabilities, self.config.sasl)
            })
            .flatten()
    }

    /// The hash to give the server keys for, if it is to be given any.
    fn upgrade_request(&self, verified: Option<tls::Verified>, cx: &Context<'_>) -> Option<Hash> {
        let options = self.config.sasl2.as_deref()?;
        let capabilities = self.capabilities(verified, cx);
        let upgrades = self.inline.upgrades();
        match options.upgrades {
            Upgrades::On => {
                sasl::select_upgrade(upgrades, self.choice?, capabilities, self.config.sasl)
            }
            Upgrades::Off => None,
        }
    }

    /// Lets the mechanism verify `<continue/>`, and begins the task that was asked for.
    pub(super) fn run_continue(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Input {
        let Some(element) = element else {
            cx.defect("tasks without their element");
            return Input::Sasl(SaslResult::Failed);
        };
        let Ok(Sasl2Element::Continue(tasks)) = Sasl2Element::read(&element.element()) else {
            return self.failed(SaslError::Malformed);
        };
        if let Err(error) = self.conclude(tasks.additional_data.as_ref()) {
            return self.failed(error);
        }
        if self.upgrade.begin(tasks.tasks.iter().map(|task| &**task)) {
            return Input::Sasl(SaslResult::Send);
        }
        self.reason = Some(AuthenticationReason::Task);
        Input::Sasl(SaslResult::Failed)
    }

    /// Writes `<next/>`.
    pub(super) fn send_next(&self, cx: &mut Context<'_>) {
        self.upgrade.write_next(cx);
    }

    /// Begins to work on what the task asks for.
    pub(super) fn run_task(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        let config = self.config.clone();
        let (Some(element), Some(Credentials::Password { password, .. })) =
            (element, config.credentials())
        else {
            cx.defect("a task without its element or password");
            return None;
        };
        let salted = self.upgrade.salt(element, password, config.iterations);
        salted.err().map(|error| self.failed(error))
    }

    /// Writes the task's answer.
    pub(super) fn send_task_data(&mut self, cx: &mut Context<'_>) {
        self.upgrade.write_data(cx);
    }

    /// Lets the mechanism verify the server, unless it has done that at a `<continue/>`.
    fn conclude(&mut self, data: Option<&Secret>) -> Result<(), SaslError> {
        if self.verified.is_some() {
            return match data {
                None => Ok(()),
                Some(_) => Err(SaslError::Malformed),
            };
        }
        let mut mechanism = self.exchange.take().ok_or(SaslError::OutOfSequence)?;
        self.verified = Some(mechanism.success(data.map(Secret::as_bytes))?);
        Ok(())
    }

    /// Keeps what the login that has worked is good for.
    fn keep(&mut self) {
        let Some(result) = self.verified.take() else {
            return;
        };
        // A token has a pin of its own: its mechanism.
        let found = self
            .choice
            .map(|choice| LoginPin::of(choice, self.profile, &result));
        self.pin = match (self.config.pin, found) {
            (Some(pin), Some(found)) => Some(pin.raised(found)),
            (pin, found) => pin.or(found),
        };
        self.keys = result.into_client_keys();
    }

    /// Writes `<auth/>` or `<authenticate/>`.
    pub(super) fn send_auth(
        &mut self,
        profile: SaslProfile,
        verified: Option<tls::Verified>,
        cx: &mut Context<'_>,
    ) {
        let Some(mut mechanism) = self.exchange.take() else {
            return cx.defect("no mechanism was chosen");
        };
        match mechanism.initial() {
            Ok(data) => {
                let name = self.exchange.name();
                match profile {
                    SaslProfile::Sasl => {
                        let length = data.as_ref().map_or(0, |data| data.as_bytes().len());
                        cx.out.push_secret(length, |out| {
                            wire::write_auth(out, name, data.as_ref().map(Secret::as_bytes));
                        });
                    }
                    SaslProfile::Sasl2 => {
                        let request = self.token_request(verified, cx);
                        let config = self.config.clone();
                        let options = config.sasl2.as_deref();
                        let used = options
                            .and_then(|options| options.token.as_ref())
                            .filter(|_| self.exchange.token().is_some());
                        self.upgrade = match self.upgrade_request(verified, cx) {
                            Some(hash) => Upgrade::Asked(hash),
                            None => Upgrade::None,
                        };
                        let upgrade = self.upgrade.asked();
                        self.inline
                            .write(name, data.as_ref(), used, request, upgrade, cx);
                    }
                }
                self.exchange.wait(mechanism);
            }
            Err(_) => cx.defect("the mechanism has no initial response"),
        }
    }

    /// Runs the mechanism on `<challenge/>`.
    pub(super) fn run_challenge(
        &mut self,
        profile: SaslProfile,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        let (Some(element), Some(mut mechanism)) = (element, self.exchange.take()) else {
            cx.defect("a challenge without its element or mechanism");
            return None;
        };
        match challenge(profile, element) {
            Some(data) => {
                let step = mechanism.challenge(data.as_bytes());
                self.stepped(mechanism, step)
            }
            None => Some(self.failed(SaslError::Malformed)),
        }
    }

    /// Does a slice of the mechanism's work.
    pub(super) fn work(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        if self.upgrade.is_working() {
            return match self.upgrade.work() {
                Ok(true) => Some(Input::Sasl(SaslResult::Send)),
                Ok(false) => None,
                Err(error) => Some(self.failed(error)),
            };
        }
        let Some(mut mechanism) = self.exchange.take() else {
            cx.defect("no mechanism has work left");
            return None;
        };
        let step = mechanism.work();
        self.stepped(mechanism, step)
    }

    /// Lets the mechanism verify `<success/>`.
    pub(super) fn verify(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> SaslResult {
        let Some(element) = element else {
            cx.defect("a success without its element");
            return SaslResult::Failed;
        };
        let result = match SaslElement::read(&element.element()) {
            Ok(SaslElement::Success(data)) => self.conclude(data.as_ref()),
            _ => Err(SaslError::Malformed),
        };
        match result {
            Ok(()) => {
                self.keep();
                SaslResult::Done
            }
            Err(error) => {
                self.record_error(error);
                SaslResult::Failed
            }
        }
    }

    /// Lets the mechanism verify the `<success/>` of SASL2, and takes what came with it.
    pub(super) fn verify_inline(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Input {
        let Some(element) = element else {
            cx.defect("a success without its element");
            return Input::Sasl(SaslResult::Failed);
        };
        let Ok(Sasl2Element::Success(success)) = Sasl2Element::read(&element.element()) else {
            return self.failed(SaslError::Malformed);
        };
        if let Err(error) = self.conclude(success.additional_data.as_ref()) {
            return self.failed(error);
        }
        match self.inline.read_success(&success, cx) {
            Ok(input) => {
                self.keep();
                input
            }
            Err(Unexpected) => self.failed(SaslError::Malformed),
        }
    }

    /// Why the login failed; `element` is what the server said last.
    pub(super) fn reason(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
    ) -> AuthenticationReason {
        self.reason.take().unwrap_or_else(|| {
            let condition = element.map_or(SaslCondition::NotAuthorized, refusal);
            AuthenticationReason::Refused(condition)
        })
    }

    fn stepped(
        &mut self,
        mechanism: Box<dyn Mechanism>,
        step: Result<MechanismStep, SaslError>,
    ) -> Option<Input> {
        match step {
            Ok(MechanismStep::Working) => {
                self.exchange.work(mechanism);
                None
            }
            Ok(MechanismStep::Respond(reply)) => {
                self.exchange.wait(mechanism);
                self.exchange.set_reply(Some(reply));
                Some(Input::Sasl(SaslResult::Send))
            }
            Err(error) => Some(self.failed(error)),
        }
    }

    fn failed(&mut self, error: SaslError) -> Input {
        self.record_error(error);
        Input::Sasl(SaslResult::Failed)
    }

    /// Records why the mechanism failed. A server that proved its offer before and does not now is
    /// weaker than the pin.
    fn record_error(&mut self, error: SaslError) {
        let breach = self.config.pin.and_then(|pin| pin.broken_by(error));
        self.reason = Some(match breach {
            Some(breach) => AuthenticationReason::Pin(breach),
            None => AuthenticationReason::Mechanism(error),
        });
    }

    /// Records a refusal of the server. Returns whether another mechanism may be tried: not after a
    /// refusal of the credentials, because a password that the server did not accept for SCRAM must
    /// not be shown to it by PLAIN.
    fn record_failure(&mut self, condition: SaslCondition) -> bool {
        let used = self.exchange.mechanism();
        self.exchange.end();
        match used {
            Some(ExchangeName::Listed(name)) => self.failed = self.failed.with(name),
            // XEP-0484 4.1: a refused token says nothing of the other credentials.
            Some(ExchangeName::Token(_)) => {
                self.token = TokenState::Refused;
                let options = self.config.sasl2.as_deref();
                let used = options.and_then(|options| options.token.as_ref());
                self.reason = Some(AuthenticationReason::Refused(condition));
                return used.is_some_and(|used| used.fallback == TokenFallback::Credentials);
            }
            None => {}
        }
        self.reason
            .get_or_insert(AuthenticationReason::Refused(condition));
        matches!(
            condition,
            SaslCondition::InvalidMechanism
                | SaslCondition::MechanismTooWeak
                | SaslCondition::MalformedRequest
                | SaslCondition::IncorrectEncoding
        )
    }

    fn capabilities(&self, verified: Option<tls::Verified>, cx: &Context<'_>) -> Capabilities {
        let mut capabilities = match self.config.credentials() {
            Some(Credentials::Password { .. }) => Capabilities::new().password(),
            Some(Credentials::Keys { keys, .. }) => Capabilities::new().keys(keys.hash()),
            Some(Credentials::External { .. }) => Capabilities::new().certificate(),
            Some(Credentials::Anonymous) => Capabilities::new().anonymous(),
            None => Capabilities::new(),
        };
        for kind in cx.channel_binding_kinds() {
            capabilities = capabilities.binding(kind);
        }
        match verified {
            Some(_) => capabilities.verified(),
            None => capabilities,
        }
    }

    fn build(
        &self,
        choice: sasl::Choice,
        cx: &Context<'_>,
    ) -> Result<Option<Box<dyn Mechanism>>, NoRandomness> {
        let Some(credentials) = self.config.credentials() else {
            return Ok(None);
        };
        let (username, authzid) = match credentials {
            Credentials::Password {
                username, authzid, ..
            }
            | Credentials::Keys {
                username, authzid, ..
            } => (Some(username), authzid.as_ref()),
            Credentials::External { authzid } => (None, authzid.as_ref()),
            Credentials::Anonymous => (None, None),
        };
        let built: Box<dyn Mechanism> = match (choice.mechanism(), username, credentials) {
            (MechanismName::Scram(hash) | MechanismName::ScramPlus(hash), Some(username), _) => {
                let Some(secret) = scram_credentials(credentials) else {
                    return Ok(None);
                };
                let binding = match choice.flag() {
                    BindingFlag::Bound(kind) => cx.channel_binding(kind),
                    BindingFlag::Unsupported | BindingFlag::NotOffered => None,
                };
                let Some(binding) = choice.client_binding(binding.as_slice()) else {
                    return Ok(None);
                };
                let protection = match self.config.pin {
                    Some(pin) => pin.downgrade_protection(self.config.sasl),
                    None => self.config.sasl.downgrade_protection(),
                };
                let mut nonce = [0; 18];
                self.config
                    .random
                    .fill(&mut nonce)
                    .map_err(|_| NoRandomness)?;
                let mut scram = ScramClient::new(hash, username.clone(), secret, binding, nonce)
                    .iterations(self.config.iterations)
                    .offered(self.record.clone(), protection);
                if let Some(authzid) = authzid {
                    scram = scram.authzid(authzid.clone());
                }
                Box::new(scram)
            }
            (MechanismName::Plain, Some(username), Credentials::Password { password, .. }) => {
                let mut plain = PlainClient::new(username.clone(), password.clone());
                if let Some(authzid) = authzid {
                    plain = plain.authzid(authzid.clone());
                }
                Box::new(plain)
            }
            (MechanismName::External, ..) => {
                let mut external = ExternalClient::new();
                if let Some(authzid) = authzid {
                    external = external.authzid(authzid.clone());
                }
                Box::new(external)
            }
            (MechanismName::Anonymous, ..) => Box::new(AnonymousClient::new()),
            _ => return Ok(None),
        };
        Ok(Some(built))
    }
}

/// Whether the client sends more than one message.
const fn is_scram(mechanism: MechanismName) -> bool {
    matches!(
        mechanism,
        MechanismName::Scram(_) | MechanismName::ScramPlus(_)
    )
}

fn scram_credentials(credentials: &Credentials) -> Option<ScramCredentials> {
    match credentials {
        Credentials::Password { password, keys, .. } => {
            let secret = ScramCredentials::password(password.clone());
            Some(match keys {
                Some(keys) => secret.with_keys(keys.clone()),
                None => secret,
            })
        }
        Credentials::Keys { keys, .. } => Some(ScramCredentials::keys(keys.clone())),
        Credentials::External { .. } | Credentials::Anonymous => None,
    }
}

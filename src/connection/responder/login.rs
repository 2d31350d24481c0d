//! The server's side of SASL (RFC 6120 6.4): what is offered, how the mechanism runs, and who the
//! peer is.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::inline::InlineLogin;
use super::task::{TaskStep, Upgrades};
use crate::config::{HeaderFrom, HostConfig, ProofOfOffer, ResponderConfig};
use crate::connection::context::Context;
use crate::connection::login::{Exchange, ExchangeName};
use crate::connection::transport::channel_bindings;
use crate::jid::Jid;
use crate::sasl::{
    Acceptor, AcceptorStep, Advertisement, Channel, CredentialAnswer, CredentialQuery,
    FastMechanism, FastSet, Identity, MechanismName, MechanismSet, SaslCondition, SaslProfile,
    ScramKeys, Secret,
};
use crate::stream::sasl2::Sasl2Element;
use crate::stream::{
    FirstLevelElement, HeaderClass, Kind, ParsedHeader, Sasl2Policy, SaslElement, SaslResult,
    StreamCondition, sasl as wire, sasl2,
};
use crate::tls;
use crate::xml::Element;

/// The login that a receiving entity accepts.
#[derive(Debug)]
pub(super) struct ServerLogin {
    config: Arc<ResponderConfig>,
    exchange: Exchange<dyn Acceptor>,
    profile: SaslProfile,
    /// What travels with a login by SASL2.
    inline: InlineLogin,
    /// The tasks that are left after the mechanism.
    upgrades: Upgrades,
    /// The condition of the next `<failure/>`, and of the last one.
    condition: SaslCondition,
    identity: Option<Identity>,
    /// The bare address of the authenticated client.
    account: Option<Jid>,
}

/// What a step of the mechanism comes to.
pub(super) enum Step {
    /// The table is told.
    Result(SaslResult),
    /// A slice of work is left.
    Working,
    /// The mechanism asks.
    Ask(CredentialQuery),
    /// The peer is authenticated; the data goes with `<success/>`.
    Success(Identity, Option<Secret>),
}

impl ServerLogin {
    pub(super) fn new(config: Arc<ResponderConfig>) -> Self {
        Self {
            config,
            exchange: Exchange::new(),
            profile: SaslProfile::Sasl,
            inline: InlineLogin::default(),
            upgrades: Upgrades::default(),
            condition: SaslCondition::NotAuthorized,
            identity: None,
            account: None,
        }
    }

    /// Who was authenticated.
    pub(super) const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The bare address of the authenticated client, if its name is one.
    pub(super) const fn account(&self) -> Option<&Jid> {
        self.account.as_ref()
    }

    /// The profile that is spoken.
    pub(super) const fn profile(&self) -> SaslProfile {
        self.profile
    }

    /// What travels with the login.
    pub(super) fn inline(&mut self) -> &mut InlineLogin {
        &mut self.inline
    }

    /// The name of the mechanism that runs, or ran last.
    pub(super) fn mechanism_name(&self) -> &str {
        self.exchange.name()
    }

    /// The mechanism of the token that the client uses, if it uses one.
    pub(super) const fn used_token(&self) -> Option<FastMechanism> {
        self.exchange.token()
    }

    /// The condition of the next or of the last `<failure/>`.
    pub(super) const fn condition(&self) -> SaslCondition {
        self.condition
    }

    pub(super) const fn is_working(&self) -> bool {
        self.exchange.is_working()
    }

    pub(super) fn take_reply(&mut self) -> Option<Secret> {
        self.exchange.take_reply()
    }

    /// What this stream is offered. `certified` says whether the peer server's certificate is good
    /// for the domain in its header (XEP-0178 3). RFC 9266 4.1 wants a `tls-exporter` value used
    /// once, RFC 6120 6.4.5 wants retries: a retry of -PLUS on the same connection is allowed, as
    /// everywhere in the field.
    pub(super) fn advertisement(
        &self,
        host: Option<&HostConfig>,
        certified: bool,
        session: Option<&tls::TlsSession>,
    ) -> Advertisement {
        let mechanisms = host.map_or(MechanismSet::EMPTY, |host| host.mechanisms);
        let certified = match self.config.kind {
            Kind::ServerToServer => certified,
            Kind::ClientToServer | Kind::Component => {
                session.and_then(tls::TlsSession::verified).is_some()
            }
        };
        let channel = match session {
            Some(_) if certified => Channel::Certified,
            Some(session) if session.encrypted().is_some() => Channel::Encrypted,
            _ => Channel::Clear,
        };
        let has_bound_tokens =
            host.is_some_and(|host| !host.fast.intersection(FastSet::bound()).is_empty());
        let bindings = match session {
            Some(session) if mechanisms.has_plus() || has_bound_tokens => channel_bindings(session),
            _ => Vec::new(),
        };
        let fast = host.map_or(FastSet::EMPTY, |host| host.fast);
        let advertisement = Advertisement::new(mechanisms, channel, bindings).fast(fast);
        match host.map(|host| host.offer_proof) {
            Some(ProofOfOffer::Sent) => advertisement,
            Some(ProofOfOffer::LeftOut) | None => {
                advertisement.dangerous_without_downgrade_protection()
            }
        }
    }

    /// Starts the mechanism that `<auth/>` or `<authenticate/>` names. Only what was offered, now and here, is accepted
    /// (CVE-2017-10807).
    pub(super) fn begin(
        &mut self,
        profile: SaslProfile,
        element: Option<&FirstLevelElement<'_>>,
        advertised: &Advertisement,
        host: Option<&HostConfig>,
        cx: &mut Context<'_>,
    ) -> Step {
        let (Some(element), Some(host)) = (element, host) else {
            cx.defect("a mechanism without its element or host");
            return Step::Result(SaslResult::Failed);
        };
        self.profile = profile;
        let offered = advertised.fast_mechanisms();
        let (name, data) = match self.read_first(&element.element(), host, offered) {
            Ok(first) => first,
            Err(condition) => return self.failed(condition),
        };
        let mut nonce = [0; 18];
        if self.config.random.fill(&mut nonce).is_err() {
            return self.failed(SaslCondition::TemporaryAuthFailure);
        }
        let accepted = match self.inline.uses_token() {
            true => advertised
                .accept_fast(&name, self.inline.client())
                // XEP-0484 4.1: tokens are a client's, and the id names it.
                .and_then(|acceptor| match self.inline.client() {
                    Some(_) => Ok(acceptor),
                    None => Err(SaslCondition::MalformedRequest),
                }),
            false => advertised.accept(&name, &host.decoy, nonce),
        };
        match accepted {
            Ok(mut acceptor) => {
                let step = acceptor.response(data.as_ref().map(Secret::as_bytes));
                let name = match self.inline.uses_token() {
                    true => FastMechanism::from_name(&name).map(ExchangeName::Token),
                    false => MechanismName::from_name(&name).map(ExchangeName::Listed),
                };
                let Some(name) = name else {
                    return self.failed(SaslCondition::InvalidMechanism);
                };
                self.exchange.begin(name, acceptor);
                let Some(acceptor) = self.exchange.take() else {
                    return self.failed(SaslCondition::TemporaryAuthFailure);
                };
                self.stepped(acceptor, step)
            }
            Err(condition) => self.failed(condition),
        }
    }

    /// Runs the mechanism on `<response/>`.
    pub(super) fn respond(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Step {
        let (Some(element), Some(mut acceptor)) = (element, self.exchange.take()) else {
            cx.defect("a response without its element or mechanism");
            return Step::Result(SaslResult::Failed);
        };
        match read_response(self.profile, &element.element()) {
            Ok(data) => {
                let step = acceptor.response(Some(data.as_bytes()));
                self.stepped(acceptor, step)
            }
            Err(condition) => self.failed(condition),
        }
    }

    /// Reads the element that begins an exchange: the mechanism and its initial response, and what is
    /// asked for with the login.
    fn read_first<'a>(
        &mut self,
        element: &Element<'a>,
        host: &HostConfig,
        fast: FastSet,
    ) -> Result<(Cow<'a, str>, Option<Secret>), SaslCondition> {
        self.inline = InlineLogin::default();
        self.upgrades = Upgrades::default();
        match self.profile {
            SaslProfile::Sasl => match SaslElement::read(element)? {
                SaslElement::Auth { mechanism, data } => Ok((mechanism, data)),
                _ => Err(SaslCondition::MalformedRequest),
            },
            // RFC 6120 6.5.6: nothing is offered in this profile.
            SaslProfile::Sasl2 if host.sasl2 == Sasl2Policy::Off => {
                Err(SaslCondition::InvalidMechanism)
            }
            SaslProfile::Sasl2 => match Sasl2Element::read(element)? {
                Sasl2Element::Authenticate(authenticate) => {
                    let management = self.config.management.as_deref();
                    let resumes = management.is_some_and(|sm| sm.resumption.is_some());
                    self.inline = InlineLogin::read(
                        &authenticate,
                        host,
                        management.is_some(),
                        resumes,
                        fast,
                    )?;
                    self.upgrades = Upgrades::read(&authenticate, host.upgrades.as_ref());
                    Ok((authenticate.mechanism, authenticate.initial_response))
                }
                _ => Err(SaslCondition::MalformedRequest),
            },
        }
    }

    /// Gives the mechanism what it asked for.
    pub(super) fn provide(&mut self, answer: CredentialAnswer, cx: &mut Context<'_>) -> Step {
        let Some(mut acceptor) = self.exchange.take() else {
            cx.defect("an answer without a mechanism");
            return Step::Result(SaslResult::Failed);
        };
        let step = acceptor.provide(answer);
        self.stepped(acceptor, step)
    }

    /// Does a slice of the mechanism's work.
    pub(super) fn work(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(mut acceptor) = self.exchange.take() else {
            cx.defect("no mechanism has work left");
            return Step::Result(SaslResult::Failed);
        };
        let step = acceptor.work();
        self.stepped(acceptor, step)
    }

    /// Accepts the identity, unless a client said in its protected header that it is somebody else
    /// (RFC 6120 6.4.6). `from` is what the protected header said.
    pub(super) fn accept(
        &mut self,
        identity: Identity,
        data: Option<Secret>,
        from: Option<&Jid>,
        host: Option<&HostConfig>,
    ) -> SaslResult {
        let account = host.and_then(|host| account(&identity, host));
        if self.is_other(&identity, account.as_ref(), from, host) {
            self.condition = SaslCondition::InvalidAuthzid;
            return SaslResult::Mismatch;
        }
        self.exchange.set_reply(data);
        self.account = account;
        self.identity = Some(identity);
        match self.profile {
            SaslProfile::Sasl => SaslResult::Done,
            SaslProfile::Sasl2 => {
                if !self.proves_password() {
                    self.upgrades = Upgrades::default();
                }
                self.after_task()
            }
        }
    }

    /// What follows the mechanism, or a task: the next task, or what was asked for with the login.
    fn after_task(&mut self) -> SaslResult {
        match self.upgrades.advance() {
            true => SaslResult::Task,
            false => SaslResult::Inline(self.inline.requests()),
        }
    }

    /// Whether the client has proved that it knows the password.
    fn proves_password(&self) -> bool {
        match self.exchange.mechanism() {
            Some(ExchangeName::Listed(name)) => name.proves_password(),
            Some(ExchangeName::Token(_)) | None => false,
        }
    }

    /// Writes `<continue/>` with the next task.
    pub(super) fn send_continue(&mut self, cx: &mut Context<'_>) {
        let data = self.exchange.take_reply();
        self.upgrades.write_continue(data.as_ref(), cx);
    }

    /// Takes the client's `<next/>` or `<task-data/>`. The keys that come of it are to be stored.
    pub(super) fn run_task(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        host: Option<&HostConfig>,
        cx: &mut Context<'_>,
    ) -> Result<SaslResult, ScramKeys> {
        let iterations = host.and_then(|host| host.upgrades.as_ref());
        let (Some(element), Some(upgrades)) = (element, iterations) else {
            cx.defect("a task without its element");
            return Ok(SaslResult::Failed);
        };
        let random = &self.config.random;
        match self
            .upgrades
            .run(&element.element(), upgrades.iterations, random)
        {
            Ok(TaskStep::Send) => Ok(SaslResult::Send),
            Ok(TaskStep::Store(keys)) => Err(keys),
            Err(condition) => {
                self.condition = condition;
                Ok(SaslResult::Failed)
            }
        }
    }

    /// Writes the task's salt.
    pub(super) fn send_task_data(&self, cx: &mut Context<'_>) {
        self.upgrades.write_salt(cx);
    }

    /// Goes on after the application has been asked to store keys.
    pub(super) fn after_keys(&mut self, stored: Result<(), SaslCondition>) -> SaslResult {
        match stored {
            Ok(()) => self.after_task(),
            Err(condition) => {
                self.condition = condition;
                SaslResult::Failed
            }
        }
    }

    /// Ends the attempt with `<failure/>` (RFC 6120 6.4.5).
    pub(super) fn refuse(
        &mut self,
        profile: SaslProfile,
        condition: SaslCondition,
        cx: &mut Context<'_>,
    ) {
        self.exchange.end();
        self.condition = condition;
        self.inline = InlineLogin::default();
        self.upgrades = Upgrades::default();
        // Nobody is authenticated, tasks that were left included.
        self.identity = None;
        self.account = None;
        cx.out.push_control(|out| match profile {
            SaslProfile::Sasl => wire::write_failure(out, condition, None),
            SaslProfile::Sasl2 => sasl2::write_failure(out, condition, None),
        });
    }

    /// RFC 6120 4.7.1, 6.4.6: a client that is authenticated does not say that it is somebody else.
    pub(super) fn read_header(
        &self,
        parsed: &ParsedHeader<'_>,
        protected: bool,
        host: Option<&HostConfig>,
    ) -> HeaderClass {
        match (parsed.class, &self.identity, &parsed.from) {
            (HeaderClass::Valid(_), Some(identity), Ok(from))
                if protected
                    && self.is_other(identity, self.account.as_ref(), from.as_ref(), host) =>
            {
                HeaderClass::Bad(StreamCondition::InvalidFrom)
            }
            (class, _, _) => class,
        }
    }

    fn stepped(&mut self, acceptor: Box<dyn Acceptor>, step: AcceptorStep) -> Step {
        match step {
            AcceptorStep::Working => {
                self.exchange.work(acceptor);
                Step::Working
            }
            AcceptorStep::Ask(query) => {
                self.exchange.wait(acceptor);
                Step::Ask(query)
            }
            AcceptorStep::Challenge(data) => {
                self.exchange.wait(acceptor);
                self.exchange.set_reply(Some(data));
                Step::Result(SaslResult::Send)
            }
            AcceptorStep::Success {
                identity,
                data,
                token,
            } => {
                let mechanism = match self.exchange.mechanism() {
                    Some(ExchangeName::Token(mechanism)) => Some(mechanism),
                    _ => None,
                };
                self.inline.set_used(token.zip(mechanism));
                Step::Success(identity, data)
            }
            AcceptorStep::Failure(condition) => self.failed(condition),
        }
    }

    fn failed(&mut self, condition: SaslCondition) -> Step {
        self.condition = condition;
        Step::Result(SaslResult::Failed)
    }

    /// Whether a client's `from` is neither the authenticated identity nor the one it acts for, whose
    /// address is `account`. A missing `from` is accepted.
    fn is_other(
        &self,
        identity: &Identity,
        account: Option<&Jid>,
        from: Option<&Jid>,
        host: Option<&HostConfig>,
    ) -> bool {
        let (Some(host), Some(from), Kind::ClientToServer) = (host, from, self.config.kind) else {
            return false;
        };
        let is = |address: &Jid| address.as_str() == from.bare_str();
        // Without an identity to act for, the account is that of the authenticated one.
        // XEP-0388 2.3: in SASL2 only that address counts.
        let is_authenticated = || {
            self.profile == SaslProfile::Sasl
                && identity.authzid.is_some()
                && address(&identity.authcid, host.domain()).is_some_and(|address| is(&address))
        };
        host.from == HeaderFrom::Authenticated && !account.is_some_and(is) && !is_authenticated()
    }
}

/// The data of a `<response/>`.
fn read_response(profile: SaslProfile, element: &Element<'_>) -> Result<Secret, SaslCondition> {
    match profile {
        SaslProfile::Sasl => match SaslElement::read(element)? {
            SaslElement::Response(data) => Ok(data),
            _ => Err(SaslCondition::MalformedRequest),
        },
        SaslProfile::Sasl2 => match Sasl2Element::read(element)? {
            Sasl2Element::Response(data) => Ok(data),
            _ => Err(SaslCondition::MalformedRequest),
        },
    }
}

/// The bare address of who a peer acts as, if its name is one.
fn account(identity: &Identity, host: &HostConfig) -> Option<Jid> {
    let name = identity.authzid.as_deref().unwrap_or(&identity.authcid);
    address(name, host.domain())
}

/// A name of SASL as a bare address: an authorization identity is one (RFC 6120 6.3.8), an
/// authentication identity is that or a localpart (RFC 6120 6.3.7).
fn address(name: &str, domain: &str) -> Option<Jid> {
    match name.contains('@') {
        true => Jid::parse(name),
        false => Jid::from_parts(Some(name), domain, None),
    }
    .ok()
    .map(Jid::into_bare)
}

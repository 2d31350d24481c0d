//! The initiating entity's texts, keys and mechanism, and what it does when
//! the table orders something.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::NO_RANDOMNESS;
use super::link::{Link, PeerHeader};
use super::role::{Common, Negotiation, NoRandomness, Position, Role, Stage};
use crate::close::{AuthenticationFailure, CloseReason, InternalError, Manner, Phase};
use crate::config::{Credentials, InitiatorConfig, InitiatorSecurity};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::sasl::{
    self, AnonymousClient, ExternalClient, Means, Mechanism, MechanismName, MechanismSet,
    PlainClient, ScramClient, Secret,
};
use crate::stream::{
    self, Act, Awaited, Closing, Features, HeaderOut, Initiating, InitiatingPhase, Input, Leg,
    Opened, OpeningClass, Output, Resource, SaslElement, SaslFailure, StartTls, bind,
};
use crate::time::Instant;
use crate::tls;
use crate::xml::{Frame, Header};

/// Beside the table of an initiating entity.
pub struct InitiatorSide {
    config: Arc<InitiatorConfig>,
    common: Common,
    mechanism: Option<Box<dyn Mechanism>>,
    /// What the server offered on this stream.
    offer: Option<sasl::Offer>,
    /// Mechanisms that failed in a way that leaves the others open.
    failed: MechanismSet,
    /// What the mechanism wants sent.
    reply: Option<Secret>,
    working: bool,
    failure: Option<AuthenticationFailure>,
    mechanism_name: String,
    keys: Option<sasl::ClientKeys>,
    awaited: Request,
    bound: Option<Jid>,
}

/// The iq request whose result is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    None,
    Bind(Resource),
    Session,
}

impl core::fmt::Debug for InitiatorSide {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InitiatorSide").finish_non_exhaustive()
    }
}

impl Negotiation for Initiating {}

impl Role for Initiating {
    type Config = InitiatorConfig;
    type Side = InitiatorSide;

    fn begin(config: Arc<InitiatorConfig>, now: Instant) -> (Self, InitiatorSide, Link) {
        let table = Self::new(config.policy());
        let link = Link::new(config.limits, config.kind, now);
        let side = InitiatorSide {
            common: Common::new(config.kind, config.usage),
            mechanism: None,
            offer: None,
            failed: MechanismSet::EMPTY,
            reply: None,
            working: false,
            failure: None,
            mechanism_name: String::new(),
            keys: None,
            awaited: Request::None,
            bound: None,
            config,
        };
        (table, side, link)
    }

    fn step(&mut self, input: Input) -> Output {
        Self::step(self, input)
    }

    fn position(&self) -> Position {
        use InitiatingPhase as P;
        let (phase, stage) = match self.phase() {
            P::Idle => (Phase::Header, Stage::Idle),
            P::TlsHandshake(_) => (Phase::TlsHandshake, Stage::Negotiating),
            P::AwaitHeader(_) => (Phase::Header, Stage::Negotiating),
            P::AwaitFeatures(_) => (Phase::Features, Stage::Negotiating),
            P::AwaitProceed => (Phase::StartTls, Stage::Negotiating),
            P::Authenticating(..) => (Phase::Authentication, Stage::Negotiating),
            P::Binding(..) | P::StartingSession => (Phase::Binding, Stage::Negotiating),
            P::Established => (Phase::Established, Stage::Established),
            P::Closing(Closing::PeerClosed) => (Phase::Closing, Stage::PeerClosing),
            P::Closing(Closing::AwaitFooter(_)) => (Phase::Closing, Stage::Closing),
            P::Closing(Closing::Done) => (Phase::Closing, Stage::Done),
        };
        Position { phase, stage }
    }

    fn common(side: &InitiatorSide) -> &Common {
        &side.common
    }

    fn common_mut(side: &mut InitiatorSide) -> &mut Common {
        &mut side.common
    }

    fn opened(
        side: &mut InitiatorSide,
        peer: &mut PeerHeader,
        header: &Header<'_>,
    ) -> OpeningClass {
        let opened = Opened::read(header, side.config.kind, stream::Role::Initiating);
        peer.note(&opened);
        opened.class
    }

    fn awaited(side: &InitiatorSide) -> Awaited<'_> {
        match side.awaited {
            Request::None => Awaited::Nothing,
            Request::Bind(resource) => Awaited::Bind(bind_id(resource)),
            Request::Session => Awaited::Session(SESSION_ID),
        }
    }

    fn carry_out(side: &mut InitiatorSide, link: &mut Link, act: Act) -> Option<Input> {
        match act {
            Act::OpenStream(leg) => side.open_stream(link, leg),
            Act::RequestTls => link.say(|out| out.push_str(StartTls::Request.as_xml())),
            Act::ChooseMechanism => return Some(side.choose(link)),
            Act::SendAuth => side.send_auth(link),
            Act::RunChallenge => return side.run_challenge(link),
            Act::SendResponse => {
                let reply = side.reply.take();
                let data = reply.as_ref().map(Secret::as_bytes).unwrap_or_default();
                link.outbox
                    .say_secret(|out| stream::sasl::write_response(out, data));
            }
            Act::VerifySuccess => return Some(side.verify(link)),
            Act::SendAbort => link.say(|out| out.push_str(stream::sasl::ABORT)),
            Act::RequestBind(resource) => side.request_bind(link, resource),
            Act::RequestSession => {
                side.note_bound(link);
                side.awaited = Request::Session;
                link.say(|out| bind::write_session_request(out, SESSION_ID));
            }
            _ => link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort),
        }
        None
    }

    fn own_header(side: &mut InitiatorSide, link: &Link) -> Result<String, NoRandomness> {
        let mut out = String::new();
        side.header(link.tls_info().is_some(), &mut out);
        Ok(out)
    }

    fn tls_session(side: &InitiatorSide, link: &Link) -> Result<tls::Session, tls::SetupError> {
        let config = &side.config;
        let (tls, alpn): (_, &[&[u8]]) = match &config.security {
            InitiatorSecurity::StartTls(tls) => (tls, &[]),
            InitiatorSecurity::DirectTls(tls) => (tls, &[side.config.kind.alpn()]),
            InitiatorSecurity::DangerousPlaintext => return Err(tls::SetupError::NotConfigured),
        };
        let name = config
            .server_name
            .clone()
            .ok_or(tls::SetupError::NotConfigured)?;
        tls::Session::client(tls, name, alpn, config.resumption, link.tls_limits())
    }

    fn is_working(side: &InitiatorSide) -> bool {
        side.working
    }

    fn work(side: &mut InitiatorSide, _: &mut Link) -> Option<Input> {
        let step = side.mechanism.as_mut()?.work();
        side.stepped(step)
    }

    fn answered(_: &mut InitiatorSide, link: &mut Link) -> Option<Input> {
        link.gate = None;
        None
    }

    fn authenticated(side: &InitiatorSide) -> Authenticated<'_> {
        let identity = match &side.config.credentials {
            Credentials::Password { username, .. } | Credentials::Keys { username, .. } => {
                username.as_str()
            }
            Credentials::External { .. } => side.config.account.local().unwrap_or_default(),
            Credentials::Anonymous => "",
        };
        Authenticated {
            mechanism: &side.mechanism_name,
            identity,
        }
    }

    fn established(side: &mut InitiatorSide, link: &mut Link) {
        if side.awaited != Request::Session {
            side.note_bound(link);
        }
        side.awaited = Request::None;
    }

    fn bound(side: &InitiatorSide) -> Option<&Jid> {
        side.bound.as_ref()
    }

    fn authentication_failure(side: &mut InitiatorSide, link: &Link) -> CloseReason {
        let failure = side.failure.take().unwrap_or_else(|| {
            let condition = match link.framer.frame() {
                Some(Frame::Element(element)) => refusal(SaslElement::read(&element)),
                _ => sasl::Condition::NotAuthorized,
            };
            AuthenticationFailure::Refused(condition)
        });
        CloseReason::AuthenticationFailed(failure)
    }
}

impl InitiatorSide {
    /// SCRAM keys of the login that just worked, for the next one (RFC 5802
    /// 5.1).
    pub(super) fn take_keys(&mut self) -> Option<sasl::ClientKeys> {
        self.keys.take()
    }

    fn open_stream(&mut self, link: &mut Link, leg: Leg) {
        if leg == Leg::Authenticated {
            link.restart(self.config.limits.after_auth());
        }
        let protected = link.tls_info().is_some();
        link.say(|out| self.header(protected, out));
    }

    /// RFC 6120 4.7: `from` only once the stream is protected.
    fn header(&self, protected: bool, out: &mut String) {
        let from = self.config.account.bare();
        let from = alloc::format!("{from}");
        let to = self.config.account.domain();
        HeaderOut {
            from: (protected && self.config.account.local().is_some()).then_some(&from),
            ..HeaderOut::initial(self.config.kind, to, &self.config.lang)
        }
        .write(out);
    }

    /// The strongest acceptable mechanism, or the next one after a failure
    /// that leaves others open (RFC 6120 6.4.5).
    fn choose(&mut self, link: &mut Link) -> Input {
        let exhausted = Input::Sasl(stream::Sasl::Exhausted);
        match link.framer.frame() {
            Some(Frame::Element(element)) => {
                if let Some(features) = Features::read(*element) {
                    self.offer = Some(offer(&features));
                } else if !self.note_failure(SaslElement::read(&element)) {
                    return exhausted;
                }
            }
            _ => return exhausted,
        }
        let policy = self.config.sasl.allow(
            self.failed
                .iter()
                .fold(self.config.sasl.allowed(), MechanismSet::without),
        );
        let means = self.means(link);
        let choice = match sasl::select(self.offer.unwrap_or_default(), means, policy) {
            Ok(choice) => choice,
            Err(refusal) => {
                self.failure
                    .get_or_insert(AuthenticationFailure::NoMechanism(refusal));
                return exhausted;
            }
        };
        match self.build(choice, link) {
            Ok(Some(mechanism)) => {
                mechanism.name().clone_into(&mut self.mechanism_name);
                self.mechanism = Some(mechanism);
                // The failure before this one is made up for.
                self.failure = None;
                Input::Sasl(stream::Sasl::Send)
            }
            Ok(None) => exhausted,
            Err(NoRandomness) => {
                link.finish(NO_RANDOMNESS, Manner::Abort);
                exhausted
            }
        }
    }

    /// Whether another mechanism may be tried. Not after a refusal of the
    /// credentials: a password the server did not accept for SCRAM must not be
    /// shown to it by PLAIN.
    fn note_failure(&mut self, element: Result<SaslElement<'_>, sasl::Condition>) -> bool {
        let condition = refusal(element);
        self.failure = Some(AuthenticationFailure::Refused(condition));
        if let Some(name) = MechanismName::from_name(&self.mechanism_name) {
            self.failed = self.failed.with(name);
        }
        matches!(
            condition,
            sasl::Condition::InvalidMechanism
                | sasl::Condition::MechanismTooWeak
                | sasl::Condition::MalformedRequest
                | sasl::Condition::IncorrectEncoding
        )
    }

    fn means(&self, link: &Link) -> Means {
        let mut means = match &self.config.credentials {
            Credentials::Password { .. } => Means::new().password(),
            Credentials::Keys { keys, .. } => Means::new().keys(keys.hash()),
            Credentials::External { .. } => Means::new().certificate(),
            Credentials::Anonymous => Means::new().anonymous(),
        };
        for binding in link.channel_bindings() {
            means = means.binding(binding.kind());
        }
        // Design invariant 7: only TLS can make this proof.
        match link.tls().and_then(tls::Session::verified) {
            Some(_) => means.verified(),
            None => means,
        }
    }

    fn build(
        &self,
        choice: sasl::Choice,
        link: &Link,
    ) -> Result<Option<Box<dyn Mechanism>>, NoRandomness> {
        let credentials = &self.config.credentials;
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
                let Some(binding) = choice.client_binding(&link.channel_bindings()) else {
                    return Ok(None);
                };
                let mut nonce = [0; 18];
                self.config
                    .random
                    .fill(&mut nonce)
                    .map_err(|_| NoRandomness)?;
                let mut scram = ScramClient::new(hash, username.clone(), secret, binding, nonce)
                    .iterations(self.config.iterations);
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

    fn send_auth(&mut self, link: &mut Link) {
        let Some(mechanism) = &mut self.mechanism else {
            return;
        };
        match mechanism.initial() {
            Ok(data) => {
                let name = &self.mechanism_name;
                link.outbox.say_secret(|out| {
                    stream::sasl::write_auth(out, name, data.as_ref().map(Secret::as_bytes));
                });
            }
            Err(_) => link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort),
        }
    }

    fn run_challenge(&mut self, link: &Link) -> Option<Input> {
        let data = match link.framer.frame() {
            Some(Frame::Element(element)) => match SaslElement::read(&element) {
                Ok(SaslElement::Challenge(data)) => data,
                _ => {
                    self.failure = Some(AuthenticationFailure::Mechanism(sasl::Error::Malformed));
                    return Some(Input::Sasl(stream::Sasl::Failed));
                }
            },
            _ => return Some(Input::Sasl(stream::Sasl::Failed)),
        };
        let step = self.mechanism.as_mut()?.challenge(data.as_bytes());
        self.stepped(step)
    }

    fn stepped(&mut self, step: Result<sasl::Step, sasl::Error>) -> Option<Input> {
        self.working = false;
        match step {
            Ok(sasl::Step::Working) => {
                self.working = true;
                None
            }
            Ok(sasl::Step::Respond(reply)) => {
                self.reply = Some(reply);
                Some(Input::Sasl(stream::Sasl::Send))
            }
            Err(error) => {
                self.failure = Some(AuthenticationFailure::Mechanism(error));
                Some(Input::Sasl(stream::Sasl::Failed))
            }
        }
    }

    fn verify(&mut self, link: &Link) -> Input {
        let verified = match (link.framer.frame(), &mut self.mechanism) {
            (Some(Frame::Element(element)), Some(mechanism)) => match SaslElement::read(&element) {
                Ok(SaslElement::Success(data)) => {
                    mechanism.success(data.as_ref().map(Secret::as_bytes))
                }
                _ => Err(sasl::Error::Malformed),
            },
            _ => Err(sasl::Error::OutOfSequence),
        };
        match verified {
            Ok(outcome) => {
                self.mechanism = None;
                self.keys = outcome.into_client_keys();
                Input::Sasl(stream::Sasl::Done)
            }
            Err(error) => {
                self.failure = Some(AuthenticationFailure::Mechanism(error));
                Input::Sasl(stream::Sasl::Failed)
            }
        }
    }

    fn request_bind(&mut self, link: &mut Link, resource: Resource) {
        self.awaited = Request::Bind(resource);
        let wanted = match resource {
            Resource::Wanted => self.config.account.resource(),
            Resource::Generated => None,
        };
        link.say(|out| bind::write_request(out, bind_id(resource), wanted));
    }

    fn note_bound(&mut self, link: &Link) {
        if let Some(Frame::Element(element)) = link.framer.frame() {
            self.bound = bind::read_result(&element);
        }
    }
}

/// What a `<failure/>` says.
fn refusal(element: Result<SaslElement<'_>, sasl::Condition>) -> sasl::Condition {
    match element {
        Ok(SaslElement::Failure(SaslFailure { condition, .. })) => condition,
        _ => sasl::Condition::NotAuthorized,
    }
}

/// One id for each request, so that a late answer to the first one is not
/// taken for the second's.
fn bind_id(resource: Resource) -> &'static str {
    match resource {
        Resource::Wanted => "bind",
        Resource::Generated => "bind-again",
    }
}

const SESSION_ID: &str = "session";

fn offer(features: &Features<'_>) -> sasl::Offer {
    let names: Vec<_> = features.mechanisms().collect();
    let offer = sasl::Offer::new(names.iter().map(AsRef::as_ref));
    match features.channel_bindings() {
        Some(bindings) => {
            let bindings: Vec<_> = bindings.collect();
            offer.announcing(bindings.iter().map(AsRef::as_ref))
        }
        None => offer,
    }
}

fn scram_credentials(credentials: &Credentials) -> Option<sasl::Credentials> {
    match credentials {
        Credentials::Password { password, keys, .. } => {
            let secret = sasl::Credentials::password(password.clone());
            Some(match keys {
                Some(keys) => secret.with_keys(keys.clone()),
                None => secret,
            })
        }
        Credentials::Keys { keys, .. } => Some(sasl::Credentials::keys(keys.clone())),
        Credentials::External { .. } | Credentials::Anonymous => None,
    }
}

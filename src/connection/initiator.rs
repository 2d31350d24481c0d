//! The initiating entity's texts, keys and mechanism, and what it does when
//! the table orders something.

mod login;
mod servers;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use super::federation::Scope;
use super::link::{Link, PeerHeader};
use super::role::{Common, Negotiation, NoRandomness, Position, Role, Stage};
use crate::close::{AuthenticationFailure, CloseReason, InternalError, Manner, Phase};
use crate::config::{Credentials, InitiatorConfig, InitiatorSecurity};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::sasl::{self, Mechanism, MechanismSet, Secret};
use crate::stream::{
    self, Act, Awaited, HeaderClass as OpeningClass, HeaderOut, Initiating, InitiatingPhase, Input,
    Kind, Leg, Output, ParsedHeader as Opened, Resource, SaslElement, StartTls, bind,
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
    binding: Binding,
    /// What the mechanism wants sent.
    reply: Option<Secret>,
    working: bool,
    failure: Option<AuthenticationFailure>,
    mechanism_name: String,
    keys: Option<sasl::ClientKeys>,
    awaited: Request,
    bound: Option<Jid>,
    /// The peer's certificate was good for its domain; between servers, where
    /// TLS itself does not say so.
    verified: Option<tls::Verified>,
    /// Whether the peer's header declares the namespace of dialback.
    declared: Declared,
}

/// What the peer's header says of dialback (XEP-0220 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    Nothing,
    Dialback,
}

/// Whether channel binding is used where it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binding {
    Tried,
    /// The server did not take a binding it had not announced.
    GivenUp,
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
        let scope = match config.kind {
            Kind::ClientToServer => Scope::Open,
            Kind::ServerToServer => Scope::Sender,
            Kind::Component => Scope::Component(config.account.clone()),
        };
        let link = Link::new(config.limits, config.kind, scope, now);
        let side = InitiatorSide {
            common: Common::new(config.kind, config.usage),
            mechanism: None,
            offer: None,
            failed: MechanismSet::EMPTY,
            binding: Binding::Tried,
            reply: None,
            working: false,
            failure: None,
            mechanism_name: String::new(),
            keys: None,
            awaited: Request::None,
            bound: None,
            verified: None,
            declared: Declared::Nothing,
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
            P::AwaitHandshake => (Phase::Authentication, Stage::Negotiating),
            P::Federating => (Phase::Dialback, Stage::Federating),
            P::Binding(..) | P::StartingSession => (Phase::Binding, Stage::Negotiating),
            P::Established => (Phase::Established, Stage::Established),
            P::Closing(closing) => (Phase::Closing, closing.into()),
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
        protected: bool,
    ) -> OpeningClass {
        let opened = Opened::read(header, side.config.kind, stream::Role::Initiating);
        peer.note(&opened);
        side.opened_by_server(&opened, header, protected)
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
            Act::RequestPair => side.request_pair(link),
            Act::SendHandshake => side.send_handshake(link),
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
        let (tls, alpn) = match &config.security {
            InitiatorSecurity::StartTls(tls) => (tls, None),
            InitiatorSecurity::DirectTls(tls) => (tls, config.kind.alpn()),
            InitiatorSecurity::DangerousPlaintext => return Err(tls::SetupError::NotConfigured),
        };
        let name = config
            .server_name
            .clone()
            .ok_or(tls::SetupError::NotConfigured)?;
        tls::Session::client(
            tls,
            name,
            alpn.as_slice(),
            config.resumption,
            link.tls_limits(),
        )
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
        let account = &side.config.account;
        let identity = match side.config.credentials() {
            Some(Credentials::Password { username, .. } | Credentials::Keys { username, .. }) => {
                username.as_str()
            }
            Some(Credentials::External { .. }) if side.config.kind == Kind::ServerToServer => {
                account.domain()
            }
            Some(Credentials::External { .. }) => account.local().unwrap_or_default(),
            Some(Credentials::Anonymous) | None => "",
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
        side.federate(link);
    }

    fn bound(side: &InitiatorSide) -> Option<&Jid> {
        side.bound.as_ref()
    }

    fn authentication_failure(side: &mut InitiatorSide, link: &Link) -> CloseReason {
        let failure = side.failure.take().unwrap_or_else(|| {
            let condition = match link.framer.frame() {
                Some(Frame::Element(element)) => {
                    login::refusal(SaslElement::read(&element).ok().as_ref())
                }
                _ => sasl::Condition::NotAuthorized,
            };
            AuthenticationFailure::Refused(condition)
        });
        CloseReason::AuthenticationFailed(link.refused_pair().unwrap_or(failure))
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
        if leg == Leg::Secured {
            self.judge_peer(link);
        }
        let protected = link.tls_info().is_some();
        link.say(|out| self.header(protected, out));
    }

    /// RFC 6120 4.7.1: a client's `from` only once the stream is protected, and
    /// not if the server is to say who it is (XEP-0175); a server's, which is no
    /// secret and which the peer may need before, always; a component's never
    /// (XEP-0114).
    fn header(&self, protected: bool, out: &mut String) {
        let account = &self.config.account;
        let from = account.bare();
        let says_from = match self.config.kind {
            Kind::ClientToServer => {
                let anonymous = matches!(self.config.credentials(), Some(Credentials::Anonymous));
                protected && account.local().is_some() && !anonymous
            }
            Kind::ServerToServer => true,
            Kind::Component => false,
        };
        HeaderOut {
            from: says_from.then_some(from.as_str()),
            ..HeaderOut::initial(self.config.kind, &self.config.peer, &self.config.lang)
        }
        .write(out);
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

/// One id for each request, so that a late answer to the first one is not
/// taken for the second's.
fn bind_id(resource: Resource) -> &'static str {
    match resource {
        Resource::Wanted => "bind",
        Resource::Generated => "bind-again",
    }
}

const SESSION_ID: &str = "session";

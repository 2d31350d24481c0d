//! The receiving entity's texts, keys and mechanism, and what it does when the
//! table orders something.

mod login;
mod opening;
mod servers;

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use super::NO_RANDOMNESS;
use super::federation::Scope;
use super::gate::{Gate, Question, Verdict};
use super::link::{Link, PeerHeader};
use super::role::{Common, Negotiation, NoRandomness, Position, Role, Stage};
use crate::close::{AuthenticationFailure, CloseReason, InternalError, Manner, Phase};
use crate::config::{HostConfig, ResponderConfig, ResponderSecurity};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::reset::UsagePolicy;
use crate::sasl::{self, Acceptor, Identity, Secret};
use crate::stream::bind::Recipient;
use crate::stream::{
    self, Act, Awaited, BindCondition as BindError, BindRefusal, BindRequest,
    HeaderClass as OpeningClass, Input, Kind, Leg, Output, ParsedHeader as Opened, Receiving,
    ReceivingPhase, Security, StartTls, StreamError, Version, bind, handshake, header::CLOSING_TAG,
};
use crate::time::Instant;
use crate::tls;
use crate::xml::{Frame, Header};

/// Beside the table of a receiving entity.
pub struct ResponderSide {
    config: Arc<ResponderConfig>,
    common: Common,
    host: Option<Arc<HostConfig>>,
    /// What the answer to the peer's header says; `None` until this stream
    /// has one. Nothing of it survives a restart (4.3.3, 5.4.3.3).
    answer: Option<Answer>,
    mechanism: Option<Box<dyn Acceptor>>,
    mechanism_name: String,
    working: bool,
    /// What the mechanism wants sent.
    reply: Option<Secret>,
    failure: sasl::Condition,
    identity: Option<Identity>,
    /// The id of the iq that is answered next.
    request_id: String,
    refusal: BindError,
    bound: Option<Jid>,
    /// The id of our stream (4.7.3): dialback and the component's handshake
    /// depend on it.
    stream_id: String,
    /// The peer's certificate is good for the domain in its header; between
    /// servers only.
    certified: Option<Certified>,
}

/// What a server's certificate proves.
struct Certified {
    domain: Jid,
    _proof: tls::Verified,
}

/// The part of our header that follows from the peer's.
struct Answer {
    to: Option<Jid>,
    version: Option<Version>,
    /// The language the peer asked for (4.7.4).
    lang: Option<String>,
}

impl core::fmt::Debug for ResponderSide {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ResponderSide").finish_non_exhaustive()
    }
}

impl Negotiation for Receiving {}

impl Role for Receiving {
    type Config = ResponderConfig;
    type Side = ResponderSide;

    fn begin(config: Arc<ResponderConfig>, now: Instant) -> (Self, ResponderSide, Link) {
        let table = Self::new(config.policy());
        let scope = match config.kind {
            Kind::ClientToServer => Scope::Open,
            Kind::ServerToServer => Scope::Receiver,
            Kind::Component => Scope::ComponentServer(None),
        };
        let link = Link::new(config.limits, config.kind, scope, now);
        let side = ResponderSide {
            common: Common::new(config.kind, UsagePolicy::default()),
            host: None,
            answer: None,
            mechanism: None,
            mechanism_name: String::new(),
            working: false,
            reply: None,
            failure: sasl::Condition::NotAuthorized,
            identity: None,
            request_id: String::new(),
            refusal: BindError::Conflict,
            bound: None,
            stream_id: String::new(),
            certified: None,
            config,
        };
        (table, side, link)
    }

    fn step(&mut self, input: Input) -> Output {
        Self::step(self, input)
    }

    fn position(&self) -> Position {
        use ReceivingPhase as P;
        let (phase, stage) = match self.phase() {
            P::Idle => (Phase::Header, Stage::Idle),
            P::TlsHandshake(_) => (Phase::TlsHandshake, Stage::Negotiating),
            P::AwaitHeader(_) => (Phase::Header, Stage::Negotiating),
            P::AwaitHost(_) => (Phase::Decision, Stage::Negotiating),
            P::Negotiating(Leg::Plain, _) if self.policy().security == Security::StartTls => {
                (Phase::StartTls, Stage::Negotiating)
            }
            P::Negotiating(..) | P::Authenticating(..) => {
                (Phase::Authentication, Stage::Negotiating)
            }
            P::AwaitHandshake | P::CheckingHandshake => (Phase::Authentication, Stage::Negotiating),
            P::Federating => (Phase::Dialback, Stage::Federating),
            P::AwaitBind(_) | P::Binding(_) => (Phase::Binding, Stage::Negotiating),
            P::Established => (Phase::Established, Stage::Established),
            P::Closing(closing) => (Phase::Closing, closing.into()),
        };
        Position { phase, stage }
    }

    fn common(side: &ResponderSide) -> &Common {
        &side.common
    }

    fn common_mut(side: &mut ResponderSide) -> &mut Common {
        &mut side.common
    }

    fn opened(
        side: &mut ResponderSide,
        peer: &mut PeerHeader,
        header: &Header<'_>,
        protected: bool,
    ) -> OpeningClass {
        let opened = Opened::read(header, side.config.kind, stream::Role::Receiving);
        let (to, version) = opened.answer();
        let lang = opened.lang.as_deref().map(ToOwned::to_owned);
        side.answer = Some(Answer { to, version, lang });
        peer.note(&opened);
        match side.config.kind {
            Kind::ClientToServer => side.opened_by_client(&opened, protected),
            Kind::ServerToServer => side.opened_by_server(&opened, protected),
            Kind::Component => opened.class,
        }
    }

    fn awaited(_: &ResponderSide) -> Awaited<'_> {
        Awaited::Nothing
    }

    fn carry_out(side: &mut ResponderSide, link: &mut Link, act: Act) -> Option<Input> {
        match act {
            Act::AskHost(_) => return side.ask_host(link),
            Act::OpenStream(leg) => side.open_stream(link, leg),
            Act::Proceed => side.proceed(link),
            Act::RefuseTls => {
                link.end_with(CloseReason::StarttlsRefused);
                link.say(|out| {
                    out.push_str(StartTls::Failure.as_xml());
                    out.push_str(CLOSING_TAG);
                });
            }
            Act::BeginMechanism => return side.begin_mechanism(link),
            Act::RequireEncryption => side.refuse(link, sasl::Condition::EncryptionRequired),
            Act::RunResponse => return side.run_response(link),
            Act::SendChallenge => {
                let reply = side.reply.take();
                let data = reply.as_ref().map(Secret::as_bytes).unwrap_or_default();
                link.say(|out| stream::sasl::write_challenge(out, data));
            }
            Act::SendSuccess => {
                let reply = side.reply.take();
                link.say(|out| {
                    stream::sasl::write_success(out, reply.as_ref().map(Secret::as_bytes));
                });
                side.answer = None;
                link.restart(side.limits().after_auth());
            }
            Act::SendFailure => side.refuse(link, side.failure),
            Act::SendAborted => side.refuse(link, sasl::Condition::Aborted),
            Act::AskPair => return side.ask_pair(link),
            Act::AcceptPair => {
                link.say_settled(false);
            }
            Act::RefusePair => link.refuse_pair(),
            Act::FailPair => {
                link.say_settled(true);
            }
            Act::CheckKey => return side.check_key(link),
            Act::SendKeyVerdict => {
                link.say_settled(false);
            }
            Act::DeclineDialback(error) => link.decline_dialback(error),
            Act::CheckHandshake => return Some(side.check_handshake(link)),
            Act::AcceptHandshake => link.say(|out| out.push_str(handshake::ACCEPTED)),
            Act::AskBind => side.ask_bind(link),
            Act::SendBindResult => {
                if let Some(jid) = &side.bound {
                    let id = &side.request_id;
                    link.say(|out| bind::write_result(out, id, jid));
                }
            }
            Act::SendBindError(refusal) => side.refuse_bind(link, refusal),
            Act::SendSessionResult => {
                if let Some(Frame::Element(iq)) = link.framer.frame() {
                    let id = bind::read_session_request(&iq, Recipient::Anyone)
                        .and_then(Result::ok)
                        .unwrap_or_default();
                    link.outbox.say(|out| bind::write_session_result(out, &id));
                }
            }
            _ => link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort),
        }
        None
    }

    fn own_header(side: &mut ResponderSide, _: &Link) -> Result<String, NoRandomness> {
        let mut out = String::new();
        side.header(&mut out)?;
        Ok(out)
    }

    fn tls_session(side: &ResponderSide, link: &Link) -> Result<tls::Session, tls::SetupError> {
        let config = &side.config;
        let (tls, alpn) = match &config.security {
            ResponderSecurity::DirectTls(tls) => (tls, config.kind.alpn()),
            ResponderSecurity::StartTls => (
                side.host
                    .as_ref()
                    .and_then(|host| host.tls.as_ref())
                    .ok_or(tls::SetupError::NotConfigured)?,
                None,
            ),
            ResponderSecurity::DangerousPlaintext => return Err(tls::SetupError::NotConfigured),
        };
        tls::Session::server(tls, alpn.as_slice(), link.tls_limits())
    }

    fn is_working(side: &ResponderSide) -> bool {
        side.working
    }

    fn work(side: &mut ResponderSide, link: &mut Link) -> Option<Input> {
        let step = side.mechanism.as_mut()?.work();
        side.stepped(step, link)
    }

    fn answered(side: &mut ResponderSide, link: &mut Link) -> Option<Input> {
        let (question, verdict) = link.gate.take()?.into_verdict()?;
        match (verdict, question) {
            (Verdict::Serve(host), _) => Some(side.serve(host, link)),
            (Verdict::RefuseHost(error), _) => {
                side.common.error = Some(error);
                Some(Input::Verdict(stream::Verdict::Refuse))
            }
            (Verdict::Sasl(answer), _) => {
                let step = side.mechanism.as_mut()?.provide(answer);
                side.stepped(step, link)
            }
            (Verdict::Bind(jid), _) => {
                side.bound = Some(jid);
                Some(Input::Verdict(stream::Verdict::Accept))
            }
            (Verdict::RefuseBind(error), _) => {
                side.refusal = error;
                Some(Input::Verdict(stream::Verdict::Refuse))
            }
        }
    }

    fn authenticated(side: &ResponderSide) -> Authenticated<'_> {
        Authenticated {
            mechanism: &side.mechanism_name,
            identity: side
                .identity
                .as_ref()
                .map(|identity| identity.authcid.as_str())
                .unwrap_or_default(),
        }
    }

    fn established(side: &mut ResponderSide, link: &mut Link) {
        side.federate(link);
    }

    fn bound(side: &ResponderSide) -> Option<&Jid> {
        side.bound.as_ref()
    }

    fn authentication_failure(side: &mut ResponderSide, _: &Link) -> CloseReason {
        CloseReason::AuthenticationFailed(AuthenticationFailure::Refused(side.failure))
    }
}

impl ResponderSide {
    fn limits(&self) -> crate::limits::Limits {
        self.host
            .as_ref()
            .map_or(self.config.limits, |host| host.limits)
    }

    /// The host is known; another server may still be refused.
    fn serve(&mut self, host: Arc<HostConfig>, link: &mut Link) -> Input {
        link.limits = host.limits;
        let component = host.component.as_ref().and(Jid::parse(host.domain()).ok());
        link.federation
            .serve(usize::from(host.limits.requests()), component);
        self.common.usage = host.usage();
        self.host = Some(host);
        match self.judge_peer(link) {
            None => Input::Verdict(stream::Verdict::Accept),
            Some(condition) => {
                self.common.error = Some(StreamError::new(condition));
                Input::Verdict(stream::Verdict::Refuse)
            }
        }
    }

    fn ask_bind(&mut self, link: &mut Link) {
        let (id, resource) = match link.framer.frame() {
            Some(Frame::Element(iq)) => match BindRequest::read(&iq, Recipient::Anyone) {
                Some(Ok(request)) => (
                    request.id.into_owned(),
                    request.resource.map(Cow::into_owned),
                ),
                _ => (String::new(), None),
            },
            _ => (String::new(), None),
        };
        self.request_id = id;
        let identity = self.identity.clone().unwrap_or_else(|| Identity {
            authcid: String::new(),
            authzid: None,
        });
        match self.random_hex() {
            Ok(generated) => {
                link.gate = Some(Gate::new(Question::Bind {
                    identity,
                    resource,
                    generated,
                }));
            }
            Err(NoRandomness) => link.finish(NO_RANDOMNESS, Manner::Abort),
        }
    }

    fn refuse_bind(&mut self, link: &mut Link, refusal: BindRefusal) {
        let (id, error) = match refusal {
            BindRefusal::Application => (self.request_id.clone(), self.refusal),
            BindRefusal::AlreadyBound => {
                let id = match link.framer.frame() {
                    Some(Frame::Element(iq)) => BindRequest::read(&iq, Recipient::Anyone)
                        .and_then(Result::ok)
                        .map(|request| request.id.into_owned()),
                    _ => None,
                };
                (id.unwrap_or_default(), BindError::NotAllowed)
            }
        };
        link.say(|out| bind::write_error(out, &id, error));
    }
}

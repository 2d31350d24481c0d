//! The receiving entity's texts, keys and mechanism, and what it does when the
//! table orders something.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::NO_RANDOMNESS;
use super::gate::{Gate, Question, Verdict};
use super::link::{Link, Opening, PeerHeader};
use super::role::{Common, Negotiation, NoRandomness, Position, Role, Stage};
use crate::close::{AuthenticationFailure, CloseReason, InternalError, Manner, Phase};
use crate::config::{HostConfig, ResponderConfig, ResponderSecurity, offered};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::reset::UsagePolicy;
use crate::sasl::{
    self, Acceptor, AcceptorBinding, AnonymousAcceptor, ExternalAcceptor, Identity, MechanismName,
    PlainAcceptor, ScramAcceptor, Secret, ServerStep,
};
use crate::stream::{
    self, Act, Awaited, BindError, BindRefusal, BindRequest, Closing, Condition, FeaturesOut,
    HeaderOut, Input, Leg, Offer, Opened, OpeningClass, Output, Receiving, ReceivingPhase,
    SaslElement, StartTls, StreamError, Version, bind, features::write_features,
    header::CLOSING_TAG,
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
}

/// The part of our header that follows from the peer's.
struct Answer {
    to: Option<Jid>,
    version: Option<Version>,
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
        let link = Link::new(config.limits, config.kind, now);
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
            P::Negotiating(Leg::Plain, _) => (Phase::StartTls, Stage::Negotiating),
            P::Negotiating(..) | P::Authenticating(..) => {
                (Phase::Authentication, Stage::Negotiating)
            }
            P::AwaitBind(_) | P::Binding(_) => (Phase::Binding, Stage::Negotiating),
            P::Established => (Phase::Established, Stage::Established),
            P::Closing(Closing::PeerClosed) => (Phase::Closing, Stage::PeerClosing),
            P::Closing(Closing::AwaitFooter(_)) => (Phase::Closing, Stage::Closing),
            P::Closing(Closing::Done) => (Phase::Closing, Stage::Done),
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
    ) -> OpeningClass {
        let opened = Opened::read(header, side.config.kind, stream::Role::Receiving);
        let (to, version) = opened.answer();
        side.answer = Some(Answer { to, version });
        peer.note(&opened);
        opened.class
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
            Act::RequireEncryption => link.say(|out| {
                stream::sasl::write_failure(out, sasl::Condition::EncryptionRequired, None);
            }),
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
            Act::SendFailure => {
                let condition = side.failure;
                side.mechanism = None;
                link.say(|out| stream::sasl::write_failure(out, condition, None));
            }
            Act::SendAborted => {
                side.mechanism = None;
                link.say(|out| {
                    stream::sasl::write_failure(out, sasl::Condition::Aborted, None);
                });
            }
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
                    let id = bind::read_session_request(&iq).unwrap_or_default();
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
        let (tls, alpn): (_, &[&[u8]]) = match &config.security {
            ResponderSecurity::DirectTls(tls) => (tls, &[config.kind.alpn()]),
            ResponderSecurity::StartTls => (
                side.host
                    .as_ref()
                    .and_then(|host| host.tls.as_ref())
                    .ok_or(tls::SetupError::NotConfigured)?,
                &[],
            ),
            ResponderSecurity::DangerousPlaintext => return Err(tls::SetupError::NotConfigured),
        };
        tls::Session::server(tls, alpn, link.tls_limits())
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
            (Verdict::Serve(host), _) => {
                side.serve(host, link);
                Some(Input::Verdict(stream::Verdict::Accept))
            }
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

    fn established(_: &mut ResponderSide, _: &mut Link) {}

    fn bound(side: &ResponderSide) -> Option<&Jid> {
        side.bound.as_ref()
    }

    fn authentication_failure(side: &mut ResponderSide) -> CloseReason {
        CloseReason::AuthenticationFailed(AuthenticationFailure::Refused(side.failure))
    }
}

impl ResponderSide {
    fn limits(&self) -> crate::limits::Limits {
        self.host
            .as_ref()
            .map_or(self.config.limits, |host| host.limits)
    }

    fn serve(&mut self, host: Arc<HostConfig>, link: &mut Link) {
        link.limits = host.limits;
        self.common.usage = host.usage();
        self.host = Some(host);
    }

    /// The first header's `to` names the host, and the restarted streams keep
    /// it (RFC 6120 4.3.3): another name is unknown to them.
    fn ask_host(&mut self, link: &mut Link) -> Option<Input> {
        let known = self.host.as_ref().or(self.config.host.as_ref()).cloned();
        let Some(host) = known else {
            link.gate = Some(Gate::new(Question::Host {
                to: link.peer.to.clone(),
                from: link.peer.from.clone(),
                sni: link
                    .tls_info()
                    .and_then(tls::TlsInfo::server_name)
                    .map(ToOwned::to_owned),
            }));
            return None;
        };
        let named = link.peer.to.as_ref().map(Jid::domain);
        if named == Some(host.domain()) {
            self.serve(host, link);
            Some(Input::Verdict(stream::Verdict::Accept))
        } else {
            self.common.error = Some(StreamError::new(Condition::HostUnknown));
            Some(Input::Verdict(stream::Verdict::Refuse))
        }
    }

    fn header(&self, out: &mut String) -> Result<(), NoRandomness> {
        let id = self.stream_id()?;
        // 4.9.1.3: with no host there is nobody to be from.
        let from = self
            .host
            .as_ref()
            .or(self.config.host.as_ref())
            .map(|host| host.domain())
            .unwrap_or_default();
        let (to, version) = match &self.answer {
            Some(answer) => (answer.to.as_ref().map(ToString::to_string), answer.version),
            None => (None, Some(Version::XMPP_1_0)),
        };
        HeaderOut {
            to: to.as_deref(),
            version,
            ..HeaderOut::response(self.config.kind, from, &id, &self.config.lang)
        }
        .write(out);
        Ok(())
    }

    /// 128 random bits in hex (4.7.3).
    fn stream_id(&self) -> Result<String, NoRandomness> {
        let mut random = [0; 16];
        self.config
            .random
            .fill(&mut random)
            .map_err(|_| NoRandomness)?;
        Ok(random
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect())
    }

    fn open_stream(&mut self, link: &mut Link, leg: Leg) {
        let mut text = String::new();
        if self.header(&mut text).is_err() {
            link.finish(NO_RANDOMNESS, Manner::Abort);
            return;
        }
        self.features(link, leg, &mut text);
        link.say(|out| out.push_str(&text));
    }

    /// What is offered on this leg (4.3.2, 5.3.1, 6.4.1, 7.4).
    fn features(&self, link: &Link, leg: Leg, out: &mut String) {
        let starttls =
            leg == Leg::Plain && matches!(self.config.security, ResponderSecurity::StartTls);
        let bindings = self.bindings(link);
        let kinds: Vec<_> = bindings
            .iter()
            .map(|binding| binding.kind().as_str())
            .collect();
        let names: Vec<_> = self.offered(link).map(MechanismName::as_str).collect();
        let extra = self.host.as_ref().map(|host| host.features.as_slice());
        let features = match leg {
            // 5.3.1: where TLS is mandatory, nothing else is offered.
            Leg::Plain if starttls => FeaturesOut {
                starttls: Offer::Required,
                ..FeaturesOut::default()
            },
            Leg::Plain | Leg::Secured => FeaturesOut {
                mechanisms: &names,
                channel_bindings: &kinds,
                ..FeaturesOut::default()
            },
            Leg::Authenticated => FeaturesOut {
                bind: self.config.kind == stream::Kind::ClientToServer,
                session: self.config.kind == stream::Kind::ClientToServer,
                extra: extra.unwrap_or_default(),
                ..FeaturesOut::default()
            },
        };
        write_features(out, &features);
    }

    /// The channel bindings of this session, if -PLUS is offered at all.
    fn bindings(&self, link: &Link) -> Vec<sasl::ChannelBindingData> {
        let plus = self.host.as_ref().is_some_and(|host| {
            host.mechanisms
                .iter()
                .any(|name| matches!(name, MechanismName::ScramPlus(_)))
        });
        match plus {
            true => link.channel_bindings(),
            false => Vec::new(),
        }
    }

    fn offered(&self, link: &Link) -> impl Iterator<Item = MechanismName> + use<> {
        let mechanisms = self
            .host
            .as_ref()
            .map_or(sasl::MechanismSet::EMPTY, |host| host.mechanisms);
        let session = link.tls();
        offered(
            mechanisms,
            session.and_then(tls::Session::encrypted).is_some(),
            !self.bindings(link).is_empty(),
            session.and_then(tls::Session::verified).is_some(),
        )
    }

    /// 5.4.2.3, 5.4.3.1: nothing may stand between `<starttls/>` and the
    /// handshake.
    fn proceed(&mut self, link: &mut Link) {
        if !link.framer.unread().is_empty() {
            link.finish(CloseReason::PlaintextAfterStarttls, Manner::Abort);
            return;
        }
        match <Receiving as Role>::tls_session(self, link) {
            Ok(session) => {
                link.say(|out| out.push_str(StartTls::Proceed.as_xml()));
                // Sealing comes after this: the text must go out plain.
                link.send_plain();
                link.start_tls(session, Opening::Awaited);
                self.answer = None;
            }
            // 5.4.2.2: our own failure, too, is the end.
            Err(error) => {
                link.end_with(CloseReason::Internal(InternalError::TlsSetup(error)));
                link.say(|out| {
                    out.push_str(StartTls::Failure.as_xml());
                    out.push_str(CLOSING_TAG);
                });
                link.send_plain();
                link.drain();
            }
        }
    }

    fn begin_mechanism(&mut self, link: &mut Link) -> Option<Input> {
        let failed = Some(Input::Sasl(stream::Sasl::Failed));
        let element = match link.framer.frame() {
            Some(Frame::Element(element)) => SaslElement::read(&element),
            _ => return failed,
        };
        let (name, data) = match element {
            Ok(SaslElement::Auth { mechanism, data }) => (mechanism.into_owned(), data),
            Ok(_) => {
                self.failure = sasl::Condition::MalformedRequest;
                return failed;
            }
            Err(condition) => {
                self.failure = condition;
                return failed;
            }
        };
        // CVE-2017-10807: only what was offered, now and here.
        let mechanism = MechanismName::from_name(&name)
            .filter(|wanted| self.offered(link).any(|offered| offered == *wanted));
        let Some(mechanism) = mechanism else {
            self.failure = sasl::Condition::InvalidMechanism;
            return failed;
        };
        match self.accept(mechanism, link) {
            Ok(Some(acceptor)) => self.mechanism = Some(acceptor),
            Ok(None) => {
                self.failure = sasl::Condition::InvalidMechanism;
                return failed;
            }
            Err(NoRandomness) => {
                self.failure = sasl::Condition::TemporaryAuthFailure;
                return failed;
            }
        }
        self.mechanism_name = name;
        let step = self
            .mechanism
            .as_mut()?
            .response(data.as_ref().map(Secret::as_bytes));
        self.stepped(step, link)
    }

    fn accept(
        &self,
        mechanism: MechanismName,
        link: &Link,
    ) -> Result<Option<Box<dyn Acceptor>>, NoRandomness> {
        let Some(host) = &self.host else {
            return Ok(None);
        };
        Ok(Some(match mechanism {
            MechanismName::Scram(hash) | MechanismName::ScramPlus(hash) => {
                let mut nonce = [0; 18];
                self.config
                    .random
                    .fill(&mut nonce)
                    .map_err(|_| NoRandomness)?;
                let bindings = self.bindings(link);
                let binding = match mechanism {
                    MechanismName::ScramPlus(_) => AcceptorBinding::Used(bindings),
                    _ if bindings.is_empty() => AcceptorBinding::Absent,
                    _ => AcceptorBinding::Offered,
                };
                Box::new(ScramAcceptor::new(hash, binding, host.decoy.clone(), nonce))
            }
            MechanismName::Plain => Box::new(PlainAcceptor::new(host.decoy.clone())),
            MechanismName::External => Box::new(ExternalAcceptor::new()),
            MechanismName::Anonymous => Box::new(AnonymousAcceptor::new()),
        }))
    }

    fn run_response(&mut self, link: &mut Link) -> Option<Input> {
        let element = match link.framer.frame() {
            Some(Frame::Element(element)) => SaslElement::read(&element),
            _ => Err(sasl::Condition::MalformedRequest),
        };
        match element {
            Ok(SaslElement::Response(data)) => {
                let step = self.mechanism.as_mut()?.response(Some(data.as_bytes()));
                self.stepped(step, link)
            }
            Ok(_) => {
                self.failure = sasl::Condition::MalformedRequest;
                Some(Input::Sasl(stream::Sasl::Failed))
            }
            Err(condition) => {
                self.failure = condition;
                Some(Input::Sasl(stream::Sasl::Failed))
            }
        }
    }

    fn stepped(&mut self, step: ServerStep, link: &mut Link) -> Option<Input> {
        self.working = false;
        match step {
            ServerStep::Working => {
                self.working = true;
                None
            }
            ServerStep::Ask(question) => {
                link.gate = Some(Gate::new(Question::Sasl(question)));
                None
            }
            ServerStep::Challenge(data) => {
                self.reply = Some(data);
                Some(Input::Sasl(stream::Sasl::Send))
            }
            ServerStep::Success { identity, data } => {
                self.mechanism = None;
                self.reply = data;
                self.identity = Some(identity);
                Some(Input::Sasl(stream::Sasl::Done))
            }
            ServerStep::Failure(condition) => {
                self.mechanism = None;
                self.failure = condition;
                Some(Input::Sasl(stream::Sasl::Failed))
            }
        }
    }

    fn ask_bind(&mut self, link: &mut Link) {
        let (id, resource) = match link.framer.frame() {
            Some(Frame::Element(iq)) => match BindRequest::read(&iq) {
                Some(request) => (
                    request.id.into_owned(),
                    request.resource.map(|resource| resource.into_owned()),
                ),
                None => (String::new(), None),
            },
            _ => (String::new(), None),
        };
        self.request_id = id;
        let identity = self.identity.clone().unwrap_or_else(|| Identity {
            authcid: String::new(),
            authzid: None,
        });
        link.gate = Some(Gate::new(Question::Bind { identity, resource }));
    }

    fn refuse_bind(&mut self, link: &mut Link, refusal: BindRefusal) {
        let (id, error) = match refusal {
            BindRefusal::Application => (self.request_id.clone(), self.refusal),
            BindRefusal::AlreadyBound => {
                let id = match link.framer.frame() {
                    Some(Frame::Element(iq)) => {
                        BindRequest::read(&iq).map(|request| request.id.into_owned())
                    }
                    _ => None,
                };
                (id.unwrap_or_default(), BindError::NotAllowed)
            }
        };
        link.say(|out| bind::write_error(out, &id, error));
    }
}

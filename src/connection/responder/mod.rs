//! The role of the receiving entity: what it keeps beside its table, and what it does when the table
//! commands something. Login is in `login`, our header and features in `header`, the proof between
//! servers and of components in `s2s`.

mod header;
mod inline;
mod login;
mod s2s;
mod task;

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use header::{ResponseHeader, random_hex};
use login::ServerLogin;
use s2s::PeerProof;

use super::context::{Change, Context, tls_limits};
use super::decision::DecisionAnswer;
use super::key_meter::{Certificates, PeerCertificate};
use super::management::Management;
use super::role::{Negotiation, NoRandomness, Position, Role, Setup, Stage, plain_phase};
use super::s2s::AddressRule;
use super::transport::FirstByte;
use crate::close::{AuthenticationReason, CloseReason, InternalReason, Phase};
use crate::config::{HostConfig, ResponderConfig, ResponderSecurity};
use crate::event::{Authenticated, Question};
use crate::jid::Jid;
use crate::limits::Limits;
use crate::random::Random;
use crate::reset::UsagePolicy;
use crate::sasl::{SaslCondition, SaslProfile, Secret};
use crate::sm::SmState;
use crate::stream::bind::{MalformedRequest, Recipient};
use crate::stream::header::CLOSING_TAG;
use crate::stream::management::write_failed;
use crate::stream::{
    Answer, Awaited, BindCondition, BindRefusal, Content, FirstLevelElement, HeaderClass, Input,
    Kind, LoginOutcome, ManagementElement, ManagementRefusal, ManagementResult, Output,
    ParsedHeader, Receiving, ReceivingCommand, ReceivingPhase, StartTls, StreamCondition,
    StreamError, StreamLevel, bind, handshake, sasl, sasl2, write_refusal,
};
use crate::tls;
use crate::xml::{Header, Stanza};

/// The role of a receiving entity.
pub struct ResponderRole {
    table: Receiving,
    config: Arc<ResponderConfig>,
    /// The host that the peer addresses, once it is known.
    host: Option<Arc<HostConfig>>,
    header: ResponseHeader,
    login: ServerLogin,
    /// What is known of the peer server; between servers only.
    peer_proof: PeerProof,
    bind: BindState,
    bound: Option<Jid>,
    /// What a session that is refused had handled, for the refusal.
    handled: Option<u32>,
}

/// The bind request that is being decided, or was decided last.
#[derive(Debug)]
enum BindState {
    /// There was none.
    None,
    /// A request with this id.
    Asked { id: String },
    /// A request with this id, which the application refuses.
    Refused {
        id: String,
        condition: BindCondition,
    },
    /// A request that is answered with `<bad-request/>`, without asking the application.
    Malformed(MalformedRequest<'static>),
}

impl core::fmt::Debug for ResponderRole {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ResponderRole").field(&self.table).finish()
    }
}

impl Negotiation for ResponderRole {}

impl Role for ResponderRole {
    type Config = ResponderConfig;
    type Command = ReceivingCommand;

    fn new(config: Arc<ResponderConfig>) -> (Self, Setup) {
        let rule = match config.kind {
            Kind::ClientToServer => None,
            Kind::ServerToServer => Some(AddressRule::Receiver),
            Kind::Component => Some(AddressRule::ComponentServer(None)),
        };
        let setup = Setup {
            kind: config.kind,
            limits: config.limits,
            rule,
            management: config
                .management
                .clone()
                .map(|policy| Management::server(policy, config.random.clone())),
            scope: config.scope.clone(),
        };
        let role = Self {
            table: Receiving::new(config.policy()),
            host: None,
            header: ResponseHeader::new(config.clone()),
            login: ServerLogin::new(config.clone()),
            peer_proof: PeerProof::default(),
            bind: BindState::None,
            bound: None,
            handled: None,
            config,
        };
        (role, setup)
    }

    fn step(&mut self, input: Input) -> Output<ReceivingCommand> {
        self.table.step(input)
    }

    fn position(&self) -> Position {
        use ReceivingPhase as P;
        match self.table.phase() {
            P::Idle => Position {
                phase: Phase::Header,
                stage: Stage::Idle,
            },
            P::TlsHandshake(_) => Position::negotiating(Phase::TlsHandshake),
            P::AwaitHeader(_) => Position::negotiating(Phase::Header),
            P::AwaitHost(_) => Position::negotiating(Phase::Decision),
            P::Negotiating(StreamLevel::Plain, _) => {
                Position::negotiating(plain_phase(self.table.policy().security))
            }
            P::Negotiating(..)
            | P::Authenticating(..)
            | P::Task(..)
            | P::AwaitHandshake
            | P::CheckingHandshake => Position::negotiating(Phase::Authentication),
            P::Federating => Position {
                phase: Phase::Dialback,
                stage: Stage::Federating,
            },
            P::AwaitBind(_) | P::Binding(_) | P::Resuming(_) | P::Completing(..) => {
                Position::negotiating(Phase::Binding)
            }
            P::Established => Position {
                phase: Phase::Established,
                stage: Stage::Established,
            },
            P::Closing(closing) => Position::closing(closing),
        }
    }

    fn read_header(&mut self, header: &Header<'_>, cx: &mut Context<'_>) -> HeaderClass {
        let parsed = ParsedHeader::read(header, self.config.kind, crate::stream::Role::Receiving);
        self.header.record(&parsed);
        let protected = cx.tls_info().is_some();
        let class = match self.config.kind {
            Kind::ClientToServer => {
                self.login
                    .read_header(&parsed, protected, self.host.as_deref())
            }
            Kind::ServerToServer => self
                .peer_proof
                .read_header(&parsed, self.login.identity().is_some()),
            Kind::Component => parsed.class,
        };
        cx.peer.record(parsed);
        class
    }

    fn awaited(&self) -> Awaited<'_> {
        Awaited::Nothing
    }

    fn recipient(&self) -> Recipient<'_> {
        match &self.host {
            Some(host) => Recipient::Server {
                domain: host.domain(),
                account: self.login.account(),
            },
            None => Recipient::Anyone,
        }
    }

    fn execute(
        &mut self,
        command: ReceivingCommand,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        use ReceivingCommand as C;
        match command {
            C::AskHost(_) => return self.ask_host(cx),
            C::OpenStream(level) => self.open_stream(level, cx),
            C::Proceed => self.proceed(cx),
            C::RefuseTls => {
                cx.reason = Some(CloseReason::StarttlsRefused);
                write_tls_failure(cx);
            }
            C::BeginMechanism(profile) => {
                let advertised = self.login.advertisement(
                    self.host.as_deref(),
                    self.peer_proof.is_certified(),
                    cx.tls,
                );
                let step =
                    self.login
                        .begin(profile, element, &advertised, self.host.as_deref(), cx);
                return self.stepped(step, cx);
            }
            C::RequireEncryption(profile) => {
                self.login
                    .refuse(profile, SaslCondition::EncryptionRequired, cx);
            }
            C::RunResponse(_) => {
                let step = self.login.respond(element, cx);
                return self.stepped(step, cx);
            }
            C::SendChallenge(profile) => {
                let reply = self.login.take_reply().unwrap_or_default();
                cx.out.push_control(|out| match profile {
                    SaslProfile::Sasl => sasl::write_challenge(out, reply.as_bytes()),
                    SaslProfile::Sasl2 => sasl2::write_challenge(out, reply.as_bytes()),
                });
            }
            C::SendSuccess => {
                let reply = self.login.take_reply();
                cx.out.push_control(|out| {
                    sasl::write_success(out, reply.as_ref().map(crate::sasl::Secret::as_bytes));
                });
                self.header.forget_peer();
                cx.restart(cx.limits.after_auth());
            }
            C::SendFailure(profile) => self.login.refuse(profile, self.login.condition(), cx),
            C::SendAborted(profile) => self.login.refuse(profile, SaslCondition::Aborted, cx),
            C::AskBind => return self.ask_bind(element, cx),
            C::SendBindResult => match (&self.bound, &self.bind) {
                (Some(jid), BindState::Asked { id }) => {
                    cx.out.push_control(|out| bind::write_result(out, id, jid));
                }
                _ => cx.defect("a bind result without a request or an address"),
            },
            C::SendBindError(refusal) => self.refuse_bind(refusal, element, cx),
            C::SendSessionResult => match element.map(FirstLevelElement::content) {
                Some(Content::SessionRequest(id)) => {
                    cx.push_stanza(|out| bind::write_session_result(out, id));
                }
                Some(Content::MalformedRequest(malformed)) => {
                    cx.push_stanza(|out| malformed.write_error(out));
                }
                _ => cx.defect("a session result without its request"),
            },
            C::RefuseStanza(refusal) => match element {
                Some(element) => {
                    cx.push_stanza(|out| write_refusal(out, &element.element(), refusal));
                }
                None => cx.defect("a stanza that is not there is refused"),
            },
            C::AskResumption => self.ask_resumption(element, cx),
            C::SendResumed => match cx.management.as_deref_mut() {
                Some(management) => {
                    management.write_resumed(cx.out);
                    management.retransmit(cx.out);
                }
                None => cx.defect("a session that is not there goes on"),
            },
            C::RefuseResumption => {
                let handled = self.handled.take();
                match cx.management.as_deref().map(Management::refusal) {
                    Some(refusal) => cx
                        .out
                        .push_control(|out| write_failed(out, refusal, handled)),
                    None => cx.defect("a session that cannot be is refused"),
                }
            }
            C::RefuseManagement => cx.out.push_control(|out| {
                write_failed(out, ManagementRefusal::UnexpectedRequest, None);
            }),
            C::SendOutcome(outcome) => self.send_outcome(outcome, cx),
            C::AskInlineBind => self.ask_inline_bind(cx),
            C::AskInlineResumption => self.ask_inline_resumption(cx),
            C::AskToken => self.ask_token(cx),
            C::SendContinue => self.login.send_continue(cx),
            C::RunTask => return self.run_task(element, cx),
            C::SendTaskData => self.login.send_task_data(cx),
            C::AskPair => {
                return s2s::ask_pair(element, self.header.stream_id(), &self.config, cx);
            }
            C::CheckKey => {
                return s2s::check_key(element, self.host.as_deref(), &self.config, cx);
            }
            C::AcceptPair | C::SendKeyVerdict => s2s::write_settled(cx),
            C::FailPair => s2s::write_settled_leniently(cx),
            C::RefusePair => s2s::refuse_pair(cx),
            C::DeclineDialback(condition) => s2s::decline(element, condition, cx),
            C::CheckHandshake => {
                let stream_id = self.header.stream_id();
                return s2s::check_handshake(element, stream_id, self.host.as_deref(), cx);
            }
            C::AcceptHandshake => cx.out.push_control(|out| out.push_str(handshake::ACCEPTED)),
        }
        None
    }

    fn header(&mut self, cx: &Context<'_>) -> Result<String, NoRandomness> {
        let mut out = String::new();
        self.header.write(self.host.as_deref(), cx.peer, &mut out)?;
        Ok(out)
    }

    fn tls_session(&self, limits: &Limits) -> Result<tls::TlsSession, tls::SetupError> {
        let tls = self.tls_config().ok_or(tls::SetupError::NotConfigured)?;
        let alpn = match &self.config.security {
            ResponderSecurity::DirectTls(_) => self.config.kind.alpn(),
            ResponderSecurity::StartTls | ResponderSecurity::DangerousPlaintext => None,
        };
        tls::TlsSession::server(tls, alpn.as_slice(), tls_limits(limits))
    }

    fn is_working(&self) -> bool {
        self.login.is_working()
    }

    fn work(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let step = self.login.work(cx);
        self.stepped(step, cx)
    }

    fn decide(&mut self, answer: DecisionAnswer, cx: &mut Context<'_>) -> Option<Input> {
        match answer {
            DecisionAnswer::Serve(host) => Some(self.serve(host, cx)),
            DecisionAnswer::RefuseHost(error) => {
                *cx.error = Some(error);
                Some(Input::Answer(Answer::Refuse))
            }
            DecisionAnswer::Sasl(answer) => {
                let step = self.login.provide(answer, cx);
                self.stepped(step, cx)
            }
            DecisionAnswer::Bind(jid, results) => {
                self.bound = Some(jid);
                self.login.inline().set_results(results);
                Some(Input::Answer(Answer::Accept))
            }
            DecisionAnswer::Resume(state, h) => {
                let input = self.resume(*state, h, cx);
                if input == Some(Input::Answer(Answer::Refuse)) {
                    self.login.inline().refuse_resumption(None);
                }
                input
            }
            DecisionAnswer::RefuseResumption(handled) => {
                self.handled = handled;
                self.login.inline().refuse_resumption(handled);
                Some(Input::Answer(Answer::Refuse))
            }
            DecisionAnswer::IssueToken(token) => {
                self.login.inline().issue(*token);
                Some(Input::Answer(Answer::Accept))
            }
            DecisionAnswer::KeysStored => Some(Input::Sasl(self.login.after_keys(Ok(())))),
            DecisionAnswer::KeysRefused => {
                let condition = SaslCondition::TemporaryAuthFailure;
                Some(Input::Sasl(self.login.after_keys(Err(condition))))
            }
            DecisionAnswer::KeepToken => Some(Input::Answer(Answer::Refuse)),
            DecisionAnswer::RefuseBind(condition) => {
                if let BindState::Asked { id } = core::mem::replace(&mut self.bind, BindState::None)
                {
                    self.bind = BindState::Refused { id, condition };
                }
                Some(Input::Answer(Answer::Refuse))
            }
        }
    }

    fn established(&mut self, _: Option<&FirstLevelElement<'_>>, cx: &mut Context<'_>) {
        cx.change = Change::SetLimits(cx.limits.after_auth());
        self.header.forget_peer();
        if self.login.identity().is_some() {
            self.peer_proof.established(cx);
        }
    }

    fn authenticated<'a>(&'a self, _: Option<Stanza<'a>>) -> Authenticated<'a> {
        let identity = self
            .login
            .identity()
            .map(|identity| identity.authcid.as_str());
        Authenticated {
            mechanism: self.login.mechanism_name(),
            identity: identity.unwrap_or_default(),
            profile: self.login.profile(),
            token: self.login.used_token(),
            success: None,
        }
    }

    fn bound(&self) -> Option<&Jid> {
        self.bound.as_ref()
    }

    fn authentication_reason(&mut self, _: Option<&FirstLevelElement<'_>>) -> AuthenticationReason {
        AuthenticationReason::Refused(self.login.condition())
    }

    fn usage(&self) -> UsagePolicy {
        self.host
            .as_ref()
            .map(|host| host.usage())
            .unwrap_or_default()
    }

    fn certificates(&self, session: &tls::TlsSession) -> Certificates {
        let is_proof = session.verified().is_some() || self.peer_proof.is_certified();
        Certificates {
            clock: self.tls_config().and_then(tls::ServerTls::unix_time),
            peer: match is_proof {
                true => PeerCertificate::Proof,
                false => PeerCertificate::Unused,
            },
        }
    }

    fn random(&self) -> &dyn Random {
        &self.config.random
    }
}

impl ResponderRole {
    /// Whether elements are delivered that belong to no step of the negotiation.
    pub(super) fn delivers_early(&self) -> bool {
        self.table.delivers_early()
    }

    /// The TLS config of the stream: that of the responder, or of the host once it is known.
    fn tls_config(&self) -> Option<&tls::ServerTls> {
        match &self.config.security {
            ResponderSecurity::DirectTls(tls) => Some(tls),
            ResponderSecurity::StartTls => self.host.as_ref()?.tls.as_ref(),
            ResponderSecurity::DangerousPlaintext => None,
        }
    }

    /// The first header's `to` names the host, and the restarted streams keep it (RFC 6120 4.3.3):
    /// they know no other name.
    fn ask_host(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let known = self.host.as_ref().or(self.config.host.as_ref()).cloned();
        let Some(host) = known else {
            let sni = cx
                .tls_info()
                .and_then(tls::TlsInfo::server_name)
                .map(ToOwned::to_owned);
            cx.ask(Question::Host {
                to: cx.peer.to().cloned(),
                from: cx.peer.from().cloned(),
                sni,
            });
            return None;
        };
        if cx.peer.to().map(Jid::domain) == Some(host.domain()) {
            Some(self.serve(host, cx))
        } else {
            *cx.error = Some(StreamError::new(StreamCondition::HostUnknown));
            Some(Input::Answer(Answer::Refuse))
        }
    }

    /// Adopts the host. Another server may still be refused.
    fn serve(&mut self, host: Arc<HostConfig>, cx: &mut Context<'_>) -> Input {
        *cx.limits = host.limits;
        if let Some(s2s) = cx.s2s.as_deref_mut() {
            let component = host.component.as_ref().and(Jid::parse(host.domain()).ok());
            s2s.set_host(usize::from(host.limits.requests()), component);
        }
        let host = self.host.insert(host);
        if self.config.kind == Kind::ServerToServer && self.login.identity().is_none() {
            if let Some(refused) = self.peer_proof.verify(&self.config, host, cx) {
                *cx.error = Some(StreamError::new(refused));
                return Input::Answer(Answer::Refuse);
            }
        }
        Input::Answer(Answer::Accept)
    }

    fn open_stream(&mut self, level: StreamLevel, cx: &mut Context<'_>) {
        let host = self.host.as_deref();
        let certified = self.peer_proof.is_certified();
        let (config, login, header, peer, session) = (
            &self.config,
            &self.login,
            &mut self.header,
            &*cx.peer,
            cx.tls,
        );
        let written = cx.out.try_push_control(|out| {
            header.write(host, peer, out)?;
            // A component is offered nothing (XEP-0114).
            if config.kind != Kind::Component {
                let advertised = login.advertisement(host, certified, session);
                header::write_features(config, host, level, &advertised, out);
            }
            Ok(())
        });
        if let Err(NoRandomness) = written {
            cx.no_randomness();
        }
    }

    /// RFC 6120 5.4.2.3, 5.4.3.1: nothing may stand between `<starttls/>` and the handshake.
    fn proceed(&mut self, cx: &mut Context<'_>) {
        if cx.has_unread() {
            return cx.abort(CloseReason::PlaintextAfterStarttls);
        }
        match self.tls_session(cx.limits) {
            Ok(session) => {
                cx.out
                    .push_control(|out| out.push_str(StartTls::Proceed.as_xml()));
                self.header.forget_peer();
                cx.start_tls(session, FirstByte::Awaited);
            }
            // RFC 6120 5.4.2.2: a failure on our side ends the stream too.
            Err(error) => {
                write_tls_failure(cx);
                let reason = CloseReason::Internal(InternalReason::TlsSetup(error));
                cx.change = Change::LastBytes(reason);
            }
        }
    }

    /// Acts on a step of the mechanism: what it asks goes to the application, or between servers to
    /// the certificate.
    fn stepped(&mut self, step: login::Step, cx: &mut Context<'_>) -> Option<Input> {
        match step {
            login::Step::Result(result) => Some(Input::Sasl(result)),
            login::Step::Working => None,
            login::Step::Ask(query) if self.config.kind == Kind::ServerToServer => {
                let answer = self.peer_proof.authorize(&query);
                let step = self.login.provide(answer, cx);
                self.stepped(step, cx)
            }
            login::Step::Ask(query) => {
                cx.ask(Question::Sasl(query));
                None
            }
            login::Step::Success(identity, data) => {
                let from = cx.tls_info().and(cx.peer.from());
                let result = self
                    .login
                    .accept(identity, data, from, self.host.as_deref());
                Some(Input::Sasl(result))
            }
        }
    }

    /// Asks the application, unless the request is malformed (RFC 6120 8.2.3).
    fn ask_resumption(&mut self, element: Option<&FirstLevelElement<'_>>, cx: &mut Context<'_>) {
        match (
            element.map(FirstLevelElement::content),
            self.login.identity(),
        ) {
            (
                Some(Content::Management(ManagementElement::Resume { h, previd })),
                Some(identity),
            ) => cx.ask(Question::Resume {
                identity: identity.clone(),
                previd: Secret::from(previd.as_bytes()),
                h: *h,
            }),
            _ => cx.defect("a decision on resumption without its request or identity"),
        }
    }

    /// Takes over the session that the application has for the client, if it is the client's.
    fn resume(&mut self, state: SmState, h: u32, cx: &mut Context<'_>) -> Option<Input> {
        let Some(management) = cx.management.as_deref_mut() else {
            cx.defect("a session is resumed that cannot be");
            return None;
        };
        cx.out.continue_after(state.last_ticket);
        // The name alone was compared before; the host counts too.
        if state.jid().map(Jid::bare).as_ref() != self.login.account() {
            management.hand_back(state);
            return Some(Input::Answer(Answer::Refuse));
        }
        let result = management.take_over(state, h);
        if result != ManagementResult::Resumed {
            return Some(Input::Managed(result));
        }
        self.bound = management.jid().cloned();
        Some(Input::Answer(Answer::Accept))
    }

    /// Takes a step of a task, and has the application store what comes of it.
    fn run_task(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        let host = self.host.clone();
        match self.login.run_task(element, host.as_deref(), cx) {
            Ok(result) => Some(Input::Sasl(result)),
            Err(keys) => {
                let Some(identity) = self.login.identity().cloned() else {
                    cx.defect("keys without an identity");
                    return None;
                };
                let keys = Box::new(keys);
                cx.ask(Question::StoreKeys { identity, keys });
                None
            }
        }
    }

    /// Asks the application what becomes of the client's tokens.
    fn ask_token(&mut self, cx: &mut Context<'_>) {
        let Some(identity) = self.login.identity().cloned() else {
            return cx.defect("a decision on tokens without an identity");
        };
        let random = self.config.random.clone();
        match self.login.inline().token_request(&identity, &random) {
            Ok(Some(request)) => cx.ask(Question::IssueToken(Box::new(request))),
            Ok(None) => cx.defect("a decision on tokens without a request"),
            Err(_) => cx.no_randomness(),
        }
    }

    /// Asks the application for the session that the login is to resume.
    fn ask_inline_resumption(&mut self, cx: &mut Context<'_>) {
        let resume = self.login.inline().take_resume();
        match (resume, self.login.identity()) {
            (Some(resume), Some(identity)) => cx.ask(Question::Resume {
                identity: identity.clone(),
                previd: resume.previd,
                h: resume.h,
            }),
            _ => cx.defect("a decision on resumption without its request or identity"),
        }
    }

    /// Asks the application for the resource that the login is to bind.
    fn ask_inline_bind(&mut self, cx: &mut Context<'_>) {
        let Ok(generated) = random_hex(&self.config) else {
            return cx.no_randomness();
        };
        let request = self.login.inline().take_bind();
        match (request, self.login.identity()) {
            (Some(request), Some(identity)) => cx.ask(Question::Bind {
                identity: identity.clone(),
                resource: None,
                generated: match &request.tag {
                    Some(tag) => [tag, "/", &generated].concat(),
                    None => generated,
                },
                inline: Some(request),
            }),
            _ => cx.defect("a decision on binding without its request or identity"),
        }
    }

    /// Writes the `<success/>` of SASL2, then our features (XEP-0388 2.6.1).
    fn send_outcome(&mut self, outcome: LoginOutcome, cx: &mut Context<'_>) {
        let data = self.login.take_reply();
        let host = self.host.clone();
        let domain = || Jid::parse(host.as_deref()?.domain()).ok();
        let identifier = match outcome {
            // XEP-0388 2.6.1: the full address, if a resource was bound or a session resumed.
            LoginOutcome::Bound | LoginOutcome::Resumed => self.bound.clone(),
            // A name that is no address still has a domain.
            LoginOutcome::Authenticated => self.login.account().cloned().or_else(domain),
        };
        let Some(identifier) = identifier else {
            return cx.defect("a login without an address");
        };
        self.login
            .inline()
            .write_success(outcome, &identifier, data.as_ref(), cx);
        let management = cx.management.as_deref_mut();
        match (outcome, management) {
            (LoginOutcome::Resumed, Some(management)) => management.retransmit(cx.out),
            (LoginOutcome::Resumed, None) => cx.defect("a session that is not there goes on"),
            (LoginOutcome::Bound, management) => {
                let is_managed = management.is_some_and(|sm| sm.enabled_inline().is_some());
                cx.out.push_control(|out| {
                    let host = host.as_deref();
                    header::write_features_after_bind(&self.config, host, is_managed, out);
                });
            }
            (LoginOutcome::Authenticated, _) => {
                let certified = self.peer_proof.is_certified();
                let advertised = self.login.advertisement(host.as_deref(), certified, cx.tls);
                cx.out.push_control(|out| {
                    let level = StreamLevel::Authenticated;
                    header::write_features(&self.config, host.as_deref(), level, &advertised, out);
                });
                cx.change = Change::SetLimits(cx.limits.after_auth());
            }
        }
    }

    fn ask_bind(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        match (
            element.map(FirstLevelElement::content),
            self.login.identity(),
        ) {
            (Some(Content::BindRequest(request)), Some(identity)) => {
                let Ok(generated) = random_hex(&self.config) else {
                    cx.no_randomness();
                    return None;
                };
                self.bind = BindState::Asked {
                    id: request.id.to_string(),
                };
                cx.ask(Question::Bind {
                    identity: identity.clone(),
                    resource: request.resource.as_deref().map(ToOwned::to_owned),
                    generated,
                    inline: None,
                });
                None
            }
            (Some(Content::MalformedRequest(malformed)), _) => {
                let id = malformed.id.as_deref().map(|id| Cow::Owned(id.to_string()));
                self.bind = BindState::Malformed(MalformedRequest { id });
                Some(Input::Answer(Answer::Refuse))
            }
            _ => {
                cx.defect("a decision on binding without its request or identity");
                None
            }
        }
    }

    fn refuse_bind(
        &mut self,
        refusal: BindRefusal,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) {
        match (refusal, element.map(FirstLevelElement::content), &self.bind) {
            (BindRefusal::Application, _, BindState::Refused { id, condition }) => {
                cx.out
                    .push_control(|out| bind::write_error(out, id, *condition));
            }
            (BindRefusal::Application, _, BindState::Malformed(malformed)) => {
                cx.out.push_control(|out| malformed.write_error(out));
            }
            (BindRefusal::AlreadyBound, Some(Content::BindRequest(request)), _) => {
                cx.push_stanza(|out| {
                    bind::write_error(out, &request.id, BindCondition::NotAllowed);
                });
            }
            (BindRefusal::AlreadyBound, Some(Content::MalformedRequest(malformed)), _) => {
                cx.push_stanza(|out| malformed.write_error(out));
            }
            _ => cx.defect("a bind error without its request or condition"),
        }
    }
}

/// Writes STARTTLS `<failure/>` and the closing tag (RFC 6120 5.4.2.2).
fn write_tls_failure(cx: &mut Context<'_>) {
    cx.out.push_control(|out| {
        out.push_str(StartTls::Failure.as_xml());
        out.push_str(CLOSING_TAG);
    });
}

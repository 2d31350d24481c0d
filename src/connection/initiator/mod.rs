//! The role of the initiating entity: what it keeps beside its table, and what it does when the
//! table commands something. Login is in `login`, the proof between servers and of components in
//! `s2s`.

mod inline;
mod login;
mod offer;
mod s2s;
mod task;

use alloc::string::String;
use alloc::sync::Arc;

use login::ClientLogin;
use s2s::PeerProof;

use super::context::{Change, Context, tls_limits};
use super::decision::DecisionAnswer;
use super::key_meter::{Certificates, PeerCertificate};
use super::management::Management;
use super::role::{Negotiation, NoRandomness, Position, Role, Setup, Stage};
use super::s2s::AddressRule;
use crate::close::{AuthenticationReason, CloseReason, Phase};
use crate::config::{Credentials, InitiatorConfig, InitiatorSecurity, KnownFeatures};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::limits::Limits;
use crate::random::Random;
use crate::reset::UsagePolicy;
use crate::sasl::{ClientKeys, FastToken, LoginPin, SaslProfile};
use crate::stream::bind::Recipient;
use crate::stream::{
    Awaited, Content, FeatureOffer, FirstLevelElement, HeaderClass, HeaderOut, Initiating,
    InitiatingCommand, InitiatingPhase, Input, Kind, ManagementPolicy, ManagementResult, Output,
    ParsedHeader, ResourceChoice, SaslResult, StartTls, StreamLevel, bind, ns, sasl, sasl2,
};
use crate::tls;
use crate::xml::{Header, Stanza};

/// The role of an initiating entity.
pub struct InitiatorRole {
    table: Initiating,
    config: Arc<InitiatorConfig>,
    login: ClientLogin,
    /// What is known of the peer server; between servers only.
    peer_proof: PeerProof,
    request: IqRequest,
    /// Whether the peer offered STARTTLS.
    starttls: FeatureOffer,
    bound: Option<Jid>,
}

/// The iq request whose result is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IqRequest {
    None,
    Bind(ResourceChoice),
    Session,
}

impl core::fmt::Debug for InitiatorRole {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("InitiatorRole").field(&self.table).finish()
    }
}

impl Negotiation for InitiatorRole {}

impl Role for InitiatorRole {
    type Config = InitiatorConfig;
    type Command = InitiatingCommand;

    fn new(config: Arc<InitiatorConfig>) -> (Self, Setup) {
        let rule = match config.kind {
            Kind::ClientToServer => None,
            Kind::ServerToServer => Some(AddressRule::Sender),
            Kind::Component => Some(AddressRule::Component(config.account.clone())),
        };
        let setup = Setup {
            kind: config.kind,
            limits: config.limits,
            rule,
            management: config.management.clone().map(Management::client),
            scope: config.scope.clone(),
        };
        let role = Self {
            table: Initiating::new(config.policy()),
            login: ClientLogin::new(config.clone()),
            peer_proof: PeerProof::new(config.clone()),
            request: IqRequest::None,
            starttls: FeatureOffer::Absent,
            bound: None,
            config,
        };
        (role, setup)
    }

    fn step(&mut self, input: Input) -> Output<InitiatingCommand> {
        self.table.step(input)
    }

    fn position(&self) -> Position {
        use InitiatingPhase as P;
        match self.table.phase() {
            P::Idle => Position {
                phase: Phase::Header,
                stage: Stage::Idle,
            },
            P::TlsHandshake(_) => Position::negotiating(Phase::TlsHandshake),
            P::AwaitHeader(_) => Position::negotiating(Phase::Header),
            P::AwaitFeatures(_) => Position::negotiating(Phase::Features),
            P::Negotiated => Position {
                phase: Phase::Features,
                stage: Stage::Reporting,
            },
            P::AwaitProceed => Position::negotiating(Phase::StartTls),
            P::Authenticating(..) | P::Pipelined(_) | P::CheckingServer | P::AwaitHandshake => {
                Position::negotiating(Phase::Authentication)
            }
            P::Federating => Position {
                phase: Phase::Dialback,
                stage: Stage::Federating,
            },
            P::Binding(..) | P::Resuming(_) | P::Bound => Position::negotiating(Phase::Binding),
            P::Resumed => Position {
                phase: Phase::Binding,
                stage: Stage::Reporting,
            },
            P::StartingSession | P::Established => Position {
                phase: Phase::Established,
                stage: Stage::Established,
            },
            P::Closing(closing) => Position::closing(closing),
        }
    }

    fn read_header(&mut self, header: &Header<'_>, cx: &mut Context<'_>) -> HeaderClass {
        let parsed = ParsedHeader::read(header, self.config.kind, crate::stream::Role::Initiating);
        let class = match self.config.kind {
            Kind::ServerToServer => self.peer_proof.read_header(&parsed, header),
            Kind::ClientToServer | Kind::Component => parsed.class,
        };
        cx.peer.record(parsed);
        class
    }

    fn awaited(&self) -> Awaited<'_> {
        match (self.request, self.table.phase()) {
            (IqRequest::Bind(resource), _) => Awaited::Bind(bind_id(resource)),
            (IqRequest::Session, InitiatingPhase::StartingSession) => Awaited::Session(SESSION_ID),
            (IqRequest::None | IqRequest::Session, _) => Awaited::Nothing,
        }
    }

    fn recipient(&self) -> Recipient<'_> {
        Recipient::Anyone
    }

    fn execute(
        &mut self,
        command: InitiatingCommand,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        use InitiatingCommand as C;
        match command {
            C::OpenStream(level) => {
                self.open_stream(level, cx);
                return self.pipeline(level, cx);
            }
            C::RequestTls => {
                // It is requested in any case (RFC 7590 3.1).
                if let Some(Content::Features(features)) = element.map(FirstLevelElement::content) {
                    self.starttls = features.starttls();
                }
                cx.out
                    .push_control(|out| out.push_str(StartTls::Request.as_xml()));
            }
            C::ChooseMechanism(profile) => {
                let result = self.choose_mechanism(profile, element, cx);
                return Some(Input::Sasl(result));
            }
            C::SendAuth(profile) => {
                let verified = self.peer_proof.verified(cx.tls);
                self.login.send_auth(profile, verified, cx);
            }
            C::ConfirmOffer => return Some(Input::Sasl(self.login.confirm(element))),
            C::RunChallenge(profile) => return self.login.run_challenge(profile, element, cx),
            C::SendResponse(profile) => {
                let reply = self.login.take_reply();
                cx.out
                    .push_secret(reply.as_bytes().len(), |out| match profile {
                        SaslProfile::Sasl => sasl::write_response(out, reply.as_bytes()),
                        SaslProfile::Sasl2 => sasl2::write_response(out, reply.as_bytes()),
                    });
            }
            C::VerifySuccess(profile) => return Some(self.verify_success(profile, element, cx)),
            C::SendAbort(profile) => cx.out.push_control(|out| {
                out.push_str(match profile {
                    SaslProfile::Sasl => sasl::ABORT,
                    SaslProfile::Sasl2 => sasl2::ABORT,
                });
            }),
            C::RunContinue => return Some(self.login.run_continue(element, cx)),
            C::SendNext => self.login.send_next(cx),
            C::RunTask => return self.login.run_task(element, cx),
            C::SendTaskData => self.login.send_task_data(cx),
            C::RequestPair => self.peer_proof.request_pair(cx),
            C::CheckServer => return Some(Input::Answer(self.peer_proof.check_server(cx))),
            C::SendHandshake => self.peer_proof.send_handshake(cx),
            C::RequestBind(resource) => self.request_bind(resource, cx),
            C::RequestResumption => match cx.management.as_deref() {
                Some(management) => return management.write_resume(cx.out).map(Input::Managed),
                None => cx.defect("a session that is not there is resumed"),
            },
            C::CheckResumption => return self.check_resumption(element, cx),
            C::RequestSession => {
                self.request = IqRequest::Session;
                cx.out
                    .push_control(|out| bind::write_session_request(out, SESSION_ID));
            }
        }
        None
    }

    fn header(&mut self, cx: &Context<'_>) -> Result<String, NoRandomness> {
        let mut out = String::new();
        self.write_header(cx.tls_info(), &mut out);
        Ok(out)
    }

    fn tls_session(&self, limits: &Limits) -> Result<tls::TlsSession, tls::SetupError> {
        let config = &self.config;
        let (tls, alpn) = match &config.security {
            InitiatorSecurity::StartTls(tls) => (tls, None),
            InitiatorSecurity::DirectTls(tls) => (tls, config.kind.alpn()),
            InitiatorSecurity::DangerousPlaintext => return Err(tls::SetupError::NotConfigured),
        };
        let name = config
            .server_name
            .clone()
            .ok_or(tls::SetupError::NotConfigured)?;
        tls::TlsSession::client(
            tls,
            name,
            alpn.as_slice(),
            config.resumption,
            tls_limits(limits),
        )
    }

    fn is_working(&self) -> bool {
        self.login.is_working()
    }

    fn work(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        self.login.work(cx)
    }

    fn decide(&mut self, _: DecisionAnswer, cx: &mut Context<'_>) -> Option<Input> {
        cx.defect("an initiating entity asks for no decision");
        None
    }

    fn established(&mut self, element: Option<&FirstLevelElement<'_>>, cx: &mut Context<'_>) {
        if let Some(Content::BindResult(jid)) = element.map(FirstLevelElement::content) {
            self.bound = Some(jid.clone());
        }
        self.request = IqRequest::None;
        cx.change = Change::SetLimits(self.config.limits.after_auth());
        self.peer_proof.established(cx);
    }

    fn authenticated<'a>(&'a self, element: Option<Stanza<'a>>) -> Authenticated<'a> {
        let account = &self.config.account;
        let identity = match self.config.credentials() {
            Some(Credentials::Password { username, .. } | Credentials::Keys { username, .. }) => {
                username.as_str()
            }
            Some(Credentials::External { .. }) if self.config.kind == Kind::ServerToServer => {
                account.domain()
            }
            Some(Credentials::External { .. }) => account.local().unwrap_or_default(),
            Some(Credentials::Anonymous) | None => "",
        };
        Authenticated {
            profile: self.login.profile(),
            mechanism: self.login.mechanism_name(),
            token: self.login.used_token(),
            identity,
            success: element.filter(|element| element.is("success", ns::SASL2)),
        }
    }

    fn bound(&self) -> Option<&Jid> {
        self.bound.as_ref()
    }

    fn authentication_reason(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
    ) -> AuthenticationReason {
        match element.and_then(super::s2s::refused_pair) {
            Some(verdict) => AuthenticationReason::Dialback(verdict),
            // A component has no other login.
            None if self.config.kind == Kind::Component => AuthenticationReason::ServerNotVerified,
            None => self.login.reason(element),
        }
    }

    fn starttls_reason(&self) -> CloseReason {
        match self.starttls {
            FeatureOffer::Absent => CloseReason::StarttlsNotOffered,
            FeatureOffer::Offered | FeatureOffer::Required => CloseReason::StarttlsRefused,
        }
    }

    fn usage(&self) -> UsagePolicy {
        self.config.usage
    }

    fn certificates(&self, session: &tls::TlsSession) -> Certificates {
        Certificates {
            clock: match &self.config.security {
                InitiatorSecurity::StartTls(tls) | InitiatorSecurity::DirectTls(tls) => {
                    tls.unix_time()
                }
                InitiatorSecurity::DangerousPlaintext => None,
            },
            peer: match self.peer_proof.verified(Some(session)) {
                Some(_) => PeerCertificate::Proof,
                None => PeerCertificate::Unused,
            },
        }
    }

    fn random(&self) -> &dyn Random {
        &self.config.random
    }
}

impl InitiatorRole {
    /// Is to resume a session before a resource is bound.
    pub(super) fn resume(&mut self) {
        let mut policy = self.table.policy();
        policy.management = ManagementPolicy::Resume;
        self.table = Initiating::new(policy);
    }

    /// What later logins must not fall below, once this one has worked.
    pub(super) const fn login_pin(&self) -> Option<LoginPin> {
        self.login.pin()
    }

    /// The token that the login brought, once.
    pub(super) fn take_token(&mut self) -> Option<FastToken> {
        self.login.take_token()
    }

    /// What a later login may go by, once this one has worked.
    pub(super) const fn known_features(&self) -> Option<&KnownFeatures> {
        self.login.learned()
    }

    /// The SCRAM keys of the login that just worked, for the next one (RFC 5802 5.1).
    pub(super) fn take_scram_keys(&mut self) -> Option<ClientKeys> {
        self.login.take_keys()
    }

    fn open_stream(&mut self, level: StreamLevel, cx: &mut Context<'_>) {
        match level {
            StreamLevel::Plain => {}
            StreamLevel::Secured => self.peer_proof.verify_certificate(cx.tls),
            StreamLevel::Authenticated => cx.restart(self.config.limits.after_auth()),
        }
        let tls = cx.tls.and_then(tls::TlsSession::established);
        cx.out.push_control(|out| self.write_header(tls, out));
    }

    /// RFC 6120 4.7.1: a client's `from` only once the stream is protected, and not if the server is
    /// to assign the identity (XEP-0175); a server's always, because it is no secret and the peer may
    /// need it before; a component's never (XEP-0114).
    fn write_header(&self, tls: Option<&tls::TlsInfo>, out: &mut String) {
        let account = &self.config.account;
        let writes_from = match self.config.kind {
            Kind::ClientToServer => {
                let anonymous = matches!(self.config.credentials(), Some(Credentials::Anonymous));
                tls.is_some() && account.local().is_some() && !anonymous
            }
            Kind::ServerToServer => true,
            Kind::Component => false,
        };
        HeaderOut {
            from: writes_from.then_some(account.bare_str()),
            ..HeaderOut::initial(self.config.kind, &self.config.peer, &self.config.lang)
        }
        .write(out);
    }

    /// Chooses a mechanism by the features just received, or the next one after a failure. Where no
    /// mechanism is left, dialback may be.
    fn choose_mechanism(
        &mut self,
        profile: SaslProfile,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> SaslResult {
        if let Some(Content::Features(features)) = element.map(FirstLevelElement::content) {
            self.peer_proof.read_features(features);
        }
        match self
            .login
            .choose(profile, element, self.peer_proof.verified(cx.tls), cx)
        {
            SaslResult::Exhausted => self.peer_proof.without_mechanism(cx),
            result => result,
        }
    }

    /// Writes `<authenticate/>` right after the header, by the features that are known already.
    fn pipeline(&mut self, level: StreamLevel, cx: &mut Context<'_>) -> Option<Input> {
        if level != StreamLevel::Secured || cx.is_aborted() {
            return None;
        }
        let verified = self.peer_proof.verified(cx.tls);
        self.login.pipeline(verified, cx).map(Input::Sasl)
    }

    /// Lets the mechanism verify the server, and takes what came with the login.
    fn verify_success(
        &mut self,
        profile: SaslProfile,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Input {
        match profile {
            SaslProfile::Sasl => Input::Sasl(self.login.verify(element, cx)),
            SaslProfile::Sasl2 => {
                let input = self.login.verify_inline(element, cx);
                self.bound = self.login.take_bound();
                input
            }
        }
    }

    /// Takes the session over that the server resumes, with its address.
    fn check_resumption(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input> {
        let management = cx.management.as_deref_mut();
        let content = element.map(FirstLevelElement::content);
        let (Some(management), Some(Content::Management(element))) = (management, content) else {
            cx.defect("a resumption without its element");
            return None;
        };
        let result = management.check_resumed(element);
        if result == ManagementResult::Resumed {
            self.bound = management.jid().cloned();
        }
        Some(Input::Managed(result))
    }

    fn request_bind(&mut self, resource: ResourceChoice, cx: &mut Context<'_>) {
        self.request = IqRequest::Bind(resource);
        let wanted = match resource {
            ResourceChoice::Wanted => self.config.account.resource(),
            ResourceChoice::Generated => None,
        };
        cx.out
            .push_control(|out| bind::write_request(out, bind_id(resource), wanted));
    }
}

/// The id of a bind request. Each has its own, so that an answer to the first that arrives late is
/// not taken for the second's.
fn bind_id(resource: ResourceChoice) -> &'static str {
    match resource {
        ResourceChoice::Wanted => "bind",
        ResourceChoice::Generated => "bind-again",
    }
}

const SESSION_ID: &str = "session";

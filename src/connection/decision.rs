//! Decisions: the question that stops a stream until the application has answered, and the handles
//! that answer it.
//!
//! At most one is pending. [`Event::Decision`](crate::Event::Decision) announces it,
//! [`Connection::decision`](crate::Connection::decision) gives the handle that answers it, whenever
//! the application has looked things up. Meanwhile no further frame is taken and the deadline of the
//! phase runs.
//!
//! TLS records are opened all the same, up to the next whole frame, so that a renegotiation attempt
//! does not have to wait for the answer. While SASL asks, they are opened up to the next *byte* of
//! text, because a restart may follow, after which the same bytes mean something else (RFC 6120
//! 4.3.3).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;

use crate::config::HostConfig;
use crate::event::{InlineBindRequest, Question, TokenRequest};
use crate::jid::Jid;
use crate::sasl::{
    CredentialAnswer, CredentialQuery, FastMechanism, FastToken, Hash, Identity, SaslCondition,
    ScramKeys, StoredTokens, TokenError,
};
use crate::sm::SmState;
use crate::stream::sasl2::InlineXml;
use crate::stream::{BindCondition, StreamError};

/// A question, and the answer once there is one.
#[derive(Debug)]
pub(super) struct PendingDecision {
    question: Question,
    state: State,
}

#[derive(Debug)]
enum State {
    Unannounced,
    Open,
    Answered(DecisionAnswer),
}

/// The application's answer.
#[derive(Debug)]
pub enum DecisionAnswer {
    Serve(Arc<HostConfig>),
    RefuseHost(StreamError),
    Sasl(CredentialAnswer),
    Bind(Jid, Vec<InlineXml>),
    RefuseBind(BindCondition),
    Resume(Box<SmState>, u32),
    RefuseResumption(Option<u32>),
    IssueToken(Box<FastToken>),
    KeepToken,
    KeysStored,
    KeysRefused,
}

/// How far the inbound direction may be read while a decision is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    /// Frames are taken.
    Frames,
    /// Records are opened until a frame is found; it is not taken.
    UntilFrame,
    /// Records are opened until there is text.
    UntilText,
}

impl PendingDecision {
    pub(super) const fn new(question: Question) -> Self {
        Self {
            question,
            state: State::Unannounced,
        }
    }

    pub(super) const fn question(&self) -> &Question {
        &self.question
    }

    /// How far may be read meanwhile.
    pub(super) const fn read_mode(&self) -> ReadMode {
        match self.question {
            Question::Sasl(_) => ReadMode::UntilText,
            _ => ReadMode::UntilFrame,
        }
    }

    /// Returns whether the application has yet to be told, and takes it as told from now on.
    pub(super) fn announce(&mut self) -> bool {
        let first = matches!(self.state, State::Unannounced);
        if first {
            self.state = State::Open;
        }
        first
    }

    /// Takes the answer, once there is one.
    pub(super) fn take_answer(decision: &mut Option<Box<Self>>) -> Option<DecisionAnswer> {
        let answered = decision.take_if(|decision| matches!(decision.state, State::Answered(_)))?;
        match answered.state {
            State::Answered(answer) => Some(answer),
            State::Unannounced | State::Open => None,
        }
    }
}

/// The pending decision. Answering consumes it; a handle that is dropped leaves it pending.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision<'a> {
    /// Which host is addressed ([`Question::Host`])?
    Host(HostDecision<'a>),
    /// PLAIN: is this the password of this user?
    Password(PasswordDecision<'a>),
    /// SCRAM: which are the stored keys of this user?
    Scram(ScramDecision<'a>),
    /// EXTERNAL: for whom does the certificate speak?
    External(ExternalDecision<'a>),
    /// ANONYMOUS: may an anonymous user log in?
    Anonymous(AnonymousDecision<'a>),
    /// May this resource be bound ([`Question::Bind`])?
    Bind(BindDecision<'a>),
    /// Which tokens does this client have (FAST)?
    Token(TokenDecision<'a>),
    /// Which session is resumed ([`Question::Resume`])?
    Resume(ResumeDecision<'a>),
    /// What becomes of the client's tokens ([`Question::IssueToken`])?
    IssueToken(IssueDecision<'a>),
    /// Are these keys stored ([`Question::StoreKeys`])?
    StoreKeys(StoreKeysDecision<'a>),
}

/// Where the answer goes, and the question as a whole.
#[derive(Debug)]
struct Slot<'a> {
    question: &'a Question,
    state: &'a mut State,
}

impl Slot<'_> {
    fn answer(self, answer: DecisionAnswer) {
        *self.state = State::Answered(answer);
    }

    fn sasl(self, answer: CredentialAnswer) {
        self.answer(DecisionAnswer::Sasl(answer));
    }
}

impl<'a> Decision<'a> {
    /// The handle that answers; `None` once it has been used.
    pub(super) fn of(pending: &'a mut PendingDecision) -> Option<Self> {
        use CredentialQuery as Q;
        let PendingDecision { question, state } = pending;
        if matches!(state, State::Answered(_)) {
            return None;
        }
        let question = &*question;
        let slot = Slot { question, state };
        Some(match question {
            Question::Host { to, from, sni } => Self::Host(HostDecision {
                to: to.as_ref(),
                from: from.as_ref(),
                sni: sni.as_deref(),
                slot,
            }),
            Question::Sasl(Q::Password {
                authcid,
                password,
                authzid,
            }) => {
                let password = password.as_bytes();
                let authzid = authzid.as_deref();
                Self::Password(PasswordDecision {
                    authcid,
                    password,
                    authzid,
                    slot,
                })
            }
            Question::Sasl(Q::ScramKeys {
                username,
                authzid,
                hash,
            }) => {
                let (authzid, hash) = (authzid.as_deref(), *hash);
                Self::Scram(ScramDecision {
                    username,
                    authzid,
                    hash,
                    slot,
                })
            }
            Question::Sasl(Q::External { authzid }) => Self::External(ExternalDecision {
                authzid: authzid.as_deref(),
                slot,
            }),
            Question::Sasl(Q::Anonymous { .. }) => Self::Anonymous(AnonymousDecision { slot }),
            Question::Sasl(Q::Token {
                username,
                mechanism,
                client,
            }) => Self::Token(TokenDecision {
                username,
                mechanism: *mechanism,
                client: client.as_deref(),
                slot,
            }),
            Question::Bind {
                identity,
                resource,
                generated,
                inline,
            } => {
                let resource = resource.as_deref();
                Self::Bind(BindDecision {
                    identity,
                    resource,
                    generated,
                    inline: inline.as_deref(),
                    slot,
                })
            }
            Question::Resume {
                identity,
                previd,
                h,
            } => Self::Resume(ResumeDecision {
                identity,
                previd: core::str::from_utf8(previd.as_bytes()).unwrap_or_default(),
                h: *h,
                slot,
            }),
            Question::IssueToken(request) => Self::IssueToken(IssueDecision { request, slot }),
            Question::StoreKeys { identity, keys } => Self::StoreKeys(StoreKeysDecision {
                identity,
                keys,
                slot,
            }),
        })
    }

    /// Returns what is asked.
    #[must_use]
    pub const fn question(&self) -> &Question {
        match self {
            Self::Host(HostDecision { slot, .. })
            | Self::Password(PasswordDecision { slot, .. })
            | Self::Scram(ScramDecision { slot, .. })
            | Self::External(ExternalDecision { slot, .. })
            | Self::Anonymous(AnonymousDecision { slot })
            | Self::Token(TokenDecision { slot, .. })
            | Self::Bind(BindDecision { slot, .. })
            | Self::Resume(ResumeDecision { slot, .. })
            | Self::IssueToken(IssueDecision { slot, .. })
            | Self::StoreKeys(StoreKeysDecision { slot, .. }) => slot.question,
        }
    }
}

/// Asks which host is addressed.
#[derive(Debug)]
pub struct HostDecision<'a> {
    to: Option<&'a Jid>,
    from: Option<&'a Jid>,
    sni: Option<&'a str>,
    slot: Slot<'a>,
}

impl HostDecision<'_> {
    /// Returns `to` of the peer's header (RFC 6120 4.7.2).
    #[must_use]
    pub const fn to(&self) -> Option<&Jid> {
        self.to
    }

    /// Returns `from` of the peer's header (RFC 6120 4.7.1). It is not authentic before TLS.
    #[must_use]
    pub const fn from(&self) -> Option<&Jid> {
        self.from
    }

    /// Returns the server name of the TLS handshake, where TLS came first.
    #[must_use]
    pub const fn sni(&self) -> Option<&str> {
        self.sni
    }

    /// Serves this host: its certificate, mechanisms and limits apply from now on.
    pub fn serve(self, host: Arc<HostConfig>) {
        self.slot.answer(DecisionAnswer::Serve(host));
    }

    /// Ends the stream: `<host-unknown/>`, `<host-gone/>`, `<see-other-host/>`, ... (RFC 6120
    /// 4.9.3).
    pub fn refuse(self, error: StreamError) {
        self.slot.answer(DecisionAnswer::RefuseHost(error));
    }
}

/// Asks whether this is the password of this user (PLAIN, RFC 4616).
pub struct PasswordDecision<'a> {
    authcid: &'a str,
    password: &'a [u8],
    authzid: Option<&'a str>,
    slot: Slot<'a>,
}

/// Leaves out the password.
impl fmt::Debug for PasswordDecision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordDecision")
            .field("authcid", &self.authcid)
            .finish_non_exhaustive()
    }
}

impl PasswordDecision<'_> {
    /// Returns the user name as sent: not prepared, not checked.
    #[must_use]
    pub const fn authcid(&self) -> &str {
        self.authcid
    }

    /// Returns the password as sent. Compare it in constant time, or answer with
    /// [`keys`](Self::keys).
    #[must_use]
    pub const fn password(&self) -> &[u8] {
        self.password
    }

    /// Returns the entity that the user asks to act as, if another one.
    #[must_use]
    pub const fn authzid(&self) -> Option<&str> {
        self.authzid
    }

    /// Accepts the password. `authcid` is the prepared user name. A `from` sent under TLS must match
    /// it, unless it [may differ](crate::config::HostBuilder::from_may_differ).
    pub fn accept(self, authcid: String) {
        self.slot.sasl(CredentialAnswer::Accept { authcid });
    }

    /// Has the password compared with stored SCRAM keys. `authcid` is as in
    /// [`accept`](Self::accept).
    pub fn keys(self, authcid: String, keys: ScramKeys) {
        self.slot.sasl(CredentialAnswer::keys(authcid, keys));
    }

    /// Says that there is no such user. The peer gets the same answer as for a wrong password.
    pub fn unknown_user(self, authcid: String) {
        self.slot.sasl(CredentialAnswer::UnknownUser { authcid });
    }

    /// Rejects the password, or the user.
    pub fn reject(self, condition: SaslCondition) {
        self.slot.sasl(CredentialAnswer::Reject(condition));
    }
}

/// Asks for the stored keys of this user (SCRAM, RFC 5802).
#[derive(Debug)]
pub struct ScramDecision<'a> {
    username: &'a str,
    authzid: Option<&'a str>,
    hash: Hash,
    slot: Slot<'a>,
}

impl ScramDecision<'_> {
    /// Returns the user name as sent: not prepared, not checked.
    #[must_use]
    pub const fn username(&self) -> &str {
        self.username
    }

    /// Returns the entity that the user asks to act as, if another one.
    #[must_use]
    pub const fn authzid(&self) -> Option<&str> {
        self.authzid
    }

    /// Returns the hash that the keys must be for.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Answers with these keys. `authcid` is the prepared user name. A `from` sent under TLS must
    /// match it, unless it [may differ](crate::config::HostBuilder::from_may_differ).
    pub fn keys(self, authcid: String, keys: ScramKeys) {
        self.slot.sasl(CredentialAnswer::keys(authcid, keys));
    }

    /// Answers with anything else that [`CredentialAnswer`] can say, such as keys of an account that
    /// may not log in.
    pub fn answer(self, answer: CredentialAnswer) {
        self.slot.sasl(answer);
    }

    /// Says that there is no such user. The exchange goes on and fails as it would with a wrong
    /// password.
    pub fn unknown_user(self, authcid: String) {
        self.slot.sasl(CredentialAnswer::UnknownUser { authcid });
    }
}

/// Asks for whom the peer's certificate speaks (EXTERNAL, XEP-0178).
/// [`Connection::tls`](crate::Connection::tls) has the certificate.
#[derive(Debug)]
pub struct ExternalDecision<'a> {
    authzid: Option<&'a str>,
    slot: Slot<'a>,
}

impl ExternalDecision<'_> {
    /// Returns the identity that the peer asks to act as.
    #[must_use]
    pub const fn authzid(&self) -> Option<&str> {
        self.authzid
    }

    /// Accepts the certificate for this user (the localpart of its JID).
    pub fn accept(self, authcid: String) {
        self.slot.sasl(CredentialAnswer::Accept { authcid });
    }

    /// Rejects the certificate.
    pub fn reject(self, condition: SaslCondition) {
        self.slot.sasl(CredentialAnswer::Reject(condition));
    }
}

/// Asks for the tokens of this client (FAST, XEP-0484).
#[derive(Debug)]
pub struct TokenDecision<'a> {
    username: &'a str,
    mechanism: FastMechanism,
    client: Option<&'a str>,
    slot: Slot<'a>,
}

impl TokenDecision<'_> {
    /// Returns the user name as sent: not prepared, not checked.
    #[must_use]
    pub const fn username(&self) -> &str {
        self.username
    }

    /// Returns the mechanism that the client uses. A token for another one is not accepted.
    #[must_use]
    pub const fn mechanism(&self) -> FastMechanism {
        self.mechanism
    }

    /// Returns the id of the client's `<user-agent/>`. Tokens belong to one client of an account: one
    /// without an id has none (XEP-0484 4.1), and a connection refuses its request as malformed before
    /// anything is asked.
    #[must_use]
    pub const fn client(&self) -> Option<&str> {
        self.client
    }

    /// Answers with the tokens of this client. `authcid` is the prepared user name. A `from` sent
    /// under TLS must match it, unless it [may differ](crate::config::HostBuilder::from_may_differ).
    pub fn tokens(self, authcid: String, tokens: StoredTokens) {
        self.slot.sasl(CredentialAnswer::tokens(authcid, tokens));
    }

    /// Answers with anything else that [`CredentialAnswer`] can say, such as tokens of an account
    /// that may not log in.
    pub fn answer(self, answer: CredentialAnswer) {
        self.slot.sasl(answer);
    }

    /// Says that there is no such user. The peer gets the same answer as for a wrong token.
    pub fn unknown_user(self, authcid: String) {
        self.slot.sasl(CredentialAnswer::UnknownUser { authcid });
    }
}

/// Asks whether an anonymous user may log in (ANONYMOUS, XEP-0175).
#[derive(Debug)]
pub struct AnonymousDecision<'a> {
    slot: Slot<'a>,
}

impl AnonymousDecision<'_> {
    /// Accepts the user under this temporary name.
    pub fn accept(self, authcid: String) {
        self.slot.sasl(CredentialAnswer::Accept { authcid });
    }

    /// Rejects the user.
    pub fn reject(self, condition: SaslCondition) {
        self.slot.sasl(CredentialAnswer::Reject(condition));
    }
}

/// The address that was to be bound is no full JID (RFC 6120 7.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no full JID")]
pub struct NotFullJidError(pub Jid);

/// Asks whether this resource may be bound.
#[derive(Debug)]
pub struct BindDecision<'a> {
    identity: &'a Identity,
    resource: Option<&'a str>,
    generated: &'a str,
    inline: Option<&'a InlineBindRequest>,
    slot: Slot<'a>,
}

impl BindDecision<'_> {
    /// Returns who was authenticated.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        self.identity
    }

    /// Returns the resource that the peer asks for; `None` if the server is to choose (RFC 6120
    /// 7.6).
    #[must_use]
    pub const fn resource(&self) -> Option<&str> {
        self.resource
    }

    /// Returns a random resource, new for each question: 128 bits in hex. It is meant for a peer
    /// that asks for none (RFC 6120 7.6), or for one that is taken (RFC 6120 7.7.2.2). If the client
    /// gave a tag with its login, it is the tag, a slash and such a resource (XEP-0386 3.2.1).
    #[must_use]
    pub const fn generated(&self) -> &str {
        self.generated
    }

    /// Returns what came with the request, if it travelled with a login by SASL2 (XEP-0386 3.2). The
    /// server chooses the resource then. It should end earlier sessions of the same client, which the
    /// id of the user agent names.
    #[must_use]
    pub const fn inline(&self) -> Option<&InlineBindRequest> {
        self.inline
    }

    /// Binds this full JID. It may have another resource than the one asked for (RFC 6120 7.7.2).
    ///
    /// # Errors
    /// [`NotFullJidError`] if the JID lacks a localpart or a resource. The decision stays pending.
    pub fn accept(self, jid: Jid) -> Result<(), NotFullJidError> {
        self.accept_with(jid, Vec::new())
    }

    /// Does the same, and answers the features that were asked for together with the resource
    /// (XEP-0386 3.2.1). Only a request that [travelled with a login](Self::inline) has room for
    /// results: for any other they are dropped.
    ///
    /// # Errors
    /// [`NotFullJidError`] if the JID lacks a localpart or a resource. The decision stays pending.
    pub fn accept_with(self, jid: Jid, results: Vec<InlineXml>) -> Result<(), NotFullJidError> {
        if jid.local().is_none() || !jid.is_full() {
            return Err(NotFullJidError(jid));
        }
        self.slot.answer(DecisionAnswer::Bind(jid, results));
        Ok(())
    }

    /// Refuses. The peer may ask again.
    pub fn refuse(self, condition: BindCondition) {
        self.slot.answer(DecisionAnswer::RefuseBind(condition));
    }
}

/// Asks which session of an earlier stream a client resumes (XEP-0198 5).
///
/// The application looks the name up in its store, and deletes it there in the same step, so that no
/// other node resumes the session too. If the session's stream is still open here
/// ([`ManagementEnabled::id`](crate::event::ManagementEnabled::id)), end it
/// ([`Connection::abort`](crate::Connection::abort)) and take its state first.
pub struct ResumeDecision<'a> {
    identity: &'a Identity,
    previd: &'a str,
    h: u32,
    slot: Slot<'a>,
}

/// Why a session is not resumed. It is handed back.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The session cannot be resumed ([`SmState::is_resumable`]), or has another name.
    #[error("no session of this name that can be resumed")]
    NotResumable(Box<SmState>),
    /// The session is another account's.
    #[error("the session of another account")]
    OtherAccount(Box<SmState>),
    /// The config is without stream management.
    #[error("stream management is not configured")]
    NotConfigured(Box<SmState>),
}

impl ResumeError {
    /// Returns the session.
    pub fn into_state(self) -> SmState {
        match self {
            Self::NotResumable(state) | Self::OtherAccount(state) | Self::NotConfigured(state) => {
                *state
            }
        }
    }
}

/// Leaves out the name of the session.
impl fmt::Debug for ResumeDecision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumeDecision")
            .field("identity", &self.identity)
            .field("h", &self.h)
            .finish_non_exhaustive()
    }
}

impl ResumeDecision<'_> {
    /// Returns who was authenticated.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        self.identity
    }

    /// Returns the name of the session, as [`SmState::id`] was.
    #[must_use]
    pub const fn previd(&self) -> &str {
        self.previd
    }

    /// Returns how many stanzas the client has handled, modulo 2^32.
    #[must_use]
    pub const fn h(&self) -> u32 {
        self.h
    }

    /// Resumes this session: its address is bound, and what the client has not handled is sent again.
    /// If the client says that it has handled more than it was sent, the stream ends, and
    /// [`take_sm_state`](crate::Connection::take_sm_state) hands the session back.
    ///
    /// # Errors
    /// [`ResumeError`] if the session is not the one that was asked for, or not of this user. The
    /// decision stays pending.
    pub fn resume(self, state: SmState) -> Result<(), ResumeError> {
        let is_named = state
            .id
            .as_ref()
            .is_some_and(|id| id.as_bytes().ct_eq(self.previd.as_bytes()).into());
        if !is_named || !state.is_resumable() {
            return Err(ResumeError::NotResumable(Box::new(state)));
        }
        let owner = state.jid().and_then(Jid::local);
        if owner != Some(self.identity.authcid.as_str()) {
            return Err(ResumeError::OtherAccount(Box::new(state)));
        }
        let answer = DecisionAnswer::Resume(Box::new(state), self.h);
        self.slot.answer(answer);
        Ok(())
    }

    /// Says that there is no such session, and if it is known how many stanzas had been handled when it
    /// ended ([`SmState::handled`]). The client binds a resource then.
    pub fn refuse(self, handled: Option<u32>) {
        self.slot.answer(DecisionAnswer::RefuseResumption(handled));
    }
}

/// Asks what becomes of a client's tokens, after it has logged in with one or asks for one (FAST,
/// XEP-0484 3.3, 3.5, 3.6).
///
/// The application stores what
/// [`StoredTokens::after_use`](crate::sasl::StoredTokens::after_use) returns for the token that was
/// used, or nothing of it if it is to be [invalidated](TokenRequest::invalidate), before it answers.
#[derive(Debug)]
pub struct IssueDecision<'a> {
    request: &'a TokenRequest,
    slot: Slot<'a>,
}

impl IssueDecision<'_> {
    /// Returns who has logged in, with which token, and what is asked for.
    #[must_use]
    pub const fn request(&self) -> &TokenRequest {
        self.request
    }

    /// Gives the client a new token that expires at `expiry` (XEP-0082), and returns it for the store
    /// ([`StoredTokens::after_issue`](crate::sasl::StoredTokens::after_issue)). Without being asked
    /// for one, a server does so to replace a token that is about to expire (XEP-0484 3.5), not one
    /// that is invalidated.
    ///
    /// # Errors
    /// [`TokenError::Expiry`] if the time is empty, too long or not visible ASCII. The decision stays
    /// pending.
    pub fn issue(self, expiry: &str) -> Result<FastToken, TokenError> {
        let secret = self.request.secret.clone();
        let token = FastToken::from_parts(secret, self.request.mechanism, expiry)?;
        self.slot
            .answer(DecisionAnswer::IssueToken(Box::new(token.clone())));
        Ok(token)
    }

    /// Gives no new token.
    pub fn keep(self) {
        self.slot.answer(DecisionAnswer::KeepToken);
    }
}

/// Asks to store the keys that a client gives of its password for a further hash (XEP-0480).
#[derive(Debug)]
pub struct StoreKeysDecision<'a> {
    identity: &'a Identity,
    keys: &'a ScramKeys,
    slot: Slot<'a>,
}

impl StoreKeysDecision<'_> {
    /// Returns who was authenticated, with the password.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        self.identity
    }

    /// Returns the keys. Store them beside those of the other hashes (XEP-0480 4).
    #[must_use]
    pub const fn keys(&self) -> &ScramKeys {
        self.keys
    }

    /// Says that they are stored, or not needed. The login goes on.
    pub fn stored(self) {
        self.slot.answer(DecisionAnswer::KeysStored);
    }

    /// Says that they could not be stored. The attempt ends with `temporary-auth-failure`.
    pub fn failed(self) {
        self.slot.answer(DecisionAnswer::KeysRefused);
    }
}

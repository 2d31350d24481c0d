//! The handles that answer a [gate](super::gate): one for each question, with
//! the answers it can have.

use alloc::string::String;
use alloc::sync::Arc;

use super::gate::{Gate, Question, Verdict};
use crate::config::HostConfig;
use crate::jid::Jid;
use crate::sasl::{self, Answer, Hash, ScramKeys};
use crate::stream::{BindCondition as BindError, StreamError};

/// The open gate; answering consumes it. A handle that is dropped leaves the
/// gate open.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision<'a> {
    /// [`Question::Host`].
    Host(HostDecision<'a>),
    /// PLAIN: is this the password?
    Password(PasswordDecision<'a>),
    /// SCRAM: the stored keys.
    Scram(ScramDecision<'a>),
    /// EXTERNAL: whom does the certificate speak for?
    External(ExternalDecision<'a>),
    /// ANONYMOUS: may somebody come in?
    Anonymous(AnonymousDecision<'a>),
    /// [`Question::Bind`].
    Bind(BindDecision<'a>),
}

impl<'a> Decision<'a> {
    pub(super) fn of(gate: &'a mut Gate) -> Option<Self> {
        use sasl::Question as Q;
        if gate.is_answered() {
            return None;
        }
        Some(match gate.question() {
            Question::Host { .. } => Self::Host(HostDecision(gate)),
            Question::Sasl(Q::Password { .. }) => Self::Password(PasswordDecision(gate)),
            Question::Sasl(Q::ScramKeys { .. }) => Self::Scram(ScramDecision(gate)),
            Question::Sasl(Q::External { .. }) => Self::External(ExternalDecision(gate)),
            Question::Sasl(Q::Anonymous { .. }) => Self::Anonymous(AnonymousDecision(gate)),
            Question::Bind { .. } => Self::Bind(BindDecision(gate)),
        })
    }

    /// What is asked.
    #[must_use]
    pub fn question(&self) -> &Question {
        match self {
            Self::Host(HostDecision(gate))
            | Self::Password(PasswordDecision(gate))
            | Self::Scram(ScramDecision(gate))
            | Self::External(ExternalDecision(gate))
            | Self::Anonymous(AnonymousDecision(gate))
            | Self::Bind(BindDecision(gate)) => gate.question(),
        }
    }
}

/// Which host is this?
#[derive(Debug)]
pub struct HostDecision<'a>(&'a mut Gate);

impl HostDecision<'_> {
    /// `to` of the peer's header.
    #[must_use]
    pub fn to(&self) -> Option<&Jid> {
        match self.0.question() {
            Question::Host { to, .. } => to.as_ref(),
            _ => None,
        }
    }

    /// `from` of the peer's header; before TLS not authentic.
    #[must_use]
    pub fn from(&self) -> Option<&Jid> {
        match self.0.question() {
            Question::Host { from, .. } => from.as_ref(),
            _ => None,
        }
    }

    /// The server name of the TLS handshake, where TLS came first.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        match self.0.question() {
            Question::Host { sni, .. } => sni.as_deref(),
            _ => None,
        }
    }

    /// This is the host: its certificate, mechanisms and limits count from now
    /// on.
    pub fn serve(self, host: Arc<HostConfig>) {
        self.0.answer(Verdict::Serve(host));
    }

    /// Ends the stream: `<host-unknown/>`, `<host-gone/>`,
    /// `<see-other-host/>`, ... (RFC 6120 4.9.3).
    pub fn refuse(self, error: StreamError) {
        self.0.answer(Verdict::RefuseHost(error));
    }
}

/// PLAIN (RFC 4616): is this the password of this user?
#[derive(Debug)]
pub struct PasswordDecision<'a>(&'a mut Gate);

impl PasswordDecision<'_> {
    /// The user name as sent: not prepared, not checked.
    #[must_use]
    pub fn authcid(&self) -> &str {
        match self.0.question() {
            Question::Sasl(sasl::Question::Password { authcid, .. }) => authcid,
            _ => "",
        }
    }

    /// The password as sent. Compare it in constant time, or answer with
    /// [`keys`](Self::keys).
    #[must_use]
    pub fn password(&self) -> &[u8] {
        match self.0.question() {
            Question::Sasl(sasl::Question::Password { password, .. }) => password.as_bytes(),
            _ => &[],
        }
    }

    /// The entity the user asks to act as, if another one.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        match self.0.question() {
            Question::Sasl(sasl::Question::Password { authzid, .. }) => authzid.as_deref(),
            _ => None,
        }
    }

    /// It is; `authcid` is the user's prepared name, to which a protected
    /// `from` has to be equal unless it
    /// [may differ](crate::config::HostBuilder::from_may_differ).
    pub fn accept(self, authcid: String) {
        self.0.answer(Verdict::Sasl(Answer::Accept { authcid }));
    }

    /// Have it compared with stored SCRAM keys.
    pub fn keys(self, authcid: String, keys: ScramKeys) {
        self.0.answer(Verdict::Sasl(Answer::keys(authcid, keys)));
    }

    /// There is no such user: the same answer as for a wrong password.
    pub fn unknown_user(self, authcid: String) {
        self.0
            .answer(Verdict::Sasl(Answer::UnknownUser { authcid }));
    }

    /// It is not, or the user may not come in.
    pub fn reject(self, condition: sasl::Condition) {
        self.0.answer(Verdict::Sasl(Answer::Reject(condition)));
    }
}

/// SCRAM (RFC 5802): the stored keys of this user.
#[derive(Debug)]
pub struct ScramDecision<'a>(&'a mut Gate);

impl ScramDecision<'_> {
    /// The user name as sent: not prepared, not checked.
    #[must_use]
    pub fn username(&self) -> &str {
        match self.0.question() {
            Question::Sasl(sasl::Question::ScramKeys { username, .. }) => username,
            _ => "",
        }
    }

    /// The entity the user asks to act as, if another one.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        match self.0.question() {
            Question::Sasl(sasl::Question::ScramKeys { authzid, .. }) => authzid.as_deref(),
            _ => None,
        }
    }

    /// The hash the keys must be for.
    #[must_use]
    pub fn hash(&self) -> Hash {
        match self.0.question() {
            Question::Sasl(sasl::Question::ScramKeys { hash, .. }) => *hash,
            _ => Hash::Sha256,
        }
    }

    /// These are they; `authcid` is the user's prepared name, to which a
    /// protected `from` has to be equal unless it
    /// [may differ](crate::config::HostBuilder::from_may_differ).
    pub fn keys(self, authcid: String, keys: ScramKeys) {
        self.0.answer(Verdict::Sasl(Answer::keys(authcid, keys)));
    }

    /// Anything else [`Answer`] can say, such as keys of an account that may
    /// not come in.
    pub fn answer(self, answer: Answer) {
        self.0.answer(Verdict::Sasl(answer));
    }

    /// There is no such user: the exchange goes on and fails as it would with
    /// a wrong password.
    pub fn unknown_user(self, authcid: String) {
        self.0
            .answer(Verdict::Sasl(Answer::UnknownUser { authcid }));
    }
}

/// EXTERNAL: whom does the peer's certificate speak for (XEP-0178)?
/// [`Connection::tls`](crate::Connection::tls) has the certificate.
#[derive(Debug)]
pub struct ExternalDecision<'a>(&'a mut Gate);

impl ExternalDecision<'_> {
    /// The identity the peer asks to act as.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        match self.0.question() {
            Question::Sasl(sasl::Question::External { authzid }) => authzid.as_deref(),
            _ => None,
        }
    }

    /// For this user (the local part of its JID).
    pub fn accept(self, authcid: String) {
        self.0.answer(Verdict::Sasl(Answer::Accept { authcid }));
    }

    /// For nobody here.
    pub fn reject(self, condition: sasl::Condition) {
        self.0.answer(Verdict::Sasl(Answer::Reject(condition)));
    }
}

/// ANONYMOUS (XEP-0175): may somebody come in?
#[derive(Debug)]
pub struct AnonymousDecision<'a>(&'a mut Gate);

impl AnonymousDecision<'_> {
    /// Yes, under this temporary name.
    pub fn accept(self, authcid: String) {
        self.0.answer(Verdict::Sasl(Answer::Accept { authcid }));
    }

    /// No.
    pub fn reject(self, condition: sasl::Condition) {
        self.0.answer(Verdict::Sasl(Answer::Reject(condition)));
    }
}

/// What was to be bound is no full JID (RFC 6120 7.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no full JID")]
pub struct NotFull(pub Jid);

/// May this resource be bound?
#[derive(Debug)]
pub struct BindDecision<'a>(&'a mut Gate);

impl BindDecision<'_> {
    /// Who was authenticated.
    #[must_use]
    pub fn identity(&self) -> Option<&sasl::Identity> {
        match self.0.question() {
            Question::Bind { identity, .. } => Some(identity),
            _ => None,
        }
    }

    /// The resource the peer asks for; `None`: one of the server's choice
    /// (RFC 6120 7.6).
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        match self.0.question() {
            Question::Bind { resource, .. } => resource.as_deref(),
            _ => None,
        }
    }

    /// A random resource, new for each question: 128 bits in hex. For a peer
    /// that asks for none (7.6), or for one that is taken (7.7.2.2).
    #[must_use]
    pub fn generated(&self) -> &str {
        match self.0.question() {
            Question::Bind { generated, .. } => generated,
            _ => "",
        }
    }

    /// Yes: this is the full JID. It may have another resource than the one
    /// asked for (7.7.2).
    ///
    /// # Errors
    /// [`NotFull`]: the JID lacks a local part or a resource; the gate stays
    /// open.
    pub fn accept(self, jid: Jid) -> Result<(), NotFull> {
        if jid.local().is_none() || !jid.is_full() {
            return Err(NotFull(jid));
        }
        self.0.answer(Verdict::Bind(jid));
        Ok(())
    }

    /// No. The peer may ask again.
    pub fn refuse(self, error: BindError) {
        self.0.answer(Verdict::RefuseBind(error));
    }
}

//! What is shown of an event, and of the end.
//!
//! Written by hand, because an event lends what a trace must not show: passwords in questions, tokens in
//! `<success/>`, names of sessions, stanzas. The reason of the end may hold what a peer has written.

use core::fmt::{self, Write as _};

use super::escape::OneLine;
use crate::close::{CloseTcp, Manner};
use crate::event::{DialbackQuestion, Event, Question};
use crate::jid::Jid;
use crate::sasl::{CredentialQuery, SaslProfile};

/// An event, without what it lends: an application gets passwords, keys and stanzas by events, and a
/// trace does not. `Display` writes its name and what is not secret of it.
#[derive(Clone, Copy)]
pub struct EventSummary<'a>(&'a Event<'a>);

impl<'a> EventSummary<'a> {
    pub(crate) const fn new(event: &'a Event<'a>) -> Self {
        Self(event)
    }

    /// Returns the event's name in kebab-case, for instance `stream-opened`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0 {
            Event::StreamOpened(_) => "stream-opened",
            Event::Decision(_) => "decision",
            Event::Features(_) => "features",
            Event::TlsEstablished(_) => "tls-established",
            Event::Authenticated(_) => "authenticated",
            Event::Established(_) => "established",
            Event::Stanza(_) => "stanza",
            Event::Element(_) => "element",
            Event::Keepalive => "keepalive",
            Event::ResetAdvised(_) => "reset-advised",
            Event::StreamError(_) => "stream-error",
            Event::PairVerified(_) => "pair-verified",
            Event::Request(_) => "request",
            Event::KeyVerdict(_) => "key-verdict",
            Event::ManagementEnabled(_) => "management-enabled",
            Event::ManagementRefused(_) => "management-refused",
            Event::Acknowledged(_) => "acknowledged",
            Event::PeerClosing => "peer-closing",
        }
    }
}

impl fmt::Display for EventSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut OneLine(f);
        f.write_str(self.name())?;
        match self.0 {
            Event::StreamOpened(opened) => {
                for (name, value) in [
                    ("id", opened.id()),
                    ("from", opened.from().map(Jid::as_str)),
                    ("to", opened.to().map(Jid::as_str)),
                ] {
                    if let Some(value) = value {
                        write!(f, " {name}={value:?}")?;
                    }
                }
                Ok(())
            }
            Event::Decision(question) => write!(f, " {}", subject(question)),
            Event::TlsEstablished(info) => {
                let (version, suite) = (info.version(), info.cipher_suite());
                write!(f, " {version} {suite} {}", info.handshake())?;
                match info.peer_certificates().len() {
                    0 => Ok(()),
                    certificates => write!(f, ", {certificates} certificates of the peer"),
                }
            }
            Event::Authenticated(done) => {
                let profile = match done.profile() {
                    SaslProfile::Sasl => "SASL",
                    SaslProfile::Sasl2 => "SASL2",
                };
                write!(f, " {profile} {} {:?}", done.mechanism(), done.identity())
            }
            Event::Established(established) => {
                if let Some(jid) = established.jid() {
                    write!(f, " {:?}", jid.as_str())?;
                }
                match established.resumed() {
                    Some(resumed) => write!(f, " resumed, sent again: {}", resumed.retransmitted),
                    None => Ok(()),
                }
            }
            Event::Stanza(element) | Event::Element(element) => {
                write!(f, " {}, {} bytes", element.name(), element.as_str().len())
            }
            Event::ResetAdvised(cause) => write!(f, " {}", cause.as_str()),
            Event::StreamError(error) => write!(f, " {}", error.condition().as_str()),
            Event::PairVerified(pair) => {
                let (from, to) = (pair.from().as_str(), pair.to().as_str());
                write!(f, " from={from:?} to={to:?} by {}", pair.by().as_str())
            }
            Event::Request(request) => {
                let question = match request.question() {
                    DialbackQuestion::Authorize(_) => "authorize",
                    DialbackQuestion::Verify(_) => "verify",
                    DialbackQuestion::MakeKey => "make-key",
                };
                let (from, to) = (request.from().as_str(), request.to().as_str());
                write!(f, " {question} from={from:?} to={to:?}")
            }
            Event::KeyVerdict(verdict) => {
                let (from, to) = (verdict.from().as_str(), verdict.to().as_str());
                write!(f, " from={from:?} to={to:?} {}", verdict.verdict())
            }
            Event::ManagementEnabled(enabled) => match enabled.is_resumable() {
                true => f.write_str(" resumable"),
                false => Ok(()),
            },
            Event::Acknowledged(ticket) => write!(f, " {ticket:?}"),
            Event::Features(_)
            | Event::Keepalive
            | Event::ManagementRefused(_)
            | Event::PeerClosing => Ok(()),
        }
    }
}

impl fmt::Debug for EventSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The end, without what the peer has written about it. `Display` writes manner, code and detail.
#[derive(Clone, Copy)]
pub struct CloseSummary<'a>(&'a CloseTcp);

impl<'a> CloseSummary<'a> {
    pub(crate) const fn new(close: &'a CloseTcp) -> Self {
        Self(close)
    }

    /// Returns the [code](crate::CloseReason::code) of the reason, for instance `tls-renegotiation`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.reason().code()
    }

    /// Returns how the connection ends.
    #[must_use]
    pub fn manner(&self) -> Manner {
        self.0.manner()
    }
}

impl fmt::Display for CloseSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, manner) = (self.0.reason(), self.manner().as_str());
        write!(OneLine(f), "CloseTcp, {manner}: {} ({reason})", self.code())?;
        match self.0.truncated() {
            true => f.write_str(", without close_notify"),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for CloseSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is asked, and not of whom.
fn subject(question: &Question) -> &'static str {
    match question {
        Question::Host { .. } => "host",
        Question::Sasl(query) => match query {
            CredentialQuery::Password { .. } => "password",
            CredentialQuery::ScramKeys { .. } => "scram-keys",
            CredentialQuery::External { .. } => "external",
            CredentialQuery::Anonymous { .. } => "anonymous",
            CredentialQuery::Token { .. } => "token",
        },
        Question::Bind { .. } => "bind",
        Question::Resume { .. } => "resume",
        Question::IssueToken(_) => "issue-token",
        Question::StoreKeys { .. } => "store-keys",
    }
}

//! One client of the server: what it is asked, told and sent.

use std::collections::VecDeque;
use std::sync::Arc;

use xmpp_stream::connection::{BindDecision, ResponderRole, ResumeDecision};
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::ResetCause;
use xmpp_stream::sasl::{self, CredentialAnswer, Hash};
use xmpp_stream::sm::SmState;
use xmpp_stream::stream::{BindCondition, StreamCondition, StreamError};
use xmpp_stream::time::Instant;
use xmpp_stream::{Connection, Decision, Event, Question, Responder, SendError};

use crate::config::Server;
use crate::net::App;
use crate::router::{BACKLOG, Left, Mail, Resumption};
use crate::shared::lines::Lines;
use crate::stanzas::{self, Outcome};

/// How many stanzas may wait for a client that asks and does not read: as many
/// as may have been kept for it while it was away, and as many again.
const MOST_OUTGOING: usize = 2 * BACKLOG;

pub struct Client {
    server: Arc<Server>,
    conn: u64,
    lines: Lines,
    /// Whom the certificate speaks for.
    certified: Vec<Jid>,
    /// The bound address.
    jid: Option<Jid>,
    /// The name of the session, if it can be resumed.
    session: Option<String>,
    /// A session that could not be resumed here.
    refused: Option<SmState>,
    outgoing: VecDeque<String>,
    /// A stream error to end with.
    ending: Option<StreamCondition>,
    /// A reset that is due once everything received is answered.
    reset: Option<ResetCause>,
}

impl App<ResponderRole> for Client {
    type Mail = Mail;

    fn event(&mut self, event: &Event<'_>, _: Instant) {
        self.lines.event(event);
        match event {
            Event::TlsEstablished(info) => self.certified = info.peer_jids(),
            Event::Established(established) => {
                // With a resumed session the address came already.
                if let (None, Some(jid)) = (established.resumed(), established.jid()) {
                    if let Some(remains) = self.server.router.bind(self.conn, jid) {
                        stanzas::give_back(remains, &self.server);
                    }
                    self.jid = Some(jid.clone());
                }
            }
            Event::ManagementEnabled(enabled) => {
                if let (Some(name), Some(jid)) = (enabled.id(), &self.jid) {
                    self.server.router.name(self.conn, name, jid);
                    self.session = Some(name.to_owned());
                }
            }
            Event::Stanza(stanza) => {
                let Some(jid) = &self.jid else { return };
                match stanzas::handle(stanza, jid, &self.server) {
                    Outcome::Nothing => {}
                    Outcome::Reply(reply) => self.outgoing.push_back(reply),
                    Outcome::InvalidFrom => self.ending = Some(StreamCondition::InvalidFrom),
                }
                if self.outgoing.len() > MOST_OUTGOING {
                    self.ending = Some(StreamCondition::ResourceConstraint);
                }
            }
            // RFC 6120 4.9.3.24: nothing but stanzas is understood here.
            Event::Element(_) => self.ending = Some(StreamCondition::UnsupportedStanzaType),
            Event::ResetAdvised(cause) => self.reset = Some(*cause),
            _ => {}
        }
    }

    fn act(&mut self, machine: &mut Responder, _: Instant) -> Option<Instant> {
        if let Some(decision) = machine.decision() {
            self.decide(decision);
        }
        self.send(machine);
        if let Some(condition) = self.ending.take() {
            machine.fail(StreamError::new(condition));
        }
        None
    }

    fn take_reset(&mut self) -> Option<ResetCause> {
        self.reset.take()
    }

    fn wants_mail(&self) -> bool {
        self.outgoing.is_empty()
    }

    fn mail(&mut self, mail: Mail) {
        match mail {
            Mail::Stanza(stanza) => self.outgoing.push_back(stanza),
            Mail::Replaced => self.ending = Some(StreamCondition::Conflict),
            // The question is still open, and is answered next.
            Mail::Released => {}
            Mail::Stop => self.ending = Some(StreamCondition::SystemShutdown),
        }
    }
}

impl Client {
    pub fn new(server: Arc<Server>, conn: u64, lines: Lines) -> Self {
        Self {
            server,
            conn,
            lines,
            certified: Vec::new(),
            jid: None,
            session: None,
            refused: None,
            outgoing: VecDeque::new(),
            ending: None,
            reset: None,
        }
    }

    /// What is left when the connection has ended.
    pub fn left(self, state: Option<SmState>) -> Left {
        Left {
            jid: self.jid,
            session: self.session,
            state: state.or(self.refused),
            unsent: self.outgoing,
        }
    }

    /// Sends what fits.
    fn send(&mut self, machine: &mut Connection<ResponderRole>) {
        let Some(mut session) = machine.session() else {
            return;
        };
        while let Some(stanza) = self.outgoing.front() {
            match session.send(stanza) {
                Ok(_) => self.lines.trace(format_args!("sent {stanza}")),
                Err(SendError::Full { .. }) => return,
                Err(error) => eprintln!("not sent: {error}: {stanza}"),
            }
            self.outgoing.pop_front();
        }
    }

    /// Answers a decision of the negotiation.
    fn decide(&mut self, decision: Decision<'_>) {
        let authzid = authzid(decision.question()).map(Jid::parse);
        // Nobody may act as somebody else.
        let fits = |name: &str| match &authzid {
            None => true,
            Some(Ok(jid)) => jid.is_bare() && jid.local() == Some(name) && self.is_ours(jid),
            Some(Err(_)) => false,
        };
        match decision {
            Decision::Password(plain) => match Server::account(plain.authcid()) {
                Some(name) if !fits(&name) => plain.reject(sasl::SaslCondition::InvalidAuthzid),
                Some(name) => match self.server.keys(&name, Hash::Sha256).cloned() {
                    Some(keys) => plain.keys(name, keys),
                    None => plain.unknown_user(name),
                },
                None => plain.reject(sasl::SaslCondition::NotAuthorized),
            },
            Decision::Scram(scram) => match Server::account(scram.username()) {
                Some(name) if !fits(&name) => {
                    scram.answer(CredentialAnswer::Reject(
                        sasl::SaslCondition::InvalidAuthzid,
                    ));
                }
                Some(name) => match self.server.keys(&name, scram.hash()).cloned() {
                    Some(keys) => scram.keys(name, keys),
                    None => scram.unknown_user(name),
                },
                None => scram.answer(CredentialAnswer::Reject(sasl::SaslCondition::NotAuthorized)),
            },
            Decision::External(external) => match self.certified(external.authzid()) {
                Ok(name) => external.accept(name),
                Err(condition) => external.reject(condition),
            },
            Decision::Anonymous(anonymous) => match self.server.random_name() {
                Some(name) => anonymous.accept(name),
                None => anonymous.reject(sasl::SaslCondition::TemporaryAuthFailure),
            },
            Decision::Token(token) => match Server::account(token.username()) {
                Some(name) => self.server.tokens.find(name, token),
                None => token.answer(CredentialAnswer::Reject(sasl::SaslCondition::NotAuthorized)),
            },
            Decision::IssueToken(issue) => self.server.tokens.renew(issue),
            Decision::Bind(bind) => self.bind(bind),
            Decision::Resume(resume) => self.resume(resume),
            // There is one host, so nobody asks; and nothing else is known.
            other => eprintln!("unanswered: {other:?}"),
        }
    }

    /// The account the certificate speaks for (XEP-0178 2.4).
    fn certified(&self, authzid: Option<&str>) -> Result<String, sasl::SaslCondition> {
        let mut ours = self.certified.iter().filter(|jid| self.is_ours(jid));
        let jid = match (authzid.map(Jid::parse), ours.next()) {
            (_, None) => return Err(sasl::SaslCondition::NotAuthorized),
            (Some(Ok(wanted)), Some(_)) => self
                .certified
                .iter()
                .find(|jid| self.is_ours(jid) && **jid == wanted)
                .ok_or(sasl::SaslCondition::InvalidAuthzid)?,
            (None, Some(only)) if ours.next().is_none() => only,
            _ => return Err(sasl::SaslCondition::InvalidAuthzid),
        };
        jid.local()
            .map(str::to_owned)
            .ok_or(sasl::SaslCondition::NotAuthorized)
    }

    /// The session asked for, if it is there and nobody else's. Its stream, if
    /// it is still open, is ended first, and the question waits for that.
    fn resume(&mut self, resume: ResumeDecision<'_>) {
        let (name, account) = (resume.previd(), resume.identity().authcid.as_str());
        match self.server.router.resume(self.conn, name, account) {
            Resumption::Granted(state, held) => {
                self.session = Some(name.to_owned());
                self.jid = state.jid().cloned();
                self.outgoing = held;
                if let Err(error) = resume.resume(*state) {
                    eprintln!("not resumed: {error}");
                    self.refused = Some(error.into_state());
                }
            }
            Resumption::Pending => {}
            Resumption::Refused(handled) => resume.refuse(handled),
        }
    }

    /// The resource asked for, or one of ours: with a login by SASL2 that is always so, and begins with
    /// the tag that the client gave (XEP-0386 3.2.1).
    fn bind(&self, bind: BindDecision<'_>) {
        let resource = bind.resource().unwrap_or(bind.generated());
        let local = Some(bind.identity().authcid.as_str());
        let jid = Jid::from_parts(local, &self.server.domain, Some(resource));
        match jid {
            Ok(jid) if jid.local().is_some() => {
                let bound = bind.accept(jid);
                debug_assert_eq!(bound, Ok(()), "it has all its parts");
            }
            _ => bind.refuse(BindCondition::BadRequest),
        }
    }

    fn is_ours(&self, jid: &Jid) -> bool {
        jid.local().is_some() && jid.domain() == self.server.domain
    }
}

/// Whom the client wants to act as, where passwords are asked for.
fn authzid(question: &Question) -> Option<&str> {
    match question {
        Question::Sasl(
            sasl::CredentialQuery::Password { authzid, .. }
            | sasl::CredentialQuery::ScramKeys { authzid, .. },
        ) => authzid.as_deref(),
        _ => None,
    }
}

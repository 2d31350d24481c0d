//! One connection of a client.
//!
//! The order is all that matters here. Before TCP gets a byte, [`Client::commit`] stores what the byte
//! may tell the client: in one transaction the session as it stands, the stanzas that it counts as
//! handled, and the removal of those that it sends. So whatever the client has seen, the store knows; and
//! a node that is killed between two steps has told nobody of the later one.

use std::net::TcpStream;
use std::time::Duration;

use xmpp_stream::jid::Jid;
use xmpp_stream::sm::{Fate, SmState};
use xmpp_stream::stream::{BindCondition, StreamCondition, StreamError};
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::xml::{RewriteError, Stanza, StanzaBuf};
use xmpp_stream::{Action, Decision, Event, Responder, SendError};

use crate::stanzas::{again, refusal};
use crate::store::{Change, Failure, Letter, Outcome, Session, Snapshot, Store};
use crate::{Node, RESUMPTION, tcp, unix_time};

/// How many letters are sent between two transactions.
const LETTERS: usize = 64;

/// Serves a client, to the end of its connection.
pub fn serve(node: &Node, mut socket: TcpStream) -> Result<(), Failure> {
    tcp::prepare(&socket)?;
    let clock = StdClock::new();
    let mut machine = Responder::new(node.config.clone(), clock.now());
    let mut client = Client::new(node, clock.now())?;
    loop {
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => client.on_event(&event)?,
            Action::Wait(wait) => {
                if client.send_letters(&mut machine)? {
                    continue;
                }
                match client.commit(&machine, wait.write, now)? {
                    Outcome::Done => tcp::exchange(&mut socket, &mut machine, wait, now)?,
                    // The session goes on elsewhere: not a byte more of it leaves here.
                    Outcome::NotOwner => machine.abort(),
                }
            }
            Action::CloseTcp(close) => {
                let close = close.clone();
                client.end(machine.take_sm_state())?;
                // The client may have gone first.
                let _ = tcp::end(&mut socket, &close, clock);
                return Ok(());
            }
        }
        if let Some(decision) = machine.decision() {
            client.decide(decision)?;
        }
        if let Some(condition) = client.complaint.take() {
            machine.fail(StreamError::new(condition));
        }
    }
}

/// What is known of a client.
struct Client<'a> {
    node: &'a Node,
    store: Box<dyn Store>,
    owner: String,
    account: String,
    jid: Option<String>,
    is_managed: bool,
    /// The name of its session, once that is in the store.
    stored: Option<String>,
    stored_at: Instant,
    /// What the session counts as handled and is not in the store yet.
    letters: Vec<Letter>,
    /// How many of the first letters for this client were sent and are in the store still.
    sent: usize,
    complaint: Option<StreamCondition>,
}

impl<'a> Client<'a> {
    fn new(node: &'a Node, now: Instant) -> Result<Self, Failure> {
        Ok(Self {
            node,
            store: node.store.open()?,
            owner: node.owner(),
            account: String::new(),
            jid: None,
            is_managed: false,
            stored: None,
            stored_at: now,
            letters: Vec::new(),
            sent: 0,
            complaint: None,
        })
    }

    fn on_event(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match event {
            Event::Established(established) => {
                self.jid = established.jid().map(|jid| jid.as_str().to_owned());
                self.is_managed = established.resumed().is_some();
            }
            Event::ManagementEnabled(_) => self.is_managed = true,
            // It would not be counted: here only what is counted is kept.
            Event::Stanza(_) if !self.is_managed => {
                self.complaint = Some(StreamCondition::PolicyViolation);
            }
            Event::Stanza(stanza) => self.on_stanza(stanza)?,
            Event::Element(_) => self.complaint = Some(StreamCondition::UnsupportedStanzaType),
            _ => {}
        }
        Ok(())
    }

    /// A message for a full JID is a letter, and waits for it; nothing else is delivered.
    fn on_stanza(&mut self, stanza: &Stanza<'_>) -> Result<(), RewriteError> {
        let own = self.jid.as_deref().unwrap_or_default();
        let to = stanza.attr("to").and_then(|to| Jid::parse(&to).ok());
        let letter = match (stanza.name(), to, stanza.attr("type").as_deref()) {
            ("message", Some(to), _) if to.is_full() && to.domain() == self.node.domain => {
                let mut text = String::new();
                stanza.rewrite().from(Some(own)).write(&mut text)?;
                Letter {
                    to: to.as_str().to_owned(),
                    stanza: text,
                }
            }
            ("presence", ..) | (_, _, Some("error" | "result")) => return Ok(()),
            _ => Letter {
                to: own.to_owned(),
                stanza: refusal(stanza, own)?,
            },
        };
        self.letters.push(letter);
        Ok(())
    }

    /// Sends letters, which leave the store with the next transaction. Returns whether it did.
    fn send_letters(&mut self, machine: &mut Responder) -> Result<bool, Failure> {
        let (Some(jid), Some(_), 0) = (&self.jid, &self.stored, self.sent) else {
            return Ok(false);
        };
        let Some(mut session) = machine.session() else {
            return Ok(false);
        };
        for letter in self.store.letters(jid, LETTERS)? {
            match session.send(&letter) {
                Ok(_) => {}
                Err(SendError::Full { .. }) => break,
                Err(error) => eprintln!("a letter that cannot be sent: {error}"),
            }
            self.sent += 1;
        }
        Ok(self.sent > 0)
    }

    /// Stores everything that TCP's next bytes may tell the client.
    fn commit(
        &mut self,
        machine: &Responder,
        writes: bool,
        now: Instant,
    ) -> Result<Outcome, Failure> {
        // A session that is not stored for long would count as expired.
        let is_old = now > self.stored_at + Duration::from_secs(u64::from(RESUMPTION) / 3);
        if !writes && !is_old && self.letters.is_empty() && self.sent == 0 {
            return Ok(Outcome::Done);
        }
        let (Some(jid), Some(state)) = (&self.jid, machine.sm_snapshot()) else {
            return Ok(Outcome::Done);
        };
        let bytes = state.to_bytes();
        let snapshot = Snapshot {
            state: &bytes,
            until: unix_time()? + u64::from(RESUMPTION),
        };
        let (name, session) = if let Some(name) = &self.stored {
            (name.clone(), Session::Update(snapshot))
        } else {
            // Without a name of its own it cannot be resumed, and is stored all the same.
            let name = self.name(state.id().unwrap_or(&self.owner));
            (name, Session::Begin(snapshot))
        };
        let outcome = self.store.commit(&Change {
            name: &name,
            owner: &self.owner,
            jid,
            session,
            sent: self.sent,
            letters: &self.letters,
        })?;
        if outcome == Outcome::Done {
            self.stored = Some(name);
            self.stored_at = now;
            self.letters.clear();
            self.sent = 0;
        }
        Ok(outcome)
    }

    /// Ends the session, unless it can be resumed: then it stays in the store as it is, because nobody
    /// was told of anything later.
    fn end(mut self, state: Option<SmState>) -> Result<(), Failure> {
        match (state, &self.stored) {
            (Some(state), Some(name)) if !state.is_resumable() => {
                end_session(self.store.as_mut(), name, &self.owner, &state)
            }
            _ => Ok(()),
        }
    }

    fn decide(&mut self, decision: Decision<'_>) -> Result<(), Failure> {
        match decision {
            Decision::Scram(scram) => {
                let name = scram.username().to_owned();
                match self.node.users.get(&name) {
                    Some(keys) => scram.keys(name, keys.clone()),
                    None => scram.unknown_user(name),
                }
            }
            Decision::Bind(bind) => {
                self.account.clone_from(&bind.identity().authcid);
                let resource = bind.resource().unwrap_or(bind.generated());
                match Jid::from_parts(Some(&self.account), &self.node.domain, Some(resource)) {
                    Ok(jid) => {
                        // The session that this JID had is over (RFC 6120 7.7.2.2).
                        if let Some(name) = self.store.session_of(jid.as_str())? {
                            take_and_end(self.store.as_mut(), &name, &self.owner)?;
                        }
                        bind.accept(jid)?;
                    }
                    Err(_) => bind.refuse(BindCondition::BadRequest),
                }
            }
            Decision::Resume(resume) => {
                self.account.clone_from(&resume.identity().authcid);
                let name = self.name(resume.previd());
                let taken = self.store.take(&name, &self.owner)?;
                match taken.map(|bytes| SmState::from_bytes(&bytes)).transpose()? {
                    Some(state) => {
                        resume.resume(state)?;
                        self.stored = Some(name);
                    }
                    None => resume.refuse(None),
                }
            }
            // Nothing else is offered.
            _ => {}
        }
        Ok(())
    }

    fn name(&self, id: &str) -> String {
        format!("{}/{id}", self.account)
    }
}

/// Ends the sessions that nobody has resumed in time.
pub fn end_expired(node: &Node, store: &mut dyn Store) -> Result<(), Failure> {
    for name in store.expired(unix_time()?)? {
        take_and_end(store, &name, &node.owner())?;
    }
    Ok(())
}

fn take_and_end(store: &mut dyn Store, name: &str, owner: &str) -> Result<(), Failure> {
    match store.take(name, owner)? {
        Some(bytes) => end_session(store, name, owner, &SmState::from_bytes(&bytes)?),
        None => Ok(()),
    }
}

/// Deletes a session that is over. What its client has not acknowledged waits for the next one.
fn end_session(
    store: &mut dyn Store,
    name: &str,
    owner: &str,
    state: &SmState,
) -> Result<(), Failure> {
    let Some(jid) = state.jid() else {
        return Ok(());
    };
    let now = unix_time()?;
    let mut rest = Vec::new();
    for one in state.unacknowledged() {
        rest.push(match one.fate {
            Fate::Unsent | Fate::Unhandled => one.stanza.to_owned(),
            _ => {
                let stanza = StanzaBuf::parse(one.stanza)?;
                again(one.stanza, stanza.as_stanza().name(), jid.domain(), now)
            }
        });
    }
    let change = Change {
        name,
        owner,
        jid: jid.as_str(),
        session: Session::End(&rest),
        sent: 0,
        letters: &[],
    };
    store.commit(&change).map(|_| ())
}

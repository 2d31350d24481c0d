//! A stream from another server.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Sender};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::event::{DialbackQuestion, RequestId};
use xmpp_stream::reset::ResetCause;
use xmpp_stream::stream::{DialbackVerdict, StreamCondition, StreamError};
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Event, Responder};

use super::{Answer, Letter, post};
use crate::config::Server;
use crate::net::{self, App};
use crate::router::MAILBOX;
use crate::shared::lines::Lines;
use crate::stanzas;

/// One connection that was accepted, from its first byte to its last.
pub async fn accepted(server: Arc<Server>, mut tcp: TcpStream) {
    let number = server.number();
    let Some(federation) = &server.federation else {
        return;
    };
    let lines = Lines {
        conn: Some(number),
        trace: server.trace,
    };
    lines.say("tcp-accepted", &json!({}));
    let (sender, mut mailbox) = mpsc::channel(MAILBOX);
    federation.links().inbound.insert(number, sender.clone());
    let clock = StdClock::new();
    let mut machine = Responder::new(Arc::clone(&federation.accepting), clock.now());
    machine.set_trace_id(number);
    let mut peer = Peer {
        server: Arc::clone(&server),
        sender,
        answers: VecDeque::new(),
        ending: None,
        reset: None,
        lines,
    };
    let close = net::drive(
        &mut tcp,
        &mut machine,
        &mut peer,
        &mut mailbox,
        clock,
        lines,
    )
    .await;
    net::end(tcp, &close).await;
    federation.links().inbound.remove(&number);
}

/// The server at the other end.
struct Peer {
    server: Arc<Server>,
    /// Our own mailbox, for answers.
    sender: Sender<Answer>,
    answers: VecDeque<(RequestId, DialbackVerdict)>,
    ending: Option<StreamCondition>,
    reset: Option<ResetCause>,
    lines: Lines,
}

impl App<ResponderRole> for Peer {
    type Mail = Answer;

    fn event(&mut self, event: &Event<'_>, _: Instant) {
        self.lines.event(event);
        match event {
            // The server that is found under the name has to know the key.
            Event::Request(request) => {
                if let DialbackQuestion::Authorize(_) = request.question() {
                    let letter = Letter::Verify((*request).clone(), self.sender.clone());
                    post(&self.server, request.from(), letter);
                }
            }
            Event::Stanza(stanza) => {
                if let Some((parcel, to)) = stanzas::from_afar(stanza, &self.server) {
                    post(&self.server, &to, Letter::Stanza(parcel));
                }
            }
            Event::Element(_) => self.ending = Some(StreamCondition::UnsupportedStanzaType),
            Event::ResetAdvised(cause) => self.reset = Some(*cause),
            _ => {}
        }
    }

    fn act(&mut self, machine: &mut Responder, _: Instant) -> Option<Instant> {
        if let Some(condition) = self.ending.take() {
            machine.fail(StreamError::new(condition));
            return None;
        }
        let mut session = machine.session()?;
        for (id, verdict) in self.answers.drain(..) {
            if let Err(error) = session.answer(id, verdict.into()) {
                eprintln!("not answered: {error}");
            }
        }
        None
    }

    fn take_reset(&mut self) -> Option<ResetCause> {
        self.reset.take()
    }

    fn wants_mail(&self) -> bool {
        true
    }

    fn mail(&mut self, answer: Answer) {
        match answer {
            Answer::Key(id, verdict) => self.answers.push_back((id, verdict)),
            Answer::Stop => self.ending = Some(StreamCondition::SystemShutdown),
        }
    }
}

//! A stream to another server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{sleep, timeout};
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::event::{DialbackQuestion, DialbackRequest};
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::{Outcome, Plan, Planner, PlannerConfig, ResetCause};
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{CloseTcp, Event, Initiator, SendError};

use super::{Answer, Letter, Parcel, give_back};
use crate::config::Server;
use crate::net::{self, App};
use crate::router::MAILBOX;
use crate::shared::lines::Lines;
use crate::shared::tls;

/// How long TCP may take to come about.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long at most to wait before connecting again.
const MOST_DELAY: Duration = Duration::from_secs(5);

/// Begins a task that holds the stream to `peer`, and gives it its first
/// letter.
pub fn open(server: &Arc<Server>, peer: &Jid, first: Letter) -> Sender<Letter> {
    let (sender, mailbox) = mpsc::channel(MAILBOX);
    let mut link = Link {
        peer: peer.domain_only(),
        stanzas: VecDeque::new(),
        questions: VecDeque::new(),
        asked: Vec::new(),
        state: State::Unproved,
        reset: None,
        lines: Lines {
            conn: None,
            trace: server.trace,
        },
    };
    link.mail(first);
    tokio::spawn(hold(Arc::clone(server), link, mailbox));
    sender
}

/// Connects, and connects again as long as there is something to say.
async fn hold(server: Arc<Server>, mut link: Link, mut mailbox: Receiver<Letter>) {
    let clock = StdClock::new();
    let config = PlannerConfig::new()
        .with_max_delay(MOST_DELAY)
        .expect("MOST_DELAY is above a millisecond");
    let mut planner = Planner::new(config, tls::random());
    let mut initiating = server
        .federation
        .as_ref()
        .and_then(|federation| federation.initiating(&link.peer));
    while let Some(config) = initiating.take() {
        let close = link.connection(&server, &config, &mut mailbox, clock).await;
        if link.state == State::Proved {
            let _up = planner.next(clock.now(), Outcome::Established);
        }
        let outcome = close.as_ref().map_or(Outcome::ConnectFailed, Outcome::from);
        let unsaid = !link.stanzas.is_empty() && link.state != State::Stopping;
        // One that never worked is not tried again: others wait for an answer.
        let worked = link.state == State::Proved;
        if let (Plan::Connect(plan), true, true) =
            (planner.next(clock.now(), outcome), unsaid, worked)
        {
            sleep(plan.delay).await;
            initiating = Some(config.for_reconnect(&plan));
        }
        link.ended(&server);
    }
    // From here on a new letter begins a new task.
    mailbox.close();
    for parcel in link.stanzas.drain(..) {
        give_back(&server, Letter::Stanza(parcel));
    }
    while let Some(letter) = mailbox.recv().await {
        give_back(&server, letter);
    }
}

/// What is to be said on the stream.
struct Link {
    peer: Jid,
    stanzas: VecDeque<Parcel>,
    questions: VecDeque<(DialbackRequest, Sender<Answer>)>,
    /// Questions that wait for their answer.
    asked: Vec<(DialbackRequest, Sender<Answer>)>,
    state: State,
    reset: Option<ResetCause>,
    lines: Lines,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Our domain is not verified yet.
    Unproved,
    Proved,
    /// The program ends.
    Stopping,
}

impl Link {
    /// One connection; `None`: TCP did not come about.
    async fn connection(
        &mut self,
        server: &Arc<Server>,
        config: &Arc<InitiatorConfig>,
        mailbox: &mut Receiver<Letter>,
        clock: StdClock,
    ) -> Option<CloseTcp> {
        let federation = server.federation.as_ref()?;
        self.lines.conn = Some(server.number());
        self.state = State::Unproved;
        let address = federation.address(self.peer.domain());
        let tcp = match timeout(PATIENCE, TcpStream::connect(&address)).await {
            Ok(connected) => net::prompt(connected),
            Err(late) => Err(late.into()),
        };
        let mut tcp = match tcp {
            Ok(tcp) => tcp,
            Err(error) => {
                eprintln!("{address}: {error}");
                return None;
            }
        };
        let peer = self.peer.as_str();
        self.lines.say("tcp-connected", &json!({"domain": peer}));
        let mut machine = Initiator::new(Arc::clone(config), clock.now());
        machine.set_trace_id(self.lines.conn.unwrap_or_default());
        let lines = self.lines;
        let close = net::drive(&mut tcp, &mut machine, self, mailbox, clock, lines).await;
        net::end(tcp, &close).await;
        Some(close)
    }

    /// Nobody answers any more what was asked here.
    fn ended(&mut self, server: &Arc<Server>) {
        let unanswered = self.asked.drain(..).chain(self.questions.drain(..));
        for (request, asker) in unanswered {
            give_back(server, Letter::Verify(request, asker));
        }
    }
}

impl App<InitiatorRole> for Link {
    type Mail = Letter;

    fn event(&mut self, event: &Event<'_>, _: Instant) {
        self.lines.event(event);
        match event {
            Event::PairVerified(_) if self.state == State::Unproved => self.state = State::Proved,
            Event::KeyVerdict(verdict) => {
                let is_it = |request: &DialbackRequest| {
                    request.from() == verdict.to()
                        && request.to() == verdict.from()
                        && request.stream_id() == verdict.stream_id()
                };
                let index = self.asked.iter().position(|(request, _)| is_it(request));
                if let Some(index) = index {
                    let (request, asker) = self.asked.swap_remove(index);
                    let _ = asker.try_send(Answer::Key(request.id(), verdict.verdict()));
                }
            }
            Event::ResetAdvised(cause) => self.reset = Some(*cause),
            _ => {}
        }
    }

    fn act(&mut self, machine: &mut Initiator, _: Instant) -> Option<Instant> {
        if self.state == State::Stopping {
            machine.fail(StreamError::new(StreamCondition::SystemShutdown));
            return None;
        }
        let mut session = machine.session()?;
        while let Some((request, _)) = self.questions.front() {
            let DialbackQuestion::Authorize(key) = request.question() else {
                self.questions.pop_front();
                continue;
            };
            let (own, theirs) = (request.to(), request.from());
            match session.verify(own, theirs, request.stream_id(), key) {
                Ok(()) => self.asked.extend(self.questions.pop_front()),
                Err(SendError::Full { .. }) => break,
                Err(error) => {
                    eprintln!("not asked: {error}");
                    self.questions.pop_front();
                }
            }
        }
        while let Some(parcel) = self.stanzas.front() {
            if self.state != State::Proved {
                break;
            }
            match session.send(&parcel.xml) {
                Ok(_) => {}
                Err(SendError::Full { .. }) => break,
                Err(error) => eprintln!("not sent: {error}: {}", parcel.xml),
            }
            self.stanzas.pop_front();
        }
        None
    }

    fn take_reset(&mut self) -> Option<ResetCause> {
        self.reset.take()
    }

    fn wants_mail(&self) -> bool {
        self.stanzas.len() + self.questions.len() < MAILBOX
    }

    fn mail(&mut self, letter: Letter) {
        match letter {
            Letter::Stanza(parcel) => self.stanzas.push_back(parcel),
            Letter::Verify(request, asker) => self.questions.push_back((request, asker)),
            Letter::Stop => self.state = State::Stopping,
        }
    }
}

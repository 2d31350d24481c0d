//! Machines of every kind, driven by bytes.
//!
//! The first bytes of an input choose the machine, whether it is established first, what its application does, and how its
//! bytes come and go; the rest is what the peer says. Each input is played at once, byte by byte, and in pieces, with the same application: the same
//! events, the same text, the same close (where that is an abort, of the text a prefix). On the way, at any pace:
//!
//! * nothing panics, and the work has an end;
//! * who waits, waits for something, and says rightly whether there is something to write;
//! * no more waits for TCP, and no more is said in all, than the limits and the peer's bytes account for;
//! * nothing comes after the close.

mod subjects;

use core::ops::ControlFlow;
use core::time::Duration;
use std::borrow::Cow;

pub use subjects::{Subject, exchange};
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::event::{DialbackAnswer, DialbackQuestion, DialbackRequest, EventBuf};
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::ResetCause;
use xmpp_stream::stream::{BindCondition, DialbackCondition, StreamCondition, StreamError};
use xmpp_stream::time::Instant;
use xmpp_stream::xml::StanzaBuf;
use xmpp_stream::{
    Action, CloseReason, CloseTcp, Connection, Decision, Manner, Negotiation, Wait, sasl,
};

pub const START: Instant = Instant::from_millis(1_000);

/// How many bytes stand before what the peer says.
pub const PREFIX: usize = 18;
/// Set in the second of them: the stream is established first.
pub const ESTABLISHED: u8 = 0x80;
/// What the peer says is always taken as a whole: no machine's window is smaller.
const MOST: usize = 8 * 1024;
/// What may wait for TCP: the outbox, the reserve, and the reply that used it up.
const WAITING: usize = (64 + 16 + 16) * 1024;

/// An input, taken apart.
#[derive(Clone, Debug)]
struct Plan<'a> {
    subject: Subject,
    ending: Ending,
    /// Until the stream is established the application agrees to everything, and the peer says what it takes.
    established: bool,
    /// What the application does, by the number of the event.
    app: &'a [u8],
    /// How many bytes come and go at a time.
    paces: &'a [u8],
    says: Cow<'a, [u8]>,
}

/// What follows what the peer says.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Fin,
    Rst,
    /// Nothing, until there is nothing to wait for.
    Silence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Whole,
    Bytes,
    Pieces,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// Events, and what the application's calls were answered with.
    told: Vec<String>,
    said: Vec<u8>,
    close: CloseTcp,
}

pub fn check(bytes: &[u8]) {
    let Some(plan) = Plan::new(bytes) else {
        return;
    };
    let whole = subjects::play(&plan, Pace::Whole);
    for pace in [Pace::Bytes, Pace::Pieces] {
        let other = subjects::play(&plan, pace);
        // Bytes after `<starttls/>` are TLS's only if they come after `<proceed/>` (RFC 6120 5.4.3.3).
        if [&whole, &other]
            .map(|outcome| outcome.close.reason())
            .contains(&&CloseReason::PlaintextAfterStarttls)
        {
            assert_eq!(plan.subject, Subject::StartTlsServer);
            continue;
        }
        assert_eq!(whole.told, other.told, "{pace:?}");
        assert_eq!(whole.close, other.close, "{pace:?}");
        if plan.subject.speaks_tls() {
            // The handshake has its own randomness.
        } else if whole.close.manner() == Manner::Abort {
            let n = whole.said.len().min(other.said.len());
            assert_eq!(text(&whole.said[..n]), text(&other.said[..n]), "{pace:?}");
        } else {
            assert_eq!(text(&whole.said), text(&other.said), "{pace:?}");
        }
    }
}

fn text(said: &[u8]) -> &str {
    core::str::from_utf8(said).expect("stream text")
}

impl<'a> Plan<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (prefix, says) = bytes.split_at_checked(PREFIX)?;
        let ending = match prefix[1] % ESTABLISHED % 3 {
            0 => Ending::Fin,
            1 => Ending::Rst,
            _ => Ending::Silence,
        };
        let subject = Subject::ALL[usize::from(prefix[0]) % Subject::ALL.len()];
        let established = prefix[1] & ESTABLISHED != 0 && !subjects::login(subject).is_empty();
        let says = says.get(..MOST).unwrap_or(says);
        Some(Self {
            subject,
            ending,
            established,
            app: &prefix[2..10],
            paces: &prefix[10..18],
            says: match established {
                true => [subjects::login(subject), says].concat().into(),
                false => says.into(),
            },
        })
    }
}

/// Plays a machine to its end.
fn play<N: Negotiation>(machine: Connection<N>, plan: &Plan<'_>, pace: Pace) -> Outcome {
    let mut player = Player {
        machine,
        agrees: plan.established,
        plan,
        pace,
        now: START,
        fed: 0,
        ended: false,
        turns: 0,
        events: 0,
        held: None,
        told: Vec::new(),
        said: Vec::new(),
    };
    let close = player.run();
    player.assert_inert(&close);
    Outcome {
        told: player.told,
        said: player.said,
        close,
    }
}

/// How long a silent peer is waited for.
const SILENCE: Duration = Duration::from_secs(3600);

struct Player<'a, N: Negotiation> {
    machine: Connection<N>,
    plan: &'a Plan<'a>,
    pace: Pace,
    now: Instant,
    fed: usize,
    ended: bool,
    turns: usize,
    events: usize,
    agrees: bool,
    /// A question that is answered at the next event.
    held: Option<DialbackRequest>,
    told: Vec<String>,
    said: Vec<u8>,
}

impl<N: Negotiation> Player<'_, N> {
    fn run(&mut self) -> CloseTcp {
        loop {
            let wait = match self.work() {
                ControlFlow::Continue(wait) => wait,
                ControlFlow::Break(close) => return close,
            };
            let took = self.take();
            if self.feed() || took {
                continue;
            }
            if self.fed == self.plan.says.len() && !self.ended {
                self.ended = true;
                match self.plan.ending {
                    Ending::Fin => self.machine.receive_eof(),
                    Ending::Rst => self.machine.transport_failed(),
                    Ending::Silence => {}
                }
                continue;
            }
            match wait.deadline {
                // A silent stream is tried for ever (RFC 6120 4.6).
                Some(deadline) if deadline < START + SILENCE => self.now = deadline,
                _ => self.machine.receive_eof(),
            }
        }
    }

    /// Polls until the machine waits or closes.
    fn work(&mut self) -> ControlFlow<CloseTcp, Wait> {
        loop {
            self.turns += 1;
            assert!(self.turns < 300_000, "no end: {:?}", self.machine);
            let event = match self.machine.poll(self.now) {
                Action::Event(event) => event.to_owned(),
                Action::CloseTcp(close) => return ControlFlow::Break(close.clone()),
                Action::Wait(wait) if wait.deadline.is_some_and(|at| at <= self.now) => continue,
                Action::Wait(wait) => {
                    let waiting = self.machine.transmit().len();
                    assert!(wait.read || wait.write || wait.deadline.is_some());
                    assert_eq!(wait.write, waiting > 0);
                    assert!(waiting <= WAITING, "{waiting}");
                    return ControlFlow::Continue(wait);
                }
            };
            self.told.push(tell(&event));
            self.act(event);
            self.events += 1;
        }
    }

    /// Whether there was anything.
    fn take(&mut self) -> bool {
        let most = match self.pace {
            Pace::Whole | Pace::Bytes => usize::MAX,
            Pace::Pieces => usize::from(self.next_pace()) + 1,
        };
        let window = self.machine.transmit();
        let n = window.len().min(most);
        self.said.extend_from_slice(&window[..n]);
        self.machine.transmitted(n);
        let accounted = 32 * 1024 + 16 * self.fed;
        assert!(self.said.len() <= accounted, "{} bytes", self.said.len());
        n > 0
    }

    /// Whether any byte was taken.
    fn feed(&mut self) -> bool {
        let rest = &self.plan.says[self.fed..];
        let most = match self.pace {
            Pace::Whole => usize::MAX,
            Pace::Bytes => 1,
            Pace::Pieces => usize::from(self.next_pace()) + 1,
        };
        let offered = &rest[..rest.len().min(most)];
        let taken = self.machine.receive(offered);
        assert!(taken <= offered.len());
        self.fed += taken;
        taken > 0
    }

    fn next_pace(&mut self) -> u8 {
        self.turns += 1;
        self.plan.paces[self.turns % self.plan.paces.len()]
    }

    /// What the application does about an event.
    fn act(&mut self, event: EventBuf) {
        if matches!(event, EventBuf::Established(_)) {
            self.agrees = false;
        }
        let script = match self.agrees {
            true => 0,
            false => self.plan.app[self.events % self.plan.app.len()],
        };
        if let Some(request) = self.held.take() {
            self.answer(&request, 0);
        }
        match event {
            EventBuf::Decision => decide(&mut self.machine, self.plan.subject, script),
            EventBuf::Request(request) if script % 4 == 3 => self.held = Some(request),
            EventBuf::Request(request) => self.answer(&request, script),
            EventBuf::Stanza(stanza) | EventBuf::Element(stanza) => {
                let alone = stanza.as_stanza().standalone();
                assert!(StanzaBuf::parse(&alone).is_ok(), "{alone}");
            }
            _ => {}
        }
        // So little is sent that there is room for it at any pace.
        if self.events < 64 {
            self.volunteer(script);
        }
    }

    fn answer(&mut self, request: &DialbackRequest, script: u8) {
        let answer = match (request.question(), script % 4) {
            (DialbackQuestion::MakeKey, _) => DialbackAnswer::Key(key()),
            (_, 0) => DialbackAnswer::Valid,
            (_, 1) => DialbackAnswer::Invalid,
            _ => DialbackAnswer::Error(DialbackCondition::RemoteServerTimeout),
        };
        if let Some(mut session) = self.machine.session() {
            let said = session.answer(request.id(), answer);
            self.told.push(format!("{said:?}"));
        }
    }

    /// What the application does of its own accord.
    fn volunteer(&mut self, script: u8) {
        let action = script >> 4;
        if action == 15 {
            match script & 4 {
                0 => self
                    .machine
                    .fail(StreamError::new(StreamCondition::Conflict)),
                _ => self.machine.abort(),
            }
            return;
        }
        let Some(mut session) = self.machine.session() else {
            return;
        };
        let said = match action {
            10 => format!("{:?}", session.send(self.plan.subject.stanza())),
            11 => format!("{:?}", session.keepalive()),
            12 => {
                let (own, peer) = self.plan.subject.domains();
                format!("{:?}", session.verify(&own, &peer, "1", &key()))
            }
            13 => {
                session.close();
                return;
            }
            14 => {
                session.reset(match script & 4 {
                    0 => ResetCause::KeyRefresh,
                    _ => ResetCause::CertificateRevoked,
                });
                return;
            }
            _ => return,
        };
        self.told.push(said);
    }

    /// After the close.
    fn assert_inert(&mut self, close: &CloseTcp) {
        let machine = &mut self.machine;
        assert_eq!(machine.take_close().as_ref(), Some(close));
        for _ in 0..2 {
            assert_eq!(machine.take_close(), None);
            assert!(machine.transmit().is_empty());
            assert_eq!(machine.receive(b"<a/>"), 0);
            assert!(machine.receive_window().is_empty());
            assert!(machine.session().is_none() && machine.decision().is_none());
            let Action::CloseTcp(again) = machine.poll(self.now) else {
                panic!("something after CloseTcp");
            };
            assert_eq!(again, close);
            machine.receive_eof();
            machine.fail(StreamError::new(StreamCondition::Conflict));
            machine.transport_failed();
            machine.abort();
        }
    }
}

/// Answers a decision, or leaves it open.
fn decide<N: Negotiation>(machine: &mut Connection<N>, subject: Subject, script: u8) {
    let choice = script % 4;
    let Some(decision) = machine.decision() else {
        return;
    };
    let no = sasl::SaslCondition::NotAuthorized;
    match decision {
        _ if choice == 3 => {}
        Decision::Host(host) if choice == 2 => {
            host.refuse(StreamError::new(StreamCondition::HostGone))
        }
        Decision::Host(host) => host.serve(subjects::host(subject)),
        Decision::Password(password) => match choice {
            0 => password.accept("alice".into()),
            1 => password.reject(no),
            _ => password.unknown_user("bob".into()),
        },
        Decision::Scram(scram) => match choice {
            0 => {
                let keys = subjects::keys(scram.hash());
                scram.keys("alice".into(), keys);
            }
            1 => scram.unknown_user("alice".into()),
            _ => scram.answer(sasl::CredentialAnswer::Reject(no)),
        },
        Decision::External(external) if choice == 0 => external.accept("alice".into()),
        Decision::External(external) => external.reject(no),
        Decision::Anonymous(anonymous) if choice == 0 => anonymous.accept("guest".into()),
        Decision::Anonymous(anonymous) => anonymous.reject(no),
        Decision::Bind(bind) if choice == 2 => bind.refuse(BindCondition::Conflict),
        Decision::Bind(bind) => {
            let resource = bind.resource().unwrap_or(bind.generated());
            if let Ok(jid) = Jid::from_parts(Some("alice"), "localhost", Some(resource)) {
                bind.accept(jid).expect("a full address");
            } else {
                bind.refuse(BindCondition::BadRequest);
            }
        }
        other => panic!("{other:?}"),
    }
}

fn key() -> DialbackKey {
    DialbackKey::new("key").expect("short")
}

fn tell(event: &EventBuf) -> String {
    match event {
        EventBuf::Stanza(stanza) => format!("stanza {}", stanza.as_stanza().as_str()),
        EventBuf::Element(element) => format!("element {}", element.as_stanza().as_str()),
        EventBuf::TlsEstablished(_) => "tls".into(),
        other => format!("{other:?}"),
    }
}

//! The other side of a connection: honest, until its script says otherwise.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use rustls::Error;

use super::attack::{Attack, record_len};
use crate::action::Action;
use crate::close::{CloseTcp, Manner};
use crate::connection::{Connection, Negotiation};
use crate::event::EventBuf;
use crate::time::Instant;
use crate::tls::RecordKeys;

/// More polls than any real work needs before a machine waits.
const MOST_POLLS: usize = 20_000;

/// When a peer does what its script says. Each is met once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// Before its machine writes anything.
    AtOnce,
    /// TLS is established on its side. The other side may not know yet.
    TlsEstablished,
    /// SASL is complete on its side.
    Authenticated,
    /// The stream is established on its side.
    Established,
    /// Its so-many-th stanza has arrived, counted from 1.
    Stanza(usize),
}

/// What a peer has done to TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// Nothing.
    Open,
    /// It writes no more (FIN), and reads on until the other side's end.
    ShutDown,
    /// It has closed its socket: what comes is answered with RST.
    Closed,
    /// It has reset the connection (RST).
    Reset,
}

/// What a peer calls for each event, before its machine is polled again.
pub type PeerApplication<N> = Box<dyn FnMut(&mut Connection<N>, &EventBuf) + Send>;

/// A peer without a socket, in either role: one of this crate's machines with an application, which
/// completes any login that its config allows, and a script of [`Attack`]s.
///
/// At the first attack of its script the machine is taken apart. Until then everything is genuine;
/// from then on the peer has the keys of the TLS session and writes what the script says, and nothing
/// else. What it reads, it keeps as [records](Self::records).
///
/// The caller carries the bytes: [`receive`](Self::receive), [`run`](Self::run),
/// [`take_output`](Self::take_output).
pub struct Peer<N: Negotiation> {
    state: State<N>,
    application: PeerApplication<N>,
    script: VecDeque<(Moment, Vec<Attack>)>,
    /// Bytes for TCP.
    output: Vec<u8>,
    /// Received, and no whole record yet.
    input: Vec<u8>,
    /// What was read after the machine was taken apart.
    records: Vec<(u8, Vec<u8>)>,
    stanzas: usize,
    tcp: TcpState,
    close: Option<CloseTcp>,
    deadline: Option<Instant>,
    reads: bool,
    failure: Option<Error>,
}

enum State<N: Negotiation> {
    Honest(Box<Connection<N>>),
    /// With the keys, if there was TLS.
    Hostile(Option<Box<RecordKeys>>),
}

impl<N: Negotiation> Peer<N> {
    /// Takes a machine that has not been polled, and what answers its events and decisions. Without a
    /// script the peer is honest to the end.
    pub fn new(
        machine: Connection<N>,
        application: impl FnMut(&mut Connection<N>, &EventBuf) + Send + 'static,
    ) -> Self {
        Self {
            state: State::Honest(Box::new(machine)),
            application: Box::new(application),
            script: VecDeque::new(),
            output: Vec::new(),
            input: Vec::new(),
            records: Vec::new(),
            stanzas: 0,
            tcp: TcpState::Open,
            close: None,
            deadline: None,
            reads: true,
            failure: None,
        }
    }

    /// Adds attacks, which go out in one piece, at this moment or after those that were added before.
    #[must_use]
    pub fn at(mut self, moment: Moment, attacks: impl IntoIterator<Item = Attack>) -> Self {
        self.script
            .push_back((moment, attacks.into_iter().collect()));
        self
    }

    /// Takes bytes from TCP, and returns how many: none while the peer does not read.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        if !self.reads || matches!(self.tcp, TcpState::Closed | TcpState::Reset) {
            return 0;
        }
        match &mut self.state {
            State::Honest(machine) if self.close.is_none() => machine.receive(bytes),
            // A machine that has closed discards until the other side's end.
            State::Honest(_) => bytes.len(),
            State::Hostile(_) => {
                self.input.extend_from_slice(bytes);
                self.read_records();
                bytes.len()
            }
        }
    }

    /// Takes TCP's orderly end (FIN).
    pub fn receive_eof(&mut self) {
        match &mut self.state {
            State::Honest(machine) => machine.receive_eof(),
            State::Hostile(_) => {}
        }
        if self.tcp == TcpState::ShutDown {
            self.tcp = TcpState::Closed;
        }
    }

    /// Takes TCP's failure.
    pub fn transport_failed(&mut self) {
        if let State::Honest(machine) = &mut self.state {
            machine.transport_failed();
        }
    }

    /// Lets the machine work until it waits, and the script act. Returns whether anything happened
    /// that the caller has to look at: an event, or a change of what [`tcp`](Self::tcp) says.
    pub fn run(&mut self, now: Instant) -> bool {
        let mut happened = self.act(Moment::AtOnce);
        for _ in 0..MOST_POLLS {
            let State::Honest(machine) = &mut self.state else {
                break;
            };
            let action = match machine.poll(now) {
                Action::Event(event) => Ok(event.to_owned()),
                Action::Wait(wait) => Err(Some(wait)),
                Action::CloseTcp(close) => {
                    if self.close.is_none() {
                        self.close = Some(close.clone());
                        self.tcp = match close.manner() {
                            Manner::Graceful => TcpState::ShutDown,
                            Manner::Abort => TcpState::Closed,
                        };
                        happened = true;
                    }
                    self.deadline = None;
                    Err(None)
                }
            };
            // What TCP has to take is taken here at once; the link is the caller's.
            let taken = machine.transmit().len();
            self.output.extend_from_slice(machine.transmit());
            machine.transmitted(taken);
            match action {
                Ok(event) => {
                    (self.application)(machine, &event);
                    self.follow(&event);
                    happened = true;
                }
                Err(_) if taken > 0 => {}
                Err(Some(wait)) if wait.deadline.is_some_and(|at| at <= now) => {}
                Err(wait) => {
                    self.deadline = wait.and_then(|wait| wait.deadline);
                    break;
                }
            }
        }
        happened
    }

    /// Returns the bytes for TCP, all of them.
    pub fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Returns the machine, while the peer is honest.
    pub fn machine(&mut self) -> Option<&mut Connection<N>> {
        match &mut self.state {
            State::Honest(machine) => Some(machine),
            State::Hostile(_) => None,
        }
    }

    /// Returns what the machine waits for at the latest.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns how its machine has ended, if it was honest until then.
    #[must_use]
    pub const fn close(&self) -> Option<&CloseTcp> {
        self.close.as_ref()
    }

    /// Returns what the peer has done to TCP.
    #[must_use]
    pub const fn tcp(&self) -> TcpState {
        self.tcp
    }

    /// Returns whether the peer reads.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        self.reads
    }

    /// Returns whether every attack of the script has happened.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.script.is_empty()
    }

    /// Returns what the peer has read since its machine was taken apart: content types and contents of
    /// TLS records. Without TLS, one piece of stream text after the other, as application data.
    #[must_use]
    pub fn records(&self) -> &[(u8, Vec<u8>)] {
        &self.records
    }

    /// Returns what made the script impossible: an attack that needs TLS came before TLS, or the
    /// provider does not give its keys out. The peer falls silent then.
    #[must_use]
    pub const fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Acts at once, whatever the script says is next.
    ///
    /// # Errors
    /// The attack is not possible here; see [`failure`](Self::failure).
    pub fn attack(&mut self, attack: &Attack) -> Result<(), Error> {
        self.turn()?;
        if !matches!(self.tcp, TcpState::Open) {
            return Ok(());
        }
        match attack {
            Attack::Fin => self.tcp = TcpState::ShutDown,
            Attack::Rst => self.tcp = TcpState::Reset,
            Attack::Stop => self.reads = false,
            _ => {}
        }
        if let State::Hostile(keys) = &mut self.state {
            let bytes = attack.bytes(keys.as_deref_mut())?;
            self.output.extend(bytes);
        }
        Ok(())
    }

    /// Ends the honest part: takes the machine apart, once what it has to say is said.
    fn turn(&mut self) -> Result<(), Error> {
        let State::Honest(machine) = &mut self.state else {
            return Ok(());
        };
        self.output.extend_from_slice(machine.transmit());
        let taken = machine.transmit().len();
        machine.transmitted(taken);
        let is_encrypted = machine.tls().is_some();
        self.deadline = None;
        let State::Honest(machine) = core::mem::replace(&mut self.state, State::Hostile(None))
        else {
            return Ok(());
        };
        if is_encrypted {
            let keys = machine.into_record_keys();
            let keys = keys.ok_or_else(|| Error::General("the keys are not given out".into()))?;
            self.state = State::Hostile(Some(Box::new(keys)));
        }
        Ok(())
    }

    /// Looks at an event for the script.
    fn follow(&mut self, event: &EventBuf) {
        let moment = match event {
            EventBuf::TlsEstablished(_) => Moment::TlsEstablished,
            EventBuf::Authenticated { .. } => Moment::Authenticated,
            EventBuf::Established(_) => Moment::Established,
            EventBuf::Stanza(_) => {
                self.stanzas += 1;
                Moment::Stanza(self.stanzas)
            }
            _ => return,
        };
        self.act(moment);
    }

    /// Does what the script says for this moment. Returns whether it said anything.
    fn act(&mut self, moment: Moment) -> bool {
        let mut acted = false;
        while self.script.front().is_some_and(|(at, _)| *at == moment) {
            acted = true;
            for attack in self
                .script
                .pop_front()
                .into_iter()
                .flat_map(|(_, attacks)| attacks)
            {
                if let Err(error) = self.attack(&attack) {
                    self.failure.get_or_insert(error);
                }
            }
        }
        acted
    }

    fn read_records(&mut self) {
        let State::Hostile(keys) = &mut self.state else {
            return;
        };
        let Some(keys) = keys else {
            let text = core::mem::take(&mut self.input);
            if !text.is_empty() {
                self.records.push((super::attack::content_type::DATA, text));
            }
            return;
        };
        while let Some(len) = record_len(&self.input) {
            let record: Vec<u8> = self.input.drain(..len).collect();
            match keys.open(&record) {
                Ok(opened) => self.records.push(opened),
                Err(error) => {
                    self.failure.get_or_insert(error);
                }
            }
        }
    }
}

/// Shows no texts.
impl<N: Negotiation> fmt::Debug for Peer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("is_honest", &matches!(self.state, State::Honest(_)))
            .field("script", &self.script)
            .field("tcp", &self.tcp)
            .field("close", &self.close)
            .finish_non_exhaustive()
    }
}

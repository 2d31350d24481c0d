//! A client without an operating system: it logs in over STARTTLS, pings, has its stream reset,
//! connects again, pings and closes. The driver is [`drive`].
//!
//! The board has two serial lines. One carries the bytes of the stream. The other one commands a
//! modem, which makes and ends the TCP connections; a line of text each:
//!
//! | to the modem | what it does |
//! |---|---|
//! | `connect` | connects; answers `up` or `down` |
//! | `finish N` | sends the rest of N bytes, then FIN |
//! | `abort` | drops the connection |
//!
//! It says `eof N` when the peer has sent N bytes and FIN, or has dropped the connection.
#![no_std]

extern crate alloc;

pub mod heap;
mod modem;
pub mod stack;
mod talk;

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use modem::Modem;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use talk::Talk;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::{Outcome, Plan, Planner, PlannerConfig};
use xmpp_stream::sasl::{Password, Username};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{Action, CloseReason, CloseTcp, Initiator, Manner, Wait};

/// The certificate authority the server's certificate is checked against, DER.
const AUTHORITY: &[u8] = include_bytes!(env!("BARE_METAL_CA"));

/// What a board has.
pub trait Board {
    /// Milliseconds since any moment; they never go back.
    fn millis(&self) -> u64;
    /// The next byte of the stream, if one has come.
    fn receive(&mut self) -> Option<u8>;
    /// Takes a byte of the stream, if there is room.
    fn transmit(&mut self, byte: u8) -> bool;
    /// The next byte from the modem, if one has come.
    fn modem_receive(&mut self) -> Option<u8>;
    /// Takes a byte for the modem, if there is room.
    fn modem_transmit(&mut self, byte: u8) -> bool;
    /// Writes a line.
    fn log(&mut self, text: fmt::Arguments<'_>);
}

/// What an image has used at most, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Of its heap.
    pub heap: usize,
    /// Of its stack.
    pub stack: usize,
}

/// The whole conversation; the image's exit code.
pub fn run(board: &mut impl Board, date: fn() -> u64, figures: impl Fn() -> Figures) -> u32 {
    let Some(config) = config(date) else {
        board.log(format_args!("the configuration is not accepted"));
        return 2;
    };
    let code = converse(board, config);
    let Figures { heap, stack } = figures();
    board.log(format_args!("peak heap {heap}"));
    board.log(format_args!("peak stack {stack}"));
    code
}

/// Two connections, with a reset between them.
fn converse(board: &mut impl Board, mut config: Arc<InitiatorConfig>) -> u32 {
    let random = rustls_rustcrypto::provider().secure_random;
    let mut planner = Planner::new(PlannerConfig::new(), random);
    for mut talk in [Talk::until_reset(), Talk::until_closed()] {
        let mut modem = Modem::new(board);
        if !modem.connect() {
            board.log(format_args!("no connection"));
            return 3;
        }
        let mut machine = Initiator::new(config.clone(), modem.now());
        let close = drive(&mut modem, &mut machine, &mut talk);
        end(&mut modem, &close);
        board.log(format_args!("closed: {:?}", close.reason()));
        match close.reason() {
            CloseReason::Reset { .. } if talk.ends_with_reset() => {}
            CloseReason::Closed { .. } if talk.has_closed() => return 0,
            _ => return 4,
        }
        let now = Instant::from_millis(board.millis());
        let Plan::Connect(plan) = planner.next(now, Outcome::from(&close)) else {
            return 5;
        };
        while Instant::from_millis(board.millis()) < now + plan.delay {}
        config = config.for_reconnect(&plan);
    }
    6
}

/// Drives the machine to its end.
fn drive(modem: &mut Modem<'_, impl Board>, machine: &mut Initiator, talk: &mut Talk) -> CloseTcp {
    loop {
        talk.act(machine, modem.now());
        match machine.poll(modem.now()) {
            Action::Event(event) => modem.log(talk.event(&event)),
            Action::Wait(wait) => turn(modem, machine, wait),
            Action::CloseTcp(close) => return close.clone(),
        }
    }
}

/// Moves bytes, or lets a moment pass.
fn turn(modem: &mut Modem<'_, impl Board>, machine: &mut Initiator, wait: Wait) {
    let begin = modem.now();
    let timeout = wait.timeout(begin).unwrap_or(TURN).min(TURN);
    loop {
        if wait.write {
            let taken = modem.write(machine.transmit());
            machine.transmitted(taken);
            if taken > 0 {
                return;
            }
        }
        if wait.read {
            match modem.read(machine.receive_window()) {
                Some(0) => {}
                Some(n) => return machine.received(n),
                None => return machine.receive_eof(),
            }
        }
        if modem.now().saturating_duration_since(begin) >= timeout {
            return;
        }
    }
}

/// The longest wait for the lines, so that the application has its turn.
const TURN: Duration = Duration::from_millis(50);

/// Ends TCP as the machine says.
fn end(modem: &mut Modem<'_, impl Board>, close: &CloseTcp) {
    match close.manner() {
        Manner::Abort => modem.abort(),
        Manner::Graceful => {
            modem.finish();
            // The peer's FIN comes after what is still under way.
            let until = modem.now() + close.linger();
            while modem.now() < until && modem.read(&mut [0; 64]).is_some() {}
            modem.abort();
        }
    }
}

/// What the stream is made from; `None` if a part is not accepted.
fn config(date: fn() -> u64) -> Option<Arc<InitiatorConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(AUTHORITY)).ok()?;
    let provider = Arc::new(rustls_rustcrypto::provider());
    let tls = ClientConfig::builder_with_details(provider, Arc::new(Date(date)))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    InitiatorConfig::client(&Jid::parse("alice@localhost").ok()?)
        .starttls(ClientTls::new(Arc::new(tls)))
        .password(
            Username::ascii("alice").ok()?,
            Password::ascii("secret").ok()?,
        )
        .build()
        .ok()
}

/// The date that certificates are checked at, as the board has it.
#[derive(Debug)]
struct Date(fn() -> u64);

impl TimeProvider for Date {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs((self.0)())))
    }
}

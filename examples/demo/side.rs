//! One machine, driven by hand, and a trace of what it does.

use xmpp_stream::time::Instant;
use xmpp_stream::{Action, CloseTcp, Connection, Event, Negotiation, Wait};

use crate::hostile_tls::record_len;
use crate::setup::Setup;
use crate::{Failure, or_fail};

pub struct Side<'a, N: Negotiation> {
    name: &'static str,
    setup: &'a Setup,
    pub machine: Connection<N>,
    /// The stanzas that were delivered.
    pub stanzas: Vec<String>,
    /// Whether the stream is established.
    pub established: bool,
    pub close: Option<CloseTcp>,
    asleep: Option<Wait>,
}

impl<'a, N: Negotiation> Side<'a, N> {
    pub fn new(name: &'static str, setup: &'a Setup, machine: Connection<N>) -> Self {
        Self {
            name,
            setup,
            machine,
            stanzas: Vec::new(),
            established: false,
            close: None,
            asleep: None,
        }
    }

    /// The driver's loop, except that it does not sleep: polls until there is
    /// nothing to do but to wait, or to close.
    pub fn settle(&mut self, now: Instant) {
        loop {
            match self.machine.poll(now) {
                Action::Event(event) => {
                    trace(self.name, &format!("Event  {}", describe(&event)));
                    match event {
                        Event::Stanza(stanza) => self.stanzas.push(stanza.as_str().to_owned()),
                        Event::Established(_) => self.established = true,
                        _ => {}
                    }
                }
                Action::Wait(wait) if wait.deadline.is_some_and(|at| at <= now) => {}
                Action::Wait(wait) => {
                    if self.asleep.replace(wait) != Some(wait) {
                        trace(self.name, &format!("Wait   {}", describe_wait(wait, now)));
                    }
                    return;
                }
                Action::CloseTcp(close) => {
                    if self.close.is_none() {
                        let (manner, reason) = (close.manner().as_str(), close.reason());
                        let code = reason.code();
                        trace(self.name, &format!("CloseTcp  {manner}: {code} ({reason})"));
                        self.close = Some(close.clone());
                    }
                    return;
                }
            }
            if let Some(decision) = self.machine.decision() {
                self.setup.decide(decision);
            }
        }
    }

    /// Sends a stanza.
    pub fn send(&mut self, stanza: &str) -> Result<(), Failure> {
        let mut session = self
            .machine
            .session()
            .ok_or_else(|| Failure(format!("{} has no session", self.name)))?;
        session.send(stanza).map_err(or_fail)?;
        trace(self.name, &format!("sends  {stanza}"));
        Ok(())
    }

    /// What TCP would take.
    pub fn take(&mut self) -> Vec<u8> {
        let bytes = self.machine.transmit().to_vec();
        self.machine.transmitted(bytes.len());
        if !bytes.is_empty() {
            trace(self.name, &format!("=====> {}", on_the_wire(&bytes)));
        }
        bytes
    }

    /// What TCP brings: offered again until it is taken, or nobody listens any
    /// more.
    pub fn give(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() {
            let taken = self.machine.receive(bytes);
            bytes = &bytes[taken..];
            self.settle(now);
            if taken == 0 && self.close.is_some() {
                return;
            }
        }
    }
}

/// A line of the trace.
pub fn trace(who: &str, what: &str) {
    println!("  {who:<9} {what}");
}

fn describe(event: &Event<'_>) -> String {
    match event {
        Event::StreamOpened(opened) => {
            let from = opened.from().map_or("nobody yet", |jid| jid.as_str());
            format!("StreamOpened  from {from}")
        }
        Event::Decision(_) => "Decision".to_owned(),
        Event::Features(features) => format!("Features  {}", features.element().as_str()),
        Event::TlsEstablished(info) => format!(
            "TlsEstablished  {}, {}, {} handshake",
            info.version(),
            info.cipher_suite(),
            info.handshake()
        ),
        Event::Authenticated(done) => {
            format!("Authenticated  {} by {}", done.identity(), done.mechanism())
        }
        Event::Established(established) => {
            let jid = established.jid().map_or("", |jid| jid.as_str());
            format!("Established  {jid}")
        }
        Event::Stanza(stanza) => format!("Stanza  {}", stanza.as_str()),
        Event::StreamError(error) => format!("StreamError  {error}"),
        other => format!("{other:?}"),
    }
}

fn describe_wait(wait: Wait, now: Instant) -> String {
    let mut parts = Vec::new();
    if wait.read {
        parts.push("to read".to_owned());
    }
    if wait.write {
        parts.push("to write".to_owned());
    }
    if let Some(timeout) = wait.timeout(now) {
        parts.push(format!("at most {timeout:?}"));
    }
    parts.join(", ")
}

/// Text as text, TLS by its record types.
pub fn on_the_wire(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if text.starts_with('<') {
            return text.to_owned();
        }
    }
    let mut types = Vec::new();
    let mut rest = bytes;
    while let Some(len) = record_len(rest) {
        types.push(match rest[0] {
            20 => "ChangeCipherSpec",
            21 => "alert",
            22 => "handshake",
            23 => "data",
            _ => "unknown",
        });
        rest = &rest[len..];
    }
    format!("TLS {types:?}, {} bytes", bytes.len())
}

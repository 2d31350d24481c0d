//! One machine, driven by hand, and a trace of what it does.

use xmpp_stream::time::Instant;
use xmpp_stream::{Action, CloseTcp, Connection, Event, Negotiation, Wait};

use crate::hostile_tls::record_len;
use crate::setup::Setup;
use crate::show::Colour;
use crate::{Failure, or_fail};

/// What of a machine is shown without `--verbose`, beside its end and what the
/// program does itself.
#[derive(Clone, Copy)]
pub struct Detail {
    pub login: bool,
    pub stanzas: bool,
    pub wire: bool,
}

pub struct Side<'a, N: Negotiation> {
    pub name: &'static str,
    pub setup: &'a Setup,
    detail: Detail,
    pub machine: Connection<N>,
    /// The stanzas that were delivered.
    pub stanzas: Vec<String>,
    /// Whether the stream is established.
    pub established: bool,
    /// The identifier of the last stream that was opened.
    pub stream_id: Option<String>,
    pub close: Option<CloseTcp>,
    asleep: Option<Wait>,
}

impl<'a, N: Negotiation> Side<'a, N> {
    pub fn new(
        name: &'static str,
        setup: &'a Setup,
        detail: Detail,
        machine: Connection<N>,
    ) -> Self {
        Self {
            name,
            setup,
            detail,
            machine,
            stanzas: Vec::new(),
            established: false,
            stream_id: None,
            close: None,
            asleep: None,
        }
    }

    /// The driver's loop, except that it does not sleep: polls until there is
    /// nothing to do but to wait, or to close.
    pub fn settle(&mut self, now: Instant) {
        let (name, show) = (self.name, self.setup.show);
        loop {
            match self.machine.poll(now) {
                Action::Event(event) => {
                    if show.verbose || self.detail.shows(&event) {
                        show.trace(name, Colour::None, &format!("Event  {}", describe(&event)));
                    }
                    match event {
                        Event::StreamOpened(opened) => {
                            self.stream_id = opened.id().map(str::to_owned);
                        }
                        Event::Stanza(stanza) => self.stanzas.push(stanza.as_str().to_owned()),
                        Event::Established(_) => self.established = true,
                        _ => {}
                    }
                }
                Action::Wait(wait) if wait.deadline.is_some_and(|at| at <= now) => {}
                Action::Wait(wait) => {
                    if self.asleep.replace(wait) != Some(wait) && show.verbose {
                        let wait = describe_wait(wait, now);
                        show.trace(name, Colour::None, &format!("Wait   {wait}"));
                    }
                    return;
                }
                Action::CloseTcp(close) => {
                    if self.close.is_none() {
                        let (manner, reason) = (close.manner().as_str(), close.reason());
                        let code = reason.code();
                        let text = format!("CloseTcp  {manner}: {code} ({reason})");
                        show.trace(name, Colour::Bold, &text);
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
        if self.setup.show.verbose || self.detail.wire {
            self.trace(&format!("sends  {stanza}"));
        }
        Ok(())
    }

    /// What TCP would take.
    pub fn take(&mut self) -> Vec<u8> {
        let show = self.setup.show;
        let bytes = self.machine.transmit().to_vec();
        self.machine.transmitted(bytes.len());
        if !bytes.is_empty() && (show.verbose || self.detail.wire) {
            let text = format!("-----> {}", on_the_wire(&bytes, show.verbose));
            show.trace(self.name, Colour::Blue, &text);
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

    pub fn trace(&self, what: &str) {
        self.setup.show.trace(self.name, Colour::None, what);
    }
}

impl Detail {
    fn shows(self, event: &Event<'_>) -> bool {
        match event {
            Event::StreamError(_) => true,
            Event::Stanza(_) => self.stanzas,
            Event::TlsEstablished(_) | Event::Established(_) => self.login,
            Event::Features(_) | Event::Authenticated(_) => self.login && self.wire,
            _ => false,
        }
    }
}

fn describe(event: &Event<'_>) -> String {
    match event {
        Event::StreamOpened(opened) => {
            let from = opened.from().map_or("nobody yet", |jid| jid.as_str());
            format!("StreamOpened  from {from}")
        }
        Event::Decision(_) => "Decision".to_owned(),
        Event::Features(features) => {
            let children = features.element().children();
            let names: Vec<_> = children.map(|child| child.name()).collect();
            format!("Features  {}", names.join(", "))
        }
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
fn on_the_wire(bytes: &[u8], verbose: bool) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if text.starts_with('<') {
            return if verbose {
                text.to_owned()
            } else {
                without_namespaces(text)
            };
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
    format!("TLS, {} bytes: {}", bytes.len(), types.join(", "))
}

/// The text without what makes it long.
fn without_namespaces(text: &str) -> String {
    let text = text.replace("<?xml version='1.0'?>", "");
    let mut parts = text.split(" xmlns");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The namespace stands between the first two quotes.
        short.push_str(part.splitn(3, '\'').nth(2).unwrap_or_default());
    }
    short
}

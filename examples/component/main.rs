//! An external component (XEP-0114) that sends messages back.
//!
//! ```text
//! component --domain echo.localhost --secret S --connect 127.0.0.1:5347 [--stay SECONDS] [--trace]
//! ```
//!
//! The secret goes over TCP as it is hashed with the stream id, and nothing
//! protects the stream: the server is on this machine, or on a network that is
//! as good. One JSON object per line on stdout, exit codes as the `client`'s.
//! Without `--stay` it stays until the server ends the stream, or stdin closes.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

#[path = "../shared/net.rs"]
mod net;
#[path = "../shared/mod.rs"]
mod shared;

use std::collections::VecDeque;
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use net::App;
use serde_json::json;
use shared::lines::{Lines, exit_code};
use shared::options::{Options, Usage, bad};
use shared::tls;
use shared::trace::Printer;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use xmpp_stream::component::ComponentSecret;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::stream::StanzaAddresses;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::xml::Stanza;
use xmpp_stream::xml::write::escape_attr;
use xmpp_stream::{CloseReason, CloseTcp, Event, Initiator, SendError};

const VALUED: [&str; 4] = ["domain", "secret", "connect", "stay"];

/// The exit codes where not even TCP came about, and of a wrong secret.
const NO_TCP: u8 = 6;
const REFUSED: u8 = 2;

/// How many answers may wait for a server that does not read.
const BACKLOG: usize = 256;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => ExitCode::from(code),
        Err(usage) => usage.exit(),
    }
}

async fn run() -> Result<u8, Usage> {
    let options = Options::read(&VALUED, &["trace"])?;
    let domain = Jid::parse(options.need("domain")?).map_err(bad("domain"))?;
    let secret = ComponentSecret::new(options.need("secret")?.as_bytes());
    let mut builder = InitiatorConfig::component(&domain)
        .dangerous_plaintext(tls::random())
        .secret(secret);
    if let Some(trace) = Printer::from_options(&options) {
        builder = builder.trace(trace);
    }
    let config = builder.build().map_err(bad("domain"))?;
    let lines = Lines {
        conn: None,
        trace: options.has("trace"),
    };
    let address = options.need("connect")?;
    let stay = options.parsed("stay")?.map(Duration::from_secs);
    let tcp = match net::prompt(TcpStream::connect(address).await) {
        Ok(tcp) => tcp,
        Err(error) => {
            eprintln!("{address}: {error}");
            return Ok(NO_TCP);
        }
    };
    lines.say("tcp-connected", &json!({}));
    let mut echo = Echo {
        domain,
        stay,
        state: State::Negotiating,
        outgoing: VecDeque::new(),
        lines,
    };
    let close = echo.connection(tcp, config).await;
    Ok(match (close.reason(), echo.state) {
        (CloseReason::StreamError { .. }, State::Negotiating) => REFUSED,
        (reason, _) => exit_code(reason),
    })
}

/// Sends messages back.
struct Echo {
    domain: Jid,
    /// How long; `None`: until told otherwise.
    stay: Option<Duration>,
    state: State,
    outgoing: VecDeque<String>,
    lines: Lines,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Negotiating,
    /// Until then, if there is an end.
    Serving(Option<Instant>),
    Leaving,
}

/// Stdin was closed.
struct Enough;

impl Echo {
    async fn connection(&mut self, mut tcp: TcpStream, config: Arc<InitiatorConfig>) -> CloseTcp {
        let clock = StdClock::new();
        let mut machine = Initiator::new(config, clock.now());
        let (sender, mut mailbox) = mpsc::channel(1);
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = sender.blocking_send(Enough);
        });
        let lines = self.lines;
        let close = net::drive(&mut tcp, &mut machine, self, &mut mailbox, clock, lines).await;
        net::end(tcp, &close).await;
        close
    }
}

impl App<InitiatorRole> for Echo {
    type Mail = Enough;

    fn event(&mut self, event: &Event<'_>, now: Instant) {
        match event {
            // A component binds nothing; its address is its domain.
            Event::Established(_) => {
                self.state = State::Serving(self.stay.map(|stay| now + stay));
                self.lines
                    .say("bound", &json!({"jid": self.domain.as_str()}));
            }
            Event::Stanza(stanza) => {
                self.lines.event(event);
                if self.outgoing.len() < BACKLOG {
                    self.outgoing.extend(answer(stanza, &self.domain));
                }
            }
            other => self.lines.event(other),
        }
    }

    fn act(&mut self, machine: &mut Initiator, now: Instant) -> Option<Instant> {
        let mut session = machine.session()?;
        while let Some(stanza) = self.outgoing.front() {
            match session.send(stanza) {
                Ok(_) => {}
                Err(SendError::Full { .. }) => break,
                Err(error) => eprintln!("not sent: {error}: {stanza}"),
            }
            self.outgoing.pop_front();
        }
        match self.state {
            State::Serving(Some(end)) if end <= now => self.state = State::Leaving,
            State::Serving(end) => return end,
            State::Negotiating | State::Leaving => {}
        }
        if self.state == State::Leaving {
            session.close();
        }
        None
    }

    fn wants_mail(&self) -> bool {
        matches!(self.state, State::Serving(_))
    }

    fn mail(&mut self, _: Enough) {
        // With `--stay` the clock decides.
        if self.stay.is_none() {
            self.state = State::Leaving;
        }
    }
}

/// What a stanza is answered with. Its addresses can be anything, because all users of the server
/// share this stream: what cannot be answered is dropped, and the next stanza is read.
fn answer(stanza: &Stanza<'_>, domain: &Jid) -> Option<String> {
    let addresses = StanzaAddresses::read(stanza);
    let sender = addresses.from.reply_to()?;
    let kind = stanza.attr("type");
    match (stanza.name(), kind.as_deref(), addresses.to.reply_to()) {
        // Errors and results are not answered (RFC 6120 8.2.3, 8.3.1).
        (_, Some("error"), _) | ("iq", Some("result"), _) => None,
        ("message" | "iq", _, None) => error(stanza, domain.as_str(), sender, JID_MALFORMED),
        ("message", _, Some(recipient)) => {
            let mut out = String::new();
            let echo = stanza.rewrite().from(Some(recipient)).to(Some(sender));
            echo.write(&mut out).ok()?;
            Some(out)
        }
        ("iq", Some("get" | "set"), Some(recipient)) => {
            error(stanza, recipient, sender, SERVICE_UNAVAILABLE)
        }
        ("iq", _, Some(recipient)) => error(stanza, recipient, sender, BAD_REQUEST),
        _ => None,
    }
}

const SERVICE_UNAVAILABLE: &str = "<error type='cancel'><service-unavailable \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const BAD_REQUEST: &str = "<error type='modify'><bad-request \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const JID_MALFORMED: &str = "<error type='modify'><jid-malformed \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

/// A stanza error; the id stays (RFC 6120 8.1.3).
fn error(stanza: &Stanza<'_>, from: &str, to: &str, content: &str) -> Option<String> {
    let name = stanza.name();
    let (from, to) = (escape_attr(from).ok()?, escape_attr(to).ok()?);
    let mut out = format!("<{name} type='error' from='{from}' to='{to}'");
    if let Some(id) = stanza.attr("id") {
        write!(out, " id='{}'", escape_attr(&id).ok()?).ok()?;
    }
    write!(out, ">{content}</{name}>").ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use xmpp_stream::xml::StanzaBuf;

    use super::*;

    #[test]
    fn an_iq_of_none_of_the_four_types_is_a_bad_request() {
        let domain = Jid::parse("echo.localhost").unwrap();
        let answered = |kind: &str| {
            let xml = format!(
                "<iq xmlns='jabber:component:accept' from='a@localhost' to='x@echo.localhost' \
                 id='1' {kind}/>"
            );
            answer(&StanzaBuf::parse(&xml).unwrap().as_stanza(), &domain)
        };
        let start = "<iq type='error' from='x@echo.localhost' to='a@localhost' id='1'><error";
        for kind in ["type='nonsense'", "type='GET'", "type=''", ""] {
            let answer = answered(kind).expect(kind);
            assert!(answer.starts_with(start), "{answer}");
            assert!(answer.contains("<bad-request "), "{answer}");
        }
        for kind in ["type='get'", "type='set'"] {
            let answer = answered(kind).expect(kind);
            assert!(answer.contains("<service-unavailable "), "{answer}");
        }
        for kind in ["type='result'", "type='error'"] {
            assert_eq!(answered(kind), None, "{kind}");
        }
    }
}

//! A client on a blocking socket, driven by hand: one thread, no runtime.
//!
//! Logs in, pings the server, closes, and prints a line of JSON for each:
//! `blocking --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
//!
//! The loop is `by_hand.rs`, which the front page of the documentation shows, too.
//! `xmpp_stream::driver::blocking` is a ready one; `mio.rs` sleeps in one place.
//!
//! To copy the program, take this file as `main.rs`, `by_hand.rs` beside it, and
//!
//! ```toml
//! [dependencies]
//! rustls = { version = "0.23.46", default-features = false, features = ["ring", "std", "tls12"] }
//! xmpp-stream = "0.1"
//! ```

#[allow(unreachable_pub, reason = "it is a file to copy")]
mod by_hand;

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use by_hand::Application;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use xmpp_stream::Initiator;
use xmpp_stream::prelude::*;
use xmpp_stream::time::StdClock;

fn main() -> Result<(), Failure> {
    let close = run(&option("--connect")?, config()?)?;
    let (reason, manner) = (close.reason(), close.manner().as_str());
    let (code, detail) = (reason.code(), json(&reason.to_string()));
    println!(r#"{{"event":"close-tcp","reason":"{code}","manner":"{manner}","detail":{detail}}}"#);
    match reason {
        CloseReason::Closed { .. } => Ok(()),
        other => Err(other.code().into()),
    }
}

/// One connection, from TCP's beginning to its end.
pub(crate) fn run(address: &str, config: Arc<InitiatorConfig>) -> io::Result<CloseTcp> {
    let tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    let clock = StdClock::new();
    let mut machine = Initiator::new(config, clock.now());
    by_hand::run(&mut machine, tcp, clock, &mut Conversation::default())
}

/// What this program says: a ping, and the end after the answer.
#[derive(Default)]
struct Conversation {
    next: Option<Step>,
}

enum Step {
    Ping,
    Close,
}

impl Application<InitiatorRole> for Conversation {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Established(stream) => {
                let jid = stream.jid().map(Jid::to_string).unwrap_or_default();
                println!(r#"{{"event":"bound","jid":{}}}"#, json(&jid));
                self.next = Some(Step::Ping);
            }
            Event::Stanza(answer) if answer.attr("id").as_deref() == Some("ping") => {
                println!(r#"{{"event":"pong","n":1}}"#);
                self.next = Some(Step::Close);
            }
            _ => {}
        }
    }

    fn act(&mut self, machine: &mut Initiator) {
        let Some(mut session) = machine.session() else {
            return;
        };
        match self.next.take() {
            Some(Step::Ping) => {
                let ping = "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>";
                if let Err(error) = session.send(ping) {
                    eprintln!("not sent: {error}");
                    session.close();
                }
            }
            Some(Step::Close) => session.close(),
            None => {}
        }
    }
}

/// The client that the command line describes.
fn config() -> Result<Arc<InitiatorConfig>, Failure> {
    let jid = Jid::parse(&option("--jid")?)?;
    let username = Username::ascii(jid.local().ok_or("--jid has no local part")?)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(option("--ca")?)?)?;
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = InitiatorConfig::client(&jid)
        .starttls(ClientTls::new(tls.into()))
        .password(username, Password::ascii(&option("--password")?)?)
        .build()?;
    Ok(config)
}

/// A JSON string. Control characters become spaces.
fn json(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The word after `name` on the command line.
fn option(name: &str) -> Result<String, String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).ok_or_else(|| format!("{name} is needed"))
}

type Failure = Box<dyn std::error::Error>;

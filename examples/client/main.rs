//! An XMPP client for scripts: logs in, sends what it is told to, pings,
//! stays a while, closes.
//!
//! ```text
//! client --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem
//!        [--direct-tls] [--tls 1.2|1.3] [--mechanism NAME] [--resource NAME]
//!        [--send XML]... [--ping N] [--stay SECONDS] [--reconnect N] [--max-delay MS]
//!        [--reset-after SECONDS] [--cert FILE --key FILE] [--anonymous] [--sm]
//!        [--no-sasl2] [--fast FILE] [--fast-only] [--pin FILE] [--trace]
//! ```
//!
//! One JSON object per line on stdout. The exit code says how the last
//! connection ended: 0 closed in order, 2 refused, 3 TLS renegotiation, 4 TLS,
//! 5 stream error, 6 lost, 70 internal, 64 bad usage.
//!
//! Where the server offers SASL2 (XEP-0388), the resource and stream management travel with the
//! login; `--no-sasl2` logs in as RFC 6120 says. The line `login` tells which it was, and how many
//! flights of the client it took until stanzas might flow: from its first bytes on TCP, how often it
//! sent something after it had received something. Each has one answer, so these are round trips.
//!
//! `--fast` keeps a token for the next login (XEP-0484) in a file, `--pin` what no later login may fall
//! below. A token that the server does not take is followed by the password, and a new token; with
//! `--fast-only` the login has failed then.
//!
//! With `--reconnect` a reset or an ordinary loss is followed by up to N more
//! connections, when and how [`Planner`] says. After a reset nothing of the
//! old TLS session is used again (RFC 6120 4.9.3.16). `--reset-after` resets
//! the stream for fresh keys (5.3.5).
//!
//! With `--sm` stream management (XEP-0198) is used where the server has it: a
//! connection that follows a reset or a loss resumes the session, at the
//! `location` that the server prefers if it has named one. There it has to prove
//! the same identity.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

mod memory;
#[path = "../shared/net.rs"]
mod net;
mod script;
#[path = "../shared/mod.rs"]
mod shared;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use memory::Memory;
use script::Script;
use serde_json::json;
use shared::lines::{Lines, exit_code};
use shared::options::{Options, Usage, bad};
use shared::{account, tls};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use xmpp_stream::CloseTcp;
use xmpp_stream::config::{InitiatorConfig, Sasl2Options};
use xmpp_stream::reset::{
    Disconnect, Outcome, PeerError, Plan, Planner, PlannerConfig, Side, Target, TlsResumption,
};
use xmpp_stream::stream::OtherHost;
use xmpp_stream::time::StdClock;

const VALUED: [&str; 8] = [
    "send",
    "ping",
    "stay",
    "reconnect",
    "max-delay",
    "reset-after",
    "fast",
    "pin",
];
const FLAGS: [&str; 3] = ["fast-only", "sm", "trace"];

/// The exit code where not even TCP came about.
const NO_TCP: u8 = 6;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Client::from_options() {
        Ok(client) => client.run().await,
        Err(usage) => usage.exit(),
    }
}

struct Client {
    config: Arc<InitiatorConfig>,
    address: String,
    /// In its place for the next connection, if the server has named another.
    other: Option<String>,
    script: Script,
    planner: Planner,
    /// How many more connections may follow.
    reconnects: u32,
    clock: StdClock,
    lines: Lines,
}

impl Client {
    fn from_options() -> Result<Self, Usage> {
        let valued = [&account::VALUED[..], &VALUED].concat();
        let options = Options::read(&valued, &[&account::FLAGS[..], &FLAGS].concat())?;
        let max_delay = Duration::from_millis(options.parsed("max-delay")?.unwrap_or(60_000));
        let delays = PlannerConfig::new()
            .with_max_delay(max_delay)
            .map_err(bad("max-delay"))?;
        let lines = Lines {
            conn: None,
            trace: options.has("trace"),
        };
        let stay = Duration::from_secs(options.parsed("stay")?.unwrap_or(0));
        let pings = options.parsed("ping")?.unwrap_or(0);
        let (memory, sasl2) = Memory::read(&options, Sasl2Options::new())?;
        Ok(Self {
            config: account::config(&options, sasl2, memory.pin())?,
            address: options.need("connect")?.to_owned(),
            other: None,
            script: Script::new(options.all("send"), pings, stay, lines)
                .map_err(bad("send"))?
                .resetting(options.has("reset-after"))
                .remembering(memory),
            planner: Planner::new(delays, tls::random()),
            reconnects: options.parsed("reconnect")?.unwrap_or(0),
            clock: StdClock::new(),
            lines,
        })
    }

    /// One connection after the other, until there is no reason for another.
    async fn run(mut self) -> ExitCode {
        loop {
            let close = self.connection().await;
            let code = close
                .as_ref()
                .map_or(NO_TCP, |close| exit_code(close.reason()));
            let outcome = close.as_ref().map_or(Outcome::ConnectFailed, Outcome::from);
            let plan = self.planner.next(self.clock.now(), outcome);
            // What fails at another host says nothing about the first one.
            let again = passes(outcome) || self.other.is_some();
            let plan = match plan {
                Plan::Connect(plan) if self.reconnects > 0 && again => plan,
                other => {
                    self.lines
                        .trace(format_args!("not connecting again; {other:?}"));
                    return ExitCode::from(code);
                }
            };
            self.reconnects -= 1;
            self.lines.say(
                "reconnect",
                &json!({
                    "delay_ms": u64::try_from(plan.delay.as_millis()).unwrap_or(u64::MAX),
                    "tls_resumption": plan.resumption == TlsResumption::Allowed,
                }),
            );
            sleep(plan.delay).await;
            self.config = self.config.for_reconnect(&plan);
            self.other = match plan.target {
                Target::Location => self.planner.host().map(|host| self.reach(host)),
                _ => None,
            };
        }
    }

    /// One connection; `None`: TCP did not come about.
    async fn connection(&mut self) -> Option<CloseTcp> {
        let address = self.other.as_ref().unwrap_or(&self.address);
        let mut tcp = match net::prompt(TcpStream::connect(address).await) {
            Ok(tcp) => tcp,
            Err(error) => {
                eprintln!("{address}: {error}");
                return None;
            }
        };
        self.lines.say("tcp-connected", &json!({}));
        let (clock, lines) = (self.clock, self.lines);
        let script = &mut self.script;
        let mut machine = script.begin(&self.config, clock.now());
        // Nobody writes to a client but its server.
        let (_, mut mailbox) = mpsc::channel(1);
        let close = net::drive(&mut tcp, &mut machine, script, &mut mailbox, clock, lines).await;
        net::end(tcp, &close).await;
        if let Some(since) = script.disconnected(&mut machine, &close) {
            self.planner.set_location(script.location());
            let _up = self.planner.next(since, Outcome::Established);
        }
        Some(close)
    }

    /// Where a host is found that was named instead of an address: without a
    /// port at the usual one.
    fn reach(&self, host: &OtherHost) -> String {
        match (host.port(), self.address.rsplit_once(':')) {
            (None, Some((_, port))) => format!("{host}:{port}"),
            _ => host.to_string(),
        }
    }
}

/// Whether the same attempt may do next time: after a reset, and after what
/// passes by itself.
fn passes(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::ConnectFailed
            | Outcome::Closed(
                Disconnect::Reset { .. }
                    | Disconnect::Lost
                    | Disconnect::Closed { by: Side::Peer }
                    | Disconnect::AuthenticationUnavailable
                    | Disconnect::StreamError(PeerError::Unavailable)
            )
    )
}

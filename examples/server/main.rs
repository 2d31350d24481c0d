//! An XMPP server, small enough to read: any number of connections on tokio,
//! users from the command line, other servers where it is told to, nothing
//! kept.
//!
//! ```text
//! server --listen 127.0.0.1:0 --domain localhost --cert chain.pem --key key.pem
//!        --user alice:secret [--user bob:secret]...
//!        [--direct-tls] [--tls 1.2|1.3] [--mechanisms A,B] [--max-stanza BYTES]
//!        [--negotiation-timeout SECONDS] [--reset-after-records N] [--reset-after SECONDS]
//!        [--client-ca ca.pem] [--token-lifetime SECONDS] [--sm] [--trace] [--quiet]
//!        [--s2s-listen ADDR:PORT --s2s-ca ca.pem --dialback-secret S
//!         [--s2s-route DOMAIN=HOST:PORT]... [--no-external]]
//! ```
//!
//! One JSON object per line on stdout; the first one names the port, and with
//! `--quiet` only ports are named. Once bound, a client gets answers to pings,
//! roster gets and session requests, and `service-unavailable` to any other
//! request; messages go to the bound resource of the addressed user, those to
//! the domain come back. Runs until stdin closes, or SIGTERM.
//!
//! Clients may log in by SASL2 (XEP-0388) and bind their resource with it (XEP-0386); no further
//! feature is offered there, because this server has none of them. The line `login` tells which way
//! it was, and how many flights of the client it took until stanzas might flow: as many as the line of
//! the `client` says. A flight is what one side sends until the other one answers, in TLS or in XML.
//! Tokens for later logins (XEP-0484) are kept in memory, and last three weeks or `--token-lifetime`.
//!
//! With `--sm` clients get stream management (XEP-0198). A session whose stream
//! is lost or reset is kept in memory, for as long as the client was told, and
//! messages for its user are kept for it. When it is over, a message that its
//! client does not have goes to another stream of the user if there is one, and
//! what it may have goes back to the sender as an error.
//!
//! With `--s2s-listen` messages go to and come from users of other domains:
//! over streams that certificates prove, or dialback where those are missing
//! (with `--no-external`: always). Without `--dialback-secret` there is no
//! dialback.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

mod app;
mod config;
mod federation;
#[path = "../shared/net.rs"]
mod net;
mod router;
#[path = "../shared/mod.rs"]
mod shared;
mod stanzas;
mod tokens;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use app::Client;
use config::Server;
use router::{MAILBOX, Wait};
use serde_json::json;
use shared::lines::{Lines, be_quiet};
use shared::options::Usage;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, CloseTcp, Responder};

/// How long connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long to wait when a connection could not be accepted (too many files).
const BREATH: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok((server, clients, servers)) => {
            serve(&Arc::new(server), &clients, servers.as_ref()).await;
            ExitCode::SUCCESS
        }
        Err(usage) => usage.exit(),
    }
}

/// The server, and where it accepts clients and other servers.
async fn start() -> Result<(Server, TcpListener, Option<TcpListener>), Usage> {
    let (server, listen, s2s_listen) = Server::from_options()?;
    let clients = bind(&listen, "listening").await?;
    let servers = match s2s_listen {
        Some(address) => Some(bind(&address, "s2s-listening").await?),
        None => None,
    };
    if server.quiet {
        be_quiet();
    }
    Ok((server, clients, servers))
}

async fn bind(address: &str, event: &str) -> Result<TcpListener, Usage> {
    let cannot = |error: std::io::Error| Usage(format!("{address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let port = listener.local_addr().map_err(cannot)?.port();
    let lines = Lines {
        conn: None,
        trace: false,
    };
    lines.say(event, &json!({ "port": port }));
    Ok(listener)
}

/// Accepts until told to stop, then takes leave of everybody.
async fn serve(server: &Arc<Server>, clients: &TcpListener, servers: Option<&TcpListener>) {
    let mut stop = std::pin::pin!(told_to_stop());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            tcp = accept(clients) => {
                connections.spawn(connection(Arc::clone(server), tcp));
            }
            tcp = accept_any(servers) => {
                connections.spawn(federation::accepted(Arc::clone(server), tcp));
            }
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    server.router.stop();
    if let Some(federation) = &server.federation {
        federation.stop();
    }
    let farewells = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(GOODBYE, farewells).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match net::prompt(listener.accept().await.map(|(tcp, _)| tcp)) {
            Ok(tcp) => return tcp,
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(BREATH).await;
            }
        }
    }
}

/// The same where there may be nobody to accept.
async fn accept_any(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => accept(listener).await,
        None => std::future::pending().await,
    }
}

/// One connection, from its first byte to its last.
async fn connection(server: Arc<Server>, mut tcp: TcpStream) {
    let number = server.number();
    let lines = Lines {
        conn: Some(number),
        trace: server.trace,
    };
    lines.say("tcp-accepted", &json!({}));
    let (sender, mut mailbox) = mpsc::channel(MAILBOX);
    let evicted = server.router.enter(number, sender);
    let clock = StdClock::new();
    let mut machine = Responder::new(Arc::clone(&server.config), clock.now());
    machine.set_trace_id(number);
    let mut client = Client::new(Arc::clone(&server), number, lines);
    let close = tokio::select! {
        close = net::drive(&mut tcp, &mut machine, &mut client, &mut mailbox, clock, lines) => close,
        // Another connection resumes the session.
        () = evicted.notified() => abort(&mut machine, clock.now(), lines),
    };
    let left = client.left(machine.take_sm_state());
    let (wait, over) = server.router.leave(number, left, &mut mailbox);
    for remains in over {
        stanzas::give_back(remains, &server);
    }
    if let Some(wait) = wait {
        tokio::spawn(expire(Arc::clone(&server), wait));
    }
    net::end(tcp, &close).await;
}

/// Ends the machine at once.
fn abort(machine: &mut Responder, now: Instant, lines: Lines) -> CloseTcp {
    machine.abort();
    loop {
        // It has ended: nothing is waited for.
        if let Action::CloseTcp(close) = machine.poll(now) {
            let close = close.clone();
            lines.closed(&close);
            return close;
        }
    }
}

/// Ends a session that nobody has resumed in time.
async fn expire(server: Arc<Server>, wait: Wait) {
    sleep(wait.time).await;
    if let Some(remains) = server.router.expire(&wait.session, wait.since) {
        stanzas::give_back(remains, &server);
    }
}

/// Until SIGTERM, or the end of stdin.
async fn told_to_stop() {
    let (sender, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = terminated.recv() => {}
            _ = ended => {}
        },
        Err(_) => {
            let _ = ended.await;
        }
    }
}

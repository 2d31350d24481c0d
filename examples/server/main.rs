//! An XMPP server for clients, small enough to read: any number of
//! connections on tokio, users from the command line, nothing kept.
//!
//! ```text
//! server --listen 127.0.0.1:0 --domain localhost --cert chain.pem --key key.pem
//!        --user alice:secret [--user bob:secret]...
//!        [--direct-tls] [--tls 1.2|1.3] [--mechanisms A,B] [--max-stanza BYTES]
//!        [--negotiation-timeout SECONDS] [--reset-after-records N] [--reset-after SECONDS]
//!        [--client-ca ca.pem] [--trace]
//! ```
//!
//! One JSON object per line on stdout; the first one names the port. Once
//! bound, a client gets answers to pings, roster gets and session requests,
//! and `service-unavailable` to any other request; messages go to the bound
//! resource of the addressed user, those to the domain come back. Runs until
//! stdin closes, or SIGTERM.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

mod app;
mod config;
#[path = "../shared/net.rs"]
mod net;
mod router;
#[path = "../shared/mod.rs"]
mod shared;
mod stanzas;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use app::Client;
use config::Server;
use router::MAILBOX;
use serde_json::json;
use shared::lines::Lines;
use shared::options::Usage;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use xmpp_stream::Responder;
use xmpp_stream::time::StdClock;

/// How long connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long to wait when a connection could not be accepted (too many files).
const BREATH: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok((server, listener)) => {
            serve(&Arc::new(server), &listener).await;
            ExitCode::SUCCESS
        }
        Err(usage) => usage.exit(),
    }
}

async fn start() -> Result<(Server, TcpListener), Usage> {
    let (server, listen) = Server::from_options()?;
    let cannot = |error: std::io::Error| Usage(format!("--listen {listen}: {error}"));
    let listener = TcpListener::bind(&listen).await.map_err(cannot)?;
    let port = listener.local_addr().map_err(cannot)?.port();
    let lines = Lines {
        conn: None,
        trace: false,
    };
    lines.say("listening", &json!({ "port": port }));
    Ok((server, listener))
}

/// Accepts until told to stop, then takes leave of everybody.
async fn serve(server: &Arc<Server>, listener: &TcpListener) {
    let mut stop = std::pin::pin!(told_to_stop());
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match net::prompt(accepted.map(|(tcp, _)| tcp)) {
                Ok(tcp) => {
                    number += 1;
                    connections.spawn(connection(Arc::clone(server), tcp, number));
                }
                Err(error) => {
                    eprintln!("accept: {error}");
                    sleep(BREATH).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    server.router.stop();
    let farewells = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(GOODBYE, farewells).await;
}

/// One connection, from its first byte to its last.
async fn connection(server: Arc<Server>, tcp: TcpStream, number: u64) {
    let lines = Lines {
        conn: Some(number),
        trace: server.trace,
    };
    lines.say("tcp-accepted", &json!({}));
    let (sender, mut mailbox) = mpsc::channel(MAILBOX);
    server.router.enter(number, sender);
    let clock = StdClock::new();
    let machine = Responder::new(Arc::clone(&server.config), clock.now());
    let mut client = Client::new(Arc::clone(&server), number, lines);
    let _ended = net::drive(tcp, machine, &mut client, &mut mailbox, clock, lines).await;
    server.router.leave(number);
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

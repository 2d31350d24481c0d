//! The check of drivers with configs of its user: under TLS, with every attempt of a renegotiation.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::testkit::driver::{DriverCheck, Situation, Task};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Action, Connection, Manner, Negotiation};

use crate::harness::TlsPair;
use crate::harness::configs::{FIXED, alice, anonymous_host, decide_anonymous};
use crate::harness::pki::{TLS12, TLS13, Version};

/// What it does with bytes that wait, when the machine has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backlog {
    Dropped,
    Written,
}

fn drive<N: Negotiation>(task: Task<N>, backlog: Backlog) {
    let Task {
        mut machine,
        mut socket,
        mut application,
        ..
    } = task;
    socket.set_nonblocking(true).unwrap();
    let passes = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted);
    let mut waiting = Vec::new();
    let close = loop {
        application.act(&mut machine);
        let wait = match machine.poll(socket.now()) {
            Action::Event(event) => {
                application.event(&event);
                continue;
            }
            Action::CloseTcp(close) => break close.clone(),
            Action::Wait(wait) => wait,
        };
        waiting = machine.transmit().to_vec();
        let ready = socket.wait(wait.read, wait.write, wait.deadline);
        if ready.readable {
            match socket.read(machine.receive_window()) {
                Ok(0) => machine.receive_eof(),
                Ok(n) => machine.received(n),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        } else if ready.writable {
            match socket.write(machine.transmit()) {
                Ok(taken) => machine.transmitted(taken),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
    };
    application.closed(&close);
    if backlog == Backlog::Written && !waiting.is_empty() {
        let _refused = socket.write(&waiting);
        return;
    }
    if close.manner() == Manner::Graceful {
        socket.shutdown(Shutdown::Write).unwrap();
        let end = socket.now() + close.linger();
        while socket.now() < end {
            socket.wait(true, false, Some(end));
            match socket.read(&mut [0; 4096]) {
                Ok(1..) => {}
                Err(error) if passes(error.kind()) => {}
                Ok(0) | Err(_) => break,
            }
        }
    }
}

fn check(version: Version) -> DriverCheck {
    let tls = TlsPair::new(version).without_tickets();
    let server = ServerTls::new(Arc::new(tls.server));
    let initiating = InitiatorConfig::client(&alice())
        .direct_tls(ClientTls::new(Arc::new(tls.client)))
        .credentials(Credentials::Anonymous)
        .random(&FIXED)
        .build()
        .unwrap();
    let receiving = ResponderConfig::server(&FIXED)
        .single_host(anonymous_host(None, None))
        .direct_tls(server)
        .build()
        .unwrap();
    let answer = |machine: &mut Connection<ResponderRole>| decide_anonymous(machine);
    DriverCheck::new(initiating, receiving).answering(answer)
}

#[test]
fn a_right_driver_passes_under_both_versions_of_tls() {
    for version in [TLS12, TLS13] {
        let check = check(version);
        check
            .initiator(|task| drive(task, Backlog::Dropped))
            .unwrap();
        check
            .responder(|task| drive(task, Backlog::Dropped))
            .unwrap();
    }
}

#[test]
fn a_driver_that_writes_after_an_attempt_is_found() {
    let attempts = Situation::tls()
        .into_iter()
        .filter(|situation| matches!(situation, Situation::Renegotiation(_)));
    for version in [TLS12, TLS13] {
        for attempt in attempts.clone() {
            let check = check(version).only([attempt]);
            let of_initiator = check.initiator(|task| drive(task, Backlog::Written));
            let of_responder = check.responder(|task| drive(task, Backlog::Written));
            for fault in [of_initiator, of_responder] {
                let fault = fault.unwrap_err();
                assert!(fault.what().contains("after CloseTcp"), "{fault}");
                assert_eq!(fault.situation(), attempt);
            }
        }
    }
}

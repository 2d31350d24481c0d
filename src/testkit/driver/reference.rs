//! The driver that others are compared with: short, and right.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use super::run::Task;
use crate::action::Action;
use crate::close::Manner;
use crate::connection::Negotiation;

/// Drives a machine to its end, as the contract of [`connection`](crate::connection) says.
pub(super) fn drive<N: Negotiation>(task: Task<N>) {
    let Task {
        mut machine,
        mut socket,
        mut application,
    } = task;
    if socket.set_nonblocking(true).is_err() {
        return;
    }
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
        let ready = socket.wait(wait.read, wait.write, wait.deadline);
        if ready.writable {
            match socket.write(machine.transmit()) {
                Ok(taken) => machine.transmitted(taken),
                Err(error) if is_passing(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
        if ready.readable {
            match socket.read(machine.receive_window()) {
                Ok(0) => machine.receive_eof(),
                Ok(n) => machine.received(n),
                Err(error) if is_passing(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
    };
    application.closed(&close);
    if close.manner() == Manner::Abort || socket.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let end = socket.now() + close.linger();
    let mut discarded = [0; 4096];
    while socket.now() < end {
        socket.wait(true, false, Some(end));
        match socket.read(&mut discarded) {
            Ok(1..) => {}
            Err(error) if is_passing(error.kind()) => {}
            Ok(0) | Err(_) => return,
        }
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

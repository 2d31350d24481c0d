//! Three drivers that work as long as everything goes well.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use xmpp_stream::testkit::driver::Task;
use xmpp_stream::{Action, Manner, Negotiation};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    LosesBytes,
    WritesAfterAnAbort,
    IgnoresDeadlines,
}

/// It calls `write` and takes it for `write_all`.
pub(super) fn loses_bytes<N: Negotiation>(task: Task<N>) {
    drive(task, Mistake::LosesBytes);
}

/// It empties its own buffer when the machine has closed, also after an abort.
pub(super) fn writes_after_an_abort<N: Negotiation>(task: Task<N>) {
    drive(task, Mistake::WritesAfterAnAbort);
}

/// It sleeps until the socket is ready.
pub(super) fn ignores_deadlines<N: Negotiation>(task: Task<N>) {
    drive(task, Mistake::IgnoresDeadlines);
}

fn drive<N: Negotiation>(task: Task<N>, mistake: Mistake) {
    let Task {
        mut machine,
        mut socket,
        mut application,
        ..
    } = task;
    socket.set_nonblocking(true).unwrap();
    let passes = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted);
    let mut buffered = Vec::new();
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
        let deadline = wait
            .deadline
            .filter(|_| mistake != Mistake::IgnoresDeadlines);
        let ready = socket.wait(wait.read, wait.write, deadline);
        if ready.writable {
            match socket.write(machine.transmit()) {
                Ok(_) if mistake == Mistake::LosesBytes => {
                    machine.transmitted(machine.transmit().len());
                }
                Ok(taken) => machine.transmitted(taken),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
            buffered = machine.transmit().to_vec();
        }
        if ready.readable {
            match socket.read(machine.receive_window()) {
                Ok(0) => machine.receive_eof(),
                Ok(n) => machine.received(n),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
    };
    application.closed(&close);
    let aborted = close.manner() == Manner::Abort;
    if mistake == Mistake::WritesAfterAnAbort && aborted && !buffered.is_empty() {
        let _written = socket.write(&buffered);
    }
    if close.manner() == Manner::Graceful {
        let _shut_down = socket.shutdown(Shutdown::Write);
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

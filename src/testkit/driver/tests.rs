//! Drivers that are right in some form, and drivers that are wrong in one thing each.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use super::*;
use crate::action::Action;
use crate::close::Manner;

/// What a driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// It takes all bytes for written.
    ShortWrite,
    /// It takes all bytes for received by the machine.
    ShortReceive,
    /// EINTR is a failure.
    Interrupted,
    /// It waits for the socket without a deadline.
    NoDeadline,
    /// It writes what waits, after the end.
    WritesAfterEnd,
    /// It shuts down after an abort, too.
    ShutsDownAlways,
    /// It drops the socket in any case.
    NoLinger,
    /// It never hears FIN.
    NoFin,
    /// It polls in the place of sleeping.
    Spins,
    /// It sleeps a second longer than asked.
    Late,
    /// It reads although the machine does not want to.
    Leaks,
}

fn drive<N: Negotiation>(mistake: Mistake, task: Task<N>) -> io::Result<()> {
    let Task {
        mut machine,
        mut socket,
        mut application,
    } = task;
    socket.set_nonblocking(true)?;
    let passes = |kind| match kind {
        ErrorKind::WouldBlock => true,
        ErrorKind::Interrupted => mistake != Mistake::Interrupted,
        _ => false,
    };
    let mut buffer = [0; 64 * 1024];
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
        let deadline = match mistake {
            Mistake::NoDeadline => None,
            Mistake::Late => wait
                .deadline
                .map(|at| at + core::time::Duration::from_secs(1)),
            _ => wait.deadline,
        };
        let ready = match mistake {
            Mistake::Spins => Readiness {
                readable: wait.read,
                writable: wait.write,
            },
            _ => socket.wait(wait.read, wait.write, deadline),
        };
        if ready.writable {
            match socket.write(machine.transmit()) {
                Ok(_) if mistake == Mistake::ShortWrite => {
                    machine.transmitted(machine.transmit().len());
                }
                Ok(taken) => machine.transmitted(taken),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
        if ready.readable || mistake == Mistake::Leaks {
            let into = match mistake {
                Mistake::ShortReceive | Mistake::Leaks => &mut buffer[..],
                _ => machine.receive_window(),
            };
            match socket.read(into) {
                Ok(0) if mistake == Mistake::NoFin => {}
                Ok(0) => machine.receive_eof(),
                Ok(n) => match mistake {
                    Mistake::ShortReceive | Mistake::Leaks => {
                        let _taken = machine.receive(&buffer[..n]);
                    }
                    _ => machine.received(n),
                },
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
    };
    application.closed(&close);
    if mistake == Mistake::WritesAfterEnd {
        // What was waiting before.
        socket.write_all(b"</stream:stream>")?;
    }
    if close.manner() == Manner::Abort && mistake != Mistake::ShutsDownAlways
        || mistake == Mistake::NoLinger
    {
        return Ok(());
    }
    socket.shutdown(Shutdown::Write)?;
    let end = socket.now() + close.linger();
    while socket.now() < end {
        socket.wait(true, false, Some(end));
        match socket.read(&mut buffer) {
            Ok(1..) => {}
            Err(error) if passes(error.kind()) => {}
            Ok(0) | Err(_) => break,
        }
    }
    Ok(())
}

/// A blocking driver, with timeouts.
fn drive_blocking<N: Negotiation>(task: Task<N>) -> io::Result<()> {
    const TURN: core::time::Duration = core::time::Duration::from_millis(10);
    let Task {
        mut machine,
        mut socket,
        mut application,
    } = task;
    let passes = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted);
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
        let timeout = wait.timeout(socket.now());
        let turn = match wait.read && wait.write {
            true => Some(TURN.min(timeout.unwrap_or(TURN))),
            false => timeout,
        };
        let turn = turn.map(|turn| turn.max(core::time::Duration::from_millis(1)));
        if wait.write {
            socket.set_write_timeout(turn)?;
            match socket.write(machine.transmit()) {
                Ok(taken) => machine.transmitted(taken),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        }
        if wait.read {
            socket.set_read_timeout(turn)?;
            match socket.read(machine.receive_window()) {
                Ok(0) => machine.receive_eof(),
                Ok(n) => machine.received(n),
                Err(error) if passes(error.kind()) => {}
                Err(_) => machine.transport_failed(),
            }
        } else if !wait.write {
            socket.sleep(turn.unwrap_or_default());
        }
    };
    application.closed(&close);
    if close.manner() == Manner::Graceful {
        socket.shutdown(Shutdown::Write)?;
        let end = socket.now() + close.linger();
        while socket.now() < end {
            socket.set_read_timeout(Some(end.saturating_duration_since(socket.now())))?;
            match socket.read(&mut [0; 512]) {
                Ok(1..) => {}
                Err(error) if passes(error.kind()) => {}
                Ok(0) | Err(_) => break,
            }
        }
    }
    Ok(())
}

#[test]
fn right_drivers_of_either_kind_and_role_pass() {
    let check = DriverCheck::plaintext().unwrap();
    check
        .initiator(|task| drive(Mistake::None, task).unwrap())
        .unwrap();
    check
        .responder(|task| drive(Mistake::None, task).unwrap())
        .unwrap();
    check
        .initiator(|task| drive_blocking(task).unwrap())
        .unwrap();
    check
        .responder(|task| drive_blocking(task).unwrap())
        .unwrap();
}

#[test]
fn each_mistake_is_found_and_named() {
    let check = DriverCheck::plaintext().unwrap();
    for (mistake, part) in [
        (Mistake::ShortWrite, "ended with"),
        (Mistake::ShortReceive, "lost"),
        (Mistake::Interrupted, "`transport`"),
        (Mistake::NoDeadline, "hangs"),
        (Mistake::WritesAfterEnd, "after CloseTcp"),
        (Mistake::ShutsDownAlways, "Manner::Abort"),
        (Mistake::NoLinger, "shut the socket down"),
        (Mistake::NoFin, "spins"),
        (Mistake::Spins, "spins"),
        (Mistake::Late, "later than"),
    ] {
        let of_initiator = check.initiator(|task| {
            let _ended = drive(mistake, task);
        });
        let of_responder = check.responder(|task| {
            let _ended = drive(mistake, task);
        });
        for fault in [of_initiator, of_responder] {
            let fault = fault.expect_err(&alloc::format!("{mistake:?} passes"));
            assert!(fault.what().contains(part), "{mistake:?}: {fault}");
        }
    }
}

#[test]
fn a_driver_that_leaves_early_or_keeps_the_socket_is_found() {
    let check = DriverCheck::plaintext().unwrap().only([Situation::Fair]);
    let early = check.initiator(|task| drop(task)).unwrap_err();
    assert!(early.what().contains("has not closed"), "{early}");
    let mut kept = None;
    let fault = check
        .initiator(|task| kept = Some(task.socket))
        .unwrap_err();
    assert!(fault.what().contains("leaves the socket open"), "{fault}");
    assert_eq!(fault.situation(), Situation::Fair);
}

#[cfg(feature = "futures")]
mod futures {
    use core::future::poll_fn;
    use core::pin::Pin;
    use core::task::{Context, Poll};

    use futures_io::{AsyncRead, AsyncWrite};

    use super::*;
    use crate::time::Instant;

    /// Waits for one thing that the machine waits for, and does it.
    async fn drive_async<N: Negotiation>(task: Task<N>, keeps_deadlines: bool) {
        let Task {
            mut machine,
            mut socket,
            mut application,
        } = task;
        let clock = socket.clock();
        let until = |deadline: Option<Instant>, context: &mut Context<'_>| match deadline {
            Some(at) if keeps_deadlines => clock.poll_until(at, context),
            _ => Poll::Pending,
        };
        let close = loop {
            application.act(&mut machine);
            let wait = match machine.poll(clock.now()) {
                Action::Event(event) => {
                    application.event(&event);
                    continue;
                }
                Action::CloseTcp(close) => break close.clone(),
                Action::Wait(wait) => wait,
            };
            poll_fn(|context| {
                let mut done = false;
                if wait.write {
                    match Pin::new(&mut socket).poll_write(context, machine.transmit()) {
                        Poll::Ready(Ok(n)) => {
                            machine.transmitted(n);
                            done = true;
                        }
                        Poll::Ready(Err(_)) => {
                            machine.transport_failed();
                            done = true;
                        }
                        Poll::Pending => {}
                    }
                }
                if wait.read {
                    match Pin::new(&mut socket).poll_read(context, machine.receive_window()) {
                        Poll::Ready(Ok(0)) => machine.receive_eof(),
                        Poll::Ready(Ok(n)) => machine.received(n),
                        Poll::Ready(Err(_)) => machine.transport_failed(),
                        Poll::Pending if done => {}
                        Poll::Pending => return until(wait.deadline, context),
                    }
                    done = true;
                }
                match done {
                    true => Poll::Ready(()),
                    false => until(wait.deadline, context),
                }
            })
            .await;
        };
        application.closed(&close);
        if close.manner() == Manner::Graceful {
            let end = clock.now() + close.linger();
            poll_fn(|context| Pin::new(&mut socket).poll_close(context))
                .await
                .unwrap();
            let mut discarded = [0; 512];
            poll_fn(|context| {
                while let Poll::Ready(read) =
                    Pin::new(&mut socket).poll_read(context, &mut discarded)
                {
                    if !matches!(read, Ok(1..)) {
                        return Poll::Ready(());
                    }
                }
                clock.poll_until(end, context)
            })
            .await;
        }
    }

    #[test]
    fn a_right_asynchronous_driver_passes_and_one_without_deadlines_does_not() {
        let check = DriverCheck::plaintext().unwrap();
        check
            .async_initiator(|task| drive_async(task, true))
            .unwrap();
        check
            .async_responder(|task| drive_async(task, true))
            .unwrap();
        let fault = check
            .async_initiator(|task| drive_async(task, false))
            .unwrap_err();
        assert!(fault.what().contains("hangs"), "{fault}");
    }
}

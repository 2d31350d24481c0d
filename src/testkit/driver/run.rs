//! One run of a driver, and what is looked at afterwards.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use super::exchange::{Exchange, Finale};
use super::situation::Situation;
use super::socket::{MockSocket, Shared};
use super::world::after;
use crate::close::Manner;
use crate::connection::{Connection, Negotiation};
use crate::time::Instant;

/// What a driver under test is given: a machine that has not been polled, its socket, and the
/// application that it works for. It drives the machine to its end, carries the end out, and returns
/// with the socket dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Task<N: Negotiation> {
    /// The machine, made at [`MockSocket::now`].
    pub machine: Connection<N>,
    /// The socket.
    pub socket: MockSocket,
    /// The application.
    pub application: Exchange<N>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    code: &'static str,
    manner: Manner,
    at: Instant,
    linger: Duration,
    shut_down: Option<Instant>,
    dropped: Option<Instant>,
    read_end: Option<Instant>,
    /// How many stanzas arrived at the driver's side, and at the peer's.
    heard: [usize; 2],
    peer: &'static str,
    /// How many bytes of stream text a peer that had left its machine has read.
    read_by_script: usize,
}

/// How much later than the machine asked for a driver may act.
const LATE: Duration = Duration::from_millis(100);

/// Looks at what is left of a run.
///
/// # Errors
/// What the driver did wrong.
pub(super) fn report(world: &Shared, peer_heard: usize) -> Result<Report, String> {
    world.with(|world| {
        if let Some(violation) = world.violation.clone() {
            return Err(violation);
        }
        let Some(dropped) = world.dropped else {
            return Err("returns and leaves the socket open".to_string());
        };
        let Some(end) = world.end.clone() else {
            return Err(
                "returns although the machine has not closed, or does not tell of it".into(),
            );
        };
        world.let_arrive();
        Ok(Report {
            code: end.close.reason().code(),
            manner: end.close.manner(),
            at: end.at,
            linger: end.close.linger(),
            shut_down: world.shut_down,
            dropped: Some(dropped),
            read_end: world.read_end,
            heard: [world.heard, peer_heard],
            peer: world.peer_end(),
            read_by_script: world.remote.text().len(),
        })
    })
}

impl Report {
    /// Compares with what a right driver does in the same situation.
    ///
    /// # Errors
    /// What is not right.
    pub(super) fn check(&self, right: &Self, situation: Situation) -> Result<(), String> {
        self.check_close()?;
        if self.code != right.code {
            return Err(format!(
                "the machine ended with `{}`, not `{}`",
                self.code, right.code
            ));
        }
        if situation.is_timed() && after(right.at, self.at) > LATE {
            let late = after(right.at, self.at);
            return Err(format!(
                "the machine ended {late:?} later than it asked for"
            ));
        }
        if situation.part().finale == Finale::Close {
            if self.heard != right.heard {
                let [ours, theirs] = self.heard;
                let [all, all_theirs] = right.heard;
                return Err(format!(
                    "lost stanzas: {ours} of {all} arrived here, {theirs} of {all_theirs} at the peer"
                ));
            }
        }
        if self.peer != right.peer {
            return Err(format!(
                "the peer's machine ended with `{}`, not `{}`: what was written last has not arrived",
                self.peer, right.peer
            ));
        }
        // With a deadline or an abort it depends on the driver how much there was.
        if situation.is_answered() && self.read_by_script != right.read_by_script {
            return Err(format!(
                "lost bytes: the peer has read {} of {} that the machine wrote",
                self.read_by_script, right.read_by_script
            ));
        }
        Ok(())
    }

    /// Whether `CloseTcp` was carried out as its manner says.
    fn check_close(&self) -> Result<(), String> {
        let dropped = self.dropped.unwrap_or(self.at);
        match self.manner {
            Manner::Abort => {
                if after(self.at, dropped) > Duration::ZERO {
                    let late = after(self.at, dropped);
                    return Err(format!(
                        "drops the socket {late:?} after Manner::Abort, not at once"
                    ));
                }
            }
            Manner::Graceful => {
                let Some(shut_down) = self.shut_down else {
                    return Err("does not shut the socket down after Manner::Graceful".into());
                };
                if after(self.at, shut_down) > LATE {
                    return Err("shuts the socket down late".into());
                }
                let heard_end = self.read_end.is_some();
                let lingered = after(self.at, dropped);
                if !heard_end && lingered < self.linger {
                    return Err(format!(
                        "drops the socket {lingered:?} after Manner::Graceful, before the peer's end \
                         and before the linger time of {:?}",
                        self.linger
                    ));
                }
                if lingered > self.linger + LATE {
                    return Err(format!(
                        "lingers for {lingered:?}, and not for {:?}",
                        self.linger
                    ));
                }
            }
        }
        Ok(())
    }
}

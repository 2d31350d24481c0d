//! The applications on both sides of a simulated connection.

use alloc::string::String;

use crate::close::CloseTcp;
use crate::connection::{
    Connection, Initiator, InitiatorRole, Negotiation, Responder, ResponderRole,
};
use crate::event::EventBuf;
use crate::time::Instant;

/// What must not have happened has happened. It ends the simulation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// Where and when an application is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The number of the connection, counted from 0.
    pub connection: usize,
    /// The time.
    pub now: Instant,
}

/// An application that owns machines of the role `N`, one for each connection.
pub trait Application<N: Negotiation> {
    /// An event was reported; the machine has not been polled since.
    ///
    /// # Errors
    /// A [`Violation`] ends the simulation.
    fn event(
        &mut self,
        at: At,
        machine: &mut Connection<N>,
        event: &EventBuf,
    ) -> Result<(), Violation>;

    /// The machine is about to wait. It is polled once more before it does.
    ///
    /// # Errors
    /// A [`Violation`] ends the simulation.
    fn turn(&mut self, at: At, machine: &mut Connection<N>) -> Result<(), Violation> {
        let _ = (at, machine);
        Ok(())
    }

    /// The machine has closed. This is the last call for this connection.
    ///
    /// # Errors
    /// A [`Violation`] ends the simulation.
    fn closed(
        &mut self,
        at: At,
        machine: &mut Connection<N>,
        close: &CloseTcp,
    ) -> Result<(), Violation>;

    /// Returns when [`turn`](Self::turn) is to be called for this connection although nothing has
    /// happened on it. A time that has passed means at once; `turn` has to move it on.
    fn wake(&self, connection: usize) -> Option<Instant> {
        let _ = connection;
        None
    }
}

/// What protects a connection. It tells which phases its stream goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing.
    None,
    /// STARTTLS (RFC 6120 5).
    Starttls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
}

/// The application that opens connections.
pub trait InitiatingApplication: Application<InitiatorRole> {
    /// Returns when it opens the next connection. A time that has passed means at once.
    fn next_connection(&self) -> Option<Instant>;

    /// Opens a connection.
    fn connect(&mut self, at: At) -> (Initiator, Protection);
}

/// The application that accepts connections.
pub trait ReceivingApplication: Application<ResponderRole> {
    /// Accepts a connection.
    fn accept(&mut self, at: At) -> Responder;
}

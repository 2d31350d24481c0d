//! How a simulation fails.

use super::application::Violation;
use super::link::Entity;

/// Why a simulation did not come to its end. The number is the connection's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// An application found something that must not happen.
    #[error("{0}")]
    Violation(#[from] Violation),
    /// A machine waits for nothing at all.
    #[error("connection {0}, {1:?}: the machine waits for nothing")]
    Deadlock(usize, Entity),
    /// A machine never waits.
    #[error("connection {0}, {1:?}: the machine neither waits nor closes")]
    Spinning(usize, Entity),
    /// A machine that has closed does something.
    #[error("connection {0}, {1:?}: the machine is not inert after its end")]
    NotInert(usize, Entity),
    /// There are connections, and nothing will ever happen on them.
    #[error("connection {0}: nothing will ever happen")]
    Stalled(usize),
    /// The simulation is longer than it may be.
    #[error("more than {0} steps")]
    TooLong(usize),
}

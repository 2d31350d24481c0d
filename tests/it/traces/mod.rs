//! The hook for traces: what it is told, and what it is not (`trace`).

mod debug;
mod hidden;
mod logins;
mod told;

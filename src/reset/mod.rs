//! Stream reset: when to ask for one, and how to connect again after any end.
//!
//! Where other protocols renegotiate TLS, XMPP closes the stream with the stream error `<reset/>`
//! (RFC 6120 4.9.3.16) and starts from nothing: a new TCP connection, a full TLS handshake, a new
//! authentication. RFC 6120 5.3.5 advises this for fresh keys and for exhausted sequence numbers,
//! 13.7.2.3 for certificates that expired or were revoked, and 4.3.5 for new features.
//!
//! * [`ResetCause`] says why.
//! * [`Usage`] meters the keys and certificates of a live connection and says when.
//! * [`Planner`] says when to connect again after any end of a connection (RFC 6120 3.3), and that
//!   nothing of the old TLS context may be used after a reset. That a server resumes nothing of it
//!   either is ensured by [`tls::ResumableSessions`](crate::tls::ResumableSessions).
//! * [`stagger`] spreads many resets over time (RFC 6120 4.3.5).
//!
//! Sending and answering the error is part of closing a stream, and is not done here. Nothing here
//! does input or output, has a clock or knows a connection: the driver, or the connection, passes
//! numbers in.

mod cause;
mod planner;
mod usage;

pub use cause::ResetCause;
pub use planner::{
    Connect, Disconnect, GiveUp, Outcome, PeerError, Plan, Planner, PlannerConfig,
    PlannerConfigError, PlannerState, PlannerStateError, Prospect, Side, SrvTarget, Target,
    TicketEpoch, TlsResumption, stagger,
};
pub use usage::{CertificateScope, KeyUsage, ResetTiming, Usage, UsagePolicy};

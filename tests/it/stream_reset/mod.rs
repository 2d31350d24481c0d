//! The stream reset (RFC 6120 4.9.3.16) over whole streams: what goes over the
//! wire, what is delivered, what the next connection begins with, and the
//! resets that come by themselves before the keys are used up (5.3.5).

mod certificates;
mod metered;
mod patterns;
mod reconnect;
mod revoked;
mod timing;
mod wire;

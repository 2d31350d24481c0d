//! RFC 6120 5.3.5 over whole streams: an attempt at TLS renegotiation closes
//! TCP, without a stream error and without another byte; ordinary TLS traffic
//! does not.

mod attacks;
mod no_attempt;
mod run;
mod states;

//! RFC 6120 5.3.5 over whole streams: whoever attempts a TLS renegotiation
//! finds TCP closed, without a stream error and without another byte; whoever
//! does not is left in peace.

mod attacks;
mod no_attempt;
mod run;
mod states;

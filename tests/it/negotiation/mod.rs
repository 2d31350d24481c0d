//! Scenarios of negotiation and closing, one machine against a peer played by
//! hand. Names begin with the requirement they keep, where there is one.

mod binding;
mod closing;
mod deadlines;
mod ends;
mod errors;
mod headers;
mod sasl;
mod starttls;

//! Scenarios of negotiation and closing, one machine against a peer played by
//! hand. Names begin with the requirement they keep, where there is one.

mod binding;
mod closing;
mod deadlines;
mod downgrade;
mod early_requests;
mod ends;
mod errors;
mod fixed_deadlines;
mod flights;
mod headers;
mod keepalives;
mod man_in_the_middle;
mod peer_reason;
mod sasl;
mod sasl2;
mod starttls;

//! What the example programs share, beside their driver loops: options, TLS
//! from PEM files, lines of JSON.
#![allow(dead_code, unreachable_pub, reason = "each program uses a part of it")]

pub mod account;
pub mod lines;
pub mod login;
pub mod options;
pub mod tls;
pub mod trace;

//! Both sides of every SASL mechanism, tokens included, and somebody between them: what holds whatever is said (see
//! `xmpp_stream_fuzz::sasl`).

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmpp_stream_fuzz::sasl;

fuzz_target!(|bytes: &[u8]| sasl::check(bytes));

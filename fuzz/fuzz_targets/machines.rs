//! Whole machines of every kind against any peer and any application: what every schedule has to hold
//! (see `xmpp_stream_fuzz::machines`).

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmpp_stream_fuzz::machines;

fuzz_target!(|bytes: &[u8]| machines::check(bytes));

//! A driver for a blocking socket, with one thread and no dependency, written by hand.
//!
//! Logs in, pings, closes:
//! `blocking --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
//!
//! The loop is `shared/by_hand.rs`, which the front page of the documentation shows.
//! `xmpp_stream::driver::blocking` is a ready one; `mio.rs` sleeps in one place.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

#[path = "shared/by_hand.rs"]
mod by_hand;
#[path = "shared/conversation.rs"]
mod conversation;
mod shared;

use std::io;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use by_hand::Application;
use conversation::Conversation;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::time::StdClock;
use xmpp_stream::{CloseTcp, Event, Initiator};

impl Application<InitiatorRole> for Conversation {
    fn event(&mut self, event: &Event<'_>) {
        self.event(event);
    }

    fn act(&mut self, machine: &mut Initiator) {
        self.act(machine);
    }
}

/// One connection, from TCP's beginning to its end.
pub(crate) fn run(address: &str, config: Arc<InitiatorConfig>) -> io::Result<CloseTcp> {
    let tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    let clock = StdClock::new();
    let mut machine = Initiator::new(config, clock.now());
    let mut talk = Conversation::new();
    let close = by_hand::run(&mut machine, tcp, clock, &mut talk)?;
    talk.closed(&close);
    Ok(close)
}

fn main() -> ExitCode {
    conversation::main(run)
}

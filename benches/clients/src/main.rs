//! `clients NAME ADDRESS CA LOGINS MESSAGES`: the client NAME logs in as `bob@localhost` LOGINS
//! times, one after the other; in the last login it says `ready` and receives MESSAGES messages.
//! `clients send ADDRESS CA 0 MESSAGES` sends them, as `alice@localhost`. The password is `secret`.

mod ours;
mod tokio_xmpp;

use std::process::exit;

/// What a client is told.
pub struct Task {
    /// Host and port.
    pub address: String,
    /// The file with the certificate of the server's authority.
    pub ca: String,
    pub logins: usize,
    pub messages: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, address, ca, logins, messages] = &arguments[..] else {
        eprintln!("usage: clients NAME ADDRESS CA LOGINS MESSAGES");
        exit(64);
    };
    let task = Task {
        address: address.clone(),
        ca: ca.clone(),
        logins: logins.parse().expect("a number"),
        messages: messages.parse().expect("a number"),
    };
    match &name[..] {
        "ours" => ours::receive(&task, ours::Keys::Derived),
        "ours-keys" => ours::receive(&task, ours::Keys::Kept),
        "tokio-xmpp" => tokio_xmpp::receive(&task),
        "send" => ours::send(&task),
        _ => exit(64),
    }
}

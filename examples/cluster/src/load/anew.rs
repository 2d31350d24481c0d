//! A session that is not resumed: its client binds anew. What it has not acknowledged arrives again, and
//! says that it may be a second copy.

use std::borrow::Cow;
use std::net::TcpStream;
use std::sync::Mutex;

use xmpp_stream::time::StdClock;
use xmpp_stream::{Action, Event, Initiator};

use crate::client::Account;
use crate::cluster::Cluster;
use crate::race::{PATIENCE, drive};
use crate::{Failure, tcp};

/// Whether it was so.
pub fn run(cluster: &Cluster) -> Result<bool, Failure> {
    let nodes = cluster.addresses();
    let carol = Account::new("carol", cluster)?;
    leave_unread(&carol, &nodes[0])?;
    let arrived = Mutex::new(None);
    let mut on_event = |event: &Event<'_>| {
        if let Event::Stanza(stanza) = event {
            let delay = stanza.child("delay", "urn:xmpp:delay");
            let id = stanza.attr("id").map(Cow::into_owned);
            *arrived.lock().expect("no panic") = Some((id, delay.is_some()));
        }
    };
    let clock = StdClock::new();
    let end = clock.now() + PATIENCE;
    let act = |machine: &mut Initiator| {
        let is_over = arrived.lock().expect("no panic").is_some() || clock.now() > end;
        if is_over {
            machine.abort();
        }
        is_over
    };
    drive(&carol, &nodes[1], None, &mut on_event, act)?;
    Ok(arrived.into_inner()? == Some((Some("anew".to_owned()), true)))
}

/// Sends a message to itself, and breaks TCP when it comes back, before it is read.
fn leave_unread(account: &Account, node: &str) -> Result<(), Failure> {
    let mut socket = TcpStream::connect(node)?;
    tcp::prepare(&socket)?;
    let clock = StdClock::new();
    let mut machine = account.machine(None, clock)?;
    let message = format!("<message to='{}' id='anew'/>", account.jid.as_str());
    let (mut is_managed, mut has_sent) = (false, false);
    loop {
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => is_managed |= matches!(event, Event::ManagementEnabled(_)),
            Action::Wait(wait) if has_sent && !wait.write => {
                socket.set_read_timeout(Some(PATIENCE))?;
                socket.peek(&mut [0])?;
                return Ok(());
            }
            Action::Wait(wait) => match machine.session().filter(|_| is_managed && !has_sent) {
                Some(mut session) => {
                    session.send(&message)?;
                    has_sent = true;
                }
                None => tcp::exchange(&mut socket, &mut machine, wait, now)?,
            },
            Action::CloseTcp(close) => return Err(close.reason().to_string().into()),
        }
    }
}

//! tokio-xmpp's client. It trusts the authorities in the file that `SSL_CERT_FILE` names.

use futures::StreamExt;
use tokio_xmpp::connect::DnsConfig;
use tokio_xmpp::jid::Jid;
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, Stanza};

use crate::Task;

pub fn receive(task: &Task) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for login in 1..=task.logins {
            let addr = task.address.clone();
            let jid = Jid::new("bob@localhost/bench").expect("a JID");
            let dns = DnsConfig::Addr { addr };
            let mut client = Client::new_starttls(jid, "secret", dns, Timeouts::default());
            let mut received = 0;
            loop {
                match client.next().await.expect("a stream") {
                    Event::Online { .. } if login == task.logins => println!("ready"),
                    Event::Stanza(Stanza::Message(_)) => received += 1,
                    Event::Disconnected(error) => panic!("{error}"),
                    Event::Online { .. } | Event::Stanza(_) => {}
                }
                if login < task.logins || received >= task.messages {
                    break;
                }
            }
            client.send_end().await.expect("an end");
        }
    });
}

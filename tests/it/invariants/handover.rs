//! Invariant 8: no byte crosses from before TLS into the stream after it, and
//! no knowledge survives a restart (RFC 6120 4.3.3, 5.4.2.3, 5.4.3.3).

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::{EventBuf, Manner};

use crate::harness::configs::decide_anonymous;
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::WireItem;
use crate::harness::{App, Carrier, Harness, Role, Scripted, TlsPair};

const INJECTED: [&str; 6] = [
    "<message from='attacker@localhost'/>",
    " ",
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
     <mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    "</stream:stream>",
    "<half",
    "\u{16}\u{3}\u{3}\u{0}\u{4}abcd",
];

fn before_tls<N: Role>(carrier: Carrier) -> Harness<N, Scripted> {
    let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
    let app: App<N> = Box::new(|machine, _| decide_anonymous(machine));
    Harness::scripted(N::machine(carrier, &tls, None), app)
}

fn texts(input: Vec<WireItem>) -> Vec<String> {
    input
        .into_iter()
        .map(|item| match item {
            WireItem::Text(text) => text,
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn rfc6120_5_4_2_3_what_follows_proceed_is_read_as_tls_and_refused() {
    for version in [TLS12, TLS13] {
        for injected in INJECTED {
            let mut harness = before_tls::<InitiatorRole>(Carrier::StartTls(version));
            let opening = texts(<InitiatorRole as Role>::starttls());
            let (proceed, before) = opening.split_last().unwrap();
            for text in before {
                harness.deliver(text.as_bytes());
            }
            let reported = harness.events.len();
            harness.deliver(format!("{proceed}{injected}").as_bytes());
            harness.run();
            harness.machine.receive_eof();
            for _ in 0..3 {
                harness.transmit(usize::MAX);
                harness.run();
            }
            assert_eq!(harness.events.len(), reported, "{injected}");
            // Five bytes are the header of a record. With fewer, TLS is cut.
            let code = match injected.len() < 5 {
                true => "transport",
                false => "tls",
            };
            assert_eq!(harness.code(), code, "{injected}");
            let handshake = harness.close.unwrap().reason().to_string();
            println!("{injected:?}: {handshake}");
        }
    }
}

#[test]
fn rfc6120_5_4_3_1_bytes_between_starttls_and_proceed_end_the_connection() {
    for version in [TLS12, TLS13] {
        for injected in INJECTED {
            let mut harness = before_tls::<ResponderRole>(Carrier::StartTls(version));
            let opening = texts(<ResponderRole as Role>::starttls());
            harness.deliver(opening[0].as_bytes());
            harness.transmit(usize::MAX);
            let reported = harness.events.len();
            harness.deliver(format!("{}{injected}", opening[1]).as_bytes());
            assert_eq!(harness.code(), "plaintext-after-starttls", "{injected}");
            assert_eq!(harness.close.as_ref().unwrap().manner(), Manner::Abort);
            assert!(harness.machine.transmit().is_empty(), "no <proceed/>");
            assert_eq!(harness.events.len(), reported);
        }
    }
}

/// Prefixes of an earlier header mean nothing on the stream after it.
#[test]
fn rfc6120_4_3_3_no_namespace_survives_a_restart() {
    fn both<N: Role>() {
        for (late, code) in [(false, "not-well-formed"), (true, "open")] {
            let mut harness = before_tls::<N>(Carrier::Plain);
            let mut headers = 0;
            for text in texts(N::login()) {
                let is_header = text.contains("<stream:stream");
                headers += usize::from(is_header);
                let declares = is_header && (headers == 1) != late;
                let (was, is) = (" xml:lang", " xmlns:old='urn:old' xml:lang");
                let text = text.replace(was, if declares { is } else { was });
                assert_eq!(text.contains("urn:old"), declares);
                harness.deliver(text.as_bytes());
            }
            assert!(harness.machine.session().is_some());
            harness.deliver(b"<message><old:x/></message>");
            harness.transmit(usize::MAX);
            harness.run();
            assert_eq!(harness.code(), code, "{}", N::NAME);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// What an attacker sent before TLS is forgotten: `from`, `id` and language of the header, and what
/// the features offered.
#[test]
fn rfc6120_5_4_3_3_what_the_header_said_before_tls_is_forgotten() {
    let forged = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' id='forged' from='attacker.example' \
         version='1.0' xml:lang='xx'>";
    let features = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
         <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
         <mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
    for version in [TLS12, TLS13] {
        let tls = TlsPair::new(version).without_tickets();
        let app: App<InitiatorRole> = Box::new(|machine, _| decide_anonymous(machine));
        let machine = InitiatorRole::machine(Carrier::StartTls(version), &tls, None);
        let mut harness = Harness::scripted(machine, app);
        let opening = texts(<InitiatorRole as Role>::starttls());
        harness.send(forged);
        harness.send(features);
        harness.receive();
        harness.send(opening.last().unwrap());
        harness.start_tls(InitiatorRole::tls_peer(&tls));
        harness.receive();
        // The header inside TLS says nothing of what the forged one said.
        let events = harness.events.len();
        harness.send(
            "<stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
        );
        let [
            EventBuf::StreamOpened {
                id: None,
                from: None,
                lang: None,
                ..
            },
        ] = &harness.events[events..]
        else {
            panic!("{:?}", &harness.events[events..]);
        };
        // Inside TLS nothing is offered that the client could use: it does not fall back on what was
        // offered outside.
        harness.send(
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>X-OTHER</mechanism></mechanisms></stream:features>",
        );
        assert_eq!(harness.receive(), "</stream:stream>");
        harness.finish();
        assert_eq!(harness.code(), "authentication-failed");
    }
}

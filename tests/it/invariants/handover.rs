//! Invariant 8: no byte crosses from before TLS into the stream behind it, and
//! no knowledge survives a restart (RFC 6120 4.3.3, 5.4.2.3, 5.4.3.3).

use xmpp_stream::Manner;
use xmpp_stream::stream::{Initiating, Receiving};

use crate::harness::bench::{Carrier, START, Subject, TlsPair, V12, V13, answer};
use crate::harness::pair::{App, Side};
use crate::harness::scenes::Say;

const INJECTED: [&str; 6] = [
    "<message from='attacker@localhost'/>",
    " ",
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
     <mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    "</stream:stream>",
    "<half",
    "\u{16}\u{3}\u{3}\u{0}\u{4}abcd",
];

fn before_tls<N: Subject>(carrier: Carrier) -> Side<N> {
    let tls = TlsPair::new(carrier.version().unwrap_or(V13)).without_tickets();
    let app: App<N> = Box::new(|machine, _| answer(machine, None));
    Side::new(N::machine(carrier, &tls, None), app)
}

fn texts(says: Vec<Say>) -> Vec<String> {
    says.into_iter()
        .map(|say| match say {
            Say::Text(text) => text,
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn rfc6120_5_4_2_3_what_follows_proceed_goes_to_tls_and_dies_there() {
    for version in [V12, V13] {
        for injected in INJECTED {
            let mut side = before_tls::<Initiating>(Carrier::StartTls(version));
            let said = texts(<Initiating as Subject>::starttls());
            let (proceed, before) = said.split_last().unwrap();
            for text in before {
                side.feed(text.as_bytes(), START);
            }
            let told = side.events.len();
            side.feed(format!("{proceed}{injected}").as_bytes(), START);
            side.drive(START);
            side.machine.receive_eof();
            for _ in 0..3 {
                side.take(usize::MAX);
                side.drive(START);
            }
            assert_eq!(side.events.len(), told, "{injected}");
            assert!(
                ["tls", "transport"].contains(&side.code()),
                "{}",
                side.code()
            );
            let handshake = side.close.unwrap().reason().to_string();
            println!("{injected:?}: {handshake}");
        }
    }
}

#[test]
fn rfc6120_5_4_3_1_bytes_between_starttls_and_proceed_end_the_connection() {
    for version in [V12, V13] {
        for injected in INJECTED {
            let mut side = before_tls::<Receiving>(Carrier::StartTls(version));
            let said = texts(<Receiving as Subject>::starttls());
            side.feed(said[0].as_bytes(), START);
            side.take(usize::MAX);
            let told = side.events.len();
            side.feed(format!("{}{injected}", said[1]).as_bytes(), START);
            assert_eq!(side.code(), "plaintext-after-starttls", "{injected}");
            assert_eq!(side.close.as_ref().unwrap().manner(), Manner::Abort);
            assert!(side.machine.transmit().is_empty(), "no <proceed/>");
            assert_eq!(side.events.len(), told);
        }
    }
}

/// Prefixes of an earlier header mean nothing on the stream behind it.
#[test]
fn rfc6120_4_3_3_no_namespace_survives_a_restart() {
    fn both<N: Subject>() {
        for (late, code) in [(false, "not-well-formed"), (true, "open")] {
            let mut side = before_tls::<N>(Carrier::Plain);
            let mut headers = 0;
            for text in texts(N::login()) {
                let is_header = text.contains("<stream:stream");
                headers += usize::from(is_header);
                let declares = is_header && (headers == 1) != late;
                let (was, is) = (" xml:lang", " xmlns:old='urn:old' xml:lang");
                let text = text.replace(was, if declares { is } else { was });
                assert_eq!(text.contains("urn:old"), declares);
                side.feed(text.as_bytes(), START);
            }
            assert!(side.machine.session().is_some());
            side.feed(b"<message><old:x/></message>", START);
            side.take(usize::MAX);
            side.drive(START);
            assert_eq!(side.code(), code, "{}", N::ROLE);
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// What an attacker said before TLS is forgotten: `from`, `id`, language.
#[test]
fn rfc6120_5_4_3_3_what_the_header_said_before_tls_is_forgotten() {
    let forged = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' id='forged' from='attacker.example' \
         version='1.0' xml:lang='xx'>";
    let mut side = before_tls::<Initiating>(Carrier::StartTls(V13));
    let said = texts(<Initiating as Subject>::starttls());
    for text in [forged, &said[1], &said[2]] {
        side.feed(text.as_bytes(), START);
    }
    side.take(usize::MAX);
    let debug = format!("{:?}", side.machine);
    assert!(
        !debug.contains("forged") && !debug.contains("attacker.example"),
        "{debug}"
    );
}

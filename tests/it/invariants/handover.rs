//! Invariant 8: no byte crosses from before TLS into the stream after it, and
//! no knowledge survives a restart (RFC 6120 4.3.3, 5.4.2.3, 5.4.3.3).

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::stream::Version;
use xmpp_stream::{EventBuf, Manner};

use crate::harness::configs::decide_anonymous;
use crate::harness::phases::{OFFER_ANONYMOUS, PROCEED};
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

/// What an attacker sent before TLS is forgotten: `from`, `id`, language, and the features.
#[test]
fn rfc6120_5_4_3_3_what_the_header_said_before_tls_is_forgotten() {
    const FORGED: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' id='forged' from='localhost' \
         to='attacker@localhost' version='1.0' xml:lang='xx'>";
    const BARE: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    let offer = |name: &str| OFFER_ANONYMOUS.replace("ANONYMOUS", name);
    for version in [TLS12, TLS13] {
        for (before, after, is_used) in [
            ("ANONYMOUS", "X-NONE", false),
            ("X-NONE", "ANONYMOUS", true),
            ("ANONYMOUS", "ANONYMOUS", true),
        ] {
            let carrier = Carrier::StartTls(version);
            let mut harness = before_tls::<InitiatorRole>(carrier);
            let tls = TlsPair::new(version).without_tickets();
            harness.send(FORGED);
            let starttls = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
            harness.send(offer(before).replacen("<stream:features>", starttls, 1));
            harness.receive();
            harness.send(PROCEED);
            harness.start_tls(InitiatorRole::tls_peer(&tls));
            // Our new header, and nothing that only features could have caused.
            let header = harness.receive();
            assert_eq!(header.matches('<').count(), 2, "{header}");
            assert_eq!(harness.answer_to(BARE), "", "{before} {after}");
            assert_eq!(
                harness.events.last(),
                Some(&EventBuf::StreamOpened {
                    id: None,
                    from: None,
                    to: None,
                    lang: None,
                    version: Version::XMPP_1_0,
                })
            );
            let answer = harness.answer_to(&offer(after));
            assert_eq!(
                answer.contains("<auth "),
                is_used,
                "{before} {after}: {answer}"
            );
        }
    }
}

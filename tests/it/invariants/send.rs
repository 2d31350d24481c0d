//! Invariant 9: `send` is all or nothing, and cannot open, close or restart
//! the stream.

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::{Initiator, Responder, SendError, Ticket};

use crate::harness::configs::{client, server};
use crate::harness::hostile_tls::record_len;
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::message;
use crate::harness::{
    Carrier, Harness, HostileTls, Pair, Rng, Role, START, Scheduled, Scripted, TlsPair,
};

/// No element, more than one, or none of the application's.
const REFUSED: [&str; 44] = [
    "",
    " ",
    "text",
    "<",
    "<message",
    "<message>",
    "<message><body>",
    "</message>",
    "</stream:stream>",
    "<message></body>",
    "<message></stream:stream>",
    "<message/></stream:stream>",
    "<message/><message/>",
    "<message/> ",
    " <message/>",
    "\n<message/>",
    "<message/>text",
    "<message/><!---->",
    "<!----><message/>",
    "<message><!----></message>",
    "<?xml version='1.0'?>",
    "<?xml version='1.0'?><message/>",
    "<message><?target?></message>",
    "<!DOCTYPE message><message/>",
    "<![CDATA[<message/>]]>",
    "<stream:stream>",
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<stream:stream/>",
    "<stream:error/>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<stream:features/>",
    "<error xmlns='http://etherx.jabber.org/streams'/>",
    "<e:error xmlns:e='http://etherx.jabber.org/streams'/>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<message>&undeclared;</message>",
    "<message>]]></message>",
    "<message>\u{0}</message>",
    "<undeclared:message/>",
    "<message id='1' id='2'/>",
    "<message id='<'/>",
    "<message xmlns:p=''/>",
];

const ACCEPTED: [&str; 8] = [
    "<message/>",
    "<message to='a@b/c' xml:lang='de'><body>&lt;/stream:stream&gt; &#x1F600;</body></message>",
    "<message xmlns='jabber:client'><body><![CDATA[</stream:stream>]]></body></message>",
    "<presence></presence>",
    "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<sm:a xmlns:sm='urn:xmpp:sm:3' h='3'/>",
    "<message><stream:error/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></message>",
];

fn each<N: Role>(check: &dyn Fn(&mut Harness<N, Scheduled>)) {
    for carrier in Carrier::ALL {
        let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
        let mut harness = Harness::<N, Scheduled>::established(carrier, &tls);
        check(&mut harness);
    }
}

#[test]
fn what_is_no_single_element_is_refused_and_changes_nothing() {
    fn both<N: Role>() {
        each::<N>(&|harness| {
            let machine = &mut harness.machine;
            let mut last: Option<Ticket> = None;
            for text in REFUSED {
                let before = format!("{machine:?}");
                let free = machine.session().unwrap().capacity();
                let error = machine.session().unwrap().send(text).expect_err(text);
                let expected = text.contains("etherx") && !text.contains("<stream:stream ")
                    || text.contains("xmpp-tls")
                    || text.contains("xmpp-sasl")
                    || ["<stream:error", "<stream:features/>", "<stream:stream/>"]
                        .iter()
                        .any(|start| text.starts_with(start));
                assert_eq!(error == SendError::Reserved, expected, "{text}: {error}");
                assert_eq!(machine.session().unwrap().capacity(), free);
                // `Debug` leaves the checker's working memory out.
                assert_eq!(format!("{machine:?}"), before, "{text}");
                assert!(machine.transmit().is_empty());
                // What follows is not touched by it.
                let ticket = machine.session().unwrap().send("<presence/>").unwrap();
                assert!(last.is_none_or(|last| last < ticket));
                last = Some(ticket);
                transmit_all(machine);
            }
        });
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn a_refusal_says_what_is_wrong_and_where_in_the_text() {
    each::<InitiatorRole>(&|harness| {
        let mut session = harness.machine.session().unwrap();
        let mut said = |text| session.send(text).unwrap_err().to_string();
        assert_eq!(
            said("<message/>\n"),
            "not exactly one element, at byte 10 of the text"
        );
        assert_eq!(
            said("<message>a & b</message>"),
            "bare ampersand, at byte 11 of the text"
        );
    });
}

fn transmit_all<N: Role>(machine: &mut xmpp_stream::Connection<N>) {
    let now = crate::harness::START;
    assert!(matches!(machine.poll(now), xmpp_stream::Action::Wait(_)));
    let n = machine.transmit().len();
    assert!(n > 0);
    machine.transmitted(n);
    assert!(matches!(machine.poll(now), xmpp_stream::Action::Wait(_)));
}

#[test]
fn what_may_be_received_may_be_sent_and_what_never_fits_is_told_apart() {
    fn both<N: Role>() {
        let tls = TlsPair::new(TLS13).without_tickets();
        let mut stream = Harness::<N, Scripted>::established(
            N::machine(Carrier::DirectTls(TLS13), &tls, None),
            &tls,
            4096,
        );
        stream.receive();
        let mut session = stream.machine.session().unwrap();
        let most = session.capacity();
        assert!(most > Limits::server().outbox_bytes());
        let longest = format!("<message>{}</message>", "x".repeat(most - 19));
        let longer = format!("<message>{}</message>", "x".repeat(most - 18));
        assert_eq!(session.send(&longer), Err(SendError::TooLong { most }));
        session.send(&longest).unwrap();
        // Now it has to wait for room, and the other one still never fits.
        assert_eq!(session.send(&longest), Err(SendError::Full { capacity: 0 }));
        assert_eq!(session.send(&longer), Err(SendError::TooLong { most }));
        stream.exchange();
        assert_eq!(stream.receive(), longest);
        assert_eq!(stream.machine.session().unwrap().capacity(), most);
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn a_writer_that_fails_half_way_sends_nothing() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut stream = Harness::<N, Scripted>::established(
                N::machine(Carrier::DirectTls(version), &tls, None),
                &tls,
                4096,
            );
            stream.receive();
            let mut session = stream.machine.session().unwrap();
            session.send("<message id='a'/>").unwrap();
            let failed = session.send_with(|out| {
                out.write_str("<message id='lost'>")?;
                Err(std::fmt::Error)
            });
            assert_eq!(failed, Err(SendError::Write));
            // Too much, and the writer does not care.
            let free = session.capacity();
            let full = session.send_with(|out| {
                out.write_str("<message>")?;
                for _ in 0..free {
                    let _ignored = out.write_char('x');
                }
                let _ignored = out.write_str("</message>");
                Ok(())
            });
            assert_eq!(full, Err(SendError::Full { capacity: free }));
            // To the byte.
            let exact = format!("<message>{}</message>", "x".repeat(free - 19));
            assert_eq!(exact.len(), free);
            let more = format!("<message>{}</message>", "x".repeat(free - 18));
            assert_eq!(session.send(&more), Err(SendError::Full { capacity: free }));
            session.send(&exact).unwrap();
            assert_eq!(session.capacity(), 0);
            assert_eq!(session.send("<iq/>"), Err(SendError::Full { capacity: 0 }));
            assert_eq!(session.keepalive(), Err(SendError::Full { capacity: 0 }));
            stream.exchange();
            let text = stream.receive();
            assert_eq!(text, format!("<message id='a'/>{exact}"));
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// Tickets are flushed with the last byte of their record, not before.
#[test]
fn a_ticket_is_flushed_with_its_last_byte() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut harness = Harness::<N, HostileTls>::established(&tls, version);
            let mut session = harness.machine.session().unwrap();
            let before = session.flushed();
            let tickets: Vec<_> = (0..5).map(|n| session.send(&message(n)).unwrap()).collect();
            assert_eq!(session.flushed(), before);
            harness.run();
            for ticket in &tickets {
                let last = harness.machine.session().unwrap().flushed();
                assert!(last < Some(*ticket));
                let record = record_len(harness.machine.transmit()).unwrap();
                for byte in 1..=record {
                    harness.machine.transmitted(1);
                    let flushed = harness.machine.session().unwrap().flushed();
                    let expected = if byte == record { Some(*ticket) } else { last };
                    assert_eq!(flushed, expected, "{byte} of {record}");
                }
            }
            assert!(harness.machine.transmit().is_empty());
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

fn pair() -> Pair {
    let mut pair = Pair::connect(
        Initiator::new(client(None), START),
        Responder::new(server(None), START),
    );
    pair.exchange();
    pair
}

/// Sends `text`; if it is taken, the other side must report exactly this
/// one element, or refuse it by itself. Says whether it was taken.
fn try_out(pair: &mut Pair, text: &str) -> bool {
    let reported = pair.peer.events.len();
    let sent = pair.machine.session().unwrap().send(text);
    pair.exchange();
    let news = &pair.peer.event_lines()[reported..];
    if sent.is_err() {
        assert!(news.is_empty(), "{text}: {news:?}");
    } else {
        let stanza = [format!("stanza {text}")];
        let element = [format!("element {text}")];
        assert!(news == stanza || news == element, "{text}: {news:?}");
    }
    assert_eq!(pair.peer.code(), "open", "{text}");
    assert!(pair.peer.machine.session().is_some(), "{text}");
    sent.is_ok()
}

#[test]
fn what_is_sent_is_one_element_to_the_other_side() {
    let mut pair = pair();
    for text in ACCEPTED {
        assert!(try_out(&mut pair, text), "{text}");
    }
    for text in REFUSED {
        assert!(!try_out(&mut pair, text), "{text}");
    }
}

/// Any patchwork of these: if it is taken, it is one element.
#[test]
fn no_sequence_of_fragments_is_sent_as_more_or_less_than_one_element() {
    const PATCHES: [&str; 24] = [
        "<message>",
        "</message>",
        "<message/>",
        "</stream:stream>",
        "<stream:error>",
        "</stream:error>",
        "text",
        " ",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml version='1.0'?>",
        "<x xmlns='urn:x'>",
        "</x>",
        "&amp;",
        "&",
        "<",
        ">",
        "'",
        "<p:y xmlns:p='urn:y'>",
        "</p:y>",
        "<iq id='1'",
        "/>",
    ];
    let mut pair = pair();
    let (mut taken, seed) = (0, 20_260_801);
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let mut text = String::new();
    for _ in 0..60_000 {
        text.clear();
        if rng.below(2) == 0 {
            text.push_str("<message>");
        }
        for _ in 0..rng.below(6) {
            let patch: &&str = rng.pick(&PATCHES);
            text.push_str(patch);
        }
        if rng.below(2) == 0 {
            text.push_str("</message>");
        }
        taken += usize::from(try_out(&mut pair, &text));
        pair.sent.clear();
        pair.peer.events.clear();
    }
    println!("{taken} taken");
    assert!(taken > 1_000, "{taken}");
}

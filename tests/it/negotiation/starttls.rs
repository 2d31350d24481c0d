//! STARTTLS and direct TLS (RFC 6120 5, XEP-0368).

use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection};
use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::{Password, Username};
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{Action, Initiator, Manner, Responder};

use crate::harness::configs::{FIXED, alice, decide};
use crate::harness::phases::{
    CLIENT_HEADER, FOOTER, OFFER_ANONYMOUS, OFFER_STARTTLS, PROCEED, Phase, SERVER_HEADER,
    STARTTLS, initiator, initiator_at, initiator_with, peer_server, responder, responder_at,
};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, name, pki};
use crate::harness::{Carrier, Harness, START, Scripted};

const FAILURE: &str = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

#[test]
fn rfc7590_3_1_starttls_is_requested_even_if_it_is_not_offered() {
    for offer in ["<stream:features/>", OFFER_ANONYMOUS, OFFER_STARTTLS] {
        let mut harness = initiator(Carrier::StartTls(TLS13));
        harness.receive();
        harness.send(SERVER_HEADER);
        harness.send(offer);
        assert_eq!(harness.receive(), STARTTLS, "{offer}");
        // 6120-5.4.2.2-7
        harness.send(FAILURE);
        assert_eq!(harness.receive(), FOOTER);
        harness.finish();
        assert_eq!(harness.end(), ("starttls-refused", Manner::Graceful));
        let close = harness.machine.take_close().unwrap();
        let expected = match offer {
            OFFER_STARTTLS => "STARTTLS was refused",
            _ => "STARTTLS was not offered",
        };
        assert_eq!(close.reason().to_string(), expected, "{offer}");
    }
}

#[test]
fn rfc6120_5_4_2_2_1_a_server_that_has_no_tls_closes_the_stream_itself() {
    let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
    harness.send([FAILURE, FOOTER].concat());
    assert_eq!(harness.receive(), FOOTER);
    assert_eq!(harness.end(), ("starttls-refused", Manner::Graceful));
}

#[test]
fn rfc6120_5_4_2_2_4_starttls_that_was_not_offered_fails() {
    let plain = [Phase::Opened, Phase::Binding, Phase::Established];
    let phases = plain.map(|at| (Carrier::Plain, at)).into_iter().chain([
        (Carrier::StartTls(TLS13), Phase::Opened),
        (Carrier::StartTls(TLS13), Phase::Established),
        // XEP-0368-tls
        (Carrier::DirectTls(TLS13), Phase::Opened),
    ]);
    for (carrier, at) in phases {
        let mut harness = responder_at(carrier, at);
        harness.send(STARTTLS);
        assert_eq!(
            harness.receive(),
            [FAILURE, FOOTER].concat(),
            "{carrier:?} {at:?}"
        );
        harness.finish();
        assert_eq!(
            harness.end(),
            ("starttls-refused", Manner::Graceful),
            "{carrier:?} {at:?}"
        );
    }
}

#[test]
fn rfc6120_5_4_2_2_3_malformed_starttls_fails() {
    let phases = [
        (Carrier::StartTls(TLS13), Phase::BeforeTls),
        // Nor where it was not offered.
        (Carrier::Plain, Phase::Opened),
        (Carrier::StartTls(TLS13), Phase::Opened),
        (Carrier::StartTls(TLS13), Phase::Established),
    ];
    for (carrier, at) in phases {
        for content in CONTENTS {
            for chunk in [usize::MAX, 1] {
                let mut harness = responder_at(carrier, at);
                harness.chunk = chunk;
                let events = harness.events.len();
                harness.send(filled("starttls", content));
                let about = format!("{carrier:?} {at:?} {content:?} {chunk}");
                assert_eq!(harness.receive(), [FAILURE, FOOTER].concat(), "{about}");
                // What follows is not heeded, a good one least of all.
                harness.send([STARTTLS, "<message/>"].concat());
                assert_eq!(harness.receive(), "", "{about}");
                assert_eq!(harness.events_since(events), [""; 0], "{about}");
                harness.finish();
                assert_eq!(
                    harness.end(),
                    ("starttls-refused", Manner::Graceful),
                    "{about}"
                );
            }
        }
    }
}

/// 6120-5.3.3-1 forbids white space around the elements, not in them.
#[test]
fn starttls_may_have_white_space_an_end_tag_and_unknown_attributes() {
    for content in BLANKS {
        for chunk in [usize::MAX, 1] {
            let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
            harness.chunk = chunk;
            harness.send(filled("starttls", content));
            assert_eq!(harness.receive(), PROCEED, "{content:?} {chunk}");
            let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
            harness.chunk = chunk;
            harness.send(filled("proceed", content));
            // A record of the handshake: ClientHello.
            assert_eq!(harness.receive_bytes()[0], 22, "{content:?} {chunk}");
        }
    }
}

/// With content it is not what was waited for: no TLS is begun, and nothing
/// that stands in it or after it acts.
#[test]
fn a_proceed_with_content_does_not_begin_tls() {
    let refused = "<stream:error><unsupported-stanza-type \
                   xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    for content in CONTENTS {
        for following in ["", PROCEED, OFFER_ANONYMOUS, "\u{16}\u{3}\u{3}"] {
            for chunk in [usize::MAX, 1] {
                let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
                harness.chunk = chunk;
                let events = harness.events.len();
                harness.send([&filled("proceed", content), following].concat());
                let about = format!("{content:?} {following:?} {chunk}");
                assert_eq!(harness.receive(), refused, "{about}");
                assert!(harness.machine.tls().is_none(), "{about}");
                assert_eq!(harness.events_since(events), [""; 0], "{about}");
                harness.run_until_closed();
                assert_eq!(harness.receive(), "", "{about}");
                assert_eq!(harness.end(), ("stream-error", Manner::Graceful), "{about}");
            }
        }
    }
}

/// What makes a command malformed.
const CONTENTS: [&str; 6] = [
    "<required/>",
    "<x xmlns='u'/>",
    "now",
    " . ",
    "&#48;",
    "<![CDATA[<]]>",
];

/// What does not.
const BLANKS: [&str; 5] = ["", " ", "\r\n\t", "&#x20;", "<![CDATA[ ]]>"];

/// An element of STARTTLS with that inside, and unknown attributes.
fn filled(name: &str, content: &str) -> String {
    let tls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
    format!("<{name} {tls} xmlns:a='u' a:required='true' version='2'>{content}</{name}>")
}

#[test]
fn rfc6120_5_4_2_2_5_a_host_without_a_certificate_fails() {
    // The application answers with the host; a single host without one is refused by `build`.
    let config = ResponderConfig::server(&FIXED).starttls().build().unwrap();
    let machine = Responder::new(config, START);
    let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
    harness.send(CLIENT_HEADER);
    harness.receive();
    harness.send(STARTTLS);
    assert_eq!(harness.receive(), [FAILURE, FOOTER].concat());
    assert_eq!(harness.end(), ("internal", Manner::Graceful));
}

/// 6120-5.4.3.1-1: what stands after `<starttls/>` before `<proceed/>` was
/// written ends the connection, and nothing more is sent.
#[test]
fn rfc6120_5_4_3_1_1_plaintext_in_the_segment_of_starttls_aborts() {
    for following in [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        "<",
        " ",
        "\n",
        "\u{16}\u{3}\u{1}",
        CLIENT_HEADER,
        FOOTER,
    ] {
        let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
        harness.send([STARTTLS, following].concat());
        assert_eq!(harness.receive(), "", "{following:?}");
        assert_eq!(
            harness.end(),
            ("plaintext-after-starttls", Manner::Abort),
            "{following:?}"
        );
    }
}

/// The same in the next segment, or byte by byte: `<proceed/>` is out by then,
/// and the first byte tells XML from TLS.
#[test]
fn plaintext_in_the_segment_after_starttls_has_the_same_reason() {
    for following in [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        " <message/>",
        "\n",
        "\t",
        "<",
        CLIENT_HEADER,
        "\u{feff}",
    ] {
        for chunk in [usize::MAX, 1] {
            let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
            harness.chunk = chunk;
            harness.send(STARTTLS);
            assert_eq!(harness.receive(), PROCEED);
            harness.send(following);
            assert_eq!(harness.receive(), "", "{following:?}");
            assert_eq!(
                harness.end(),
                ("plaintext-after-starttls", Manner::Abort),
                "{following:?}"
            );
        }
        // Through the window, too.
        let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
        harness.send(STARTTLS);
        harness.receive();
        let window = harness.machine.receive_window();
        window[..following.len()].copy_from_slice(following.as_bytes());
        harness.machine.received(following.len());
        harness.exchange();
        assert_eq!(harness.receive(), "");
        assert_eq!(
            harness.end(),
            ("plaintext-after-starttls", Manner::Abort),
            "{following:?}"
        );
    }
}

/// A record that is none, or an alert, is TLS's business (6120-5.4.3.2-2).
#[test]
fn rfc6120_5_4_3_2_2_a_failed_handshake_ends_without_xml() {
    for record in [
        &[22, 3, 1, 0, 4, 1, 0, 0, 0][..],
        &[22, 3, 1, 0xff, 0xff, 0],
        &[21, 3, 3, 0, 2, 2, 40],
        &[23, 3, 3, 0, 1, 0],
        &[20, 3, 3, 0, 1, 7],
    ] {
        let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
        harness.send(STARTTLS);
        assert_eq!(harness.receive(), PROCEED);
        harness.send_bytes(record);
        // Phase most an alert.
        assert!(!harness.receive().contains('<'), "{record:?}");
        harness.run_until_closed();
        assert_eq!(harness.end().0, "tls", "{record:?}");
    }
}

/// 6120-5.4.2.3-2, 6120-5.4.3.1-1: TLS refuses it, and it has no effect.
#[test]
fn rfc6120_5_4_2_3_2_what_is_injected_after_proceed_has_no_effect() {
    let injected = [
        SERVER_HEADER,
        OFFER_ANONYMOUS,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        FOOTER,
        " ",
    ];
    for injected in injected {
        for glued in [true, false] {
            let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
            let events = harness.events.len();
            if glued {
                harness.send([PROCEED, injected].concat());
            } else {
                harness.send(PROCEED);
                harness.send(injected);
            }
            // A server goes on as if nothing had happened.
            hand_over(&mut harness, peer_server(TLS13));
            let reported = harness.events_since(events);
            assert_eq!(reported, [""; 0], "{injected}");
            harness.fin();
            harness.run_until_closed();
            assert_eq!(harness.end().0, "tls", "{injected}");
        }
    }
}

/// One flight of a server's handshake, to a client that may be beyond it.
fn hand_over(
    harness: &mut Harness<xmpp_stream::connection::InitiatorRole, Scripted>,
    server: ServerConnection,
) {
    let mut server = rustls::Connection::from(server);
    let hello = harness.receive_bytes();
    let _broken = server.read_tls(&mut hello.as_slice());
    let _broken = server.process_new_packets();
    let mut flight = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut flight).unwrap();
    }
    if harness.close.is_none() {
        harness.send_bytes(&flight);
    }
    assert!(!String::from_utf8_lossy(&harness.receive_bytes()).contains("stream"));
}

#[test]
fn rfc6120_5_4_3_3_8_starttls_offered_inside_tls_is_ignored() {
    let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::Opened);
    harness.send(
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
         <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism>\
         </mechanisms></stream:features>",
    );
    assert!(harness.receive().starts_with("<auth "));
    let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::Opened);
    harness.send(OFFER_STARTTLS);
    assert_eq!(harness.receive(), FOOTER);
}

/// 6120-13.7.2.1-1, 6120-5.4.3.2-2.
#[test]
fn rfc6120_13_7_2_1_1_a_certificate_that_does_not_fit_ends_in_tls() {
    for (leaf, detail) in [
        (Leaf::WrongHost, "certificate-name-mismatch"),
        (Leaf::Expired, "certificate-expired"),
        (Leaf::Untrusted, "certificate-unknown-issuer"),
    ] {
        let setup = Setup::new(Crypto::Ring, TLS13);
        let config = Arc::new(pki().server(&setup, leaf));
        let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
        harness.send(PROCEED);
        hand_over(&mut harness, ServerConnection::new(config).unwrap());
        harness.run_until_closed();
        assert_eq!(harness.end().0, "tls");
        let reported = harness.closed().reason().to_string();
        assert!(reported.contains(detail), "{reported}");
    }
}

#[test]
fn xep0368_direct_tls_names_its_protocol_and_host() {
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let mut config = pki().server(&setup, Leaf::Valid);
        config.alpn_protocols = vec![b"h2".to_vec(), b"xmpp-client".to_vec()];
        let mut harness = initiator_with(Carrier::DirectTls(version), |config| {
            config.credentials(Credentials::External { authzid: None })
        });
        harness.start_tls(ServerConnection::new(Arc::new(config)).unwrap());
        let tls = harness.machine.tls().unwrap();
        assert_eq!(tls.alpn(), Some(&b"xmpp-client"[..]));
        assert!(harness.receive().contains(" from='alice@localhost'"));

        let mut config = pki().client(&setup);
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        let mut harness = responder(Carrier::DirectTls(version));
        harness.start_tls(ClientConnection::new(Arc::new(config), name("localhost")).unwrap());
        let tls = harness.machine.tls().unwrap();
        assert_eq!(tls.alpn(), Some(&b"xmpp-client"[..]));
        assert_eq!(tls.server_name(), Some("localhost"));
        harness.send(CLIENT_HEADER);
        // XEP-0368-tls
        assert!(!harness.receive().contains("starttls"));
    }
}

#[test]
fn xep0368_a_client_of_another_protocol_is_refused() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    let mut config = pki().client(&setup);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = ClientConnection::new(Arc::new(config), name("localhost")).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut harness = responder(Carrier::DirectTls(TLS13));
    harness.send_bytes(&hello);
    harness.run_until_closed();
    assert_eq!(harness.end().0, "tls");
}

/// 6120-5.4.3.2-1: limits hold in the handshake as well.
#[test]
fn an_endless_handshake_message_ends_in_tls() {
    let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
    harness.send(STARTTLS);
    harness.receive();
    // A ClientHello of 16 MB, in records of 16 KB.
    let mut record = vec![22, 3, 1, 0x40, 0];
    record.resize(5 + 0x4000, 0);
    record[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    let bound = Limits::server().memory_bound();
    let mut sent = 0;
    while harness.close.is_none() {
        harness.send_bytes(&record);
        record[5..9].fill(0);
        sent += record.len();
        assert!(sent < bound, "no error");
        if harness.close.is_none() && sent > 64 << 10 {
            harness.run_until_closed();
        }
    }
    assert_eq!(harness.end().0, "tls");
}

#[test]
fn direct_tls_of_the_peer_where_starttls_is_expected_is_named() {
    for (first, expected) in [
        (22, "TLS where XML was expected at byte 0 of the stream"),
        (21, "TLS where XML was expected at byte 0 of the stream"),
        (1, "character not allowed in XML at byte 0 of the stream"),
    ] {
        let mut harness = responder(Carrier::StartTls(TLS13));
        let record = [first, 3, 1, 2, 0, 1, 0, 1, 252];
        assert_ne!(harness.machine.receive(&record), 0);
        harness.run();
        harness.advance();
        harness.run_until_closed();
        let close = harness.machine.take_close().unwrap();
        assert_eq!(close.reason().to_string(), expected);
    }
}

#[test]
fn direct_tls_at_a_port_for_starttls_is_named() {
    for answer in ["<?xml version='1.0'?>", SERVER_HEADER] {
        for chunk in [usize::MAX, 1] {
            let setup = Setup::new(Crypto::Ring, TLS13);
            let tls = ClientTls::new(Arc::new(pki().client(&setup)));
            let config = InitiatorConfig::client(&alice())
                .direct_tls(tls)
                .password(
                    Username::ascii("alice").unwrap(),
                    Password::ascii("secret").unwrap(),
                )
                .build()
                .unwrap();
            let mut machine = Initiator::new(config, START);
            let close = loop {
                match machine.poll(START) {
                    Action::Event(event) => panic!("{event:?}"),
                    Action::CloseTcp(close) => break close.clone(),
                    Action::Wait(_) => {}
                }
                machine.transmitted(machine.transmit().len());
                for bytes in answer.as_bytes().chunks(chunk) {
                    let _ = machine.receive(bytes);
                }
            };
            assert_eq!(
                close.reason().to_string(),
                "XML where TLS was expected: the port is not for direct TLS"
            );
        }
    }
}

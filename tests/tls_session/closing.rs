//! close_notify in both directions (RFC 8446 6.1), and its absence.

use xmpp_stream::tls::{SealError, Step};

use crate::common::hostile_tls::{
    ALERT, CLOSE_NOTIFY, DATA, HANDSHAKE, KEY_UPDATE, KEY_UPDATE_REQUEST,
};
use crate::common::pki::{Crypto, Leaf, Setup, TLS12, TLS13, pki};
use crate::common::tls_driver::Feed;
use crate::{Role, client, everywhere, pair, server};

#[test]
fn the_peer_s_close_notify_ends_reading_and_not_writing() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        assert!(!driver.session.peer_closed());
        let bytes = [peer.seal(DATA, b"last"), peer.seal(ALERT, &CLOSE_NOTIFY)].concat();
        assert_eq!(driver.receive(&bytes), Step::PeerClosed);
        assert_eq!(driver.text, b"last");
        assert!(driver.session.peer_closed());
        driver.seal(b"still here").unwrap();
        driver.session.close(&mut driver.out);
        assert_eq!(driver.seal(b"x"), Err(SealError::Closed));
        let out = driver.take_out();
        assert_eq!(
            peer.open(&out),
            [
                (DATA, b"still here".to_vec()),
                (ALERT, CLOSE_NOTIFY.to_vec())
            ]
        );
    });
}

#[test]
fn our_close_notify_goes_out_once_and_ends_writing() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        driver.session.close(&mut driver.out);
        driver.session.close(&mut driver.out);
        assert_eq!(driver.seal(b"x"), Err(SealError::Closed));
        let out = driver.take_out();
        assert_eq!(peer.open(&out), [(ALERT, CLOSE_NOTIFY.to_vec())]);
        // Text that comes now has no reader; the peer's close_notify is seen.
        let text = peer.seal(DATA, b"too late");
        assert_eq!(driver.receive(&text), Step::NeedMore);
        assert!(!driver.session.peer_closed());
        let close = peer.seal(ALERT, &CLOSE_NOTIFY);
        assert_eq!(driver.receive(&close), Step::PeerClosed);
        assert!(driver.session.peer_closed());
        assert!(driver.text.is_empty());
        assert!(driver.out.is_empty());
    });
}

/// The stream was cut if TCP ends here.
#[test]
fn a_cut_stream_has_no_close_notify() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        let mut bytes = peer.seal(DATA, b"all I got");
        bytes.extend(peer.seal(ALERT, &CLOSE_NOTIFY));
        bytes.pop();
        assert_eq!(driver.receive(&bytes), Step::NeedMore);
        assert_eq!(driver.text, b"all I got");
        assert!(!driver.session.peer_closed());
    });
}

#[test]
fn a_handshake_given_up_says_nothing() {
    everywhere(|setup, role, feed| {
        let mut driver = match role {
            Role::Client => client(pki().client(setup), feed),
            Role::Server => server(pki().server(setup, Leaf::Valid), feed),
        };
        driver.take_out();
        driver.session.close(&mut driver.out);
        assert!(driver.out.is_empty());
        assert!(!driver.session.is_handshaking());
        assert_eq!(driver.seal(b"x"), Err(SealError::Closed));
        assert_eq!(
            driver.receive(&[22, 3, 3, 0, 4, 1, 0, 0, 0]),
            Step::NeedMore
        );
        assert!(driver.out.is_empty());
    });
}

/// Fragments of a message wait in the buffer, which must be shown to the
/// library at every call, whatever the call is for.
#[test]
fn sealing_and_closing_work_with_half_a_message_received() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        for feed in Feed::ALL {
            let (mut driver, mut peer) = pair(&setup, role, feed);
            peer.turn();
            let half = peer.seal(HANDSHAKE, &KEY_UPDATE[..2]);
            assert_eq!(driver.receive(&half), Step::NeedMore);
            driver.seal(b"text").unwrap();
            driver.session.close(&mut driver.out);
            let out = driver.take_out();
            assert_eq!(
                peer.open(&out),
                [(DATA, b"text".to_vec()), (ALERT, CLOSE_NOTIFY.to_vec())]
            );
        }
    }
}

/// RFC 8446 4.6.3: the peer asked for new keys.
#[test]
fn a_key_update_owed_goes_in_front_of_what_is_sent_next() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        for closing in [false, true] {
            let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
            peer.turn();
            let request = peer.seal(HANDSHAKE, &KEY_UPDATE_REQUEST);
            assert_eq!(driver.receive(&request), Step::NeedMore);
            assert!(driver.out.is_empty());
            if closing {
                driver.session.close(&mut driver.out);
            } else {
                driver.seal(b"text").unwrap();
            }
            // The first record is under the old keys, the second is not.
            let first = 5 + 5 + 1 + 16;
            let out = driver.take_out();
            assert_eq!(peer.open(&out[..first]), [(HANDSHAKE, KEY_UPDATE.to_vec())]);
            assert!(out.len() > first);
            let counters = driver.session.counters();
            assert_eq!(counters.key_updates_sent, 1);
            assert_eq!(counters.key_updates_received, 1);
            assert_eq!((counters.records_sent, counters.records_received), (1, 0));
        }
    }
}

/// In TLS 1.2 a warning is not the end, and an alert before the handshake is
/// complete is not close_notify.
#[test]
fn a_fatal_alert_is_a_failure_of_the_peer_s() {
    for version in [TLS12, TLS13] {
        for role in Role::BOTH {
            let setup = Setup::new(Crypto::Ring, version);
            let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
            peer.turn();
            let alert = peer.seal(ALERT, &[2, 80]);
            let Step::Failed(failure) = driver.receive(&alert) else {
                panic!("no failure");
            };
            assert_eq!(failure.code(), "alert-received");
            assert_eq!(
                failure.to_string(),
                "the peer sent the TLS alert internal_error"
            );
            assert!(!failure.alert_sent());
            assert!(driver.out.is_empty());
            assert!(!driver.session.peer_closed());
        }
    }
}

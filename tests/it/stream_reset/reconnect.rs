//! The connection after a reset: nothing of the TLS session before it comes
//! back, at the first reconnect or the second (RFC 6120 4.9.3.16). After an
//! ordinary loss sessions are resumed (3.3).

use std::sync::Arc;

use rustls::client::Resumption as Store;
use rustls::crypto::ring::Ticketer;
use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::reset::{
    Connect, Disconnect, Outcome, Plan, Planner, PlannerConfig, ResetCause, Side,
};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, HandshakeKind, ServerTls};
use xmpp_stream::{CloseReason, EventBuf, Initiator, Responder};

use crate::harness::configs::{FIXED, alice, anonymous_host, decide_anonymous};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{Pair, START, TlsPair};

fn store() -> Store {
    Store::in_memory_sessions(16)
}

/// A client with a planner, and the server it connects to.
struct PlannedClient {
    config: Arc<InitiatorConfig>,
    server: Arc<ResponderConfig>,
    planner: Planner,
    now: Instant,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Loss,
    ResetByUs,
    ResetByPeer,
}

impl PlannedClient {
    fn new(tls: &TlsPair) -> Self {
        let mut client = tls.client.clone();
        client.resumption = store();
        let config = InitiatorConfig::client(&alice())
            .direct_tls(ClientTls::new(Arc::new(client)))
            .session_store_after_reset(store)
            .credentials(Credentials::Anonymous)
            .random(&FIXED)
            .build()
            .unwrap();
        let server = ResponderConfig::server(&FIXED)
            .single_host(anonymous_host(None, None))
            .direct_tls(ServerTls::new(Arc::new(tls.server.clone())).tickets(true))
            .build()
            .unwrap();
        Self {
            config,
            server,
            planner: Planner::new(PlannerConfig::new(), &FIXED),
            now: START,
        }
    }

    /// One connection from its beginning to its end; returns what handshake it
    /// was, and has the next one planned.
    fn connect_and_end(&mut self, end: End) -> HandshakeKind {
        let (kind, pair) = self.connect();
        self.end(pair, end);
        kind
    }

    fn connect(&mut self) -> (HandshakeKind, Pair) {
        let mut pair = Pair::connect(
            Initiator::new(self.config.clone(), self.now),
            Responder::new(self.server.clone(), self.now),
        );
        pair.peer.app = Box::new(|machine, _| decide_anonymous(machine));
        pair.now = self.now;
        pair.exchange();
        assert!(pair.machine.session().is_some());
        assert_eq!(
            self.planner.next(self.now, Outcome::Established),
            Plan::Keep
        );
        (kind(&pair), pair)
    }

    fn end(&mut self, mut pair: Pair, end: End) {
        match end {
            End::Loss => {
                pair.machine.transport_failed();
                pair.peer.machine.transport_failed();
            }
            End::ResetByUs => pair
                .machine
                .session()
                .unwrap()
                .reset(ResetCause::KeyRefresh),
            End::ResetByPeer => pair
                .peer
                .machine
                .session()
                .unwrap()
                .reset(ResetCause::KeyRefresh),
        }
        pair.finish();
        let close = pair.close.expect("closed");
        let ended = match close.reason() {
            CloseReason::Reset { by, cause } => {
                assert_eq!(*by == Side::Us, end == End::ResetByUs);
                Disconnect::Reset {
                    by: *by,
                    cause: cause.unwrap_or(ResetCause::Other),
                }
            }
            CloseReason::Transport(_) => Disconnect::Lost,
            other => panic!("{other}"),
        };
        self.plan(Outcome::Closed(ended), pair.now);
    }

    fn plan(&mut self, outcome: Outcome, now: Instant) {
        let Plan::Connect(connect) = self.planner.next(now, outcome) else {
            panic!("gives up");
        };
        self.follow(&connect);
    }

    fn follow(&mut self, connect: &Connect) {
        self.config = self.config.for_reconnect(connect);
        self.now = connect.at;
    }
}

fn kind(pair: &Pair) -> HandshakeKind {
    let kinds = |events: &[EventBuf]| {
        let mut kinds = events.iter().filter_map(|event| match event {
            EventBuf::TlsEstablished(info) => Some(info.handshake()),
            _ => None,
        });
        kinds.next().unwrap()
    };
    let kind = kinds(&pair.events);
    assert_eq!(kind, kinds(&pair.peer.events));
    kind
}

fn each(check: &dyn Fn(&TlsPair, Version)) {
    for version in [TLS12, TLS13] {
        for stateless in [false, true] {
            let mut tls = TlsPair::new(version);
            if stateless {
                tls.server.ticketer = Ticketer::new().unwrap();
            }
            check(&tls, version);
        }
    }
}

use HandshakeKind::{Full, Resumed};

#[test]
fn rfc6120_3_3_sessions_are_resumed_after_an_ordinary_loss() {
    each(&|tls, _| {
        let mut client = PlannedClient::new(tls);
        let kinds = [(); 3].map(|()| client.connect_and_end(End::Loss));
        assert_eq!(kinds, [Full, Resumed, Resumed]);
    });
}

#[test]
fn rfc6120_4_9_3_16_no_session_is_resumed_after_a_reset() {
    each(&|tls, version| {
        for reset in [End::ResetByUs, End::ResetByPeer] {
            let mut client = PlannedClient::new(tls);
            let mut kinds = Vec::new();
            for end in [
                End::Loss,
                reset,
                End::Loss,
                End::Loss,
                End::Loss,
                reset,
                reset,
                End::Loss,
            ] {
                kinds.push(client.connect_and_end(end));
            }
            // After the reset: full, and nothing of it kept; full once more,
            // and that one is kept in the new store.
            let expected = [Full, Resumed, Full, Full, Resumed, Resumed, Full, Full];
            assert_eq!(kinds, expected, "{version:?}, {reset:?}");
        }
    });
}

/// No connection comes about after the reset, for a while: it stays in force.
#[test]
fn rfc6120_4_9_3_16_failed_attempts_do_not_bring_old_sessions_back() {
    each(&|tls, _| {
        let mut client = PlannedClient::new(tls);
        client.connect_and_end(End::Loss);
        client.connect_and_end(End::ResetByUs);
        for _ in 0..3 {
            client.plan(Outcome::ConnectFailed, client.now);
        }
        assert_eq!(client.connect_and_end(End::Loss), Full);
        assert_eq!(client.connect_and_end(End::Loss), Full);
    });
}

/// Tickets that arrive on the old connection when the reset is already under
/// way go with it.
#[test]
fn rfc6120_4_9_3_16_tickets_that_arrive_after_the_reset_are_not_used() {
    for end in [End::Loss, End::ResetByUs] {
        let mut tls = TlsPair::new(TLS13);
        tls.server.send_tls13_tickets = 4;
        let mut client = PlannedClient::new(&tls);
        let planned = match end {
            End::Loss => Outcome::Closed(Disconnect::Lost),
            _ => Outcome::Closed(Disconnect::Reset {
                by: Side::Us,
                cause: ResetCause::KeyRefresh,
            }),
        };
        let (mut old, tickets) = late_tickets(&client);
        assert_eq!(client.planner.next(START, Outcome::Established), Plan::Keep);
        client.plan(planned, START);
        old.deliver(&tickets);
        old.run();
        let (first, pair) = client.connect();
        client.end(pair, End::Loss);
        let (second, _) = client.connect();
        let expected = match end {
            End::Loss => (Resumed, Resumed),
            _ => (Full, Full),
        };
        assert_eq!((first, second), expected, "{end:?}");
    }
}

/// A connection whose handshake is complete, and the server's tickets, which
/// have not arrived yet.
fn late_tickets(client: &PlannedClient) -> (Pair, Vec<u8>) {
    let mut pair = Pair::connect(
        Initiator::new(client.config.clone(), client.now),
        Responder::new(client.server.clone(), client.now),
    );
    for _ in 0..10 {
        pair.run();
        let there = pair.transmit(usize::MAX);
        pair.peer.deliver(&there);
        pair.peer.run();
        let back = pair.peer.transmit(usize::MAX);
        if pair.machine.tls().is_some() {
            return (pair, back);
        }
        pair.deliver(&back);
    }
    panic!("no handshake");
}

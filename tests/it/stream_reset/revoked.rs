//! The server's side of a reset: no TLS session of the stream is resumed, whatever the client tries
//! (RFC 6120 4.9.3.16), although the server's config lets sessions be resumed. Other streams go on
//! resuming theirs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::ServerName;
use rustls::{HandshakeKind, NamedGroup};
use xmpp_stream::config::ResponderConfig;
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::reset::ResetCause;
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::tls::{ResumableSessions, ServerTls};
use xmpp_stream::{Connection, Responder};

use super::wire::RESET;
use crate::harness::configs::{FIXED, anonymous_host};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{Harness, START, Scripted, TlsPair};

/// A client's store that gives nothing up: once it is kept, the tickets of the first connections are
/// offered again and again, whatever the server issues later.
#[derive(Debug, Default)]
struct Hoard(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: VecDeque<Tls13ClientSessionValue>,
    is_full: bool,
}

impl Hoard {
    fn keep(&self) {
        self.0.lock().unwrap().is_full = true;
    }

    fn is_empty(&self) -> bool {
        let kept = self.0.lock().unwrap();
        kept.tls12.is_none() && kept.tls13.is_empty()
    }
}

impl ClientSessionStore for Hoard {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        let mut kept = self.0.lock().unwrap();
        if !kept.is_full {
            kept.tls12 = Some(value);
        }
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.lock().unwrap().tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut kept = self.0.lock().unwrap();
        if !kept.is_full {
            kept.tls13.push_back(value);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.lock().unwrap().tls13.pop_front()
    }
}

/// A server that lets sessions be resumed.
struct Server {
    config: Arc<ResponderConfig>,
    tls: TlsPair,
}

/// How the server keeps sessions.
#[derive(Clone, Copy, Debug)]
enum Keeping {
    Tickets,
    Storage,
}

impl Server {
    fn new(version: Version, keeping: Keeping) -> Self {
        let mut tls = TlsPair::new(version);
        tls.server.send_tls13_tickets = 6;
        if let Keeping::Tickets = keeping {
            tls.server.ticketer = Ticketer::new().unwrap();
        }
        let server = ServerTls::new(Arc::new(tls.server.clone())).tickets(true);
        Self {
            config: config(server),
            tls,
        }
    }

    /// A client with a store of its own.
    fn client(&self) -> (TlsPair, Arc<Hoard>) {
        let store = Arc::new(Hoard::default());
        let mut tls = self.tls.clone();
        tls.client.resumption = Resumption::store(store.clone());
        (tls, store)
    }

    fn connect(&self, client: &TlsPair) -> (HandshakeKind, Harness<ResponderRole, Scripted>) {
        let machine: Responder = Connection::new(self.config.clone(), START);
        let mut stream = Harness::<ResponderRole, Scripted>::established(machine, client, 4096);
        stream.receive();
        let kind = stream.peer.tls().handshake_kind().unwrap();
        (kind, stream)
    }
}

fn config(tls: ServerTls) -> Arc<ResponderConfig> {
    ResponderConfig::server(&FIXED)
        .single_host(anonymous_host(None, None))
        .direct_tls(tls)
        .build()
        .unwrap()
}

/// How a stream ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Loss,
    Closed,
    OtherError,
    ResetByServer,
    ResetByClient,
    ResetAsError,
    Revoked,
}

const ORDINARY: [End; 3] = [End::Loss, End::Closed, End::OtherError];
const RESETS: [End; 4] = [
    End::ResetByServer,
    End::ResetByClient,
    End::ResetAsError,
    End::Revoked,
];

fn end(mut stream: Harness<ResponderRole, Scripted>, end: End) {
    let machine = &mut stream.machine;
    match end {
        End::Loss => return machine.transport_failed(),
        End::Closed => machine.session().unwrap().close(),
        End::OtherError => machine.fail(StreamError::new(StreamCondition::PolicyViolation)),
        End::ResetByServer => machine.session().unwrap().reset(ResetCause::KeyRefresh),
        End::ResetAsError => machine.fail(StreamError::new(StreamCondition::Reset)),
        End::Revoked => machine.certificate_revoked(),
        End::ResetByClient => stream.send_record(RESET),
    }
    // The client takes its leave as it likes: here, without an answer.
    stream.exchange();
}

fn each(check: impl Fn(Version, Keeping)) {
    for version in [TLS12, TLS13] {
        for keeping in [Keeping::Tickets, Keeping::Storage] {
            crate::harness::naming(&format!("{version:?}, {keeping:?}"), || {
                check(version, keeping);
            });
        }
    }
}

use HandshakeKind::{Full, Resumed};

#[test]
fn rfc6120_4_9_3_16_2_a_server_resumes_no_session_of_a_stream_that_was_reset() {
    each(|version, keeping| {
        for reset in RESETS {
            let server = Server::new(version, keeping);
            let (client, store) = server.client();
            let (kind, stream) = server.connect(&client);
            assert_eq!(kind, Full);
            store.keep();
            end(stream, reset);
            // The old session is offered at the first reconnect, the second, and later.
            for attempt in 1..5 {
                assert!(!store.is_empty());
                let (kind, stream) = server.connect(&client);
                assert_eq!(kind, Full, "{reset:?}, {attempt}");
                end(stream, End::Loss);
            }
        }
    });
}

/// The reset of a resumed connection voids what it was resumed from.
#[test]
fn rfc6120_4_9_3_16_2_the_session_that_was_resumed_goes_with_the_stream_that_was_reset() {
    each(|version, keeping| {
        for reset in RESETS {
            let server = Server::new(version, keeping);
            let (client, store) = server.client();
            end(server.connect(&client).1, End::Loss);
            store.keep();
            for ending in [End::Loss, reset] {
                let (kind, stream) = server.connect(&client);
                assert_eq!(kind, Resumed);
                end(stream, ending);
            }
            for attempt in 1..3 {
                assert!(!store.is_empty());
                let (kind, stream) = server.connect(&client);
                assert_eq!(kind, Full, "{reset:?}, {attempt}");
                end(stream, End::Loss);
            }
        }
    });
}

#[test]
fn rfc6120_3_3_a_stream_that_was_not_reset_is_resumed_and_so_are_all_but_the_one_that_was() {
    each(|version, keeping| {
        let server = Server::new(version, keeping);
        for ordinary in ORDINARY {
            let ((reset_client, _), (client, _)) = (server.client(), server.client());
            let (_, to_reset) = server.connect(&reset_client);
            let (kind, stream) = server.connect(&client);
            assert_eq!(kind, Full);
            end(to_reset, End::ResetByServer);
            end(stream, ordinary);
            assert_eq!(server.connect(&client).0, Resumed, "{ordinary:?}");
            assert_eq!(server.connect(&reset_client).0, Full);
        }
    });
}

/// After a reset the next stream begins a session of its own, which is resumed as usual.
#[test]
fn rfc6120_3_3_a_session_that_was_begun_after_the_reset_is_resumed() {
    each(|version, keeping| {
        let server = Server::new(version, keeping);
        let mut client = server.tls.clone();
        client.client.resumption = Resumption::in_memory_sessions(16);
        let kinds = [End::Loss, End::ResetByServer, End::Loss, End::Loss].map(|ending| {
            let (kind, stream) = server.connect(&client);
            end(stream, ending);
            kind
        });
        assert_eq!(kinds, [Full, Resumed, Full, Resumed]);
    });
}

/// A renewed certificate, for example: tickets go on, and what was revoked stays so.
#[test]
fn sessions_are_shared_by_configs_that_are_told_to_and_by_no_others() {
    each(|version, keeping| {
        let sessions = ResumableSessions::new(&FIXED, 64).unwrap();
        let mut server = Server::new(version, keeping);
        let shared = || {
            let tls = ServerTls::new(Arc::new(server.tls.server.clone()));
            config(tls.resumable(&sessions))
        };
        let (one, other) = (shared(), shared());
        let alone = server.config.clone();
        let ((client, _), (reset_client, _)) = (server.client(), server.client());
        server.config = one;
        end(server.connect(&client).1, End::Loss);
        end(server.connect(&reset_client).1, End::ResetByServer);
        server.config = other;
        let (kind, stream) = server.connect(&client);
        assert_eq!(kind, Resumed);
        end(stream, End::Loss);
        assert_eq!(server.connect(&reset_client).0, Full);
        server.config = alone;
        assert_eq!(server.connect(&client).0, Full);
    });
}

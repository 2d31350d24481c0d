//! The first part: a stream, its reset, and what comes after it.

use std::sync::Arc;

use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::reset::{
    Connect, Outcome as Fate, Plan, Planner, PlannerConfig, ResetCause, TlsResumption,
};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{HandshakeKind, TlsInfo};
use xmpp_stream::{CloseTcp, Initiator, Manner, Responder};

use crate::setup::{DOMAIN, Setup};
use crate::side::{Side, trace};
use crate::{Failure, Outcome, check};

/// Three connections of one client: lost, reset, closed.
pub fn reset_and_return(setup: &Setup) -> Outcome {
    let mut planner = Planner::new(PlannerConfig::new(), setup.random);
    let (client, server) = (setup.initiator()?, setup.responder()?);

    println!("-- the first connection");
    let now = Instant::from_millis(0);
    let mut first = Pipe::open(setup, &client, &server, now);
    first.expect(HandshakeKind::Full)?;
    first.message(1)?;
    trace("network", "TCP breaks");
    first.client.machine.transport_failed();
    first.server.machine.transport_failed();
    first.settle();
    check(first.ended("transport"), "both sides have lost TCP")?;
    let plan = first.report(&mut planner)?;
    check(
        plan.resumption == TlsResumption::Allowed,
        "the planner allows TLS resumption after a loss",
    )?;

    println!(
        "-- the second connection, {} ms later",
        plan.delay.as_millis()
    );
    let client = client.for_reconnect(&plan);
    let mut second = Pipe::open(setup, &client, &server, plan.at);
    second.expect(HandshakeKind::Resumed)?;
    second.message(2)?;
    trace("server", "resets the stream: fresh keys are wanted");
    if let Some(session) = second.server.machine.session() {
        session.reset(ResetCause::KeyRefresh);
    }
    second.settle();
    check(
        second.ended("reset"),
        "both sides end with the reason `reset`",
    )?;
    let plan = second.report(&mut planner)?;
    check(
        plan.resumption == TlsResumption::Forbidden,
        "the planner forbids TLS resumption after a reset",
    )?;

    println!(
        "-- the third connection, {} ms later",
        plan.delay.as_millis()
    );
    let client = client.for_reconnect(&plan);
    let mut third = Pipe::open(setup, &client, &server, plan.at);
    third.expect(HandshakeKind::Full)?;
    third.message(3)?;
    if let Some(session) = third.client.machine.session() {
        session.close();
    }
    third.settle();
    check(
        third.ended("closed"),
        "both sides end with the reason `closed`",
    )
}

/// A client and a server, and TCP between them.
struct Pipe<'a> {
    client: Side<'a, InitiatorRole>,
    server: Side<'a, ResponderRole>,
    now: Instant,
}

impl<'a> Pipe<'a> {
    fn open(
        setup: &'a Setup,
        client: &Arc<InitiatorConfig>,
        server: &Arc<ResponderConfig>,
        now: Instant,
    ) -> Self {
        let client = Initiator::new(Arc::clone(client), now);
        let server = Responder::new(Arc::clone(server), now);
        let mut pipe = Self {
            client: Side::new("client", setup, client),
            server: Side::new("server", setup, server),
            now,
        };
        pipe.settle();
        pipe
    }

    /// Carries bytes, and the ends of TCP, until nothing moves.
    fn settle(&mut self) {
        loop {
            self.client.settle(self.now);
            self.server.settle(self.now);
            let there = self.client.take();
            self.server.give(&there, self.now);
            let back = self.server.take();
            self.client.give(&back, self.now);
            if there.is_empty() && back.is_empty() {
                let ended = (self.client.close.is_some(), self.server.close.is_some());
                match ended {
                    (true, false) => self.server.machine.receive_eof(),
                    (false, true) => self.client.machine.receive_eof(),
                    _ => return,
                }
                self.client.settle(self.now);
                self.server.settle(self.now);
                if ended == (self.client.close.is_some(), self.server.close.is_some()) {
                    return;
                }
            }
        }
    }

    /// The stream is established, over TLS that came about this way.
    fn expect(&self, kind: HandshakeKind) -> Outcome {
        check(
            self.client.established && self.server.established,
            "the stream is established",
        )?;
        let seen = self.client.machine.tls().map(TlsInfo::handshake);
        check(seen == Some(kind), &format!("the TLS handshake was {kind}"))
    }

    /// The client sends a message, the server gets it.
    fn message(&mut self, n: u32) -> Outcome {
        let text = format!("<message to='{DOMAIN}' id='{n}'><body>number {n}</body></message>");
        self.client.send(&text)?;
        self.settle();
        check(
            self.server.stanzas == [text],
            &format!("message {n} was delivered"),
        )
    }

    /// Both sides have ended in this way, and no byte is left over.
    fn ended(&self, code: &str) -> bool {
        let manner = match code {
            "transport" => Manner::Abort,
            _ => Manner::Graceful,
        };
        let fits = |close: &Option<CloseTcp>| {
            close
                .as_ref()
                .is_some_and(|close| close.reason().code() == code && close.manner() == manner)
        };
        fits(&self.client.close)
            && fits(&self.server.close)
            && self.client.machine.transmit().is_empty()
            && self.server.machine.transmit().is_empty()
    }

    /// Tells the planner how the client fared.
    fn report(self, planner: &mut Planner) -> Result<Connect, Failure> {
        let _stay = planner.next(self.now, Fate::Established);
        let fate = self.client.close.as_ref().map(Fate::from);
        match fate.map(|fate| planner.next(self.now, fate)) {
            Some(Plan::Connect(connect)) => Ok(connect),
            other => Err(Failure(format!("no plan to connect again: {other:?}"))),
        }
    }
}

//! The second and the third part: a login, the loss of a connection, the reset
//! of a stream, and what comes after each.

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
use crate::show::Colour;
use crate::side::{Detail, Side};
use crate::{Failure, Outcome};

const EVERYTHING: Detail = Detail {
    login: true,
    stanzas: true,
    wire: true,
};
const LOGIN: Detail = Detail {
    login: true,
    stanzas: false,
    wire: false,
};

/// Three connections of one client: lost, reset, closed.
pub fn login_and_reset(setup: &Setup) -> Result<String, Failure> {
    let show = setup.show;
    let mut planner = Planner::new(PlannerConfig::new(), setup.random);
    let (client, server) = (setup.initiator()?, setup.responder()?);

    show.chapter("2. a login: STARTTLS, TLS 1.3, SASL, a resource");
    let now = Instant::from_millis(0);
    let mut first = Pipe::open(setup, &client, &server, now, EVERYTHING);
    first.expect(HandshakeKind::Full)?;
    first.message(1)?;

    show.chapter("3. a loss: the TLS session is resumed");
    show.trace("network", Colour::Red, "TCP breaks");
    first.client.machine.transport_failed();
    first.server.machine.transport_failed();
    first.settle();
    let lost = first.ended("transport");
    let plan = first.report(&mut planner)?;
    show.check(
        lost && plan.resumption == TlsResumption::Allowed,
        &format!(
            "the planner: again in {} s, TLS may be resumed",
            plan.delay.as_secs()
        ),
    )?;
    let client = client.for_reconnect(&plan);
    let mut second = Pipe::open(setup, &client, &server, plan.at, LOGIN);
    second.expect(HandshakeKind::Resumed)?;
    second.message(2)?;

    show.chapter("4. a stream reset: everything anew");
    second
        .server
        .trace("resets the stream: fresh keys are wanted");
    if let Some(session) = second.server.machine.session() {
        session.reset(ResetCause::KeyRefresh);
    }
    second.settle();
    show.check(
        second.ended("reset"),
        "both sides end with the reason `reset`",
    )?;
    let before = second.client.stream_id.clone();
    let plan = second.report(&mut planner)?;
    show.check(
        plan.resumption == TlsResumption::Forbidden,
        &format!(
            "the planner: again in {} s, TLS must not be resumed",
            plan.delay.as_secs()
        ),
    )?;
    let client = client.for_reconnect(&plan);
    let mut third = Pipe::open(setup, &client, &server, plan.at, LOGIN);
    third.expect(HandshakeKind::Full)?;
    let (differ, bits) = setup.pki.keys.difference().unwrap_or_default();
    let keys = format!("{differ} of {bits} bits of the client's traffic secret differ");
    show.check(
        differ as usize > bits / 4,
        &format!("the keys are fresh: {keys}"),
    )?;
    show.check(
        before.is_some() && third.client.stream_id != before,
        "the stream is another one, with an identifier of its own",
    )?;
    third.message(3)?;
    if let Some(session) = third.client.machine.session() {
        session.close();
    }
    third.settle();
    show.check(
        third.ended("closed"),
        "both sides end with the reason `closed`",
    )?;
    Ok(format!("stream reset: full handshake, new stream, {keys}"))
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
        detail: Detail,
    ) -> Self {
        let client = Initiator::new(Arc::clone(client), now);
        let server = Responder::new(Arc::clone(server), now);
        // Once is enough for what both sides see.
        let of_server = Detail {
            login: detail.wire,
            ..detail
        };
        let mut pipe = Self {
            client: Side::new("client", setup, detail, client),
            server: Side::new("server", setup, of_server, server),
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
        let seen = self.client.machine.tls().map(TlsInfo::handshake);
        self.client.setup.show.check(
            self.client.established && self.server.established && seen == Some(kind),
            &format!("the stream is established, after a {kind} TLS handshake"),
        )
    }

    /// The client sends a message, the server gets it.
    fn message(&mut self, n: u32) -> Outcome {
        let text = format!("<message to='{DOMAIN}' id='{n}'><body>number {n}</body></message>");
        self.client.send(&text)?;
        self.settle();
        let arrived = self.server.stanzas == [text];
        let what = format!("message {n} was delivered");
        self.client.setup.show.check(arrived, &what)
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

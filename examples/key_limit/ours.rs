//! The same stanzas over two machines of this crate, on as many connections as it takes.

use std::sync::Arc;

use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::sm::{SmPolicy, SmState};
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{
    Action, CloseReason, Connection, Decision, Event, Initiator, Negotiation, Responder,
};

use crate::pki::{DOMAIN, Pki, provider};
use crate::{Failure, Records, stanza};

/// How many stanzas, each of them a record of its own, are sent between two polls.
const BURST: u64 = 32;

#[derive(Debug, Default)]
pub struct Ours {
    pub sent: u64,
    /// All numbers up to this one have arrived.
    pub delivered: u64,
    pub lost: u64,
    pub doubled: u64,
    pub sent_again: u64,
    pub connections: u64,
    pub records: Records,
}

pub fn run(pki: &Pki, stanzas: u64) -> Result<Ours, Failure> {
    let client = InitiatorConfig::client(&Jid::parse("guest@localhost/desk")?)
        .direct_tls(ClientTls::new(pki.client()?))
        .credentials(Credentials::Anonymous)
        .stream_management(SmPolicy::new())
        .build()?;
    let host = HostConfig::builder(DOMAIN, Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
        .build()?;
    let server = ResponderConfig::server(provider().secure_random)
        .single_host(host)
        .direct_tls(ServerTls::new(pki.server()?))
        .stream_management(SmPolicy::new())
        .build()?;
    let clock = StdClock::new();
    let mut ours = Ours::default();
    // The client's session and the server's, between two connections.
    let (mut session, mut store) = (None, None);
    while ours.delivered < stanzas {
        let now = clock.now();
        let mut pair = Pair {
            client: match session.take() {
                None => Initiator::new(Arc::clone(&client), now),
                Some(state) => Initiator::resume(Arc::clone(&client), state, now)?,
            },
            server: Responder::new(Arc::clone(&server), now),
            is_managed: false,
            ours: &mut ours,
        };
        pair.run(stanzas, &mut store, clock)?;
        session = pair.client.take_sm_state().filter(SmState::is_resumable);
        store = pair.server.take_sm_state();
    }
    Ok(ours)
}

/// Both ends of one connection.
struct Pair<'a> {
    client: Initiator,
    server: Responder,
    is_managed: bool,
    ours: &'a mut Ours,
}

impl Pair<'_> {
    /// Sends until everything has arrived, or the stream is reset.
    fn run(
        &mut self,
        stanzas: u64,
        store: &mut Option<SmState>,
        clock: StdClock,
    ) -> Result<(), Failure> {
        self.ours.connections += 1;
        self.ours.records.next_connection();
        while self.ours.delivered < stanzas {
            let now = clock.now();
            self.send(stanzas)?;
            let is_client_closed = self.poll_client(now)?;
            let is_server_closed = self.poll_server(store, now)?;
            if is_client_closed && is_server_closed {
                return Ok(());
            }
            let out = self.client.transmit();
            self.ours.records.count(out);
            carry(&mut self.client, &mut self.server, is_client_closed);
            carry(&mut self.server, &mut self.client, is_server_closed);
        }
        Ok(())
    }

    fn send(&mut self, stanzas: u64) -> Result<(), Failure> {
        let Some(mut session) = self.client.session().filter(|_| self.is_managed) else {
            return Ok(());
        };
        for _ in 0..BURST {
            if self.ours.sent == stanzas || session.capacity() < 512 {
                break;
            }
            session.send(&stanza(self.ours.sent + 1))?;
            self.ours.sent += 1;
        }
        Ok(())
    }

    /// Whether it is closed.
    fn poll_client(&mut self, now: Instant) -> Result<bool, Failure> {
        loop {
            match self.client.poll(now) {
                Action::Event(Event::Established(established)) => {
                    if let Some(resumed) = established.resumed() {
                        self.ours.sent_again += u64::from(resumed.retransmitted);
                        self.is_managed = true;
                    } else if self.ours.connections > 1 {
                        return Err("the session was not resumed".into());
                    }
                }
                Action::Event(Event::ManagementEnabled(_)) => self.is_managed = true,
                Action::Event(_) => {}
                Action::Wait(_) => return Ok(false),
                Action::CloseTcp(close) => return is_reset(close.reason()),
            }
        }
    }

    fn poll_server(&mut self, store: &mut Option<SmState>, now: Instant) -> Result<bool, Failure> {
        loop {
            match self.server.poll(now) {
                Action::Event(Event::Stanza(stanza)) => {
                    let number: u64 = stanza.attr("id").unwrap_or_default().parse()?;
                    match number.checked_sub(self.ours.delivered + 1) {
                        Some(missing) => {
                            self.ours.lost += missing;
                            self.ours.delivered = number;
                        }
                        None => self.ours.doubled += 1,
                    }
                }
                Action::Event(_) => {}
                Action::Wait(_) => return Ok(false),
                Action::CloseTcp(close) => return is_reset(close.reason()),
            }
            match self.server.decision() {
                Some(Decision::Anonymous(anonymous)) => anonymous.accept("guest".into()),
                Some(Decision::Bind(bind)) => bind.accept(Jid::parse("guest@localhost/desk")?)?,
                Some(Decision::Resume(resume)) => match store.take() {
                    Some(state) => resume.resume(state)?,
                    None => resume.refuse(None),
                },
                _ => {}
            }
        }
    }
}

fn is_reset(reason: &CloseReason) -> Result<bool, Failure> {
    match reason {
        CloseReason::Reset { .. } => Ok(true),
        other => Err(format!("the stream ends: {other}").into()),
    }
}

/// What TCP does: bytes, as many as there is room for, and after the last of them its end.
fn carry<A: Negotiation, B: Negotiation>(
    from: &mut Connection<A>,
    to: &mut Connection<B>,
    is_closed: bool,
) {
    let taken = to.receive(from.transmit());
    from.transmitted(taken);
    if is_closed && from.transmit().is_empty() {
        to.receive_eof();
    }
}

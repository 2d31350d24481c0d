//! The second part: a peer whose TLS is genuine up to the end of the
//! handshake, and which then attempts a renegotiation.

use rustls::pki_types::ServerName;
use rustls::version::TLS12;
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseReason, Initiator, Manner, Negotiation, Responder};

use crate::hostile_tls::{DATA, HANDSHAKE, HELLO_REQUEST, HostileTls, client_hello};
use crate::setup::{DOMAIN, Setup};
use crate::side::{Side, on_the_wire, trace};
use crate::{Failure, Outcome, check, or_fail};

const NOW: Instant = Instant::from_millis(0);
const EARLIER: &str = "<message id='earlier'><body>before the attempt</body></message>";
const LATER: &str = "<message id='later'><body>behind the attempt</body></message>";

/// A server sends HelloRequest.
pub fn against_initiator(setup: &Setup) -> Outcome {
    let machine = Initiator::new(setup.anonymous()?, NOW);
    let mut peer = Peer::of(Side::new("client", setup, machine));
    let header = format!(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         id='1' from='{DOMAIN}' version='1.0'>"
    );
    peer.hear("<stream:stream")?;
    peer.say(&format!(
        "{header}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
         <required/></starttls></stream:features>"
    ));
    peer.hear("<starttls")?;
    peer.say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    peer.start_tls(HostileTls::server(setup.pki.server(&[&TLS12])?));
    peer.hear("<stream:stream")?;
    peer.say(&format!(
        "{header}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
         <mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>"
    ));
    peer.hear("<auth")?;
    peer.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    peer.hear("<stream:stream")?;
    peer.say(&format!(
        "{header}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
         </stream:features>"
    ));
    let request = peer.hear("<bind")?;
    let id = attribute(&request, "id")?;
    peer.say(&format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>somebody@{DOMAIN}/orchard</jid></bind></iq>"
    ));
    peer.attempt("HelloRequest", &HELLO_REQUEST)
}

/// A client sends ClientHello.
pub fn against_responder(setup: &Setup) -> Outcome {
    let machine = Responder::new(setup.responder()?, NOW);
    let mut peer = Peer::of(Side::new("server", setup, machine));
    let header = format!(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         to='{DOMAIN}' version='1.0'>"
    );
    peer.say(&header);
    peer.hear("<starttls")?;
    peer.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    peer.hear("<proceed")?;
    let name = ServerName::try_from(DOMAIN).map_err(or_fail)?;
    peer.start_tls(HostileTls::client(setup.pki.client(&[&TLS12])?, name));
    peer.say(&header);
    peer.hear("ANONYMOUS")?;
    peer.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
    peer.hear("<success")?;
    peer.say(&header);
    peer.hear("<bind")?;
    peer.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    peer.hear("<jid>")?;
    peer.attempt("ClientHello", &client_hello(false))
}

/// The hostile peer, and the machine it talks to.
struct Peer<'a, N: Negotiation> {
    side: Side<'a, N>,
    tls: Option<HostileTls>,
}

impl<'a, N: Negotiation> Peer<'a, N> {
    fn of(mut side: Side<'a, N>) -> Self {
        side.settle(NOW);
        Self { side, tls: None }
    }

    /// Says something.
    fn say(&mut self, text: &str) {
        trace("peer", &format!("says   {text}"));
        let bytes = match &mut self.tls {
            None => text.as_bytes().to_vec(),
            Some(tls) => {
                tls.write(text.as_bytes());
                tls.output()
            }
        };
        self.side.give(&bytes, NOW);
    }

    /// What the machine says next, which has to contain this.
    fn hear(&mut self, part: &str) -> Result<String, Failure> {
        let bytes = self.side.take();
        let text = match &mut self.tls {
            None => bytes,
            Some(tls) => {
                tls.receive(&bytes);
                tls.read()
            }
        };
        self.side.settle(NOW);
        let text = String::from_utf8(text).map_err(or_fail)?;
        if self.tls.is_some() {
            trace("peer", &format!("hears  {text}"));
        }
        if text.contains(part) {
            Ok(text)
        } else {
            Err(Failure(format!("no {part} in: {text}")))
        }
    }

    /// The handshake, an honest one.
    fn start_tls(&mut self, mut tls: HostileTls) {
        let side = &mut self.side;
        tls.handshake(&mut |bytes| {
            if !bytes.is_empty() {
                trace("peer", &format!("=====> {}", on_the_wire(bytes)));
            }
            side.give(bytes, NOW);
            side.take()
        });
        self.tls = Some(tls);
    }

    /// A stanza, the attempt and another stanza in one segment of TCP, while
    /// the machine has something to send itself.
    fn attempt(self, name: &str, hello: &[u8]) -> Outcome {
        let Self { mut side, tls } = self;
        let mut tls = tls.ok_or_else(|| Failure("no TLS".into()))?;
        check(side.established, "the stream is established")?;
        side.send("<presence/>")?;
        side.settle(NOW);
        check(
            !side.machine.transmit().is_empty(),
            "the machine has bytes for TCP that were not taken yet",
        )?;

        // The peer's keys, taken out of rustls: from here on it can put any
        // authentic record on the wire.
        tls.turn();
        let segment = [
            tls.seal(DATA, EARLIER.as_bytes()),
            tls.seal(HANDSHAKE, hello),
            tls.seal(DATA, LATER.as_bytes()),
        ]
        .concat();
        trace("peer", &format!("says   {EARLIER}"));
        trace("peer", &format!("attempts to renegotiate: {name}"));
        trace("peer", &format!("says   {LATER}"));
        trace("peer", &format!("=====> {}", on_the_wire(&segment)));
        side.give(&segment, NOW);

        let close = side
            .close
            .take()
            .ok_or_else(|| Failure("the attempt was not answered with CloseTcp".into()))?;
        check(
            matches!(close.reason(), CloseReason::TlsRenegotiation(_)),
            "the reason is the renegotiation attempt",
        )?;
        check(close.manner() == Manner::Abort, "the manner is Abort")?;
        check(
            side.machine.transmit().is_empty(),
            "not one byte more can be had for TCP: no alert, no stream error, no backlog",
        )?;
        check(
            side.stanzas == [EARLIER],
            "the earlier stanza was delivered, the later one was not",
        )?;
        check(
            side.machine.receive(&segment) == 0 && side.machine.session().is_none(),
            "the machine takes nothing more",
        )
    }
}

/// The value of an attribute, in text that we know the form of.
fn attribute(text: &str, name: &str) -> Result<String, Failure> {
    let value = text
        .split_once(&format!(" {name}="))
        .and_then(|(_, rest)| rest.get(1..)?.split(['\'', '"']).next());
    value
        .map(str::to_owned)
        .ok_or_else(|| Failure(format!("no {name} in: {text}")))
}

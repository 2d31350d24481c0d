//! The first part: a peer whose TLS is genuine up to the end of the handshake,
//! and which then attempts a renegotiation.

use rustls::pki_types::ServerName;
use rustls::version::TLS12;
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseReason, Initiator, Manner, Negotiation, Responder};

use crate::hostile_tls::{DATA, HANDSHAKE, HELLO_REQUEST, HostileTls, client_hello};
use crate::setup::{DOMAIN, Setup};
use crate::show::Colour;
use crate::side::{Detail, Side};
use crate::{Failure, Outcome, or_fail};

const NOW: Instant = Instant::from_millis(0);
const EARLIER: &str = "<message id='before'/>";
const LATER: &str = "<message id='after'/>";
const DETAIL: Detail = Detail {
    login: false,
    stanzas: true,
    wire: false,
};

/// A server sends HelloRequest.
pub fn against_initiator(setup: &Setup, summary: &mut Vec<String>) -> Outcome {
    let machine = Initiator::new(setup.anonymous()?, NOW);
    let mut peer = Peer::of(Side::new("client", setup, DETAIL, machine));
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
    peer.attempt("HelloRequest", &HELLO_REQUEST, summary)
}

/// A client sends ClientHello.
pub fn against_responder(setup: &Setup, summary: &mut Vec<String>) -> Outcome {
    let machine = Responder::new(setup.responder()?, NOW);
    let mut peer = Peer::of(Side::new("server", setup, DETAIL, machine));
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
    peer.attempt("ClientHello", &client_hello(false), summary)
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
        self.trace(&format!("says   {text}"));
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
            self.trace(&format!("hears  {text}"));
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
            side.give(bytes, NOW);
            side.take()
        });
        self.tls = Some(tls);
    }

    /// A stanza, the attempt and another stanza in one segment of TCP, while
    /// the machine has something to send itself.
    fn attempt(self, what: &str, hello: &[u8], summary: &mut Vec<String>) -> Outcome {
        let Self { mut side, tls } = self;
        let show = side.setup.show;
        let mut tls = tls.ok_or_else(|| Failure("TLS is established".into()))?;
        side.send("<presence/>")?;
        side.settle(NOW);
        let waiting = side.machine.transmit().len();
        show.check(
            side.established && waiting > 0,
            &format!("the stream is established over TLS 1.2, {waiting} bytes wait for TCP"),
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
        let say = |text: &str| show.trace("peer", Colour::Red, text);
        say("sends, with the right keys and in one segment of TCP:");
        say(&format!(
            "       {EARLIER}, {what} (to renegotiate TLS), {LATER}"
        ));
        side.give(&segment, NOW);
        let left = side.take().len();
        summary.push(format!(
            "renegotiation attempt against the {}: {left} bytes left after {what}, {waiting} had waited",
            side.name
        ));

        let close = side
            .close
            .take()
            .ok_or_else(|| Failure("the attempt is answered with CloseTcp".into()))?;
        show.check(
            matches!(close.reason(), CloseReason::TlsRenegotiation(_))
                && close.manner() == Manner::Abort,
            "TCP is to be closed at once, and the reason is typed",
        )?;
        show.check(
            left == 0,
            &format!(
                "0 bytes leave after the attempt: no alert, no stream error, none of those {waiting}"
            ),
        )?;
        show.check(
            side.stanzas == [EARLIER] && side.machine.receive(&segment) == 0,
            "nothing after the attempt is delivered, nothing more is taken",
        )
    }

    fn trace(&self, what: &str) {
        let show = self.side.setup.show;
        if show.verbose {
            show.trace("peer", Colour::Red, what);
        }
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

//! What a peer says in a scene, and what our application does meanwhile. The
//! same scenes in either role, in plaintext and under TLS.

use xmpp_stream::reset::Cause;
use xmpp_stream::stream::{Condition, StreamError};
use xmpp_stream::{Connection, EventBuf, Negotiation};

use super::bench::Carrier;
use super::hostile_tls::{ALERT, CLOSE_NOTIFY, DATA, HANDSHAKE, forged};
use super::pair::App;

/// One thing the peer puts on the wire.
#[derive(Clone, Debug)]
pub enum Say {
    /// Stream text; under TLS one record.
    Text(String),
    /// An authentic record of this type (TLS only).
    Record(u8, Vec<u8>),
    /// Bytes that are no authentic record (TLS only).
    Raw(Vec<u8>),
}

/// How TCP ends behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Fin,
    Rst,
    /// Not at all: the peer falls silent.
    Silence,
}

/// What our application does at the n-th stanza it is told of, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Sends every stanza back.
    Echo,
    /// The same, and closes at this stanza.
    Close(usize),
    /// The same, and resets at this stanza.
    Reset(usize, Cause),
    /// The same, and ends the stream with an error.
    Fail(usize),
    /// The same, and aborts.
    Abort(usize),
}

/// A scene behind the login.
#[derive(Clone, Debug)]
pub struct Scene {
    pub name: &'static str,
    pub does: Does,
    pub says: Vec<Say>,
    pub ending: Ending,
    /// How it must end: the code of the reason.
    pub close: &'static str,
    /// How many stanzas must be told.
    pub stanzas: usize,
}

impl Scene {
    /// Whether it can be played in plaintext.
    pub fn is_plain(&self) -> bool {
        self.says.iter().all(|say| matches!(say, Say::Text(_)))
    }

    /// The code of the reason: TCP's end without close_notify is another one
    /// under TLS.
    pub fn expected(&self, carrier: Carrier) -> &'static str {
        let cut = self.ending == Ending::Fin && self.is_plain() && self.close == "transport";
        match carrier.version() {
            Some(_) if cut => "tls-truncated",
            _ => self.close,
        }
    }

    pub fn app<N: Negotiation>(&self) -> App<N> {
        let does = self.does;
        let mut told = 0;
        Box::new(move |machine, event| act(does, &mut told, machine, event))
    }
}

fn act<N: Negotiation>(
    does: Does,
    told: &mut usize,
    machine: &mut Connection<N>,
    event: &EventBuf,
) {
    let EventBuf::Stanza(stanza) = event else {
        return;
    };
    *told += 1;
    if let Some(mut session) = machine.session() {
        session.send(stanza.as_stanza().as_str()).unwrap();
    }
    match does {
        Does::Close(at) if at == *told => machine.session().unwrap().close(),
        Does::Reset(at, cause) if at == *told => machine.session().unwrap().reset(cause),
        Does::Fail(at) if at == *told => {
            machine.fail(StreamError::new(Condition::PolicyViolation));
        }
        Does::Abort(at) if at == *told => machine.abort(),
        _ => {}
    }
}

pub const FOOTER: &str = "</stream:stream>";

pub fn text(text: &str) -> Say {
    Say::Text(text.into())
}

pub fn message(n: usize) -> String {
    format!("<message id='{n}'><body>caf\u{e9} &amp; {n}</body></message>")
}

pub fn texts(texts: &[&str]) -> Vec<Say> {
    texts.iter().map(|part| text(part)).collect()
}

/// Every scene. Those that are not plain need TLS.
pub fn all() -> Vec<Scene> {
    let (one, two, three) = (&*message(1), &*message(2), &*message(3));
    let (head, rest) = two.split_at(23);
    let both = &*format!("{one}{two}");
    let conflict = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                    </stream:error></stream:stream>";
    let reset = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 </stream:error></stream:stream>";
    let scene = |name, does, says: &[&str], ending, close, stanzas| Scene {
        name,
        does,
        says: texts(says),
        ending,
        close,
        stanzas,
    };
    let mut scenes = vec![
        scene(
            "stanzas",
            Does::Echo,
            &[both, " ", head, rest, FOOTER],
            Ending::Fin,
            "closed",
            3,
        ),
        scene(
            "we close",
            Does::Close(1),
            &[both, three, FOOTER],
            Ending::Fin,
            "closed",
            3,
        ),
        scene(
            "we close, no answer",
            Does::Close(1),
            &[one],
            Ending::Silence,
            "timeout",
            1,
        ),
        scene(
            "peer's error",
            Does::Echo,
            &[one, conflict],
            Ending::Fin,
            "stream-error",
            1,
        ),
        scene(
            "peer's reset",
            Does::Echo,
            &[both, reset],
            Ending::Fin,
            "reset",
            2,
        ),
        scene(
            "we reset",
            Does::Reset(1, Cause::KeyRefresh),
            &[both, three, FOOTER],
            Ending::Fin,
            "reset",
            3,
        ),
        scene(
            "we reset, certificate",
            Does::Reset(1, Cause::CertificateExpired),
            &[both, three, FOOTER],
            Ending::Fin,
            "reset",
            1,
        ),
        scene(
            "we fail",
            Does::Fail(2),
            &[both, three, FOOTER],
            Ending::Fin,
            "stream-error",
            2,
        ),
        scene(
            "we abort",
            Does::Abort(1),
            &[both, three],
            Ending::Silence,
            "local-abort",
            1,
        ),
        scene(
            "malformed",
            Does::Echo,
            &[one, "<a></b>", two],
            Ending::Silence,
            "not-well-formed",
            1,
        ),
        scene(
            "footer in a stanza",
            Does::Echo,
            &[one, "<a></stream:stream>"],
            Ending::Fin,
            "not-well-formed",
            1,
        ),
        scene(
            "second header",
            Does::Echo,
            &[one, "<stream:stream/>", two],
            Ending::Fin,
            "stream-error",
            1,
        ),
        scene(
            "cut",
            Does::Echo,
            &[both, head],
            Ending::Rst,
            "transport",
            2,
        ),
    ];
    scenes.extend(tls_only(one, two, head, rest));
    // TCP's end alone means something else under TLS.
    scenes.push(scene(
        "fin in a stanza",
        Does::Echo,
        &[both, head],
        Ending::Fin,
        "transport",
        2,
    ));
    scenes.push(scene(
        "fin",
        Does::Echo,
        &[both],
        Ending::Fin,
        "transport",
        2,
    ));
    scenes
}

fn tls_only(one: &str, two: &str, head: &str, rest: &str) -> Vec<Scene> {
    let scene = |name, says, close, stanzas| Scene {
        name,
        does: Does::Echo,
        says,
        ending: Ending::Fin,
        close,
        stanzas,
    };
    let notify = || Say::Record(ALERT, CLOSE_NOTIFY.to_vec());
    // In TLS 1.2 a renegotiation attempt by its type alone, in either role.
    let attempt = || Say::Record(HANDSHAKE, vec![0; 4]);
    vec![
        scene(
            "footer and close_notify",
            vec![text(one), text(FOOTER), notify()],
            "closed",
            1,
        ),
        scene(
            "close_notify alone",
            vec![text(one), text(head), notify()],
            "transport",
            1,
        ),
        scene(
            "attempt",
            vec![text(one), text(head), attempt(), text(rest), text(two)],
            "tls-renegotiation",
            1,
        ),
        scene(
            "attempt behind a fault",
            vec![text(one), text("</a>"), attempt()],
            "not-well-formed",
            1,
        ),
        scene(
            "forged record",
            vec![text(one), Say::Raw(forged(DATA, &[7; 40])), text(two)],
            "tls",
            1,
        ),
        scene(
            "fatal alert",
            vec![text(one), Say::Record(ALERT, vec![2, 80]), text(two)],
            "tls",
            1,
        ),
    ]
}

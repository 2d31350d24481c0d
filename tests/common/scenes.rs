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
    /// The same, with one more when the peer has closed its direction.
    Farewell,
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
    if does == Does::Farewell && *event == EventBuf::PeerClosing {
        machine.session().unwrap().send(&message(99)).unwrap();
    }
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
    let (one, two) = (message(1), message(2));
    let both = format!("{one}{two}");
    let mut scenes = ends(&one, &both);
    scenes.extend(wishes(&one, &both, &message(3)));
    scenes.extend(faults(&one, &two));
    let (head, rest) = two.split_at(23);
    scenes.extend(tls_only(&one, &two, head, rest));
    scenes
}

fn scene(
    name: &'static str,
    does: Does,
    says: &[&str],
    ending: Ending,
    (close, stanzas): (&'static str, usize),
) -> Scene {
    Scene {
        name,
        does,
        says: texts(says),
        ending,
        close,
        stanzas,
    }
}

/// The peer ends the stream, or TCP does.
fn ends(one: &str, both: &str) -> Vec<Scene> {
    use Ending::{Fin, Rst};
    let two = message(2);
    let (head, rest) = two.split_at(23);
    let error = |condition: &str| {
        format!(
            "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             </stream:error></stream:stream>"
        )
    };
    let echo =
        |name, says: &[&str], ending, outcome| scene(name, Does::Echo, says, ending, outcome);
    vec![
        echo(
            "stanzas",
            &[both, " ", head, rest, FOOTER],
            Fin,
            ("closed", 3),
        ),
        echo(
            "peer's error",
            &[one, &error("conflict")],
            Fin,
            ("stream-error", 1),
        ),
        echo("peer's reset", &[both, &error("reset")], Fin, ("reset", 2)),
        echo("rst", &[both, head], Rst, ("transport", 2)),
        echo("fin in a stanza", &[both, head], Fin, ("transport", 2)),
        echo("fin", &[both], Fin, ("transport", 2)),
    ]
}

/// The application ends it.
fn wishes(one: &str, both: &str, three: &str) -> Vec<Scene> {
    use Ending::{Fin, Silence};
    let more = [both, three, FOOTER];
    let reset = |cause| Does::Reset(1, cause);
    let lost = reset(Cause::CertificateExpired);
    vec![
        scene("farewell", Does::Farewell, &more, Fin, ("closed", 3)),
        scene("we close", Does::Close(1), &more, Fin, ("closed", 3)),
        scene(
            "we close, silence",
            Does::Close(1),
            &[one],
            Silence,
            ("timeout", 1),
        ),
        scene(
            "we reset",
            reset(Cause::KeyRefresh),
            &more,
            Fin,
            ("reset", 3),
        ),
        scene("we reset, certificate", lost, &more, Fin, ("reset", 1)),
        scene("we fail", Does::Fail(2), &more, Fin, ("stream-error", 2)),
        scene(
            "we abort",
            Does::Abort(1),
            &[both, three],
            Silence,
            ("local-abort", 1),
        ),
    ]
}

/// The peer says what ends it.
fn faults(one: &str, two: &str) -> Vec<Scene> {
    use Ending::{Fin, Silence};
    let echo =
        |name, says: &[&str], ending, outcome| scene(name, Does::Echo, says, ending, outcome);
    vec![
        echo(
            "malformed",
            &[one, "<a></b>", two],
            Silence,
            ("not-well-formed", 1),
        ),
        echo(
            "footer in a stanza",
            &[one, "<a></stream:stream>"],
            Fin,
            ("not-well-formed", 1),
        ),
        echo(
            "second header",
            &[one, "<stream:stream/>", two],
            Fin,
            ("stream-error", 1),
        ),
    ]
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
            "tls-renegotiation",
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

//! What a peer sends after the login, and what our application does meanwhile:
//! the same scenarios in either role, in plaintext and under TLS.

use xmpp_stream::reset::ResetCause;
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::{Connection, EventBuf, Negotiation};

use super::App;
use super::hostile_tls::{ALERT, CLOSE_NOTIFY, DATA, HANDSHAKE, HostileTls, forged};
use super::role::Carrier;

/// One thing the peer puts on the wire.
#[derive(Clone, Debug)]
pub enum WireItem {
    /// Stream text; under TLS one record.
    Text(String),
    /// An authentic record of this type (TLS only).
    Record(u8, Vec<u8>),
    /// Bytes that are no authentic record (TLS only).
    Raw(Vec<u8>),
}

impl WireItem {
    /// Returns its bytes under TLS.
    pub fn seal(&self, tls: &mut HostileTls) -> Vec<u8> {
        match self {
            Self::Text(text) => tls.seal(DATA, text.as_bytes()),
            Self::Record(kind, content) => tls.seal(*kind, content),
            Self::Raw(bytes) => bytes.clone(),
        }
    }

    /// Returns its bytes in plaintext. Panics if it needs TLS.
    pub fn plain(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Record(..) | Self::Raw(_) => panic!("not in plaintext"),
        }
    }
}

/// How TCP ends after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpEnd {
    Fin,
    Rst,
    /// It does not: the peer sends nothing more.
    Never,
}

/// What our application does at the n-th stanza it receives, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// Sends every stanza back.
    Echo,
    /// The same, with one more when the peer has closed its direction.
    SendOnPeerClosing,
    /// The same, and closes at this stanza.
    Close(usize),
    /// The same, and resets at this stanza.
    Reset(usize, ResetCause),
    /// The same, and ends the stream with an error.
    Fail(usize),
    /// The same, and aborts.
    Abort(usize),
}

/// One scenario. It begins after the login.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// What our application does.
    pub behavior: Behavior,
    /// What the peer sends.
    pub input: Vec<WireItem>,
    /// How TCP ends after it.
    pub ending: TcpEnd,
    /// How it must end: the code of the reason.
    pub close: &'static str,
    /// How many stanzas must be reported.
    pub stanzas: usize,
}

impl Scenario {
    /// The peer sends nothing, and the application sends every stanza back.
    pub const IDLE: Self = Self {
        name: "idle",
        behavior: Behavior::Echo,
        input: Vec::new(),
        ending: TcpEnd::Never,
        close: "",
        stanzas: 0,
    };

    /// Whether it can run in plaintext.
    pub fn is_plain(&self) -> bool {
        self.input
            .iter()
            .all(|item| matches!(item, WireItem::Text(_)))
    }

    /// The code of the reason: TCP's end without close_notify is another one
    /// under TLS.
    pub fn expected(&self, carrier: Carrier) -> &'static str {
        let cut = self.ending == TcpEnd::Fin && self.is_plain() && self.close == "transport";
        match carrier.version() {
            Some(_) if cut => "tls-truncated",
            _ => self.close,
        }
    }

    pub fn app<N: Negotiation>(&self) -> App<N> {
        let behavior = self.behavior;
        let mut reported = 0;
        Box::new(move |machine, event| act(behavior, &mut reported, machine, event))
    }
}

fn act<N: Negotiation>(
    behavior: Behavior,
    reported: &mut usize,
    machine: &mut Connection<N>,
    event: &EventBuf,
) {
    if behavior == Behavior::SendOnPeerClosing && *event == EventBuf::PeerClosing {
        machine.session().unwrap().send(&message(99)).unwrap();
    }
    let EventBuf::Stanza(stanza) = event else {
        return;
    };
    *reported += 1;
    if let Some(mut session) = machine.session() {
        session.send(stanza.as_stanza().as_str()).unwrap();
    }
    match behavior {
        Behavior::Close(at) if at == *reported => machine.session().unwrap().close(),
        Behavior::Reset(at, cause) if at == *reported => machine.session().unwrap().reset(cause),
        Behavior::Fail(at) if at == *reported => {
            machine.fail(StreamError::new(StreamCondition::PolicyViolation));
        }
        Behavior::Abort(at) if at == *reported => machine.abort(),
        _ => {}
    }
}

pub const FOOTER: &str = "</stream:stream>";

pub fn text(text: &str) -> WireItem {
    WireItem::Text(text.into())
}

pub fn message(n: usize) -> String {
    format!("<message id='{n}'><body>caf\u{e9} &amp; {n}</body></message>")
}

pub fn texts(texts: &[&str]) -> Vec<WireItem> {
    texts.iter().map(|part| text(part)).collect()
}

/// Returns every scenario. Those that are not plain need TLS.
pub fn all() -> Vec<Scenario> {
    let (one, two) = (message(1), message(2));
    let both = format!("{one}{two}");
    let mut scenarios = peer_ends(&one, &both);
    scenarios.extend(application_ends(&one, &both, &message(3)));
    scenarios.extend(faults(&one, &two));
    let (head, rest) = two.split_at(23);
    scenarios.extend(tls_only(&one, &two, head, rest));
    scenarios
}

fn scenario(
    name: &'static str,
    behavior: Behavior,
    input: &[&str],
    ending: TcpEnd,
    (close, stanzas): (&'static str, usize),
) -> Scenario {
    Scenario {
        name,
        behavior,
        input: texts(input),
        ending,
        close,
        stanzas,
    }
}

/// The peer ends the stream, or TCP behavior.
fn peer_ends(one: &str, both: &str) -> Vec<Scenario> {
    use TcpEnd::{Fin, Rst};
    let two = message(2);
    let (head, rest) = two.split_at(23);
    let error = |condition: &str| {
        format!(
            "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             </stream:error></stream:stream>"
        )
    };
    let echo = |name, input: &[&str], ending, outcome| {
        scenario(name, Behavior::Echo, input, ending, outcome)
    };
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

/// The application ends the stream.
fn application_ends(one: &str, both: &str, three: &str) -> Vec<Scenario> {
    use TcpEnd::{Fin, Never};
    let more = [both, three, FOOTER];
    let reset = |cause| Behavior::Reset(1, cause);
    let lost = reset(ResetCause::CertificateExpired);
    vec![
        scenario(
            "send when the peer closes",
            Behavior::SendOnPeerClosing,
            &more,
            Fin,
            ("closed", 3),
        ),
        scenario("we close", Behavior::Close(1), &more, Fin, ("closed", 3)),
        scenario(
            "we close, no answer",
            Behavior::Close(1),
            &[one],
            Never,
            ("timeout", 1),
        ),
        scenario(
            "we reset",
            reset(ResetCause::KeyRefresh),
            &more,
            Fin,
            ("reset", 3),
        ),
        scenario("we reset, certificate", lost, &more, Fin, ("reset", 1)),
        scenario(
            "we fail",
            Behavior::Fail(2),
            &more,
            Fin,
            ("stream-error", 2),
        ),
        scenario(
            "we abort",
            Behavior::Abort(1),
            &[both, three],
            Never,
            ("local-abort", 1),
        ),
    ]
}

/// The peer input what ends it.
fn faults(one: &str, two: &str) -> Vec<Scenario> {
    use TcpEnd::{Fin, Never};
    let echo = |name, input: &[&str], ending, outcome| {
        scenario(name, Behavior::Echo, input, ending, outcome)
    };
    vec![
        echo(
            "malformed",
            &[one, "<message></b>", two],
            Never,
            ("not-well-formed", 1),
        ),
        echo(
            "footer in a stanza",
            &[one, "<message></stream:stream>"],
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

fn tls_only(one: &str, two: &str, head: &str, rest: &str) -> Vec<Scenario> {
    let scenario = |name, input, close, stanzas| Scenario {
        name,
        behavior: Behavior::Echo,
        input,
        ending: TcpEnd::Fin,
        close,
        stanzas,
    };
    let notify = || WireItem::Record(ALERT, CLOSE_NOTIFY.to_vec());
    // In TLS 1.2 a renegotiation attempt by its type alone, in either role.
    let attempt = || WireItem::Record(HANDSHAKE, vec![0; 4]);
    vec![
        scenario(
            "footer and close_notify",
            vec![text(one), text(FOOTER), notify()],
            "closed",
            1,
        ),
        scenario(
            "close_notify alone",
            vec![text(one), text(head), notify()],
            "transport",
            1,
        ),
        scenario(
            "attempt",
            vec![text(one), text(head), attempt(), text(rest), text(two)],
            "tls-renegotiation",
            1,
        ),
        scenario(
            "attempt after a fault",
            vec![text(one), text("</a>"), attempt()],
            "tls-renegotiation",
            1,
        ),
        scenario(
            "forged record",
            vec![text(one), WireItem::Raw(forged(DATA, &[7; 40])), text(two)],
            "tls",
            1,
        ),
        scenario(
            "fatal alert",
            vec![text(one), WireItem::Record(ALERT, vec![2, 80]), text(two)],
            "tls",
            1,
        ),
    ]
}

//! One JSON object per line on stdout: what scripts read.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use xmpp_stream::event::Resumed;
use xmpp_stream::jid::Jid;
use xmpp_stream::stream::{FeatureOffer, Features};
use xmpp_stream::tls::TlsInfo;
use xmpp_stream::{CloseReason, CloseTcp, Event};

/// Whether no line is written any more. Standard output is the process's, and so is this.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Writes no further line.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Writes the lines of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The number of the connection, where there are several.
    pub conn: Option<u64>,
    /// Whether to tell on stderr what the program does beside its connections, of which
    /// [`trace`](super::trace) tells.
    pub trace: bool,
}

impl Lines {
    /// One line, flushed: the event's name, then `fields`, an object.
    pub fn say(&self, event: &str, fields: &Value) {
        if QUIET.load(Ordering::Relaxed) {
            return;
        }
        let mut line = format!("{{\"event\":{}", json!(event));
        let conn = self.conn.map(|conn| ("conn", json!(conn)));
        let fields = fields.as_object().into_iter().flatten();
        let all = conn
            .iter()
            .map(|(name, value)| (*name, value))
            .chain(fields.map(|(name, value)| (name.as_str(), value)));
        for (name, value) in all {
            // A `String` takes everything.
            let _ = write!(line, ",{}:{value}", json!(name));
        }
        if cfg!(test) {
            // What goes through the macro, the test harness keeps to itself.
            println!("{line}}}");
            return;
        }
        let mut out = std::io::stdout().lock();
        // A reader that has gone away is no reason to stop.
        let _ = writeln!(out, "{line}}}").and_then(|()| out.flush());
    }

    /// The line of an event, if it has one.
    pub fn event(&self, event: &Event<'_>) {
        // A line costs something before it is written.
        if QUIET.load(Ordering::Relaxed) && !self.trace {
            return;
        }
        match event {
            Event::StreamOpened(opened) => {
                let from = opened.from().map(Jid::as_str);
                self.say("stream-opened", &json!({"id": opened.id(), "from": from}));
            }
            Event::Features(offered) => self.say("features", &features(offered)),
            Event::TlsEstablished(info) => self.say("tls", &tls(info)),
            Event::Authenticated(done) => {
                self.say("authenticated", &json!({"mechanism": done.mechanism()}));
            }
            Event::Established(established) => match (established.resumed(), established.jid()) {
                (Some(resumed), _) => {
                    let Resumed {
                        h, retransmitted, ..
                    } = resumed;
                    self.say(
                        "sm-resumed",
                        &json!({"h": h, "retransmitted": retransmitted}),
                    );
                }
                (None, Some(jid)) => self.say("bound", &json!({"jid": jid.as_str()})),
                // Servers and components bind nothing.
                (None, None) => {}
            },
            Event::ManagementEnabled(enabled) => {
                self.say("sm-enabled", &json!({"resumable": enabled.is_resumable()}));
            }
            Event::Stanza(stanza) => self.say("stanza", &json!({"xml": stanza.standalone()})),
            Event::PairVerified(pair) => {
                let (from, to) = (pair.from().as_str(), pair.to().as_str());
                let by = pair.by().as_str();
                self.say("pair-verified", &json!({"from": from, "to": to, "by": by}));
            }
            // `--trace` tells of the others.
            _ => {}
        }
    }

    /// Stream management was not enabled, or a session not resumed: how many of
    /// its stanzas the peer says it handled, and how many it may have or not.
    pub fn management_failed(&self, handled: usize, unknown: usize) {
        self.say(
            "sm-failed",
            &json!({"handled": handled, "unknown": unknown}),
        );
    }

    /// The last line of a connection.
    pub fn closed(&self, close: &CloseTcp) {
        let mut detail = close.reason().to_string();
        if close.truncated() {
            detail.push_str(" (without close_notify)");
        }
        self.say(
            "close-tcp",
            &json!({
                "reason": close.reason().code(),
                "manner": close.manner().as_str(),
                "detail": detail,
            }),
        );
    }

    /// For people.
    pub fn trace(&self, what: std::fmt::Arguments<'_>) {
        if self.trace {
            match self.conn {
                Some(conn) => eprintln!("[{conn}] {what}"),
                None => eprintln!("{what}"),
            }
        }
    }
}

/// The exit code that belongs to the end of the last connection.
pub fn exit_code(reason: &CloseReason) -> u8 {
    use CloseReason as R;
    match reason {
        R::Closed { .. } => 0,
        R::AuthenticationFailed(_)
        | R::NegotiationFailed(_)
        | R::StarttlsRefused
        | R::StarttlsNotOffered => 2,
        R::TlsRenegotiation(_) => 3,
        R::Tls(_) | R::TlsTruncated | R::PlaintextAfterStarttls => 4,
        R::StreamError { .. } | R::Reset { .. } | R::NotWellFormed(_) | R::Limit(_) => 5,
        R::Transport(_) | R::Timeout(_) => 6,
        R::Internal(_) => 70,
        // Of our own wish, or a reason that is newer than this program.
        _ => 1,
    }
}

fn features(offered: &Features<'_>) -> Value {
    let bindings: Option<Vec<Cow<'_, str>>> = offered.channel_bindings().map(Iterator::collect);
    let sasl2: Option<Vec<Cow<'_, str>>> = offered
        .authentication()
        .map(|offer| offer.mechanisms().collect());
    json!({
        "starttls": match offered.starttls() {
            FeatureOffer::Absent => "absent",
            FeatureOffer::Offered => "offered",
            FeatureOffer::Required => "required",
        },
        "mechanisms": offered.mechanisms().collect::<Vec<_>>(),
        "sasl2": sasl2,
        "channel_bindings": bindings,
        "bind": offered.bind(),
        "others": offered.unknown().map(|other| other.ns()).collect::<Vec<_>>(),
    })
}

fn tls(info: &TlsInfo) -> Value {
    json!({
        "version": info.version().to_string().trim_start_matches("TLSv"),
        "suite": info.cipher_suite(),
        "handshake": info.handshake().to_string(),
    })
}

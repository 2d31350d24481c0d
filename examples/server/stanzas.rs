//! What a bound client's stanzas come to.

use std::fmt::Write;

use xmpp_stream::jid::Jid;
use xmpp_stream::xml::{RewriteError, Stanza, write};

use crate::router::{Router, Undelivered};

/// What follows from a stanza.
pub enum Outcome {
    /// Nothing for its sender.
    Nothing,
    /// This stanza for its sender.
    Reply(String),
    /// It names a sender who is somebody else (RFC 6120 8.1.2.1).
    InvalidFrom,
}

/// Handles a stanza of `own`, the client's full address.
pub fn handle(stanza: &Stanza<'_>, own: &Jid, domain: &str, router: &Router) -> Outcome {
    if let Some(from) = stanza.attr("from") {
        let claimed = Jid::parse(&from);
        if !claimed.is_ok_and(|from| from == *own || from == own.bare()) {
            return Outcome::InvalidFrom;
        }
    }
    let reply = match (stanza.name(), stanza.attr("type").as_deref()) {
        ("iq", Some("get" | "set")) => answer(stanza, own),
        // Errors are not answered (8.3.1).
        ("message", kind) => message(stanza, own, domain, router)
            .map(|refused| refused.filter(|_| kind != Some("error"))),
        _ => Ok(None),
    };
    match reply {
        Ok(Some(reply)) => Outcome::Reply(reply),
        Ok(None) => Outcome::Nothing,
        Err(error) => {
            eprintln!("cannot answer: {error}");
            Outcome::Nothing
        }
    }
}

/// Pings (XEP-0199), the roster (RFC 6121 2.1.3), old-style sessions.
fn answer(iq: &Stanza<'_>, own: &Jid) -> Result<Option<String>, RewriteError> {
    let kind = iq.attr("type").unwrap_or_default();
    let payload = iq.children().next();
    let asks = |kind_of: &str, name: &str, ns: &str| {
        kind == kind_of && payload.is_some_and(|payload| payload.is(name, ns))
    };
    let result = if asks("get", "ping", "urn:xmpp:ping")
        || asks("set", "session", "urn:ietf:params:xml:ns:xmpp-session")
    {
        Some("")
    } else if asks("get", "query", "jabber:iq:roster") {
        Some("<query xmlns='jabber:iq:roster'/>")
    } else {
        None
    };
    match result {
        Some(content) => reply(iq, own, "result", content).map(Some),
        None => reply(iq, own, "error", SERVICE_UNAVAILABLE).map(Some),
    }
}

/// Delivers; what is for the domain goes back to its sender. The error to
/// answer with if it cannot be delivered (RFC 6121 8.5.2.2).
fn message(
    message: &Stanza<'_>,
    own: &Jid,
    domain: &str,
    router: &Router,
) -> Result<Option<String>, RewriteError> {
    // Without an address it is for the sender's own account (RFC 6120 10.3.1).
    let to = match message.attr("to") {
        Some(to) => Jid::parse(&to),
        None => Ok(own.bare()),
    };
    let Ok(to) = to else {
        return reply(message, own, "error", JID_MALFORMED).map(Some);
    };
    let mut text = String::new();
    if to.is_domain() && to.domain() == domain {
        let echo = message.rewrite().from(Some(domain)).to(Some(own.as_str()));
        echo.write(&mut text)?;
        return Ok(Some(text));
    }
    let stamped = message.rewrite().from(Some(own.as_str()));
    stamped.to(Some(to.as_str())).write(&mut text)?;
    match router.deliver(&to, text) {
        Ok(()) => Ok(None),
        Err(Undelivered::Nobody) => reply(message, own, "error", SERVICE_UNAVAILABLE).map(Some),
        Err(Undelivered::Busy) => reply(message, own, "error", RESOURCE_CONSTRAINT).map(Some),
    }
}

const SERVICE_UNAVAILABLE: &str = "<error type='cancel'><service-unavailable \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const RESOURCE_CONSTRAINT: &str = "<error type='wait'><resource-constraint \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const JID_MALFORMED: &str = "<error type='modify'><jid-malformed \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

/// An answer: the addresses change places, the id stays (RFC 6120 8.1.3).
fn reply(
    stanza: &Stanza<'_>,
    own: &Jid,
    kind: &str,
    content: &str,
) -> Result<String, RewriteError> {
    let mut out = String::new();
    write!(
        out,
        "<{name} type='{kind}' to='{to}'",
        name = stanza.name(),
        to = write::escape_attr(own.as_str())?,
    )?;
    for (ours, theirs) in [("from", "to"), ("id", "id")] {
        if let Some(value) = stanza.attr(theirs) {
            write!(out, " {ours}='{}'", write::escape_attr(&value)?)?;
        }
    }
    write!(out, ">{content}</{}>", stanza.name())?;
    Ok(out)
}

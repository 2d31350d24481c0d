//! What the stanzas of a bound client, and of other servers, come to.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use xmpp_stream::jid::Jid;
use xmpp_stream::stream::Kind;
use xmpp_stream::xml::{RewriteError, Stanza, StanzaBuf, write};

use crate::config::Server;
use crate::federation::{self, Letter, Parcel};
use crate::router::{Remains, Undelivered};

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
pub fn handle(stanza: &Stanza<'_>, own: &Jid, server: &Arc<Server>) -> Outcome {
    if let Some(from) = stanza.attr("from") {
        let claimed = Jid::parse(&from);
        if !claimed.is_ok_and(|from| from == *own || from == own.bare()) {
            return Outcome::InvalidFrom;
        }
    }
    let reply = match (stanza.name(), stanza.attr("type").as_deref()) {
        ("iq", _) => iq(stanza, own),
        // Errors are not answered (8.3.1).
        ("message", kind) => {
            message(stanza, own, server).map(|refused| refused.filter(|_| kind != Some("error")))
        }
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

/// Handles a stanza of another server's; what is to go back, and to whom. The
/// stream has seen to the addresses (RFC 6120 8.1.2.2).
pub fn from_afar(stanza: &Stanza<'_>, server: &Arc<Server>) -> Option<(Parcel, Jid)> {
    let address = |name| Jid::parse(&stanza.attr(name)?).ok();
    let to = address("to")?;
    let Some(from) = address("from") else {
        // An address of RFC 6122 that is none of RFC 7622: its messages are delivered, and an answer
        // has nowhere to go in this small server.
        if stanza.name() == "message" && !to.is_domain() {
            if let Err(error) = delivered(stanza, &to, server) {
                eprintln!("cannot deliver: {error}");
            }
        }
        return None;
    };
    let kind = stanza.attr("type");
    let (answered, name) = match (stanza.name(), kind.as_deref()) {
        ("iq", _) => (iq(stanza, &from), "iq"),
        ("message", Some("error")) => {
            (arrived(stanza, &to, &from, server).map(|_| None), "message")
        }
        ("message", _) => (arrived(stanza, &to, &from, server), "message"),
        _ => return None,
    };
    match answered {
        Ok(answer) => {
            let id = stanza.attr("id").map(Cow::into_owned);
            let parcel = Parcel::new(name, id, to, from.clone(), answer?);
            Some((parcel, from))
        }
        Err(error) => {
            eprintln!("cannot answer: {error}");
            None
        }
    }
}

/// Sees to the messages of a session that is over. What its client does not
/// have goes to another stream of the user, if there is one. What the client
/// may have goes back, because the user might get it twice (XEP-0198 5). Errors
/// are dropped (RFC 6121 8.5.3.2.1), and so are other stanzas: they are this
/// server's own answers.
pub fn give_back(remains: Remains, server: &Arc<Server>) {
    let account = remains.jid.bare();
    for stanza in remains.unsent {
        if is_deliverable(&stanza) && server.router.deliver(&account, stanza.clone()).is_err() {
            bounce(&stanza, SERVICE_UNAVAILABLE, server);
        }
    }
    for stanza in remains.unknown {
        bounce(&stanza, MAY_HAVE_ARRIVED, server);
    }
}

fn is_deliverable(stanza: &str) -> bool {
    StanzaBuf::parse(stanza).is_ok_and(|stanza| is_returnable(&stanza.as_stanza()))
}

/// A message that is no error itself (RFC 6120 8.3.1).
fn is_returnable(stanza: &Stanza<'_>) -> bool {
    stanza.name() == "message" && stanza.attr("type").as_deref() != Some("error")
}

/// Returns a message to its sender as an error.
fn bounce(stanza: &str, error: &str, server: &Arc<Server>) {
    let Ok(stanza) = StanzaBuf::parse(stanza) else {
        return;
    };
    let stanza = stanza.as_stanza();
    let sender = stanza.attr("from").and_then(|from| Jid::parse(&from).ok());
    let recipient = stanza.attr("to").and_then(|to| Jid::parse(&to).ok());
    let (Some(sender), Some(recipient)) = (sender, recipient) else {
        return;
    };
    // Nobody waits for what became of this server's own echoes.
    let is_ours = sender.is_domain() && sender.domain() == server.domain;
    if is_ours || !is_returnable(&stanza) {
        return;
    }
    let Ok(text) = reply(&stanza, &sender, "error", error) else {
        return;
    };
    if sender.domain() == server.domain {
        // Gone, too: then nobody waits.
        let _ = server.router.deliver(&sender, text);
    } else {
        let id = stanza.attr("id").map(Cow::into_owned);
        let parcel = Parcel::new("message", id, recipient, sender.clone(), text);
        federation::post(server, &sender, Letter::Stanza(parcel));
    }
}

/// Delivers a message of another server to one of the users.
fn delivered(
    message: &Stanza<'_>,
    to: &Jid,
    server: &Server,
) -> Result<Result<(), Undelivered>, RewriteError> {
    let mut text = String::new();
    let content_ns = Kind::ClientToServer.content_ns();
    message.rewrite().content_ns(content_ns).write(&mut text)?;
    Ok(server.router.deliver(to, text))
}

/// A message of another server's: for the domain, which sends it back, or for
/// one of its users.
fn arrived(
    message: &Stanza<'_>,
    to: &Jid,
    from: &Jid,
    server: &Server,
) -> Result<Option<String>, RewriteError> {
    let mut text = String::new();
    if to.is_domain() {
        let echo = message.rewrite().from(Some(to.as_str()));
        echo.to(Some(from.as_str())).write(&mut text)?;
        return Ok(Some(text));
    }
    match delivered(message, to, server)? {
        Ok(()) => Ok(None),
        Err(Undelivered::Nobody) => reply(message, from, "error", SERVICE_UNAVAILABLE).map(Some),
        Err(Undelivered::Busy) => reply(message, from, "error", RESOURCE_CONSTRAINT).map(Some),
    }
}

/// The answer to an iq of a client or of another server: requests have one, and so has an iq of
/// none of the four types (RFC 6120 8.2.3).
fn iq(iq: &Stanza<'_>, sender: &Jid) -> Result<Option<String>, RewriteError> {
    match iq.attr("type").as_deref() {
        Some("get" | "set") => answer(iq, sender),
        Some("result" | "error") => Ok(None),
        _ => reply(iq, sender, "error", BAD_REQUEST).map(Some),
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
    server: &Arc<Server>,
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
    let domain = server.domain.as_str();
    if to.is_domain() && to.domain() == domain {
        let echo = message.rewrite().from(Some(domain)).to(Some(own.as_str()));
        echo.write(&mut text)?;
        return Ok(Some(text));
    }
    let stamped = message.rewrite().from(Some(own.as_str()));
    let stamped = stamped.to(Some(to.as_str()));
    if to.domain() != domain && server.federation.is_some() {
        let content_ns = Kind::ServerToServer.content_ns();
        stamped.content_ns(content_ns).write(&mut text)?;
        let id = message.attr("id").map(Cow::into_owned);
        let mut parcel = Parcel::new("message", id, own.clone(), to.clone(), text);
        parcel.returnable = message.attr("type").as_deref() != Some("error");
        federation::post(server, &to, Letter::Stanza(parcel));
        return Ok(None);
    }
    stamped.write(&mut text)?;
    match server.router.deliver(&to, text) {
        Ok(()) => Ok(None),
        Err(Undelivered::Nobody) => reply(message, own, "error", SERVICE_UNAVAILABLE).map(Some),
        Err(Undelivered::Busy) => reply(message, own, "error", RESOURCE_CONSTRAINT).map(Some),
    }
}

const SERVICE_UNAVAILABLE: &str = "<error type='cancel'><service-unavailable \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const MAY_HAVE_ARRIVED: &str = "<error type='cancel'><service-unavailable \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
    <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>not acknowledged: it may have \
    arrived</text></error>";
const RESOURCE_CONSTRAINT: &str = "<error type='wait'><resource-constraint \
    xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const BAD_REQUEST: &str = "<error type='modify'><bad-request \
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

#[cfg(test)]
mod tests {
    use xmpp_stream::xml::StanzaBuf;

    use super::*;

    #[test]
    fn an_iq_of_none_of_the_four_types_is_a_bad_request() {
        let sender = Jid::parse("juliet@capulet.example/balcony").unwrap();
        let answered = |kind: &str| {
            let xml = format!("<iq xmlns='jabber:client' id='1' {kind}/>");
            let stanza = StanzaBuf::parse(&xml).unwrap();
            iq(&stanza.as_stanza(), &sender).unwrap()
        };
        let start = "<iq type='error' to='juliet@capulet.example/balcony' id='1'><error";
        for kind in ["type='nonsense'", "type='GET'", "type=''", ""] {
            let answer = answered(kind).expect(kind);
            assert!(answer.starts_with(start), "{answer}");
            assert!(answer.contains("<bad-request "), "{answer}");
        }
        for kind in ["type='get'", "type='set'"] {
            let answer = answered(kind).expect(kind);
            assert!(answer.contains("<service-unavailable "), "{answer}");
        }
        for kind in ["type='result'", "type='error'"] {
            assert_eq!(answered(kind), None, "{kind}");
        }
    }
}

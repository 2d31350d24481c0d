//! The stanza errors that a stream writes by itself (RFC 6120 8.3): to a client that asks before it
//! is bound, and to a component that uses the address of somebody else.

use alloc::string::String;

use super::bind::MAX_ID_BYTES;
use super::{StanzaAddresses, StanzaRefusal, ns, put};
use crate::xml::Element;

/// Appends the error that refuses `stanza`. Appends nothing if the stanza is itself an error or a
/// result, because those are not answered (RFC 6120 8.2.3, 8.3.1).
pub(crate) fn write_refusal(out: &mut String, stanza: &Element<'_>, refusal: StanzaRefusal) {
    if matches!(stanza.attr("type").as_deref(), Some("error" | "result")) {
        return;
    }
    let (condition, kind) = match refusal {
        StanzaRefusal::JidMalformed => ("jid-malformed", "modify"),
        StanzaRefusal::NotAllowed => ("not-allowed", "cancel"),
        StanzaRefusal::NotAuthorized => ("not-authorized", "auth"),
    };
    out.push('<');
    out.push_str(stanza.name());
    put::attribute(out, "type", "error");
    if let Some(id) = stanza.attr("id").filter(|id| id.len() <= MAX_ID_BYTES) {
        put::attribute(out, "id", &id);
    }
    let addresses = StanzaAddresses::read(stanza);
    for (name, address) in [("from", &addresses.to), ("to", &addresses.from)] {
        if let Some(address) = address.reply_to() {
            put::attribute(out, name, address);
        }
    }
    out.push_str("><error");
    put::attribute(out, "type", kind);
    out.push_str("><");
    out.push_str(condition);
    put::attribute(out, "xmlns", ns::STANZA_ERRORS);
    out.push_str("/></error></");
    out.push_str(stanza.name());
    out.push('>');
}

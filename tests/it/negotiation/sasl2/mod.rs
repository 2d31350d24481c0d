//! SASL2 with what travels with it (XEP-0388, XEP-0386, XEP-0198 9): `client` against a scripted
//! server.

mod client;
mod fast;
mod server;
mod strength;

const SASL2: &str = "urn:xmpp:sasl:2";

/// Features with an offer of SASL2: these mechanisms, and this in `<inline/>`.
fn offer(mechanisms: &[&str], inline: &str) -> String {
    let mut list = String::new();
    for name in mechanisms {
        list.extend(["<mechanism>", name, "</mechanism>"]);
    }
    format!(
        "<stream:features><authentication xmlns='{SASL2}'>{list}<inline>{inline}</inline>\
         </authentication><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{list}\
         </mechanisms></stream:features>"
    )
}

/// `<success/>` for this address, with this in it.
fn success(jid: &str, inline: &str) -> String {
    format!(
        "<success xmlns='{SASL2}'><authorization-identifier>{jid}</authorization-identifier>\
         {inline}</success>"
    )
}

pub(super) fn failure(condition: &str) -> String {
    format!(
        "<failure xmlns='{SASL2}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\
         </failure>"
    )
}

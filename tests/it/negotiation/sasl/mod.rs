//! SASL (RFC 6120 6).

mod client;
mod correlation;
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::Carrier;
use crate::harness::pki::TLS13;

const TLS: Carrier = Carrier::StartTls(TLS13);

pub(super) fn auth(mechanism: &str, data: &str) -> String {
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{data}</auth>")
}

pub(super) fn plain(user: &str, password: &str) -> String {
    auth("PLAIN", &STANDARD.encode(format!("\0{user}\0{password}")))
}

pub(super) fn response(data: &str) -> String {
    format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</response>")
}

pub(super) fn failure(condition: &str) -> String {
    format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>")
}

pub(super) fn offer(mechanisms: &[&str]) -> String {
    let mut list = String::new();
    for name in mechanisms {
        list.extend(["<mechanism>", name, "</mechanism>"]);
    }
    format!(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{list}\
         </mechanisms></stream:features>"
    )
}

/// The decoded text of the element `name`.
pub(super) fn decoded(received: &str, name: &str) -> String {
    let data = received.split_once(&format!("<{name} ")).unwrap().1;
    let data = data.split_once('>').unwrap().1.split('<').next().unwrap();
    String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
}

//! An initiating server whose peer says what it likes.

use rustls::server::WebPkiClientVerifier;
use xmpp_stream::Initiator;
use xmpp_stream::stream::Initiating;

use super::world::{
    CAPULET, Certificate, HEADER, MONTAGUE, Proofs, START, initiator, provider, roots,
};
use crate::harness::bench::handshake;
use crate::harness::hostile_tls::{DATA, HostileTls};
use crate::harness::pair::Side;
use crate::harness::pki::Version;

/// Capulet, behind the handshake with a peer that has Montague's certificate.
pub fn secured_initiator(version: Version, proofs: Proofs) -> (Side<Initiating>, HostileTls) {
    let client = Certificate::Good(CAPULET).client(version);
    let config = initiator(CAPULET, MONTAGUE, Some(client), proofs);
    let mut side = Side::new(Initiator::new(config, START), Box::new(|_, _| {}));
    let mut peer = HostileTls::server(asking_for_certificates(version));
    let starttls = "<stream:features><starttls \
        xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    for text in [&answer(), starttls, proceed] {
        side.drive(START);
        side.take(usize::MAX);
        side.feed(text.as_bytes(), START);
    }
    handshake(&mut side, &mut peer, 4096, START);
    (side, peer)
}

/// What Capulet says when it is told this.
pub fn hear(side: &mut Side<Initiating>, peer: &mut HostileTls, text: &str) -> String {
    let record = peer.seal(DATA, text.as_bytes());
    side.feed(&record, START);
    side.drive(START);
    let opened = peer.open(&side.take(usize::MAX));
    let said: Vec<u8> = opened.into_iter().flat_map(|(_, text)| text).collect();
    String::from_utf8(said).unwrap()
}

/// What Montague says of SASL.
pub const MECHANISMS: &str = "<stream:features><mechanisms \
    xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism>\
    </mechanisms></stream:features>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// Montague's header.
pub fn answer() -> String {
    HEADER
        .replace(CAPULET, "M")
        .replace(MONTAGUE, CAPULET)
        .replace("from='M'", "from='montague.example' id='1'")
}

fn asking_for_certificates(version: Version) -> rustls::ServerConfig {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(), provider())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let (chain, key) = Certificate::Good(MONTAGUE).chain_and_key().unwrap();
    rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap()
}

//! An initiating server whose peer chooses every record.

use rustls::server::WebPkiClientVerifier;
use xmpp_stream::Initiator;
use xmpp_stream::connection::InitiatorRole;

use super::servers::{CAPULET, Certificate, HEADER, MONTAGUE, Proofs, initiator, provider, roots};
use crate::harness::pki::Version;
use crate::harness::{Harness, HostileTls, START};

/// Capulet, after the handshake with a peer that has Montague's certificate.
pub fn secured_initiator(version: Version, proofs: Proofs) -> Harness<InitiatorRole, HostileTls> {
    let client = Certificate::Good(CAPULET).client(version);
    let config = initiator(CAPULET, MONTAGUE, Some(client), proofs);
    let mut harness = Harness::new(Initiator::new(config, START), Box::new(|_, _| {}));
    let peer = HostileTls::server(asking_for_certificates(version));
    let starttls = "<stream:features><starttls \
        xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    for text in [&answer(), starttls, proceed] {
        harness.run();
        harness.transmit(usize::MAX);
        harness.deliver(text.as_bytes());
    }
    let mut harness = harness.hostile(peer, 4096);
    harness.receive();
    harness
}

/// The mechanisms Montague offers.
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

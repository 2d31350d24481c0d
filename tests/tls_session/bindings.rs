//! Channel bindings: RFC 9266 and RFC 5929.

use sha2::{Digest, Sha256, Sha384};
use xmpp_stream::tls::ChannelBinding::{self, TlsExporter, TlsServerEndPoint};
use xmpp_stream::tls::TlsSession;

use crate::common::hostile_tls::HostileTls;
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, name, pki};
use crate::common::tls_driver::Feed;
use crate::{Role, VERSIONS, client, connect, pair, server};

fn kinds(session: &TlsSession) -> Vec<ChannelBinding> {
    session.available_bindings().collect()
}

fn data(session: &TlsSession, kind: ChannelBinding) -> Vec<u8> {
    session.channel_binding(kind).unwrap().as_bytes().to_vec()
}

#[test]
fn rfc9266_tls_exporter_is_what_a_buffered_peer_exports() {
    let mut runs = 0;
    for crypto in Crypto::ALL {
        for suite in ["AES_128", "AES_256", "CHACHA20"] {
            for role in Role::BOTH {
                let setup = Setup::new(crypto, TLS13).suites(suite);
                let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
                let ours = data(&driver.session, TlsExporter);
                let label = b"EXPORTER-Channel-Binding";
                for context in [None, Some(&b""[..])] {
                    let theirs = peer
                        .honest()
                        .export_keying_material([0; 32], label, context)
                        .unwrap();
                    assert_eq!(ours, theirs, "{crypto:?} {suite} {role:?}");
                }
                // New traffic keys do not change it.
                peer.honest().refresh_traffic_keys().unwrap();
                driver.feed(&peer.output());
                assert_eq!(data(&driver.session, TlsExporter), ours);
                runs += 1;
            }
        }
    }
    assert_eq!(runs, Crypto::ALL.len() * 3 * 2);
}

#[test]
fn rfc9266_tls_exporter_is_there_after_the_handshake_and_only_in_tls_1_3() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    let mut one = client(pki().client(&setup), Feed::Whole);
    let mut other = server(pki().server(&setup, Leaf::Valid), Feed::Whole);
    let hello = one.take_out();
    other.feed(&hello);
    // The server has its secret now, and must not tell.
    assert_eq!(kinds(&other.session), []);
    connect(&mut one, &mut other);
    for driver in [&one, &other] {
        assert_eq!(kinds(&driver.session), [TlsExporter, TlsServerEndPoint]);
    }
    let setup = Setup::new(Crypto::Ring, TLS12);
    for role in Role::BOTH {
        let (driver, _) = pair(&setup, role, Feed::Whole);
        assert_eq!(kinds(&driver.session), [TlsServerEndPoint]);
        assert!(driver.session.channel_binding(TlsExporter).is_none());
    }
}

#[test]
fn rfc5929_4_tls_server_end_point_is_the_hash_of_the_certificate_sent() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        for leaf in [
            Leaf::Valid,
            Leaf::Rsa,
            Leaf::SignedWithSha384,
            Leaf::SignedWithEd25519,
        ] {
            let certificate = &pki().identity(leaf).chain[0];
            let expected = match leaf {
                Leaf::SignedWithEd25519 => None,
                Leaf::SignedWithSha384 => Some(Sha384::digest(certificate).to_vec()),
                _ => Some(Sha256::digest(certificate).to_vec()),
            };
            let mut one = client(pki().client(&setup), Feed::Whole);
            let mut other = server(pki().server(&setup, leaf), Feed::Whole);
            connect(&mut one, &mut other);
            for driver in [&one, &other] {
                let binding = driver.session.channel_binding(TlsServerEndPoint);
                let binding = binding.map(|b| b.as_bytes().to_vec());
                assert_eq!(binding, expected, "{leaf:?}");
            }
        }
    }
}

/// A server asked twice for its certificate, by HelloRetryRequest, counts the
/// last answer.
#[test]
fn rfc5929_4_tls_server_end_point_survives_a_hello_retry_request() {
    let mut setup = Setup::new(Crypto::Ring, TLS13);
    let client = HostileTls::client(pki().client(&setup), name(DOMAIN));
    let groups = &mut setup.provider.kx_groups;
    groups.retain(|group| format!("{:?}", group.name()) == "secp384r1");
    let mut driver = server(pki().server(&setup, Leaf::Valid), Feed::Whole);
    let mut peer = client;
    driver.handshake(&mut peer);
    assert_eq!(
        peer.kind(),
        rustls::HandshakeKind::FullWithHelloRetryRequest
    );
    assert_eq!(
        data(&driver.session, TlsServerEndPoint),
        Sha256::digest(&pki().identity(Leaf::Valid).chain[0]).to_vec()
    );
}

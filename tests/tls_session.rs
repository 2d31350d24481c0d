//! `tls::Session` against buffered rustls peers and against itself.

mod common;

use common::{
    hostile_tls::HostileTls,
    pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, name, pki},
};
use std::sync::Arc;
use xmpp_stream::tls::{ClientTls, Resumption, Session, Step, TlsLimits};

#[test]
fn smoke() {
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let tls = ClientTls::new(Arc::new(pki().client(&setup)));
        let mut session = Session::client(
            &tls,
            name(DOMAIN),
            &[],
            Resumption::Allowed,
            TlsLimits::default(),
        )
        .unwrap();
        let mut peer = HostileTls::server(pki().server(&setup, Leaf::Valid));
        peer.handshake(&mut |bytes| {
            let mut out = Vec::new();
            assert_eq!(session.push(bytes), bytes.len());
            loop {
                match session.poll(&mut out, &mut |_| panic!("text")) {
                    Step::NeedMore => return out,
                    Step::Continue | Step::Established => {}
                    other => panic!("{other:?}"),
                }
            }
        });
        println!("{session:?}");
        peer.turn();
        let mut out = Vec::new();
        session.seal(b"hello", &mut out).unwrap();
        assert_eq!(peer.open(&out), [(23, b"hello".to_vec())]);
        let record = peer.seal(23, b"answer");
        session.push(&record);
        let mut text = Vec::new();
        assert_eq!(
            session.poll(&mut out, &mut |t| text.extend_from_slice(t)),
            Step::Plaintext
        );
        assert_eq!(text, b"answer");
    }
}

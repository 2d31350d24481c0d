//! Damaged certificates: no panic, and never more trust than before.

use rcgen::ExtendedKeyUsagePurpose as Usage;
use rustls::pki_types::CertificateDer;
use xmpp_stream::tls::identity::{IdentityError, Purpose, check, expiry_of, jids_of};

use crate::authority::San::{Dns, Srv, Xmpp};
use crate::authority::{Authority, authority, for_names, for_names_in_der, general_names};
use crate::common::pki::Crypto;
use crate::common::rng::Rng;
use crate::{DOMAIN, NOW, trust};

const SEED: u64 = 6120;

const PURPOSES: [Purpose; 4] = [
    Purpose::ClientToServer,
    Purpose::ServerAsServer,
    Purpose::ServerAsClient,
    Purpose::Client,
];

/// Flips a bit, or changes, removes and adds a few bytes.
fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if rng.below(2) == 0 {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
        return;
    }
    for _ in 0..=rng.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next().to_le_bytes()[0],
            2 => bytes[at] = *rng.pick(&[0, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xa0, 0xff]),
            3 => bytes.truncate(at),
            4 => bytes.insert(at, rng.next().to_le_bytes()[0]),
            _ => {
                bytes.remove(at);
            }
        }
    }
}

#[test]
fn damaged_certificates_never_panic_and_never_pass() {
    println!("seed {SEED}");
    let mut rng = Rng::new(SEED);
    let root = Authority::root(authority("root"));
    let between = root.authority(authority("between").only_dns_names_below("example.com"));
    let names = [
        Dns(DOMAIN),
        Srv("_xmpp-server.im.example.com"),
        Xmpp("a@im.example.com"),
    ];
    let peer = between.issue(&for_names(&names).usage(&[Usage::ServerAuth, Usage::ClientAuth]));
    let trust = trust(Crypto::Ring, &[&root]);
    let whole = &peer.chain;
    assert!(check(whole, &trust, DOMAIN, Purpose::ServerAsServer, NOW).is_ok());

    let mut codes = std::collections::BTreeMap::new();
    for round in 0..20_000 {
        let mut chain = whole.clone();
        let which = round % 2;
        let mut bytes = chain[which].to_vec();
        mutate(&mut rng, &mut bytes);
        if bytes == whole[which].as_ref() {
            continue;
        }
        chain[which] = bytes.into();
        let purpose = PURPOSES[round % 4];
        let verdict = check(&chain, &trust, DOMAIN, purpose, NOW);
        let code = verdict.as_ref().map_or_else(IdentityError::code, |_| "ok");
        *codes.entry(code).or_insert(0) += 1;
        assert!(verdict.is_err(), "round {round}: {verdict:?}");
        let _any = (jids_of(&chain[which]), expiry_of(&chain));
    }
    println!("{codes:#?}");
    for code in [
        "malformed",
        "bad-signature",
        "unknown-issuer",
        "wrong-purpose",
    ] {
        let count = codes.get(&*format!("certificate-{code}"));
        assert!(count > Some(&20), "the damage is too uniform");
    }
}

#[test]
fn every_prefix_of_a_certificate_is_malformed() {
    let root = Authority::root(authority("root"));
    let peer = root.issue(&for_names(&[Dns(DOMAIN), Xmpp("a@im.example.com")]));
    let trust = trust(Crypto::Ring, &[&root]);
    for cut in 0..peer.chain[0].len() {
        let part = CertificateDer::from(peer.chain[0][..cut].to_vec());
        let verdict = check(&[part], &trust, DOMAIN, Purpose::ServerAsServer, NOW);
        assert_eq!(
            verdict.unwrap_err().code(),
            "certificate-malformed",
            "{cut}"
        );
    }
}

/// An authority that signs whatever names it is given.
#[test]
fn damaged_names_under_a_good_signature_speak_for_no_other_domain() {
    println!("seed {SEED}");
    let mut rng = Rng::new(SEED);
    let root = Authority::root(authority("root"));
    let trust = trust(Crypto::Ring, &[&root]);
    let names = general_names(&[
        Dns(DOMAIN),
        Srv("_xmpp-server.im.example.com"),
        Xmpp("im.example.com"),
        Xmpp("a@im.example.com"),
    ]);
    let mut codes = std::collections::BTreeMap::new();
    for round in 0..3000 {
        let mut names = names.clone();
        mutate(&mut rng, &mut names);
        let peer = root.issue(&for_names_in_der(names.clone()));
        let purpose = PURPOSES[round % 4];
        let verdict = check(&peer.chain, &trust, DOMAIN, purpose, NOW);
        let code = verdict.as_ref().map_or_else(IdentityError::code, |_| "ok");
        *codes.entry(code).or_insert(0) += 1;
        if let Ok(verdict) = &verdict {
            let is_there = |text: &str| {
                names
                    .windows(text.len())
                    .any(|w| w.eq_ignore_ascii_case(text.as_bytes()))
            };
            assert!(is_there(DOMAIN), "round {round}");
            assert!(verdict.domains().all(is_there), "round {round}");
            assert!(
                verdict.jids().all(|jid| is_there(jid.as_str())),
                "round {round}"
            );
        }
        for victim in ["victim.example", "example.com", "com"] {
            let verdict = check(&peer.chain, &trust, victim, purpose, NOW);
            assert!(verdict.is_err(), "round {round}: {verdict:?}");
        }
        let _any = jids_of(&peer.chain[0]);
    }
    println!("{codes:#?}");
    for code in ["ok", "certificate-malformed", "certificate-name-mismatch"] {
        assert!(codes.get(code) > Some(&10), "the damage is too uniform");
    }
}

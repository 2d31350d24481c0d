//! What a verdict tells beside yes and no.

use std::sync::Arc;
use std::time::Duration;

use rcgen::ExtendedKeyUsagePurpose as Usage;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateRevocationListDer, UnixTime, alg_id};
use xmpp_stream::time::StdClock;
use xmpp_stream::tls::identity::{self, IdentityError, Purpose, Trust, check, expiry_of, jids_of};

use crate::authority::San::{Dns, Srv, Xmpp};
use crate::authority::{Authority, authority, for_names};
use crate::common::pki::{Crypto, Identity};
use crate::{DOMAIN, NOW, trust};

/// The verdict of a server that believes `root` about a server.
fn judge(
    root: &Authority,
    peer: &Identity,
    purpose: Purpose,
) -> Result<identity::CertIdentity, IdentityError> {
    check(
        &peer.chain,
        &trust(Crypto::Ring, &[root]),
        DOMAIN,
        purpose,
        NOW,
    )
}

#[test]
fn a_good_certificate_tells_all_domains_it_speaks_for() {
    let root = Authority::root(authority("root"));
    let names = [
        Dns(DOMAIN),
        Dns("*.Chat.example.com"),
        Dns("*.com"),
        Srv("_xmpp-server.srv.example.com"),
        Srv("_xmpp-client.client.example.com"),
        Srv("_xmpp-server.*.example.com"),
        Xmpp("xmpp.example.com"),
        Xmpp("juliet@im.example.com"),
    ];
    let verdict = judge(
        &root,
        &root.issue(&for_names(&names)),
        Purpose::ServerAsServer,
    )
    .unwrap();
    assert_eq!(verdict.reference(), DOMAIN);
    assert_eq!(verdict.purpose(), Purpose::ServerAsServer);
    let domains: Vec<_> = verdict.domains().collect();
    let expected = [
        DOMAIN,
        "*.Chat.example.com",
        "srv.example.com",
        "xmpp.example.com",
    ];
    assert_eq!(domains, expected);
    assert_eq!(verdict.jids().count(), 0);
    for (domain, expected) in [
        (DOMAIN, true),
        ("IM.example.com.", true),
        ("rooms.chat.example.com", true),
        ("chat.example.com", false),
        ("a.b.chat.example.com", false),
        ("srv.example.com", true),
        ("client.example.com", false),
        ("xmpp.example.com", true),
        ("example.com", false),
        ("192.0.2.1", false),
        ("*.chat.example.com", false),
        ("", false),
    ] {
        assert_eq!(verdict.speaks_for(domain), expected, "{domain}");
    }
}

#[test]
fn xep0178_a_client_certificate_tells_the_addresses_on_our_domain() {
    let root = Authority::root(authority("root"));
    let names = [
        Xmpp("juliet@im.example.com"),
        Xmpp("romeo@elsewhere.example"),
        Xmpp("no address"),
        Dns(DOMAIN),
        Xmpp("Nurse@IM.example.com/balcony"),
    ];
    let peer = root.issue(&for_names(&names));
    let verdict = judge(&root, &peer, Purpose::Client).unwrap();
    let text = |jids: Vec<xmpp_stream::jid::Jid>| -> Vec<String> {
        jids.iter().map(ToString::to_string).collect()
    };
    let (juliet, nurse) = ("juliet@im.example.com", "nurse@im.example.com/balcony");
    assert_eq!(text(verdict.jids().collect()), [juliet, nurse]);
    assert_eq!(verdict.domains().count(), 0);
    assert!(!verdict.speaks_for(DOMAIN));
    let all = text(jids_of(&peer.chain[0]));
    assert_eq!(all, [juliet, "romeo@elsewhere.example", nurse]);
}

/// Runs in the package `tests/libraries`, which has the other parser.
#[cfg(feature = "libraries")]
#[test]
fn the_addresses_are_those_an_independent_parser_finds() {
    use x509_cert::Certificate;
    use x509_cert::der::Decode;
    use x509_cert::der::asn1::Utf8StringRef;
    use x509_cert::ext::pkix::SubjectAltName;
    use x509_cert::ext::pkix::name::GeneralName;
    let root = Authority::root(authority("root"));
    let many: Vec<String> = (0..300)
        .map(|n| format!("user{n}@im.example.com"))
        .collect();
    let names: Vec<_> = many
        .iter()
        .map(|name| Xmpp(name))
        .chain([Dns(DOMAIN)])
        .collect();
    let peer = root.issue(&for_names(&names).usage(&[Usage::ClientAuth]));
    let certificate = Certificate::from_der(&peer.chain[0]).unwrap();
    let (_, SubjectAltName(found)) = certificate
        .tbs_certificate()
        .get_extension()
        .unwrap()
        .unwrap();
    let theirs: Vec<_> = found
        .iter()
        .filter_map(|name| match name {
            GeneralName::OtherName(other) => Utf8StringRef::try_from(&other.value).ok(),
            _ => None,
        })
        .map(|text| text.as_str().to_owned())
        .collect();
    let ours: Vec<_> = jids_of(&peer.chain[0])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(ours, many);
}

#[test]
fn an_error_tells_what_was_found_instead() {
    let root = Authority::root(authority("root"));
    let verdict = |recipe| judge(&root, &root.issue(&recipe), Purpose::ServerAsServer).unwrap_err();
    let names = [
        Dns("a.example"),
        Srv("_xmpp-client.im.example.com"),
        Xmpp("b.example\u{202e}\u{1b}[2J"),
    ];
    let presented = [
        "DNS:a.example",
        "SRV:_xmpp-client.im.example.com",
        "XMPP:b.example\\u{202e}\\u{1b}[2J",
    ];
    let presented = presented.map(str::to_owned).to_vec();
    assert_eq!(
        verdict(for_names(&names)),
        IdentityError::NameMismatch { presented }
    );
    let name = "DNS:i*.example.com".to_owned();
    assert_eq!(
        verdict(for_names(&[
            Dns("a.example"),
            Dns("i*.example.com"),
            Dns("*")
        ])),
        IdentityError::BadWildcard { name }
    );
    let usages = [
        Usage::ClientAuth,
        Usage::Other(vec![1, 3, 6, 1, 4, 1, 311, 2]),
    ];
    let purposes = vec![
        "1.3.6.1.5.5.7.3.2".to_owned(),
        "1.3.6.1.4.1.311.2".to_owned(),
    ];
    assert_eq!(
        verdict(for_names(&[Dns(DOMAIN)]).usage(&usages)),
        IdentityError::WrongPurpose { purposes }
    );
    let not_after = seconds(1_735_689_600);
    assert_eq!(
        verdict(for_names(&[Dns(DOMAIN)]).valid(2000, 2025)),
        IdentityError::Expired { not_after }
    );
    let not_before = seconds(1_798_761_600);
    assert_eq!(
        verdict(for_names(&[Dns(DOMAIN)]).valid(2027, 2030)),
        IdentityError::NotYetValid { not_before }
    );
}

#[test]
fn what_an_error_repeats_of_the_peers_is_bounded() {
    let root = Authority::root(authority("root"));
    let long = "x".repeat(1000);
    let names = vec![Xmpp(&long); 40];
    let peer = root.issue(&for_names(&names));
    match judge(&root, &peer, Purpose::ServerAsServer) {
        Err(IdentityError::NameMismatch { presented }) => {
            assert_eq!(presented.len(), 32);
            assert!(presented.iter().all(|name| name.len() == 256));
        }
        other => panic!("{other:?}"),
    }
    // All of them are compared.
    let names: Vec<String> = (0..2000).map(|n| format!("host{n}.example")).collect();
    let names: Vec<_> = names
        .iter()
        .map(|name| Dns(name))
        .chain([Dns(DOMAIN)])
        .collect();
    let peer = root.issue(&for_names(&names));
    assert!(judge(&root, &peer, Purpose::ServerAsServer).is_ok());
}

#[test]
fn rfc6120_13_7_2_3_1_the_first_expiry_of_the_chain_is_told() {
    let root = Authority::root(authority("root").valid(2000, 2027));
    let between = root.authority(authority("between").valid(2000, 2029));
    let peer = between.issue(&for_names(&[Dns(DOMAIN)]).valid(2000, 2031));
    let verdict = judge(&root, &peer, Purpose::ServerAsServer).unwrap();
    assert_eq!(verdict.expires(), seconds(1_861_920_000), "2029");
    assert_eq!(expiry_of(&peer.chain), Some(verdict.expires()));
    assert_eq!(
        expiry_of(&peer.chain[..1]),
        Some(seconds(1_924_992_000)),
        "2031"
    );
    assert_eq!(expiry_of(&[]), None);

    // A certificate that is not needed does not count for the verdict.
    let other = Authority::root(authority("other").valid(2000, 2028));
    let chain = [&peer.chain[..], &other.chain].concat();
    let trust = trust(Crypto::Ring, &[&root]);
    let verdict = check(&chain, &trust, DOMAIN, Purpose::ServerAsServer, NOW).unwrap();
    assert_eq!(verdict.expires(), seconds(1_861_920_000), "2029");
    assert_eq!(expiry_of(&chain), Some(seconds(1_830_297_600)), "2028");
}

#[test]
fn rfc6120_13_7_2_1_a_self_signed_certificate_may_be_a_root() {
    let peer = for_names(&[Dns(DOMAIN)]).self_signed();
    let mut store = RootCertStore::empty();
    store.add(peer.chain[0].clone()).unwrap();
    let trust = Trust::new(Arc::new(store), &Crypto::Ring.provider());
    assert!(check(&peer.chain, &trust, DOMAIN, Purpose::ServerAsClient, NOW).is_ok());
    let other = for_names(&[Dns(DOMAIN)]).self_signed();
    assert_eq!(
        check(&other.chain, &trust, DOMAIN, Purpose::ServerAsClient, NOW),
        Err(IdentityError::BadSignature)
    );
}

#[test]
fn name_constraints_of_a_root_count() {
    let root = Authority::root(authority("root").only_dns_names_below("example.com"));
    let peer = root.issue(&for_names(&[Xmpp(DOMAIN)]));
    assert_eq!(
        judge(&root, &peer, Purpose::ServerAsServer),
        Err(IdentityError::NameConstraint)
    );
    let peer = root.issue(&for_names(&[Dns(DOMAIN), Xmpp("bank.example")]));
    let verdict = judge(&root, &peer, Purpose::ServerAsServer).unwrap();
    assert_eq!(verdict.domains().collect::<Vec<_>>(), [DOMAIN]);
    assert!(!verdict.speaks_for("bank.example"));
}

#[test]
fn rfc6120_13_7_2_revoked_certificates_are_refused() {
    let root = Authority::root(authority("root"));
    let between = root.authority(authority("between").serial(7));
    let peer = between.issue(&for_names(&[Dns(DOMAIN)]).serial(42));
    let verdict = |lists: &[CertificateRevocationListDer<'_>]| {
        let trust = trust(Crypto::Ring, &[&root])
            .revocation_lists(lists)
            .unwrap();
        check(&peer.chain, &trust, DOMAIN, Purpose::ServerAsServer, NOW).map(|_| ())
    };
    assert_eq!(verdict(&[]), Ok(()));
    assert_eq!(verdict(&[between.revokes(&[41, 43], 2025, 2027)]), Ok(()));
    let revoked = Err(IdentityError::Revoked);
    assert_eq!(verdict(&[between.revokes(&[41, 42], 2025, 2027)]), revoked);
    assert_eq!(verdict(&[root.revokes(&[7], 2025, 2027)]), revoked);
    // The serial number is another authority's.
    assert_eq!(verdict(&[root.revokes(&[42], 2025, 2027)]), Ok(()));
    // Out of date, or not signed by the authority it is about.
    let unusable = Err(IdentityError::RevocationList);
    assert_eq!(verdict(&[between.revokes(&[], 2020, 2025)]), unusable);
    let impostor = Authority::root(authority("between"));
    assert_eq!(verdict(&[impostor.revokes(&[], 2025, 2027)]), unusable);

    let trust = trust(Crypto::Ring, &[&root]);
    let list = CertificateRevocationListDer::from(vec![1, 2, 3]);
    assert_eq!(
        trust.revocation_lists(&[list]).err(),
        Some(IdentityError::RevocationList)
    );
}

#[test]
fn an_algorithm_the_provider_does_not_have_is_no_forgery() {
    let root = Authority::root(authority("root"));
    let peer = root.issue(&for_names(&[Dns(DOMAIN)]));
    let mut provider = Crypto::Ring.provider();
    let all = provider.signature_verification_algorithms.all;
    let rsa = all
        .iter()
        .position(|algorithm| algorithm.public_key_alg_id() == alg_id::RSA_ENCRYPTION);
    let rsa = rsa.unwrap();
    provider.signature_verification_algorithms.all = &all[rsa..=rsa];
    let mut store = RootCertStore::empty();
    store.add(root.certificate().clone()).unwrap();
    let trust = Trust::new(Arc::new(store), &provider);
    assert_eq!(
        check(&peer.chain, &trust, DOMAIN, Purpose::ServerAsServer, NOW),
        Err(IdentityError::UnsupportedAlgorithm)
    );
}

/// Authorities of one name, each of which could have issued the other: every
/// order of them is a path to try.
#[test]
fn a_hostile_chain_costs_a_bounded_amount_of_work() {
    let root = Authority::root(authority("root"));
    let knot = || Authority::root(authority("knot"));
    let peer = knot().issue(&for_names(&[Dns(DOMAIN)]));
    let mut chain = peer.chain;
    while chain.len() < 7 {
        chain.extend(knot().chain);
    }
    let trust = trust(Crypto::Ring, &[&root]);
    let clock = StdClock::new();
    let begin = clock.now();
    let verdict = check(&chain, &trust, DOMAIN, Purpose::ServerAsServer, NOW);
    let time = clock.now().saturating_duration_since(begin);
    println!("{verdict:?} after {time:?}");
    assert_eq!(verdict, Err(IdentityError::UnknownIssuer));
    assert!(time < Duration::from_secs(2), "{time:?}");
}

fn seconds(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// A path search looks at the purposes of an authority again and again, so one with more than
/// anybody needs is not used.
#[test]
fn an_authority_with_more_than_64_purposes_is_not_used() {
    let root = Authority::root(authority("root"));
    let trust = trust(Crypto::Ring, &[&root]);
    for (others, expected) in [(63, None), (64, Some("certificate-unknown-issuer"))] {
        let mut purposes = vec![Usage::ServerAuth];
        purposes.extend((0..others).map(|n| Usage::Other(vec![1, 3, 6, 1, 4, 1, n])));
        let between = root.authority(authority("between").usage(&purposes));
        let peer = between.issue(&for_names(&[Dns(DOMAIN)]));
        let verdict = check(&peer.chain, &trust, DOMAIN, Purpose::ServerAsServer, NOW);
        assert_eq!(verdict.err().map(|e| e.code()), expected, "{others}");
    }
}

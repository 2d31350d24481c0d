//! The work `tls::identity` does on a certificate that nobody has verified is linear in its size.
//!
//! Work is counted in bytes allocated and moved by reallocations, which is the same in every run. A
//! text that is built up anew for each of its parts shows in it. This is one test in a binary of
//! its own, because the allocator counts for all threads.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code"
)]

use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use xmpp_stream::tls::identity::{IdentityError, Purpose, Trust, check, expiry_of, jids_of};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600));
/// The smallest size of an input, in bytes.
const N: usize = 7000;
const SAN: &[u64] = &[2, 5, 29, 17];
const EKU: &[u64] = &[2, 5, 29, 37];
const OTHER: &[u64] = &[1, 3, 6, 1, 4, 1, 99999];
const XMPP_ADDR: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x08\x05";
const DNS_SRV: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x08\x07";

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, length[3]],
        0x80..=0xff => vec![tag, 0x81, length[3]],
        _ => vec![tag, 0x82, length[2], length[3]],
    };
    [head, content.to_vec()].concat()
}

fn other_name(kind: &[u8], string: u8, text: &[u8]) -> Vec<u8> {
    let value = der(0xa0, &der(string, text));
    der(0xa0, &[der(6, kind), value].concat())
}

/// As many copies of `item` as fit into `n` bytes, as one sequence.
fn filled(item: &[u8], n: usize) -> Vec<u8> {
    der(0x30, &item.repeat(n / item.len()))
}

type Extensions = Vec<(&'static [u64], Vec<u8>)>;

/// Extensions of about `n` bytes.
fn inputs(n: usize) -> Vec<(&'static str, Extensions)> {
    let long = vec![b'a'; n];
    let dots = b"a.".repeat(n / 2);
    let one = |name: Vec<u8>| vec![(SAN, der(0x30, &name))];
    vec![
        (
            "one purpose of n bytes 0x7f",
            vec![(EKU, filled(&der(6, &vec![0x7f; n]), n + 4))],
        ),
        (
            "one purpose of n bytes 0xff",
            vec![(EKU, filled(&der(6, &vec![0xff; n]), n + 4))],
        ),
        ("many purposes", vec![(EKU, filled(&der(6, &[0x2b, 6]), n))]),
        (
            "purposes of 40 bytes",
            vec![(EKU, filled(&der(6, &[0x7f; 40]), n))],
        ),
        ("one long DNS name", one(der(0x82, &long))),
        ("one DNS name of many labels", one(der(0x82, &dots))),
        (
            "one DNS name of many *",
            one(der(0x82, &b"*.".repeat(n / 2))),
        ),
        (
            "one long SRV name",
            one(other_name(DNS_SRV, 0x16, &[b"_a.", &long[..]].concat())),
        ),
        ("one long XmppAddr", one(other_name(XMPP_ADDR, 0x0c, &long))),
        (
            "one XmppAddr of many escapes",
            one(other_name(XMPP_ADDR, 0x0c, &b"\x01".repeat(n))),
        ),
        (
            "many DNS names",
            vec![(SAN, filled(&der(0x82, b"a.example"), n))],
        ),
        (
            "many XmppAddrs",
            vec![(SAN, filled(&other_name(XMPP_ADDR, 0x0c, b"a@b.example"), n))],
        ),
        (
            "many unknown names",
            vec![(SAN, filled(&der(0x86, b"a:b"), n))],
        ),
        ("many extensions", vec![(OTHER, vec![5, 0]); n / 20]),
    ]
}

/// Work of everything an unverified certificate goes through.
fn work(chain: &[CertificateDer<'_>], trust: &Trust) -> usize {
    let region = Region::new(HEAP);
    for purpose in [
        Purpose::ClientToServer,
        Purpose::ServerAsServer,
        Purpose::ServerAsClient,
        Purpose::Client,
    ] {
        let verdict = check(chain, trust, "im.example.com", purpose, NOW);
        match verdict {
            Err(error) => drop((error.to_string(), format!("{error:?}"))),
            Ok(identity) => drop(identity.domains().count() + identity.jids().count()),
        }
    }
    let _read = (jids_of(&chain[0]), expiry_of(chain));
    let change = region.change();
    change.bytes_allocated + change.bytes_reallocated.unsigned_abs()
}

#[test]
fn work_on_an_unverified_certificate_doubles_with_its_size() {
    let key = KeyPair::generate().unwrap();
    let certificate = |extensions: &Extensions| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a peer");
        for (oid, content) in extensions {
            let extension = CustomExtension::from_oid_content(oid, content.clone());
            params.custom_extensions.push(extension);
        }
        params.self_signed(&key).unwrap().der().clone()
    };
    let empty = Trust::new(
        Arc::new(RootCertStore::empty()),
        &rustls::crypto::ring::default_provider(),
    );
    let sizes = [N, 2 * N, 4 * N].map(inputs);
    for ((one, two), four) in sizes[0].iter().zip(&sizes[1]).zip(&sizes[2]) {
        let mut table = Vec::new();
        for (name, extensions) in [one, two, four] {
            let leaf = certificate(extensions);
            // Unknown to us, trusted (a pinned certificate), and as an authority of the chain.
            let mut roots = RootCertStore::empty();
            roots.add(leaf.clone()).unwrap();
            let provider = rustls::crypto::ring::default_provider();
            let pinned = Trust::new(Arc::new(roots), &provider);
            let chain = vec![leaf.clone(); 7];
            table.push((
                *name,
                [
                    work(&chain[..1], &empty),
                    work(&chain[..1], &pinned),
                    work(&chain, &empty),
                ],
            ));
        }
        println!(
            "{:34} {:?}",
            table[0].0,
            table.iter().map(|t| t.1).collect::<Vec<_>>()
        );
        for case in 0..3 {
            for step in 1..3 {
                let (before, after) = (table[step - 1].1[case], table[step].1[case]);
                assert!(after <= before * 9 / 4, "{} {case}: {table:?}", one.0);
            }
        }
    }
    let long = &sizes[0][0].1;
    let verdict = check(
        &[certificate(long)],
        &empty,
        "a.example",
        Purpose::Client,
        NOW,
    );
    let Err(IdentityError::WrongPurpose { purposes }) = verdict else {
        panic!("{verdict:?}");
    };
    assert!(purposes.is_empty());
}

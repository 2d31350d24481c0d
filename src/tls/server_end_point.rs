//! `tls-server-end-point` (RFC 5929 4): a hash of the server's certificate.
//!
//! The hash is that of the certificate's signature algorithm, with SHA-256 in place of MD5 and
//! SHA-1. Where the algorithm uses no hash of its own (Ed25519, Ed448), several, or one not known
//! here (SHA-3, truncated SHA-512), the binding is undefined and not offered. RSASSA-PSS uses a
//! single hash if its mask generation uses the same one.
//!
//! Change here which algorithms are known, and how long a hash is kept.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use once_cell::race::OnceBox;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::der::{Der, OID, SEQUENCE};
use super::info::TlsInfo;

/// The binding of one session, whose hash is made when it is asked for.
pub(super) enum EndPoint {
    /// On a client: the certificate is in the session's [`TlsInfo`].
    Peer { hash: OnceBox<Vec<u8>> },
    /// On a server: the certificate it has sent.
    Sent {
        key: Arc<CertifiedKey>,
        cache: Arc<EndPointCache>,
        hash: OnceBox<Vec<u8>>,
    },
}

impl EndPoint {
    /// Returns the binding of a client. It is `None` where RFC 5929 defines none.
    pub(super) fn of_peer(info: &TlsInfo) -> Option<Self> {
        signature_hash(info.peer_certificates.first()?)?;
        let hash = OnceBox::new();
        Some(Self::Peer { hash })
    }

    /// Returns the binding of a server. It is `None` where RFC 5929 defines none.
    pub(super) fn of_sent(key: Arc<CertifiedKey>, cache: Arc<EndPointCache>) -> Option<Self> {
        signature_hash(key.cert.first()?)?;
        let hash = OnceBox::new();
        Some(Self::Sent { key, cache, hash })
    }

    /// `info` is that of the same session.
    pub(super) fn hash(&self, info: &TlsInfo) -> Option<&[u8]> {
        let hash = match self {
            Self::Peer { hash } => hash.get_or_try_init(|| {
                let certificate = info.peer_certificates.first().ok_or(())?;
                self::hash(certificate).map(Box::new).ok_or(())
            }),
            Self::Sent { key, cache, hash } => hash.get_or_try_init(|| {
                let certificate = key.cert.first().ok_or(())?;
                cache.hash(certificate).map(Box::new).ok_or(())
            }),
        };
        hash.ok().map(Vec::as_slice)
    }
}

/// The hashes of a server's first few certificates. All connections of one
/// [`ServerTls`](super::ServerTls) share it, so that a certificate is hashed once. A certificate
/// that comes when it is full is hashed for each connection that asks.
#[derive(Default)]
pub(super) struct EndPointCache {
    entries: [OnceBox<(CertificateDer<'static>, Vec<u8>)>; 4],
}

impl EndPointCache {
    fn hash(&self, certificate: &CertificateDer<'static>) -> Option<Vec<u8>> {
        for entry in &self.entries {
            match entry.get() {
                Some((known, hash)) if known == certificate => return Some(hash.clone()),
                Some(_) => {}
                None => {
                    let hash = hash(certificate)?;
                    // If another thread was quicker, its entry serves as well.
                    let _lost = entry.set(Box::new((certificate.clone(), hash.clone())));
                    return Some(hash);
                }
            }
        }
        hash(certificate)
    }
}

/// Returns the channel binding for `certificate` (DER): `None` where RFC 5929 defines none, or if
/// this is no certificate.
fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Md5 | Hash::Sha1 | Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Reads `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, .. }` (RFC 5280 4.1).
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let mut fields = Der(Der(certificate).expect(SEQUENCE)?);
    fields.expect(SEQUENCE)?;
    let mut algorithm = Der(fields.expect(SEQUENCE)?);
    match algorithm.expect(OID)? {
        RSASSA_PSS => pss_hash(algorithm.expect(SEQUENCE)?),
        oid => lookup(SIGNATURES, oid),
    }
}

/// Reads `RSASSA-PSS-params` (RFC 4055 3.1). Both hashes default to SHA-1.
fn pss_hash(parameters: &[u8]) -> Option<Hash> {
    let (mut hash, mut mask) = (Hash::Sha1, Hash::Sha1);
    let mut fields = Der(parameters);
    while let Some((tag, content)) = fields.next() {
        match tag {
            0xa0 => hash = hash_algorithm(content)?,
            0xa1 => {
                let mut algorithm = Der(Der(content).expect(SEQUENCE)?);
                if algorithm.expect(OID)? != MGF1 {
                    return None;
                }
                mask = hash_algorithm(algorithm.0)?;
            }
            _ => {}
        }
    }
    (hash == mask).then_some(hash)
}

fn hash_algorithm(identifier: &[u8]) -> Option<Hash> {
    let oid = Der(Der(identifier).expect(SEQUENCE)?).expect(OID)?;
    lookup(HASHES, oid)
}

fn lookup(table: &[(&[u8], Hash)], oid: &[u8]) -> Option<Hash> {
    let (_, hash) = table.iter().find(|(known, _)| *known == oid)?;
    Some(*hash)
}

const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const MGF1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08";

const SIGNATURES: &[(&[u8], Hash)] = &[
    // 1.2.840.113549.1.1: PKCS #1 (RFC 8017)
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", Hash::Md5),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", Hash::Sha1),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", Hash::Sha384),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", Hash::Sha512),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e", Hash::Sha224),
    // 1.2.840.10045.4: ECDSA (RFC 5758)
    (b"\x2a\x86\x48\xce\x3d\x04\x01", Hash::Sha1),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x01", Hash::Sha224),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", Hash::Sha256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", Hash::Sha384),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", Hash::Sha512),
    // DSA (RFC 3279, RFC 5758)
    (b"\x2a\x86\x48\xce\x38\x04\x03", Hash::Sha1),
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x01", Hash::Sha224),
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x02", Hash::Sha256),
];

const HASHES: &[(&[u8], Hash)] = &[
    (b"\x2b\x0e\x03\x02\x1a", Hash::Sha1),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", Hash::Sha256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", Hash::Sha384),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", Hash::Sha512),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x04", Hash::Sha224),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
    }

    /// An empty certificate with this signature algorithm.
    fn certificate(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
        let algorithm = der(SEQUENCE, &[&der(OID, &[oid]), parameters]);
        let parts: [&[u8]; 3] = [&der(SEQUENCE, &[]), &algorithm, &der(3, &[&[0]])];
        der(SEQUENCE, &parts)
    }

    #[test]
    fn rfc5929_4_1_the_hash_is_that_of_the_signature_except_md5_and_sha1() {
        for (oid, expected) in SIGNATURES {
            let certificate = certificate(oid, &[5, 0]);
            let expected = match expected {
                Hash::Sha224 => Sha224::digest(&certificate).to_vec(),
                Hash::Md5 | Hash::Sha1 | Hash::Sha256 => Sha256::digest(&certificate).to_vec(),
                Hash::Sha384 => Sha384::digest(&certificate).to_vec(),
                Hash::Sha512 => Sha512::digest(&certificate).to_vec(),
            };
            assert_eq!(hash(&certificate), Some(expected));
        }
    }

    #[test]
    fn rfc5929_4_1_undefined_without_a_hash_of_its_own() {
        let ed25519 = certificate(b"\x2b\x65\x70", &[]);
        assert_eq!(hash(&ed25519), None);
        let whole = certificate(SIGNATURES[3].0, &[5, 0]);
        for cut in 0..whole.len() {
            assert_eq!(hash(&whole[..cut]), None);
        }
    }

    #[test]
    fn rfc5929_4_1_pss_has_one_hash_if_its_mask_uses_the_same() {
        let algorithm = |oid: &[u8]| der(SEQUENCE, &[&der(OID, &[oid]), &[5, 0]]);
        let parameters = |hash: &[u8], mask: &[u8]| {
            let mgf = der(SEQUENCE, &[&der(OID, &[MGF1]), &algorithm(mask)]);
            let parts: [&[u8]; 3] = [
                &der(0xa0, &[&algorithm(hash)]),
                &der(0xa1, &[&mgf]),
                &der(0xa2, &[&[2, 1, 32]]),
            ];
            der(SEQUENCE, &parts)
        };
        let (sha256, sha384) = (HASHES[1].0, HASHES[2].0);
        let same = certificate(RSASSA_PSS, &parameters(sha384, sha384));
        assert_eq!(hash(&same), Some(Sha384::digest(&same).to_vec()));
        let mixed = certificate(RSASSA_PSS, &parameters(sha384, sha256));
        assert_eq!(hash(&mixed), None);
        let default = certificate(RSASSA_PSS, &der(SEQUENCE, &[]));
        assert_eq!(hash(&default), Some(Sha256::digest(&default).to_vec()));
    }

    #[test]
    fn a_certificate_is_hashed_once_and_more_than_fit_are_hashed_each_time() {
        let cache = EndPointCache::default();
        let certificates: Vec<CertificateDer<'static>> = SIGNATURES[2..]
            .iter()
            .map(|(oid, _)| certificate(oid, &[5, 0]).into())
            .collect();
        assert!(certificates.len() > cache.entries.len());
        for _ in 0..2 {
            for certificate in &certificates {
                assert_eq!(cache.hash(certificate), hash(certificate));
            }
        }
        for (entry, certificate) in cache.entries.iter().zip(&certificates) {
            assert_eq!(entry.get().unwrap().0, *certificate);
        }
    }
}

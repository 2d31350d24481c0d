//! Certificates of every kind, good and bad, made on the spot.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    NameConstraints, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::common::pki::Identity;

/// A name for a subjectAltName.
#[derive(Clone, Copy, Debug)]
pub enum San<'a> {
    Dns(&'a str),
    Srv(&'a str),
    Xmpp(&'a str),
    /// An SRV-ID as UTF8String, which RFC 4985 does not allow.
    SrvInUtf8(&'a str),
    /// An XmppAddr as IA5String, which RFC 6120 does not allow.
    XmppInIa5(&'a str),
    /// Some other kind: tag and content.
    Raw(u8, &'a [u8]),
}

impl San<'_> {
    pub fn der(&self) -> Vec<u8> {
        match self {
            Self::Dns(text) => der(0x82, &[text.as_bytes()]),
            Self::Srv(text) => other(SRV, 0x16, text),
            Self::Xmpp(text) => other(XMPP, 0x0c, text),
            Self::SrvInUtf8(text) => other(SRV, 0x0c, text),
            Self::XmppInIa5(text) => other(XMPP, 0x16, text),
            Self::Raw(tag, content) => der(*tag, &[content]),
        }
    }
}

/// Content of a `GeneralNames` extension.
pub fn general_names(names: &[San<'_>]) -> Vec<u8> {
    let names: Vec<_> = names.iter().map(San::der).collect();
    der(0x30, &[&names.concat()])
}

const XMPP: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x08\x05";
const SRV: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x08\x07";

fn other(kind: &[u8], string: u8, text: &str) -> Vec<u8> {
    let value = der(0xa0, &[&der(string, &[text.as_bytes()])]);
    der(0xa0, &[&der(0x06, &[kind]), &value])
}

/// An element of DER.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, length[3]],
        0x80..=0xff => vec![tag, 0x81, length[3]],
        0x100..=0xffff => vec![tag, 0x82, length[2], length[3]],
        _ => panic!("too long"),
    };
    [head, content].concat()
}

/// What a certificate is to be like; changed by the methods below.
pub struct Recipe(CertificateParams);

/// With these names and nothing special.
pub fn for_names(names: &[San<'_>]) -> Recipe {
    for_names_in_der(general_names(names))
}

pub fn for_names_in_der(names: Vec<u8>) -> Recipe {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "a peer");
    let alt_names = CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
    params.custom_extensions.push(alt_names);
    Recipe(params)
}

pub fn common_name_only(name: &str) -> Recipe {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    Recipe(params)
}

/// An authority below another.
pub fn authority(name: &str) -> Recipe {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Recipe(params)
}

impl Recipe {
    pub fn usage(mut self, usages: &[ExtendedKeyUsagePurpose]) -> Self {
        self.0.extended_key_usages = usages.to_vec();
        self
    }

    /// From and until the first of January of these years.
    pub fn valid(mut self, from: i32, until: i32) -> Self {
        self.0.not_before = date_time_ymd(from, 1, 1);
        self.0.not_after = date_time_ymd(until, 1, 1);
        self
    }

    pub fn calls_itself_an_authority(mut self) -> Self {
        self.0.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self
    }

    pub fn path_length(mut self, length: u8) -> Self {
        self.0.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        self
    }

    pub fn only_dns_names_below(mut self, domain: &str) -> Self {
        self.0.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        self
    }

    pub fn unknown_critical_extension(mut self) -> Self {
        let mut extension =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999], vec![5, 0]);
        extension.set_criticality(true);
        self.0.custom_extensions.push(extension);
        self
    }

    pub fn serial(mut self, serial: u64) -> Self {
        self.0.serial_number = Some(SerialNumber::from(serial));
        self
    }

    /// Signed with its own key.
    pub fn self_signed(self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let own = self.0.self_signed(&key).unwrap();
        Identity::new(vec![own.der().clone()], &key)
    }
}

/// An authority with the certificates that lead to it, its own first, and the
/// root last.
pub struct Authority {
    pub chain: Vec<CertificateDer<'static>>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn root(recipe: Recipe) -> Self {
        let key = KeyPair::generate().unwrap();
        let own = recipe.0.self_signed(&key).unwrap();
        Self {
            chain: vec![own.der().clone()],
            issuer: Issuer::new(recipe.0, key),
        }
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    /// An authority below this one. It need not be one by its certificate.
    pub fn authority(&self, recipe: Recipe) -> Self {
        let key = KeyPair::generate().unwrap();
        let own = recipe.0.signed_by(&key, &self.issuer).unwrap();
        Self {
            chain: [&[own.der().clone()][..], &self.chain].concat(),
            issuer: Issuer::new(recipe.0, key),
        }
    }

    /// A certificate and the authorities up to the root, which is left out.
    pub fn issue(&self, recipe: &Recipe) -> Identity {
        let key = KeyPair::generate().unwrap();
        let own = recipe.0.signed_by(&key, &self.issuer).unwrap();
        let authorities = &self.chain[..self.chain.len() - 1];
        let chain = [&[own.der().clone()][..], authorities].concat();
        Identity::new(chain, &key)
    }

    /// A list of revoked certificates, current from and until the first of
    /// January of these years.
    pub fn revokes(
        &self,
        serials: &[u64],
        from: i32,
        until: i32,
    ) -> CertificateRevocationListDer<'static> {
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(from, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(from, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().der().clone()
    }
}

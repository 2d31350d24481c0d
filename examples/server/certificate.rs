//! Whom a client's certificate speaks for (RFC 6120 13.7.1.4, XEP-0178).

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use xmpp_stream::jid::Jid;

/// `id-on-xmppAddr` (RFC 6120 13.7.1.4).
const XMPP_ADDR: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.5");

/// The XMPP addresses in a certificate; none if it cannot be read.
pub fn xmpp_addresses(certificate: &CertificateDer<'_>) -> Vec<Jid> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some((_, SubjectAltName(names)))) = certificate.tbs_certificate().get_extension() else {
        return Vec::new();
    };
    names.iter().filter_map(xmpp_address).collect()
}

fn xmpp_address(name: &GeneralName) -> Option<Jid> {
    let GeneralName::OtherName(other) = name else {
        return None;
    };
    if other.type_id != XMPP_ADDR {
        return None;
    }
    let address = Utf8StringRef::try_from(&other.value).ok()?;
    Jid::parse(address.as_str()).ok()
}

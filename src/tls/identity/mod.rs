//! Which XMPP identities a certificate proves (RFC 6120 13.7, XEP-0178).
//!
//! [`check`] is a pure function over a certificate chain: is it good ([`Trust`], RFC 5280), may it
//! be used like this ([`Purpose`]), and is it for this name?
//! [`TlsSession::verify_peer`](super::TlsSession::verify_peer) applies it to the peer of a session, and
//! is the only way from a handshake that let any certificate through
//! ([`ClientTls::deferred`](super::ClientTls::deferred),
//! [`ServerTls::deferred`](super::ServerTls::deferred)) to [`Verified`](super::Verified). Servers
//! need the peer's stream header before they know whom to expect, and dialback (XEP-0220) may
//! follow a certificate that is not trusted. [`jids_of`] lists the JIDs in a client's certificate.
//!
//! The rules for names, purposes and constraints below are the interface; a change to them is a
//! change of who is let in. The work on a certificate is linear in its size ([`check`] looks at no
//! more than 7 certificates, and at no authority with more than 64 extended key usages).
//!
//! # Names
//!
//! Only the subjectAltName counts; the subject's common name never does (RFC 9525 2). These names
//! speak for the domain `im.example.com`:
//!
//! | presented name | example | where it counts |
//! |---|---|---|
//! | DNS-ID (`dNSName`) | `im.example.com`, `*.example.com` | servers |
//! | SRV-ID (id-on-dnsSRV) | `_xmpp-client.im.example.com` | a server towards its clients |
//! | | `_xmpp-server.im.example.com` | a server towards servers, in both TLS roles |
//! | XmppAddr (id-on-xmppAddr) | `im.example.com` | servers |
//! | | `juliet@im.example.com` | clients |
//!
//! * `*` stands for exactly one label, only as the complete left-most label of a DNS-ID, and only
//!   with at least two labels after it. A list of the domains under which others register names
//!   (`co.uk`) is not kept. An SRV-ID or XmppAddr has no wildcards, because RFC 4985 and RFC 7622
//!   give them none.
//! * Letters are compared without ASCII case. There is no IDNA here: an internationalised domain is
//!   compared in its A-label form (`xn--..`), in which certificates carry it. The reference
//!   identity of a server has to be given like that, while in XMPP such a domain is a U-label (RFC
//!   7622 3.2.1), so the application converts it. A reference that is not ASCII is
//!   [`IdentityError::Reference`]. For [`Purpose::Client`] an XmppAddr is compared as it is, so the
//!   reference is the U-label there.
//! * IP addresses are no identity of an XMPP server (RFC 6120 13.7.1.2.1).
//!
//! # Purposes
//!
//! A certificate without extended key usages may be used for everything. Otherwise it needs
//! serverAuth as a server, clientAuth as a client, or id-on-xmppAddr, which stands for every use in
//! XMPP (RFC 6120 13.7.1.4). From a *server* that is a TLS client, serverAuth is enough, because
//! public authorities issue nothing else to servers any more, and the identity proven is the same.
//!
//! # Name constraints
//!
//! By the letter of RFC 5280 4.2.1.10, an authority whose name constraints limit DNS names only is
//! not limited in SRV-IDs and XmppAddrs, so it could speak for any XMPP domain. Therefore only
//! DNS-IDs, to which the constraints were applied, count below an authority with name constraints.
//!
//! # Deviations, and what is not done
//!
//! An empty subject is accepted (RFC 6120 13.7.1.1 forbids it, RFC 5280 4.1.2.6 allows it beside a
//! subjectAltName, and public authorities issue such certificates). Key usage bits are not looked
//! at. A certificate that is an authority's is refused. Revocation is known from lists
//! ([`Trust::revocation_lists`]) only; there is no OCSP, and no PKIX over DANE or POSH (RFC 7712).

mod certificate;
mod error;
mod names;
mod purpose;
mod trust;
mod verifier;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use certificate::{Certificate, MAX_LISTED};
pub use error::IdentityError;
use names::{AltNames, Name};
pub use purpose::Purpose;
use rustls::pki_types::{CertificateDer, UnixTime};
pub use trust::Trust;
pub(super) use verifier::AnyChain;

use crate::jid::Jid;

/// Checks that a certificate speaks for a domain.
///
/// * `chain`: what the peer presented, its own certificate first, then the authorities in any
///   order. The root is not needed.
/// * `reference`: the domain expected (RFC 6120 13.7.2.1), never a name from DNS. For a server we
///   connect to it is the `to` of our stream header, for a server that connects to us the `from` of
///   its header, and for [`Purpose::Client`] the domain we serve. A final dot is ignored.
/// * `now`: the wall-clock time.
///
/// The handshake has checked that the peer has the certificate's key.
///
/// # Errors
/// [`IdentityError`]. The chain is checked before the name.
pub fn check(
    chain: &[CertificateDer<'_>],
    trust: &Trust,
    reference: &str,
    purpose: Purpose,
    now: UnixTime,
) -> Result<CertIdentity, IdentityError> {
    let reference = domain(reference, purpose).ok_or(IdentityError::Reference)?;
    let own = chain.first().ok_or(IdentityError::NoCertificate)?;
    let leaf = Certificate::read(own).ok_or(IdentityError::Malformed)?;
    let path = trust.path(chain, &leaf, purpose, now)?;
    AltNames::read(leaf.alt_names()).ok_or(IdentityError::Malformed)?;
    let identity = CertIdentity {
        alt_names: leaf.alt_names().to_owned(),
        purpose,
        reference,
        constrained: path.constrained,
        expires: path.expires,
    };
    match identity.mismatch() {
        None => Ok(identity),
        Some(error) => Err(error),
    }
}

/// Returns the addresses (XmppAddr, RFC 6120 13.7.1.4) in a client's certificate in DER. Those that
/// are no JIDs are left out.
///
/// This only reads. It verifies nothing about the certificate.
pub fn jids_of(certificate: &CertificateDer<'_>) -> Vec<Jid> {
    Certificate::read(certificate)
        .and_then(|certificate| AltNames::read(certificate.alt_names()))
        .into_iter()
        .flat_map(AltNames::iter)
        .filter_map(Name::jid)
        .collect()
}

/// Returns when the first certificate of `chain` expires, if all of them can be read. The stream is
/// to be reset then (RFC 6120 13.7.2.3).
///
/// A peer may send certificates that are not needed. [`CertIdentity::expires`] looks only at those that
/// are.
#[must_use]
pub fn expiry_of(chain: &[CertificateDer<'_>]) -> Option<UnixTime> {
    let read = |certificate| Some(Certificate::read(certificate)?.not_after());
    let times: Option<Vec<_>> = chain.iter().map(|der| read(der)).collect();
    times?.into_iter().min()
}

/// The identities that a good certificate proves.
///
/// It says nothing about who presented the certificate; only
/// [`TlsSession::verify_peer`](super::TlsSession::verify_peer) does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertIdentity {
    /// Content of the subjectAltName's `GeneralNames`.
    alt_names: Vec<u8>,
    purpose: Purpose,
    reference: String,
    /// Whether an authority of the path limits the names.
    constrained: bool,
    expires: UnixTime,
}

impl CertIdentity {
    /// Returns the purpose it was checked for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the domain it was checked for, in small letters.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Returns whether a server may act as `domain` (under the rules for the reference of
    /// [`check`]) by this certificate; false for a client. With this, further domains of one peer
    /// need no further check of the chain.
    #[must_use]
    pub fn speaks_for(&self, domain: &str) -> bool {
        self.purpose != Purpose::Client
            && self::domain(domain, self.purpose).is_some_and(|domain| {
                self.names()
                    .any(|name| name.speaks_for(&domain, self.purpose))
            })
    }

    /// Iterates over the domains a server may act as, in the certificate's order and spelling,
    /// wildcards as `*.example.com`; none for a client.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let names = (self.purpose != Purpose::Client).then(|| self.names());
        names
            .into_iter()
            .flatten()
            .filter_map(|name| name.server(self.purpose))
    }

    /// Iterates over the addresses a client has on the domain it was checked for (RFC 6120
    /// 13.7.2.2.1), in the certificate's order; none for a server. If there are several, the client
    /// has to say which (XEP-0178).
    pub fn jids(&self) -> impl Iterator<Item = Jid> {
        let names = (self.purpose == Purpose::Client).then(|| self.names());
        names
            .into_iter()
            .flatten()
            .filter_map(Name::jid)
            .filter(|jid| jid.domain() == self.reference)
    }

    /// Returns when the first certificate of the path expires, without its root. The stream is to
    /// be reset then (RFC 6120 13.7.2.3, see [`reset`](crate::reset)).
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }
}

impl CertIdentity {
    /// Iterates over the names that count.
    fn names(&self) -> impl Iterator<Item = Name<'_>> {
        self.all_names()
            .filter(|name| !self.constrained || name.is_constrainable())
    }

    fn all_names(&self) -> impl Iterator<Item = Name<'_>> {
        AltNames::read(&self.alt_names)
            .into_iter()
            .flat_map(AltNames::iter)
    }

    /// Returns why it does not speak for the reference, if it does not.
    fn mismatch(&self) -> Option<IdentityError> {
        let matches = |name: Name<'_>| match self.purpose {
            Purpose::Client => name.jid().is_some_and(|jid| jid.domain() == self.reference),
            _ => name.speaks_for(&self.reference, self.purpose),
        };
        if self.names().any(matches) {
            return None;
        }
        if self.all_names().any(matches) {
            return Some(IdentityError::NameConstraint);
        }
        let misused = self.all_names().find(|name| name.misuses_wildcard());
        Some(match misused {
            Some(name) => IdentityError::BadWildcard {
                name: name.to_text(),
            },
            None => IdentityError::NameMismatch {
                presented: self
                    .all_names()
                    .take(MAX_LISTED)
                    .map(Name::to_text)
                    .collect(),
            },
        })
    }
}

/// Reads a reference identity. Returns it in small letters and without a final dot.
fn domain(reference: &str, purpose: Purpose) -> Option<String> {
    let jid = Jid::from_parts(None, reference, None).ok()?;
    let domain = jid.domain();
    // A last label of digits makes it an IPv4 address, or something that would be read as one. RFC
    // 1123 2.1 has no such host names.
    let last = domain.rsplit('.').next().unwrap_or_default();
    let address = domain.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit());
    let comparable = domain.is_ascii() || purpose == Purpose::Client;
    (comparable && !address).then(|| domain.to_owned())
}

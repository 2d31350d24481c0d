//! What is trusted (roots, signature algorithms, revocation lists), and the path from a certificate
//! to a root (RFC 5280 6, RFC 6120 13.7.2).
//!
//! Change here how a path is searched and what bounds the search.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, SignatureVerificationAlgorithm, UnixTime,
};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator,
    KeyPurposeId, KeyPurposeIdIter, KeyUsage, OwnedCertRevocationList, RequiredEkuNotFoundContext,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::certificate::Certificate;
use super::{IdentityError, Purpose};

/// Certificates that are looked at, at most: the peer's and as many authorities as a path may have
/// below its root. A peer can make the work of finding a path grow with the factorial of their
/// number, so each step of it has to be cheap too ([`Certificate::has_too_many_purposes`]).
const MAX_CERTIFICATES: usize = 7;

/// The trusted authorities, the signature algorithms of a crypto provider, and the certificates
/// known to be revoked. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    revoked: Arc<[CertRevocationList<'static>]>,
}

impl Trust {
    /// Trusts what `roots` have issued, signed with an algorithm of `provider`. The dates of a root
    /// are not checked, and its certificate may be that of the peer itself (a pinned self-signed
    /// certificate, unless it calls itself an authority).
    #[must_use]
    pub fn new(roots: Arc<RootCertStore>, provider: &CryptoProvider) -> Self {
        Self {
            roots,
            algorithms: provider.signature_verification_algorithms.all,
            revoked: Arc::new([]),
        }
    }

    /// Takes certificate revocation lists into account (RFC 6120 13.7.2 item 5), in place of
    /// earlier ones; by default there are none. A certificate that no list is about counts as not
    /// revoked. If the list about it is out of date, the certificate is refused.
    ///
    /// # Errors
    /// [`IdentityError::RevocationList`] if one cannot be read.
    pub fn revocation_lists(
        mut self,
        lists: &[CertificateRevocationListDer<'_>],
    ) -> Result<Self, IdentityError> {
        let read = |list: &CertificateRevocationListDer<'_>| {
            OwnedCertRevocationList::from_der(list)
                .map(CertRevocationList::from)
                .map_err(|_| IdentityError::RevocationList)
        };
        self.revoked = lists.iter().map(read).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Verifies the chain of `leaf`, whose DER is the first entry of `chain`.
    pub(super) fn path(
        &self,
        chain: &[CertificateDer<'_>],
        leaf: &Certificate<'_>,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<Path, IdentityError> {
        let (first, others) = chain.split_first().ok_or(IdentityError::NoCertificate)?;
        if chain.len() > MAX_CERTIFICATES {
            return Err(IdentityError::ChainTooLong);
        }
        let entity = EndEntityCert::try_from(first).map_err(|e| IdentityError::unreadable(&e))?;
        // `OneOf` looks at the purposes of an authority once per path that is tried.
        let others: Vec<CertificateDer<'_>> = others
            .iter()
            .filter(|der| !Certificate::read(der).is_some_and(|c| c.has_too_many_purposes()))
            .map(|der| CertificateDer::from(der.as_ref()))
            .collect();
        let revoked: Vec<_> = self.revoked.iter().collect();
        // Refused only if the list of lists is empty.
        let revocation = RevocationOptionsBuilder::new(&revoked).ok().map(|options| {
            options
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let path = entity
            .verify_for_usage(
                self.algorithms,
                &self.roots.roots,
                &others,
                now,
                OneOf(purpose.key_purposes()),
                revocation,
                None,
            )
            .map_err(|e| IdentityError::from_webpki(&e, leaf))?;
        let mut result = Path {
            expires: leaf.not_after(),
            constrained: path.anchor().name_constraints.is_some(),
        };
        for authority in path.intermediate_certificates() {
            let der = authority.der();
            let authority = Certificate::read(&der).ok_or(IdentityError::Malformed)?;
            result.expires = result.expires.min(authority.not_after());
            result.constrained |= authority.constrains_names();
        }
        Ok(result)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("roots", &self.roots.len())
            .field("algorithms", &self.algorithms.len())
            .field("revocation_lists", &self.revoked.len())
            .finish()
    }
}

/// A verified path to a root.
pub(super) struct Path {
    /// When the first certificate below the root expires.
    pub(super) expires: UnixTime,
    /// Whether an authority limits the names.
    pub(super) constrained: bool,
}

/// Accepts a certificate with no extended key usage at all, or with at least one of these. It is
/// applied to the authorities of the path, too.
struct OneOf(&'static [KeyPurposeId<'static>]);

impl ExtendedKeyUsageValidator for OneOf {
    fn validate(&self, present: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut unrestricted = true;
        for purpose in present {
            if self.0.contains(&purpose?) {
                return Ok(());
            }
            unrestricted = false;
        }
        if unrestricted {
            return Ok(());
        }
        Err(Error::RequiredEkuNotFoundContext(
            RequiredEkuNotFoundContext {
                required: KeyUsage::server_auth(),
                present: Vec::new(),
            },
        ))
    }
}

//! The identity of a session's peer.

use alloc::vec::Vec;

use rustls::pki_types::UnixTime;

use super::super::info::TlsInfo;
use super::super::proof::Verified;
use super::super::session::Session;
use super::{Identity, IdentityError, Purpose, Trust, check};
use crate::jid::Jid;

impl Session {
    /// Checks the certificate the peer presented in the handshake, with the
    /// arguments of [`identity::check`](super::check), and gives the
    /// proof that the peer is `reference`, and all it may act as. It remembers
    /// nothing: an earlier proof is for the earlier reference.
    ///
    /// With [`Verification::Deferred`](crate::tls::Verification::Deferred) this is
    /// the one way to [`Verified`]. It takes several signature checks: once
    /// per stream is enough, [`Identity::speaks_for`] answers for further
    /// domains.
    ///
    /// # Errors
    /// [`IdentityError`]; [`IdentityError::NoCertificate`] also before the
    /// handshake is complete.
    pub fn verify_peer(
        &self,
        trust: &Trust,
        reference: &str,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<(Verified, Identity), IdentityError> {
        let chain = self.established().map(TlsInfo::peer_certificates);
        let identity = check(chain.unwrap_or_default(), trust, reference, purpose, now)?;
        Ok((Verified::new(), identity))
    }

    /// [`TlsInfo::peer_jids`]; empty until the handshake is complete.
    #[must_use]
    pub fn peer_jids(&self) -> Vec<Jid> {
        self.established()
            .map(TlsInfo::peer_jids)
            .unwrap_or_default()
    }
}

//! `tls-exporter` (RFC 9266) over TLS 1.3.
//!
//! rustls's unbuffered API has no keying material exporter. Its `KeyLog` hands over the exporter
//! master secret, and the cipher suite its HKDF, so the two steps of RFC 8446 7.5 are done here.
//! TLS 1.2 would need the extended master secret extension, about which the API says nothing, so
//! the binding is not offered there.
//!
//! Change here how the value is derived. [`config_hooks`](super::config_hooks) catches the secret.

use alloc::boxed::Box;
use alloc::sync::Arc;

use once_cell::race::OnceBox;
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};
use rustls::{SupportedCipherSuite, Tls13CipherSuite};
use zeroize::Zeroizing;

use super::config_hooks::KeyLogHook;

/// Bytes of a `tls-exporter` binding (RFC 9266 2).
const BINDING_LEN: usize = 32;

/// A binding, wiped when dropped.
type Secret = Zeroizing<[u8; BINDING_LEN]>;

/// The exporter of one session. Both secrets are wiped when it is dropped.
pub(super) struct Exporter {
    suite: &'static Tls13CipherSuite,
    /// Holds the master secret until the binding is derived.
    master_secret: Arc<KeyLogHook>,
    binding: OnceBox<Secret>,
}

impl Exporter {
    /// Returns `None` for a suite of TLS 1.2, or without a secret.
    pub(super) fn new(suite: SupportedCipherSuite, key_log: &Arc<KeyLogHook>) -> Option<Self> {
        match suite {
            SupportedCipherSuite::Tls13(suite) if !key_log.secret.is_empty() => Some(Self {
                suite,
                master_secret: key_log.clone(),
                binding: OnceBox::new(),
            }),
            SupportedCipherSuite::Tls13(_) | SupportedCipherSuite::Tls12(_) => {
                key_log.secret.wipe();
                None
            }
        }
    }

    /// Derives the binding, once.
    pub(super) fn binding(&self) -> Option<&[u8]> {
        let derived = self.binding.get_or_try_init(|| {
            let master_secret = self.master_secret.secret.take().ok_or(())?;
            let binding = derive(self.suite, &master_secret).ok_or(())?;
            Ok::<_, ()>(Box::new(binding))
        });
        Some(derived.ok()?.as_slice())
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // The library keeps the hook as long as the connection.
        self.master_secret.secret.wipe();
    }
}

/// Returns the value of RFC 9266 2: label "EXPORTER-Channel-Binding", empty context, 32 bytes.
fn derive(suite: &Tls13CipherSuite, master_secret: &[u8]) -> Option<Secret> {
    let nothing = suite.common.hash_provider.hash(&[]);
    let mut derived = Zeroizing::new([0; OkmBlock::MAX_LEN]);
    let derived = derived.get_mut(..master_secret.len())?;
    let hkdf = suite
        .hkdf_provider
        .expander_for_okm(&OkmBlock::new(master_secret));
    expand_label(
        &*hkdf,
        b"EXPORTER-Channel-Binding",
        nothing.as_ref(),
        derived,
    )?;

    let hkdf = suite
        .hkdf_provider
        .expander_for_okm(&OkmBlock::new(derived));
    let mut binding = Zeroizing::new([0; BINDING_LEN]);
    expand_label(&*hkdf, b"exporter", nothing.as_ref(), &mut *binding)?;
    Some(binding)
}

/// HKDF-Expand-Label (RFC 8446 7.1).
fn expand_label(
    hkdf: &dyn HkdfExpander,
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let out_len = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_len = u8::try_from(PREFIX.len() + label.len()).ok()?;
    let context_len = u8::try_from(context.len()).ok()?;
    let info = [
        &out_len[..],
        &[label_len],
        PREFIX,
        label,
        &[context_len],
        context,
    ];
    hkdf.expand_slice(&info, out).ok()
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring::cipher_suite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS13_AES_128_GCM_SHA256,
    };
    use rustls::{KeyLog, NoKeyLog};

    use super::*;

    fn hook() -> Arc<KeyLogHook> {
        let hook = KeyLogHook::new(Arc::new(NoKeyLog {}));
        hook.log("EXPORTER_SECRET", &[1; 32], &[2; 32]);
        hook
    }

    #[test]
    fn the_library_holds_no_secret_once_the_binding_is_derived_or_given_up() {
        let (derived, given_up, refused) = (hook(), hook(), hook());
        let exporter = Exporter::new(TLS13_AES_128_GCM_SHA256, &derived).expect("a secret");
        assert!(!derived.secret.is_empty());
        let binding = exporter.binding().expect("a binding").to_vec();
        assert!(derived.secret.is_empty());
        assert_eq!(exporter.binding(), Some(&binding[..]), "it is kept");
        drop(Exporter::new(TLS13_AES_128_GCM_SHA256, &given_up));
        assert!(given_up.secret.is_empty());
        // RFC 9266 is not offered in TLS 1.2.
        assert!(Exporter::new(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &refused).is_none());
        assert!(refused.secret.is_empty());
        assert!(Exporter::new(TLS13_AES_128_GCM_SHA256, &refused).is_none());
    }
}

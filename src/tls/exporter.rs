//! `tls-exporter` (RFC 9266) over TLS 1.3.
//!
//! rustls's unbuffered API has no keying material exporter, but the `KeyLog`
//! hands over the exporter master secret and the suite its HKDF, so the two
//! steps of RFC 8446 7.5 are done here. TLS 1.2 would need the extended master
//! secret extension, about which the API says nothing; the binding is not
//! offered there.

use rustls::Tls13CipherSuite;
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};
use zeroize::Zeroizing;

use super::channel_binding::BINDING_LEN;

/// A binding, wiped when dropped.
pub(super) type Secret = Zeroizing<[u8; BINDING_LEN]>;

/// The RFC 9266 2 value: label "EXPORTER-Channel-Binding", empty context, 32
/// bytes. `secret` is the exporter master secret.
pub(super) fn derive(suite: &Tls13CipherSuite, secret: &[u8]) -> Option<Secret> {
    let nothing = suite.common.hash_provider.hash(&[]);
    let mut derived = Zeroizing::new([0; OkmBlock::MAX_LEN]);
    let derived = derived.get_mut(..secret.len())?;
    let hkdf = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret));
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

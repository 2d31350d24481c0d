//! What a per-connection rustls config is asked to tell us.
//!
//! The unbuffered API hands out neither the exporter secret nor the server's
//! own certificate nor SNI. Each connection therefore works on a clone of the
//! user's config whose `key_log` and `cert_resolver` are wrapped: the wrappers
//! forward everything to the user's own and note what is needed here.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use rustls::KeyLog;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use zeroize::{Zeroize, Zeroizing};

use super::server_end_point;

const EXPORTER_SECRET: &str = "EXPORTER_SECRET";

/// A shared place for at most `N` bytes, without a lock. Writer and reader are
/// the same thread (the one that drives the connection), atomics only make it
/// `Sync` as rustls's traits ask. The last `put` counts.
pub(super) struct SecretCell<const N: usize> {
    bytes: [AtomicU8; N],
    len: AtomicUsize,
}

impl<const N: usize> SecretCell<N> {
    fn new() -> Self {
        Self {
            bytes: [const { AtomicU8::new(0) }; N],
            len: AtomicUsize::new(0),
        }
    }

    /// Stores `value`; what does not fit leaves the slot empty.
    fn put(&self, value: &[u8]) {
        let value = if value.len() <= N { value } else { &[] };
        for (slot, byte) in self.bytes.iter().zip(value) {
            slot.store(*byte, Ordering::Relaxed);
        }
        self.len.store(value.len(), Ordering::Release);
    }

    /// Takes the value out, leaving zeros; `None` if there is none.
    pub(super) fn take(&self) -> Option<Zeroizing<Vec<u8>>> {
        let len = self.len.swap(0, Ordering::Acquire);
        let taken = self.bytes.iter().map(|b| b.swap(0, Ordering::Relaxed));
        let mut taken: Zeroizing<Vec<u8>> = Zeroizing::new(taken.collect());
        taken.truncate(len);
        (len > 0).then_some(taken)
    }
}

impl<const N: usize> Drop for SecretCell<N> {
    fn drop(&mut self) {
        for byte in &mut self.bytes {
            byte.get_mut().zeroize();
        }
    }
}

/// Whether and not what: the content may be secret.
impl<const N: usize> fmt::Debug for SecretCell<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.len.load(Ordering::Relaxed);
        f.debug_struct("SecretCell")
            .field("len", &len)
            .finish_non_exhaustive()
    }
}

/// Keeps the TLS 1.3 exporter master secret (at most a SHA-512 output).
#[derive(Debug)]
pub(super) struct KeyLogHook {
    inner: Arc<dyn KeyLog>,
    pub(super) secret: SecretCell<64>,
}

impl KeyLogHook {
    pub(super) fn new(inner: Arc<dyn KeyLog>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            secret: SecretCell::new(),
        })
    }
}

impl KeyLog for KeyLogHook {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if label == EXPORTER_SECRET {
            self.secret.put(secret);
        }
        if self.inner.will_log(label) {
            self.inner.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == EXPORTER_SECRET || self.inner.will_log(label)
    }
}

/// Keeps SNI and the `tls-server-end-point` hash of the certificate chosen.
/// A resolver is asked once per ClientHello, twice with HelloRetryRequest.
#[derive(Debug)]
pub(super) struct CertResolverHook {
    inner: Arc<dyn ResolvesServerCert>,
    pub(super) endpoint: SecretCell<64>,
    pub(super) server_name: SecretCell<255>,
}

impl CertResolverHook {
    pub(super) fn new(inner: Arc<dyn ResolvesServerCert>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            endpoint: SecretCell::new(),
            server_name: SecretCell::new(),
        })
    }
}

impl ResolvesServerCert for CertResolverHook {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default();
        self.server_name.put(name.as_bytes());
        let key = self.inner.resolve(hello)?;
        let hash = key
            .cert
            .first()
            .and_then(|cert| server_end_point::hash(cert));
        self.endpoint.put(hash.as_deref().unwrap_or_default());
        Some(key)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.inner.only_raw_public_keys()
    }
}

/// A ticketer that issues nothing.
#[derive(Debug)]
pub(super) struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_slot_keeps_the_last_value_gives_it_once_and_never_shows_it() {
        let slot = SecretCell::<4>::new();
        assert!(slot.take().is_none());
        slot.put(b"abc");
        slot.put(b"xy");
        assert!(!format!("{slot:?}").contains("120"));
        assert_eq!(slot.take().unwrap().as_slice(), b"xy");
        assert!(slot.take().is_none());
        assert!(slot.bytes.iter().all(|b| b.load(Ordering::Relaxed) == 0));
        slot.put(b"too long");
        assert!(slot.take().is_none());
    }
}

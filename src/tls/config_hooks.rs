//! Hooks in the rustls config of one connection.
//!
//! The unbuffered API hands out neither the exporter secret nor the certificate the server sends
//! nor SNI. Each connection therefore works on a clone of the user's config whose `key_log` and
//! `cert_resolver` are wrapped. The wrappers forward everything to the user's objects and note what
//! is needed here.
//!
//! Change here what is noted. What else is changed in a clone is said in
//! [`config`](super::config).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use once_cell::race::OnceBox;
use rustls::KeyLog;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use zeroize::{Zeroize, Zeroizing};

const EXPORTER_SECRET: &str = "EXPORTER_SECRET";

/// A shared cell for a secret of at most `N` bytes, without a lock. Writer and reader are the same
/// thread, the one that drives the connection; atomics only make it `Sync`, as rustls's traits ask.
/// The last `put` counts.
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

    /// Stores `value`. What does not fit leaves the cell empty.
    fn put(&self, value: &[u8]) {
        let value = if value.len() <= N { value } else { &[] };
        for (slot, byte) in self.bytes.iter().zip(value) {
            slot.store(*byte, Ordering::Relaxed);
        }
        self.len.store(value.len(), Ordering::Release);
    }

    /// Takes the value out, leaving zeros. Returns `None` if there is none.
    pub(super) fn take(&self) -> Option<Zeroizing<Vec<u8>>> {
        let len = self.len.swap(0, Ordering::Acquire);
        if len == 0 {
            return None;
        }
        let taken = self.bytes.iter().map(|b| b.swap(0, Ordering::Relaxed));
        let mut taken: Zeroizing<Vec<u8>> = Zeroizing::new(taken.collect());
        taken.truncate(len);
        Some(taken)
    }

    /// Returns whether there is no value.
    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// Drops the value, leaving zeros.
    pub(super) fn wipe(&self) {
        if self.len.swap(0, Ordering::Acquire) > 0 {
            for byte in &self.bytes {
                byte.store(0, Ordering::Relaxed);
            }
        }
    }
}

impl<const N: usize> Drop for SecretCell<N> {
    fn drop(&mut self) {
        for byte in &mut self.bytes {
            byte.get_mut().zeroize();
        }
    }
}

/// Shows the length and not the content.
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

/// Keeps what the server's certificate was chosen for, and which one it is.
pub(super) struct CertResolverHook {
    inner: Arc<dyn ResolvesServerCert>,
    /// A resolver is asked once per ClientHello, and a HelloRetryRequest causes a second one.
    choices: [OnceBox<CertChoice>; 2],
}

/// The answer to one ClientHello.
pub(super) struct CertChoice {
    pub(super) key: Arc<CertifiedKey>,
    /// SNI (RFC 6066 3).
    pub(super) server_name: Option<String>,
}

impl CertResolverHook {
    pub(super) fn new(inner: Arc<dyn ResolvesServerCert>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            choices: [const { OnceBox::new() }; 2],
        })
    }

    pub(super) fn last_choice(&self) -> Option<&CertChoice> {
        self.choices.iter().rev().find_map(OnceBox::get)
    }
}

impl ResolvesServerCert for CertResolverHook {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let server_name = hello.server_name().map(ToOwned::to_owned);
        let key = self.inner.resolve(hello)?;
        if let Some(choice) = self.choices.iter().find(|choice| choice.get().is_none()) {
            let key = key.clone();
            // Nobody else sets it.
            let _lost = choice.set(Box::new(CertChoice { key, server_name }));
        }
        Some(key)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.inner.only_raw_public_keys()
    }
}

impl fmt::Debug for CertResolverHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertResolverHook")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
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
    fn a_cell_keeps_the_last_value_gives_it_once_and_never_shows_it() {
        let cell = SecretCell::<4>::new();
        assert!(cell.take().is_none());
        cell.put(b"abc");
        cell.put(b"xy");
        assert!(!format!("{cell:?}").contains("120"));
        assert_eq!(cell.take().unwrap().as_slice(), b"xy");
        assert!(cell.take().is_none());
        assert!(cell.bytes.iter().all(|b| b.load(Ordering::Relaxed) == 0));
        cell.put(b"too long");
        assert!(cell.take().is_none());
    }
}

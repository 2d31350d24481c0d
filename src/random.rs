//! The source of random bytes: a trait of one method.
//!
//! Stream ids, SCRAM nonces, salts and reconnection delays are drawn from it. A rustls crypto
//! provider's source is one: pass `provider.secure_random`. Change this file only to add another
//! adapter; the trait itself is implemented by users.

use alloc::sync::Arc;
use core::fmt;

use rustls::crypto::SecureRandom;

/// Fills buffers with random bytes.
///
/// The bytes must be unpredictable to anybody else, as a cryptographically secure generator makes
/// them: stream ids and SCRAM nonces are worth nothing otherwise (RFC 6120 4.7.3, RFC 5802 5.1).
///
/// ```
/// use xmpp_stream::random::{Random, RandomError};
///
/// #[derive(Debug)]
/// struct Os;
///
/// impl Random for Os {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
///         // e.g. getrandom::fill(bytes).map_err(|_| RandomError)
/// #       bytes.fill(7);
///         Ok(())
///     }
/// }
/// let mut nonce = [0; 18];
/// Os.fill(&mut nonce)?;
/// # Ok::<(), RandomError>(())
/// ```
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills `bytes` as a whole.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the source fails. The content of `bytes` is then unspecified and is not
    /// used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The error of a [`Random`] source that cannot give random bytes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct RandomError;

/// Adapts the source of a rustls crypto provider (`CryptoProvider::secure_random`).
impl Random for dyn SecureRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        SecureRandom::fill(self, bytes).map_err(|_| RandomError)
    }
}

impl<R: Random + ?Sized> Random for &R {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        (**self).fill(bytes)
    }
}

impl<R: Random + ?Sized> Random for Arc<R> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        (**self).fill(bytes)
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use rustls::crypto::{GetRandomFailed, SecureRandom};

    use super::{Random, RandomError};

    #[derive(Debug)]
    struct Provider(Result<u8, GetRandomFailed>);

    impl SecureRandom for Provider {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
            match self.0 {
                Ok(byte) => bytes.fill(byte),
                Err(_) => return Err(GetRandomFailed),
            }
            Ok(())
        }
    }

    fn drawn(random: impl Random + 'static) -> Result<[u8; 2], RandomError> {
        let shared: Arc<dyn Random> = Arc::new(random);
        let mut bytes = [0; 2];
        Arc::clone(&shared).fill(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn a_provider_s_source_is_passed_as_it_is() {
        static WORKING: Provider = Provider(Ok(9));
        static FAILING: Provider = Provider(Err(GetRandomFailed));
        let working: &'static dyn SecureRandom = &WORKING;
        let failing: &'static dyn SecureRandom = &FAILING;
        assert_eq!(drawn(working), Ok([9, 9]));
        assert_eq!(drawn(failing), Err(RandomError));
    }
}

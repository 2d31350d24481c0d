//! The record keys of a session, for a peer that puts any authentic record on the wire. With the
//! feature `testkit` alone: a machine never hands its keys out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use rustls::crypto::cipher::{
    InboundOpaqueMessage, MessageDecrypter, MessageEncrypter, OutboundPlainMessage,
};
use rustls::{
    ConnectionTrafficSecrets, Error, ExtractedSecrets, ProtocolVersion, SupportedCipherSuite,
};

use super::post_close::decrypter;
use super::record::HEADER_LEN;

/// Most content of one record here: what its length can say, less what a cipher adds. A peer must not
/// send more than 2^14 bytes (RFC 8446 5.1).
const MAX_CONTENT: usize = (1 << 16) - 257;

/// Seals and opens the records of one side of an established TLS session.
///
/// The keys come out of a rustls connection, and the ciphers from a crypto provider: its own, or another
/// one with the same cipher suite. Those of `aws-lc-rs` refuse to seal where the first record has another
/// number than 0; those of `ring` do as they are told.
pub struct RecordKeys {
    encrypter: Box<dyn MessageEncrypter>,
    decrypter: Box<dyn MessageDecrypter>,
    /// The numbers of the next records.
    sent: u64,
    received: u64,
}

impl RecordKeys {
    /// Takes the secrets of a connection whose handshake is complete, and the cipher suite that it has
    /// negotiated. `None` if the secrets are of a suite that is not known here.
    #[must_use]
    pub fn new(suite: SupportedCipherSuite, secrets: ExtractedSecrets) -> Option<Self> {
        let (sent, tx) = secrets.tx;
        let (received, rx) = secrets.rx;
        Some(Self {
            encrypter: encrypter(suite, tx)?,
            decrypter: decrypter(suite, rx)?,
            sent,
            received,
        })
    }

    /// Returns an authentic record of this content type and content, with the next number.
    ///
    /// # Errors
    /// The provider refuses to encrypt, or the content is longer than a record may carry.
    pub fn seal(&mut self, content_type: u8, content: &[u8]) -> Result<Vec<u8>, Error> {
        let record = self.seal_as(self.sent, content_type, content)?;
        self.sent += 1;
        Ok(record)
    }

    /// Returns an authentic record of any number, for a record that is sealed twice. The next
    /// [`seal`](Self::seal) uses the number that it would have used anyway.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_as(
        &mut self,
        number: u64,
        content_type: u8,
        content: &[u8],
    ) -> Result<Vec<u8>, Error> {
        if content.len() > MAX_CONTENT {
            return Err(Error::General("too much content for one record".into()));
        }
        let message = OutboundPlainMessage {
            typ: rustls::ContentType::from(content_type),
            version: ProtocolVersion::TLSv1_2,
            payload: content.into(),
        };
        Ok(self.encrypter.encrypt(message, number)?.encode())
    }

    /// Opens one whole record, and returns its content type and content.
    ///
    /// # Errors
    /// The record is not authentic, or has another number than the next one.
    pub fn open(&mut self, record: &[u8]) -> Result<(u8, Vec<u8>), Error> {
        let mut record = record.to_vec();
        let Some((header, payload)) = record.split_first_chunk_mut::<HEADER_LEN>() else {
            return Err(Error::DecryptError);
        };
        let [kind, major, minor, ..] = *header;
        let version = ProtocolVersion::from(u16::from_be_bytes([major, minor]));
        let sealed = InboundOpaqueMessage::new(rustls::ContentType::from(kind), version, payload);
        let opened = self.decrypter.decrypt(sealed, self.received)?;
        self.received += 1;
        Ok((u8::from(opened.typ), opened.payload.to_vec()))
    }

    /// Returns the number of the next record to seal.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the number of the next record to open.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }
}

/// Shows numbers, no keys.
impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordKeys")
            .field("sent", &self.sent)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

fn encrypter(
    suite: SupportedCipherSuite,
    secrets: ConnectionTrafficSecrets,
) -> Option<Box<dyn MessageEncrypter>> {
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        return None;
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => Some(suite.aead_alg.encrypter(key, iv)),
        // The secrets have the fixed part of the nonce and where its other part begins, one after
        // the other (RFC 5288 3).
        SupportedCipherSuite::Tls12(suite) => {
            let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
            let (fixed, explicit) = iv.as_ref().split_at_checked(fixed)?;
            Some(suite.aead_alg.encrypter(key, fixed, explicit))
        }
    }
}

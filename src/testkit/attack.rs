//! What a peer does that it must not.

use alloc::vec;
use alloc::vec::Vec;

use rustls::Error;

use crate::tls::{RecordKeys, TlsVersion};

/// The content types of TLS records (RFC 8446 5.1).
pub mod content_type {
    /// ChangeCipherSpec.
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// Alerts.
    pub const ALERT: u8 = 21;
    /// Handshake messages.
    pub const HANDSHAKE: u8 = 22;
    /// Application data: stream text.
    pub const DATA: u8 = 23;
}

use content_type::{ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE};

/// HelloRequest, by which a TLS 1.2 server asks for a renegotiation (RFC 5246 7.4.1.1).
pub const HELLO_REQUEST: [u8; 4] = [0; 4];
/// The alert close_notify.
pub const CLOSE_NOTIFY: [u8; 2] = [1, 0];
/// KeyUpdate without a request for another one (RFC 8446 4.6.3).
pub const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
/// KeyUpdate that asks for another one.
pub const KEY_UPDATE_REQUEST: [u8; 5] = [24, 0, 0, 1, 1];

/// Something that a [`Peer`](super::Peer) writes against the rules, or that nobody expects there.
///
/// Those that need TLS are an error of the script without it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attack {
    /// A renegotiation is attempted (RFC 6120 5.3.5).
    Renegotiate(Renegotiation),
    /// Stream text, as a record or, without TLS, as it is: malformed XML, or a stanza that the peer's
    /// own machine would not send.
    Text(Vec<u8>),
    /// The same text again and again, so many times.
    Flood {
        /// The text.
        text: Vec<u8>,
        /// How often.
        times: usize,
    },
    /// An authentic record of any type and content.
    Record {
        /// The content type; see [`content_type`].
        content_type: u8,
        /// The content, at most 65279 bytes. More than 2^14 are against the rules.
        content: Vec<u8>,
    },
    /// A record that is not authentic, or is sent in the clear.
    Forged {
        /// The content type.
        content_type: u8,
        /// What stands after the record's header, at most 2^16 - 1 bytes.
        payload: Vec<u8>,
    },
    /// These bytes, whatever they are.
    Bytes(Vec<u8>),
    /// close_notify without the closing tag of the stream.
    CloseNotify,
    /// TCP ends in order (FIN), without anything before it.
    Fin,
    /// TCP is reset (RST).
    Rst,
    /// From now on the peer writes nothing, and reads on.
    Silence,
    /// From now on the peer neither writes nor reads: what it is sent fills the window of TCP.
    Stop,
}

/// How a renegotiation is attempted, after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renegotiation {
    /// HelloRequest, as a server does (RFC 5246 7.4.1.1).
    HelloRequest,
    /// ClientHello of TLS 1.2, as a client does.
    ClientHello,
    /// ClientHello of TLS 1.3, which has no renegotiation (RFC 8446 4.1.2).
    ClientHello13,
    /// ClientHello again and again: a client that insists.
    ClientHellos(u8),
    /// ClientHello in two records.
    SplitClientHello,
    /// The first byte of HelloRequest; the rest never comes. A sign of an attempt in TLS 1.2 alone.
    Fragment,
    /// A handshake record without content: a sign of an attempt in TLS 1.2. In TLS 1.3 rustls overlooks
    /// it.
    EmptyRecord,
    /// A handshake message of a type that nobody knows. A sign of an attempt in TLS 1.2 alone.
    UnknownMessage,
}

impl Renegotiation {
    /// Every way.
    pub const ALL: [Self; 8] = [
        Self::HelloRequest,
        Self::ClientHello,
        Self::ClientHello13,
        Self::ClientHellos(3),
        Self::SplitClientHello,
        Self::Fragment,
        Self::EmptyRecord,
        Self::UnknownMessage,
    ];

    /// Returns whether a machine has to take it for an attempt under this version of TLS.
    #[must_use]
    pub const fn is_attempt(self, version: TlsVersion) -> bool {
        match self {
            Self::HelloRequest
            | Self::ClientHello
            | Self::ClientHello13
            | Self::ClientHellos(_)
            | Self::SplitClientHello => true,
            Self::Fragment | Self::EmptyRecord | Self::UnknownMessage => {
                matches!(version, TlsVersion::Tls12)
            }
        }
    }

    /// Returns the contents of the handshake records.
    #[must_use]
    pub fn records(self) -> Vec<Vec<u8>> {
        match self {
            Self::HelloRequest => vec![HELLO_REQUEST.to_vec()],
            Self::ClientHello => vec![client_hello(false)],
            Self::ClientHello13 => vec![client_hello(true)],
            Self::ClientHellos(times) => vec![client_hello(false); usize::from(times)],
            Self::SplitClientHello => {
                let hello = client_hello(true);
                hello
                    .chunks(20.min(hello.len()))
                    .map(<[u8]>::to_vec)
                    .collect()
            }
            Self::Fragment => vec![vec![0]],
            Self::EmptyRecord => vec![Vec::new()],
            Self::UnknownMessage => vec![handshake_message(99, b"?")],
        }
    }
}

impl Attack {
    /// Returns what the attack puts on the wire; nothing for those that end TCP or write nothing.
    ///
    /// `tls` is `None` where the stream is not encrypted.
    ///
    /// # Errors
    /// The attack needs TLS and there is none, or the record cannot be sealed.
    pub fn bytes(&self, tls: Option<&mut RecordKeys>) -> Result<Vec<u8>, Error> {
        let records: Vec<(u8, Vec<u8>)> = match self {
            Self::Renegotiate(how) => how
                .records()
                .into_iter()
                .map(|content| (HANDSHAKE, content))
                .collect(),
            Self::Text(text) => data(text, 1),
            Self::Flood { text, times } => data(text, *times),
            Self::Record {
                content_type,
                content,
            } => vec![(*content_type, content.clone())],
            Self::CloseNotify => vec![(ALERT, CLOSE_NOTIFY.to_vec())],
            Self::Forged {
                content_type,
                payload,
            } => return Ok(forged_record(*content_type, payload)),
            Self::Bytes(bytes) => return Ok(bytes.clone()),
            Self::Fin | Self::Rst | Self::Silence | Self::Stop => return Ok(Vec::new()),
        };
        let mut bytes = Vec::new();
        match (tls, self) {
            (Some(tls), _) => {
                for (kind, content) in records {
                    bytes.extend(tls.seal(kind, &content)?);
                }
            }
            (None, Self::Text(_) | Self::Flood { .. }) => {
                bytes.extend(records.into_iter().flat_map(|(_, text)| text));
            }
            (None, _) => return Err(Error::General("the attack needs TLS".into())),
        }
        Ok(bytes)
    }
}

/// Text, in as many records as it takes.
fn data(text: &[u8], times: usize) -> Vec<(u8, Vec<u8>)> {
    let records = || text.chunks(1 << 14).map(|part| (DATA, part.to_vec()));
    (0..times).flat_map(|_| records()).collect()
}

/// Returns a record of any type and payload, which no key has sealed. A payload longer than 2^16 - 1
/// bytes is cut.
#[must_use]
pub fn forged_record(content_type: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let payload = payload.get(..usize::from(len)).unwrap_or(payload);
    let [high, low] = len.to_be_bytes();
    [&[content_type, 3, 3, high, low], payload].concat()
}

/// Returns the ChangeCipherSpec that TLS 1.3 has for middleboxes, and TLS 1.2 in a handshake alone.
#[must_use]
pub fn change_cipher_spec() -> Vec<u8> {
    forged_record(CHANGE_CIPHER_SPEC, &[1])
}

/// Returns a handshake message (RFC 8446 4). A body longer than 2^24 - 1 bytes has a wrong length.
#[must_use]
pub fn handshake_message(message_type: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[message_type, a, b, c], body].concat()
}

/// Returns a ClientHello such as a renegotiating TLS 1.2 client sends; with `tls13`, one that offers
/// TLS 1.3.
#[must_use]
pub fn client_hello(tls13: bool) -> Vec<u8> {
    let mut extensions: Vec<u8> = [
        &[0xff, 1, 0, 1, 0][..],          // renegotiation_info
        &[0, 10, 0, 4, 0, 2, 0, 29],      // supported_groups: x25519
        &[0, 11, 0, 2, 1, 0],             // ec_point_formats
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4], // signature_algorithms
        &[0, 23, 0, 0],                   // extended_master_secret
    ]
    .concat();
    if tls13 {
        extensions.extend([0, 43, 0, 3, 2, 3, 4]); // supported_versions
    }
    let len = u16::try_from(extensions.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let suites = [0, 6, 0xc0, 0x2b, 0xc0, 0x2f, 0x13, 0x01];
    let body = [
        &[3, 3][..],
        &[0x55; 32],
        &[0],
        &suites,
        &[1, 0],
        &len,
        &extensions,
    ]
    .concat();
    handshake_message(1, &body)
}

/// Returns the length of the record that `bytes` begin with; `None` if it is not whole.
#[must_use]
pub fn record_len(bytes: &[u8]) -> Option<usize> {
    let [_, _, _, high, low, ..] = bytes else {
        return None;
    };
    let len = 5 + usize::from(u16::from_be_bytes([*high, *low]));
    (bytes.len() >= len).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_on_tls_without_tls_is_an_error_of_the_script() {
        for attack in [
            Attack::Renegotiate(Renegotiation::ClientHello),
            Attack::CloseNotify,
            Attack::Record {
                content_type: DATA,
                content: Vec::new(),
            },
        ] {
            assert!(attack.bytes(None).is_err(), "{attack:?}");
        }
        let flood = Attack::Flood {
            text: b"<a/>".to_vec(),
            times: 3,
        };
        assert_eq!(flood.bytes(None), Ok(b"<a/><a/><a/>".to_vec()));
    }

    #[test]
    fn forged_records_and_messages_have_the_lengths_that_they_say() {
        let record = forged_record(HANDSHAKE, &client_hello(true));
        assert_eq!(record_len(&record), Some(record.len()));
        assert_eq!(record_len(&record[..record.len() - 1]), None);
        let hello = client_hello(false);
        let len = u32::from_be_bytes([0, hello[1], hello[2], hello[3]]);
        assert_eq!(len as usize + 4, hello.len());
        assert_eq!(record_len(&forged_record(DATA, &[0; 70_000])), Some(65_540));
        for how in Renegotiation::ALL {
            assert!(!how.records().is_empty());
        }
        assert!(Renegotiation::SplitClientHello.records().len() > 1);
    }
}

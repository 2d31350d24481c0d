//! `renegotiation_info` in the first handshake (RFC 5746, RFC 9325 3.5).
//!
//! rustls signals RFC 5746 and does not look at what the peer says about it. The hellos of a
//! handshake are not encrypted, so they are read here:
//!
//! * A client ends the handshake if a TLS 1.2 ServerHello does not acknowledge
//!   `renegotiation_info` (RFC 9325 3.5: MUST; this can be switched off), or if the extension is
//!   not empty in any ServerHello or HelloRetryRequest (RFC 5746 3.4: MUST).
//! * A server ends the handshake if a ClientHello carries a non-empty extension (RFC 5746 3.6:
//!   MUST), because the peer then means to renegotiate another connection.
//! * A ServerHello whose version is neither negotiated by `supported_versions` nor TLS 1.2 is
//!   refused as such, because rustls takes a `legacy_version` of 0x0304 for TLS 1.3 (RFC 8446
//!   4.1.3).
//!
//! Whether TLS 1.2 was offered at all is known to rustls, so a missing acknowledgement counts only
//! after rustls has accepted the ServerHello as one of TLS 1.2. Everything else that can be wrong
//! with a hello is left to rustls, so a message this parser cannot follow passes.
//!
//! Change here what is asked of the hellos; [`session`](super::session) sends the alerts.

use alloc::vec::Vec;

use super::record::{ContentType, HEADER_LEN, records};
use super::renegotiation::CLIENT_HELLO;

/// Which hellos the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedHello {
    /// A ServerHello, possibly after a HelloRetryRequest.
    ServerHello(Acknowledgement),
    /// A ClientHello, possibly a second one after our HelloRetryRequest.
    ClientHello,
}

/// Whether a TLS 1.2 ServerHello has to carry `renegotiation_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledgement {
    Required,
    Optional,
}

/// What is wrong with a hello of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HelloFinding {
    /// The extension is missing. This counts if the ServerHello negotiates TLS 1.2.
    NotAcknowledged,
    /// The extension is not empty.
    NotEmpty,
    /// The ServerHello selects a version that was not offered.
    Version,
}

/// Reads the peer's records until its hellos are over.
#[derive(Debug)]
pub(super) enum HelloInspector {
    Reading {
        expect: ExpectedHello,
        /// Handshake messages, or the beginning of one, not looked at yet.
        unread: Vec<u8>,
    },
    Done,
}

const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;
const RENEGOTIATION_INFO: u16 = 0xff01;
const TLS12: [u8; 2] = [3, 3];

/// The random of a HelloRetryRequest (RFC 8446 4.1.3).
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl HelloInspector {
    pub(super) fn new(expect: ExpectedHello) -> Self {
        Self::Reading {
            expect,
            unread: Vec::new(),
        }
    }

    /// Looks at one record before the TLS engine does. What is collected is bounded by the
    /// caller's limit on undiscarded records.
    pub(super) fn inspect(&mut self, record: &[u8]) -> Option<HelloFinding> {
        let Self::Reading { expect, unread } = self else {
            return None;
        };
        let (header, record) = records(record).next()?;
        let fragment = match header.kind {
            ContentType::Handshake => record.get(HEADER_LEN..).unwrap_or_default(),
            _ => &[],
        };
        // Nearly always the record holds the whole message, which then is not copied.
        let earlier = unread.len();
        let bytes = if earlier == 0 {
            fragment
        } else {
            unread.extend_from_slice(fragment);
            &*unread
        };
        let kind = *bytes.first()?;
        if kind != expect.message_type() {
            *self = Self::Done;
            return None;
        }
        let Some(body) = first_message(bytes) else {
            if earlier == 0 {
                unread.extend_from_slice(fragment);
            }
            return None;
        };
        let rest = bytes.get(4 + body.len()..).unwrap_or_default();
        let (finding, next) = match expect {
            ExpectedHello::ServerHello(acknowledgement) => {
                server_hello_finding(body, *acknowledgement)
            }
            ExpectedHello::ClientHello => (client_hello_finding(body), Next::Hello),
        };
        match next {
            Next::Hello => {
                let rest = rest.to_vec();
                *unread = rest;
            }
            Next::Nothing => *self = Self::Done,
        }
        finding
    }
}

impl ExpectedHello {
    fn message_type(self) -> u8 {
        match self {
            Self::ServerHello(_) => SERVER_HELLO,
            Self::ClientHello => CLIENT_HELLO,
        }
    }
}

/// Whether another hello can follow.
enum Next {
    Hello,
    Nothing,
}

/// Returns the body of the handshake message `bytes` begin with, once it is whole.
fn first_message(bytes: &[u8]) -> Option<&[u8]> {
    let (header, rest) = bytes.split_first_chunk::<4>()?;
    let [_, a, b, c] = *header;
    let len = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    rest.get(..len)
}

fn server_hello_finding(
    body: &[u8],
    acknowledgement: Acknowledgement,
) -> (Option<HelloFinding>, Next) {
    let Some(hello) = ServerHello::read(body) else {
        return (None, Next::Nothing);
    };
    let next = match hello.is_retry_request() {
        true => Next::Hello,
        false => Next::Nothing,
    };
    let negotiates =
        find(hello.extensions, SUPPORTED_VERSIONS).is_some() || hello.is_retry_request();
    let finding = match find(hello.extensions, RENEGOTIATION_INFO) {
        _ if !negotiates && hello.version != TLS12 => Some(HelloFinding::Version),
        Some([0]) => None,
        Some(_) => Some(HelloFinding::NotEmpty),
        None if negotiates || acknowledgement == Acknowledgement::Optional => None,
        None => Some(HelloFinding::NotAcknowledged),
    };
    (finding, next)
}

fn client_hello_finding(body: &[u8]) -> Option<HelloFinding> {
    match find(client_hello_extensions(body)?, RENEGOTIATION_INFO) {
        None | Some([0]) => None,
        Some(_) => Some(HelloFinding::NotEmpty),
    }
}

/// The fields of a ServerHello that matter here (RFC 5246 7.4.1.3, RFC 8446 4.1.3).
struct ServerHello<'a> {
    version: [u8; 2],
    random: &'a [u8],
    /// Empty if the message has none.
    extensions: &'a [u8],
}

impl<'a> ServerHello<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let mut r = Reader(body);
        let version = r.u16()?.to_be_bytes();
        let random = r.take(32)?;
        r.vector8()?; // session_id
        r.take(2 + 1)?; // cipher_suite, compression_method
        let extensions = r.extensions()?;
        Some(Self {
            version,
            random,
            extensions,
        })
    }

    fn is_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST
    }
}

/// Returns the extensions of a ClientHello (RFC 5246 7.4.1.2).
fn client_hello_extensions(body: &[u8]) -> Option<&[u8]> {
    let mut r = Reader(body);
    r.take(2 + 32)?; // legacy_version, random
    r.vector8()?; // session_id
    r.vector16()?; // cipher_suites
    r.vector8()?; // compression_methods
    r.extensions()
}

/// Returns the content of the first extension of type `wanted`.
fn find(extensions: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut r = Reader(extensions);
    while let Some(kind) = r.u16() {
        let content = r.vector16()?;
        if kind == wanted {
            return Some(content);
        }
    }
    None
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let (taken, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*taken))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let n = *self.take(1)?.first()?;
        self.take(usize::from(n))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let n = self.u16()?;
        self.take(usize::from(n))
    }

    fn extensions(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return Some(&[]);
        }
        self.vector16()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = &[0xff, 1, 0, 1, 0];
    const FULL_INFO: &[u8] = &[0xff, 1, 0, 3, 2, 7, 7];
    const TLS13: &[u8] = &[0, 43, 0, 2, 3, 4];
    const REQUIRED: ExpectedHello = ExpectedHello::ServerHello(Acknowledgement::Required);
    const OPTIONAL: ExpectedHello = ExpectedHello::ServerHello(Acknowledgement::Optional);

    /// A hello as one record per `chunk` bytes of the message.
    fn hello(kind: u8, extensions: Option<&[&[u8]]>, chunk: usize) -> Vec<u8> {
        hello_with(kind, TLS12, [9; 32], extensions, chunk)
    }

    fn hello_with(
        kind: u8,
        version: [u8; 2],
        random: [u8; 32],
        extensions: Option<&[&[u8]]>,
        chunk: usize,
    ) -> Vec<u8> {
        let mut body = [&version[..], &random, &[4, 1, 2, 3, 4]].concat();
        body.extend_from_slice(match kind {
            CLIENT_HELLO => &[0, 2, 0xc0, 0x2f, 1, 0],
            _ => &[0xc0, 0x2f, 0],
        });
        if let Some(extensions) = extensions {
            let extensions = extensions.concat();
            body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
            body.extend(extensions);
        }
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [&[kind], &len[1..], &body].concat();
        message
            .chunks(chunk)
            .flat_map(|part| {
                let len = u16::try_from(part.len()).unwrap().to_be_bytes();
                [&[22, 3, 3], &len[..], part].concat()
            })
            .collect()
    }

    fn check(expect: ExpectedHello, stream: &[u8]) -> Option<HelloFinding> {
        let mut inspector = HelloInspector::new(expect);
        records(stream).find_map(|(_, record)| inspector.inspect(record))
    }

    #[test]
    fn rfc9325_3_5_a_tls_1_2_server_must_acknowledge_renegotiation_info() {
        let ticket: &[u8] = &[0, 35, 0, 0];
        for chunk in [1, 3, 50, 1000] {
            let fine = hello(SERVER_HELLO, Some(&[ticket, INFO]), chunk);
            assert_eq!(check(REQUIRED, &fine), None);
            for lacking in [None, Some(&[][..]), Some(&[ticket][..])] {
                let lacking = hello(SERVER_HELLO, lacking, chunk);
                let finding = Some(HelloFinding::NotAcknowledged);
                assert_eq!(check(REQUIRED, &lacking), finding);
                assert_eq!(check(OPTIONAL, &lacking), None);
            }
            let tls13 = hello(SERVER_HELLO, Some(&[TLS13]), chunk);
            assert_eq!(check(REQUIRED, &tls13), None);
        }
    }

    #[test]
    fn rfc5746_3_4_and_3_6_a_non_empty_extension_ends_the_first_handshake() {
        for expect in [REQUIRED, OPTIONAL] {
            let wrong = hello(SERVER_HELLO, Some(&[FULL_INFO]), 7);
            assert_eq!(check(expect, &wrong), Some(HelloFinding::NotEmpty));
        }
        let client = ExpectedHello::ClientHello;
        let wrong = hello(CLIENT_HELLO, Some(&[TLS13, FULL_INFO]), 7);
        assert_eq!(check(client, &wrong), Some(HelloFinding::NotEmpty));
        for fine in [None, Some(&[TLS13][..]), Some(&[INFO][..])] {
            assert_eq!(check(client, &hello(CLIENT_HELLO, fine, 7)), None);
        }
    }

    #[test]
    fn the_hello_after_a_hello_retry_request_is_read_too() {
        let wrong = Some(&[TLS13, FULL_INFO][..]);
        let fine = Some(&[TLS13][..]);
        let finding = Some(HelloFinding::NotEmpty);
        for chunk in [1, 40, 1000] {
            let retry = |extensions| {
                hello_with(SERVER_HELLO, TLS12, HELLO_RETRY_REQUEST, extensions, chunk)
            };
            let server = |extensions| hello(SERVER_HELLO, extensions, chunk);
            let client = |extensions| hello(CLIENT_HELLO, extensions, chunk);
            let second = [retry(fine), server(wrong)].concat();
            assert_eq!(check(REQUIRED, &retry(wrong)), finding);
            assert_eq!(check(REQUIRED, &second), finding);
            let second = [client(fine), client(wrong)].concat();
            assert_eq!(check(ExpectedHello::ClientHello, &second), finding);
            // A retry request is one of TLS 1.3, even if it does not say so.
            assert_eq!(check(REQUIRED, &retry(None)), None);
        }
    }

    #[test]
    fn a_version_that_is_not_negotiated_is_the_finding() {
        for version in [[3, 0], [3, 1], [3, 2], [3, 4], [0x7f, 23]] {
            for extensions in [None, Some(&[INFO][..]), Some(&[FULL_INFO][..])] {
                let hello = hello_with(SERVER_HELLO, version, [9; 32], extensions, 1000);
                for expect in [REQUIRED, OPTIONAL] {
                    assert_eq!(check(expect, &hello), Some(HelloFinding::Version));
                }
            }
            // RFC 8446 4.2.1: with the extension, legacy_version means nothing.
            let hello = hello_with(SERVER_HELLO, version, [9; 32], Some(&[TLS13]), 1000);
            assert_eq!(check(REQUIRED, &hello), None);
        }
    }

    #[test]
    fn what_is_no_hello_is_left_to_the_engine() {
        let mut inspector = HelloInspector::new(REQUIRED);
        assert_eq!(inspector.inspect(&hello(11, Some(&[]), 100)), None);
        assert!(matches!(inspector, HelloInspector::Done));
        let mut cut = hello(SERVER_HELLO, Some(&[INFO]), 1000);
        cut[8] = 10; // the message now ends inside `random`
        assert_eq!(check(REQUIRED, &cut), None);
    }
}

//! `renegotiation_info` in the first handshake (RFC 5746, RFC 9325 3.5).
//!
//! rustls signals RFC 5746 but does not look at what the peer says about it.
//! The first message of either peer passes in clear, so it is read here:
//!
//! * a client ends the handshake if a TLS 1.2 ServerHello does not acknowledge
//!   `renegotiation_info` (RFC 9325 3.5: MUST; it can be switched off), or if
//!   the extension is not empty (RFC 5746 3.4: MUST);
//! * a server ends the handshake if a ClientHello carries a non-empty
//!   extension (RFC 5746 3.6: MUST): the peer believes to renegotiate a
//!   connection which is none of ours.
//!
//! Only this extension is judged. Anything else that is wrong with a hello is
//! left to rustls, so a message this parser cannot follow passes.

use alloc::vec::Vec;

use super::record::{HEADER_LEN, Kind, records};

/// What the first message of the peer must not lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedHello {
    /// ServerHello; TLS 1.2 must acknowledge the extension.
    AcknowledgingServerHello,
    /// ServerHello; an absent extension is tolerated.
    ServerHello,
    /// ClientHello.
    ClientHello,
}

/// What is wrong with the peer's hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HelloFinding {
    Missing,
    NotEmpty,
}

/// Reads the peer's records until its first handshake message is whole.
#[derive(Debug)]
pub(super) enum RenegotiationInfoCheck {
    Collecting {
        expect: ExpectedHello,
        message: Vec<u8>,
    },
    Done,
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;
const RENEGOTIATION_INFO: u16 = 0xff01;

impl RenegotiationInfoCheck {
    pub(super) fn new(expect: ExpectedHello) -> Self {
        Self::Collecting {
            expect,
            message: Vec::new(),
        }
    }

    /// Looks at one record before the TLS engine does. What is collected is
    /// bounded by the caller's limit on undiscarded records.
    pub(super) fn inspect(&mut self, record: &[u8]) -> Result<(), HelloFinding> {
        let Self::Collecting { expect, message } = self else {
            return Ok(());
        };
        for (header, record) in records(record) {
            if header.kind == Kind::Handshake {
                message.extend_from_slice(record.get(HEADER_LEN..).unwrap_or_default());
            }
        }
        let Some((kind, body)) = first_message(message) else {
            return Ok(());
        };
        let result = check_hello(*expect, kind, body);
        *self = Self::Done;
        result
    }
}

/// The first handshake message in `bytes`, once it is whole.
fn first_message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<4>()?;
    let [kind, a, b, c] = *header;
    let len = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    Some((kind, rest.get(..len)?))
}

fn check_hello(expect: ExpectedHello, kind: u8, body: &[u8]) -> Result<(), HelloFinding> {
    let extensions = match (expect, kind) {
        (ExpectedHello::ClientHello, CLIENT_HELLO) => client_hello_extensions(body),
        (ExpectedHello::AcknowledgingServerHello | ExpectedHello::ServerHello, SERVER_HELLO) => {
            server_hello_extensions(body)
        }
        _ => return Ok(()),
    };
    let Some(extensions) = extensions else {
        return Ok(());
    };
    let info = find(extensions, RENEGOTIATION_INFO);
    let tls13 = find(extensions, SUPPORTED_VERSIONS).is_some();
    match (expect, info) {
        (_, Some([0])) => Ok(()),
        (_, Some(_)) => Err(HelloFinding::NotEmpty),
        (ExpectedHello::AcknowledgingServerHello, None) if !tls13 => Err(HelloFinding::Missing),
        (_, None) => Ok(()),
    }
}

/// RFC 5246 7.4.1.3. Extensions may be absent altogether.
fn server_hello_extensions(body: &[u8]) -> Option<&[u8]> {
    let mut r = Reader(body);
    r.take(2 + 32)?; // legacy_version, random
    r.vector8()?; // session_id
    r.take(2 + 1)?; // cipher_suite, compression_method
    r.extensions()
}

/// RFC 5246 7.4.1.2.
fn client_hello_extensions(body: &[u8]) -> Option<&[u8]> {
    let mut r = Reader(body);
    r.take(2 + 32)?; // legacy_version, random
    r.vector8()?; // session_id
    r.vector16()?; // cipher_suites
    r.vector8()?; // compression_methods
    r.extensions()
}

/// The content of the first extension of type `wanted`.
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
    use ExpectedHello::{AcknowledgingServerHello, ClientHello, ServerHello};

    use super::*;

    const INFO: &[u8] = &[0xff, 1, 0, 1, 0];
    const FULL_INFO: &[u8] = &[0xff, 1, 0, 3, 2, 7, 7];
    const TLS13: &[u8] = &[0, 43, 0, 2, 3, 4];

    /// A hello as one record per `chunk` bytes of the message.
    fn hello(kind: u8, extensions: Option<&[&[u8]]>, chunk: usize) -> Vec<u8> {
        let mut body = [&[3, 3][..], &[9; 32], &[4, 1, 2, 3, 4]].concat();
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

    fn check(expect: ExpectedHello, stream: &[u8]) -> Result<(), HelloFinding> {
        let mut check = RenegotiationInfoCheck::new(expect);
        for (_, record) in records(stream) {
            check.inspect(record)?;
        }
        assert!(matches!(check, RenegotiationInfoCheck::Done));
        Ok(())
    }

    #[test]
    fn rfc9325_3_5_a_tls_1_2_server_must_acknowledge_renegotiation_info() {
        let ticket: &[u8] = &[0, 35, 0, 0];
        for chunk in [1, 3, 50, 1000] {
            let fine = hello(SERVER_HELLO, Some(&[ticket, INFO]), chunk);
            assert_eq!(check(AcknowledgingServerHello, &fine), Ok(()));
            for lacking in [None, Some(&[][..]), Some(&[ticket][..])] {
                let lacking = hello(SERVER_HELLO, lacking, chunk);
                assert_eq!(
                    check(AcknowledgingServerHello, &lacking),
                    Err(HelloFinding::Missing)
                );
                assert_eq!(check(ServerHello, &lacking), Ok(()));
            }
            let tls13 = hello(SERVER_HELLO, Some(&[TLS13]), chunk);
            assert_eq!(check(AcknowledgingServerHello, &tls13), Ok(()));
        }
    }

    #[test]
    fn rfc5746_3_4_and_3_6_a_non_empty_extension_ends_the_first_handshake() {
        for expect in [AcknowledgingServerHello, ServerHello] {
            let wrong = hello(SERVER_HELLO, Some(&[FULL_INFO]), 7);
            assert_eq!(check(expect, &wrong), Err(HelloFinding::NotEmpty));
        }
        let wrong = hello(CLIENT_HELLO, Some(&[TLS13, FULL_INFO]), 7);
        assert_eq!(check(ClientHello, &wrong), Err(HelloFinding::NotEmpty));
        for fine in [None, Some(&[TLS13][..]), Some(&[INFO][..])] {
            assert_eq!(check(ClientHello, &hello(CLIENT_HELLO, fine, 7)), Ok(()));
        }
    }

    #[test]
    fn what_is_no_hello_is_left_to_the_engine() {
        let other = hello(11, Some(&[]), 100);
        assert_eq!(check(AcknowledgingServerHello, &other), Ok(()));
        let mut cut = hello(SERVER_HELLO, Some(&[INFO]), 1000);
        cut[8] = 10; // the message now ends inside `random`
        assert_eq!(check(AcknowledgingServerHello, &cut), Ok(()));
    }
}

//! The messages of SCRAM, parsed strictly (RFC 5802 7).
//!
//! Parsing borrows; the caller copies what has to outlive a message. Each byte is read a constant
//! number of times.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::sasl::keys::MAX_SALT;
use crate::sasl::password::check_prepared;
use crate::sasl::{MAX_AUTHZID, MAX_MESSAGE, MAX_USERNAME, SaslError, ScramError, Secret};

/// The most octets of a nonce, counting the parts of both sides.
const MAX_NONCE: usize = 512;

/// The attributes that RFC 5802 defines. They may not stand in the place of an extension.
const DEFINED: &[u8] = b"anmrcsipve";

/// `client-first-message`.
#[derive(Debug)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: Flag<'a>,
    pub(super) authzid: Option<String>,
    pub(super) username: String,
    pub(super) nonce: &'a str,
    /// `gs2-header`, with its last comma.
    pub(super) header: &'a str,
    /// `client-first-message-bare`.
    pub(super) bare: &'a str,
}

/// `gs2-cbind-flag`.
#[derive(Debug, PartialEq)]
pub(super) enum Flag<'a> {
    No,
    Yes,
    Bound(&'a str),
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, SaslError> {
        let message = text(data)?;
        let (flag, rest) = message.split_once(',').ok_or(SaslError::Malformed)?;
        let (authzid, bare) = rest.split_once(',').ok_or(SaslError::Malformed)?;
        let flag = match (flag, flag.strip_prefix("p=")) {
            ("n", _) => Flag::No,
            ("y", _) => Flag::Yes,
            (_, Some(name)) if is_binding_name(name) => Flag::Bound(name),
            _ => return Err(SaslError::Malformed),
        };
        let authzid = match (authzid, authzid.strip_prefix("a=")) {
            ("", _) => None,
            (_, Some(name)) => Some(unescape(name, MAX_AUTHZID)?),
            _ => return Err(SaslError::Malformed),
        };
        let mut attributes = Attributes::new(bare);
        let username = unescape(attributes.take(b'n')?, MAX_USERNAME)?;
        let nonce = nonce(attributes.take(b'r')?)?;
        attributes.extensions()?;
        let (header, _) = message
            .split_at_checked(message.len() - bare.len())
            .ok_or(SaslError::Malformed)?;
        Ok(Self {
            flag,
            authzid,
            username,
            nonce,
            header,
            bare,
        })
    }
}

/// `server-first-message`.
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    /// The hash of the offer, in base64 (XEP-0474 6.1).
    pub(super) offer_hash: Option<&'a str>,
    pub(super) message: &'a str,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, SaslError> {
        let message = text(data)?;
        let mut attributes = Attributes::new(message);
        let nonce = nonce(attributes.take(b'r')?)?;
        let salt = decode(attributes.take(b's')?)?;
        let iterations = positive(attributes.take(b'i')?)?;
        let offer_hash = attributes.extension(b'h')?;
        if salt.len() > MAX_SALT {
            return Err(SaslError::TooLong);
        }
        Ok(Self {
            nonce,
            salt,
            iterations,
            offer_hash,
            message,
        })
    }
}

/// `client-final-message`.
#[derive(Debug)]
pub(super) struct ClientFinal<'a> {
    /// `cbind-input`, decoded.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// The proof. It is secret, because it gives the client key together with the stored key.
    pub(super) proof: Secret,
    pub(super) without_proof: &'a str,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, SaslError> {
        // The proof comes last, after any extensions.
        let (without_proof, proof) = text(data)?.rsplit_once(",p=").ok_or(SaslError::Malformed)?;
        let mut attributes = Attributes::new(without_proof);
        let binding = decode(attributes.take(b'c')?)?;
        let nonce = nonce(attributes.take(b'r')?)?;
        attributes.extensions()?;
        Ok(Self {
            binding,
            nonce,
            proof: decode(proof)?.into(),
            without_proof,
        })
    }
}

/// Parses `server-final-message`: the server's signature, or its error.
pub(super) fn parse_server_final(data: &[u8]) -> Result<Result<Vec<u8>, ScramError>, SaslError> {
    let mut attributes = Attributes::new(text(data)?);
    let verdict = match attributes.next()? {
        Some((b'v', value)) => Ok(decode(value)?),
        Some((b'e', value)) => Err(ScramError::from_value(value)),
        _ => return Err(SaslError::Malformed),
    };
    attributes.extensions()?;
    Ok(verdict)
}

/// Appends a name with `=` and `,` escaped (`saslname`).
pub(super) fn push_escaped(out: &mut String, name: &str) {
    for piece in name.split_inclusive(['=', ',']) {
        match (piece.strip_suffix('='), piece.strip_suffix(',')) {
            (Some(plain), _) => out.extend([plain, "=3D"]),
            (_, Some(plain)) => out.extend([plain, "=2C"]),
            (None, None) => out.push_str(piece),
        }
    }
}

/// Appends the encoding in base64 of what is no secret.
pub(super) fn push_encoded(out: &mut String, octets: &[u8]) {
    STANDARD.encode_string(octets, out);
}

/// Returns the length of the encoding in base64.
pub(super) const fn encoded_len(octets: usize) -> usize {
    octets.div_ceil(3) * 4
}

/// Encodes in base64.
pub(super) fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// The attributes of a message that have not been read yet.
struct Attributes<'a> {
    rest: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    fn new(message: &'a str) -> Self {
        Self {
            rest: Some(message),
        }
    }

    /// Reads the next attribute, whatever its name.
    fn next(&mut self) -> Result<Option<(u8, &'a str)>, SaslError> {
        let Some(rest) = self.rest else {
            return Ok(None);
        };
        let (attribute, rest) = match rest.split_once(',') {
            Some((attribute, rest)) => (attribute, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        match attribute.split_once('=') {
            Some((name, value)) if !value.is_empty() => match name.as_bytes() {
                [b'm'] => Err(SaslError::UnknownExtension),
                [name] if name.is_ascii_alphabetic() => Ok(Some((*name, value))),
                _ => Err(SaslError::Malformed),
            },
            _ => Err(SaslError::Malformed),
        }
    }

    /// Reads the next attribute, which must have this name, and returns its value.
    fn take(&mut self, name: u8) -> Result<&'a str, SaslError> {
        match self.next()? {
            Some((found, value)) if found == name => Ok(value),
            _ => Err(SaslError::Malformed),
        }
    }

    /// Reads the rest, which must be optional extensions. None of them is known here.
    fn extensions(mut self) -> Result<(), SaslError> {
        while self.next_extension()?.is_some() {}
        Ok(())
    }

    /// Reads the rest, which must be optional extensions, and returns the value of one of them. It
    /// may stand there once, so that nobody can choose which one counts.
    fn extension(mut self, wanted: u8) -> Result<Option<&'a str>, SaslError> {
        let mut found = None;
        while let Some((name, value)) = self.next_extension()? {
            if name == wanted && found.replace(value).is_some() {
                return Err(SaslError::Malformed);
            }
        }
        Ok(found)
    }

    fn next_extension(&mut self) -> Result<Option<(u8, &'a str)>, SaslError> {
        match self.next()? {
            Some((name, _)) if DEFINED.contains(&name) => Err(SaslError::Malformed),
            attribute => Ok(attribute),
        }
    }
}

fn text(data: &[u8]) -> Result<&str, SaslError> {
    if data.len() > MAX_MESSAGE {
        return Err(SaslError::TooLong);
    }
    match core::str::from_utf8(data) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) | Err(_) => Err(SaslError::Malformed),
    }
}

fn nonce(value: &str) -> Result<&str, SaslError> {
    if value.len() > MAX_NONCE {
        return Err(SaslError::TooLong);
    }
    // A value cannot contain a comma.
    if value.bytes().all(|octet| matches!(octet, b'!'..=b'~')) {
        Ok(value)
    } else {
        Err(SaslError::Malformed)
    }
}

/// Parses `posit-number`. A number that does not fit becomes `u32::MAX`.
fn positive(value: &str) -> Result<u32, SaslError> {
    let digits = value.bytes().all(|octet| octet.is_ascii_digit());
    if !digits || value.starts_with('0') {
        return Err(SaslError::Malformed);
    }
    Ok(value.parse().unwrap_or(u32::MAX))
}

fn is_binding_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
}

/// Undoes [`escape`]. Any other use of `=` is an error (RFC 5802 5.1).
fn unescape(name: &str, limit: usize) -> Result<String, SaslError> {
    let mut parts = name.split('=');
    let mut plain = String::from(parts.next().unwrap_or_default());
    for part in parts {
        match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => {
                plain.push(',');
                plain.push_str(rest);
            }
            (_, Some(rest)) => {
                plain.push('=');
                plain.push_str(rest);
            }
            (None, None) => return Err(SaslError::Malformed),
        }
    }
    check_prepared(&plain, limit).map_err(|_| SaslError::Malformed)?;
    Ok(plain)
}

/// Decodes base64. The empty text is refused, because no attribute may have an empty value.
fn decode(value: &str) -> Result<Vec<u8>, SaslError> {
    match STANDARD.decode(value) {
        Ok(octets) if !octets.is_empty() => Ok(octets),
        Ok(_) | Err(_) => Err(SaslError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice as many attributes are twice the work: each call reads one, and nothing before it.
    #[test]
    fn each_attribute_is_read_once() {
        for n in [1_000, 2_000, 4_000] {
            let message = "x=1,".repeat(n) + "y=2";
            let mut attributes = Attributes::new(&message);
            let (mut calls, mut read) = (0, 0);
            while let Some(before) = attributes.rest {
                let (_, value) = attributes.next().unwrap().unwrap();
                let after = attributes.rest.map_or(0, str::len);
                calls += 1;
                read += before.len() - after;
                assert!(
                    before.len() - after <= value.len() + 3,
                    "more than the attribute"
                );
            }
            std::println!("attributes of a SCRAM message, n = {n}: {read} bytes in {calls} steps");
            assert_eq!((calls, read), (n + 1, message.len()));
        }
    }

    #[test]
    fn a_name_is_escaped_and_read_back() {
        for (name, escaped) in [
            ("alice", "alice"),
            ("", ""),
            ("=", "=3D"),
            (",a=,b==", "=2Ca=3D=2Cb=3D=3D"),
            ("=2C", "=3D2C"),
        ] {
            let mut written = String::from("n=");
            push_escaped(&mut written, name);
            assert_eq!(written, String::from("n=") + escaped);
            if !name.is_empty() {
                assert_eq!(unescape(escaped, 100).unwrap(), name);
            }
        }
    }
}

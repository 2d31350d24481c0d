//! What the identity rules read from a certificate beside its signatures (RFC 5280 4.1, 4.2).
//!
//! The reader is total: any bytes give an answer or `None`, in time linear in their number. Nothing
//! it returns may be believed before the chain was verified.
//!
//! Change here which fields are read. The rules about them are in [`super`] and
//! [`trust`](super::trust).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use rustls::pki_types::UnixTime;

use super::super::der::{Der, OID, SEQUENCE};

/// The fields of a certificate that matter here.
pub(super) struct Certificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    not_after: UnixTime,
    alt_names: Option<&'a [u8]>,
    key_usage: Option<&'a [u8]>,
    name_constraints: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut tbs = Der(Der(Der(der).expect(SEQUENCE)?).expect(SEQUENCE)?);
        tbs.expect(VERSION)?;
        tbs.expect(INTEGER)?; // serialNumber
        tbs.expect(SEQUENCE)?; // signature
        let issuer = tbs.expect(SEQUENCE)?;
        let mut validity = Der(tbs.expect(SEQUENCE)?);
        validity.next()?; // notBefore
        let (kind, text) = validity.next()?;
        let subject = tbs.expect(SEQUENCE)?;
        tbs.expect(SEQUENCE)?; // subjectPublicKeyInfo
        let mut certificate = Self {
            issuer,
            subject,
            not_after: time(kind, text)?,
            alt_names: None,
            key_usage: None,
            name_constraints: None,
        };
        if !tbs.0.is_empty() {
            certificate.read_extensions(Der(Der(tbs.expect(EXTENSIONS)?).expect(SEQUENCE)?))?;
        }
        Some(certificate)
    }

    /// Returns whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Returns the last moment of its validity.
    pub(super) fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Returns the content of `GeneralNames`. It is empty without a subjectAltName.
    pub(super) fn alt_names(&self) -> &'a [u8] {
        self.alt_names.unwrap_or_default()
    }

    /// Returns whether it limits the names of what it issues.
    pub(super) fn constrains_names(&self) -> bool {
        self.name_constraints.is_some()
    }

    /// Returns its extended key usages as dotted object identifiers, at most 32. One that is longer
    /// than 64 bytes is left out.
    pub(super) fn key_purposes(&self) -> Vec<String> {
        self.purposes()
            .take(MAX_LISTED)
            .filter_map(dotted)
            .collect()
    }

    /// Returns whether it has so many extended key usages that only an attacker writes them.
    pub(super) fn has_too_many_purposes(&self) -> bool {
        self.purposes().nth(MAX_PURPOSES).is_some()
    }

    fn purposes(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut purposes = Der(self.key_usage.unwrap_or_default());
        core::iter::from_fn(move || purposes.expect(OID))
    }

    fn read_extensions(&mut self, mut extensions: Der<'a>) -> Option<()> {
        while !extensions.0.is_empty() {
            let mut extension = Der(extensions.expect(SEQUENCE)?);
            let slot = match extension.expect(OID)? {
                SUBJECT_ALT_NAME => &mut self.alt_names,
                EXTENDED_KEY_USAGE => &mut self.key_usage,
                NAME_CONSTRAINTS => &mut self.name_constraints,
                _ => continue,
            };
            let value = match extension.next()? {
                (BOOLEAN, _) => extension.expect(OCTET_STRING)?,
                (OCTET_STRING, value) => value,
                _ => return None,
            };
            // RFC 5280 4.2: no extension occurs twice.
            if slot.replace(Der(value).expect(SEQUENCE)?).is_some() {
                return None;
            }
        }
        Some(())
    }
}

/// The most entries of a list in an error.
pub(super) const MAX_LISTED: usize = 32;

/// Bytes of the longest object identifier that is written out.
const MAX_OID_LEN: usize = 64;

/// More extended key usages than any authority has.
const MAX_PURPOSES: usize = 64;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// 2.5.29.17 (RFC 5280 4.2.1.6)
const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
/// 2.5.29.30 (RFC 5280 4.2.1.10)
const NAME_CONSTRAINTS: &[u8] = b"\x55\x1d\x1e";
/// 2.5.29.37 (RFC 5280 4.2.1.12)
const EXTENDED_KEY_USAGE: &[u8] = b"\x55\x1d\x25";

/// Reads a time. `UTCTime` is `YYMMDDHHMMSSZ` and ends with 2049, `GeneralizedTime` has four digits
/// of year (RFC 5280 4.1.2.5). What is before 1970 is 1970.
fn time(kind: u8, text: &[u8]) -> Option<UnixTime> {
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let [m1, m2, d1, d2, rest @ .., b'Z'] = rest else {
        return None;
    };
    let [h1, h2, min1, min2, s1, s2] = rest else {
        return None;
    };
    let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let hour = number(&[*h1, *h2])?;
    let (minute, second) = (number(&[*min1, *min2])?, number(&[*s1, *s2])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 {
        return None;
    }
    let seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value: u64, &digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + u64::from(digit - b'0'))
    })
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar. Years begin with March
/// here, so that the leap day is the last one.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let years = if month > 2 {
        year
    } else {
        year.saturating_sub(1)
    };
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    (365 * years + years / 4 - years / 100 + years / 400 + in_year).saturating_sub(719_468)
}

/// Writes an object identifier as `1.3.6.1` and so on. Returns `None` if it is none, or longer than
/// any that is in use.
fn dotted(oid: &[u8]) -> Option<String> {
    if oid.len() > MAX_OID_LEN {
        return None;
    }
    let mut text = String::new();
    let mut arc = 0_u64;
    for &byte in oid {
        arc = arc.checked_mul(128)? + u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            write!(text, "{first}.{}", arc - first * 40).ok()?;
        } else {
            write!(text, ".{arc}").ok()?;
        }
        arc = 0;
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5280_4_1_2_5_both_forms_of_time() {
        let seconds = |kind, text: &str| time(kind, text.as_bytes()).map(|time| time.as_secs());
        for (kind, text, expected) in [
            (UTC_TIME, "700101000000Z", 0),
            (UTC_TIME, "000301000000Z", 951_868_800),
            (UTC_TIME, "240229235959Z", 1_709_251_199),
            (UTC_TIME, "491231235959Z", 2_524_607_999),
            (UTC_TIME, "500101000000Z", 0),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799),
            (GENERALIZED_TIME, "00000101000000Z", 0),
        ] {
            assert_eq!(seconds(kind, text), Some(expected), "{text}");
        }
        for (kind, text) in [
            (UTC_TIME, ""),
            (UTC_TIME, "7001010000Z"),
            (UTC_TIME, "700101000000"),
            (UTC_TIME, "701301000000Z"),
            (UTC_TIME, "700100000000Z"),
            (UTC_TIME, "7001010000x0Z"),
            (UTC_TIME, "20500101000000Z"),
            (GENERALIZED_TIME, "500101000000Z"),
            (GENERALIZED_TIME, "205"),
            (OCTET_STRING, "700101000000Z"),
        ] {
            assert_eq!(seconds(kind, text), None, "{text}");
        }
    }

    #[test]
    fn object_identifiers_are_written_with_dots() {
        let cases: [(&[u8], Option<&str>); 6] = [
            (
                b"\x2b\x06\x01\x05\x05\x07\x03\x01",
                Some("1.3.6.1.5.5.7.3.1"),
            ),
            (b"\x55\x1d\x25\x00", Some("2.5.29.37.0")),
            (b"\x2b\x06\x01\x04\x01\x82\x37", Some("1.3.6.1.4.1.311")),
            (b"", None),
            (&[0xff; 12], None),
            (&[0x2b; MAX_OID_LEN + 1], None),
        ];
        for (oid, text) in cases {
            assert_eq!(dotted(oid).as_deref(), text);
        }
    }
}

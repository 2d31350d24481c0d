//! What a planner knows, as a value that can be stored and handed on.
//!
//! # Bytes
//!
//! `XSPL`, a version byte (1), then the fields in the order of the struct. Numbers are big-endian; a
//! duration is 64 bits of milliseconds; a host is its text (RFC 6120 4.9.3.19) after 16 bits of length; a
//! list begins with its length in 8 bits; what may be missing begins with a byte, 0 or 1. A change of
//! this form gets another version. What is read is checked, and has no effect if it is not right.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::hosts::{Attempt, Hosts, MAX_TARGETS, SrvTarget};
use super::plan::TicketEpoch;
use crate::reset::ResetCause;
use crate::stream::OtherHost;

/// What a [`Planner`](super::Planner) knows, without its config and its randomness: it can be stored, and
/// [`Planner::restore`](super::Planner::restore) goes on from it. It holds no secret.
///
/// With the feature `serde`, it is serialised as its [bytes](Self::to_bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannerState {
    /// For how long a stream has been established.
    pub(super) stream: Option<Duration>,
    pub(super) ceiling: Option<Duration>,
    pub(super) resets: u32,
    pub(super) redirects: u32,
    pub(super) refusals: u32,
    pub(super) attempts: u32,
    /// For how long attempts have failed.
    pub(super) failing: Option<Duration>,
    pub(super) epoch: TicketEpoch,
    pub(super) after_reset: Option<ResetCause>,
    pub(super) hosts: Hosts,
}

const MAGIC: [u8; 4] = *b"XSPL";
const VERSION: u8 = 1;

impl PlannerState {
    /// Returns the state as bytes, to be read by [`from_bytes`](Self::from_bytes) of this and later
    /// versions of the crate. Durations are cut to whole milliseconds.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        put_option(&mut out, self.stream, put_duration);
        put_option(&mut out, self.ceiling, put_duration);
        for count in [self.resets, self.redirects, self.refusals, self.attempts] {
            out.extend_from_slice(&count.to_be_bytes());
        }
        put_option(&mut out, self.failing, put_duration);
        out.extend_from_slice(&self.epoch.number().to_be_bytes());
        put_option(&mut out, self.after_reset, |out, cause| {
            out.push(cause_number(cause));
        });
        let hosts = &self.hosts;
        put_list(&mut out, &hosts.targets, |out, target| {
            out.extend_from_slice(&target.priority.to_be_bytes());
            out.extend_from_slice(&target.weight.to_be_bytes());
            put_host(out, &target.host);
        });
        put_list(&mut out, &hosts.round, put_host);
        for host in [&hosts.last_good, &hosts.location, &hosts.redirect] {
            put_option(&mut out, host.as_ref(), put_host);
        }
        let (kind, host) = match &hosts.attempt {
            Attempt::Original => (0, None),
            Attempt::Srv(host) => (1, Some(host)),
            Attempt::Location(host) => (2, Some(host)),
            Attempt::Redirect(host) => (3, host.as_ref()),
            Attempt::LocationNext => (4, None),
        };
        out.push(kind);
        put_option(&mut out, host, put_host);
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`PlannerStateError`] if the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlannerStateError> {
        let mut input = Input(bytes);
        if input.array()? != MAGIC {
            return Err(PlannerStateError::Malformed);
        }
        if input.byte()? != VERSION {
            return Err(PlannerStateError::Version);
        }
        let state = Self::read(&mut input)?;
        match input.0.is_empty() {
            true => Ok(state),
            false => Err(PlannerStateError::Malformed),
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, PlannerStateError> {
        Ok(Self {
            stream: input.option(Input::duration)?,
            ceiling: input.option(Input::duration)?,
            resets: u32::from_be_bytes(input.array()?),
            redirects: u32::from_be_bytes(input.array()?),
            refusals: u32::from_be_bytes(input.array()?),
            attempts: u32::from_be_bytes(input.array()?),
            failing: input.option(Input::duration)?,
            epoch: TicketEpoch::from_number(u64::from_be_bytes(input.array()?)),
            after_reset: input.option(Input::cause)?,
            hosts: Hosts {
                targets: input.list(|input| {
                    let priority = u16::from_be_bytes(input.array()?);
                    let weight = u16::from_be_bytes(input.array()?);
                    Ok(SrvTarget::new(priority, weight, input.host()?))
                })?,
                round: input.list(Input::host)?,
                last_good: input.option(Input::host)?,
                location: input.option(Input::host)?,
                redirect: input.option(Input::host)?,
                attempt: match (input.byte()?, input.option(Input::host)?) {
                    (0, None) => Attempt::Original,
                    (1, Some(host)) => Attempt::Srv(host),
                    (2, Some(host)) => Attempt::Location(host),
                    (3, host) => Attempt::Redirect(host),
                    (4, None) => Attempt::LocationNext,
                    _ => return Err(PlannerStateError::Malformed),
                },
            },
        })
    }
}

/// Why bytes are no [`PlannerState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlannerStateError {
    /// A later version of the crate wrote them.
    #[error("a planner's state of an unknown version")]
    Version,
    /// They are something else, or were changed.
    #[error("not a planner's state")]
    Malformed,
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put(out, value);
        }
    }
}

fn put_list<T>(out: &mut Vec<u8>, list: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    let length = u8::try_from(list.len()).unwrap_or(u8::MAX);
    out.push(length);
    for value in list.iter().take(length.into()) {
        put(out, value);
    }
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    out.extend_from_slice(&millis.to_be_bytes());
}

fn put_host(out: &mut Vec<u8>, host: &OtherHost) {
    // At most 1023 bytes of a domainpart (RFC 7622 3.2), and a port.
    let text = host.to_string();
    let length = u16::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes().get(..length.into()).unwrap_or_default());
}

/// What is left to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], PlannerStateError> {
        let (array, rest) = self
            .0
            .split_first_chunk()
            .ok_or(PlannerStateError::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn byte(&mut self) -> Result<u8, PlannerStateError> {
        self.array().map(|[byte]| byte)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], PlannerStateError> {
        let (bytes, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(PlannerStateError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, PlannerStateError>,
    ) -> Result<Option<T>, PlannerStateError> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(PlannerStateError::Malformed),
        }
    }

    fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, PlannerStateError>,
    ) -> Result<Vec<T>, PlannerStateError> {
        let length = usize::from(self.byte()?);
        if length > MAX_TARGETS {
            return Err(PlannerStateError::Malformed);
        }
        (0..length).map(|_| read(self)).collect()
    }

    fn duration(&mut self) -> Result<Duration, PlannerStateError> {
        let millis = u64::from_be_bytes(self.array()?);
        Ok(Duration::from_millis(millis))
    }

    fn cause(&mut self) -> Result<ResetCause, PlannerStateError> {
        cause_of(self.byte()?).ok_or(PlannerStateError::Malformed)
    }

    fn host(&mut self) -> Result<OtherHost, PlannerStateError> {
        let length = u16::from_be_bytes(self.array()?);
        let bytes = self.bytes(length.into())?;
        // Only what `put_host` writes: every state has one form.
        core::str::from_utf8(bytes)
            .ok()
            .and_then(|text| Some((text, text.parse::<OtherHost>().ok()?)))
            .filter(|(text, host)| host.to_string() == *text)
            .map(|(_, host)| host)
            .ok_or(PlannerStateError::Malformed)
    }
}

const fn cause_number(cause: ResetCause) -> u8 {
    match cause {
        ResetCause::NewFeatures => 1,
        ResetCause::KeyRefresh => 2,
        ResetCause::SequenceLimit => 3,
        ResetCause::CertificateExpired => 4,
        ResetCause::CertificateRevoked => 5,
        ResetCause::Other => 6,
        ResetCause::CertificateExpiring => 7,
    }
}

const fn cause_of(number: u8) -> Option<ResetCause> {
    Some(match number {
        1 => ResetCause::NewFeatures,
        2 => ResetCause::KeyRefresh,
        3 => ResetCause::SequenceLimit,
        4 => ResetCause::CertificateExpired,
        5 => ResetCause::CertificateRevoked,
        6 => ResetCause::Other,
        7 => ResetCause::CertificateExpiring,
        _ => return None,
    })
}

#[cfg(feature = "serde")]
impl serde::Serialize for PlannerState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for PlannerState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

/// Reads bytes, also from formats that write them as a list of numbers.
#[cfg(feature = "serde")]
struct BytesVisitor;

#[cfg(feature = "serde")]
impl<'de> serde::de::Visitor<'de> for BytesVisitor {
    type Value = PlannerState;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the bytes of a planner's state")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<PlannerState, E> {
        PlannerState::from_bytes(bytes).map_err(E::custom)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(
        self,
        mut list: A,
    ) -> Result<PlannerState, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            if bytes.len() == MAX_BYTES {
                return Err(serde::de::Error::custom(PlannerStateError::Malformed));
            }
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

/// More than the largest state takes: each host is at most 1023 bytes and a port.
#[cfg(feature = "serde")]
const MAX_BYTES: usize = 100_000;

//! XMPP addresses: the structural rules of RFC 7622 3.2 to 3.4.
//!
//! [`Jid::parse`] splits an address (first at the first `/`, then at the first `@` before it),
//! limits each part to 1 to 1023 bytes, and refuses the characters listed below. A [`Jid`] can
//! therefore always be written into XML, and none of its parts contains a separator. A change of
//! these rules changes which stanzas are delivered: change the tests of the tables with it.
//!
//! **Normalised**: ASCII capitals of localpart and domainpart become lower case, and one final dot
//! of the domainpart is removed. Equality, order and hash are those of the normalised text.
//!
//! **Refused**:
//! * in every part: control characters, U+FFFE and U+FFFF, because XML cannot carry them;
//! * in the localpart: `"&'/:<>@` (RFC 7622 3.3.1), white space, invisible format characters;
//! * in the domainpart: ASCII other than letters, digits, `-`, `_` and `.`; a label that is empty
//!   or longer than 63 ASCII bytes; white space; invisible format characters; and the three other
//!   characters that IDNA treats as dots. An IPv6 address must be valid and stand in square
//!   brackets; zone identifiers and future address forms are refused. `_` is not allowed in host
//!   names, but is accepted because local networks use it;
//! * in the resourcepart: a leading space (RFC 7622 3.5, example 18).
//!
//! **Not done**, because it needs Unicode tables that this crate does without: the PRECIS profiles
//! of localpart and resourcepart (case mapping and normalisation outside ASCII, width mapping, the
//! bidirectional rule, refusal of symbols and compatibility characters: RFC 7622 3.5, examples 20
//! and 21 are accepted), and IDNA (A-labels `xn--..` and U-labels are both accepted, and differ).
//! Two addresses that only preparation would make equal are different here. An application that
//! accepts accounts with such names prepares them first.
//!
//! # Addresses of RFC 6122
//!
//! RFC 7622 forbids some addresses that its predecessor, RFC 6122, allowed, and servers that follow
//! the latter still let their users have them: the resource `" desk"`, for example. Such a stanza
//! is no reason to end a stream that many users share. [`Jid::classify`] tells the three kinds of
//! written address apart, and [`Jid::domain_of`] finds the domain of both kinds that are addresses.

mod limits;
mod rfc6122;
#[cfg(test)]
mod tests;

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use limits::MAX_LABEL_BYTES;
pub use limits::MAX_PART_BYTES;

/// A validated XMPP address: `localpart@domainpart/resourcepart`, of which only the domainpart is
/// required (RFC 7622 3.1).
///
/// The [module](self) lists what is checked, normalised and left alone.
///
/// ```
/// use xmpp_stream::jid::Jid;
///
/// let jid: Jid = "Juliet@IM.example.com/Balcony".parse()?;
/// assert_eq!(jid.local(), Some("juliet"));
/// assert_eq!(jid.domain(), "im.example.com");
/// assert_eq!(jid.resource(), Some("Balcony"));
/// assert_eq!(jid.bare().as_str(), "juliet@im.example.com");
/// # Ok::<(), xmpp_stream::jid::JidError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jid {
    text: String,
    /// Where the domainpart begins and ends. Both follow from `text`.
    domain_start: usize,
    domain_end: usize,
}

impl Jid {
    /// Parses an address in its written form.
    ///
    /// # Errors
    /// [`JidError`], which names the part and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        let (local, domain, resource) = split(text);
        Self::from_parts(local, domain, resource)
    }

    /// Builds an address from its parts, under the same rules as
    /// [`parse`](Self::parse).
    ///
    /// # Errors
    /// [`JidError`], which names the part and what is wrong with it.
    pub fn from_parts(
        local: Option<&str>,
        domain: &str,
        resource: Option<&str>,
    ) -> Result<Self, JidError> {
        let domain = without_final_dot(domain);
        check_parts(local, domain, resource)?;
        let mut text = String::with_capacity(
            local.map_or(0, |part| part.len() + 1)
                + domain.len()
                + resource.map_or(0, |part| part.len() + 1),
        );
        if let Some(local) = local {
            text.push_str(local);
            text.push('@');
        }
        let domain_start = text.len();
        text.push_str(domain);
        let domain_end = text.len();
        text.make_ascii_lowercase();
        if let Some(resource) = resource {
            text.push('/');
            text.push_str(resource);
        }
        Ok(Self {
            text,
            domain_start,
            domain_end,
        })
    }

    /// Returns whether [`parse`](Self::parse) would accept `text`, without allocating.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let (local, domain, resource) = split(text);
        check_parts(local, without_final_dot(domain), resource).is_ok()
    }

    /// Says which rules a written address satisfies, without allocating and in time linear in its
    /// length.
    ///
    /// ```
    /// use xmpp_stream::jid::{AddressClass, Jid};
    ///
    /// assert_eq!(Jid::classify("juliet@example.com/desk"), AddressClass::Rfc7622);
    /// assert_eq!(Jid::classify("juliet@example.com/ desk"), AddressClass::Rfc6122);
    /// assert_eq!(Jid::classify("juliet@@example.com"), AddressClass::Invalid);
    /// ```
    #[must_use]
    pub fn classify(text: &str) -> AddressClass {
        let (local, domain, resource) = split(text);
        if check_parts(local, without_final_dot(domain), resource).is_ok() {
            AddressClass::Rfc7622
        } else if rfc6122::allows(local, domain, resource) {
            AddressClass::Rfc6122
        } else {
            AddressClass::Invalid
        }
    }

    /// Returns the domainpart of a written address, as written but without a final dot, without
    /// allocating. Returns `None` for [`AddressClass::Invalid`].
    ///
    /// The domainpart of an [`AddressClass::Rfc6122`] can itself be one that RFC 7622 forbids. It
    /// is then equal to no domain of a [`Jid`].
    #[must_use]
    pub fn domain_of(text: &str) -> Option<&str> {
        let (_, domain, _) = split(text);
        match Self::classify(text) {
            AddressClass::Rfc7622 | AddressClass::Rfc6122 => Some(without_final_dot(domain)),
            AddressClass::Invalid => None,
        }
    }

    /// Returns the localpart, without its `@` (RFC 7622 3.3).
    #[must_use]
    pub fn local(&self) -> Option<&str> {
        self.text.get(..self.domain_start.checked_sub(1)?)
    }

    /// Returns the domainpart, an IPv6 address with its brackets (RFC 7622 3.2).
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text
            .get(self.domain_start..self.domain_end)
            .unwrap_or_default()
    }

    /// Returns the resourcepart, without its `/` (RFC 7622 3.4).
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.text.get(self.domain_end + 1..)
    }

    /// Returns the normalised written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the address without its resourcepart: the bare JID (RFC 6120 1.4).
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            text: self.bare_str().to_owned(),
            domain_start: self.domain_start,
            domain_end: self.domain_end,
        }
    }

    /// Returns the written form of the [bare](Self::bare) address, without allocating.
    pub(crate) fn bare_str(&self) -> &str {
        self.text.get(..self.domain_end).unwrap_or_default()
    }

    /// Removes the resourcepart.
    pub(crate) fn into_bare(mut self) -> Self {
        self.text.truncate(self.domain_end);
        self
    }

    /// Returns the address of its domain, without localpart and resourcepart.
    #[must_use]
    pub fn domain_only(&self) -> Self {
        let text = self.domain().to_owned();
        Self {
            domain_start: 0,
            domain_end: text.len(),
            text,
        }
    }

    /// Returns this bare address with `resource` as its resourcepart.
    ///
    /// # Errors
    /// [`JidError`] if `resource` is not a valid resourcepart.
    pub fn with_resource(&self, resource: &str) -> Result<Self, JidError> {
        Self::from_parts(self.local(), self.domain(), Some(resource))
    }

    /// Returns whether there is no resourcepart.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.domain_end == self.text.len()
    }

    /// Returns whether there is a resourcepart.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.is_bare()
    }

    /// Returns whether the address is only a domainpart, as the addresses of servers are.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.domain_start == 0 && self.is_bare()
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes the written form in quotes.
impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl FromStr for Jid {
    type Err = JidError;

    fn from_str(text: &str) -> Result<Self, JidError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Jid {
    type Error = JidError;

    fn try_from(text: &str) -> Result<Self, JidError> {
        Self::parse(text)
    }
}

/// Which rules a written address satisfies: the result of [`Jid::classify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// The address is valid by RFC 7622 as far as this crate checks it: [`Jid::parse`] accepts it.
    Rfc7622,
    /// The address is not valid by RFC 7622, but was by RFC 6122 2.1 to 2.4. A stanza with such an
    /// address cannot be addressed by a [`Jid`], but it does not violate the stream.
    Rfc6122,
    /// The text is not an address by either. On a stream between servers, it is a reason for the
    /// stream error `improper-addressing` (RFC 6120 8.1.1.2, 8.1.2.2).
    Invalid,
}

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JidPart {
    /// The part before the `@`.
    Local,
    /// The required part.
    Domain,
    /// The part after the `/`.
    Resource,
}

impl fmt::Display for JidPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "localpart",
            Self::Domain => "domainpart",
            Self::Resource => "resourcepart",
        })
    }
}

/// The error of [`Jid::parse`]: why a text is not a valid address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JidError {
    /// The part has zero length, or the domainpart is missing.
    #[error("the {0} is empty")]
    Empty(JidPart),
    /// The part is longer than [`MAX_PART_BYTES`].
    #[error("the {0} is longer than 1023 bytes")]
    TooLong(JidPart),
    /// The part contains a character it must not contain.
    #[error("the {0} contains the character {1:?}")]
    Character(JidPart, char),
    /// A label of the domainpart is empty or longer than 63 bytes.
    #[error("the domainpart has an empty or overlong label")]
    Label,
    /// The domainpart begins with `[` but is not an IPv6 address in brackets.
    #[error("the domainpart is no IPv6 address in brackets")]
    Ipv6,
}

/// Splits at the first `/`, and what stands before it at the first `@` (RFC 7622 3.2).
fn split(text: &str) -> (Option<&str>, &str, Option<&str>) {
    let (bare, resource) = match text.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (text, None),
    };
    match bare.split_once('@') {
        Some((local, domain)) => (Some(local), domain, resource),
        None => (None, bare, resource),
    }
}

/// Removes the final dot, before anything else is done (RFC 7622 3.2).
fn without_final_dot(domain: &str) -> &str {
    domain.strip_suffix('.').unwrap_or(domain)
}

fn check_parts(local: Option<&str>, domain: &str, resource: Option<&str>) -> Result<(), JidError> {
    if let Some(local) = local {
        check_part(JidPart::Local, local, |c| {
            c.is_whitespace() || is_invisible(c) || "\"&'/:<>@".contains(c)
        })?;
    }
    check_domain(domain)?;
    if let Some(resource) = resource {
        check_part(JidPart::Resource, resource, |_| false)?;
        if resource.starts_with(' ') {
            return Err(JidError::Character(JidPart::Resource, ' '));
        }
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), JidError> {
    if let Some(literal) = domain.strip_prefix('[') {
        let address = literal.strip_suffix(']').ok_or(JidError::Ipv6)?;
        return match Ipv6Addr::from_str(address) {
            Ok(_) => Ok(()),
            Err(_) => Err(JidError::Ipv6),
        };
    }
    check_part(JidPart::Domain, domain, |c| match c {
        '-' | '_' | '.' => false,
        '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => true,
        c if c.is_ascii() => !c.is_ascii_alphanumeric(),
        c => c.is_whitespace() || is_invisible(c),
    })?;
    // The limit applies to the ASCII form of a label, which is known only of ASCII labels.
    let bad_label =
        |label: &str| label.is_empty() || (label.is_ascii() && label.len() > MAX_LABEL_BYTES);
    if domain.split('.').any(bad_label) {
        return Err(JidError::Label);
    }
    Ok(())
}

fn check_part(part: JidPart, text: &str, forbidden: impl Fn(char) -> bool) -> Result<(), JidError> {
    if text.is_empty() {
        return Err(JidError::Empty(part));
    }
    if text.len() > MAX_PART_BYTES {
        return Err(JidError::TooLong(part));
    }
    let bad = |&c: &char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') || forbidden(c);
    match text.chars().find(bad) {
        Some(character) => Err(JidError::Character(part, character)),
        None => Ok(()),
    }
}

/// Returns whether a character is invisible, so that it makes two names look alike: the commonest
/// of those that PRECIS refuses in identifiers (RFC 8264 9.13), and the bidirectional controls. The
/// joiners U+200C and U+200D are not among them, because some scripts need them (RFC 5892 A).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

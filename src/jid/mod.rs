//! XMPP addresses: the structural rules of RFC 7622 sections 3.2 to 3.4.
//!
//! [`Jid::parse`] splits an address as section 3.2 says (first `/`, then first
//! `@`), holds each part to 1 to 1023 bytes and refuses the characters below,
//! so that a [`Jid`] can always be written into XML and never carries a
//! separator inside a part.
//!
//! What is normalised: ASCII capitals of the localpart and the domainpart
//! become small letters, and one final dot of the domainpart is removed.
//! Equality, order and hash are those of the normalised text.
//!
//! What is refused:
//! * everywhere: control characters, U+FFFE and U+FFFF (XML cannot carry
//!   them);
//! * localpart: `"&'/:<>@` (3.3.1), white space, invisible format characters;
//! * domainpart: ASCII other than letters, digits, `-`, `_` and `.`, an empty
//!   label or one of more than 63 ASCII bytes, white space, invisible format
//!   characters, and the three other characters IDNA takes for dots. An IPv6
//!   address stands in square brackets and must be one; zone identifiers and
//!   future address forms are refused. `_` is no letter of a host name but is
//!   in use on local networks, and harmless here;
//! * resourcepart: a leading space (example 18 of section 3.5).
//!
//! What is **not** done, because it needs the Unicode tables this crate does
//! without: the PRECIS profiles of localpart and resourcepart (case mapping
//! and normalisation outside ASCII, width mapping, bidirectional rule,
//! refusal of symbols and compatibility characters: examples 20 and 21 of
//! section 3.5 are accepted) and IDNA (A-labels `xn--..` and U-labels are both
//! taken as they are, and differ). Two addresses that only preparation would
//! make equal are different here; whoever accepts accounts with such names
//! prepares them first.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

/// The longest part of an address, in bytes (RFC 7622 sections 3.2 to 3.4).
pub const MAX_PART_BYTES: usize = 1023;

/// The longest label of a domain name, in bytes (RFC 1034 section 3.1).
const MAX_LABEL_BYTES: usize = 63;

/// A validated XMPP address: `localpart@domainpart/resourcepart`, of which
/// only the domainpart is required (RFC 7622 section 3.1).
///
/// See the [module](self) for what is checked, normalised and left alone.
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
    /// Where the domainpart begins and ends; both follow from `text`.
    domain_start: usize,
    domain_end: usize,
}

impl Jid {
    /// Reads an address from its written form.
    ///
    /// # Errors
    /// [`JidError`], naming the part and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        let (local, domain, resource) = split(text);
        Self::from_parts(local, domain, resource)
    }

    /// Builds an address from its parts, under the same rules as
    /// [`parse`](Self::parse).
    ///
    /// # Errors
    /// [`JidError`], naming the part and what is wrong with it.
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

    /// Whether [`parse`](Self::parse) would accept `text`; allocates nothing.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let (local, domain, resource) = split(text);
        check_parts(local, without_final_dot(domain), resource).is_ok()
    }

    /// The localpart, without its `@` (RFC 7622 section 3.3).
    #[must_use]
    pub fn local(&self) -> Option<&str> {
        self.text.get(..self.domain_start.checked_sub(1)?)
    }

    /// The domainpart (RFC 7622 section 3.2); an IPv6 address in its brackets.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text
            .get(self.domain_start..self.domain_end)
            .unwrap_or_default()
    }

    /// The resourcepart, without its `/` (RFC 7622 section 3.4).
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.text.get(self.domain_end + 1..)
    }

    /// The normalised written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address without its resourcepart: the bare JID of RFC 6120.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            text: self
                .text
                .get(..self.domain_end)
                .unwrap_or_default()
                .to_owned(),
            domain_start: self.domain_start,
            domain_end: self.domain_end,
        }
    }

    /// The address of its domain: neither localpart nor resourcepart.
    #[must_use]
    pub fn domain_only(&self) -> Self {
        let text = self.domain().to_owned();
        Self {
            domain_start: 0,
            domain_end: text.len(),
            text,
        }
    }

    /// The domainpart of an address in its written form, as it stands there but
    /// without a final dot; `None` if [`parse`](Self::parse) would refuse the
    /// address. Allocates nothing.
    pub(crate) fn domain_in(text: &str) -> Option<&str> {
        let (local, domain, resource) = split(text);
        let domain = without_final_dot(domain);
        check_parts(local, domain, resource).ok()?;
        Some(domain)
    }

    /// The same bare address with `resource` for its resourcepart.
    ///
    /// # Errors
    /// [`JidError`] if `resource` is no resourcepart.
    pub fn with_resource(&self, resource: &str) -> Result<Self, JidError> {
        Self::from_parts(self.local(), self.domain(), Some(resource))
    }

    /// Whether there is no resourcepart.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.domain_end == self.text.len()
    }

    /// Whether there is a resourcepart.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.is_bare()
    }

    /// Whether the address is a mere domainpart, as servers' addresses are.
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

/// As the written form, in quotes.
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

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JidPart {
    /// Before the `@`.
    Local,
    /// The required part.
    Domain,
    /// Behind the `/`.
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

/// Why a text is not an XMPP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JidError {
    /// The part is there but of zero length, or the domainpart is missing.
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
    /// The domainpart begins with `[` but is no IPv6 address in brackets.
    #[error("the domainpart is no IPv6 address in brackets")]
    Ipv6,
}

/// RFC 7622 section 3.2: the resourcepart begins at the first `/`, and only
/// what stands before it is searched for the first `@`.
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

/// RFC 7622 section 3.2: stripped before anything else is done.
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
    // The limit of a label counts its ASCII form, which only ASCII labels
    // have at hand.
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

/// Characters without a shape of their own that make two names look alike:
/// the commonest of those PRECIS refuses in identifiers (RFC 8264 section
/// 9.13) and the bidirectional controls. The joiners U+200C and U+200D are not
/// among them: some scripts need them (RFC 5892 appendix A).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;

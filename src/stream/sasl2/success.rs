//! `<success/>`: who is authenticated, and what became of what was asked for inline (XEP-0388 2.6.1,
//! XEP-0386 3.2, XEP-0198 9, XEP-0484 3.3).

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::encoding::{
    close, encoded_len, escaped_len, is_extension, octets, octets_element, once, open, text_element,
};
use super::inline_xml::InlineXml;
use crate::jid::Jid;
use crate::sasl::{MAX_TOKEN, MAX_TOKEN_EXPIRY, SaslCondition, Secret};
use crate::stream::management::{self, ManagementElement, ManagementRefusal};
use crate::stream::{ns, put};
use crate::xml::Element;

/// Holds a received `<success/>`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Success<'a> {
    /// The additional data of the mechanism, if there is any.
    pub additional_data: Option<Secret>,
    /// Who is authenticated. It is a full address if a resource is bound.
    pub authorization_identifier: Jid,
    /// What became of the request to resume a session.
    pub resumption: InlineResumption<'a>,
    /// What became of the request to bind a resource. It is absent where a session is resumed.
    pub bound: Option<Bound<'a>>,
    /// The token that the server issues (XEP-0484 3.3).
    pub token: Option<IssuedToken<'a>>,
    element: Element<'a>,
}

impl<'a> Success<'a> {
    pub(super) fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        let (mut additional_data, mut identifier) = (None, None);
        let (mut resumption, mut bound, mut token) = (None, None, None);
        for child in element.children() {
            match (child.ns(), child.name()) {
                (ns::SASL2, "additional-data") => once(&mut additional_data, octets(&child)?)?,
                (ns::SASL2, "authorization-identifier") => {
                    once(&mut identifier, read_identifier(&child)?)?;
                }
                (ns::MANAGEMENT, _) => once(&mut resumption, InlineResumption::read(&child)?)?,
                (ns::BIND2, "bound") => once(&mut bound, Bound::read(&child)?)?,
                (ns::FAST, "token") => once(&mut token, IssuedToken::read(&child)?)?,
                _ => {}
            }
        }
        let identifier: Jid = identifier.ok_or(SaslCondition::MalformedRequest)?;
        let resumption = resumption.unwrap_or_default();
        let is_resumed = matches!(resumption, InlineResumption::Resumed { .. });
        // XEP-0386 3.2: a resumed session has its resource, and one that is bound has a full address.
        if bound.is_some() && (is_resumed || !identifier.is_full()) {
            return Err(SaslCondition::MalformedRequest);
        }
        Ok(Self {
            additional_data,
            authorization_identifier: identifier,
            resumption,
            bound,
            token,
            element: *element,
        })
    }

    /// Returns the elements of extensions that are not known here, as whole elements: what a task
    /// says at its end, for example (XEP-0388 2.6.1).
    pub fn extensions(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.element
            .children()
            .filter(|child| is_extension(child.ns()))
    }
}

fn read_identifier(element: &Element<'_>) -> Result<Jid, SaslCondition> {
    let text = element.text();
    Jid::parse(&text)
        .or_else(|_| Jid::parse(put::trim(&text)))
        .map_err(|_| SaslCondition::MalformedRequest)
}

/// Says what became of a request to resume a session (XEP-0198 9.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum InlineResumption<'a> {
    /// The server says nothing of it.
    #[default]
    Absent,
    /// `<resumed/>`: the session goes on.
    Resumed {
        /// How many stanzas the server has handled, modulo 2^32.
        h: u32,
        /// The name of the session.
        previd: Cow<'a, str>,
    },
    /// `<failed/>`: there is no such session.
    Failed {
        /// How many stanzas the server had handled when the session ended, if it knows.
        h: Option<u32>,
    },
}

impl<'a> InlineResumption<'a> {
    fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        match ManagementElement::read(element) {
            Some(Ok(ManagementElement::Resumed { h, previd })) => Ok(Self::Resumed { h, previd }),
            Some(Ok(ManagementElement::Failed { h })) => Ok(Self::Failed { h }),
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

/// Holds `<bound/>`, which says that a resource is bound (XEP-0386 3.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bound<'a> {
    /// The answer to the request for stream management: [`ManagementElement::Enabled`] or
    /// [`ManagementElement::Failed`], and no other.
    pub management: Option<ManagementElement<'a>>,
    element: Element<'a>,
}

impl<'a> Bound<'a> {
    fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        let mut management = None;
        for child in element
            .children()
            .filter(|child| child.ns() == ns::MANAGEMENT)
        {
            match ManagementElement::read(&child) {
                Some(Ok(
                    read @ (ManagementElement::Enabled { .. } | ManagementElement::Failed { .. }),
                )) => once(&mut management, read)?,
                _ => return Err(SaslCondition::MalformedRequest),
            }
        }
        Ok(Self {
            management,
            element: *element,
        })
    }

    /// Returns the answers to features that are not known here, as whole elements.
    pub fn features(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.element
            .children()
            .filter(|child| is_extension(child.ns()))
    }
}

/// Holds a token that a server issues (XEP-0484 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedToken<'a> {
    /// The token: the octets of its text in UTF-8.
    pub token: Secret,
    /// When it expires, as received: a time of XEP-0082, which has not been checked.
    pub expiry: Cow<'a, str>,
}

impl<'a> IssuedToken<'a> {
    fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        let token = match element.attr("token") {
            Some(Cow::Borrowed(token)) => bounded_token(token),
            // The text was written with references, so this is a copy, which has to be wiped.
            Some(Cow::Owned(token)) => bounded_token(&Zeroizing::new(token)),
            None => None,
        };
        let is_bounded = |expiry: &Cow<'_, str>| (1..=MAX_TOKEN_EXPIRY).contains(&expiry.len());
        token
            .zip(element.attr("expiry").filter(is_bounded))
            .map(|(token, expiry)| Self { token, expiry })
            .ok_or(SaslCondition::MalformedRequest)
    }
}

fn bounded_token(token: &str) -> Option<Secret> {
    (1..=MAX_TOKEN)
        .contains(&token.len())
        .then(|| Secret::from(token.as_bytes()))
}

/// Says what a `<success/>` to be written holds.
#[derive(Clone, Copy, Debug)]
pub struct SuccessOut<'a> {
    /// The additional data of the mechanism, which may be empty.
    pub additional_data: Option<&'a Secret>,
    /// Who is authenticated: a full address if a resource is bound.
    pub authorization_identifier: &'a Jid,
    /// The answer to the request to resume a session.
    pub resumption: ResumptionOut<'a>,
    /// The answer to the request to bind a resource.
    pub bound: Option<BoundOut<'a>>,
    /// A token that is issued.
    pub token: Option<TokenOut<'a>>,
    /// What an extension says: the task that ended, for example.
    pub extensions: &'a [InlineXml],
}

impl<'a> SuccessOut<'a> {
    /// Says who is authenticated, and nothing else.
    #[must_use]
    pub const fn new(authorization_identifier: &'a Jid) -> Self {
        Self {
            additional_data: None,
            authorization_identifier,
            resumption: ResumptionOut::Absent,
            bound: None,
            token: None,
            extensions: &[],
        }
    }

    /// Returns the most bytes that it is written with. A buffer with that room is not grown by the
    /// writer, so that no copy of a secret remains.
    #[must_use]
    pub fn max_len(&self) -> usize {
        const AROUND: usize = 256;
        let success = self;
        // What is around the texts of one element, with its namespace.
        let inline = |list: &[InlineXml]| list.iter().map(|xml| xml.as_str().len()).sum::<usize>();
        let resumption = match success.resumption {
            ResumptionOut::Resumed { previd, .. } => escaped_len(previd),
            ResumptionOut::Absent | ResumptionOut::Failed { .. } => 0,
        };
        let bound = success.bound.map_or(0, |bound| {
            let management = match bound.management {
                EnableOut::Enabled { id, location, .. } => {
                    id.map_or(0, escaped_len) + location.map_or(0, escaped_len)
                }
                EnableOut::Absent | EnableOut::Failed(_) => 0,
            };
            management + inline(bound.features)
        });
        let token = |token: TokenOut<'_>| escaped_len(token.token) + escaped_len(token.expiry);
        encoded_len(success.additional_data.map_or(0, Secret::len))
            + escaped_len(success.authorization_identifier.as_str())
            + resumption
            + bound
            + success.token.map_or(0, token)
            + inline(success.extensions)
            + 5 * AROUND
    }
}

/// Says how a request to resume a session is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResumptionOut<'a> {
    /// There was no request.
    #[default]
    Absent,
    /// `<resumed/>`.
    Resumed {
        /// How many stanzas were handled, modulo 2^32.
        h: u32,
        /// The name of the session.
        previd: &'a str,
    },
    /// `<failed/>`.
    Failed {
        /// Why.
        refusal: ManagementRefusal,
        /// How many stanzas were handled when the session ended, if that is known.
        h: Option<u32>,
    },
}

/// Says what `<bound/>` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundOut<'a> {
    /// The answer to the request for stream management.
    pub management: EnableOut<'a>,
    /// The answers to further features.
    pub features: &'a [InlineXml],
}

/// Says how a request for stream management is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnableOut<'a> {
    /// There was no request.
    #[default]
    Absent,
    /// `<enabled/>`.
    Enabled {
        /// The name of the session, if it can be resumed.
        id: Option<&'a str>,
        /// For how long it can be resumed after the stream has broken, in seconds.
        max: Option<u32>,
        /// Where it should be resumed.
        location: Option<&'a str>,
    },
    /// `<failed/>`.
    Failed(ManagementRefusal),
}

/// Holds a token to be issued. Its characters are such as XML can carry.
#[derive(Clone, Copy)]
pub struct TokenOut<'a> {
    /// The token.
    pub token: &'a str,
    /// When it expires: a time of XEP-0082 in UTC.
    pub expiry: &'a str,
}

impl fmt::Debug for TokenOut<'_> {
    /// Leaves the token out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenOut")
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

/// Appends `<success/>`.
///
/// Like the other writers of secrets, it encodes them directly into `out`, and the owner of `out`
/// wipes it.
pub fn write_success(out: &mut String, success: &SuccessOut<'_>) {
    // Room is reserved for all of it at once, so that no piece of a secret is left in a buffer that
    // became too small half-way.
    out.reserve(success.max_len());
    open(out, "success", ns::SASL2);
    out.push('>');
    if let Some(data) = success.additional_data {
        octets_element(out, "additional-data", data.as_bytes());
    }
    let identifier = success.authorization_identifier.as_str();
    text_element(out, "authorization-identifier", identifier);
    match success.resumption {
        ResumptionOut::Absent => {}
        ResumptionOut::Resumed { h, previd } => {
            let previd = Cow::Borrowed(previd);
            ManagementElement::Resumed { h, previd }.write(out);
        }
        ResumptionOut::Failed { refusal, h } => management::write_failed(out, refusal, h),
    }
    if let Some(bound) = success.bound {
        write_bound(out, &bound);
    }
    if let Some(TokenOut { token, expiry }) = success.token {
        open(out, "token", ns::FAST);
        put::attribute(out, "expiry", expiry);
        put::attribute(out, "token", token);
        out.push_str("/>");
    }
    for extension in success.extensions {
        out.push_str(extension.as_str());
    }
    close(out, "success");
}

fn write_bound(out: &mut String, bound: &BoundOut<'_>) {
    open(out, "bound", ns::BIND2);
    out.push('>');
    match bound.management {
        EnableOut::Absent => {}
        EnableOut::Enabled { id, max, location } => ManagementElement::Enabled {
            id: id.map(Cow::Borrowed),
            max,
            location: location.map(Cow::Borrowed),
        }
        .write(out),
        EnableOut::Failed(refusal) => management::write_failed(out, refusal, None),
    }
    for feature in bound.features {
        out.push_str(feature.as_str());
    }
    close(out, "bound");
}

//! Stream errors: `<stream:error/>` written and read (RFC 6120 4.9).
//!
//! Reading never fails, because a stream error ends the stream whatever it contains: a condition
//! that is not understood becomes `undefined-condition` (RFC 6120 4.9.2), and text beyond the
//! bounds below is cut. Writing keeps the same bounds, and replaces characters that XML cannot
//! carry.
//!
//! The caller writes the header that must come before (RFC 6120 4.9.1.2) and the closing tag that
//! must follow at once (RFC 6120 4.9.1.1). The bounds may be changed here; the names of the
//! conditions are in `condition.rs`.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use super::{StreamCondition, ns, put};
use crate::jid::Jid;
use crate::xml::{Element, StanzaBuf};

/// The longest descriptive text that is kept or written, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;

/// The longest application-specific element that is kept or written, in bytes.
pub const MAX_APPLICATION_BYTES: usize = 4096;

/// The longest language tag that is kept, in bytes (the length that RFC 5646 4.4.1 asks to
/// support).
const MAX_LANG_BYTES: usize = 35;

/// The longest name of an unknown condition that is kept, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Holds a stream error, sent or received: a condition, and what may accompany it.
///
/// The name is that of the element in RFC 6120 4.9. It is data on the wire that ends a stream, and
/// not the error type of a function of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    condition: StreamCondition,
    /// What accompanies the condition; `None` if nothing does. It is boxed because a connection has
    /// room for several errors, and most never have one.
    details: Option<Box<Details>>,
}

/// What may accompany the condition of a stream error.
#[derive(Clone, Default, PartialEq, Eq)]
struct Details {
    unknown_name: Option<String>,
    other_host: Option<OtherHost>,
    text: Option<Text>,
    application: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Text {
    lang: Option<String>,
    text: String,
}

/// How many characters of the text `Debug` shows.
const MAX_DEBUG_CHARACTERS: usize = 80;

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details")
            .field("unknown_name", &self.unknown_name)
            .field("other_host", &self.other_host)
            .field("text", &self.text)
            .field(
                "application_bytes",
                &self.application.as_ref().map(String::len),
            )
            .finish()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.text.char_indices().nth(MAX_DEBUG_CHARACTERS);
        match shown.and_then(|(end, _)| self.text.get(..end)) {
            Some(shown) => write!(f, "{shown:?} and more, {} bytes", self.text.len()),
            None => fmt::Debug::fmt(&self.text, f),
        }
    }
}

impl StreamError {
    /// Returns an error of that condition and nothing else.
    ///
    /// `see-other-host` must name a host (RFC 6120 4.9.3.19), so [`StreamCondition::SeeOtherHost`]
    /// becomes `undefined-condition` here: see [`see_other_host`](Self::see_other_host). An
    /// `undefined-condition` should be sent only together with an application-specific condition
    /// (RFC 6120 4.9.3.21): see [`with_application`](Self::with_application).
    #[must_use]
    pub fn new(condition: StreamCondition) -> Self {
        let condition = match condition {
            StreamCondition::SeeOtherHost => StreamCondition::UndefinedCondition,
            other => other,
        };
        Self::bare(condition)
    }

    /// Returns `<see-other-host/>` with the host to connect to. It should not be sent before the
    /// stream is protected (RFC 6120 4.9.3.19).
    #[must_use]
    pub fn see_other_host(host: OtherHost) -> Self {
        let mut error = Self::bare(StreamCondition::SeeOtherHost);
        error.details_mut().other_host = Some(host);
        error
    }

    /// Adds a descriptive text in English, for people who read logs and not for programs (RFC 6120
    /// 4.9.2). It is cut to [`MAX_TEXT_BYTES`], and characters that XML cannot carry are replaced
    /// by U+FFFD.
    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        self.with_text_in("en", text)
    }

    /// Adds a descriptive text in the language `lang`. If `lang` is not a language tag (RFC 5646),
    /// the text is written without one.
    #[must_use]
    pub fn with_text_in(mut self, lang: &str, text: &str) -> Self {
        self.details_mut().text = Some(Text {
            lang: language(lang),
            text: put::bounded(text, MAX_TEXT_BYTES),
        });
        self
    }

    /// Adds an application-specific condition: one XML element that declares every namespace it
    /// uses (RFC 6120 4.9.4).
    ///
    /// # Errors
    /// Returns [`ApplicationConditionError`] if it is not one well-formed element, has no namespace
    /// or one that is reserved, or is longer than [`MAX_APPLICATION_BYTES`].
    pub fn with_application(mut self, xml: &str) -> Result<Self, ApplicationConditionError> {
        if xml.len() > MAX_APPLICATION_BYTES {
            return Err(ApplicationConditionError::TooLong);
        }
        let element =
            StanzaBuf::parse(xml).map_err(|_| ApplicationConditionError::NotOneElement)?;
        if is_reserved(element.as_stanza().ns()) {
            return Err(ApplicationConditionError::Namespace);
        }
        self.details_mut().application = Some(xml.into());
        Ok(self)
    }

    /// Reads a first-level `<error/>` of the stream namespace.
    ///
    /// The condition is the first child in the namespace of stream errors that is not `<text/>`.
    /// The application-specific condition is the first child in another namespace.
    #[must_use]
    pub fn parse(error: &Element<'_>) -> Self {
        let mut condition = StreamCondition::UndefinedCondition;
        let mut read = Details::default();
        let mut conditions = error
            .children()
            .filter(|child| child.ns() == ns::STREAM_ERRORS && child.name() != "text");
        if let Some(child) = conditions.next() {
            condition = StreamCondition::from_name(child.name());
            match condition {
                StreamCondition::SeeOtherHost => read.other_host = child.text().parse().ok(),
                StreamCondition::UndefinedCondition if child.name() != condition.as_str() => {
                    read.unknown_name = Some(put::bounded(child.name(), MAX_NAME_BYTES));
                }
                _ => {}
            }
        }
        if let Some(child) = error.child("text", ns::STREAM_ERRORS) {
            read.text = Some(Text {
                lang: child
                    .attr_ns(ns::XML, "lang")
                    .and_then(|lang| language(&lang)),
                text: put::bounded(&child.text(), MAX_TEXT_BYTES),
            });
        }
        // The length is compared first, so that no work is spent on what is not kept.
        if let Some(child) = error
            .children()
            .find(|child| !is_reserved(child.ns()))
            .filter(|child| child.as_str().len() <= MAX_APPLICATION_BYTES)
        {
            let standalone = child.standalone();
            if standalone.len() <= MAX_APPLICATION_BYTES {
                read.application = Some(standalone.into_owned());
            }
        }
        let details = (read != Details::default()).then(|| Box::new(read));
        Self { condition, details }
    }

    /// Appends `<stream:error>..</stream:error>`. The prefix `stream` is declared by the header
    /// that [`HeaderOut`](super::HeaderOut) writes.
    pub fn write(&self, out: &mut String) {
        out.push_str("<stream:error><");
        out.push_str(self.condition.as_str());
        put::attribute(out, "xmlns", ns::STREAM_ERRORS);
        match self.other_host() {
            Some(host) => {
                out.push('>');
                put::display(out, host);
                out.push_str("</");
                out.push_str(self.condition.as_str());
                out.push('>');
            }
            None => out.push_str("/>"),
        }
        if let Some(Text { lang, text }) = self.described() {
            out.push_str("<text");
            put::attribute(out, "xmlns", ns::STREAM_ERRORS);
            if let Some(lang) = lang {
                put::attribute(out, "xml:lang", lang);
            }
            out.push('>');
            put::text(out, text);
            out.push_str("</text>");
        }
        if let Some(application) = self.application() {
            out.push_str(application);
        }
        out.push_str("</stream:error>");
    }

    /// Returns the condition.
    #[must_use]
    pub fn condition(&self) -> StreamCondition {
        self.condition
    }

    /// Returns the name of a received condition that is not in the RFC, cut to 64 bytes. The
    /// [`condition`](Self::condition) is `UndefinedCondition` then.
    #[must_use]
    pub fn unknown_name(&self) -> Option<&str> {
        self.details.as_ref()?.unknown_name.as_deref()
    }

    /// Returns the host that `see-other-host` names. It is `None` for other conditions, and if the
    /// received text is not a host.
    #[must_use]
    pub fn other_host(&self) -> Option<&OtherHost> {
        self.details.as_ref()?.other_host.as_ref()
    }

    /// Returns the descriptive text. Programs must not interpret it (RFC 6120 4.9.2).
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.described().map(|text| text.text.as_str())
    }

    /// Returns the language of the text.
    #[must_use]
    pub fn lang(&self) -> Option<&str> {
        self.described()?.lang.as_deref()
    }

    /// Returns the application-specific condition as XML that declares every namespace it uses. It
    /// is `None` also if the element was longer than [`MAX_APPLICATION_BYTES`].
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.details.as_ref()?.application.as_deref()
    }

    fn bare(condition: StreamCondition) -> Self {
        Self {
            condition,
            details: None,
        }
    }

    fn details_mut(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// The descriptive text with its language.
    fn described(&self) -> Option<&Text> {
        self.details.as_ref()?.text.as_ref()
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self::new(condition)
    }
}

/// Shows the condition, and the text if there is one.
impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unknown_name().unwrap_or(self.condition.as_str()))?;
        match self.text() {
            Some(text) => write!(f, " ({text:?})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for StreamError {}

/// Holds the host of a `<see-other-host/>` (RFC 6120 4.9.3.19).
///
/// An entity that follows it keeps the `to`, the policies and the reference identity of the
/// original attempt, and counts redirects.
///
/// ```
/// use xmpp_stream::stream::OtherHost;
///
/// let host: OtherHost = "[2001:41D0:1:A49b::1]:9222".parse()?;
/// assert!(host.address().is_some());
/// assert_eq!(host.port(), Some(9222));
/// assert_eq!(host.to_string(), "[2001:41d0:1:a49b::1]:9222");
/// # Ok::<(), xmpp_stream::stream::OtherHostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherHost {
    host: String,
    port: Option<u16>,
}

impl OtherHost {
    /// Returns a host, with or without a port. `host` is a domain name or an IP address; an IPv6
    /// address is in square brackets.
    ///
    /// # Errors
    /// Returns [`OtherHostError`] if `host` is not a domainpart (RFC 7622 3.2) or the port is 0.
    pub fn new(host: &str, port: Option<u16>) -> Result<Self, OtherHostError> {
        let jid = Jid::from_parts(None, host, None).map_err(|_| OtherHostError)?;
        if port == Some(0) {
            return Err(OtherHostError);
        }
        Ok(Self {
            host: jid.domain().into(),
            port,
        })
    }

    /// Returns the domain name or address; an IPv6 address is in square brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, if one was named. Without one the name is resolved as usual (RFC 6120
    /// 3.2).
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the host as an IP address, if it is one and no name has to be resolved.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host.strip_prefix('[') {
            Some(literal) => Ipv6Addr::from_str(literal.strip_suffix(']')?)
                .ok()
                .map(IpAddr::V6),
            None => IpAddr::from_str(&self.host).ok(),
        }
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`. White space around it is dropped, because the
/// example of RFC 6120 4.9.3.19 has line breaks there.
impl FromStr for OtherHost {
    type Err = OtherHostError;

    fn from_str(text: &str) -> Result<Self, OtherHostError> {
        let text = put::trim(text);
        let host_end = match text.rfind(']') {
            Some(bracket) => bracket + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at_checked(host_end).ok_or(OtherHostError)?;
        let port = match rest.strip_prefix(':') {
            // `u16::from_str` would also take a sign.
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                Some(port.parse().map_err(|_| OtherHostError)?)
            }
            None if rest.is_empty() => None,
            _ => return Err(OtherHostError),
        };
        Self::new(host, port)
    }
}

impl fmt::Display for OtherHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Says that a text is not `host` or `host:port` as RFC 6120 4.9.3.19 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host or host:port")]
pub struct OtherHostError;

/// Says why an element cannot be an application-specific condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationConditionError {
    /// The text is not exactly one well-formed element.
    #[error("not exactly one well-formed XML element")]
    NotOneElement,
    /// The element has no namespace, or one that belongs to the stream.
    #[error("the element needs a namespace of its own")]
    Namespace,
    /// The element is longer than [`MAX_APPLICATION_BYTES`].
    #[error("longer than 4096 bytes")]
    TooLong,
}

/// Returns whether the namespace cannot be an application's (RFC 6120 4.9.4).
fn is_reserved(namespace: &str) -> bool {
    matches!(
        namespace,
        "" | ns::STREAM_ERRORS | ns::STREAM | ns::CLIENT | ns::SERVER
    )
}

fn language(tag: &str) -> Option<String> {
    (tag.len() <= MAX_LANG_BYTES && super::lang::is_language_tag(tag)).then(|| tag.into())
}

#[cfg(test)]
mod tests;

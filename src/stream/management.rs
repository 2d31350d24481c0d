//! The elements of stream management, read and written (XEP-0198), in the namespace `urn:xmpp:sm:3`.
//!
//! No other version of the protocol is read or written: `urn:xmpp:sm:2` counts differently.

use alloc::borrow::Cow;
use alloc::string::String;

use super::{ns, put};
use crate::xml::Element;

/// The class of an element of stream management, for the state tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManagementClass {
    /// `<enable/>`: the client asks for stream management (XEP-0198 3).
    Enable,
    /// `<enabled/>`: the server agrees.
    Enabled,
    /// `<resume/>`: the client asks for an earlier session (XEP-0198 5).
    Resume,
    /// `<resumed/>`: the server has it.
    Resumed,
    /// `<failed/>`: the answer to `<enable/>` or `<resume/>` where it is refused.
    Failed,
    /// `<r/>`: an acknowledgement is asked for (XEP-0198 4).
    Request,
    /// `<a/>`: stanzas are acknowledged.
    Answer,
    /// An element of these names that lacks what it has to say.
    Malformed,
}

impl ManagementClass {
    /// Every class, for exhaustive checks of state tables.
    pub const ALL: [Self; 8] = [
        Self::Enable,
        Self::Enabled,
        Self::Resume,
        Self::Resumed,
        Self::Failed,
        Self::Request,
        Self::Answer,
        Self::Malformed,
    ];
}

/// An element of stream management, with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagementElement<'a> {
    /// `<enable/>`.
    Enable {
        /// Whether a session is asked for that can be resumed.
        resume: bool,
        /// For how long the client would like to be able to resume it, in seconds.
        max: Option<u32>,
    },
    /// `<enabled/>`.
    Enabled {
        /// The name of the session, if it can be resumed.
        id: Option<Cow<'a, str>>,
        /// For how long it can be resumed after the stream has broken, in seconds.
        max: Option<u32>,
        /// Where the server would like it to be resumed: `host`, `host:port` or `[address]:port`.
        location: Option<Cow<'a, str>>,
    },
    /// `<resume/>`.
    Resume {
        /// How many stanzas the client has handled, modulo 2^32.
        h: u32,
        /// The name of the session.
        previd: Cow<'a, str>,
    },
    /// `<resumed/>`.
    Resumed {
        /// How many stanzas the server has handled, modulo 2^32.
        h: u32,
        /// The name of the session.
        previd: Cow<'a, str>,
    },
    /// `<failed/>`.
    Failed {
        /// How many stanzas the server had handled when the session ended, if it knows.
        h: Option<u32>,
    },
    /// `<r/>`.
    Request,
    /// `<a/>`.
    Answer {
        /// How many stanzas the peer has handled, modulo 2^32.
        h: u32,
    },
}

impl<'a> ManagementElement<'a> {
    /// Reads an element; `None` if it is none of stream management, or of an unknown name.
    ///
    /// # Errors
    /// [`ManagementClass::Malformed`] for an element without the number or the name that it has to
    /// carry (XEP-0198 12).
    #[must_use]
    pub fn read(element: &Element<'a>) -> Option<Result<Self, ManagementClass>> {
        if element.ns() != ns::MANAGEMENT {
            return None;
        }
        let read = match element.name() {
            "enable" => Some(Self::Enable {
                resume: flag(element, "resume"),
                max: number(element, "max"),
            }),
            "enabled" => Some(Self::Enabled {
                id: element
                    .attr("id")
                    .filter(|id| flag(element, "resume") && is_session_name(id)),
                max: number(element, "max"),
                location: element.attr("location"),
            }),
            "resume" => session(element).map(|(h, previd)| Self::Resume { h, previd }),
            "resumed" => session(element).map(|(h, previd)| Self::Resumed { h, previd }),
            "failed" => Some(Self::Failed {
                h: number(element, "h"),
            }),
            "r" => Some(Self::Request),
            "a" => number(element, "h").map(|h| Self::Answer { h }),
            _ => return None,
        };
        Some(read.ok_or(ManagementClass::Malformed))
    }

    /// The class of the element.
    #[must_use]
    pub const fn class(&self) -> ManagementClass {
        match self {
            Self::Enable { .. } => ManagementClass::Enable,
            Self::Enabled { .. } => ManagementClass::Enabled,
            Self::Resume { .. } => ManagementClass::Resume,
            Self::Resumed { .. } => ManagementClass::Resumed,
            Self::Failed { .. } => ManagementClass::Failed,
            Self::Request => ManagementClass::Request,
            Self::Answer { .. } => ManagementClass::Answer,
        }
    }

    /// Appends the element.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Enable { resume, max } => {
                open(out, "enable");
                if *resume {
                    put::attribute(out, "resume", "true");
                }
                number_attribute(out, "max", *max);
            }
            Self::Enabled { id, max, location } => {
                open(out, "enabled");
                if let Some(id) = id {
                    put::attribute(out, "id", id);
                    put::attribute(out, "resume", "true");
                }
                number_attribute(out, "max", *max);
                if let Some(location) = location {
                    put::attribute(out, "location", location);
                }
            }
            Self::Resume { h, previd } => {
                open(out, "resume");
                number_attribute(out, "h", Some(*h));
                put::attribute(out, "previd", previd);
            }
            Self::Resumed { h, previd } => {
                open(out, "resumed");
                number_attribute(out, "h", Some(*h));
                put::attribute(out, "previd", previd);
            }
            Self::Failed { h } => {
                open(out, "failed");
                number_attribute(out, "h", *h);
            }
            Self::Request => open(out, "r"),
            Self::Answer { h } => {
                open(out, "a");
                number_attribute(out, "h", Some(*h));
            }
        }
        out.push_str("/>");
    }
}

/// Why `<enable/>` or `<resume/>` is refused (XEP-0198 3, 5; RFC 6120 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagementRefusal {
    /// `<unexpected-request/>`: not now, or not twice.
    UnexpectedRequest,
    /// `<item-not-found/>`: there is no such session.
    ItemNotFound,
    /// `<feature-not-implemented/>`: sessions are not resumed here.
    FeatureNotImplemented,
    /// `<internal-server-error/>`: the server could not do it.
    InternalServerError,
}

/// Appends `<failed/>` with a condition.
pub fn write_failed(out: &mut String, refusal: ManagementRefusal, h: Option<u32>) {
    open(out, "failed");
    number_attribute(out, "h", h);
    out.push_str(match refusal {
        ManagementRefusal::UnexpectedRequest => "><unexpected-request",
        ManagementRefusal::ItemNotFound => "><item-not-found",
        ManagementRefusal::FeatureNotImplemented => "><feature-not-implemented",
        ManagementRefusal::InternalServerError => "><internal-server-error",
    });
    put::attribute(out, "xmlns", ns::STANZA_ERRORS);
    out.push_str("/></failed>");
}

/// The application condition of the stream error for a peer that acknowledges what was never sent
/// (XEP-0198 6).
#[must_use]
pub fn handled_count_too_high(h: u32, send_count: u32) -> String {
    let mut out = String::new();
    open(&mut out, "handled-count-too-high");
    number_attribute(&mut out, "h", Some(h));
    number_attribute(&mut out, "send-count", Some(send_count));
    out.push_str("/>");
    out
}

/// The longest name of a session that is accepted, in bytes. XEP-0198 5 sets no limit; 4000 is the
/// limit of the schema of earlier versions.
pub const MAX_SESSION_NAME: usize = 4000;

/// Whether this can name a session.
#[must_use]
pub fn is_session_name(name: &str) -> bool {
    (1..=MAX_SESSION_NAME).contains(&name.len())
}

/// `h` and `previd`, without which an element of resumption says nothing.
fn session<'a>(element: &Element<'a>) -> Option<(u32, Cow<'a, str>)> {
    let previd = element.attr("previd").filter(|name| is_session_name(name));
    number(element, "h").zip(previd)
}

/// An attribute of the type xs:boolean; absent is false.
fn flag(element: &Element<'_>, name: &str) -> bool {
    matches!(
        element.attr(name).as_deref().map(put::trim),
        Some("true" | "1")
    )
}

/// An attribute of the type xs:unsignedInt.
fn number(element: &Element<'_>, name: &str) -> Option<u32> {
    let text = element.attr(name)?;
    let digits = put::trim(&text);
    // A sign is legal in xs:unsignedInt before zero and nowhere else.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    put::attribute(out, "xmlns", ns::MANAGEMENT);
}

fn number_attribute(out: &mut String, name: &str, value: Option<u32>) {
    if let Some(value) = value {
        out.push(' ');
        out.push_str(name);
        out.push_str("='");
        put::display(out, &value);
        out.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::Cow;
    use alloc::format;
    use alloc::string::String;

    use super::{
        ManagementClass, ManagementElement as M, ManagementRefusal, handled_count_too_high,
        write_failed,
    };
    use crate::xml::StanzaBuf;

    fn read(xml: &str) -> Option<Result<M<'static>, ManagementClass>> {
        let element = StanzaBuf::parse(xml).expect("one element");
        let read = M::read(&element.as_stanza());
        // What was read borrows from the text; the tests keep it.
        read.map(|read| {
            read.map(|element| match element {
                M::Enabled { id, max, location } => M::Enabled {
                    id: id.map(|id| Cow::Owned(id.into_owned())),
                    max,
                    location: location.map(|location| Cow::Owned(location.into_owned())),
                },
                M::Resume { h, previd } => M::Resume {
                    h,
                    previd: Cow::Owned(previd.into_owned()),
                },
                M::Resumed { h, previd } => M::Resumed {
                    h,
                    previd: Cow::Owned(previd.into_owned()),
                },
                M::Enable { resume, max } => M::Enable { resume, max },
                M::Failed { h } => M::Failed { h },
                M::Request => M::Request,
                M::Answer { h } => M::Answer { h },
            })
        })
    }

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    /// The texts are those of XEP-0198's examples.
    #[test]
    fn xep0198_elements_are_written_as_the_examples_and_read_back() {
        let previd = || Cow::Borrowed("some-long-sm-id");
        let cases = [
            (
                M::Enable {
                    resume: true,
                    max: None,
                },
                "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
            ),
            (
                M::Enable {
                    resume: false,
                    max: Some(60),
                },
                "<enable xmlns='urn:xmpp:sm:3' max='60'/>",
            ),
            (
                M::Enabled {
                    id: Some(previd()),
                    max: Some(300),
                    location: Some("[2001:41D0:1:A49b::1]:9222".into()),
                },
                "<enabled xmlns='urn:xmpp:sm:3' id='some-long-sm-id' resume='true' max='300' \
                 location='[2001:41D0:1:A49b::1]:9222'/>",
            ),
            (
                M::Enabled {
                    id: None,
                    max: None,
                    location: None,
                },
                "<enabled xmlns='urn:xmpp:sm:3'/>",
            ),
            (
                M::Resume {
                    h: 5,
                    previd: previd(),
                },
                "<resume xmlns='urn:xmpp:sm:3' h='5' previd='some-long-sm-id'/>",
            ),
            (
                M::Resumed {
                    h: u32::MAX,
                    previd: previd(),
                },
                "<resumed xmlns='urn:xmpp:sm:3' h='4294967295' previd='some-long-sm-id'/>",
            ),
            (
                M::Failed { h: Some(7) },
                "<failed xmlns='urn:xmpp:sm:3' h='7'/>",
            ),
            (M::Request, "<r xmlns='urn:xmpp:sm:3'/>"),
            (M::Answer { h: 0 }, "<a xmlns='urn:xmpp:sm:3' h='0'/>"),
        ];
        for (element, xml) in cases {
            assert_eq!(written(|out| element.write(out)), xml);
            assert_eq!(read(xml), Some(Ok(element)), "{xml}");
        }
        assert_eq!(
            written(|out| write_failed(out, ManagementRefusal::ItemNotFound, Some(3))),
            "<failed xmlns='urn:xmpp:sm:3' h='3'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
        );
        for (refusal, name) in [
            (ManagementRefusal::UnexpectedRequest, "unexpected-request"),
            (ManagementRefusal::ItemNotFound, "item-not-found"),
            (
                ManagementRefusal::FeatureNotImplemented,
                "feature-not-implemented",
            ),
            (
                ManagementRefusal::InternalServerError,
                "internal-server-error",
            ),
        ] {
            let xml = written(|out| write_failed(out, refusal, None));
            assert_eq!(
                xml,
                format!(
                    "<failed xmlns='urn:xmpp:sm:3'>\
                     <{name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
                )
            );
            assert_eq!(read(&xml), Some(Ok(M::Failed { h: None })), "{xml}");
        }
        assert_eq!(
            handled_count_too_high(10, 8),
            "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/>"
        );
    }

    #[test]
    fn xep0198_what_says_nothing_is_malformed() {
        for xml in [
            "<a xmlns='urn:xmpp:sm:3'/>",
            "<a xmlns='urn:xmpp:sm:3' h=''/>",
            "<a xmlns='urn:xmpp:sm:3' h='-1'/>",
            "<a xmlns='urn:xmpp:sm:3' h='+1'/>",
            "<a xmlns='urn:xmpp:sm:3' h='4294967296'/>",
            "<resume xmlns='urn:xmpp:sm:3' h='1'/>",
            "<resume xmlns='urn:xmpp:sm:3' h='1' previd=''/>",
            "<resumed xmlns='urn:xmpp:sm:3' previd='x'/>",
        ] {
            assert_eq!(read(xml), Some(Err(ManagementClass::Malformed)), "{xml}");
        }
        for xml in ["<x xmlns='urn:xmpp:sm:3'/>", "<r xmlns='urn:xmpp:sm:2'/>"] {
            assert_eq!(read(xml), None, "{xml}");
        }
        // A name without the offer to resume names nothing.
        assert_eq!(
            read("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='false'/>"),
            Some(Ok(M::Enabled {
                id: None,
                max: None,
                location: None
            }))
        );
    }
}

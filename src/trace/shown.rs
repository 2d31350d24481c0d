//! What is shown of an element, and what is hidden.
//!
//! The rule is a list of what is known ([`KNOWN`]): elements of negotiation, with the attributes and the
//! text of theirs that are no secret. What is in no list is hidden before the stream is established, and
//! is afterwards the [`Payload`]'s matter. An element that this crate begins to write or to read gets a
//! line there; without one it is hidden.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::{self, Write as _};

use super::escape::push_safely;
use super::payload::{MAX_TEXT, Payload};
use crate::stream::ns;
use crate::stream::sasl2::is_task_name;
use crate::xml::{Attribute, Element, Header, Node};

/// Where a stream stands, for what may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is not established.
    Negotiation,
    /// It is, or was.
    Established(Payload),
}

/// What is shown of an element that is in no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// Nothing but its length.
    Length,
    /// Its name, and the names of its attributes.
    Names,
    /// All that is not known to be secret.
    Full,
}

/// What is shown of the text of an element that is in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Characters {
    Shown,
    /// It is shown if it can be the name of a mechanism or of a task.
    Name,
    /// It is shown where the payload is.
    Payload,
    Hidden,
}

/// Elements of negotiation: namespace, name, attributes whose values are shown, text.
struct Known {
    name: &'static str,
    attributes: &'static [&'static str],
    text: Characters,
}

/// What a namespace of negotiation contains.
struct Namespace {
    uri: &'static str,
    /// What is shown of other elements, in it and below its elements.
    others: Unknown,
    known: &'static [Known],
}

const fn hidden(name: &'static str, attributes: &'static [&'static str]) -> Known {
    Known {
        name,
        attributes,
        text: Characters::Hidden,
    }
}

const fn named(name: &'static str, attributes: &'static [&'static str]) -> Known {
    Known {
        name,
        attributes,
        text: Characters::Name,
    }
}

const fn payload(name: &'static str, attributes: &'static [&'static str]) -> Known {
    Known {
        name,
        attributes,
        text: Characters::Payload,
    }
}

const fn shown(name: &'static str, attributes: &'static [&'static str]) -> Known {
    Known {
        name,
        attributes,
        text: Characters::Shown,
    }
}

const KNOWN: &[Namespace] = &[
    Namespace {
        uri: ns::STREAM,
        others: Unknown::Names,
        known: &[hidden("features", &[]), hidden("error", &[])],
    },
    Namespace {
        uri: ns::STREAM_ERRORS,
        others: Unknown::Names,
        known: &[payload("text", &["lang"]), payload("see-other-host", &[])],
    },
    Namespace {
        uri: ns::TLS,
        others: Unknown::Length,
        known: &[
            hidden("starttls", &[]),
            hidden("required", &[]),
            hidden("proceed", &[]),
            hidden("failure", &[]),
        ],
    },
    Namespace {
        uri: ns::SASL,
        others: Unknown::Length,
        known: &[
            hidden("mechanisms", &[]),
            named("mechanism", &[]),
            hidden("auth", &["mechanism"]),
            hidden("challenge", &[]),
            hidden("response", &[]),
            hidden("success", &[]),
            hidden("abort", &[]),
            hidden("failure", &[]),
            hidden("text", &["lang"]),
            hidden("aborted", &[]),
            hidden("account-disabled", &[]),
            hidden("credentials-expired", &[]),
            hidden("encryption-required", &[]),
            hidden("incorrect-encoding", &[]),
            hidden("invalid-authzid", &[]),
            hidden("invalid-mechanism", &[]),
            hidden("malformed-request", &[]),
            hidden("mechanism-too-weak", &[]),
            hidden("not-authorized", &[]),
            hidden("temporary-auth-failure", &[]),
        ],
    },
    Namespace {
        uri: ns::SASL2,
        others: Unknown::Length,
        known: &[
            hidden("authentication", &[]),
            named("mechanism", &[]),
            hidden("inline", &[]),
            hidden("authenticate", &["mechanism"]),
            hidden("initial-response", &[]),
            hidden("user-agent", &[]),
            hidden("software", &[]),
            hidden("device", &[]),
            hidden("challenge", &[]),
            hidden("response", &[]),
            hidden("success", &[]),
            hidden("additional-data", &[]),
            hidden("authorization-identifier", &[]),
            hidden("continue", &[]),
            hidden("tasks", &[]),
            named("task", &[]),
            hidden("next", &["task"]),
            hidden("task-data", &[]),
            hidden("abort", &[]),
            hidden("failure", &[]),
            hidden("text", &["lang"]),
        ],
    },
    Namespace {
        uri: ns::BIND2,
        others: Unknown::Names,
        known: &[
            hidden("bind", &[]),
            hidden("bound", &[]),
            hidden("inline", &[]),
            hidden("feature", &["var"]),
            hidden("tag", &[]),
        ],
    },
    Namespace {
        uri: ns::FAST,
        others: Unknown::Length,
        known: &[
            hidden("fast", &["count", "invalidate", "tls-0rtt"]),
            named("mechanism", &[]),
            hidden("request-token", &["mechanism"]),
            hidden("token", &["expiry"]),
        ],
    },
    Namespace {
        uri: ns::UPGRADE,
        others: Unknown::Length,
        known: &[named("upgrade", &[])],
    },
    Namespace {
        uri: ns::SCRAM_UPGRADE,
        others: Unknown::Length,
        known: &[hidden("salt", &["iterations"]), hidden("hash", &[])],
    },
    Namespace {
        uri: ns::CHANNEL_BINDING,
        others: Unknown::Length,
        known: &[
            hidden("sasl-channel-binding", &[]),
            hidden("channel-binding", &["type"]),
        ],
    },
    Namespace {
        uri: ns::MANAGEMENT,
        others: Unknown::Names,
        known: &[
            hidden("sm", &[]),
            hidden("optional", &[]),
            hidden("required", &[]),
            hidden("enable", &["resume", "max"]),
            hidden("enabled", &["resume", "max", "location"]),
            hidden("resume", &["h"]),
            hidden("resumed", &["h"]),
            hidden("failed", &["h"]),
            hidden("a", &["h"]),
            hidden("r", &[]),
        ],
    },
    Namespace {
        uri: ns::DIALBACK,
        others: Unknown::Length,
        known: &[
            hidden("result", &["from", "to", "type"]),
            hidden("verify", &["from", "to", "type", "id"]),
        ],
    },
    Namespace {
        uri: ns::DIALBACK_FEATURE,
        others: Unknown::Length,
        known: &[
            hidden("dialback", &[]),
            hidden("errors", &[]),
            hidden("required", &[]),
        ],
    },
    Namespace {
        uri: ns::BIND,
        others: Unknown::Names,
        known: &[
            hidden("bind", &[]),
            hidden("required", &[]),
            hidden("optional", &[]),
            shown("resource", &[]),
            shown("jid", &[]),
        ],
    },
    Namespace {
        uri: ns::SESSION,
        others: Unknown::Names,
        known: &[hidden("session", &[]), hidden("optional", &[])],
    },
    Namespace {
        uri: ns::STANZA_ERRORS,
        others: Unknown::Names,
        known: &[payload("text", &["lang"])],
    },
    Namespace {
        uri: ns::COMPONENT,
        others: Unknown::Names,
        known: &[hidden("handshake", &[])],
    },
];

/// Namespaces whose elements are hidden on an established stream, too.
const PRIVATE: [&str; 2] = ["jabber:iq:auth", "jabber:iq:register"];

/// Parts of names whose values are hidden everywhere.
const SECRET_NAMES: [&str; 8] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "previd",
    "digest",
    "handshake",
];

/// The addressing of a stanza.
const STANZA_ATTRIBUTES: &[&str] = &["from", "to", "id", "type", "lang"];
const HEADER_ATTRIBUTES: &[&str] = &["from", "to", "id", "version", "lang"];

/// Shows a first-level element.
pub(crate) fn show_element(element: Element<'_>, place: Place) -> String {
    let unknown = match place {
        _ if is_stanza(element) => match place {
            Place::Negotiation => Unknown::Names,
            Place::Established(payload) => payload.into(),
        },
        Place::Negotiation => Unknown::Length,
        Place::Established(payload) => payload.into(),
    };
    let mut writer = Writer::default();
    writer.first_level(element, unknown);
    writer.finish()
}

/// Shows the header of the peer.
pub(crate) fn show_header(header: &Header<'_>) -> String {
    let mut writer = Writer::default();
    if header.name() == "stream" && header.ns() == ns::STREAM {
        writer.push("<stream:stream");
        writer.value("xmlns", header.content_ns().unwrap_or_default());
        writer.attributes(header.attrs(), HEADER_ATTRIBUTES, Unknown::Names);
        writer.push(">");
    } else {
        writer.length(header.as_str().len());
    }
    writer.finish()
}

/// Shows our own header, if `text` begins with one. Returns what follows it, too.
///
/// Our headers carry addresses, a language and the stream's id, and escape every `>`.
pub(crate) fn show_own_header(text: &str) -> Option<(String, &str)> {
    let declaration = text.strip_prefix("<?xml")?.find("?>")? + "<?xml?>".len();
    let end = declaration + text.get(declaration..)?.find('>')? + 1;
    let (header, rest) = text.split_at_checked(end)?;
    let mut out = String::new();
    push_safely(&mut out, header);
    Some((out, rest))
}

fn is_stanza(element: Element<'_>) -> bool {
    matches!(element.name(), "message" | "presence" | "iq")
        && matches!(element.ns(), ns::CLIENT | ns::SERVER | ns::COMPONENT)
}

fn has_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// A field of a form that asks for a secret, or answers that (XEP-0004 3.3).
fn is_secret_field(element: Element<'_>) -> bool {
    element.is("field", "jabber:x:data")
        && (element.attr("type").as_deref() == Some("text-private")
            || element.attr("var").is_some_and(|var| has_secret_name(&var)))
}

impl From<Payload> for Unknown {
    fn from(payload: Payload) -> Self {
        match payload {
            Payload::Names => Self::Names,
            Payload::Full => Self::Full,
        }
    }
}

/// Writes what is shown, up to [`MAX_TEXT`] bytes.
#[derive(Default)]
struct Writer {
    out: String,
    is_cut: bool,
}

impl Writer {
    fn first_level(&mut self, element: Element<'_>, unknown: Unknown) {
        let attributes = match is_stanza(element) {
            true => STANZA_ATTRIBUTES,
            false => &[],
        };
        self.element(element, None, unknown, attributes);
    }

    /// Writes an element. `attributes` are those of an element that is in no list.
    fn element(
        &mut self,
        element: Element<'_>,
        parent: Option<&str>,
        unknown: Unknown,
        attributes: &[&str],
    ) {
        if self.is_cut {
            return;
        }
        let uri = element.ns();
        let namespace = KNOWN.iter().find(|namespace| namespace.uri == uri);
        let known = namespace.and_then(|namespace| {
            let name = element.name();
            namespace.known.iter().find(|known| known.name == name)
        });
        match (namespace, known) {
            (Some(namespace), Some(known)) => {
                let below = match namespace.others {
                    // What an application adds to features, or to a stream error, is its payload.
                    Unknown::Names if unknown == Unknown::Full => Unknown::Full,
                    others => others,
                };
                let text = match known.text {
                    Characters::Payload if unknown == Unknown::Full => Characters::Shown,
                    text => text,
                };
                self.tags(element, parent, below, known.attributes, text);
            }
            (Some(namespace), None) if namespace.others == Unknown::Length => {
                self.length(element.as_str().len());
            }
            // Conditions of errors.
            (Some(_), None) if unknown == Unknown::Length && !is_stanza(element) => {
                self.tags(element, parent, unknown, &[], Characters::Hidden);
            }
            _ if unknown == Unknown::Length => self.length(element.as_str().len()),
            _ => {
                let is_secret = PRIVATE.contains(&uri)
                    || has_secret_name(element.name())
                    || is_secret_field(element);
                let below = match is_secret {
                    true => Unknown::Names,
                    false => unknown,
                };
                let text = match below {
                    Unknown::Full => Characters::Shown,
                    Unknown::Length | Unknown::Names => Characters::Hidden,
                };
                self.tags(element, parent, below, attributes, text);
            }
        }
    }

    /// Writes the tags of an element, and what is between them.
    fn tags(
        &mut self,
        element: Element<'_>,
        parent: Option<&str>,
        below: Unknown,
        attributes: &[&str],
        text: Characters,
    ) {
        let uri = element.ns();
        let prefix = match uri {
            ns::STREAM => "stream:",
            ns::DIALBACK => "db:",
            _ => "",
        };
        self.push("<");
        self.push(prefix);
        self.push(element.name());
        let declares =
            prefix.is_empty() && parent != Some(uri) && !(parent.is_none() && is_stanza(element));
        if declares {
            self.value("xmlns", uri);
        }
        let values = match text {
            Characters::Shown => below,
            _ => Unknown::Names,
        };
        self.attributes(element.attrs(), attributes, values);
        let mut nodes = element.nodes().peekable();
        if nodes.peek().is_none() {
            return self.push("/>");
        }
        self.push(">");
        for node in nodes {
            match node {
                Node::Element(child) => self.element(child, Some(uri), below, &[]),
                Node::Text(run) => match text {
                    Characters::Shown => self.escaped(&run.value()),
                    Characters::Name if is_task_name(&run.value()) => self.push(&run.value()),
                    _ => self.length(run.raw_len()),
                },
            }
        }
        self.push("</");
        self.push(prefix);
        self.push(element.name());
        self.push(">");
    }

    /// Writes attributes: all values if everything is shown, or those of the attributes that are named.
    fn attributes<'a>(
        &mut self,
        attributes: impl Iterator<Item = Attribute<'a>>,
        shown: &[&str],
        values: Unknown,
    ) {
        for attribute in attributes {
            let name = attribute.name();
            let is_plain = matches!(attribute.ns(), "" | ns::XML);
            let is_shown = match values {
                Unknown::Full => !has_secret_name(name),
                Unknown::Length | Unknown::Names => is_plain && shown.contains(&name),
            };
            let name = match attribute.prefix() {
                Some(prefix) => Cow::Owned(alloc::format!("{prefix}:{name}")),
                None => Cow::Borrowed(name),
            };
            let is_name = matches!(attribute.name(), "mechanism" | "task");
            match is_shown.then(|| attribute.value()) {
                Some(value) if !is_name || is_task_name(&value) => self.value(&name, &value),
                _ => self.value(&name, &alloc::format!("[{} bytes]", attribute.raw_len())),
            }
        }
    }

    fn value(&mut self, name: &str, value: &str) {
        self.push(" ");
        self.push(name);
        self.push("='");
        self.escaped(value);
        self.push("'");
    }

    /// Writes the place of what is hidden.
    fn length(&mut self, bytes: usize) {
        // Writing to this writer cannot fail.
        let _ = write!(self, "[{bytes} bytes]");
    }

    fn escaped(&mut self, text: &str) {
        if self.is_cut {
            return;
        }
        let text = cut(text);
        for part in text.split_inclusive(['&', '<', '\'']) {
            match part.char_indices().next_back() {
                Some((end, '&')) => self.pieces(part, end, "&amp;"),
                Some((end, '<')) => self.pieces(part, end, "&lt;"),
                Some((end, '\'')) => self.pieces(part, end, "&apos;"),
                _ => self.push(part),
            }
        }
    }

    fn pieces(&mut self, part: &str, end: usize, reference: &str) {
        self.push(part.get(..end).unwrap_or_default());
        self.push(reference);
    }

    fn push(&mut self, text: &str) {
        if !self.is_cut {
            push_safely(&mut self.out, cut(text));
            self.is_cut = self.out.len() > MAX_TEXT;
        }
    }

    fn finish(mut self) -> String {
        if self.is_cut {
            self.out = String::from(cut(&self.out));
            self.out.push_str("[cut]");
        }
        self.out
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// The beginning of the text, if it is longer than what is shown.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT + 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

//! `<user-agent/>`: which installation of which software authenticates (XEP-0388 2.3).

use alloc::string::String;

use super::encoding::{close, escaped_len, text_element};
use crate::sasl::SaslCondition;
use crate::stream::{ns, put};
use crate::xml::{Element, write};

/// The longest description of a software or a device, in bytes. A longer one that is received is
/// cut.
pub const MAX_DESCRIPTION_BYTES: usize = 256;

/// Describes the client to the server, and to nobody else (XEP-0388 2.3).
///
/// ```
/// use xmpp_stream::stream::UserAgent;
///
/// let agent = UserAgent::new(
///     Some("d4565fa7-4d72-4749-b3d3-740edbf87770"),
///     Some("AwesomeXMPP"),
///     Some("Kiva's Phone"),
/// )?;
/// assert_eq!(agent.device(), Some("Kiva's Phone"));
/// # Ok::<(), xmpp_stream::stream::UserAgentError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserAgent {
    id: Option<String>,
    software: Option<String>,
    device: Option<String>,
}

impl UserAgent {
    /// Checks and takes the description. `id` names the installation: it stays the same for all its
    /// connections. Its hexadecimal digits become lower case (RFC 9562 4). A text that is empty is
    /// absent.
    ///
    /// # Errors
    /// [`UserAgentError`] for an `id` that is no UUID of version 4, and for a text that is too long
    /// or that XML cannot carry.
    pub fn new(
        id: Option<&str>,
        software: Option<&str>,
        device: Option<&str>,
    ) -> Result<Self, UserAgentError> {
        Ok(Self {
            id: id
                .map(|id| uuid_v4(id).ok_or(UserAgentError::Id))
                .transpose()?,
            software: checked(software)?,
            device: checked(device)?,
        })
    }

    /// Reads `<user-agent/>`. Descriptions are cut to [`MAX_DESCRIPTION_BYTES`]; the first of each
    /// kind counts.
    ///
    /// # Errors
    /// `malformed-request` if the `id` is no UUID of version 4.
    pub(super) fn read(element: &Element<'_>) -> Result<Self, SaslCondition> {
        let id = element
            .attr("id")
            .map(|id| uuid_v4(&id).ok_or(SaslCondition::MalformedRequest))
            .transpose()?;
        let description = |name| {
            element
                .child(name, ns::SASL2)
                .map(|child| put::bounded(&child.text(), MAX_DESCRIPTION_BYTES))
                .filter(|text| !text.is_empty())
        };
        Ok(Self {
            id,
            software: description("software"),
            device: description("device"),
        })
    }

    /// The name of the installation: a UUID of version 4 in lower case.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The description of the software.
    #[must_use]
    pub fn software(&self) -> Option<&str> {
        self.software.as_deref()
    }

    /// The description of the device.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str("<user-agent");
        if let Some(id) = &self.id {
            put::attribute(out, "id", id);
        }
        out.push('>');
        for (name, text) in [("software", &self.software), ("device", &self.device)] {
            if let Some(text) = text {
                text_element(out, name, text);
            }
        }
        close(out, "user-agent");
    }

    /// The most bytes that it is written with.
    pub(super) fn max_len(&self) -> usize {
        let texts = [&self.id, &self.software, &self.device];
        let texts = texts.into_iter().flatten().map(|text| escaped_len(text));
        texts.sum::<usize>() + 128
    }
}

/// Says why a client cannot be described so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserAgentError {
    /// The id is no UUID of version 4.
    #[error("the id of a user agent is a UUID of version 4")]
    Id,
    /// A description is longer than [`MAX_DESCRIPTION_BYTES`].
    #[error("a description of a user agent has at most {MAX_DESCRIPTION_BYTES} bytes")]
    TooLong,
    /// A description has a character that XML cannot carry.
    #[error("a description of a user agent has a character that XML cannot carry")]
    Unwritable,
}

fn checked(text: Option<&str>) -> Result<Option<String>, UserAgentError> {
    match text {
        None | Some("") => Ok(None),
        Some(text) if text.len() > MAX_DESCRIPTION_BYTES => Err(UserAgentError::TooLong),
        Some(text) if write::escape_text(text).is_err() => Err(UserAgentError::Unwritable),
        Some(text) => Ok(Some(text.into())),
    }
}

/// Returns the UUID in lower case, if it is one of version 4 (RFC 9562 4, 5.4).
fn uuid_v4(text: &str) -> Option<String> {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'4',
        19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
        _ => byte.is_ascii_hexdigit(),
    };
    (text.len() == 36 && text.bytes().enumerate().all(fits)).then(|| text.to_ascii_lowercase())
}

//! The few stanzas that a node writes itself.

use std::fmt::Write as _;

use xmpp_stream::xml::{RewriteError, Stanza, write};

/// Answers a stanza that cannot be delivered (RFC 6120 8.2.3, 8.3.3.19).
pub fn refusal(stanza: &Stanza<'_>, to: &str) -> Result<String, RewriteError> {
    let name = stanza.name();
    let mut out = format!("<{name} type='error' to='{}'", write::escape_attr(to)?);
    for (ours, theirs) in [("from", "to"), ("id", "id")] {
        if let Some(value) = stanza.attr(theirs) {
            write!(out, " {ours}='{}'", write::escape_attr(&value)?)?;
        }
    }
    write!(
        out,
        "><error type='cancel'><service-unavailable \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></{name}>"
    )?;
    Ok(out)
}

/// Marks a stanza that its receiver may have already: by a delay (XEP-0203) up to now.
pub fn again(stanza: &str, name: &str, domain: &str, now: u64) -> String {
    let delay = format!(
        "<delay xmlns='urn:xmpp:delay' from='{domain}' stamp='{}'/>",
        stamp(now)
    );
    if let Some(start) = stanza.strip_suffix("/>") {
        return format!("{start}>{delay}</{name}>");
    }
    let end = stanza.rfind("</").unwrap_or(stanza.len());
    format!("{}{delay}{}", &stanza[..end], &stanza[end..])
}

/// A time as XEP-0082 writes it.
fn stamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that leap days are their last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::{again, stamp};

    #[test]
    fn times_are_written_as_xep_0082_has_them() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(stamp(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(stamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(stamp(1_735_689_599), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn what_may_be_doubled_says_so() {
        let delay = "<delay xmlns='urn:xmpp:delay' from='h' stamp='1970-01-01T00:00:00Z'/>";
        for stanza in ["<message id='1'/>", "<message id='1'></message>"] {
            assert_eq!(
                again(stanza, "message", "h", 0),
                format!("<message id='1'>{delay}</message>")
            );
        }
    }
}

//! Language tags of streams: their form, and the choice between them (RFC 6120 4.7.4).
//!
//! Only the outer form of a tag is checked. Whoever needs the registry of RFC 5646 looks elsewhere.

/// Chooses the language of a response (RFC 6120 4.7.4).
///
/// Returns the offered language exactly as offered if `supported` contains it, else the longest
/// supported language that it begins with (lookup, RFC 4647 3.4), else the first supported one, or
/// `"en"` if nothing is supported. Case is ignored.
#[must_use]
pub fn choose_language<'a>(offered: Option<&'a str>, supported: &[&'a str]) -> &'a str {
    let default = supported.first().copied().unwrap_or("en");
    let Some(offered) = offered else {
        return default;
    };
    let mut range = offered;
    loop {
        if let Some(found) = supported.iter().find(|tag| tag.eq_ignore_ascii_case(range)) {
            return if range.len() == offered.len() {
                offered
            } else {
                found
            };
        }
        // A single letter or digit is removed together with the subtag that follows it (RFC 4647
        // 3.4).
        match range.rsplit_once('-') {
            Some((shorter, _)) => {
                range = match shorter.rsplit_once('-') {
                    Some((shorter, single)) if single.len() == 1 => shorter,
                    _ => shorter,
                };
            }
            None => return default,
        }
    }
}

/// Returns whether `tag` consists of subtags of 1 to 8 ASCII letters and digits, joined by `-` (the
/// outer form of RFC 5646 2.1).
pub(crate) fn is_language_tag(tag: &str) -> bool {
    tag.split('-').all(|subtag| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::{choose_language, is_language_tag};

    #[test]
    fn rfc6120_4_7_4_4_a_supported_language_is_answered_exactly_as_offered() {
        assert_eq!(choose_language(Some("de-CH"), &["en", "de-CH"]), "de-CH");
        assert_eq!(choose_language(Some("DE-ch"), &["en", "de-CH"]), "DE-ch");
    }

    #[test]
    fn rfc6120_4_7_4_5_else_the_longest_match_is_used() {
        let supported = ["en", "de", "zh-Hant"];
        assert_eq!(choose_language(Some("de-CH-1996"), &supported), "de");
        assert_eq!(
            choose_language(Some("zh-Hant-CN-x-private1"), &supported),
            "zh-Hant"
        );
    }

    /// RFC 4647 3.4: `zh-x` is never looked for.
    #[test]
    fn rfc6120_4_7_4_5_lookup_drops_singles_with_their_subtag() {
        assert_eq!(choose_language(Some("zh-x-a"), &["en", "zh-x", "zh"]), "zh");
    }

    #[test]
    fn rfc6120_4_7_4_6_else_the_default_is_used() {
        assert_eq!(choose_language(Some("fr"), &["en", "de"]), "en");
        assert_eq!(choose_language(Some("d"), &["en", "de"]), "en");
        assert_eq!(choose_language(None, &["de"]), "de");
        assert_eq!(choose_language(Some("fr"), &[]), "en");
    }

    #[test]
    fn language_tags() {
        for good in ["en", "de-CH-1996", "x-klingon", "i-default"] {
            assert!(is_language_tag(good), "{good}");
        }
        for bad in [
            "",
            "-",
            "en-",
            "-en",
            "en us",
            "en_US",
            "toolongtag",
            "d\u{e9}",
        ] {
            assert!(!is_language_tag(bad), "{bad}");
        }
    }
}

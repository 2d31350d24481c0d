//! The structural rules of RFC 6122, which RFC 7622 replaced.
//!
//! They only serve to tell an address that used to be valid from a text that never was. The
//! Stringprep profiles are applied as far as whole characters go: what they delete is skipped, and
//! what they prohibit is refused. Their normalisation (NFKC, case folding) and the list of code
//! points that Unicode 3.2 does not assign need tables, and are left out: both only decide between
//! addresses, or refuse few more.

use core::net::Ipv6Addr;
use core::str::FromStr;

use super::limits::{MAX_LABEL_BYTES, MAX_PART_BYTES};

/// Returns whether the parts form an address by RFC 6122 2.1 to 2.4.
pub(super) fn allows(local: Option<&str>, domain: &str, resource: Option<&str>) -> bool {
    local.is_none_or(|part| allows_part(part, is_prohibited_in_local))
        && allows_domain(domain)
        && resource.is_none_or(|part| allows_part(part, is_prohibited))
}

/// RFC 6122 2.2: an IPv6 address in brackets, or labels of letters, digits and hyphens after
/// Nameprep (RFC 3490 4, with `UseSTD3ASCIIRules`). An IPv4 address has the form of labels.
fn allows_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[') {
        return literal
            .strip_suffix(']')
            .is_some_and(|address| Ipv6Addr::from_str(address).is_ok());
    }
    let is_dot = |c: char| matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    let prohibited =
        |c: char| is_prohibited(c) || (c.is_ascii() && !c.is_ascii_alphanumeric() && c != '-');
    let domain = domain.strip_suffix(is_dot).unwrap_or(domain);
    domain.len() <= MAX_PART_BYTES
        && domain.split(is_dot).all(|label| {
            allows_part(label, prohibited) && !(label.is_ascii() && label.len() > MAX_LABEL_BYTES)
        })
}

/// Returns whether a part has 1 to 1023 bytes after deletion, and no prohibited character.
pub(super) fn allows_part(part: &str, prohibited: impl Fn(char) -> bool) -> bool {
    let mut bytes = 0;
    for c in part.chars() {
        if is_deleted(c) {
            continue;
        }
        bytes += c.len_utf8();
        if bytes > MAX_PART_BYTES || prohibited(c) {
            return false;
        }
    }
    bytes > 0
}

/// Nodeprep prohibits white space and eight characters beyond what Resourceprep does (RFC 6122
/// A.5).
fn is_prohibited_in_local(c: char) -> bool {
    is_prohibited(c) || c == ' ' || "\"&'/:<>@".contains(c)
}

/// The tables C.1.2 and C.2.1 to C.9 of RFC 3454, which all three profiles share (RFC 6122 B.5,
/// RFC 3491 5).
fn is_prohibited(c: char) -> bool {
    matches!(c,
        // C.1.2: spaces outside ASCII.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
        // C.2.1 and C.2.2: control characters.
        | '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200c}' | '\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2063}'
        | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}'
        | '\u{1d173}'..='\u{1d17a}'
        // C.3: private use.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}'
        // C.4: characters that are none; those at the end of each plane stand below.
        | '\u{fdd0}'..='\u{fdef}'
        // C.6 and C.7: inappropriate for plain text, or for a canonical form.
        | '\u{fffd}' | '\u{2ff0}'..='\u{2ffb}'
        // C.8: change of display.
        | '\u{340}' | '\u{341}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        // C.9: tags.
        | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The table B.1 of RFC 3454: characters that every profile deletes before it looks for prohibited
/// ones (RFC 6122 A.3, B.3).
const fn is_deleted(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
        | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

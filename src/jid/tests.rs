//! Tests of the rules of RFC 7622, and of what is left of RFC 6122.

use alloc::format;
use alloc::string::{String, ToString};
use core::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{AddressClass, Jid, JidError, JidPart, MAX_PART_BYTES};

#[test]
fn rfc7622_3_5_legal_examples_split_as_the_table_says() {
    let legal = [
        ("juliet@example.com", Some("juliet"), None),
        ("juliet@example.com/foo", Some("juliet"), Some("foo")),
        (
            "juliet@example.com/foo bar",
            Some("juliet"),
            Some("foo bar"),
        ),
        (
            "juliet@example.com/foo@bar",
            Some("juliet"),
            Some("foo@bar"),
        ),
        ("foo\\20bar@example.com", Some("foo\\20bar"), None),
        ("fussball@example.com", Some("fussball"), None),
        ("fu\u{df}ball@example.com", Some("fu\u{df}ball"), None),
        ("\u{3c0}@example.com", Some("\u{3c0}"), None),
        ("\u{3a3}@example.com/foo", Some("\u{3a3}"), Some("foo")),
        ("\u{3c3}@example.com/foo", Some("\u{3c3}"), Some("foo")),
        ("\u{3c2}@example.com/foo", Some("\u{3c2}"), Some("foo")),
        ("king@example.com/\u{265a}", Some("king"), Some("\u{265a}")),
        ("example.com", None, None),
        ("example.com/foobar", None, Some("foobar")),
    ];
    for (text, local, resource) in legal {
        let jid = Jid::parse(text).unwrap();
        assert_eq!(
            (jid.local(), jid.domain(), jid.resource()),
            (local, "example.com", resource),
            "{text}"
        );
        assert_eq!(jid.to_string(), text);
    }
    let tricky = Jid::parse("a.example.com/b@example.net").unwrap();
    assert_eq!(tricky.local(), None);
    assert_eq!(tricky.domain(), "a.example.com");
    assert_eq!(tricky.resource(), Some("b@example.net"));
}

#[test]
fn rfc7622_3_5_illegal_examples_are_refused_with_the_part_at_fault() {
    let illegal = [
        (
            "\"juliet\"@example.com",
            JidError::Character(JidPart::Local, '"'),
        ),
        (
            "foo bar@example.com",
            JidError::Character(JidPart::Local, ' '),
        ),
        (
            "juliet@example.com/ foo",
            JidError::Character(JidPart::Resource, ' '),
        ),
        ("@example.com/", JidError::Empty(JidPart::Local)),
        ("juliet@", JidError::Empty(JidPart::Domain)),
        ("/foobar", JidError::Empty(JidPart::Domain)),
        ("", JidError::Empty(JidPart::Domain)),
        ("example.com/", JidError::Empty(JidPart::Resource)),
    ];
    for (text, error) in illegal {
        assert_eq!(Jid::parse(text), Err(error), "{text}");
        assert!(!Jid::is_valid(text), "{text}");
    }
}

/// The documentation of the module says so. If preparation is added, this test must be inverted.
#[test]
fn rfc7622_3_5_examples_20_and_21_need_tables_and_are_accepted() {
    assert!(Jid::is_valid("henry\u{2163}@example.com"));
    assert!(Jid::is_valid("\u{265a}@example.com"));
}

#[test]
fn rfc7622_3_parts_hold_1_to_1023_bytes() {
    let long = "a".repeat(MAX_PART_BYTES);
    let longer = "a".repeat(MAX_PART_BYTES + 1);
    assert!(Jid::from_parts(Some(&long), "d", Some(&long)).is_ok());
    assert_eq!(
        Jid::from_parts(Some(&longer), "d", None),
        Err(JidError::TooLong(JidPart::Local))
    );
    assert_eq!(
        Jid::from_parts(None, "d", Some(&longer)),
        Err(JidError::TooLong(JidPart::Resource))
    );
    // Bytes are counted, not characters.
    let two_byte = "\u{e9}".repeat(512);
    assert_eq!(
        Jid::from_parts(Some(&two_byte), "d", None),
        Err(JidError::TooLong(JidPart::Local))
    );
    let domain = "ab.".repeat(342);
    assert_eq!(
        Jid::parse(&domain),
        Err(JidError::TooLong(JidPart::Domain)),
        "{} bytes",
        domain.len()
    );
}

#[test]
fn rfc7622_3_3_1_forbidden_characters_of_the_localpart() {
    for c in ['"', '&', '\'', ':', '<', '>', ' ', '\u{7f}', '\u{ad}'] {
        assert_eq!(
            Jid::parse(&format!("a{c}b@d")),
            Err(JidError::Character(JidPart::Local, c))
        );
    }
    // The first `@` separates (RFC 7622 3.2), so the second one is in the domainpart.
    assert_eq!(
        Jid::parse("a@b@d"),
        Err(JidError::Character(JidPart::Domain, '@'))
    );
    // As parts, the separators too.
    for c in ['/', '@'] {
        assert_eq!(
            Jid::from_parts(Some(&format!("a{c}b")), "d", None),
            Err(JidError::Character(JidPart::Local, c))
        );
        assert_eq!(
            Jid::from_parts(None, &format!("a{c}b"), None),
            Err(JidError::Character(JidPart::Domain, c))
        );
    }
}

#[test]
fn rfc7622_3_2_domainparts() {
    for good in [
        "localhost",
        "a.b.c",
        "127.0.0.1",
        "[::1]",
        "[2001:db8::1]",
        "b\u{fc}cher.example",
        "xn--bcher-kva.example",
        "my_host",
    ] {
        assert_eq!(Jid::parse(good).unwrap().domain(), good);
    }
    for bad in [
        "a..b",
        ".a",
        "..",
        ".",
        "a b",
        "a:5222",
        "[::1",
        "[]",
        "[::1]:5222",
        "[fe80::1%eth0]",
        "::1",
        "a\u{3002}b",
        "a\u{200b}b",
        "exa!mple",
    ] {
        assert!(Jid::parse(bad).is_err(), "{bad}");
    }
    assert!(Jid::parse(&"a".repeat(64)).is_err());
    assert!(Jid::parse(&"a".repeat(63)).is_ok());
}

#[test]
fn rfc7622_3_2_final_dot_is_stripped_and_ascii_case_folded() {
    let jid = Jid::parse("Romeo@Example.COM./Orchard").unwrap();
    assert_eq!(jid.as_str(), "romeo@example.com/Orchard");
    assert_eq!(jid, Jid::parse("romeo@example.com/Orchard").unwrap());
    assert_ne!(jid, Jid::parse("romeo@example.com/orchard").unwrap());
}

#[test]
fn bare_full_and_domain_addresses() {
    let jid = Jid::parse("a@b").unwrap();
    assert!(jid.is_bare() && !jid.is_full() && !jid.is_domain());
    let full = jid.with_resource("c/d@e").unwrap();
    assert!(full.is_full() && !full.is_bare());
    assert_eq!(full.as_str(), "a@b/c/d@e");
    assert_eq!(full.bare(), jid);
    assert!(Jid::parse("b").unwrap().is_domain());
    assert!(!Jid::parse("b/c").unwrap().is_domain());
    assert!(jid.with_resource("").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7622), ..ProptestConfig::default() })]

    /// No text panics, and what is accepted is parsed again as itself.
    #[test]
    fn parsing_is_total_and_idempotent(text in "\\PC{0,12}|[a-cA-C@/.:\\[\\] ]{0,16}") {
        let parsed = Jid::parse(&text);
        prop_assert_eq!(parsed.is_ok(), Jid::is_valid(&text));
        if let Ok(jid) = parsed {
            prop_assert_eq!(&Jid::parse(jid.as_str()).unwrap(), &jid);
            prop_assert_eq!(
                &Jid::from_parts(jid.local(), jid.domain(), jid.resource()).unwrap(),
                &jid
            );
        }
    }

    /// No accepted part contains a separator, whatever its characters.
    #[test]
    fn accepted_parts_never_contain_a_separator(c in any::<char>()) {
        let part: String = ['a', c, 'a'].iter().collect();
        if let Ok(jid) = Jid::from_parts(Some(&part), "d", None) {
            prop_assert_eq!(jid.resource(), None);
            prop_assert_eq!(jid.domain(), "d");
        }
        if let Ok(jid) = Jid::from_parts(None, &part, None) {
            prop_assert_eq!(jid.local(), None);
            prop_assert_eq!(jid.resource(), None);
        }
    }
}

#[test]
fn what_only_rfc6122_allows_is_told_from_what_none_allows() {
    use AddressClass::{Invalid, Rfc6122, Rfc7622};
    let label = "l".repeat(63);
    let part = "p".repeat(MAX_PART_BYTES);
    let rows = [
        ("example.com", Rfc7622),
        ("example.com.", Rfc7622),
        ("juliet@example.com/desk", Rfc7622),
        ("juliet@[::1]/desk", Rfc7622),
        // RFC 6122 2.4: Resourceprep allows ASCII spaces everywhere.
        ("juliet@example.com/ desk", Rfc6122),
        ("example.com/ ", Rfc6122),
        ("juliet@[::1]/ desk", Rfc6122),
        // RFC 6122 A.3: Nodeprep deletes what is invisible.
        ("jul\u{ad}iet@example.com", Rfc6122),
        ("\u{feff}juliet@example.com", Rfc6122),
        ("juliet\u{200b}@example.com/ desk", Rfc6122),
        // RFC 3490 3.1 and 4: other dots, and what Nameprep deletes.
        ("example\u{3002}com", Rfc6122),
        ("example\u{ff0e}com\u{ff61}", Rfc6122),
        ("exam\u{ad}ple.com", Rfc6122),
        // Both forbid empty parts, also if only deletion makes them empty.
        ("", Invalid),
        ("@example.com", Invalid),
        ("juliet@", Invalid),
        ("example.com/", Invalid),
        ("/ desk", Invalid),
        ("@/", Invalid),
        ("\u{ad}@example.com", Invalid),
        ("juliet@\u{200b}", Invalid),
        ("a..example", Invalid),
        ("a\u{3002}.example", Invalid),
        // RFC 6122 A.5 and RFC 7622 3.3.1 forbid the same ASCII in localparts.
        ("a b@example.com", Invalid),
        ("a:b@example.com/ desk", Invalid),
        ("a\"b@example.com", Invalid),
        ("a&b@example.com", Invalid),
        ("a'b@example.com", Invalid),
        ("a<b@example.com", Invalid),
        ("a>b@example.com", Invalid),
        ("a@b@example.com", Invalid),
        ("juliet\u{a0}capulet@example.com", Invalid),
        ("juliet\u{200e}@example.com", Invalid),
        // Domains.
        ("exa mple.com", Invalid),
        ("exam!ple.com", Invalid),
        ("a_b.example/ desk", Invalid),
        ("[::1", Invalid),
        ("[::1%eth0]/ desk", Invalid),
        // Control characters and what is no character.
        ("example.com/ de\u{7f}sk", Invalid),
        ("example.com/ de\u{85}sk", Invalid),
        ("example.com/ de\nsk", Invalid),
        ("example.com/ \u{fffe}", Invalid),
        ("example.com/ \u{1fffe}", Invalid),
        ("example.com/ \u{e000}", Invalid),
        ("example.com/ \u{a0}", Invalid),
    ];
    for (text, class) in rows {
        assert_eq!(Jid::classify(text), class, "{text:?}");
        assert_eq!(Jid::is_valid(text), class == Rfc7622, "{text:?}");
        assert_eq!(Jid::domain_of(text).is_some(), class != Invalid, "{text:?}");
    }
    for (text, class) in [
        (format!("{label}\u{3002}example"), Rfc6122),
        (format!("{label}l\u{3002}example"), Invalid),
        (format!("example.com/ {}", &part[1..]), Rfc6122),
        (format!("example.com/ {part}"), Invalid),
        (format!("\u{ad}{part}@example.com"), Rfc6122),
        (format!("\u{ad}{part}p@example.com"), Invalid),
    ] {
        assert_eq!(Jid::classify(&text), class, "{text:?}");
    }
}

#[test]
fn the_domain_of_an_older_address_is_found_without_its_final_dot() {
    for (text, domain) in [
        ("juliet@example.com/ desk", Some("example.com")),
        ("jul\u{ad}iet@Example.COM./a@b", Some("Example.COM")),
        ("juliet@example.com/desk", Some("example.com")),
        ("example.com/ a/b@c", Some("example.com")),
        ("juliet@[::1]/ desk", Some("[::1]")),
        ("a b@example.com/desk", None),
        ("", None),
    ] {
        assert_eq!(Jid::domain_of(text), domain, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        rng_seed: RngSeed::Fixed(0x6122),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Classification agrees with the parser, and finds a domain exactly in what is an address.
    #[test]
    fn every_text_has_one_class(text in "[ @/:.a\u{ad}\u{3002}\\[\\]]{0,12}|.*") {
        let class = Jid::classify(&text);
        prop_assert_eq!(class == AddressClass::Rfc7622, Jid::parse(&text).is_ok());
        if let Some(domain) = Jid::domain_of(&text) {
            prop_assert!(text.contains(domain) && !domain.is_empty());
        } else {
            prop_assert_eq!(class, AddressClass::Invalid);
        }
    }
}

/// Twice as long a part is twice the work, counted in characters looked at; and a part that is too
/// long is refused before any of them.
#[test]
fn each_character_of_a_part_is_looked_at_once() {
    let work = |text: &str| {
        let looked_at = Cell::new(0);
        let count = |_: char| {
            looked_at.set(looked_at.get() + 1);
            false
        };
        let by_7622 = super::check_part(JidPart::Local, text, count);
        let of_7622 = looked_at.replace(0);
        let by_6122 = super::rfc6122::allows_part(text, count);
        assert_eq!(by_7622.is_ok(), by_6122);
        (of_7622, looked_at.get())
    };
    for n in [255, 510, 1_020] {
        assert_eq!(work(&"a".repeat(n)), (n, n));
    }
    let (of_7622, of_6122) = work(&"a".repeat(1 << 20));
    assert_eq!(of_7622, 0);
    assert!(of_6122 <= MAX_PART_BYTES);
}

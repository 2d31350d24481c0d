//! Tests of the limits: their ranges, their presets, and what they add up to.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

const PRESETS: [Limits; 3] = [
    Limits::client(),
    Limits::server(),
    Limits::server_to_server(),
];

/// Sets one limit from a number, in milliseconds for durations.
type Set = fn(Limits, u64) -> Result<Limits, LimitsError>;
/// Reads it back the same way.
type Get = fn(&Limits) -> u64;

/// Every limit with its range, as its docs state it.
const ALL: [(&str, Set, Get, u64, u64); 21] = [
    (
        "frame-bytes-before-auth",
        |l, n| l.with_frame_bytes_before_auth(size(n)),
        |l| l.frame_bytes_before_auth() as u64,
        4_096,
        65_536,
    ),
    (
        "stanza-bytes",
        |l, n| l.with_stanza_bytes(size(n)),
        |l| l.stanza_bytes() as u64,
        10_000,
        16_777_216,
    ),
    (
        "header-bytes",
        |l, n| l.with_header_bytes(size(n)),
        |l| l.header_bytes() as u64,
        2_048,
        65_536,
    ),
    (
        "depth",
        |l, n| l.with_depth(short(n)),
        |l| l.depth().into(),
        16,
        256,
    ),
    (
        "attributes",
        |l, n| l.with_attributes(short(n)),
        |l| l.attributes().into(),
        16,
        256,
    ),
    (
        "elements",
        |l, n| l.with_elements(u32::try_from(n).unwrap_or(u32::MAX)),
        |l| l.elements().into(),
        64,
        262_144,
    ),
    (
        "name-bytes",
        |l, n| l.with_name_bytes(short(n)),
        |l| l.name_bytes().into(),
        64,
        1_024,
    ),
    (
        "namespaces",
        |l, n| l.with_namespaces(short(n)),
        |l| l.namespaces().into(),
        16,
        256,
    ),
    (
        "handshake-bytes",
        |l, n| l.with_handshake_bytes(size(n)),
        |l| l.handshake_bytes() as u64,
        16_384,
        65_536,
    ),
    (
        "outbox-bytes",
        |l, n| l.with_outbox_bytes(size(n)),
        |l| l.outbox_bytes() as u64,
        10_000,
        4_194_304,
    ),
    (
        "reserve-bytes",
        |l, n| l.with_reserve_bytes(size(n)),
        |l| l.reserve_bytes() as u64,
        8_192,
        65_536,
    ),
    (
        "phase-timeout",
        |l, n| l.with_phase_timeout(Duration::from_millis(n)),
        |l| millis(l.phase_timeout()),
        1_000,
        600_000,
    ),
    (
        "negotiation-timeout",
        |l, n| l.with_negotiation_timeout(Duration::from_millis(n)),
        |l| millis(l.negotiation_timeout()),
        1_000,
        3_600_000,
    ),
    (
        "verify-timeout",
        |l, n| l.with_verify_timeout(Duration::from_millis(n)),
        |l| millis(l.verify_timeout()),
        1_000,
        600_000,
    ),
    (
        "write-stall-timeout",
        |l, n| l.with_write_stall_timeout(Duration::from_millis(n)),
        |l| millis(l.write_stall_timeout()),
        1_000,
        600_000,
    ),
    (
        "keepalive",
        |l, n| l.with_keepalive(Some(Duration::from_millis(n))),
        |l| l.keepalive().map_or(0, millis),
        10_000,
        86_400_000,
    ),
    (
        "closing-timeout",
        |l, n| l.with_closing_timeout(Duration::from_millis(n)),
        |l| millis(l.closing_timeout()),
        100,
        60_000,
    ),
    (
        "linger",
        |l, n| l.with_linger(Duration::from_millis(n)),
        |l| millis(l.linger()),
        100,
        60_000,
    ),
    (
        "sasl-attempts",
        |l, n| l.with_sasl_attempts(byte(n)),
        |l| l.sasl_attempts().into(),
        2,
        5,
    ),
    (
        "redirects",
        |l, n| l.with_redirects(byte(n)),
        |l| l.redirects().into(),
        2,
        5,
    ),
    (
        "requests",
        |l, n| l.with_requests(short(n)),
        |l| l.requests().into(),
        1,
        1_024,
    ),
];

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn short(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn byte(n: u64) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[test]
fn no_limit_can_be_switched_off() {
    for (name, set, get, minimum, maximum) in ALL {
        let limits = Limits::server();
        for value in [minimum, maximum] {
            let changed = set(limits, value).expect(name);
            assert_eq!(get(&changed), value, "{name}");
        }
        for value in [0, minimum - 1, maximum + 1, u64::MAX] {
            let error = set(limits, value).expect_err(name);
            assert_eq!(error.limit, name);
            assert_eq!((error.minimum, error.maximum), (minimum, maximum), "{name}");
        }
    }
}

#[test]
fn a_setter_changes_its_own_limit_alone() {
    let read = |limits: &Limits| -> Vec<u64> { ALL.iter().map(|row| row.2(limits)).collect() };
    for (index, (name, set, get, minimum, _)) in ALL.into_iter().enumerate() {
        let mut expected = read(&Limits::client());
        assert_ne!(
            expected[index], minimum,
            "{name}: the test would show nothing"
        );
        let changed = set(Limits::client(), minimum).expect(name);
        expected[index] = minimum;
        assert_eq!(get(&changed), minimum, "{name}");
        assert_eq!(read(&changed), expected, "{name}");
    }
}

#[test]
fn every_preset_lies_within_the_ranges() {
    for preset in PRESETS {
        for (name, _, get, minimum, maximum) in ALL {
            let value = get(&preset);
            assert!((minimum..=maximum).contains(&value), "{name} is {value}");
        }
    }
}

#[test]
fn presets_are_the_documented_defaults() {
    assert_eq!(
        PRESETS.map(|preset| preset.stanza_bytes()),
        [2_097_152, 262_144, 524_288]
    );
    assert_eq!(
        PRESETS.map(|preset| preset.elements()),
        [65_536, 4_096, 4_096]
    );
    assert_eq!(
        PRESETS.map(|preset| preset.keepalive().map_or(0, millis)),
        [300_000, 600_000, 300_000]
    );
    for preset in PRESETS {
        let values = ALL.map(|row| row.2(&preset));
        let mut expected = [
            10_000, 0, 4_096, 64, 64, 4_096, 256, 32, 32_768, 65_536, 16_384, 30_000, 120_000,
            20_000, 60_000, 300_000, 5_000, 2_000, 3, 5, 64,
        ];
        expected[1] = preset.stanza_bytes() as u64;
        expected[5] = u64::from(preset.elements());
        expected[15] = preset.keepalive().map_or(0, millis);
        assert_eq!(values, expected);
    }
}

#[test]
fn rfc6120_13_12_3_stanza_limit_is_not_below_10000_bytes() {
    assert!(Limits::server().with_stanza_bytes(10_000).is_ok());
    let error = Limits::server().with_stanza_bytes(9_999).unwrap_err();
    assert_eq!(
        error.to_string(),
        "stanza-bytes is 9999, must be 10000 to 16777216"
    );
}

#[test]
fn the_xml_layer_is_given_each_limit_and_the_byte_limit_of_the_moment() {
    // All different, so that none can stand for another.
    let limits = Limits::server()
        .with_attributes(17)
        .and_then(|limits| limits.with_namespaces(18))
        .and_then(|limits| limits.with_depth(19))
        .unwrap();
    let frames = limits.after_auth();
    assert_eq!(frames.frame_bytes, 262_144);
    assert_eq!(frames.header_bytes, 4_096);
    assert_eq!(frames.attributes, 17);
    assert_eq!(frames.namespaces, 18);
    assert_eq!(frames.depth, 19);
    assert_eq!(frames.elements, 4_096);
    assert_eq!(frames.name_bytes, 256);
    let before = limits.before_auth();
    assert_eq!(before.frame_bytes, 10_000);
    assert_eq!(
        crate::xml::FrameLimits {
            frame_bytes: 262_144,
            ..before
        },
        frames
    );
}

#[test]
fn a_duration_is_neither_rounded_into_its_range_nor_changed() {
    let limits = Limits::server();
    for refused in [
        Duration::from_nanos(99_999_999),
        Duration::from_nanos(60_000_000_001),
        Duration::MAX,
    ] {
        assert!(limits.with_linger(refused).is_err(), "{refused:?}");
    }
    let kept = Duration::from_nanos(100_000_001);
    assert_eq!(limits.with_linger(kept).unwrap().linger(), kept);
}

#[test]
fn the_memory_bound_covers_every_limit_and_cannot_overflow() {
    let mut largest = Limits::client();
    for (name, set, _, _, maximum) in ALL {
        let grown = set(largest, maximum).expect(name);
        assert!(grown.memory_bound() >= largest.memory_bound(), "{name}");
        assert!(
            grown.memory_bound_before_auth() >= largest.memory_bound_before_auth(),
            "{name}"
        );
        largest = grown;
    }
    // It is computed on 32-bit targets too. `tests/memory.rs` measures it.
    let bound = largest.memory_bound();
    assert!(u32::try_from(bound).is_ok(), "{bound}");
    assert!(largest.memory_bound_before_auth() < bound);
    // README.md says 14.3 MB.
    let server = Limits::server().memory_bound();
    assert!((14_200_000..=14_300_000).contains(&server), "{server}");
}

/// Says how a framer under `limits` takes `header` and one `element`: the frames it found, or the
/// text of its fault.
fn framed(limits: crate::xml::FrameLimits, header: &str, element: &str) -> Result<u32, String> {
    let mut framer = crate::xml::Framer::new(limits);
    let text = [header, element].concat();
    let mut bytes = text.as_bytes();
    let mut frames = 0;
    loop {
        match framer.feed(&mut bytes) {
            Ok(Some(_)) => frames += 1,
            Ok(None) if bytes.is_empty() => return Ok(frames),
            Ok(None) => {}
            Err(fault) => return Err(fault.to_string()),
        }
    }
}

/// The framer enforces exactly the limit that was set: `limit` units pass, and one more does not.
/// Half the limit, or one less, would be noticed here.
#[test]
fn rfc6120_13_12_3_the_xml_layer_enforces_each_limit_exactly() {
    const HEADER: &str = "<stream:stream xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams'>";
    let header = |bytes: usize| {
        let padding = "i".repeat(bytes - HEADER.len() - " id=''".len());
        HEADER.replace('>', &std::format!(" id='{padding}'>"))
    };
    let element = |bytes: usize| std::format!("<a>{}</a>", "t".repeat(bytes - "<a></a>".len()));
    let repeat = |n: usize, each: fn(usize) -> String| (0..n).map(each).collect::<String>();
    let limits = Limits::server();
    let (before, after) = (limits.before_auth(), limits.after_auth());
    let count = usize::from;

    for (name, limits, limit, input) in [
        (
            "header bytes",
            before,
            limits.header_bytes(),
            &(|n| (header(n), element(10))) as &dyn Fn(usize) -> (String, String),
        ),
        (
            "bytes before authentication",
            before,
            limits.frame_bytes_before_auth(),
            &|n| (HEADER.into(), element(n)),
        ),
        ("stanza bytes", after, limits.stanza_bytes(), &|n| {
            (HEADER.into(), element(n))
        }),
        ("depth", after, count(limits.depth()), &|n| {
            (HEADER.into(), ["<a>".repeat(n), "</a>".repeat(n)].concat())
        }),
        ("attributes", after, count(limits.attributes()), &|n| {
            let attributes = repeat(n, |i| std::format!(" a{i}=''"));
            (HEADER.into(), std::format!("<a{attributes}/>"))
        }),
        ("elements", after, limits.elements() as usize, &|n| {
            (
                HEADER.into(),
                std::format!("<a>{}</a>", "<b/>".repeat(n - 1)),
            )
        }),
        ("name bytes", after, count(limits.name_bytes()), &|n| {
            (HEADER.into(), std::format!("<{}/>", "n".repeat(n)))
        }),
        ("namespaces", after, count(limits.namespaces()), &|n| {
            // The header declares two.
            let declarations = repeat(n - 2, |i| std::format!(" xmlns:p{i}='u'"));
            (HEADER.into(), std::format!("<a{declarations}/>"))
        }),
    ] {
        let (header, element) = input(limit);
        assert_eq!(
            framed(limits, &header, &element),
            Ok(2),
            "{name}: the limit itself"
        );
        let (header, element) = input(limit + 1);
        let fault = framed(limits, &header, &element).expect_err(name);
        assert!(fault.contains("limit"), "{name}: {fault}");
    }
}

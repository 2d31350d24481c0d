//! Doubling tests: whatever names and namespaces a peer chooses, and however high the limits are,
//! reading them costs no more than linear work, but for the logarithm of a sort.
//!
//! The cost is counted in steps (names and bytes of names that are looked at, pairs of attributes
//! that are compared), so the tests do not depend on the machine. Lengths of names grow together
//! with their number, because a few bytes can refer to a name of any length.

use alloc::format;
use alloc::string::String;
use std::println;

use super::scope::LINEAR_SEARCH_MAX;
use super::work::measure;
use super::{Frame, FrameKind, FrameLimits, Framer};

/// Limits that no input here reaches.
fn limits() -> FrameLimits {
    FrameLimits {
        frame_bytes: 1 << 24,
        header_bytes: 1 << 24,
        depth: u16::MAX,
        attributes: u16::MAX,
        elements: u32::MAX,
        name_bytes: u16::MAX,
        namespaces: u16::MAX,
    }
}

/// Fails unless the cost grows like `n`, or like `n` and its logarithm. Squared it would be four
/// times as much at each step.
fn assert_linear(name: &str, n: usize, cost: impl Fn(usize) -> usize) {
    let costs = [n, 2 * n, 4 * n].map(cost);
    println!("{name:52} n = {n:5}: {costs:?}");
    let [once, twice, four_times] = costs;
    assert!(once > 0, "{name}: nothing was counted");
    assert!(twice <= once * 5 / 2, "{name}: {costs:?}");
    assert!(four_times <= twice * 5 / 2, "{name}: {costs:?}");
}

fn repeated(piece: impl Fn(usize) -> String, n: usize) -> String {
    (0..n).map(piece).collect()
}

/// A namespace name of so many bytes, which differs from others only at its end.
fn long(bytes: usize, number: usize) -> String {
    format!("{}{number:05}", "u".repeat(bytes))
}

fn header(attributes: &str) -> String {
    format!(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         {attributes}>"
    )
}

/// Feeds `text` until its frame is complete.
fn feed(framer: &mut Framer, text: &str, expected: FrameKind) {
    let mut unread = text.as_bytes();
    loop {
        let taken = framer.push(unread);
        unread = &unread[taken..];
        match framer.poll() {
            Ok(Some(kind)) => {
                assert_eq!(kind, expected);
                assert!(unread.is_empty());
                return;
            }
            Ok(None) => assert!(taken > 0, "the text ends before the frame does"),
            Err(fault) => panic!("{fault}"),
        }
    }
}

/// Makes the attributes of a header, and an element, of the size `n`.
type Input = fn(usize) -> (String, String);

/// Makes the attributes of a header of the size `n`.
type Attributes = fn(usize) -> String;

const ELEMENTS: [(&str, usize, Input); 12] = [
    ("attributes", 100, |n| {
        let attributes = repeated(|i| format!("a{i:05}='1' "), n);
        (String::new(), format!("<x {attributes}/>"))
    }),
    ("attributes with one prefix", 100, |n| {
        let attributes = repeated(|i| format!("p:a{i:05}='1' "), n);
        (String::new(), format!("<x xmlns:p='u' {attributes}/>"))
    }),
    ("few prefixes of long names, one attribute each", 2, |n| {
        let declared = repeated(|i| format!("xmlns:p{i}='{}' ", long(1000, i)), n);
        let used = repeated(|i| format!("p{i}:a='1' "), n);
        (String::new(), format!("<x {declared}{used}/>"))
    }),
    ("many prefixes of long names, one attribute each", 50, |n| {
        let declared = repeated(|i| format!("xmlns:p{i:05}='{}' ", long(1000, i)), n);
        let used = repeated(|i| format!("p{i:05}:a='1' "), n);
        (String::new(), format!("<x {declared}{used}/>"))
    }),
    ("one local name under prefixes of the header", 50, |n| {
        let declared = repeated(|i| format!("xmlns:p{i:05}='{}' ", long(100, i)), n);
        let used = repeated(|i| format!("p{i:05}:a='1' "), n);
        (declared, format!("<x {used}/>"))
    }),
    ("elements with one name under two long prefixes", 100, |n| {
        let (p, q) = (long(20 * n, 1), long(20 * n, 2));
        let children = "<y p:a='1' q:a='2'/>".repeat(n);
        let xml = format!("<x xmlns:p='{p}' xmlns:q='{q}'>{children}</x>");
        (String::new(), xml)
    }),
    ("the same, the prefixes declared in the header", 100, |n| {
        let (p, q) = (long(20 * n, 1), long(20 * n, 2));
        let children = "<y p:a='1' q:a='2'/>".repeat(n);
        (
            format!("xmlns:p='{p}' xmlns:q='{q}'"),
            format!("<x>{children}</x>"),
        )
    }),
    ("elements with a prefix of a long name", 100, |n| {
        let children = "<p:y/>".repeat(n);
        (
            String::new(),
            format!("<x xmlns:p='{}'>{children}</x>", long(10 * n, 1)),
        )
    }),
    ("elements that declare the default namespace", 100, |n| {
        let children = repeated(|i| format!("<y xmlns='{}'/>", long(20, i)), n);
        (String::new(), format!("<x>{children}</x>"))
    }),
    ("nested elements that redeclare a prefix", 100, |n| {
        let open = repeated(|i| format!("<p:y xmlns:p='{}'>", long(20, i)), n);
        (String::new(), format!("{open}{}", "</p:y>".repeat(n)))
    }),
    ("nested elements that declare a prefix each", 100, |n| {
        let open = repeated(|i| format!("<p{i:05}:y xmlns:p{i:05}='u' xmlns:q='u'>"), n);
        let close = repeated(|i| format!("</p{:05}:y>", n - 1 - i), n);
        (String::new(), format!("{open}{close}"))
    }),
    ("elements that use all prefixes around them", 50, |n| {
        let declared = repeated(|i| format!("xmlns:p{i:05}='u{i:05}' "), n);
        let children = repeated(|i| format!("<p{i:05}:y/>"), n);
        (String::new(), format!("<x {declared}>{children}</x>"))
    }),
];

#[test]
fn names_and_namespaces_cost_no_more_than_their_length() {
    for (name, n, input) in ELEMENTS {
        assert_linear(name, n, |n| {
            let (declared, element) = input(n);
            let mut framer = Framer::new(limits());
            feed(&mut framer, &header(&declared), FrameKind::Header);
            measure(|| feed(&mut framer, &element, FrameKind::Element)).0
        });
    }
}

#[test]
fn an_element_made_standalone_costs_no_more_than_its_length() {
    for (name, n, input) in ELEMENTS {
        assert_linear(&format!("standalone: {name}"), n, |n| {
            let (declared, element) = input(n);
            let mut framer = Framer::new(limits());
            feed(&mut framer, &header(&declared), FrameKind::Header);
            feed(&mut framer, &element, FrameKind::Element);
            let Some(Frame::Element(stanza)) = framer.frame() else {
                panic!("no element");
            };
            // What is written counts too: the header's declarations come again.
            let (steps, length) = measure(|| stanza.standalone().len());
            steps + length
        });
    }
}

#[test]
fn a_header_costs_no_more_than_its_length() {
    let inputs: [(&str, usize, Attributes); 3] = [
        ("header: many declarations of long names", 64, |n| {
            repeated(|i| format!("xmlns:p{i:05}='{}' ", long(1000, i)), n)
        }),
        ("header: declarations of one long name", 64, |n| {
            repeated(|i| format!("xmlns:p{i:05}='{}' ", long(1000, 1)), n)
        }),
        ("header: attributes", 100, |n| {
            repeated(|i| format!("stream:a{i:05}='1' "), n)
        }),
    ];
    for (name, n, input) in inputs {
        assert_linear(name, n, |n| {
            let text = header(&input(n));
            let mut framer = Framer::new(limits());
            measure(|| feed(&mut framer, &text, FrameKind::Header)).0
        });
    }
}

/// Up to 16 names are compared one by one, which is a constant.
#[test]
fn few_declarations_of_a_header_cost_at_most_as_many_times_their_length() {
    for n in [2, 4, 8, LINEAR_SEARCH_MAX - 2] {
        let text = header(&repeated(|i| format!("xmlns:p{i}='{}' ", long(1000, i)), n));
        let mut framer = Framer::new(limits());
        let (steps, ()) = measure(|| feed(&mut framer, &text, FrameKind::Header));
        let length = text.len();
        println!("header: {n:2} declarations, {length:5} bytes: {steps}");
        assert!(steps <= (LINEAR_SEARCH_MAX + 4) * length, "{n}: {steps}");
    }
}

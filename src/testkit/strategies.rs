//! Strategies for proptest: values of what a machine reports and reads, and of what happens to it.
//!
//! | strategy | of | shrinks towards |
//! |---|---|---|
//! | [`close_reasons`], [`close_tcps`] | every reason | an orderly end |
//! | [`events`] | every event, with stanzas of any form | the first event of a stream |
//! | [`stanzas`], [`elements`] | legal XML | one empty `<message/>` |
//! | [`hostile_stanzas`] | legal XML of hostile sizes: deep, wide, long | less of it |
//! | [`malformed`] | text that is no stanza | short texts |
//! | [`jids`], [`full_jids`] | addresses | `a@a` |
//! | [`chunks`] | where bytes are cut on their way | uncut |
//! | [`traffic`], [`weather`], [`faults`] | what a [`Simulation`](super::Simulation)'s network does | nothing |
//! | [`attacks`], [`renegotiations`] | what a [`Peer`](super::Peer) does | HelloRequest |
//! | [`situations`] | where a [`DriverCheck`](super::driver::DriverCheck) brings a driver | `Fair` |
//! | [`pairs`] | configs of a client and its server | the defaults |
//!
//! ```
//! use proptest::prelude::*;
//! use xmpp_stream::testkit::strategies;
//! use xmpp_stream::xml::StanzaBuf;
//!
//! proptest!(|(text in strategies::stanzas(), chunks in strategies::chunks())| {
//!     let pieces: Vec<&[u8]> = chunks.split(text.as_bytes()).collect();
//!     prop_assert_eq!(pieces.concat(), text.as_bytes());
//!     prop_assert!(StanzaBuf::parse(&text).is_ok());
//! });
//! ```

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};

use super::attack::{Attack, Renegotiation};
use super::configs::PairOptions;
use super::driver::Situation;
use super::fault::{Fault, FaultKind, FaultPlan};
use super::link::{Entity, Portion, Traffic};
use super::samples::Samples;
use super::simulation::Weather;
use crate::close::{CloseReason, CloseTcp, Phase};
use crate::event::EventBuf;
use crate::jid::Jid;
use crate::reset::Side;
use crate::stream::{StreamCondition, StreamError};
use crate::ticket::Ticket;
use crate::xml::{StanzaBuf, XmlError, XmlErrorKind};

/// Returns every reason, and those that carry a text or a place with any.
pub fn close_reasons() -> impl Strategy<Value = CloseReason> {
    let stream_error = (select(StreamCondition::samples()), any::<bool>(), ".{0,40}");
    let stream_error = stream_error.prop_map(|(condition, ours, text)| CloseReason::StreamError {
        by: if ours { Side::Us } else { Side::Peer },
        error: StreamError::new(condition).with_text(&text),
    });
    let fault = (select(XmlErrorKind::samples()), any::<u64>());
    let fault = fault.prop_map(|(kind, position)| match kind {
        XmlErrorKind::Limit(_) => CloseReason::Limit(XmlError { kind, position }),
        _ => CloseReason::NotWellFormed(XmlError { kind, position }),
    });
    prop_oneof![6 => select(CloseReason::samples()), 1 => stream_error, 1 => fault]
}

/// Returns every end, in each manner that it can have.
pub fn close_tcps() -> impl Strategy<Value = CloseTcp> {
    select(CloseTcp::samples())
}

/// Returns every event; stanzas and elements have any legal form, tickets any number.
pub fn events() -> impl Strategy<Value = EventBuf> {
    let of = |texts: proptest::strategy::BoxedStrategy<String>, wrap: fn(StanzaBuf) -> EventBuf| {
        texts.prop_filter_map("a stanza", move |text| {
            StanzaBuf::parse(&text).ok().map(wrap)
        })
    };
    prop_oneof![
        4 => select(EventBuf::samples()),
        3 => of(stanzas().boxed(), EventBuf::Stanza),
        1 => of(elements().boxed(), EventBuf::Element),
        1 => any::<u64>().prop_map(|n| EventBuf::Acknowledged(Ticket::for_testing(n))),
    ]
}

/// Returns stanzas of clients: every kind and type, addresses, nested content, text in any script with
/// what has to be escaped. Each declares its namespace, so that it stands alone; a machine takes it
/// and writes it as it is.
pub fn stanzas() -> impl Strategy<Value = String> {
    let kind = select(
        [
            ("message", "chat"),
            ("message", "groupchat"),
            ("presence", "unavailable"),
            ("iq", "set"),
            ("iq", "result"),
        ]
        .to_vec(),
    );
    let address = || proptest::option::of(jids());
    let content = vec(payload(3), 0..4);
    (kind, address(), address(), ".{0,12}", content).prop_map(
        |((name, kind), from, to, id, content)| {
            let mut text = format!("<{name} xmlns='jabber:client' type='{kind}'");
            for (attribute, jid) in [("from", from), ("to", to)] {
                if let Some(jid) = jid {
                    text += &format!(" {attribute}='{}'", escaped(&jid.to_string()));
                }
            }
            if !id.is_empty() || name == "iq" {
                text += &format!(" id='{}'", escaped(&id));
            }
            format!("{text}>{}</{name}>", content.concat())
        },
    )
}

/// Returns elements that are no stanzas, in a namespace of their own.
pub fn elements() -> impl Strategy<Value = String> {
    payload(3)
}

/// Returns stanzas that are legal and meant to hurt: up to about `most` bytes of text, of depth, of
/// attributes, of children, of one name, or of references. Where they exceed a limit, a machine has to
/// end the stream with `policy-violation`.
pub fn hostile_stanzas(most: usize) -> impl Strategy<Value = String> {
    let form = select(
        [
            Hostile::Text,
            Hostile::Depth,
            Hostile::Attributes,
            Hostile::Children,
            Hostile::Name,
            Hostile::Namespaces,
            Hostile::References,
        ]
        .to_vec(),
    );
    (form, 0..=most).prop_map(|(form, bytes)| form.stanza(bytes))
}

#[derive(Clone, Copy, Debug)]
enum Hostile {
    Text,
    Depth,
    Attributes,
    Children,
    Name,
    Namespaces,
    References,
}

impl Hostile {
    fn stanza(self, bytes: usize) -> String {
        let content = match self {
            Self::Text => "x".repeat(bytes),
            Self::Depth => {
                let depth = bytes / 7;
                ["<a>".repeat(depth), "</a>".repeat(depth)].concat()
            }
            Self::Attributes => {
                let attributes: String = (0..bytes / 9).map(|n| format!(" a{n}=''")).collect();
                format!("<a{attributes}/>")
            }
            Self::Children => "<a/>".repeat(bytes / 4),
            Self::Name => format!("<{}/>", "n".repeat(bytes.max(1))),
            Self::Namespaces => {
                let declared: String = (0..bytes / 18)
                    .map(|n| format!(" xmlns:p{n}='urn:{n}'"))
                    .collect();
                format!("<a{declared}/>")
            }
            Self::References => "&#x1F600;".repeat(bytes / 9),
        };
        format!("<message xmlns='jabber:client'>{content}</message>")
    }
}

/// Returns texts that no stream may carry: broken markup, what RFC 6120 11.1 forbids, and stanzas cut
/// at any place.
pub fn malformed() -> impl Strategy<Value = String> {
    let broken = [
        "<",
        "<a",
        "<a></b>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<!-- -->",
        "<?pi?>",
        "<!DOCTYPE a>",
        "<a>&lt</a>",
        "<a>&nbsp;</a>",
        "<a>]]></a>",
        "<p:a/>",
        "<a>\u{1}</a>",
        "text",
        "</a>",
        "<a xmlns:p=''/>",
    ];
    let cut = (stanzas(), any::<Index>()).prop_map(|(text, at)| {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
        let at = at.get(&places);
        // A stanza begins anew inside of it.
        let begun = text.get(..*at).unwrap_or_default();
        format!("{begun}<")
    });
    prop_oneof![2 => select(broken.to_vec()).prop_map(ToOwned::to_owned), 1 => cut]
}

/// Returns bare and full addresses, and domains.
pub fn jids() -> impl Strategy<Value = Jid> {
    let local = proptest::option::of("[a-z0-9.é]{1,8}");
    let resource = proptest::option::of("[A-Za-z0-9 ☃'<&]{0,7}[A-Za-z0-9]");
    let jid = (local, domains(), resource);
    jid.prop_filter_map("an address", |(local, domain, resource)| {
        let local = local.map(|local| local + "@").unwrap_or_default();
        let resource = resource
            .map(|resource| format!("/{resource}"))
            .unwrap_or_default();
        Jid::parse(&format!("{local}{domain}{resource}")).ok()
    })
}

/// Returns addresses with localpart and resource.
pub fn full_jids() -> impl Strategy<Value = Jid> {
    let jid = ("[a-z0-9]{1,8}", domains(), "[A-Za-z0-9]{1,8}");
    jid.prop_filter_map("an address", |(local, domain, resource)| {
        Jid::parse(&format!("{local}@{domain}/{resource}")).ok()
    })
}

fn domains() -> impl Strategy<Value = String> {
    vec("[a-z][a-z0-9]{0,6}", 1..4).prop_map(|labels| labels.join("."))
}

/// Where bytes are cut on their way.
#[derive(Clone, Debug)]
pub struct Chunks(Vec<Index>);

impl Chunks {
    /// Cuts bytes into pieces, none of which is empty; bytes that are empty have no piece.
    pub fn split<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut cuts: Vec<usize> = match bytes.len() {
            0 => Vec::new(),
            len => self.0.iter().map(|index| index.index(len)).collect(),
        };
        cuts.push(bytes.len());
        cuts.sort_unstable();
        cuts.dedup();
        let mut from = 0;
        cuts.into_iter().filter_map(move |to| {
            let piece = bytes.get(from..to).filter(|piece| !piece.is_empty());
            from = to;
            piece
        })
    }
}

/// Returns up to 24 cuts, anywhere. The same cuts fit bytes of any length.
pub fn chunks() -> impl Strategy<Value = Chunks> {
    vec(any::<Index>(), 0..24).prop_map(Chunks)
}

/// Returns how bytes move: in what portions, how late, through what window.
pub fn traffic() -> impl Strategy<Value = Traffic> {
    let portion = || {
        prop_oneof![
            Just(Portion::Whole),
            (1..2_000_usize).prop_map(Portion::UpTo),
            Just(Portion::Byte),
        ]
    };
    // A larger window is the simpler one.
    let window = (0..(1_usize << 16) - 500).prop_map(|less| (1 << 16) - less);
    (portion(), portion(), 0..=50_u64, 0..=200_u64, window).prop_map(
        |(write, read, least, more, window)| Traffic {
            write,
            read,
            latency: least..=least + more,
            window,
        },
    )
}

/// Returns what goes wrong on one connection: up to three faults.
pub fn faults() -> impl Strategy<Value = FaultPlan> {
    vec(fault(), 0..=3).prop_map(FaultPlan::new)
}

fn fault() -> impl Strategy<Value = Fault> {
    let kind = select(FaultKind::PLANNED.to_vec());
    let on = select(Entity::BOTH.to_vec());
    (
        kind,
        on,
        phases(),
        0..3_000_u64,
        0..4_000_u64,
        0..150_000_u64,
    )
        .prop_map(|(kind, on, phase, after, patience, lasts)| Fault {
            kind,
            on,
            phase,
            after,
            patience: Duration::from_millis(patience),
            lasts: Duration::from_millis(lasts),
        })
}

/// The phases that a simulation follows.
fn phases() -> impl Strategy<Value = Phase> {
    select(
        [
            Phase::Header,
            Phase::TlsHandshake,
            Phase::Authentication,
            Phase::Binding,
            Phase::Established,
            Phase::Closing,
        ]
        .to_vec(),
    )
}

/// Returns what the network of a [`Simulation`](super::Simulation) does. Its seed is another argument.
pub fn weather() -> impl Strategy<Value = Weather> {
    let foul = (1..4_usize, vec(phases(), 1..4));
    prop_oneof![
        Just(Weather::Fair),
        Just(Weather::Uneven),
        foul.prop_map(|(connections, phases)| Weather::Foul {
            connections,
            phases,
        }),
    ]
}

/// Returns every way to attempt a renegotiation.
pub fn renegotiations() -> impl Strategy<Value = Renegotiation> {
    select(Renegotiation::ALL.to_vec())
}

/// Returns every kind of attack. Some of them need TLS.
pub fn attacks() -> impl Strategy<Value = Attack> {
    let bytes = || vec(any::<u8>(), 0..64);
    prop_oneof![
        renegotiations().prop_map(Attack::Renegotiate),
        malformed().prop_map(|text| Attack::Text(text.into_bytes())),
        (hostile_stanzas(2_000), 0..20_usize).prop_map(|(text, times)| Attack::Flood {
            text: text.into_bytes(),
            times,
        }),
        (20..25_u8, bytes()).prop_map(|(content_type, content)| Attack::Record {
            content_type,
            content,
        }),
        (20..25_u8, bytes()).prop_map(|(content_type, payload)| Attack::Forged {
            content_type,
            payload,
        }),
        bytes().prop_map(Attack::Bytes),
        select(
            [
                Attack::CloseNotify,
                Attack::Fin,
                Attack::Rst,
                Attack::Silence,
                Attack::Stop,
            ]
            .to_vec()
        ),
    ]
}

/// Returns situations without TLS, with any seed.
pub fn situations() -> impl Strategy<Value = Situation> {
    prop_oneof![
        select(Situation::plaintext()),
        any::<u64>().prop_map(Situation::Uneven),
    ]
}

/// Returns options of a pair of configs: [`PairOptions::plaintext`] makes the pair.
pub fn pairs() -> impl Strategy<Value = PairOptions> {
    (any::<u64>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(seed, without_sasl2, stream_management, tight)| {
            let options = match tight {
                true => PairOptions::tight(),
                false => PairOptions::default(),
            };
            PairOptions {
                seed,
                sasl2: !without_sasl2,
                stream_management,
                ..options
            }
        },
    )
}

/// An element of a namespace of its own, with content nested up to `depth`.
fn payload(depth: u32) -> impl Strategy<Value = String> {
    let attribute = ("[a-z]{1,6}", "[^\u{0}-\u{1f}\u{fffe}\u{ffff}]{0,12}");
    let tag = ("[a-z]{1,8}", proptest::option::of(attribute), "[a-z]{1,5}");
    let text = "[^\u{0}-\u{8}\u{b}-\u{1f}\u{fffe}\u{ffff}]{0,24}";
    let leaf = (tag.clone(), text).prop_map(|(tag, text)| element(&tag, &escaped(&text)));
    leaf.prop_recursive(depth, 16, 4, move |inner| {
        (tag.clone(), vec(inner, 0..4)).prop_map(|(tag, inner)| element(&tag, &inner.concat()))
    })
}

type Tag = (String, Option<(String, String)>, String);

fn element((name, attribute, space): &Tag, content: &str) -> String {
    let attribute = attribute.as_ref().filter(|(name, _)| name != "xmlns");
    let attribute = attribute.map(|(name, value)| format!(" {name}='{}'", escaped(value)));
    let attribute = attribute.unwrap_or_default();
    format!("<{name} xmlns='urn:example:{space}'{attribute}>{content}</{name}>")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '\'' => escaped += "&apos;",
            // What XML has no way to write is left out.
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => {}
            '\u{fffe}' | '\u{ffff}' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::limits::Limits;
    use crate::xml::Scope;

    /// Draws many values.
    fn drawn<T: core::fmt::Debug>(strategy: &impl Strategy<Value = T>) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
        (0..400).map(draw).collect()
    }

    /// Simplifies as far as it goes, as if every value failed.
    fn simplest<T: core::fmt::Debug>(strategy: &impl Strategy<Value = T>) -> T {
        let mut tree = strategy.new_tree(&mut TestRunner::deterministic()).unwrap();
        for _ in 0..100_000 {
            if !tree.simplify() {
                break;
            }
        }
        tree.current()
    }

    #[test]
    fn stanzas_and_elements_are_legal_and_of_every_kind() {
        let mut names = BTreeSet::new();
        for text in drawn(&stanzas()) {
            let stanza = StanzaBuf::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(stanza.as_stanza().as_str(), text);
            names.insert(stanza.as_stanza().name().to_owned());
        }
        assert_eq!(names.len(), 3);
        for text in drawn(&elements()) {
            let element = StanzaBuf::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(element.as_stanza().ns().starts_with("urn:example:"));
        }
    }

    #[test]
    fn hostile_stanzas_are_legal_and_reach_the_limits_of_every_form() {
        let limits = Limits::server().after_auth();
        let (mut taken, mut refused) = (0, BTreeSet::new());
        for text in drawn(&hostile_stanzas(400_000)) {
            match StanzaBuf::parse_in(&text, &Scope::new("jabber:client", &[]), limits) {
                Ok(_) => taken += 1,
                Err(error) => {
                    let XmlErrorKind::Limit(kind) = error.kind else {
                        panic!("{error}");
                    };
                    refused.insert(kind.variant());
                }
            }
        }
        assert!(taken > 20);
        assert!(refused.len() >= 5, "{refused:?}");
    }

    #[test]
    fn what_is_malformed_is_no_stanza() {
        for text in drawn(&malformed()) {
            assert!(StanzaBuf::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_have_all_their_parts_in_some() {
        let jids = drawn(&jids());
        assert!(jids.iter().any(|jid| jid.local().is_none()));
        assert!(
            jids.iter()
                .any(|jid| jid.local().is_some() && jid.resource().is_some())
        );
        for jid in drawn(&full_jids()) {
            assert!(jid.local().is_some() && jid.resource().is_some());
        }
    }

    #[test]
    fn pieces_are_all_of_the_bytes_in_order_and_none_is_empty() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut most = 0;
        for chunks in drawn(&chunks()) {
            let pieces: Vec<_> = chunks.split(&bytes).collect();
            assert_eq!(pieces.concat(), bytes);
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            assert_eq!(chunks.split(&[]).count(), 0);
            most = most.max(pieces.len());
        }
        assert!(most > 15);
    }

    #[test]
    fn reasons_events_and_attacks_of_every_variant_come() {
        let reasons: BTreeSet<_> = drawn(&close_reasons())
            .iter()
            .map(Samples::variant)
            .collect();
        assert!(
            reasons.len() >= CloseReason::VARIANTS.len() - 4,
            "{reasons:?}"
        );
        let events: BTreeSet<_> = drawn(&events()).iter().map(Samples::variant).collect();
        assert!(events.len() >= EventBuf::VARIANTS.len() - 3, "{events:?}");
        let attacks = drawn(&attacks());
        assert!(attacks.contains(&Attack::Rst) && attacks.contains(&Attack::Stop));
        assert_eq!(drawn(&close_tcps()).len(), 400);
    }

    #[test]
    fn configs_can_all_be_built_and_faults_and_situations_vary() {
        let pairs = drawn(&pairs());
        for options in &pairs {
            options.plaintext().unwrap();
        }
        assert!(
            pairs
                .iter()
                .any(|options| options.stream_management && !options.sasl2)
        );
        assert!(drawn(&faults()).contains(&FaultPlan::NONE));
        let uneven = |situation: &Situation| matches!(situation, Situation::Uneven(8..));
        assert!(drawn(&situations()).iter().any(uneven));
        assert!(drawn(&weather()).contains(&Weather::Fair));
        for traffic in drawn(&traffic()) {
            assert!(traffic.window >= 500 && !traffic.latency.is_empty());
        }
    }

    #[test]
    fn what_fails_shrinks_to_the_simplest() {
        assert_eq!(simplest(&close_tcps()), CloseTcp::samples()[0]);
        assert_eq!(simplest(&events()), EventBuf::samples()[0]);
        let stanza = simplest(&stanzas());
        assert_eq!(
            stanza,
            "<message xmlns='jabber:client' type='chat'></message>"
        );
        let hostile = simplest(&hostile_stanzas(10_000));
        assert_eq!(hostile, "<message xmlns='jabber:client'></message>");
        assert_eq!(simplest(&chunks()).split(b"all of it").count(), 1);
        let calm = simplest(&traffic());
        assert_eq!((calm.write, calm.read), (Portion::Whole, Portion::Whole));
        assert_eq!((calm.latency, calm.window), (0..=0, 1 << 16));
        assert_eq!(simplest(&faults()), FaultPlan::NONE);
        assert_eq!(simplest(&weather()), Weather::Fair);
        assert_eq!(simplest(&situations()), Situation::Fair);
        let attack = Attack::Renegotiate(Renegotiation::HelloRequest);
        assert_eq!(simplest(&attacks()), attack);
        let plain = PairOptions {
            seed: 0,
            ..PairOptions::default()
        };
        assert_eq!(simplest(&pairs()), plain);
    }
}

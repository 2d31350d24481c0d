//! Tests of stream features: the text as written, and what is read from an offer.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::{
    Authentication, AuthenticationOut, FeatureError, FeatureOffer, FeatureXml, Features,
    FeaturesClass, FeaturesOut, write_features,
};
use crate::stream::testing::element;

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const STARTTLS_REQUIRED: &str =
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const MECHANISMS: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
     <mechanism>EXTERNAL</mechanism><mechanism>SCRAM-SHA-1-PLUS</mechanism>\
     <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms>";
const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";

const AUTHENTICATION: &str = "<authentication xmlns='urn:xmpp:sasl:2'>\
     <mechanism>SCRAM-SHA-1</mechanism></authentication>";

fn with<T>(children: &str, read: impl FnOnce(Features<'_>) -> T) -> T {
    let xml = format!("<stream:features>{children}</stream:features>");
    element(&xml, |element| read(Features::read(element).unwrap()))
}

fn class(children: &str) -> FeaturesClass {
    with(children, |features| features.class())
}

fn mechanisms(children: &str) -> Vec<String> {
    with(children, |features| {
        features.mechanisms().map(String::from).collect()
    })
}

fn bindings(children: &str) -> Option<Vec<String>> {
    with(children, |features| {
        Some(features.channel_bindings()?.map(String::from).collect())
    })
}

#[test]
fn rfc6120_5_3_1_1_starttls_alone_or_required_is_mandatory() {
    assert_eq!(class(STARTTLS).starttls, FeatureOffer::Required);
    assert_eq!(class(STARTTLS_REQUIRED).starttls, FeatureOffer::Required);
    assert_eq!(
        class(&format!("{STARTTLS_REQUIRED}{MECHANISMS}")).starttls,
        FeatureOffer::Required
    );
    assert_eq!(
        class(&format!("{STARTTLS}{MECHANISMS}")).starttls,
        FeatureOffer::Offered
    );
    assert_eq!(class(MECHANISMS).starttls, FeatureOffer::Absent);
    // Not in STARTTLS's namespace, so not STARTTLS's.
    let foreign = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
                   <required xmlns='urn:x'/></starttls>";
    assert_eq!(
        class(&format!("{foreign}{MECHANISMS}")).starttls,
        FeatureOffer::Offered
    );
}

#[test]
fn rfc6120_6_4_1_3_mechanisms_in_the_peers_order() {
    assert!(class(MECHANISMS).sasl);
    assert_eq!(
        mechanisms(MECHANISMS),
        ["EXTERNAL", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"]
    );
}

#[test]
fn rfc6120_6_3_5_3_unknown_children_and_bad_names_in_mechanisms_are_ignored() {
    let list = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
         <hostname xmlns='urn:xmpp:domain-based-name:1'>h</hostname>\
         <mechanism>plain</mechanism><mechanism/><mechanism> PLAIN</mechanism>\
         <mechanism>AAAAAAAAAAAAAAAAAAAAA</mechanism>\
         <mechanism xmlns='urn:x'>EXTERNAL</mechanism>\
         <mechanism>X_1-Z</mechanism></mechanisms>";
    assert_eq!(mechanisms(list), ["X_1-Z"]);
}

#[test]
fn an_empty_list_of_mechanisms_is_still_mandatory() {
    let empty = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    assert!(class(empty).sasl);
    assert!(mechanisms(empty).is_empty());
}

#[test]
fn xep0440_channel_bindings_absent_or_listed() {
    assert_eq!(bindings(MECHANISMS), None);
    let example = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
         <channel-binding type='tls-server-end-point'/>\
         <channel-binding type='tls-exporter'/><channel-binding/>\
         </sasl-channel-binding>";
    assert_eq!(
        bindings(example),
        Some(vec!["tls-server-end-point".into(), "tls-exporter".into()])
    );
    assert!(!class(example).unknown_required);
}

#[test]
fn rfc6120_7_3_1_1_bind_needs_no_required() {
    assert!(class(BIND).bind);
    assert!(!class(MECHANISMS).bind);
    assert!(!class("<bind/>").bind);
}

#[test]
fn rfc3921_3_session_is_required_unless_optional() {
    let session = |child| {
        class(&format!(
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'>{child}</session>"
        ))
        .session
    };
    assert_eq!(session(""), FeatureOffer::Required);
    assert_eq!(session("<optional/>"), FeatureOffer::Offered);
    assert_eq!(class(BIND).session, FeatureOffer::Absent);
}

#[test]
fn rfc6120_4_9_3_23_1_unknown_features_are_voluntary_unless_required() {
    assert!(!class("<c xmlns='urn:x'/>").unknown_required);
    assert!(class("<example xmlns='urn:xmpp:example'><required/></example>").unknown_required);
    assert!(!class("<c xmlns='urn:x'><required xmlns='urn:y'/></c>").unknown_required);
    assert!(!class("<c xmlns='urn:x'><d><required/></d></c>").unknown_required);
    // What is known does not count as unknown.
    assert!(!class(STARTTLS_REQUIRED).unknown_required);
    let names = with(
        &format!("{BIND}<c xmlns='urn:x'/><ver xmlns='urn:y'/>{MECHANISMS}"),
        |features| {
            let names = features
                .unknown()
                .map(|feature| String::from(feature.name()));
            names.collect::<Vec<_>>()
        },
    );
    assert_eq!(names, ["c", "ver"]);
}

#[test]
fn rfc6120_4_3_2_2_children_in_the_stream_or_content_namespace_are_no_features() {
    for child in [
        "<x/>",
        "<x><required/></x>",
        "<x xmlns='jabber:server'><required/></x>",
        "<stream:x><stream:required/></stream:x>",
        "<x xmlns=''><required/></x>",
    ] {
        assert_eq!(class(child), FeaturesClass::default(), "{child}");
        // and STARTTLS beside them is still alone
        assert_eq!(
            class(&format!("{child}{STARTTLS}")).starttls,
            FeatureOffer::Required
        );
    }
}

#[test]
fn rfc6120_4_3_2_3_order_does_not_matter() {
    let parts = [
        STARTTLS,
        MECHANISMS,
        BIND,
        "<c xmlns='urn:x'><required/></c>",
    ];
    let expected = class(&parts.concat());
    for turn in 1..parts.len() {
        let mut turned = parts;
        turned.rotate_left(turn);
        assert_eq!(class(&turned.concat()), expected);
        turned.reverse();
        assert_eq!(class(&turned.concat()), expected);
    }
}

#[test]
fn rfc6120_4_3_2_8_empty_features_offer_nothing() {
    assert_eq!(class(""), FeaturesClass::default());
}

#[test]
fn only_features_of_the_stream_namespace_are_features() {
    assert!(element("<features/>", |element| Features::read(element).is_none()));
    assert!(element("<stream:feature/>", |element| Features::read(
        element
    )
    .is_none()));
}

#[test]
fn every_class_is_enumerated_once() {
    let all: Vec<_> = FeaturesClass::all().collect();
    let distinct: BTreeSet<_> = all.iter().map(|class| format!("{class:?}")).collect();
    assert_eq!((all.len(), distinct.len()), (288, 288));
    assert!(all.contains(&FeaturesClass::default()));
    assert!(all.contains(&class(&format!("{STARTTLS}{MECHANISMS}{BIND}"))));
}

/// Every combination, read back; the RFC's order of mechanisms is kept.
#[test]
fn rfc6120_4_3_2_written_features_read_back() {
    let extra = [FeatureXml::new("<c xmlns='urn:x'><required/></c>").unwrap()];
    let mut count = 0;
    for class in FeaturesClass::all() {
        if class.session == FeatureOffer::Required {
            continue; // We never ask for a session.
        }
        let dialback = count % 2 == 0;
        let offered = FeaturesOut {
            dialback,
            starttls: class.starttls,
            mechanisms: if class.sasl {
                &["EXTERNAL", "PLAIN"]
            } else {
                &[]
            },
            authentication: class.sasl2.then_some(AuthenticationOut {
                mechanisms: &["SCRAM-SHA-1"],
                management: class.management,
                bind: class.bind.then_some(&["urn:xmpp:sm:3"]),
                fast: if class.sasl {
                    &["HT-SHA-256-NONE"]
                } else {
                    &[]
                },
                upgrades: &["UPGR-SCRAM-SHA-256"],
            }),
            channel_bindings: if class.sasl { &["tls-exporter"] } else { &[] },
            bind: class.bind,
            session: class.session == FeatureOffer::Offered,
            management: class.management,
            extra: if class.unknown_required { &extra } else { &[] },
        };
        let mut xml = String::new();
        write_features(&mut xml, &offered);
        let alone = class.starttls == FeatureOffer::Offered
            && !(class.sasl || class.bind || offered.session || class.unknown_required)
            && !(dialback || class.management || class.sasl2);
        let expected = FeaturesClass {
            starttls: if alone {
                FeatureOffer::Required
            } else {
                class.starttls
            },
            ..class
        };
        element(&xml, |element| {
            let features = Features::read(element).unwrap();
            assert_eq!(features.class(), expected, "{xml}");
            assert_eq!(features.dialback(), dialback);
            assert!(features.mechanisms().eq(offered.mechanisms.iter().copied()));
            let bindings = features.channel_bindings().into_iter().flatten();
            assert!(bindings.eq(offered.channel_bindings.iter().copied()));
            let authentication = features.authentication();
            assert_eq!(authentication.is_some(), class.sasl2);
            if let (Some(read), Some(written)) = (authentication, offered.authentication) {
                reads_back(read, written);
            }
        });
        count += 1;
    }
    assert_eq!(count, 192);
}

fn reads_back(read: Authentication<'_>, written: AuthenticationOut<'_>) {
    assert!(read.mechanisms().eq(written.mechanisms.iter().copied()));
    assert_eq!(read.inline_management(), written.management);
    assert_eq!(read.inline_bind().is_some(), written.bind.is_some());
    let features = read.inline_bind().into_iter().flat_map(|b| b.features());
    assert!(features.eq(written.bind.into_iter().flatten().copied()));
    let fast = read.fast_mechanisms().into_iter().flatten();
    assert!(fast.eq(written.fast.iter().copied()), "{written:?}");
    assert!(read.upgrades().eq(written.upgrades.iter().copied()));
}

#[test]
fn written_features_look_as_the_rfc_shows_them() {
    let mut out = String::new();
    write_features(
        &mut out,
        &FeaturesOut {
            starttls: FeatureOffer::Required,
            ..FeaturesOut::default()
        },
    );
    assert_eq!(
        out,
        format!("<stream:features>{STARTTLS_REQUIRED}</stream:features>")
    );
    out.clear();
    write_features(&mut out, &FeaturesOut::default());
    assert_eq!(out, "<stream:features></stream:features>");
}

#[test]
fn rfc6120_4_3_2_2_further_features_need_a_namespace_of_their_own() {
    let further = "<x xmlns='u:x'><y/></x>";
    assert_eq!(
        FeatureXml::new(further).map(|f| String::from(f.as_str())),
        Ok(further.into())
    );
    for (xml, reason) in [
        ("", FeatureError::NotOneElement),
        ("<a xmlns='u:x'/><b/>", FeatureError::NotOneElement),
        ("<a xmlns='u:x'>", FeatureError::NotOneElement),
        ("</stream:features>", FeatureError::NotOneElement),
        ("<a/>", FeatureError::Namespace),
        ("<a xmlns='jabber:client'/>", FeatureError::Namespace),
        ("<a xmlns='jabber:server'/>", FeatureError::Namespace),
        (
            "<a xmlns='http://etherx.jabber.org/streams'/>",
            FeatureError::Namespace,
        ),
        (STARTTLS, FeatureError::Known),
        (MECHANISMS, FeatureError::Known),
        (BIND, FeatureError::Known),
        (AUTHENTICATION, FeatureError::Known),
    ] {
        assert_eq!(FeatureXml::new(xml), Err(reason), "{xml}");
    }
}

/// RFC 6120 4.3.2: each of the features counts in any place, also beside what is not known.
#[test]
fn every_feature_is_found_in_every_place() {
    let session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
    let dialback = "<dialback xmlns='urn:xmpp:features:dialback'/>";
    let bindings = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
         <channel-binding type='tls-exporter'/></sasl-channel-binding>";
    let required = "<c xmlns='urn:x'><required/></c>";
    let other = "<ver xmlns='urn:y'/>";
    let management = "<sm xmlns='urn:xmpp:sm:3'/>";
    let parts = [
        STARTTLS,
        MECHANISMS,
        AUTHENTICATION,
        BIND,
        session,
        dialback,
        bindings,
        required,
        management,
        other,
    ];
    let expected = FeaturesClass {
        starttls: FeatureOffer::Offered,
        sasl: true,
        sasl2: true,
        bind: true,
        session: FeatureOffer::Required,
        management: true,
        unknown_required: true,
    };
    for first in 0..parts.len() {
        for second in 0..parts.len() {
            let mut moved = parts;
            moved.swap(0, first);
            moved.swap(1, second);
            with(&moved.concat(), |features| {
                assert_eq!(features.class(), expected, "{moved:?}");
                assert!(features.dialback(), "{moved:?}");
                assert_eq!(features.mechanisms().count(), 4, "{moved:?}");
                let announced = features.channel_bindings().unwrap();
                assert!(announced.eq(["tls-exporter"]), "{moved:?}");
            });
        }
    }
}

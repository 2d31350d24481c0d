//! `<authentication/>`, as the examples have it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Authentication, AuthenticationOut, FeatureOffer, Features, FeaturesOut, write_features,
};
use crate::stream::testing::element;

fn with<T>(children: &str, of: impl FnOnce(Option<Authentication<'_>>) -> T) -> T {
    let xml = format!("<stream:features>{children}</stream:features>");
    element(&xml, |element| {
        of(Features::read(element).unwrap().authentication())
    })
}

/// An offer with these children, and PLAIN after them.
fn authentication<T>(children: &str, of: impl FnOnce(Authentication<'_>) -> T) -> T {
    let xml = format!(
        "<authentication xmlns='urn:xmpp:sasl:2'>{children}<mechanism>PLAIN</mechanism>\
         </authentication>"
    );
    with(&xml, |authentication| of(authentication.unwrap()))
}

fn list<'a>(names: impl Iterator<Item = alloc::borrow::Cow<'a, str>>) -> Vec<String> {
    names.map(String::from).collect()
}

fn bind_features(inside: &str) -> Option<Vec<String>> {
    let xml = format!("<inline><bind xmlns='urn:xmpp:bind:0'>{inside}</bind></inline>");
    authentication(&xml, |offer| {
        offer.inline_bind().map(|bind| list(bind.features()))
    })
}

const EXAMPLE: &str = "<mechanism>SCRAM-SHA-1</mechanism><mechanism>SCRAM-SHA-1-PLUS</mechanism>\
     <inline><sm xmlns='urn:xmpp:sm:3'/>\
     <bind xmlns='urn:xmpp:bind:0'><inline>\
     <feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/>\
     <feature var='urn:xmpp:sm:3'/></inline></bind>\
     <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-ENDP</mechanism>\
     <mechanism>HT-SHA-256-NONE</mechanism></fast></inline>\
     <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>\
     <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>";

/// XEP-0388 2.1, XEP-0386 3.1, XEP-0484 3.1 and XEP-0480 2.1, put together.
#[test]
fn xep0388_2_1_offer_of_the_examples_is_written_and_read() {
    let out = FeaturesOut {
        authentication: Some(AuthenticationOut {
            mechanisms: &["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"],
            management: true,
            bind: Some(&["urn:xmpp:carbons:2", "urn:xmpp:csi:0", "urn:xmpp:sm:3"]),
            fast: &["HT-SHA-256-ENDP", "HT-SHA-256-NONE"],
            upgrades: &["UPGR-SCRAM-SHA-256", "UPGR-SCRAM-SHA-512"],
        }),
        ..FeaturesOut::default()
    };
    let mut written = String::new();
    write_features(&mut written, &out);
    assert_eq!(
        written,
        format!(
            "<stream:features><authentication xmlns='urn:xmpp:sasl:2'>{EXAMPLE}\
             </authentication></stream:features>"
        )
    );
    authentication(EXAMPLE, |offer| {
        assert_eq!(
            list(offer.mechanisms()),
            ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "PLAIN"]
        );
        assert!(offer.inline_management());
        let bind = offer.inline_bind().unwrap();
        assert!(bind.management());
        let fast = offer.fast_mechanisms().map(list);
        let expected = ["HT-SHA-256-ENDP", "HT-SHA-256-NONE"];
        assert_eq!(fast.as_deref(), Some(&expected.map(String::from)[..]));
        let upgrades = ["UPGR-SCRAM-SHA-256", "UPGR-SCRAM-SHA-512"];
        assert_eq!(list(offer.upgrades()), upgrades);
    });
}

/// XEP-0386 3.1 has the features in `<inline/>`, an example of XEP-0198 9.3 directly in `<bind/>`.
#[test]
fn xep0386_3_1_features_of_bind_are_found_in_both_places() {
    let feature = "<feature var='urn:xmpp:sm:3'/>";
    let inline = format!("<inline>{feature}<x/></inline>");
    let expected = || Some(Vec::from(["urn:xmpp:sm:3".into()]));
    assert_eq!(bind_features(feature), expected());
    assert_eq!(bind_features(&inline), expected());
    assert_eq!(bind_features(""), Some(Vec::new()));
    assert_eq!(bind_features("<feature/><x var='a'/>"), Some(Vec::new()));
    assert!(authentication("", |offer| offer.inline_bind().is_none()));
}

#[test]
fn what_is_offered_in_another_place_or_namespace_is_not_offered() {
    let outside = "<sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'/>\
                   <fast xmlns='urn:xmpp:fast:0'/>";
    let others = "<inline><sm xmlns='urn:xmpp:sm:2'/><resume xmlns='urn:xmpp:sm:3'/>\
                  <bind xmlns='urn:xmpp:bind2:1'/><fast/><upgrade>UPGR-A</upgrade></inline>\
                  <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>a b</upgrade>\
                  <mechanism>no name</mechanism><mechanism xmlns='u:x'>PLAIN</mechanism>";
    for children in ["", outside, others] {
        authentication(children, |offer| {
            assert!(!offer.inline_management(), "{children}");
            assert!(offer.inline_bind().is_none(), "{children}");
            assert!(offer.fast_mechanisms().is_none(), "{children}");
            assert_eq!(offer.upgrades().count(), 0, "{children}");
            assert_eq!(list(offer.mechanisms()), ["PLAIN"], "{children}");
        });
    }
    for other in [
        "",
        "<authentication xmlns='urn:xmpp:sasl:1'/>",
        "<mechanisms xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></mechanisms>",
    ] {
        assert!(
            with(other, |authentication| authentication.is_none()),
            "{other}"
        );
    }
}

/// XEP-0388 2.1: it cannot be used without a mechanism.
#[test]
fn xep0388_2_1_an_offer_without_a_mechanism_is_no_offer() {
    const PLAIN: &str = "<mechanism>PLAIN</mechanism>";
    const FAST: &str = "<inline><bind xmlns='urn:xmpp:bind:0'/>\
        <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline>";
    // Both readers say the same.
    let class = |children: &str| {
        let xml = format!(
            "<stream:features><authentication xmlns='urn:xmpp:sasl:2'>{children}\
             </authentication></stream:features>"
        );
        element(&xml, |element| {
            let features = Features::read(element).unwrap();
            let class = features.class();
            assert_eq!(features.authentication().is_some(), class.sasl2, "{xml}");
            class
        })
    };
    for with in [
        PLAIN,
        &format!("<mechanism/>{PLAIN}"),
        &format!("{FAST}{PLAIN}"),
        "<mechanism>X-OTHER</mechanism>",
    ] {
        assert!(class(with).sasl2, "{with}");
    }
    for without in [
        "",
        "<mechanism/>",
        "<mechanism>a</mechanism>",
        "<mechanism>A B</mechanism>",
        "<mechanism xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>PLAIN</mechanism>",
        "<mechanisms><mechanism>PLAIN</mechanism></mechanisms>",
        "<inline/>",
        FAST,
        // The first one counts, and it is none.
        &format!("</authentication><authentication xmlns='urn:xmpp:sasl:2'>{PLAIN}"),
    ] {
        assert!(!class(without).sasl2, "{without}");
    }
    // Nor is one written.
    let mut written = String::new();
    let authentication = Some(AuthenticationOut {
        mechanisms: &[],
        management: true,
        bind: Some(&["urn:xmpp:sm:3"]),
        fast: &["HT-SHA-256-NONE"],
        upgrades: &["UPGR-SCRAM-SHA-256"],
    });
    let out = FeaturesOut {
        authentication,
        ..FeaturesOut::default()
    };
    write_features(&mut written, &out);
    assert_eq!(written, "<stream:features></stream:features>");
    let class = class("<mechanism>PLAIN</mechanism><required/>");
    assert!(!class.sasl && !class.unknown_required);
    assert_eq!(class.starttls, FeatureOffer::Absent);
}

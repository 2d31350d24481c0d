//! What is refused, rule by rule, and what is not.

use alloc::format;
use alloc::string::String;

use super::{octets, read, refusal};
use crate::sasl::SaslCondition::{self, IncorrectEncoding, InvalidMechanism, MalformedRequest};
use crate::sasl::{MAX_SALT, MAX_TOKEN, MAX_TOKEN_EXPIRY};
use crate::stream::sasl2::{
    MAX_BIND_FEATURES, MAX_HASH_BYTES, MAX_TAG_BYTES, MAX_TASKS, MAX_UPGRADES, Sasl2Element as E,
    is_task_name, read_hash, read_salt,
};
use crate::stream::testing::element;

const ID: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";

fn authenticate(children: &str) -> Option<SaslCondition> {
    refusal(&format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>{children}</authenticate>"
    ))
}

fn bind(children: &str) -> Option<SaslCondition> {
    authenticate(&format!("<bind xmlns='urn:xmpp:bind:0'>{children}</bind>"))
}

/// A success of a full address.
fn success(children: &str) -> Option<SaslCondition> {
    refusal(&format!(
        "<success xmlns='urn:xmpp:sasl:2'>\
         <authorization-identifier>a@h/r</authorization-identifier>{children}</success>"
    ))
}

fn bound(children: &str) -> Option<SaslCondition> {
    success(&format!(
        "<bound xmlns='urn:xmpp:bind:0'>{children}</bound>"
    ))
}

fn continued(children: &str) -> Option<SaslCondition> {
    refusal(&format!(
        "<continue xmlns='urn:xmpp:sasl:2'>{children}</continue>"
    ))
}

fn repeated(piece: impl Fn(usize) -> String, n: usize) -> String {
    (0..n).map(piece).collect()
}

#[test]
fn an_element_that_is_none_of_sasl2_is_malformed() {
    for xml in [
        "<authentication xmlns='urn:xmpp:sasl:2'/>",
        "<x xmlns='urn:xmpp:sasl:2'/>",
        "<authenticate xmlns='urn:xmpp:sasl:1' mechanism='X'/>",
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<abort/>",
    ] {
        assert_eq!(refusal(xml), Some(MalformedRequest), "{xml}");
    }
}

#[test]
fn xep0388_2_3_authenticate_names_a_mechanism() {
    for attribute in ["", "mechanism=''", "mechanism='plain'", "mechanism='A B'"] {
        let xml = format!("<authenticate xmlns='urn:xmpp:sasl:2' {attribute}/>");
        assert_eq!(refusal(&xml), Some(InvalidMechanism), "{xml}");
    }
    assert_eq!(authenticate(""), None);
}

/// XEP-0388 2.2: no white space, no `=` for what is empty, complete padding.
#[test]
fn xep0388_2_2_base64_is_strict_everywhere() {
    for text in [
        "=", " ", "QQ", "QQ=", "Q===", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "é",
    ] {
        let expected = Some(IncorrectEncoding);
        for name in ["challenge", "response"] {
            let xml = format!("<{name} xmlns='urn:xmpp:sasl:2'>{text}</{name}>");
            assert_eq!(refusal(&xml), expected, "{xml}");
        }
        let initial = format!("<initial-response>{text}</initial-response>");
        assert_eq!(authenticate(&initial), expected, "{initial}");
        let data = format!("<additional-data>{text}</additional-data>");
        assert_eq!(success(&data), expected, "{data}");
        let tasks = format!("{data}<tasks><task>A</task></tasks>");
        assert_eq!(continued(&tasks), expected, "{tasks}");
        for (xml, hash) in [("salt iterations='1'", false), ("hash", true)] {
            let name = xml.split(' ').next().unwrap_or_default();
            let xml = format!(
                "<task-data xmlns='urn:xmpp:sasl:2'>\
                 <{xml} xmlns='urn:xmpp:scram-upgrade:0'>{text}</{name}></task-data>"
            );
            let read = element(&xml, |element| {
                if hash {
                    read_hash(&element).err()
                } else {
                    read_salt(&element).err()
                }
            });
            assert_eq!(read, expected, "{xml}");
        }
    }
    let child = "<x/>";
    for name in ["challenge", "response"] {
        let xml = format!("<{name} xmlns='urn:xmpp:sasl:2'>{child}</{name}>");
        assert_eq!(refusal(&xml), Some(MalformedRequest), "{xml}");
    }
    // References and CDATA are other ways to write the same text.
    let xml = "<response xmlns='urn:xmpp:sasl:2'>&#81;Q<![CDATA[==]]></response>";
    let data = read(xml, |read| match read {
        E::Response(data) => octets(Some(&data)),
        other => panic!("{other:?}"),
    });
    assert_eq!(data, Ok(Some(b"A".to_vec())));
}

#[test]
fn what_is_known_comes_once() {
    for child in [
        "<initial-response/>",
        "<user-agent/>",
        "<bind xmlns='urn:xmpp:bind:0'/>",
        "<resume xmlns='urn:xmpp:sm:3' h='1' previd='a'/>",
        "<fast xmlns='urn:xmpp:fast:0'/>",
        "<request-token xmlns='urn:xmpp:fast:0' mechanism='A'/>",
    ] {
        assert_eq!(authenticate(child), None, "{child}");
        let twice = format!("{child}<x xmlns='u:x'/>{child}");
        assert_eq!(authenticate(&twice), Some(MalformedRequest), "{twice}");
    }
    for child in ["<tag>a</tag>", "<enable xmlns='urn:xmpp:sm:3'/>"] {
        assert_eq!(bind(child), None, "{child}");
        assert_eq!(bind(&child.repeat(2)), Some(MalformedRequest), "{child}");
    }
    for child in [
        "<additional-data/>",
        "<resumed xmlns='urn:xmpp:sm:3' h='1' previd='a'/>",
        "<failed xmlns='urn:xmpp:sm:3'/>",
        "<bound xmlns='urn:xmpp:bind:0'/>",
        "<token xmlns='urn:xmpp:fast:0' token='a' expiry='b'/>",
    ] {
        assert_eq!(success(child), None, "{child}");
        assert_eq!(success(&child.repeat(2)), Some(MalformedRequest), "{child}");
    }
    let identifier = "<authorization-identifier>a@h</authorization-identifier>";
    assert_eq!(success(identifier), Some(MalformedRequest));
    for child in [
        "<enabled xmlns='urn:xmpp:sm:3'/>",
        "<failed xmlns='urn:xmpp:sm:3'/>",
    ] {
        assert_eq!(bound(child), None, "{child}");
        assert_eq!(bound(&child.repeat(2)), Some(MalformedRequest), "{child}");
    }
    let tasks = "<tasks><task>A</task></tasks>";
    for child in [tasks, "<additional-data/>", "<text>t</text>"] {
        let all = format!("{tasks}{child}{child}");
        assert_eq!(continued(&all), Some(MalformedRequest), "{all}");
    }
}

#[test]
fn xep0388_2_3_the_id_of_a_user_agent_is_a_uuid_of_version_4() {
    let agent = |id: &str| authenticate(&format!("<user-agent id='{id}'/>"));
    assert_eq!(agent(ID), None);
    for id in [
        "",
        "x",
        "d4565fa7-4d72-1749-b3d3-740edbf87770",
        "d4565fa7-4d72-4749-c3d3-740edbf87770",
        "d4565fa7-4d72-4749-73d3-740edbf87770",
        "d4565fa74d724749b3d3740edbf87770",
        "d4565fa7-4d72-4749-b3d3-740edbf8777",
        "d4565fa7-4d72-4749-b3d3-740edbf877700",
        "g4565fa7-4d72-4749-b3d3-740edbf87770",
        "{d4565fa7-4d72-4749-b3d3-740edbf87770}",
    ] {
        assert_eq!(agent(id), Some(MalformedRequest), "{id}");
    }
}

#[test]
fn xep0198_9_only_a_request_of_its_place_is_read() {
    for xml in [
        "<resume xmlns='urn:xmpp:sm:3' h='1'/>",
        "<resume xmlns='urn:xmpp:sm:3' previd='a'/>",
        "<enable xmlns='urn:xmpp:sm:3'/>",
        "<x xmlns='urn:xmpp:sm:3'/>",
    ] {
        assert_eq!(authenticate(xml), Some(MalformedRequest), "{xml}");
    }
    for xml in [
        "<resume xmlns='urn:xmpp:sm:3' h='1' previd='a'/>",
        "<r xmlns='urn:xmpp:sm:3'/>",
    ] {
        assert_eq!(bind(xml), Some(MalformedRequest), "{xml}");
    }
    for xml in [
        "<resumed xmlns='urn:xmpp:sm:3' h='1'/>",
        "<enabled xmlns='urn:xmpp:sm:3'/>",
        "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    ] {
        assert_eq!(success(xml), Some(MalformedRequest), "{xml}");
    }
    for xml in [
        "<resumed xmlns='urn:xmpp:sm:3' h='1' previd='a'/>",
        "<x xmlns='urn:xmpp:sm:3'/>",
    ] {
        assert_eq!(bound(xml), Some(MalformedRequest), "{xml}");
    }
    // Another version is another extension.
    let other = "<resume xmlns='urn:xmpp:sm:2'/>";
    assert_eq!(authenticate(other), None);
}

#[test]
fn xep0386_3_2_a_request_to_bind_is_bounded() {
    let tag = |bytes| bind(&format!("<tag>{}</tag>", "t".repeat(bytes)));
    assert_eq!(tag(MAX_TAG_BYTES), None);
    assert_eq!(tag(MAX_TAG_BYTES + 1), Some(MalformedRequest));
    let features = |n| bind(&repeated(|i| format!("<f{i} xmlns='u:x'/>"), n));
    assert_eq!(features(MAX_BIND_FEATURES), None);
    assert_eq!(features(MAX_BIND_FEATURES + 1), Some(MalformedRequest));
}

#[test]
fn xep0484_3_what_is_said_of_tokens_is_complete() {
    let fast =
        |attributes: &str| authenticate(&format!("<fast xmlns='urn:xmpp:fast:0' {attributes}/>"));
    for fine in [
        "",
        "count='0'",
        "count=' 4294967295 '",
        "invalidate='false'",
    ] {
        assert_eq!(fast(fine), None, "{fine}");
    }
    for wrong in [
        "count=''",
        "count='-1'",
        "count='+1'",
        "count='4294967296'",
        "count='one'",
        "invalidate=''",
        "invalidate='yes'",
    ] {
        assert_eq!(fast(wrong), Some(MalformedRequest), "{wrong}");
    }
    for attribute in ["", "mechanism=''", "mechanism='ht'"] {
        let xml = format!("<request-token xmlns='urn:xmpp:fast:0' {attribute}/>");
        assert_eq!(authenticate(&xml), Some(MalformedRequest), "{xml}");
    }
    let token = |token: usize, expiry: usize| {
        let (token, expiry) = ("t".repeat(token), "e".repeat(expiry));
        success(&format!(
            "<token xmlns='urn:xmpp:fast:0' token='{token}' expiry='{expiry}'/>"
        ))
    };
    assert_eq!(token(MAX_TOKEN, MAX_TOKEN_EXPIRY), None);
    for (of_token, of_expiry) in [
        (0, 1),
        (1, 0),
        (MAX_TOKEN + 1, 1),
        (1, MAX_TOKEN_EXPIRY + 1),
    ] {
        assert_eq!(token(of_token, of_expiry), Some(MalformedRequest));
    }
    for attribute in ["token='t'", "expiry='e'"] {
        let xml = format!("<token xmlns='urn:xmpp:fast:0' {attribute}/>");
        assert_eq!(success(&xml), Some(MalformedRequest), "{xml}");
    }
}

#[test]
fn xep0480_2_2_upgrades_are_named_and_bounded() {
    let upgrade = |name: &str| format!("<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>{name}</upgrade>");
    for name in ["", "upgr", "A B", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] {
        assert_eq!(
            authenticate(&upgrade(name)),
            Some(MalformedRequest),
            "{name}"
        );
    }
    let upgrades = |n| authenticate(&repeated(|i| upgrade(&format!("UPGR-{i}")), n));
    assert_eq!(upgrades(MAX_UPGRADES), None);
    assert_eq!(upgrades(MAX_UPGRADES + 1), Some(MalformedRequest));
    // One name counts once, however often it comes.
    assert_eq!(authenticate(&upgrade("UPGR-A").repeat(100)), None);
    assert!(is_task_name("UPGR-SCRAM-SHA-256"));
    assert!(is_task_name(&"A".repeat(25)));
}

/// XEP-0388 2.6.1: an address is required. XEP-0386 3.2: a full one with `<bound/>`, which does not
/// come with `<resumed/>`.
#[test]
fn xep0388_2_6_1_success_names_who_is_authenticated() {
    let of = |children: &str| {
        refusal(&format!(
            "<success xmlns='urn:xmpp:sasl:2'>{children}</success>"
        ))
    };
    assert_eq!(of(""), Some(MalformedRequest));
    for text in ["", "@h", "a b@h"] {
        let xml = format!("<authorization-identifier>{text}</authorization-identifier>");
        assert_eq!(of(&xml), Some(MalformedRequest), "{xml}");
    }
    // This is the name in examples of XEP-0484.
    let identity = "<authorization-identity>a@h</authorization-identity>";
    assert_eq!(of(identity), Some(MalformedRequest));
    let bare = "<authorization-identifier>a@h</authorization-identifier>";
    assert_eq!(of(bare), None);
    let bound = "<bound xmlns='urn:xmpp:bind:0'/>";
    assert_eq!(of(&format!("{bare}{bound}")), Some(MalformedRequest));
    let resumed = "<resumed xmlns='urn:xmpp:sm:3' h='1' previd='a'/>";
    assert_eq!(
        success(&format!("{resumed}{bound}")),
        Some(MalformedRequest)
    );
    let failed = "<failed xmlns='urn:xmpp:sm:3'/>";
    assert_eq!(success(&format!("{failed}{bound}")), None);
    // White space around the address, as an example of XEP-0388 has it.
    let spaced = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>\n  \
                  alice@example.org/this-one-please\n</authorization-identifier></success>";
    let jid = read(spaced, |read| match read {
        E::Success(read) => String::from(read.authorization_identifier.as_str()),
        other => panic!("{other:?}"),
    });
    assert_eq!(jid.as_deref(), Ok("alice@example.org/this-one-please"));
}

#[test]
fn xep0388_2_6_3_continue_and_next_name_tasks() {
    for children in [
        "",
        "<tasks/>",
        "<tasks><task/></tasks>",
        "<tasks><task>a</task></tasks>",
    ] {
        assert_eq!(continued(children), Some(MalformedRequest), "{children}");
    }
    // What is no name is ignored beside a name.
    let mixed = "<tasks><task>a b</task><x/><task>A</task></tasks>";
    assert_eq!(continued(mixed), None);
    let tasks = |n| {
        let names = repeated(|i| format!("<task>T-{i}</task>"), n);
        continued(&format!("<tasks>{names}</tasks>"))
    };
    assert_eq!(tasks(MAX_TASKS), None);
    assert_eq!(tasks(MAX_TASKS + 1), Some(MalformedRequest));
    for attribute in ["", "task=''", "task='a'"] {
        let xml = format!("<next xmlns='urn:xmpp:sasl:2' {attribute}/>");
        assert_eq!(refusal(&xml), Some(MalformedRequest), "{xml}");
    }
}

#[test]
fn xep0480_3_salt_and_hash_are_there_once_and_bounded() {
    let of = |children: &str| {
        let xml = format!("<task-data xmlns='urn:xmpp:sasl:2'>{children}</task-data>");
        element(&xml, |element| {
            (read_salt(&element).err(), read_hash(&element).err())
        })
    };
    // `AAAA` is three octets.
    let salt = |iterations: &str, base64: &str| {
        format!("<salt xmlns='urn:xmpp:scram-upgrade:0' {iterations}>{base64}</salt>")
    };
    let hash = |base64: &str| format!("<hash xmlns='urn:xmpp:scram-upgrade:0'>{base64}</hash>");
    let count = "iterations='4096'";
    assert_eq!(of(&salt(count, "AAAA")).0, None);
    assert_eq!(of(&salt(count, &"AAAA".repeat(MAX_SALT / 3))).0, None);
    assert_eq!(of(&hash(&"AAAA".repeat(MAX_HASH_BYTES / 3))).1, None);
    let too_long = "AAAA".repeat(MAX_SALT / 3 + 1);
    for wrong in [
        String::new(),
        salt(count, ""),
        salt(count, &too_long),
        salt("", "AAAA"),
        salt("iterations='0'", "AAAA"),
        salt("iterations='-1'", "AAAA"),
        salt(count, "AAAA").repeat(2),
        format!("<salt xmlns='u:x' {count}>AAAA</salt>"),
    ] {
        assert_eq!(of(&wrong).0, Some(MalformedRequest), "{wrong}");
    }
    for wrong in [
        String::new(),
        hash(""),
        hash(&"AAAA".repeat(MAX_HASH_BYTES / 3 + 1)),
        hash("AAAA").repeat(2),
        "<hash xmlns='u:x'>AAAA</hash>".into(),
    ] {
        assert_eq!(of(&wrong).1, Some(MalformedRequest), "{wrong}");
    }
}

//! Doubling tests: whatever an unverified peer sends, reading it costs no more than twice as much
//! if it is twice as long.
//!
//! The cost is counted in steps (visited nodes and attributes, bytes looked at), so the tests do
//! not depend on the machine. A new wire form gets a line in one of the tables.

use alloc::format;
use alloc::string::String;
use std::println;

use super::bind::{self, Recipient};
use super::testing::{element_of, header};
use super::{
    Awaited, BindCondition, BindRequest, DialbackElement, Features, Kind, ParsedHeader, Role,
    Sasl2Element, SaslElement, StartTls, StreamError, classify, handshake, sasl2,
};
use crate::xml::work::measure;
use crate::xml::{Element, Header};

/// Makes an input of the size `n`.
type Input = fn(usize) -> String;

/// Fails unless the cost at 2n and 4n is at most twice and four times the cost at n.
fn assert_linear(name: &str, n: usize, cost: impl Fn(usize) -> usize) {
    let costs = [n, 2 * n, 4 * n].map(cost);
    println!("{name:44} n = {n:5}: {costs:?}");
    let [once, twice, four_times] = costs;
    assert!(once > 0, "{name}: nothing was counted");
    assert!(twice <= 2 * once, "{name}: {costs:?}");
    assert!(four_times <= 4 * once, "{name}: {costs:?}");
}

fn repeated(piece: impl Fn(usize) -> String, n: usize) -> String {
    (0..n).map(piece).collect()
}

fn features(children: &str) -> String {
    format!("<stream:features>{children}</stream:features>")
}

fn read_features(element: Element<'_>) {
    let features = Features::read(element).unwrap();
    let class = features.class();
    let listed = features.mechanisms().map(|name| name.len()).sum::<usize>();
    let bindings = features.channel_bindings();
    let announced = bindings.map(|list| list.map(|binding| binding.len()).sum::<usize>());
    let unknown = features.unknown().count();
    if let Some(offer) = features.authentication() {
        let bind = offer.inline_bind().map(|bind| bind.features().count());
        let fast = offer.fast_mechanisms().map(Iterator::count);
        let lists = (offer.mechanisms().count(), offer.upgrades().count());
        core::hint::black_box((lists, bind, fast, offer.inline_management()));
    }
    let rest = (features.dialback(), features.bind(), features.session());
    core::hint::black_box((class, listed, announced, unknown, rest));
}

fn read_any_element(element: Element<'_>) {
    core::hint::black_box((
        StreamError::parse(&element),
        BindCondition::read(&element),
        bind::read_result(&element),
    ));
    core::hint::black_box(DialbackElement::read(&element)).map(|read| read.is_ok());
    core::hint::black_box(SaslElement::read(&element).is_ok());
    read_sasl2(element);
    core::hint::black_box(StartTls::read(&element));
    core::hint::black_box(handshake::read(&element));
    core::hint::black_box(BindRequest::read(&element, Recipient::Anyone).is_some());
    core::hint::black_box(bind::read_session_request(&element, Recipient::Anyone).is_some());
    for kind in [Kind::ClientToServer, Kind::ServerToServer, Kind::Component] {
        core::hint::black_box(classify(&element, kind, Awaited::Bind("a")));
    }
}

fn read_sasl2(element: Element<'_>) {
    let salt = sasl2::read_salt(&element).is_ok();
    core::hint::black_box((salt, sasl2::read_hash(&element).is_ok()));
    core::hint::black_box(match Sasl2Element::read(&element) {
        Ok(Sasl2Element::Authenticate(read)) => {
            let bind = read.bind.as_ref().map(|bind| bind.features().count());
            read.extensions().count() + bind.unwrap_or_default()
        }
        Ok(Sasl2Element::Success(read)) => {
            let bound = read.bound.as_ref().map(|bound| bound.features().count());
            read.extensions().count() + bound.unwrap_or_default()
        }
        _ => 0,
    });
}

fn read_header(read: Header<'_>) {
    for kind in [Kind::ClientToServer, Kind::ServerToServer, Kind::Component] {
        for role in [Role::Initiating, Role::Receiving] {
            let parsed = ParsedHeader::read(&read, kind, role);
            let flaw = parsed.server_address_flaw("a.example", "b.example");
            core::hint::black_box((parsed.answer(), parsed.flaw(), flaw));
        }
    }
    core::hint::black_box(read.namespaces().map(|(_, uri)| uri.len()).sum::<usize>());
}

#[test]
fn features_cost_no_more_than_their_length() {
    let inputs: [(&str, Input); 10] = [
        ("unknown features", |n| {
            features(&repeated(|i| format!("<c{i:05} xmlns='urn:x:{i:05}'/>"), n))
        }),
        ("unknown features with children", |n| {
            let feature = |i| format!("<c{i:05} xmlns='urn:x'><a/><b/><required/></c{i:05}>");
            features(&repeated(feature, n))
        }),
        ("children of one unknown feature", |n| {
            let children = repeated(|i| format!("<c{i:05}/>"), n);
            features(&format!("<c xmlns='urn:x'>{children}</c>"))
        }),
        ("SASL mechanisms", |n| {
            let names = repeated(|i| format!("<mechanism>X-{i:05}</mechanism>"), n);
            features(&format!(
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{names}</mechanisms>"
            ))
        }),
        ("lists of SASL mechanisms", |n| {
            let list = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                        <mechanism>PLAIN</mechanism></mechanisms>";
            features(&list.repeat(n))
        }),
        ("channel bindings", |n| {
            let types = repeated(|i| format!("<channel-binding type='x-{i:05}'/>"), n);
            features(&format!(
                "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>{types}</sasl-channel-binding>"
            ))
        }),
        ("mechanisms of SASL2", |n| {
            let names = repeated(|i| format!("<mechanism>X-{i:05}</mechanism>"), n);
            features(&format!(
                "<authentication xmlns='urn:xmpp:sasl:2'>{names}</authentication>"
            ))
        }),
        ("features of Bind 2", |n| {
            let list = "<inline><feature var='a'/></inline><feature var='a'/>".repeat(n);
            features(&format!(
                "<authentication xmlns='urn:xmpp:sasl:2'><inline>\
                 <bind xmlns='urn:xmpp:bind:0'>{list}</bind></inline></authentication>"
            ))
        }),
        ("upgrade tasks", |n| {
            let upgrade =
                |i| format!("<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-{i:05}</upgrade>");
            let list = repeated(upgrade, n);
            features(&format!(
                "<authentication xmlns='urn:xmpp:sasl:2'>{list}</authentication>"
            ))
        }),
        ("the same feature", |n| {
            features(&"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".repeat(n))
        }),
    ];
    for (name, input) in inputs {
        assert_linear(name, 100, |n| {
            let read = |element: Element<'_>| measure(|| read_features(element)).0;
            element_of(Kind::ClientToServer, &input(n), read)
        });
    }
}

#[test]
fn headers_cost_no_more_than_their_length() {
    let inputs: [(&str, usize, Input); 6] = [
        ("attributes of a header", 12, |n| {
            repeated(|i| format!("a{i:02}='{i:02}' "), n)
        }),
        ("attributes of a header with a prefix", 12, |n| {
            repeated(|i| format!("stream:a{i:02}='{i:02}' "), n)
        }),
        ("declarations in a header", 6, |n| {
            repeated(|i| format!("xmlns:p{i:02}='urn:{i:02}' "), n)
        }),
        ("references in a language", 100, |n| {
            format!("xml:lang='{}' ", "&#97;".repeat(n))
        }),
        ("digits of a version", 500, |n| {
            format!("version='{}.0' ", "1".repeat(n))
        }),
        ("labels of an address", 200, |n| {
            format!("from='{}example' ", "a.".repeat(n))
        }),
    ];
    for (name, n, input) in inputs {
        assert_linear(name, n, |n| {
            let xml = format!(
                "<stream:stream xmlns='jabber:client' \
                 xmlns:stream='http://etherx.jabber.org/streams' {}>",
                input(n)
            );
            header(&xml, |read| measure(|| read_header(read)).0)
        });
    }
}

#[test]
fn elements_of_sasl2_cost_no_more_than_their_length() {
    const SUCCESS: &str = "<success xmlns='urn:xmpp:sasl:2'>\
         <authorization-identifier>a@h/r</authorization-identifier>";
    let inputs: [(&str, usize, Input); 9] = [
        ("base64 of SASL2", 1000, |n| {
            let text = "AAAA".repeat(n);
            format!("<response xmlns='urn:xmpp:sasl:2'>{text}</response>")
        }),
        ("children of a SASL2 failure", 100, |n| {
            let children = repeated(|i| format!("<c{i:05} xmlns='u:x'/>"), n);
            format!("<failure xmlns='urn:xmpp:sasl:2'>{children}</failure>")
        }),
        ("upgrade of one name", 100, |n| {
            let upgrades = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>A</upgrade>".repeat(n);
            format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>{upgrades}</authenticate>")
        }),
        ("extensions of an authentication", 100, |n| {
            let children = repeated(|i| format!("<c{i:05} xmlns='u:x'/>"), n);
            format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>{children}</authenticate>")
        }),
        ("children of a user agent", 100, |n| {
            let children = "<device/>".repeat(n);
            format!(
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'>\
                 <user-agent>{children}</user-agent></authenticate>"
            )
        }),
        ("answers of Bind 2", 100, |n| {
            let children = repeated(|i| format!("<c{i:05} xmlns='u:x'/>"), n);
            format!("{SUCCESS}<bound xmlns='urn:xmpp:bind:0'>{children}</bound></success>")
        }),
        ("extensions of a success", 100, |n| {
            let children = repeated(|i| format!("<c{i:05} xmlns='u:x'/>"), n);
            format!("{SUCCESS}{children}</success>")
        }),
        ("what is no name of a task", 100, |n| {
            let tasks = "<task>a</task>".repeat(n);
            format!("<continue xmlns='urn:xmpp:sasl:2'><tasks>{tasks}</tasks></continue>")
        }),
        ("children of a task", 100, |n| {
            let children = repeated(|i| format!("<c{i:05} xmlns='u:x'/>"), n);
            format!("<task-data xmlns='urn:xmpp:sasl:2'>{children}</task-data>")
        }),
    ];
    for (name, n, input) in inputs {
        assert_linear(name, n, |n| {
            let read = |element: Element<'_>| measure(|| read_sasl2(element)).0;
            element_of(Kind::ClientToServer, &input(n), read)
        });
    }
}

#[test]
fn elements_cost_no_more_than_their_length() {
    const ERRORS: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
    const PAIR: &str = "from='a.example' to='b.example'";
    let inputs: [(&str, usize, Input); 14] = [
        ("conditions of a stream error", 100, |n| {
            let conditions = repeated(|i| format!("<c{i:05} {ERRORS}/>"), n);
            format!("<stream:error>{conditions}</stream:error>")
        }),
        ("applications of a stream error", 100, |n| {
            let elements = repeated(|i| format!("<c{i:05} xmlns='u:{i:05}'/>"), n);
            format!("<stream:error>{elements}</stream:error>")
        }),
        ("one application of a stream error", 100, |n| {
            let children = repeated(|i| format!("<c{i:05}>x</c{i:05}>"), n);
            format!("<stream:error><c xmlns='u:x'>{children}</c></stream:error>")
        }),
        ("text of a stream error", 1000, |n| {
            let text = "t".repeat(n);
            format!("<stream:error><reset {ERRORS}/><text {ERRORS}>{text}</text></stream:error>")
        }),
        ("pieces of the text of a stream error", 500, |n| {
            let text = "t&#9;<![CDATA[x]]>".repeat(n);
            format!("<stream:error><text {ERRORS}>{text}</text></stream:error>")
        }),
        ("host of a stream error", 1000, |n| {
            let host = "[".repeat(n);
            let host = format!("<see-other-host {ERRORS}>{host}</see-other-host>");
            format!("<stream:error>{host}</stream:error>")
        }),
        ("key of dialback", 1000, |n| {
            let key = "k".repeat(n);
            format!("<db:result {PAIR}>{key}</db:result>")
        }),
        ("errors of dialback", 100, |n| {
            let errors = "<error><x xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
            let errors = errors.repeat(n);
            format!("<db:result type='error' {PAIR}>{errors}</db:result>")
        }),
        ("conditions of a dialback error", 100, |n| {
            let conditions = "<x xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>".repeat(n);
            format!("<db:verify id='1' type='error' {PAIR}><error>{conditions}</error></db:verify>")
        }),
        ("attributes of dialback", 12, |n| {
            let attributes = repeated(|i| format!("a{i:02}='{i:02}' "), n);
            format!("<db:verify {PAIR} {attributes} id='1'>k</db:verify>")
        }),
        ("base64 of SASL", 1000, |n| {
            let text = "AAAA".repeat(n);
            format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{text}</response>")
        }),
        ("conditions of a SASL failure", 100, |n| {
            let conditions = repeated(|i| format!("<c{i:05}/>"), n);
            format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{conditions}</failure>")
        }),
        ("children of a bind request", 100, |n| {
            let children = repeated(|i| format!("<c{i:05} xmlns='u:x'/>"), n);
            format!(
                "<iq type='set' id='a'>{children}\
                 <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
            )
        }),
        ("resource of a bind request", 1000, |n| {
            let resource = "r".repeat(n);
            format!(
                "<iq type='set' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>{resource}</resource></bind></iq>"
            )
        }),
    ];
    for (name, n, input) in inputs {
        assert_linear(name, n, |n| {
            let read = |element: Element<'_>| measure(|| read_any_element(element)).0;
            element_of(Kind::ServerToServer, &input(n), read)
        });
    }
}

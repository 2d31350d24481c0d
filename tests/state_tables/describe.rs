//! Phases, inputs and orders in words.

use std::collections::BTreeMap;

use xmpp_stream::stream::{
    BindCondition, Command, ElementClass, ErrorSource, FeatureOffer, FeaturesClass, HeaderClass,
    InlineRequests, Input, ManagementClass, Notice, Output, Sasl2Class, VersionClass,
};

use super::search::{Phase, RoleCommand};

/// The phase without its counter.
pub(crate) fn phase(phase: Phase) -> String {
    let (name, _) = counted(phase);
    name
}

/// The phase's name, and how many attempts it counts.
pub(crate) fn counted(phase: Phase) -> (String, u8) {
    let name = match phase {
        Phase::I(phase) => format!("{phase:?}"),
        Phase::R(phase) => format!("{phase:?}"),
    };
    let name = plain(name);
    let digits = |c: char| c.is_ascii_digit();
    let Some((head, number)) = name
        .strip_suffix(')')
        .and_then(|rest| rest.rfind(|c| !digits(c)).map(|at| rest.split_at(at + 1)))
        .filter(|(_, number)| !number.is_empty())
    else {
        return (name, 0);
    };
    let used = number.parse().unwrap();
    match head.strip_suffix(", ") {
        Some(head) => (format!("{head})"), used),
        None => (head.trim_end_matches('(').to_string(), used),
    }
}

/// Inline requests as a list of those that are left.
fn plain(mut text: String) -> String {
    if !text.contains("InlineRequests") {
        return text;
    }
    for requests in InlineRequests::all() {
        let left = [
            (requests.token, "token"),
            (requests.resume, "resume"),
            (requests.bind, "bind"),
        ];
        let left = left.iter().filter(|(is_left, _)| *is_left);
        let left: Vec<_> = left.map(|(_, name)| *name).collect();
        let left = match left.as_slice() {
            [] => "nothing left".to_owned(),
            left => format!("{} left", left.join(" and ")),
        };
        text = text.replace(&format!("{requests:?}"), &left);
    }
    text
}

/// The kind of input.
pub(crate) fn kind(input: Input) -> &'static str {
    match input {
        Input::Begin => "Begin",
        Input::Header(_) => "Header",
        Input::Element(_) => "Element",
        Input::Keepalive => "Keepalive",
        Input::Footer => "Footer",
        Input::Fault(_) => "Fault",
        Input::Secured => "Secured",
        Input::Sasl(_) => "Sasl",
        Input::Answer(_) => "Answer",
        Input::Pair(_) => "Pair",
        Input::KeyChecked => "KeyChecked",
        Input::Managed(_) => "Managed",
        Input::Resume => "Resume",
        Input::Expired => "Expired",
        Input::AppRequest(_) => "AppRequest",
        other => panic!("{other:?}"),
    }
}

/// A command and its notice. Whether an error comes after a missing header is
/// left out, and so is a condition that the input names.
pub(crate) fn output(input: Input, output: Output<RoleCommand>) -> String {
    let act = match output.command {
        Command::Wait => String::new(),
        Command::Fail(_, ErrorSource::Condition(condition)) => {
            let named = match input {
                Input::Fault(named)
                | Input::Element(ElementClass::Bad(named))
                | Input::Header(HeaderClass::Bad(named)) => Some(named),
                _ => None,
            };
            match named == Some(condition) {
                true => "fail with that condition".into(),
                false => format!("fail with `{condition}`"),
            }
        }
        Command::Fail(_, ErrorSource::Application) => "fail with the application's error".into(),
        Command::Fail(_, ErrorSource::Refusal) => "fail with the refusal's error".into(),
        Command::Fail(_, ErrorSource::Reset) => "fail with `reset`".into(),
        Command::Fail(_, ErrorSource::HandledCount) => "fail with `handled-count-too-high`".into(),
        Command::Fail(_, ErrorSource::Timeout) => "fail with `connection-timeout`".into(),
        Command::Role(command) => format!("`{command:?}`"),
        command => format!("`{command:?}`"),
    };
    match (output.notice, act.as_str()) {
        (Notice::Nothing, "") => "-".into(),
        (Notice::Nothing, _) => act,
        (tell, "") => format!("tell `{tell:?}`"),
        (tell, _) => format!("{act}, tell `{tell:?}`"),
    }
}

/// A set of inputs, as short as it can be said. `possible` is what could be in
/// it: a whole family goes by its name.
pub(crate) fn inputs(set: &[Input], possible: &[Input]) -> String {
    let mut families: BTreeMap<_, Vec<Input>> = BTreeMap::new();
    for input in set {
        families.entry(family(*input)).or_default().push(*input);
    }
    let said: Vec<_> = families
        .iter()
        .map(|((_, name), members)| {
            let all: Vec<_> = possible
                .iter()
                .filter(|input| family(**input).1 == *name)
                .collect();
            let missing: Vec<_> = all
                .iter()
                .filter(|input| !members.contains(input))
                .map(|input| member(**input))
                .collect();
            match (members.as_slice(), missing.as_slice()) {
                ([one], []) if *name == "mechanism" => member(*one),
                (_, []) => (*name).to_string(),
                _ if *name == "features" => features(members),
                ([one], _) => member(*one),
                (members, missing)
                    if missing.len() == 1 || (missing.len() <= 3 && members.len() >= 6) =>
                {
                    let missing = missing.join(", ").replace("mechanism: ", "");
                    format!("{name} except {missing}")
                }
                _ => members
                    .iter()
                    .map(|input| member(*input))
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        })
        .collect();
    said.join("; ")
}

/// Inputs that are mostly treated alike, in the order they are shown.
pub(crate) fn family(input: Input) -> (u8, &'static str) {
    use ElementClass as E;
    match input {
        Input::Begin => (0, "the transport is connected"),
        Input::Secured => (1, "the TLS handshake is complete"),
        Input::Header(HeaderClass::Valid(_)) => (2, "acceptable header"),
        Input::Header(_) => (3, "unacceptable header"),
        Input::Element(element) => match element {
            E::Features(_) => (4, "features"),
            E::StartTls => (5, "`<starttls/>`"),
            E::MalformedStartTls => (40, "`<starttls/>` with content"),
            E::Proceed => (6, "`<proceed/>`"),
            E::TlsReason => (7, "STARTTLS `<failure/>`"),
            E::Auth => (8, "`<auth/>`"),
            E::Response => (9, "`<response/>`"),
            E::Abort => (10, "`<abort/>`"),
            E::Challenge => (11, "`<challenge/>`"),
            E::Success => (12, "`<success/>`"),
            E::SaslFailure => (13, "SASL `<failure/>`"),
            E::BindRequest => (14, "bind request"),
            E::BindResult => (15, "bind result"),
            E::BindError(_) => (16, "bind error"),
            E::SessionRequest => (17, "session request"),
            E::SessionResult => (18, "session result"),
            E::SessionError => (19, "session error"),
            E::Stanza(_) => (20, "stanza"),
            E::ServerRequest => (41, "request to the server itself"),
            E::RefusedStanza(_) => (42, "stanza with addresses that are not carried"),
            E::Other => (21, "another element"),
            E::DialbackRequest => (33, "`<db:result/>` with a key"),
            E::DialbackVerify => (34, "`<db:verify/>` with a key"),
            E::DialbackResult(_) => (35, "`<db:result/>` with an answer"),
            E::DialbackVerified => (36, "`<db:verify/>` with an answer"),
            E::Handshake => (37, "`<handshake/>`"),
            E::Management(_) => (43, "stream management"),
            E::Sasl2(_) => (45, "SASL2"),
            E::SecondHeader => (22, "a second header"),
            E::Bad(_) => (23, "element to be refused"),
            E::StreamError(_) => (24, "stream error"),
            other => panic!("{other:?}"),
        },
        Input::Keepalive => (25, "white space"),
        Input::Footer => (26, "closing tag"),
        Input::Fault(_) => (27, "fault in the bytes"),
        Input::Sasl(_) => (28, "mechanism"),
        Input::Answer(_) => (29, "answer"),
        Input::Pair(_) => (38, "domain pair"),
        Input::KeyChecked => (39, "the key was checked"),
        Input::Managed(_) => (44, "what stream management comes to"),
        Input::Resume => (30, "the application has seen it"),
        Input::Expired => (31, "deadline"),
        Input::AppRequest(_) => (32, "application ends the stream"),
        other => panic!("{other:?}"),
    }
}

fn member(input: Input) -> String {
    match input {
        Input::Header(HeaderClass::Valid(VersionClass::Current)) => "header".into(),
        Input::Header(HeaderClass::Valid(VersionClass::Legacy)) => {
            "header below version 1.0".into()
        }
        Input::Sasl(sasl) => plain(format!("mechanism: {sasl:?}")),
        Input::Answer(verdict) => format!("answer: {verdict:?}"),
        Input::Pair(pair) => format!("domain pair: {pair:?}"),
        Input::Element(ElementClass::DialbackResult(answer)) => {
            format!("`<db:result/>`: {answer:?}")
        }
        Input::Element(ElementClass::Management(class)) => management(class).into(),
        Input::Element(ElementClass::Sasl2(class)) => sasl2(class).into(),
        Input::Managed(result) => format!("stream management: {result:?}"),
        Input::AppRequest(local) => format!("application: {local:?}"),
        Input::Element(ElementClass::BindError(BindCondition::Conflict)) => "`conflict`".into(),
        other => format!("`{other:?}`"),
    }
}

pub(crate) fn management(class: ManagementClass) -> &'static str {
    match class {
        ManagementClass::Enable => "`<enable/>`",
        ManagementClass::Enabled => "`<enabled/>`",
        ManagementClass::Resume => "`<resume/>`",
        ManagementClass::Resumed => "`<resumed/>`",
        ManagementClass::Failed => "stream management `<failed/>`",
        ManagementClass::Request => "`<r/>`",
        ManagementClass::Answer => "`<a/>`",
        ManagementClass::Malformed => "a malformed element of stream management",
        other => panic!("{other:?}"),
    }
}

pub(crate) fn sasl2(class: Sasl2Class) -> &'static str {
    match class {
        Sasl2Class::Authenticate => "`<authenticate/>`",
        Sasl2Class::Challenge => "SASL2 `<challenge/>`",
        Sasl2Class::Response => "SASL2 `<response/>`",
        Sasl2Class::Abort => "SASL2 `<abort/>`",
        Sasl2Class::Success => "SASL2 `<success/>`",
        Sasl2Class::Failure => "SASL2 `<failure/>`",
        Sasl2Class::Continue => "`<continue/>`",
        Sasl2Class::Next => "`<next/>`",
        Sasl2Class::TaskData => "`<task-data/>`",
        other => panic!("{other:?}"),
    }
}

/// Features that are a product of what each of their properties may be.
fn features(members: &[Input]) -> String {
    let all: Vec<FeaturesClass> = members
        .iter()
        .filter_map(|input| match input {
            Input::Element(ElementClass::Features(features)) => Some(*features),
            _ => None,
        })
        .collect();
    let mut size = 1;
    let mut said = Vec::new();
    let mut flag = |name: &str, of: fn(&FeaturesClass) -> bool| {
        let with = all.iter().filter(|features| of(features)).count();
        match with {
            0 => said.push(format!("without {name}")),
            _ if with == all.len() => said.push(format!("with {name}")),
            _ => size *= 2,
        }
    };
    flag("SASL", |features| features.sasl);
    flag("SASL2", |features| features.sasl2);
    flag("bind", |features| features.bind);
    flag("stream management", |features| features.management);
    flag("another mandatory one", |features| {
        features.unknown_required
    });
    let sessions: Vec<_> = [
        FeatureOffer::Absent,
        FeatureOffer::Offered,
        FeatureOffer::Required,
    ]
    .into_iter()
    .filter(|offer| all.iter().any(|features| features.session == *offer))
    .collect();
    match sessions.as_slice() {
        [FeatureOffer::Required] => said.push("with a mandatory session".into()),
        [FeatureOffer::Absent, FeatureOffer::Offered] => {
            said.push("without a mandatory session".into());
        }
        all => assert_eq!(all.len(), 3),
    }
    // Any offer of STARTTLS.
    assert_eq!(all.len(), size * sessions.len() * 3, "not a product");
    format!("features {}", said.join(", "))
}

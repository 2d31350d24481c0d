//! SASL (RFC 6120 6): EXTERNAL, authorization identities, channel binding.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConnection;
use xmpp_stream::config::{ConfigError, Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{
    Authzid, MechanismName, MechanismPolicy, MechanismSet, Password, Username,
};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Decision, Initiator, Responder};

use super::starttls;
use crate::harness::configs::{FIXED, client, decide, host_with, server};
use crate::harness::phases::{
    CLIENT_HEADER, OFFER_STARTTLS, PROCEED, Phase, SERVER_HEADER, STARTTLS, peer_server,
    responder_at,
};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, name, pki};
use crate::harness::{Carrier, Harness, Pair, START};

/// A server that asks for certificates and offers everything.
fn external_server(version: Version) -> Arc<ResponderConfig> {
    let setup = Setup::new(Crypto::Ring, version);
    let tls = pki().server_with_client_auth(&setup, Leaf::Valid);
    let mechanisms = MechanismSet::scram()
        .with(MechanismName::External)
        .with(MechanismName::Plain);
    ResponderConfig::server(&FIXED)
        .single_host(host_with(Some(ServerTls::new(Arc::new(tls))), mechanisms))
        .starttls()
        .build()
        .unwrap()
}

/// What it offers to a client.
fn offered(version: Version, client: rustls::ClientConfig) -> Vec<String> {
    let machine = Responder::new(external_server(version), START);
    let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
    harness.send(CLIENT_HEADER);
    harness.send(STARTTLS);
    harness.receive();
    harness.start_tls(ClientConnection::new(Arc::new(client), name("localhost")).unwrap());
    harness.send(CLIENT_HEADER);
    // That of RFC 6120; SASL2's list is the same.
    let features = harness.receive();
    let (_, list) = features.split_once("<mechanisms ").expect("a list");
    let (list, _) = list.split_once("</mechanisms>").expect("its end");
    list.split("<mechanism>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_string())
        .collect()
}

/// 6120-6.3.4-3: and it is the first.
#[test]
fn rfc6120_6_3_4_2_external_is_offered_to_clients_with_a_certificate() {
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let with = offered(version, pki().client_with_certificate(&setup));
        assert_eq!(
            with.first().map(String::as_str),
            Some("EXTERNAL"),
            "{with:?}"
        );
        let without = offered(version, pki().client(&setup));
        assert!(!without.contains(&"EXTERNAL".to_string()), "{without:?}");
        assert_eq!(with[1..], without, "the rest is the same");
    }
}

/// 6120-6.4.2-1: an empty initial response is `=`. 6120-13.8.4-1,
/// 6120-13.6-1.
#[test]
fn rfc6120_6_3_4_4_a_client_with_a_certificate_uses_it() {
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let tls = ClientTls::new(Arc::new(pki().client_with_certificate(&setup)));
        let config = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap())
            .starttls(tls)
            .credentials(Credentials::External { authzid: None })
            .build()
            .unwrap();
        let responder = Responder::new(external_server(version), START);
        let mut pair = Pair::connect(Initiator::new(config.clone(), START), responder);
        pair.exchange();
        for reported in [pair.event_lines(), pair.peer.event_lines()] {
            assert!(
                reported.contains(&"authenticated EXTERNAL alice".into()),
                "{reported:?}"
            );
            // The server chooses the resource (XEP-0386 3.2.1).
            let established = "established alice@localhost/";
            assert!(
                reported.iter().any(|line| line.starts_with(established)),
                "{reported:?}"
            );
        }

        let mut harness = Harness::scripted(Initiator::new(config, START), Box::new(|_, _| {}));
        for text in [SERVER_HEADER, OFFER_STARTTLS] {
            harness.send(text);
        }
        harness.receive();
        harness.send(PROCEED);
        harness.start_tls(peer_server(version));
        harness.send(SERVER_HEADER);
        harness.receive();
        // Not the first here, and chosen all the same.
        harness.send(
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>SCRAM-SHA-256</mechanism><mechanism>EXTERNAL</mechanism>\
             </mechanisms></stream:features>",
        );
        assert_eq!(
            harness.receive(),
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"
        );
    }
}

/// Between two machines, in the clear, where it can be read.
#[test]
fn rfc6120_6_3_5_1_no_white_space_stands_around_sasl() {
    let mut pair = Pair::connect(
        Initiator::new(client(None), START),
        Responder::new(server(None), START),
    );
    pair.exchange();
    let (there, back) = (&pair.sent, &pair.peer.sent);
    for (sent, first, last) in [
        (there, "<auth ", "</response>"),
        (back, "<challenge ", "</success>"),
    ] {
        let text = String::from_utf8_lossy(sent);
        let start = text.find(first).expect(first);
        let end = text.find(last).expect(last) + last.len();
        let sasl = &text[start..end];
        assert!(sasl.contains("></") || sasl.contains("><"), "{sasl}");
        let between = sasl.split('<').filter_map(|tag| tag.split_once('>'));
        for (_, text) in between {
            assert!(!text.contains([' ', '\n', '\r', '\t']), "{sasl}");
        }
        assert!(text[..start].ends_with('>'), "{text}");
    }
}

/// 6120-13.8.1-1, 6120-13.9.4-2: both sides can, so both do, with the best
/// binding there is. No password is to be seen.
#[test]
fn rfc6120_13_8_1_2_channel_binding_is_used_where_both_sides_have_it() {
    for version in [TLS12, TLS13] {
        let mut pair = starttls::pair(version);
        pair.exchange();
        for reported in [pair.event_lines(), pair.peer.event_lines()] {
            let event = reported
                .iter()
                .find(|event| event.starts_with("authenticated"));
            let event = event.expect("authenticated");
            assert!(event.starts_with("authenticated SCRAM-SHA-"), "{event}");
            assert!(event.ends_with("-PLUS alice"), "{event}");
        }
    }
}

fn alice(authzid: Option<&str>) -> Credentials {
    Credentials::Password {
        username: Username::ascii("alice").unwrap(),
        password: Password::ascii("secret").unwrap(),
        keys: None,
        authzid: authzid.map(|authzid| Authzid::new(authzid).unwrap()),
    }
}

fn config(authzid: Option<&str>) -> Result<Arc<InitiatorConfig>, ConfigError> {
    let setup = Setup::new(Crypto::Ring, TLS13);
    InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap())
        .starttls(ClientTls::new(Arc::new(pki().client(&setup))))
        .credentials(alice(authzid))
        .sasl(MechanismPolicy::new().allow_plain())
        .build()
}

/// The initial response to an offer of this mechanism alone.
fn initial(authzid: Option<&str>, mechanism: &str) -> String {
    let machine = Initiator::new(config(authzid).unwrap(), START);
    let mut harness = Harness::scripted(machine, Box::new(|_, _| {}));
    for text in [SERVER_HEADER, OFFER_STARTTLS] {
        harness.send(text);
    }
    harness.receive();
    harness.send(PROCEED);
    harness.start_tls(peer_server(TLS13));
    harness.send(SERVER_HEADER);
    harness.receive();
    harness.send(format!(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
         <mechanism>{mechanism}</mechanism></mechanisms></stream:features>"
    ));
    let auth = harness.receive();
    let data = auth.split('>').nth(1).unwrap().split('<').next().unwrap();
    String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
}

/// 6120-6.3.8-2: and nothing where there is no other.
#[test]
fn rfc6120_6_3_8_1_the_entity_to_act_as_is_named() {
    let other = Some("carol@localhost");
    assert_eq!(initial(other, "PLAIN"), "carol@localhost\0alice\0secret");
    let scram = initial(other, "SCRAM-SHA-256");
    assert!(scram.contains(",a=carol@localhost,n=alice,r="), "{scram}");
    assert_eq!(initial(None, "PLAIN"), "\0alice\0secret");
    let scram = initial(None, "SCRAM-SHA-256");
    assert!(scram.contains(",,n=alice,r="), "{scram}");
}

#[test]
fn rfc6120_6_3_8_3_a_client_acts_as_a_bare_address() {
    assert!(config(Some("carol@localhost")).is_ok());
    for authzid in ["carol@localhost/desk", "localhost", "@", "carol"] {
        assert_eq!(
            config(Some(authzid)).err(),
            Some(ConfigError::Authzid),
            "{authzid}"
        );
    }
}

/// 6120-6.3.8-5: whom the peer may act as is the application's to say.
#[test]
fn rfc6120_6_6_3_an_empty_authorization_identity_is_none() {
    for (sent, reported) in [("", None), ("carol@localhost", Some("carol@localhost"))] {
        let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::Opened);
        harness.app = Box::new(move |machine, _| {
            if let Some(Decision::Password(password)) = machine.decision() {
                assert_eq!(password.authzid(), reported);
                match reported {
                    None => password.accept("alice".into()),
                    Some(_) => password.reject(xmpp_stream::sasl::SaslCondition::InvalidAuthzid),
                }
            }
        });
        let data = STANDARD.encode(format!("{sent}\0alice\0secret"));
        harness.send(format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}</auth>"
        ));
        let received = harness.receive();
        assert_eq!(
            received.starts_with("<success "),
            reported.is_none(),
            "{received}"
        );
        assert_eq!(
            received.contains("<invalid-authzid/>"),
            reported.is_some(),
            "{received}"
        );
    }
}

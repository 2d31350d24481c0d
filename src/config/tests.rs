//! What `build` accepts and refuses.

use alloc::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::{
    ConfigError, Credentials, HasSecurity, HostBuilder, HostConfig, InitiatorBuilder,
    InitiatorConfig, ResponderConfig,
};
use crate::component::ComponentSecret;
use crate::dialback::DialbackSecret;
use crate::jid::Jid;
use crate::limits::Limits;
use crate::random::{Random, RandomError};
use crate::sasl::{
    self, Authzid, BindingUse, Decoy, Hash, MechanismName, MechanismSet, Password, Username,
};
use crate::stream::FeatureXml;
use crate::tls::identity::Trust;
use crate::tls::{ClientTls, ServerTls};

#[derive(Debug)]
struct Zeros;

impl Random for Zeros {
    fn fill(&self, buf: &mut [u8]) -> Result<(), RandomError> {
        buf.fill(0);
        Ok(())
    }
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn client_tls() -> ClientTls {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    ClientTls::new(Arc::new(config))
}

fn server_tls() -> ServerTls {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(NoCertificate));
    ServerTls::new(Arc::new(config))
}

fn trust() -> Trust {
    Trust::new(Arc::new(RootCertStore::empty()), &provider())
}

fn jid(text: &str) -> Jid {
    Jid::parse(text).unwrap()
}

fn decoy() -> Decoy {
    Decoy::new(&[0; 32], 4096)
}

fn password() -> Credentials {
    Credentials::Password {
        username: Username::ascii("juliet").unwrap(),
        password: Password::ascii("r0m30").unwrap(),
        keys: None,
        authzid: None,
    }
}

fn in_plaintext() -> InitiatorBuilder<HasSecurity> {
    InitiatorConfig::client(&jid("juliet@example.net")).dangerous_plaintext(&Zeros)
}

fn under_tls() -> InitiatorBuilder<HasSecurity> {
    InitiatorConfig::client(&jid("juliet@example.net")).starttls(client_tls())
}

#[test]
fn a_language_that_is_no_language_tag_is_refused_in_both_roles() {
    for lang in ["", "en us", "en_US", "-", "toolongtag", "d\u{e9}"] {
        let initiator = in_plaintext().credentials(password()).lang(lang).build();
        assert_eq!(initiator.err(), Some(ConfigError::Lang), "{lang}");
        let responder = ResponderConfig::server(&Zeros).lang(lang);
        let responder = responder.dangerous_plaintext().build();
        assert_eq!(responder.err(), Some(ConfigError::Lang), "{lang}");
    }
    let initiator = in_plaintext().credentials(password()).lang("de-CH").build();
    assert_eq!(initiator.unwrap().lang, "de-CH");
    let responder = ResponderConfig::server(&Zeros).dangerous_plaintext();
    assert_eq!(responder.lang("de-CH").build().unwrap().lang, "de-CH");
}

#[test]
fn starttls_needs_a_tls_config_in_the_single_host() {
    let client = HostConfig::builder("example.net", decoy());
    let responder = ResponderConfig::server(&Zeros).starttls();
    let bare = responder
        .clone()
        .single_host(client.clone().build().unwrap());
    assert_eq!(bare.build().err(), Some(ConfigError::HostWithoutTls));
    let with_tls = client.tls(server_tls()).build().unwrap();
    assert!(responder.single_host(with_tls).build().is_ok());

    let server = HostConfig::s2s(&jid("example.net"));
    let responder = ResponderConfig::s2s(&Zeros).dialback().starttls();
    let bare = responder
        .clone()
        .single_host(server.clone().build().unwrap());
    assert_eq!(bare.build().err(), Some(ConfigError::HostWithoutTls));
    let with_tls = server.tls(server_tls()).build().unwrap();
    assert!(responder.single_host(with_tls).build().is_ok());
}

#[test]
fn direct_tls_and_plaintext_need_no_tls_config_in_the_host() {
    let host = HostConfig::builder("example.net", decoy()).build().unwrap();
    let responder = || ResponderConfig::server(&Zeros).single_host(host.clone());
    assert!(responder().direct_tls(server_tls()).build().is_ok());
    assert!(responder().dangerous_plaintext().build().is_ok());
}

#[test]
fn a_host_of_another_kind_is_refused() {
    let client = HostConfig::builder("example.net", decoy()).build().unwrap();
    let server = HostConfig::s2s(&jid("example.net")).build().unwrap();
    let secret = ComponentSecret::new(b"secret");
    let component = HostConfig::component(&jid("example.net"), secret);
    let component = component.build().unwrap();
    for (host, kinds) in [
        (client, [true, false, false]),
        (server, [false, true, false]),
        (component, [false, false, true]),
    ] {
        let c2s = ResponderConfig::server(&Zeros).single_host(host.clone());
        let s2s = ResponderConfig::s2s(&Zeros).dialback();
        let s2s = s2s.single_host(host.clone());
        let component = ResponderConfig::component(&Zeros).single_host(host.clone());
        let built = [
            c2s.dangerous_plaintext().build().err(),
            s2s.dangerous_plaintext().build().err(),
            component.dangerous_plaintext().build().err(),
        ];
        let expected = kinds.map(|fits| (!fits).then_some(ConfigError::HostKind));
        assert_eq!(built, expected, "{host:?}");
    }
}

#[test]
fn the_domain_of_a_host_is_a_domain_and_normalised() {
    for domain in ["", "a b", "user@example.net", "example.net/r", "a..b"] {
        let host = HostConfig::builder(domain, decoy()).build();
        assert_eq!(host.err(), Some(ConfigError::Domain), "{domain}");
    }
    let host = HostConfig::builder("IM.Example.NET.", decoy()).build();
    assert_eq!(host.unwrap().domain(), "im.example.net");
}

#[test]
fn a_single_host_must_be_able_to_authenticate_somebody() {
    let only = |mechanism| {
        let mechanisms = MechanismSet::EMPTY.with(mechanism);
        let host = HostConfig::builder("example.net", decoy()).mechanisms(mechanisms);
        ResponderConfig::server(&Zeros).single_host(host.build().unwrap())
    };
    for mechanism in MechanismName::BY_PREFERENCE {
        let possible = matches!(
            mechanism,
            MechanismName::Scram(_) | MechanismName::Anonymous
        );
        let plaintext = only(mechanism).dangerous_plaintext().build();
        let expected = (!possible).then_some(ConfigError::NoMechanism);
        assert_eq!(plaintext.err(), expected, "{mechanism}");
        assert!(only(mechanism).direct_tls(server_tls()).build().is_ok());
    }
    let none = HostConfig::builder("example.net", decoy()).mechanisms(MechanismSet::EMPTY);
    assert_eq!(none.build().err(), Some(ConfigError::NoMechanism));

    let host = HostConfig::s2s(&jid("example.net")).tls(server_tls());
    let nothing = ResponderConfig::s2s(&Zeros).single_host(host.clone().build().unwrap());
    let built = nothing.clone().starttls().build();
    assert_eq!(built.err(), Some(ConfigError::NoMechanism));
    assert!(nothing.dialback().starttls().build().is_ok());
    let external = host.external(trust()).build().unwrap();
    let external = ResponderConfig::s2s(&Zeros).single_host(external);
    assert!(external.clone().starttls().build().is_ok());
    let built = external.dangerous_plaintext().build();
    assert_eq!(built.err(), Some(ConfigError::NoMechanism));
}

#[test]
fn credentials_that_fit_no_allowed_mechanism_are_refused() {
    let refused = Some(ConfigError::NoMechanism);
    let external = || Credentials::External { authzid: None };
    let built = in_plaintext().credentials(external()).build();
    assert_eq!(built.err(), refused);
    assert!(under_tls().credentials(external()).build().is_ok());

    let anonymous_only = MechanismSet::EMPTY.with(MechanismName::Anonymous);
    let policy = sasl::MechanismPolicy::new().allow(anonymous_only);
    let built = under_tls().credentials(password()).sasl(policy).build();
    assert_eq!(built.err(), refused);
    let anonymous = under_tls().credentials(Credentials::Anonymous);
    assert!(anonymous.sasl(policy).build().is_ok());

    let bound = sasl::MechanismPolicy::new().binding(BindingUse::Required);
    let built = in_plaintext().credentials(password()).sasl(bound).build();
    assert_eq!(built.err(), refused);
    assert!(
        under_tls()
            .credentials(password())
            .sasl(bound)
            .build()
            .is_ok()
    );

    let server = InitiatorConfig::server(&jid("a.example"), &jid("b.example"));
    let server = server.dangerous_plaintext(&Zeros);
    let built = server.clone().external(trust()).build();
    assert_eq!(built.err(), refused);
    let secret = DialbackSecret::new(b"0123456789abcdef");
    assert!(server.external(trust()).dialback(secret).build().is_ok());
}

#[test]
fn nothing_to_authenticate_with_is_refused_for_every_kind() {
    let refused = Some(ConfigError::NoCredentials);
    assert_eq!(in_plaintext().build().err(), refused);
    let server = InitiatorConfig::server(&jid("a.example"), &jid("b.example"));
    assert_eq!(server.starttls(client_tls()).build().err(), refused);
    let component = InitiatorConfig::component(&jid("a.example"));
    assert_eq!(component.dangerous_plaintext(&Zeros).build().err(), refused);
}

#[test]
fn the_authorization_identity_of_a_client_is_a_bare_jid() {
    for (authzid, error) in [
        ("romeo@example.net", None),
        ("romeo@example.net/r", Some(ConfigError::Authzid)),
        ("example.net", Some(ConfigError::Authzid)),
        ("a b@example.net", Some(ConfigError::Authzid)),
    ] {
        let authzid = Authzid::new(authzid).ok();
        let external = Credentials::External { authzid };
        let built = under_tls().credentials(external).build();
        assert_eq!(built.err(), error);
    }
}

#[test]
fn a_name_that_no_certificate_can_have_is_refused_under_tls() {
    let component = || InitiatorConfig::component(&jid("a.example"));
    let secret = || ComponentSecret::new(b"secret");
    let tls = component().direct_tls(client_tls()).secret(secret());
    let built = tls.clone().server_name("not a name").build();
    assert_eq!(built.err(), Some(ConfigError::ServerName));
    assert!(tls.server_name("server.example").build().is_ok());
}

#[test]
fn the_order_of_the_settings_means_nothing() {
    let (few, many) = (
        Limits::server().with_stanza_bytes(20_000).unwrap(),
        Limits::server().with_stanza_bytes(30_000).unwrap(),
    );
    let host = HostConfig::builder("example.net", decoy()).limits(many);
    let host = host.build().unwrap();
    let responder = || ResponderConfig::server(&Zeros).dangerous_plaintext();
    let before = responder().limits(few).single_host(host.clone());
    let after = responder().single_host(host.clone()).limits(few);
    assert_eq!(before.build().unwrap().limits, few);
    assert_eq!(after.build().unwrap().limits, few);
    let unsaid = responder().single_host(host).build().unwrap();
    assert_eq!(unsaid.limits, many);
    assert_eq!(responder().build().unwrap().limits, Limits::server());

    // What plaintext leaves of a password does not depend on when the policy was given.
    let given = sasl::MechanismPolicy::new();
    let built = in_plaintext().credentials(password()).sasl(given).build();
    assert_eq!(
        built.unwrap().sasl,
        given.dangerous_scram_to_unverified(),
        "the policy replaced what `dangerous_plaintext` says"
    );
}

#[test]
fn the_limits_of_a_responder_follow_its_kind() {
    let s2s = ResponderConfig::s2s(&Zeros).dangerous_plaintext();
    assert_eq!(s2s.build().unwrap().limits, Limits::server_to_server());
    let component = ResponderConfig::component(&Zeros).dangerous_plaintext();
    assert_eq!(
        component.build().unwrap().limits,
        Limits::server_to_server()
    );
}

#[test]
fn rfc6120_13_8_3_4_plain_is_not_offered_unless_it_is_asked_for() {
    let host = HostConfig::builder("montague.example", decoy());
    let offered = |host: HostBuilder| host.build().unwrap().mechanisms;
    let by_default = offered(host.clone());
    assert!(by_default.contains(MechanismName::Scram(Hash::Sha1)));
    assert!(by_default.contains(MechanismName::ScramPlus(Hash::Sha256)));
    for weaker in [MechanismName::Plain, MechanismName::Anonymous] {
        assert!(!by_default.contains(weaker), "{weaker:?}");
        assert!(offered(host.clone().mechanisms(by_default.with(weaker))).contains(weaker));
    }
}

#[test]
fn features_of_a_host_are_kept_in_their_order() {
    let feature = |xml| FeatureXml::new(xml).unwrap();
    let (a, b) = (feature("<a xmlns='u:a'/>"), feature("<b xmlns='u:b'/>"));
    let host = HostConfig::builder("example.net", decoy());
    let host = host.feature(a.clone()).feature(b.clone()).build().unwrap();
    assert_eq!(host.features, [a, b]);
}

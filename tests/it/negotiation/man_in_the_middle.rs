//! A man in the middle whose certificate the client trusts: what channel binding promises, between
//! two machines of ours, with him reading and changing all stream text (RFC 5802 6, XEP-0440).

use std::sync::Arc;

use rustls::ServerConnection;
use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::sasl::{
    BindingUse, MechanismPolicy, Password, SaslProfile, SelectError, Username,
};
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{CloseReason, Initiator};

use super::sasl::failure;
use super::sasl2;
use crate::harness::configs::{FIXED, alice};
use crate::harness::phases::{Phase, responder_at};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, pki};
use crate::harness::{Carrier, Harness, START, Scripted};

/// What he does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    /// He only relays.
    Relay,
    /// He deletes what the server says of its bindings.
    HideBindings,
    /// And answers the first -PLUS mechanism himself, with this failure.
    RefusePlus(&'static str),
    /// The same, and leaves the bindings.
    RefuseAnnouncedPlus(&'static str),
    /// He deletes the -PLUS mechanisms.
    HidePlus,
    /// He deletes both.
    HideBoth,
    /// He leaves one -PLUS mechanism that the client does not know.
    UnknownPlus,
}

struct Middle {
    client: Harness<InitiatorRole, Scripted>,
    server: Harness<ResponderRole, Scripted>,
    attack: Attack,
    /// The profile that the client is left with: he deletes the offer of SASL2, or leaves it.
    profile: SaslProfile,
    /// How many times the client began a mechanism.
    attempts: usize,
}

impl Middle {
    fn new(
        profile: SaslProfile,
        version: Version,
        leaf: Leaf,
        binding: BindingUse,
        attack: Attack,
    ) -> Self {
        let setup = Setup::new(Crypto::Ring, version);
        let config = InitiatorConfig::client(&alice())
            .direct_tls(ClientTls::new(Arc::new(pki().client(&setup))))
            .sasl(MechanismPolicy::new().binding(binding))
            .password(
                Username::ascii("alice").unwrap(),
                Password::ascii("secret").unwrap(),
            )
            .random(&FIXED)
            .build()
            .unwrap();
        let mut client = Harness::scripted(Initiator::new(config, START), Box::new(|_, _| {}));
        let tls = ServerConnection::new(Arc::new(pki().server(&setup, leaf))).unwrap();
        client.start_tls(tls);
        let server = responder_at(Carrier::DirectTls(version), Phase::Secured);
        Self {
            client,
            server,
            attack,
            profile,
            attempts: 0,
        }
    }

    /// Carries text both ways until nothing moves.
    fn relay(mut self) -> Self {
        loop {
            let sent = self.client.receive();
            let begins = match self.profile {
                SaslProfile::Sasl => "<auth ",
                SaslProfile::Sasl2 => "<authenticate ",
            };
            self.attempts += sent.matches(begins).count();
            match (self.attack, sent.contains("-PLUS'")) {
                (Attack::RefusePlus(condition) | Attack::RefuseAnnouncedPlus(condition), true) => {
                    self.client.send(match self.profile {
                        SaslProfile::Sasl => failure(condition),
                        SaslProfile::Sasl2 => sasl2::failure(condition),
                    });
                    continue;
                }
                _ => self.server.send(&sent),
            }
            let answer = self.server.receive();
            let answer = self.change(answer);
            if sent.is_empty() && answer.is_empty() {
                return self;
            }
            self.client.send(answer);
        }
    }

    fn change(&self, mut text: String) -> String {
        let hides_bindings = matches!(
            self.attack,
            Attack::HideBindings | Attack::RefusePlus(_) | Attack::HideBoth
        );
        if hides_bindings {
            delete(&mut text, "sasl-channel-binding");
        }
        if self.profile == SaslProfile::Sasl {
            delete(&mut text, "authentication");
        }
        if matches!(
            self.attack,
            Attack::HidePlus | Attack::HideBoth | Attack::UnknownPlus
        ) {
            for hash in ["SHA-512", "SHA-256", "SHA-1"] {
                text = text.replace(&format!("<mechanism>SCRAM-{hash}-PLUS</mechanism>"), "");
            }
        }
        if self.attack == Attack::UnknownPlus {
            for list in [
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
                "<authentication xmlns='urn:xmpp:sasl:2'>",
            ] {
                let unknown = format!("{list}<mechanism>SCRAM-SHA3-512-PLUS</mechanism>");
                text = text.replace(list, &unknown);
            }
        }
        text
    }

    fn is_established(&mut self) -> bool {
        self.client.machine.session().is_some() || self.server.machine.session().is_some()
    }
}

/// Deletes an element from the text, if it is there.
fn delete(text: &mut String, name: &str) {
    if let Some(start) = text.find(&format!("<{name}")) {
        let end = format!("</{name}>");
        let length = text[start..].find(&end).unwrap() + end.len();
        text.replace_range(start..start + length, "");
    }
}

const ATTACKS: [Attack; 13] = [
    Attack::Relay,
    Attack::HideBindings,
    Attack::RefusePlus("not-authorized"),
    Attack::RefusePlus("invalid-mechanism"),
    Attack::RefusePlus("mechanism-too-weak"),
    Attack::RefusePlus("malformed-request"),
    Attack::RefusePlus("incorrect-encoding"),
    Attack::RefusePlus("temporary-auth-failure"),
    Attack::RefusePlus("aborted"),
    Attack::RefuseAnnouncedPlus("invalid-mechanism"),
    Attack::HidePlus,
    Attack::HideBoth,
    Attack::UnknownPlus,
];

/// Neither end is established through him.
#[test]
fn a_man_in_the_middle_is_not_authenticated_through_where_the_server_has_channel_binding() {
    for (version, leaf) in [
        (TLS12, Leaf::SignedWithSha384),
        (TLS13, Leaf::SignedWithSha384),
        // There is no binding of such a certificate in TLS 1.2 (RFC 5929 4.1).
        (TLS12, Leaf::SignedWithEd25519),
        (TLS13, Leaf::SignedWithEd25519),
    ] {
        for (profile, binding) in [
            (SaslProfile::Sasl, BindingUse::Preferred),
            (SaslProfile::Sasl, BindingUse::Required),
            (SaslProfile::Sasl2, BindingUse::Preferred),
            (SaslProfile::Sasl2, BindingUse::Required),
        ] {
            for attack in ATTACKS {
                let about = format!("{profile:?} {version:?} {leaf:?} {binding:?} {attack:?}");
                let mut middle = Middle::new(profile, version, leaf, binding, attack).relay();
                assert!(!middle.is_established(), "{about}");
                for line in middle
                    .client
                    .event_lines()
                    .iter()
                    .chain(&middle.server.event_lines())
                {
                    assert!(!line.starts_with("authenticated"), "{about}: {line}");
                }
            }
        }
    }
}

/// Where the server does not say which bindings it has, -PLUS is tried once: a wrong guess, or a
/// wrong password, costs one attempt.
#[test]
fn one_login_is_one_attempt() {
    for (profile, version) in [
        (SaslProfile::Sasl, TLS12),
        (SaslProfile::Sasl, TLS13),
        (SaslProfile::Sasl2, TLS12),
        (SaslProfile::Sasl2, TLS13),
    ] {
        for attack in [
            Attack::Relay,
            Attack::HideBindings,
            Attack::RefusePlus("not-authorized"),
            Attack::HideBoth,
        ] {
            let mut middle = Middle::new(
                profile,
                version,
                Leaf::SignedWithSha384,
                BindingUse::Preferred,
                attack,
            )
            .relay();
            assert_eq!(middle.attempts, 1, "{profile:?} {version:?} {attack:?}");
            middle.client.finish();
            assert_eq!(middle.client.code(), "authentication-failed");
        }
    }
}

/// Without a binding of its own the client does not tell the server so: it ends the attempt.
#[test]
fn a_connection_without_a_binding_is_not_used_where_the_server_announces_some() {
    let leaf = Leaf::SignedWithEd25519;
    for (profile, attack) in [
        (SaslProfile::Sasl, Attack::Relay),
        (SaslProfile::Sasl, Attack::HideBindings),
        (SaslProfile::Sasl, Attack::HidePlus),
        (SaslProfile::Sasl2, Attack::Relay),
        (SaslProfile::Sasl2, Attack::HideBindings),
        (SaslProfile::Sasl2, Attack::HidePlus),
    ] {
        let mut middle = Middle::new(profile, TLS12, leaf, BindingUse::Preferred, attack).relay();
        assert_eq!(middle.attempts, 0, "{attack:?}");
        middle.client.finish();
        match middle.client.closed().reason() {
            CloseReason::AuthenticationFailed(AuthenticationReason::NoMechanism(
                SelectError::Downgrade(_),
            )) => {}
            other => panic!("{attack:?}: {other:?}"),
        }
    }
}

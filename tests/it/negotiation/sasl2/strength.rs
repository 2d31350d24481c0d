//! Pins of logins, and upgrades of SCRAM (XEP-0480), between two machines of ours.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::config::{
    ConfigError, HasSecurity, HostBuilder, HostConfig, InitiatorBuilder, InitiatorConfig,
    ResponderConfig, Sasl2Options,
};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{
    ChannelBindingKind, Decoy, Hash, LoginPin, MechanismName, MechanismPolicy, MechanismSet,
    OfferProof, Password, PinBreach, SaslProfile, ScramKeys, Username,
};
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{CloseReason, Connection, Decision, Initiator, Responder};

use crate::harness::configs::{FIXED, decide};
use crate::harness::phases::server_tls;
use crate::harness::pki::{Crypto, Setup, TLS13, pki};
use crate::harness::{Harness, Pair, START};

fn login(
    host: impl FnOnce(HostBuilder) -> HostBuilder,
    client: impl FnOnce(InitiatorBuilder<HasSecurity>) -> InitiatorBuilder<HasSecurity>,
    mut answer: impl FnMut(&mut Connection<ResponderRole>) + 'static,
) -> Pair {
    let builder = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096));
    let config = ResponderConfig::server(&FIXED)
        .single_host(host(builder).build().unwrap())
        .direct_tls(server_tls(TLS13))
        .build()
        .unwrap();
    let app = Box::new(move |machine: &mut Connection<ResponderRole>, _: &_| answer(machine));
    let server = Harness::new(Responder::new(config, START), app);
    let tls = ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, TLS13))));
    let builder = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap())
        .direct_tls(tls)
        .password(
            Username::ascii("alice").unwrap(),
            Password::ascii("secret").unwrap(),
        )
        .sasl(MechanismPolicy::new().allow_plain())
        .random(&FIXED);
    let client = Initiator::new(client(builder).build().unwrap(), START);
    let mut pair = Harness::with_peer(client, Box::new(|_, _| {}), server);
    pair.exchange();
    pair
}

fn breach(mut pair: Pair) -> PinBreach {
    pair.finish();
    for lines in [pair.event_lines(), pair.peer.event_lines()] {
        assert!(
            !lines.iter().any(|line| line.starts_with("auth")),
            "{lines:?}"
        );
    }
    match pair.closed().reason() {
        CloseReason::AuthenticationFailed(AuthenticationReason::Pin(breach)) => *breach,
        other => panic!("{other:?}"),
    }
}

fn pin() -> LoginPin {
    let pair = login(|host| host, |client| client, decide);
    let pin = pair.machine.login_pin().expect("a login that worked");
    assert_eq!(pin.profile(), SaslProfile::Sasl2);
    assert_eq!(pin.offer(), OfferProof::Verified);
    assert_eq!(pin.binding(), Some(ChannelBindingKind::TlsExporter));
    // As an application stores it.
    pin.to_string().parse().unwrap()
}

#[test]
fn no_login_falls_below_a_pin() {
    let pin = pin();
    let mut pair = login(|host| host, |client| client.pin(pin), decide);
    assert!(pair.machine.session().is_some());
    assert_eq!(pair.machine.login_pin(), Some(pin));

    let gone = login(
        |host| host.without_sasl2(),
        |client| client.pin(pin),
        decide,
    );
    assert_eq!(breach(gone), PinBreach::Profile);

    let plain = MechanismSet::EMPTY.with(MechanismName::Plain);
    let weaker = login(
        |host| host.mechanisms(plain),
        |client| client.pin(pin),
        decide,
    );
    assert!(matches!(breach(weaker), PinBreach::Mechanism { .. }));

    let unbound = [Hash::Sha1, Hash::Sha256, Hash::Sha512]
        .into_iter()
        .fold(MechanismSet::EMPTY, |set, hash| {
            set.with(MechanismName::Scram(hash))
        });
    let unbound = login(
        |host| host.mechanisms(unbound),
        |client| client.pin(pin),
        decide,
    );
    assert!(matches!(breach(unbound), PinBreach::Binding { .. }));

    let silent = login(
        |host| host.dangerous_without_downgrade_protection(),
        |client| client.pin(pin),
        decide,
    );
    assert_eq!(breach(silent), PinBreach::OfferProof);
}

#[test]
fn xep0480_2_2_a_client_gives_the_keys_of_a_stronger_hash_before_it_is_authenticated() {
    type Stored = Rc<RefCell<Vec<ScramKeys>>>;
    let upgrade = |options: Sasl2Options| {
        let stored = Stored::default();
        let kept = stored.clone();
        let sha1 = MechanismSet::EMPTY
            .with(MechanismName::Scram(Hash::Sha1))
            .with(MechanismName::ScramPlus(Hash::Sha1));
        let mut pair = login(
            |host| {
                host.mechanisms(sha1)
                    .scram_upgrades(&[Hash::Sha256, Hash::Sha512], 4096)
            },
            |client| client.sasl2(options),
            move |machine| match machine.decision() {
                Some(Decision::StoreKeys(decision)) => {
                    assert_eq!(decision.identity().authcid, "alice");
                    kept.borrow_mut().push(decision.keys().clone());
                    decision.stored();
                }
                _ => decide(machine),
            },
        );
        let lines = pair.peer.event_lines();
        assert!(pair.machine.session().is_some(), "{lines:?}");
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("auth")).count(),
            1
        );
        (lines, stored.take())
    };
    let (lines, stored) = upgrade(Sasl2Options::new());
    let [keys] = stored.as_slice() else {
        panic!("{stored:?}");
    };
    assert_eq!(keys.hash(), Hash::Sha512);
    let password = Password::ascii("secret").unwrap();
    let derived = ScramKeys::derive(keys.hash(), &password, keys.salt(), keys.iterations());
    assert_eq!(keys.stored_key(), derived.unwrap().stored_key());
    let told = lines
        .iter()
        .position(|line| line.starts_with("auth"))
        .unwrap();
    let asked = lines[..told].iter().filter(|line| *line == "decision");
    assert_eq!(
        asked.count(),
        2,
        "for its keys, and to store others: {lines:?}"
    );

    let (_, stored) = upgrade(Sasl2Options::new().without_upgrades());
    assert!(stored.is_empty());
}

#[test]
fn xep0480_keys_that_cannot_be_stored_end_the_attempt() {
    let sha1 = MechanismSet::EMPTY.with(MechanismName::Plain);
    let mut pair = login(
        |host| host.mechanisms(sha1).scram_upgrades(&[Hash::Sha256], 4096),
        |client| client,
        |machine| match machine.decision() {
            Some(Decision::StoreKeys(decision)) => decision.failed(),
            _ => decide(machine),
        },
    );
    pair.finish();
    assert!(pair.peer.machine.session().is_none());
    let lines = pair.peer.event_lines();
    assert!(
        !lines.iter().any(|line| line.starts_with("auth")),
        "{lines:?}"
    );
}

#[test]
fn an_upgrade_that_is_none_is_refused_by_the_builder() {
    for (hashes, iterations) in [
        (&[Hash::Sha1][..], 4096),
        (&[], 4096),
        (&[Hash::Sha256], 4095),
    ] {
        let built = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
            .scram_upgrades(hashes, iterations)
            .build();
        assert_eq!(built.unwrap_err(), ConfigError::NoUpgrade);
    }
}

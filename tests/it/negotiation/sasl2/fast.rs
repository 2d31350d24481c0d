//! Logins with tokens (FAST, XEP-0484) and the server's proof of its offer (XEP-0474), between two
//! machines of ours.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::config::{
    HostConfig, InitiatorConfig, ResponderConfig, Sasl2Options, TokenFallback,
};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::sasl::{
    Decoy, FastMechanism, FastSet, FastToken, MechanismPolicy, Password, SaslCondition,
    StoredToken, StoredTokens, TokenSlot, TokenUnusable, Username,
};
use xmpp_stream::stream::sasl2::UserAgent;
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{CloseReason, Connection, Decision, EventBuf, Initiator, Responder};

use crate::harness::configs::{FIXED, decide, keys};
use crate::harness::phases::server_tls;
use crate::harness::pki::{Crypto, Setup, TLS12, TLS13, Version, pki};
use crate::harness::{Harness, Pair, START};

const CLIENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";
const EXPIRY: &str = "2030-01-01T00:00:00Z";

/// Random bytes that differ from call to call.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU8>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

/// The application of a server with the tokens of alice's client.
#[derive(Debug, Default)]
struct Store {
    tokens: StoredTokens,
    /// The tokens that are good were given out too long ago.
    has_expired: bool,
    /// Gives a new token at every login.
    rotates: bool,
    /// How often it was asked for a password, or for keys.
    passwords: usize,
    random: Counting,
    /// What the last login said of its token.
    last: Option<(Option<TokenSlot>, bool, bool, Option<u32>)>,
}

type Shared = Rc<RefCell<Store>>;

fn answer(store: &mut Store, machine: &mut Connection<ResponderRole>) {
    match machine.decision() {
        Some(Decision::Token(decision)) => {
            assert_eq!(decision.username(), "alice");
            let tokens = match (decision.client(), store.has_expired) {
                (Some(CLIENT), false) => store.tokens.clone(),
                (Some(CLIENT), true) => [TokenSlot::New, TokenSlot::Current]
                    .into_iter()
                    .filter_map(|slot| Some((slot, store.tokens.get(slot)?.token().clone())))
                    .fold(StoredTokens::none(), |tokens, (slot, token)| {
                        tokens.with(slot, StoredToken::expired(token))
                    }),
                _ => StoredTokens::none(),
            };
            decision.tokens("alice".into(), tokens);
        }
        Some(Decision::IssueToken(decision)) => {
            let request = decision.request();
            assert_eq!(request.identity.authcid, "alice");
            assert_eq!(request.client, CLIENT);
            let (used, requested) = (request.used, request.requested);
            store.last = Some((used, requested, request.invalidate, request.count));
            let tokens = std::mem::take(&mut store.tokens);
            store.tokens = match (used, request.invalidate) {
                (Some(_), true) => StoredTokens::none(),
                (Some(slot), false) => tokens.after_use(slot),
                (None, _) => tokens,
            };
            if requested || store.rotates {
                let token = decision.issue(EXPIRY).unwrap();
                store.tokens = std::mem::take(&mut store.tokens).after_issue(token);
            } else {
                decision.keep();
            }
        }
        Some(Decision::Scram(scram)) => {
            store.passwords += 1;
            let keys = keys(scram.hash());
            scram.keys("alice".into(), keys);
        }
        _ => decide(machine),
    }
}

fn options() -> Sasl2Options {
    let agent = UserAgent::new(Some(CLIENT), None, None).unwrap();
    Sasl2Options::new().user_agent(agent).request_token()
}

fn using(token: &FastToken, fallback: TokenFallback) -> Sasl2Options {
    options().token(token.clone(), fallback).token_count(7)
}

fn client(version: Version, policy: MechanismPolicy, options: Sasl2Options) -> Initiator {
    let tls = ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, version))));
    let config = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap())
        .direct_tls(tls)
        .password(
            Username::ascii("alice").unwrap(),
            Password::ascii("secret").unwrap(),
        )
        .sasl(policy)
        .sasl2(options)
        .random(&FIXED)
        .build()
        .unwrap();
    Initiator::new(config, START)
}

fn login_with(
    version: Version,
    policy: MechanismPolicy,
    store: &Shared,
    options: Sasl2Options,
) -> Pair {
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .fast(FastSet::all())
        .build()
        .unwrap();
    let config = ResponderConfig::server(store.borrow().random.clone())
        .single_host(host)
        .direct_tls(server_tls(version))
        .build()
        .unwrap();
    let shared = store.clone();
    let app = Box::new(move |machine: &mut Connection<ResponderRole>, _: &_| {
        answer(&mut shared.borrow_mut(), machine);
    });
    let server = Harness::new(Responder::new(config, START), app);
    let client = client(version, policy, options);
    let mut pair = Harness::with_peer(client, Box::new(|_, _| {}), server);
    pair.exchange();
    pair
}

fn login(store: &Shared, options: Sasl2Options) -> Pair {
    login_with(TLS13, MechanismPolicy::new(), store, options)
}

/// The first login, by password, which brings a token.
fn first(store: &Shared) -> FastToken {
    let mut pair = login(store, options());
    assert!(
        mechanism(&pair).starts_with("SCRAM-"),
        "{:?}",
        pair.event_lines()
    );
    assert!(pair.machine.session().is_some());
    assert_eq!((used(&pair.events), used(&pair.peer.events)), (None, None));
    pair.machine.take_token().expect("a token")
}

fn mechanism(pair: &Pair) -> String {
    let lines = pair.event_lines();
    let line = lines.iter().find(|line| line.starts_with("authenticated "));
    let line = line.unwrap_or_else(|| panic!("{lines:?}"));
    line.split(' ').nth(1).unwrap().to_string()
}

/// The mechanism of the token that a login used, as either side was told.
fn used(events: &[EventBuf]) -> Option<FastMechanism> {
    let used = events.iter().find_map(|event| match event {
        EventBuf::Authenticated { token, .. } => Some(*token),
        _ => None,
    });
    used.expect("authenticated")
}

#[test]
fn xep0484_3_4_a_token_takes_the_place_of_the_password() {
    let store = Shared::default();
    let token = first(&store);
    assert_eq!(token.mechanism(), FastMechanism::BY_PREFERENCE[0]);
    assert_eq!(token.expiry(), EXPIRY);
    assert_eq!(store.borrow().last, Some((None, true, false, None)));

    // As an application stores it.
    let token = FastToken::from_bytes(token.to_bytes().as_bytes()).unwrap();
    let mut pair = login(&store, using(&token, TokenFallback::End));
    assert_eq!(mechanism(&pair), token.mechanism().as_str());
    for events in [&pair.events, &pair.peer.events] {
        assert_eq!(used(events), Some(token.mechanism()), "{events:?}");
    }
    assert!(pair.machine.session().is_some());
    assert!(pair.peer.machine.session().is_some());
    assert!(pair.machine.take_token().is_none(), "it was not asked for");
    let store = store.borrow();
    assert_eq!(store.passwords, 1, "the first login");
    assert_eq!(
        store.last,
        Some((Some(TokenSlot::New), false, false, Some(7)))
    );
}

#[test]
fn xep0484_3_5_a_server_may_replace_a_token_and_accepts_the_old_one_until_the_new_is_used() {
    let store = Shared::default();
    let old = first(&store);
    store.borrow_mut().rotates = true;
    let mut pair = login(&store, using(&old, TokenFallback::End));
    let new = pair.machine.take_token().expect("a new one");
    assert_ne!(new, old);
    store.borrow_mut().rotates = false;
    // The client may have lost the new one.
    for token in [&old, &new] {
        let pair = login(&store, using(token, TokenFallback::End));
        assert_eq!(mechanism(&pair), token.mechanism().as_str());
    }
    let mut pair = login(&store, using(&old, TokenFallback::End));
    pair.finish();
    assert_eq!(refusal(&pair), SaslCondition::NotAuthorized);
}

#[test]
fn xep0484_3_6_an_invalidated_token_is_forgotten() {
    let store = Shared::default();
    let token = first(&store);
    let options = using(&token, TokenFallback::End).invalidate_token();
    let pair = login(&store, options);
    assert_eq!(mechanism(&pair), token.mechanism().as_str());
    assert!(store.borrow().last.unwrap().2);
    let mut pair = login(&store, using(&token, TokenFallback::End));
    pair.finish();
    assert_eq!(refusal(&pair), SaslCondition::NotAuthorized);
}

fn refusal(pair: &Pair) -> SaslCondition {
    match pair.closed().reason() {
        CloseReason::AuthenticationFailed(AuthenticationReason::Refused(condition)) => *condition,
        other => panic!("{other:?}"),
    }
}

#[test]
fn xep0484_4_1_after_a_refused_token_the_password_follows_or_the_login_ends() {
    let store = Shared::default();
    let token = first(&store);
    let tokens = store.borrow().tokens.clone();
    let forged =
        FastToken::from_parts(b"forged"[..].into(), token.mechanism(), token.expiry()).unwrap();
    for (token, has_expired, condition) in [
        (&forged, false, SaslCondition::NotAuthorized),
        (&token, true, SaslCondition::CredentialsExpired),
        // Nobody learns of an expired token who does not have it.
        (&forged, true, SaslCondition::NotAuthorized),
    ] {
        // A login with the password brings a new token, which would take the place of this one.
        store.borrow_mut().tokens = tokens.clone();
        store.borrow_mut().has_expired = has_expired;
        let passwords = store.borrow().passwords;
        let pair = login(&store, using(token, TokenFallback::Credentials));
        assert!(mechanism(&pair).starts_with("SCRAM-"), "{condition:?}");
        assert_eq!(store.borrow().passwords, passwords + 1);

        store.borrow_mut().tokens = tokens.clone();
        let mut pair = login(&store, using(token, TokenFallback::End));
        pair.finish();
        assert_eq!(refusal(&pair), condition);
        assert_eq!(store.borrow().passwords, passwords + 1);
    }
}

#[test]
fn xep0484_3_4_a_token_is_used_with_its_own_mechanism_alone() {
    let store = Shared::default();
    // Under TLS 1.3 a token is bound to the exporter, which TLS 1.2 here does not have.
    let token = first(&store);
    let exporter = xmpp_stream::sasl::ChannelBindingKind::TlsExporter;
    assert_eq!(token.mechanism().binding(), Some(exporter));
    let policy = MechanismPolicy::new();
    let pair = login_with(
        TLS12,
        policy,
        &store,
        using(&token, TokenFallback::Credentials),
    );
    assert!(mechanism(&pair).starts_with("SCRAM-"));
    let mut pair = login_with(TLS12, policy, &store, using(&token, TokenFallback::End));
    pair.finish();
    match pair.closed().reason() {
        CloseReason::AuthenticationFailed(AuthenticationReason::Token(unusable)) => {
            assert_eq!(*unusable, TokenUnusable::NotOffered);
        }
        other => panic!("{other:?}"),
    }
    // And the policy may want a binding.
    let unbound = FastMechanism::from_name("HT-SHA-256-NONE").unwrap();
    let token = FastToken::from_parts(b"t"[..].into(), unbound, EXPIRY).unwrap();
    let policy = policy.fast(FastSet::bound());
    let mut pair = login_with(TLS13, policy, &store, using(&token, TokenFallback::End));
    pair.finish();
    match pair.closed().reason() {
        CloseReason::AuthenticationFailed(AuthenticationReason::Token(unusable)) => {
            assert_eq!(*unusable, TokenUnusable::NotAllowed);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn xep0484_4_1_a_client_without_an_id_asks_for_no_token() {
    let store = Shared::default();
    let mut pair = login(&store, Sasl2Options::new().request_token());
    assert!(pair.machine.session().is_some());
    assert!(pair.machine.take_token().is_none());
    assert_eq!(store.borrow().last, None);

    // Nor does it use one.
    let token = first(&store);
    let using = |fallback| Sasl2Options::new().token(token.clone(), fallback);
    let mut pair = login(&store, using(TokenFallback::End));
    pair.finish();
    let unusable = AuthenticationReason::Token(TokenUnusable::NoClientId);
    match pair.closed().reason() {
        CloseReason::AuthenticationFailed(reason) => assert_eq!(*reason, unusable),
        other => panic!("{other:?}"),
    }
    let pair = login(&store, using(TokenFallback::Credentials));
    assert!(mechanism(&pair).starts_with("SCRAM-"));
}

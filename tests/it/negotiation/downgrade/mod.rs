//! What a man in the middle whose certificate the client trusts can do, per policy and server, with
//! and without a pin: `docs/DOWNGRADE.md`, each cell of it a login through him.

mod middle;
mod page;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::{fs, thread};

use xmpp_stream::config::{
    Credentials, HostBuilder, HostConfig, InitiatorConfig, Sasl2Options, TokenFallback,
};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::sasl::{
    BindingUse, ClientKeys, Decoy, FastMechanism, FastSet, FastToken, Hash, LoginPin,
    MechanismName, MechanismPolicy, MechanismSet, OfferProof, Password, SaslProfile, ScramKeys,
    StoredToken, StoredTokens, TokenSlot, Username,
};
use xmpp_stream::stream::sasl2::UserAgent;
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{Connection, Decision, EventBuf, Initiator, Responder};

use self::middle::{Change, Middle};
use crate::harness::configs::{FIXED, alice, decide, keys};
use crate::harness::phases::responder_config;
use crate::harness::pki::{Crypto, Setup, TLS13, pki};
use crate::harness::{App, Carrier, Harness, Pair, START};

/// What a login through him came to, for the client, the worse the further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The client ends the login before it has named its user.
    Ends,
    /// The client ends the login, and has told the name of its user.
    Name,
    /// The login fails; he has the client's proof, or that of its token.
    Proof,
    /// The client logs in through him, as strongly as without him.
    Through,
    /// The client logs in through him, and more weakly than without him.
    Weaker,
    /// He has read the password.
    Password,
}

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Server {
    binding: Binding,
    proof: OfferProof,
}

/// Whether a server has channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binding {
    Present,
    Absent,
}

const SERVERS: [Server; 4] = [
    Server {
        binding: Binding::Present,
        proof: OfferProof::Verified,
    },
    Server {
        binding: Binding::Present,
        proof: OfferProof::None,
    },
    Server {
        binding: Binding::Absent,
        proof: OfferProof::Verified,
    },
    Server {
        binding: Binding::Absent,
        proof: OfferProof::None,
    },
];

/// The policies of clients, as they are written.
fn policies() -> [(&'static str, MechanismPolicy); 5] {
    let new = MechanismPolicy::new();
    [
        ("`new()`", new),
        ("`allow_plain()`", new.allow_plain()),
        ("`Required`", new.binding(BindingUse::Required)),
        (
            "`DangerousIfAnnounced`",
            new.binding(BindingUse::DangerousIfAnnounced),
        ),
        (
            "`require_downgrade_protection()`",
            new.require_downgrade_protection(),
        ),
    ]
}

/// What he changes, and how the page calls it.
const ATTACKS: [(&str, &[Change]); 17] = {
    use Change::*;
    [
        ("relay only", &[]),
        ("delete -PLUS", &[HidePlus]),
        ("delete the announcement of bindings", &[HideBindings]),
        ("delete both", &[HidePlus, HideBindings]),
        (
            "delete both and the proof",
            &[HidePlus, HideBindings, HideProof],
        ),
        (
            "delete both, forge the proof",
            &[HidePlus, HideBindings, ForgeProof],
        ),
        ("leave SHA-1 alone", &[HideStrongHashes]),
        (
            "leave SHA-1 alone, delete both",
            &[HideStrongHashes, HidePlus, HideBindings],
        ),
        (
            "leave SHA-1 alone, delete both and the proof",
            &[HideStrongHashes, HidePlus, HideBindings, HideProof],
        ),
        (
            "leave SHA-1 alone, delete both, forge the proof",
            &[HideStrongHashes, HidePlus, HideBindings, ForgeProof],
        ),
        ("delete SCRAM", &[HideScram]),
        (
            "delete SCRAM and the announcement",
            &[HideScram, HideBindings],
        ),
        ("delete SASL2", &[HideSasl2]),
        (
            "delete SASL2 and both",
            &[HideSasl2, HidePlus, HideBindings],
        ),
        ("delete the proof", &[HideProof]),
        ("forge the proof", &[ForgeProof]),
        ("delete the bound mechanisms of FAST", &[HideBoundFast]),
    ]
};

/// One cell: without a pin, and with that of an earlier login with the server itself. A client that
/// cannot log in to the server at all has no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    server: Server,
    attack: &'static str,
    policy: &'static str,
    free: Outcome,
    pinned: Option<Outcome>,
}

static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
    thread::scope(|scope| {
        let all = SERVERS.map(|server| scope.spawn(move || cells(server)));
        all.into_iter()
            .flat_map(|cells| cells.join().unwrap())
            .collect()
    })
});

fn cells(server: Server) -> Vec<Cell> {
    let keys = Arc::new(Keys::default());
    let mut cells = Vec::new();
    for (name, policy) in policies() {
        let Direct { pin, login, kept } = direct(server, policy, &keys);
        for (attack, changes) in ATTACKS {
            let through = |used: Option<LoginPin>| {
                let config = client(policy, used, kept.clone(), Sasl2Options::new());
                let app = application(keys.clone(), StoredTokens::none());
                let middle = Middle::new(config, host(server), app, changes).relay();
                outcome(&middle, login.as_ref())
            };
            cells.push(Cell {
                server,
                attack,
                policy: name,
                free: through(None),
                pinned: pin.map(|pin| through(Some(pin))),
            });
        }
    }
    cells
}

/// The keys of alice that a server has stored.
struct Keys([ScramKeys; 3]);

impl Default for Keys {
    fn default() -> Self {
        Self([Hash::Sha1, Hash::Sha256, Hash::Sha512].map(keys))
    }
}

impl Keys {
    fn get(&self, hash: Hash) -> ScramKeys {
        let keys = self.0.iter().find(|keys| keys.hash() == hash);
        keys.unwrap().clone()
    }
}

fn application(keys: Arc<Keys>, tokens: StoredTokens) -> App<ResponderRole> {
    Box::new(
        move |machine: &mut Connection<ResponderRole>, _: &_| match machine.decision() {
            Some(Decision::Scram(scram)) => {
                let keys = keys.get(scram.hash());
                scram.keys("alice".into(), keys);
            }
            Some(Decision::Token(decision)) => decision.tokens("alice".into(), tokens.clone()),
            Some(Decision::IssueToken(decision)) => decision.keep(),
            _ => decide(machine),
        },
    )
}

fn host(server: Server) -> Arc<HostConfig> {
    let mechanisms = match server.binding {
        Binding::Present => MechanismSet::scram(),
        Binding::Absent => [Hash::Sha1, Hash::Sha256, Hash::Sha512]
            .into_iter()
            .fold(MechanismSet::EMPTY, |set, hash| {
                set.with(MechanismName::Scram(hash))
            }),
    };
    let tokens = match server.binding {
        Binding::Present => FastSet::all(),
        Binding::Absent => FastSet::EMPTY.with(unbound()),
    };
    let builder: HostBuilder = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(mechanisms.with(MechanismName::Plain))
        .fast(tokens);
    match server.proof {
        OfferProof::None => builder.dangerous_without_downgrade_protection(),
        _ => builder,
    }
    .build()
    .unwrap()
}

fn client(
    policy: MechanismPolicy,
    pin: Option<LoginPin>,
    keys: Option<ClientKeys>,
    options: Sasl2Options,
) -> Arc<InitiatorConfig> {
    let tls = ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, TLS13))));
    let builder = InitiatorConfig::client(&alice())
        .direct_tls(tls)
        .credentials(Credentials::Password {
            username: Username::ascii("alice").unwrap(),
            password: Password::ascii("secret").unwrap(),
            keys,
            authzid: None,
        })
        .sasl(policy)
        .sasl2(options)
        .random(&FIXED);
    match pin {
        Some(pin) => builder.pin(pin),
        None => builder,
    }
    .build()
    .unwrap()
}

/// How a client was authenticated. A pin says less: it may be that of an earlier login.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login {
    profile: SaslProfile,
    mechanism: String,
}

impl Login {
    fn of(events: &[EventBuf]) -> Option<Self> {
        events.iter().find_map(|event| match event {
            EventBuf::Authenticated {
                profile, mechanism, ..
            } => Some(Self {
                profile: *profile,
                mechanism: mechanism.clone(),
            }),
            _ => None,
        })
    }
}

/// What came of a login with nobody in the middle.
struct Direct {
    pin: Option<LoginPin>,
    login: Option<Login>,
    /// They spare the derivation later.
    kept: Option<ClientKeys>,
}

fn direct(server: Server, policy: MechanismPolicy, keys: &Arc<Keys>) -> Direct {
    let config = responder_config(Carrier::DirectTls(TLS13), host(server));
    let app = application(keys.clone(), StoredTokens::none());
    let peer = Harness::new(Responder::new(config, START), app);
    let client = client(policy, None, None, Sasl2Options::new());
    let mut pair: Pair =
        Harness::with_peer(Initiator::new(client, START), Box::new(|_, _| {}), peer);
    pair.exchange();
    Direct {
        pin: pair.machine.login_pin(),
        login: Login::of(&pair.events),
        kept: pair.machine.take_scram_keys(),
    }
}

/// `direct` is the login with nobody in the middle.
fn outcome(middle: &Middle, direct: Option<&Login>) -> Outcome {
    let said = &middle.said;
    let client = Login::of(&middle.client.events);
    let is_in = client.is_some() || Login::of(&middle.server.events).is_some();
    if said.contains("mechanism='PLAIN'") {
        Outcome::Password
    } else if is_in && client.as_ref() == direct {
        Outcome::Through
    } else if is_in {
        Outcome::Weaker
    } else if said.contains("<response ") || said.contains("mechanism='HT-") {
        Outcome::Proof
    } else if said.contains("<auth ") || said.contains("<authenticate ") {
        Outcome::Name
    } else {
        Outcome::Ends
    }
}

fn unbound() -> FastMechanism {
    FastMechanism::from_name("HT-SHA-256-NONE").unwrap()
}

fn bound() -> FastMechanism {
    FastMechanism::from_name("HT-SHA-256-EXPR").unwrap()
}

/// What he does about tokens.
const TOKEN_ATTACKS: [(&str, &[Change]); 4] = [
    ("relay only", &[]),
    (
        "delete the bound mechanisms of FAST",
        &[Change::HideBoundFast],
    ),
    ("delete FAST", &[Change::HideFast]),
    ("delete SASL2", &[Change::HideSasl2]),
];

/// A login with a token that has no fallback, through him, at a server that has channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TokenCell {
    attack: &'static str,
    policy: &'static str,
    bound: Outcome,
    unbound: Outcome,
}

static TOKEN_CELLS: LazyLock<Vec<TokenCell>> = LazyLock::new(|| {
    let new = MechanismPolicy::new();
    let keys = Arc::new(Keys::default());
    let mut cells = Vec::new();
    for (name, policy) in [
        ("`new()`", new),
        ("`fast(FastSet::bound())`", new.fast(FastSet::bound())),
        ("`Required`", new.binding(BindingUse::Required)),
    ] {
        for (attack, changes) in TOKEN_ATTACKS {
            let through = |mechanism| {
                let token =
                    FastToken::from_parts(b"token"[..].into(), mechanism, "2030-01-01T00:00:00Z")
                        .unwrap();
                let stored = StoredToken::valid(token.clone());
                let tokens = StoredTokens::none().with(TokenSlot::Current, stored);
                let id = "d4565fa7-4d72-4749-b3d3-740edbf87770";
                let agent = UserAgent::new(Some(id), None, None).unwrap();
                let options = Sasl2Options::new()
                    .user_agent(agent)
                    .token(token, TokenFallback::End);
                let config = client(policy, None, None, options);
                let app = application(keys.clone(), tokens);
                let middle = Middle::new(config, host(SERVERS[0]), app, changes).relay();
                let direct = Login {
                    profile: SaslProfile::Sasl2,
                    mechanism: mechanism.as_str().into(),
                };
                outcome(&middle, Some(&direct))
            };
            cells.push(TokenCell {
                attack,
                policy: name,
                bound: through(bound()),
                unbound: through(unbound()),
            });
        }
    }
    cells
});

fn where_(cells: impl Fn(&Cell) -> bool) -> impl Iterator<Item = (Cell, Outcome)> {
    CELLS
        .iter()
        .filter(move |cell| cells(cell))
        .flat_map(|cell| {
            let both = [Some(cell.free), cell.pinned];
            both.into_iter().flatten().map(|outcome| (*cell, outcome))
        })
}

#[test]
fn the_table_of_downgrades_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/DOWNGRADE.md");
    let page = page::render(&CELLS, &TOKEN_CELLS);
    if std::env::var_os("UPDATE_DOWNGRADE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let differing = page
        .lines()
        .zip(stored.lines())
        .find(|(made, stored)| made != stored);
    assert!(
        page == stored,
        "run `UPDATE_DOWNGRADE=1 cargo test --test it downgrade`; first difference: {differing:?}"
    );
}

#[test]
fn where_channel_binding_is_required_no_man_in_the_middle_gets_in() {
    for (cell, outcome) in where_(|cell| cell.policy == "`Required`") {
        assert!(outcome < Outcome::Through, "{cell:?}");
    }
}

#[test]
fn where_the_server_has_channel_binding_the_default_policy_lets_no_man_in_the_middle_in() {
    let covered = |cell: &Cell| {
        cell.server.binding == Binding::Present
            && matches!(cell.policy, "`new()`" | "`require_downgrade_protection()`")
    };
    for (cell, outcome) in where_(covered) {
        assert!(outcome < Outcome::Through, "{cell:?}");
    }
}

#[test]
fn only_a_policy_that_allows_plain_lets_the_password_be_read() {
    for (cell, outcome) in where_(|cell| cell.policy != "`allow_plain()`") {
        assert_ne!(outcome, Outcome::Password, "{cell:?}");
    }
}

#[test]
fn with_a_pin_no_login_through_a_man_in_the_middle_is_weaker() {
    for cell in CELLS.iter() {
        let Some(pinned) = cell.pinned else {
            continue;
        };
        assert!(pinned <= Outcome::Through, "{cell:?}");
    }
}

/// Under a policy that requires the proof, and by default where the server gives it.
#[test]
fn with_the_proof_of_the_offer_nothing_of_sasl_is_weakened_unnoticed() {
    let covered = |cell: &Cell| {
        let proves = cell.server.proof == OfferProof::Verified && cell.policy == "`new()`";
        let profile = cell.attack.starts_with("delete SASL2");
        (proves || cell.policy == "`require_downgrade_protection()`") && !profile
    };
    for (cell, outcome) in where_(covered) {
        assert!(outcome <= Outcome::Through, "{cell:?}");
    }
}

#[test]
fn a_token_with_a_channel_binding_is_of_no_use_to_a_man_in_the_middle() {
    for cell in TOKEN_CELLS.iter() {
        assert!(cell.bound < Outcome::Through, "{cell:?}");
        if cell.policy != "`new()`" {
            assert_eq!(cell.unbound, Outcome::Ends, "{cell:?}");
        }
    }
}

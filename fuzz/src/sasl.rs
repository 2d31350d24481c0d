//! Both sides of every SASL mechanism, with somebody between them who changes what they say.
//!
//! The first bytes of an input choose the mechanism and who knows the secret; the rest are changes to the messages, or
//! calls of one side alone. Whatever is said, at any time:
//!
//! * nothing panics, and the work has an end;
//! * who does not know the secret proves nothing, neither as a client nor as a server;
//! * who knows it proves it with exactly the messages of the other side, and a change of any of them ends in a failure;
//! * unchanged messages of two sides that share the secret end in a login;
//! * what has failed, and what has ended, fails for ever;
//! * an expired token, and one for another mechanism or another channel, is not accepted.

use std::sync::LazyLock;

use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::sasl::{
    Acceptor, AcceptorStep, Advertisement, AnonymousClient, Channel, ChannelBindingData,
    ClientBinding, ClientKeys, CredentialAnswer, CredentialQuery, Decoy, DowngradeProtection,
    ExternalClient, FastMechanism, FastSet, FastToken, Hash, HtClient, LoginPin, Mechanism,
    MechanismName, MechanismSet, MechanismStep, OfferRecord, Password, PlainClient, SaslCondition,
    ScramClient, ScramCredentials, ScramKeys, Secret, ServerProof, StoredToken, StoredTokens,
    TokenSlot, Username,
};

/// How many bytes stand before the changes.
pub const PREFIX: usize = 3;

/// Bits of the second byte. Where none is set, both sides agree.
pub const CLIENT_GUESSES: u8 = 1;
pub const NO_SUCH_USER: u8 = 2;
pub const ANOTHER_CHANNEL: u8 = 4;
/// The client has seen another offer (XEP-0474).
pub const ANOTHER_OFFER: u8 = 8;
/// The server has nothing but an expired token.
pub const EXPIRED: u8 = 16;
/// Only one side is called.
pub const ALONE: u8 = 128;

/// Bits of the third byte.
/// The token is in the other slot, beside one that nobody has.
pub const CURRENT: u8 = 1;
/// PLAIN: the application compares the password itself.
pub const COMPARES: u8 = 2;
/// It is the client that is called alone.
pub const CLIENT: u8 = 4;

const USER: &str = "alice";
const SECRET: &str = "secret";
const SALT: &[u8] = b"sixteen octets!!";
/// The slices of the longest derivation that is admitted.
const MOST_WORK: usize = 10_000;

/// What a password becomes: at the server, and at the client.
struct Keys {
    stored: ScramKeys,
    kept: ClientKeys,
}

/// Of the right password and of another one, by hash.
static KEYS: LazyLock<Vec<(Hash, [Keys; 2])>> = LazyLock::new(|| {
    let of = |hash, text| {
        let password = Password::ascii(text).expect("ASCII");
        let stored = ScramKeys::derive(hash, &password, SALT, 4096).expect("keys");
        let kept = log_in_once(hash, password, stored.clone());
        Keys { stored, kept }
    };
    [Hash::Sha1, Hash::Sha256, Hash::Sha512]
        .map(|hash| (hash, [of(hash, SECRET), of(hash, "guess")]))
        .into()
});

fn keys(hash: Hash) -> &'static [Keys; 2] {
    let found = KEYS.iter().find(|(other, _)| *other == hash);
    &found.expect("every hash").1
}

/// The only derivations at the client.
fn log_in_once(hash: Hash, password: Password, stored: ScramKeys) -> ClientKeys {
    let credentials = ScramCredentials::password(password);
    let binding = ClientBinding::Unsupported;
    let mut client = ScramClient::new(hash, username(), credentials, binding, [1; 18]);
    let set = MechanismSet::EMPTY.with_scram(hash);
    let mut server = Advertisement::new(set, Channel::Encrypted, Vec::new())
        .accept(client.name(), &decoy(), [2; 18])
        .expect("offered");
    let first = client.initial().expect("a message");
    let mut step = server.response(first.as_ref().map(Secret::as_bytes));
    for _ in 0..MOST_WORK {
        step = match step {
            AcceptorStep::Challenge(data) => {
                let mut next = client.challenge(data.as_bytes());
                while let Ok(MechanismStep::Working) = next {
                    next = client.work();
                }
                let Ok(MechanismStep::Respond(data)) = next else {
                    panic!("{next:?}");
                };
                server.response(Some(data.as_bytes()))
            }
            AcceptorStep::Ask(_) => {
                server.provide(CredentialAnswer::keys(USER.into(), stored.clone()))
            }
            AcceptorStep::Working => server.work(),
            AcceptorStep::Success { data, .. } => {
                let result = client.success(data.as_ref().map(Secret::as_bytes));
                return result.expect("a login").into_client_keys().expect("keys");
            }
            AcceptorStep::Failure(condition) => panic!("{condition:?}"),
        };
    }
    panic!("no end");
}

#[derive(Debug)]
struct Fixed;

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(3);
        Ok(())
    }
}

fn username() -> Username {
    Username::ascii(USER).expect("ASCII")
}

fn decoy() -> Decoy {
    Decoy::new(&[7; 32], 4096)
}

fn bindings(octet: u8) -> Vec<ChannelBindingData> {
    let end_point = ChannelBindingData::tls_server_end_point(&[octet; 32]).expect("a hash");
    vec![ChannelBindingData::tls_exporter([octet; 32]), end_point]
}

fn token(mechanism: FastMechanism, secret: &str) -> FastToken {
    FastToken::from_parts(secret.as_bytes().into(), mechanism, "2030-01-01T00:00:00Z")
        .expect("a token")
}

/// The mechanism of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Listed(MechanismName),
    Fast(FastMechanism),
}

impl Name {
    fn of(byte: u8) -> Self {
        let listed = MechanismName::BY_PREFERENCE.map(Name::Listed);
        let fast = FastMechanism::BY_PREFERENCE.map(Name::Fast);
        let all = [&listed[..], &fast[..]].concat();
        all[usize::from(byte) % all.len()]
    }

    /// Whether both sides prove that they know a secret, and do not tell it.
    const fn proves(self) -> bool {
        matches!(
            self,
            Name::Fast(_) | Name::Listed(MechanismName::Scram(_) | MechanismName::ScramPlus(_))
        )
    }

    const fn is_bound(self) -> bool {
        match self {
            Name::Listed(name) => matches!(name, MechanismName::ScramPlus(_)),
            Name::Fast(name) => name.binding().is_some(),
        }
    }
}

/// An input, taken apart.
#[derive(Clone, Copy, Debug)]
struct Plan<'a> {
    name: Name,
    flags: u8,
    app: u8,
    rest: &'a [u8],
}

impl<'a> Plan<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (prefix, rest) = bytes.split_at_checked(PREFIX)?;
        Some(Self {
            name: Name::of(prefix[0]),
            flags: prefix[1],
            app: prefix[2],
            rest,
        })
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the secret that the server has is the client's, on this channel.
    fn is_shared(&self) -> bool {
        let is_scram = matches!(
            self.name,
            Name::Listed(MechanismName::Scram(_) | MechanismName::ScramPlus(_))
        );
        !self.has(CLIENT_GUESSES | NO_SUCH_USER)
            && !(self.has(ANOTHER_CHANNEL) && self.name.is_bound())
            && !(self.has(ANOTHER_OFFER) && is_scram)
            && !(self.has(EXPIRED) && matches!(self.name, Name::Fast(_)))
    }

    fn client(&self) -> Box<dyn Mechanism> {
        let guess = usize::from(self.has(CLIENT_GUESSES));
        let secret = [SECRET, "guess"][guess];
        let bindings = bindings(1 + u8::from(self.has(ANOTHER_CHANNEL)));
        let (hash, binding) = match self.name {
            Name::Fast(mechanism) => {
                let token = token(mechanism, secret);
                let client = HtClient::new(&username(), &token, &bindings);
                return Box::new(client.expect("the binding"));
            }
            Name::Listed(MechanismName::Plain) => {
                let password = Password::ascii(secret).expect("ASCII");
                return Box::new(PlainClient::new(username(), password));
            }
            Name::Listed(MechanismName::External) => return Box::new(ExternalClient::new()),
            Name::Listed(MechanismName::Anonymous) => return Box::new(AnonymousClient::new()),
            Name::Listed(MechanismName::Scram(hash)) => (hash, ClientBinding::Unsupported),
            Name::Listed(MechanismName::ScramPlus(hash)) => {
                (hash, ClientBinding::Bound(bindings[0].clone()))
            }
            Name::Listed(other) => unreachable!("a mechanism without a client: {other}"),
        };
        let credentials = ScramCredentials::keys(keys(hash)[guess].kept.clone());
        let seen = match self.has(ANOTHER_OFFER) {
            false => self.advertisement().record(),
            true => OfferRecord::new(["PLAIN"]),
        };
        Box::new(
            ScramClient::new(hash, username(), credentials, binding, [1; 18])
                .offered(seen, DowngradeProtection::Required),
        )
    }

    fn advertisement(&self) -> Advertisement {
        let listed = MechanismName::BY_PREFERENCE
            .into_iter()
            .collect::<MechanismSet>();
        Advertisement::new(listed, Channel::Certified, bindings(1)).fast(FastSet::all())
    }

    fn acceptor(&self) -> Box<dyn Acceptor> {
        let advertisement = self.advertisement();
        match self.name {
            Name::Fast(name) => advertisement.accept_fast(name.as_str(), Some("client")),
            Name::Listed(name) => advertisement.accept(name.as_str(), &decoy(), [2; 18]),
        }
        .expect("it is offered")
    }

    /// What the application knows.
    fn answer(&self, query: CredentialQuery) -> CredentialAnswer {
        let is_known = |name: &str| name == USER && !self.has(NO_SUCH_USER);
        match query {
            CredentialQuery::Password {
                authcid, password, ..
            } if self.app & COMPARES != 0 => {
                match is_known(&authcid) && password.as_bytes() == SECRET.as_bytes() {
                    true => CredentialAnswer::Accept { authcid },
                    false => CredentialAnswer::Reject(SaslCondition::NotAuthorized),
                }
            }
            CredentialQuery::Password { authcid, .. } if is_known(&authcid) => {
                CredentialAnswer::keys(authcid, keys(Hash::Sha256)[0].stored.clone())
            }
            CredentialQuery::ScramKeys { username, hash, .. } if is_known(&username) => {
                CredentialAnswer::keys(username, keys(hash)[0].stored.clone())
            }
            CredentialQuery::Token {
                username,
                mechanism,
                client,
            } if is_known(&username) => {
                assert_eq!(client.as_deref(), Some("client"));
                CredentialAnswer::tokens(username, self.tokens(mechanism))
            }
            CredentialQuery::Password { authcid: name, .. }
            | CredentialQuery::ScramKeys { username: name, .. }
            | CredentialQuery::Token { username: name, .. } => {
                CredentialAnswer::UnknownUser { authcid: name }
            }
            CredentialQuery::External { .. } | CredentialQuery::Anonymous { .. } => {
                CredentialAnswer::Accept {
                    authcid: USER.into(),
                }
            }
            _ => unreachable!("no other queries"),
        }
    }

    /// The client's token, beside others that have its secret and are for other mechanisms.
    fn tokens(&self, mechanism: FastMechanism) -> StoredTokens {
        let (slot, other) = match self.app & CURRENT {
            0 => (TokenSlot::New, TokenSlot::Current),
            _ => (TokenSlot::Current, TokenSlot::New),
        };
        let ours = token(mechanism, SECRET);
        let stranger = FastMechanism::BY_PREFERENCE
            .into_iter()
            .find(|stranger| *stranger != mechanism)
            .expect("several");
        let ours = match self.has(EXPIRED) {
            true => StoredToken::expired(ours),
            false => StoredToken::valid(ours),
        };
        StoredTokens::none()
            .with(slot, ours)
            .with(other, StoredToken::valid(token(stranger, SECRET)))
    }

    /// Does the server's work, and answers its questions.
    fn settle(&self, server: &mut dyn Acceptor, mut step: AcceptorStep) -> AcceptorStep {
        for _ in 0..MOST_WORK {
            step = match step {
                AcceptorStep::Working => server.work(),
                AcceptorStep::Ask(query) => server.provide(self.answer(query)),
                other => return other,
            };
        }
        panic!("no end: {server:?}");
    }
}

/// Changes to messages, in their order: which message, how, where, and the octets.
struct Changes<'a>(Vec<(u8, u8, usize, &'a [u8])>);

/// How many changes are taken of an input.
const MOST_CHANGES: usize = 16;

impl<'a> Changes<'a> {
    fn read(mut rest: &'a [u8]) -> Self {
        let mut changes = Vec::new();
        while let (Some((head, tail)), true) =
            (rest.split_at_checked(4), changes.len() < MOST_CHANGES)
        {
            let (octets, behind) = tail.split_at(tail.len().min(usize::from(head[3])));
            changes.push((head[0] % 4, head[1] % 6, usize::from(head[2]), octets));
            rest = behind;
        }
        Self(changes)
    }

    /// What becomes of the message of this number.
    fn apply(&self, number: u8, message: Option<&[u8]>) -> Option<Vec<u8>> {
        let mut changed = message.map(<[u8]>::to_vec);
        for (_, how, at, octets) in self.0.iter().filter(|(which, ..)| *which == number) {
            let Some(bytes) = changed.as_mut().filter(|_| *how != 0) else {
                changed = (*how == 0).then(|| octets.to_vec());
                continue;
            };
            let at = (*at).min(bytes.len());
            let end = (at + octets.len()).min(bytes.len());
            match how {
                1 => changed = None,
                2 => drop(bytes.splice(at..at, octets.iter().copied())),
                3 => drop(bytes.drain(at..end)),
                4 => drop(bytes.splice(at..end, octets.iter().copied())),
                _ => bytes[at..end]
                    .iter_mut()
                    .zip(*octets)
                    .for_each(|(byte, with)| *byte ^= with),
            }
        }
        changed
    }
}

pub fn check(bytes: &[u8]) {
    read_stored(bytes);
    let Some(plan) = Plan::new(bytes) else {
        return;
    };
    match (plan.has(ALONE), plan.app & CLIENT) {
        (false, _) => between(&plan),
        (true, 0) => server_alone(&plan),
        (true, _) => client_alone(&plan),
    }
}

/// What is read back from a store is what was written, or nothing.
fn read_stored(bytes: &[u8]) {
    if let Ok(token) = FastToken::from_bytes(bytes) {
        assert_eq!(token.to_bytes().as_bytes(), bytes);
    }
    if let Some(pin) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<LoginPin>().ok())
    {
        assert_eq!(pin.to_string().as_bytes(), bytes);
    }
}

/// Both sides, and somebody between them.
fn between(plan: &Plan<'_>) {
    let changes = Changes::read(plan.rest);
    let (mut client, mut server) = (plan.client(), plan.acceptor());
    // Whether everything so far has arrived as it was sent.
    let mut intact = true;
    let first = client.initial().expect("names are short");
    let mut said = changes.apply(0, first.as_ref().map(Secret::as_bytes));
    intact &= said.as_deref() == first.as_ref().map(Secret::as_bytes);
    let mut number = 1;
    let (identity, data, used) = loop {
        let step = server.response(said.as_deref());
        match plan.settle(&mut *server, step) {
            AcceptorStep::Challenge(challenge) => {
                let Some(heard) = changes.apply(number, Some(challenge.as_bytes())) else {
                    return give_up(plan, &mut *client, &mut *server);
                };
                intact &= heard == challenge.as_bytes();
                let mut next = client.challenge(&heard);
                for _ in 0..MOST_WORK {
                    let Ok(MechanismStep::Working) = next else {
                        break;
                    };
                    next = client.work();
                }
                let reply = match next {
                    Ok(MechanismStep::Respond(reply)) => reply,
                    Ok(MechanismStep::Working) => panic!("no end: {client:?}"),
                    Err(error) => {
                        assert!(!intact || !plan.is_shared(), "{error:?}");
                        return give_up(plan, &mut *client, &mut *server);
                    }
                };
                said = changes.apply(number + 1, Some(reply.as_bytes()));
                intact &= said.as_deref() == Some(reply.as_bytes());
                // There is one challenge; whatever follows a changed one is left as it is.
                number = 3;
            }
            AcceptorStep::Success {
                identity,
                data,
                token,
            } => break (identity, data, token),
            AcceptorStep::Failure(condition) => {
                assert!(!intact || !plan.is_shared(), "{condition:?}");
                // Nobody learns of an expired token who does not have it.
                let otherwise = Plan {
                    flags: plan.flags & !EXPIRED,
                    ..*plan
                };
                if condition == SaslCondition::CredentialsExpired {
                    assert!(plan.has(EXPIRED) && otherwise.is_shared() && intact);
                }
                return give_up(plan, &mut *client, &mut *server);
            }
            step => unreachable!("{step:?}"),
        }
    };
    if plan.name.proves() {
        assert!(plan.is_shared() && intact, "a proof without the secret");
        assert_eq!((&*identity.authcid, identity.authzid), (USER, None));
    } else if plan.name == Name::Listed(MechanismName::Plain) {
        let said = said.as_deref().expect("a message");
        let password = format!("\0{USER}\0{SECRET}");
        assert!(said.ends_with(password.as_bytes()), "a wrong password");
        assert!(!plan.has(NO_SUCH_USER));
        let authzid = identity.authzid.unwrap_or_default();
        assert_eq!(said[..said.len() - password.len()], *authzid.as_bytes());
    }
    let expected = match (plan.name, plan.app & CURRENT) {
        (Name::Fast(_), 0) => Some(TokenSlot::New),
        (Name::Fast(_), _) => Some(TokenSlot::Current),
        _ => None,
    };
    assert_eq!(used, expected);
    let data = data.as_ref().map(Secret::as_bytes);
    let heard = changes.apply(3, data);
    match client.success(heard.as_deref()) {
        Ok(result) if plan.name.proves() => {
            assert_eq!(result.server(), ServerProof::Verified);
            assert!(intact && begins_with(heard.as_deref(), data, plan.name));
        }
        Ok(result) => assert_eq!(result.server(), ServerProof::None),
        Err(error) => assert!(heard.as_deref() != data || !intact, "{error:?}"),
    }
    assert_over(plan, &mut *client, &mut *server);
}

/// Whether the server's proof has arrived. Extensions may follow that of SCRAM (RFC 5802 7).
fn begins_with(heard: Option<&[u8]>, sent: Option<&[u8]>, name: Name) -> bool {
    let (Some(heard), Some(sent)) = (heard, sent) else {
        return false;
    };
    let rest = heard.strip_prefix(sent);
    rest.is_some_and(|rest| {
        rest.is_empty() || matches!(name, Name::Listed(_)) && rest.starts_with(b",")
    })
}

/// The login has failed; a client that is told the contrary does not believe it.
fn give_up(plan: &Plan<'_>, client: &mut dyn Mechanism, server: &mut dyn Acceptor) {
    let invented = Changes::read(plan.rest).apply(3, None);
    let result = client.success(invented.as_deref());
    assert!(result.is_err() || !plan.name.proves(), "{result:?}");
    assert_over(plan, client, server);
}

/// After the end there is nothing.
fn assert_over(plan: &Plan<'_>, client: &mut dyn Mechanism, server: &mut dyn Acceptor) {
    for _ in 0..2 {
        assert!(client.challenge(plan.rest).is_err());
        assert!(client.work().is_err());
        assert!(client.success(Some(plan.rest)).is_err());
        assert!(client.initial().is_err());
    }
    let reject = CredentialAnswer::Reject(SaslCondition::NotAuthorized);
    // A server that still waited for the client fails now.
    let _ = server.response(Some(plan.rest));
    for step in [
        server.provide(reject),
        server.response(Some(plan.rest)),
        server.response(None),
        server.work(),
    ] {
        assert!(matches!(step, AcceptorStep::Failure(_)), "{step:?}");
    }
}

/// The parts of what is left, each with a byte that says what to do with it.
fn calls(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_at_checked(2)?;
        let (octets, behind) = tail.split_at(tail.len().min(usize::from(head[1])));
        rest = behind;
        Some((head[0], octets))
    })
}

/// The server, called at any time with anything.
fn server_alone(plan: &Plan<'_>) {
    let mut server = plan.acceptor();
    let (mut asked, mut failed) = (None, false);
    for (what, octets) in calls(plan.rest).take(64) {
        let step = match (what % 4, asked.take()) {
            (0 | 1, Some(query)) => server.provide(plan.answer(query)),
            (0, None) => server.response(Some(octets)),
            (1, None) => server.response(None),
            (2, _) => server.work(),
            (_, _) => server.provide(CredentialAnswer::UnknownUser {
                authcid: USER.into(),
            }),
        };
        assert!(
            !failed || matches!(step, AcceptorStep::Failure(_)),
            "{step:?}"
        );
        match step {
            AcceptorStep::Ask(query) => asked = Some(query),
            AcceptorStep::Failure(_) => failed = true,
            AcceptorStep::Success { .. } => {
                // The messages of HT without a binding are the same in every login.
                let replayed = matches!(plan.name, Name::Fast(name) if name.binding().is_none());
                assert!(!plan.name.proves() || replayed, "nobody knew the secret");
                failed = true;
            }
            AcceptorStep::Challenge(_) | AcceptorStep::Working => {}
        }
    }
}

/// The client, called at any time with anything.
fn client_alone(plan: &Plan<'_>) {
    let mut client = plan.client();
    let mut failed = false;
    for (what, octets) in calls(plan.rest).take(64) {
        let result = match what % 5 {
            0 => client.initial().map(drop),
            1 => client.challenge(octets).map(drop),
            2 => client.work().map(drop),
            number => {
                let data = (number == 3).then_some(octets);
                let done = client.success(data);
                let verified = done
                    .as_ref()
                    .is_ok_and(|result| result.server() == ServerProof::Verified);
                assert!(!verified, "nobody knew the secret");
                assert!(done.is_err() || !plan.name.proves());
                done.map(drop)
            }
        };
        assert!(!failed || result.is_err(), "{client:?}");
        failed |= result.is_err();
    }
}

/// Inputs to begin with: every mechanism and every disagreement, unchanged and with a few changes.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let names = MechanismName::BY_PREFERENCE.len();
    let all = names + FastMechanism::BY_PREFERENCE.len();
    let number_of = |name: Name| {
        let number = (0..u8::MAX).find(|number| Name::of(*number) == name);
        number.expect("a mechanism")
    };
    let mut seeds: Vec<_> = (0..u8::MAX)
        .take(all)
        .map(|number| vec![number, 0, number % 4])
        .collect();
    let some = [
        Name::Listed(MechanismName::Plain),
        Name::Listed(MechanismName::Scram(Hash::Sha256)),
        Name::Listed(MechanismName::ScramPlus(Hash::Sha1)),
        Name::Fast(FastMechanism::HtSha256Expr),
        Name::Fast(FastMechanism::HtSha512None),
    ]
    .map(number_of);
    for number in some {
        for flags in [
            CLIENT_GUESSES,
            NO_SUCH_USER,
            ANOTHER_CHANNEL,
            ANOTHER_OFFER,
            EXPIRED,
        ] {
            seeds.push(vec![number, flags, 0]);
        }
        // An octet is changed, or inserted; all are replaced.
        for which in 0..4 {
            for (how, at, octets) in [(5, 4, &[1][..]), (2, 0, b"x"), (0, 0, b"")] {
                let length = u8::try_from(octets.len()).expect("few");
                seeds.push([&[number, 0, 0, which, how, at, length], octets].concat());
            }
        }
    }
    let binding = "cD10bHMtZXhwb3J0ZXIsLA==";
    for message in [
        "n,,n=alice,r=AQEB".to_owned(),
        "p=tls-exporter,,n=alice,r=AQEB".into(),
        "\0alice\0secret".into(),
        "bob\0alice\0secret".into(),
        format!("alice\0{}", "x".repeat(32)),
        format!("alice\0{}", "x".repeat(64)),
        format!("c={binding},r=AQEBAgIC,p=eHh4"),
        "r=AQEBAgIC,s=c2FsdA==,i=4096,d=eHh4".into(),
        "v=eHh4".into(),
        "e=other-error".into(),
    ] {
        let length = u8::try_from(message.len()).expect("short");
        // What servers say is for the client.
        let app = match message.split_once('=') {
            Some(("r" | "v" | "e", _)) => CLIENT,
            _ => 0,
        };
        for number in &some[1..4] {
            // Begins, says it, is answered, works, says it again.
            let mut seed = vec![*number, ALONE, app, 0, 0, 1, 0];
            for call in [0, 0, 2, 1, 3, 4] {
                seed.extend([call, length]);
                seed.extend(message.bytes());
            }
            seeds.push(seed);
        }
    }
    let stored = token(FastMechanism::HtSha256Expr, SECRET).to_bytes();
    seeds.push(stored.as_bytes().to_vec());
    let generated = FastToken::generate(FastMechanism::HtSha512None, "2030", &Fixed);
    seeds.push(generated.expect("a token").to_bytes().as_bytes().to_vec());
    seeds.push(b"XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl2 proved".to_vec());
    seeds.push(b"XMPP-PIN1 PLAIN unbound sasl unproved".to_vec());
    seeds
}

//! The server as its options describe it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::crypto::SecureRandom;
use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::UsagePolicy;
use xmpp_stream::sasl::{
    Decoy, FastSet, Hash, MechanismName, MechanismSet, Password, ScramKeys, Username,
};
use xmpp_stream::sm::SmPolicy;

use crate::federation::Federation;
use crate::router::Router;
use crate::shared::options::{Options, Usage, bad};
use crate::shared::tls;
use crate::shared::trace::Printer;
use crate::tokens::Tokens;

const VALUED: [&str; 17] = [
    "listen",
    "domain",
    "cert",
    "key",
    "user",
    "tls",
    "mechanisms",
    "max-stanza",
    "negotiation-timeout",
    "reset-after-records",
    "reset-after",
    "client-ca",
    "token-lifetime",
    "s2s-listen",
    "s2s-ca",
    "dialback-secret",
    "s2s-route",
];
const FLAGS: [&str; 5] = ["direct-tls", "no-external", "quiet", "sm", "trace"];

/// SCRAM's iteration count. Few, so that starting is quick; keys that are
/// kept want more.
const ITERATIONS: u32 = 4096;

/// What all connections share.
pub struct Server {
    pub config: Arc<ResponderConfig>,
    pub domain: String,
    pub router: Router,
    /// Streams with other servers, if there are any.
    pub federation: Option<Federation>,
    pub trace: bool,
    pub quiet: bool,
    pub random: &'static dyn SecureRandom,
    /// How many connections there were.
    connections: AtomicU64,
    users: HashMap<String, Vec<ScramKeys>>,
    pub tokens: Tokens,
}

impl Server {
    /// The server, and where it listens: for clients, and for servers.
    pub fn from_options() -> Result<(Self, String, Option<String>), Usage> {
        let options = Options::read(&VALUED, &FLAGS)?;
        let domain = options.need("domain")?.to_ascii_lowercase();
        let random = tls::random();
        let tls = tls::server(&options)?;
        let mut builder = HostConfig::builder(&domain, Decoy::new(&fresh(random)?, ITERATIONS))
            .tls(tls.clone())
            .mechanisms(mechanisms(&options)?)
            .limits(limits(&options)?)
            .fast(FastSet::all());
        if let Some(usage) = usage(&options)? {
            builder = builder.usage(usage);
        }
        let host = builder.build().map_err(bad("domain or mechanisms"))?;
        let builder = ResponderConfig::server(random).single_host(host);
        let trace = Printer::from_options(&options);
        let builder = match &trace {
            Some(trace) => builder.trace(trace.clone()),
            None => builder,
        };
        let builder = match options.has("sm") {
            true => builder.stream_management(SmPolicy::new()),
            false => builder,
        };
        let config = if options.has("direct-tls") {
            builder.direct_tls(tls)
        } else {
            builder.starttls()
        };
        let config = config.build().map_err(bad("mechanisms"))?;
        let server = Self {
            config,
            domain,
            router: Router::default(),
            federation: match options.has("s2s-listen") {
                true => Some(Federation::from_options(
                    &options,
                    usage(&options)?,
                    trace.clone(),
                )?),
                false => None,
            },
            trace: trace.is_some(),
            quiet: options.has("quiet"),
            random,
            connections: AtomicU64::new(0),
            users: users(&options, random)?,
            tokens: options
                .parsed("token-lifetime")?
                .map_or_else(Tokens::default, |seconds| {
                    Tokens::lasting(Duration::from_secs(seconds))
                }),
        };
        let listen = options.need("listen")?.to_owned();
        Ok((server, listen, options.get("s2s-listen").map(str::to_owned)))
    }

    /// A number for a new connection.
    pub fn number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The name of an account as it is stored, if such a name can be.
    pub fn account(name: &str) -> Option<String> {
        let name = Username::saslprep(name).ok()?;
        Some(name.as_str().to_lowercase())
    }

    /// The stored keys of an account.
    pub fn keys(&self, account: &str, hash: Hash) -> Option<&ScramKeys> {
        self.users
            .get(account)?
            .iter()
            .find(|keys| keys.hash() == hash)
    }

    /// A name nobody has.
    pub fn random_name(&self) -> Option<String> {
        let random: [u8; 16] = fresh(self.random).ok()?;
        Some(format!("{:032x}", u128::from_be_bytes(random)))
    }
}

/// `--mechanisms`, or what a server should have.
fn mechanisms(options: &Options) -> Result<MechanismSet, Usage> {
    let Some(names) = options.get("mechanisms") else {
        let set = MechanismSet::scram().with(MechanismName::Plain);
        return Ok(if options.has("client-ca") {
            set.with(MechanismName::External)
        } else {
            set
        });
    };
    names
        .split(',')
        .map(|name| {
            MechanismName::from_name(name)
                .ok_or_else(|| Usage(format!("--mechanisms: {name} is not known")))
        })
        .collect()
}

/// `--max-stanza` and `--negotiation-timeout`. What was received fits into the
/// outbox of the connection it is for, with an address added.
fn limits(options: &Options) -> Result<Limits, Usage> {
    let mut limits = Limits::server();
    if let Some(bytes) = options.parsed("max-stanza")? {
        limits = limits.with_stanza_bytes(bytes).map_err(bad("max-stanza"))?;
    }
    if let Some(seconds) = options.parsed("negotiation-timeout")? {
        limits = limits
            .with_negotiation_timeout(Duration::from_secs(seconds))
            .map_err(bad("negotiation-timeout"))?;
    }
    let outbox = limits.outbox_bytes() + limits.stanza_bytes();
    limits.with_outbox_bytes(outbox).map_err(bad("max-stanza"))
}

/// `--reset-after-records` and `--reset-after`: fresh keys by a stream reset
/// (RFC 6120 5.3.5).
fn usage(options: &Options) -> Result<Option<UsagePolicy>, Usage> {
    let records = options.parsed("reset-after-records")?;
    let age = options.parsed("reset-after")?.map(Duration::from_secs);
    if records.is_none() && age.is_none() {
        return Ok(None);
    }
    let mut policy = UsagePolicy::default();
    policy.reserve_records = UsagePolicy::reserve_for(limits(options)?.outbox_bytes());
    policy.records = records;
    policy.age = age;
    Ok(Some(policy))
}

/// `--user NAME:PASSWORD`: keys for every hash, as a server would store them.
fn users(
    options: &Options,
    random: &'static dyn SecureRandom,
) -> Result<HashMap<String, Vec<ScramKeys>>, Usage> {
    let mut users = HashMap::new();
    for user in options.all("user") {
        let (name, password) = user
            .split_once(':')
            .ok_or_else(|| Usage("--user is NAME:PASSWORD".into()))?;
        let account =
            Server::account(name).ok_or_else(|| Usage(format!("--user: no name: {name}")))?;
        let password = Password::saslprep(password).map_err(bad("user"))?;
        let derive = |hash| {
            let salt: [u8; 16] = fresh(random)?;
            ScramKeys::derive(hash, &password, &salt, ITERATIONS).map_err(bad("user"))
        };
        let keys: Result<Vec<_>, Usage> = [Hash::Sha1, Hash::Sha256, Hash::Sha512]
            .into_iter()
            .map(derive)
            .collect();
        users.insert(account, keys?);
    }
    Ok(users)
}

fn fresh<const N: usize>(random: &'static dyn SecureRandom) -> Result<[u8; N], Usage> {
    let mut bytes = [0; N];
    random
        .fill(&mut bytes)
        .map_err(|_| Usage("no randomness".into()))?;
    Ok(bytes)
}

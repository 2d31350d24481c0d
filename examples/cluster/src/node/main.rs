//! One server of several over one store. Any of them may be killed at any time (SIGKILL): its clients
//! resume their sessions on another one, and no stanza is lost or doubled.
//!
//! ```text
//! node --listen 127.0.0.1:5223 --domain localhost --cert cert.pem --key key.pem
//!      --secret HEX --user alice:secret [--user ...]
//!      --store sqlite:PATH | redis://127.0.0.1 | redis+unix:///PATH
//! ```
//!
//! `connection.rs` is what a server has to do for it; `store/` is what it needs of a store. The rest is as
//! small as can be: TLS from the first byte, one thread for each connection, messages to full JIDs.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

mod connection;
#[path = "../../../shared/options.rs"]
#[allow(dead_code, reason = "several programs share it")]
mod options;
#[path = "../../../shared/tls.rs"]
#[allow(dead_code, reason = "several programs share it")]
mod pem;
mod stanzas;
mod store;
#[path = "../tcp.rs"]
mod tcp;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use options::{Options, Usage, bad};
use store::{Failure, Place, Store};
use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::sasl::{Decoy, Hash, MechanismSet, Password, ScramKeys};
use xmpp_stream::sm::SmPolicy;

const ITERATIONS: u32 = 4096;
/// For how many seconds a session can be resumed.
const RESUMPTION: u32 = 60;

/// What all connections share.
pub struct Node {
    pub domain: String,
    pub store: Place,
    pub config: Arc<ResponderConfig>,
    pub users: HashMap<String, ScramKeys>,
    /// Unlike any other process's, before or after.
    name: String,
    connections: AtomicU64,
}

impl Node {
    fn new(options: &Options) -> Result<Self, Usage> {
        let domain = options.need("domain")?.to_owned();
        // The same on all nodes, so that a user's salt is the same, too.
        let decoy = Decoy::new(&secret(options.need("secret")?)?, ITERATIONS);
        let mut users = HashMap::new();
        for user in options.all("user") {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let password = Password::saslprep(password).map_err(bad("user"))?;
            let salt = decoy.keys(name, Hash::Sha256).salt().to_vec();
            let keys = ScramKeys::derive(Hash::Sha256, &password, &salt, ITERATIONS);
            users.insert(name.to_owned(), keys.map_err(bad("user"))?);
        }
        let host = HostConfig::builder(&domain, decoy)
            .mechanisms(MechanismSet::EMPTY.with_scram(Hash::Sha256))
            .build()
            .map_err(bad("domain"))?;
        let config = ResponderConfig::server(pem::random())
            .single_host(host)
            .direct_tls(pem::server(options)?)
            .stream_management(SmPolicy::new().resumption(Some(RESUMPTION)))
            .build()
            .map_err(bad("domain"))?;
        let mut bytes = [0; 16];
        pem::random()
            .fill(&mut bytes)
            .map_err(|_| Usage("no randomness".into()))?;
        let name = bytes.iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        });
        Ok(Self {
            domain,
            store: options.need("store")?.into(),
            config,
            users,
            name,
            connections: AtomicU64::new(0),
        })
    }

    /// A name that no other connection has, on whatever node.
    pub fn owner(&self) -> String {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        format!("{}/{number}", self.name)
    }
}

fn main() -> ExitCode {
    let valued = [
        "listen", "domain", "cert", "key", "tls", "secret", "user", "store",
    ];
    let started = Options::read(&valued, &[]).and_then(|options| {
        let listener = TcpListener::bind(options.need("listen")?).map_err(bad("listen"))?;
        Ok((Node::new(&options)?, listener))
    });
    let (node, listener) = match started {
        Ok((node, listener)) => (Arc::new(node), listener),
        Err(usage) => return usage.exit(),
    };
    // Open for as long as the node lives, and a reason not to start where there is no store.
    let store = match node.store.open() {
        Ok(store) => store,
        Err(error) => return Usage(format!("--store: {error}")).exit(),
    };
    let sweeper = Arc::clone(&node);
    thread::spawn(move || sweep(&sweeper, store));
    println!("ready");
    for tcp in listener.incoming().filter_map(Result::ok) {
        let node = Arc::clone(&node);
        thread::spawn(move || {
            if let Err(error) = connection::serve(&node, tcp) {
                eprintln!("{error}");
            }
        });
    }
    ExitCode::FAILURE
}

/// Ends the sessions that nobody has resumed.
fn sweep(node: &Node, mut store: Box<dyn Store>) {
    loop {
        thread::sleep(Duration::from_secs(u64::from(RESUMPTION) / 6));
        if let Err(error) = connection::end_expired(node, store.as_mut()) {
            eprintln!("{error}");
        }
    }
}

fn secret(hex: &str) -> Result<[u8; 32], Usage> {
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Usage("--secret is 64 hexadecimal digits".into()))
}

/// Seconds since 1970: the time that all nodes share.
#[expect(clippy::disallowed_methods, reason = "the clock of the store")]
fn unix_time() -> Result<u64, Failure> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(since.as_secs())
}

//! Kills nodes under load, and counts what is lost, doubled or out of order.
//!
//! ```text
//! load --store sqlite|redis [--kills 100] [--races 20] [--seed 1]
//! ```
//!
//! Two nodes are started over one store. Two clients send each other numbered messages as fast as they are
//! taken. At random moments a node is killed (SIGKILL) and started again; its clients resume their sessions
//! wherever they get in first, mostly on the other node. It ends after `--kills` of nodes with an
//! established stream; others hit a client that is getting in. Then another client gives one session to two
//! connections, which resume it on both nodes at once and each send a message. Last, a client binds anew
//! instead of resuming its session.
//!
//! The exit code is 0 only if every message arrived once and in order, no session was refused, of each race
//! one message arrived, and the client that bound anew lost nothing. The clients come back at once, so that
//! most kills hit a stream under load; other clients follow the plan of `xmpp_stream::reset::Planner`.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

mod anew;
mod client;
mod cluster;
#[path = "../../../shared/options.rs"]
#[allow(dead_code, reason = "two programs share it")]
mod options;
mod race;
#[path = "../tcp.rs"]
mod tcp;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use client::{Account, Client, Shared};
use cluster::Cluster;
use options::{Options, Usage};
use xmpp_stream::time::StdClock;

pub type Failure = Box<dyn Error + Send + Sync>;

/// The longest times between two kills, in milliseconds: one in the middle of a stream, and one that often
/// hits a client that is about to resume its session.
const LONGEST: [u64; 2] = [250, 40];
/// How long the clients may take to settle after the last kill.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let options = match Options::read(&["store", "kills", "races", "seed"], &[]) {
        Ok(options) => options,
        Err(usage) => return usage.exit(),
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Failure> {
    let number = |name, default| match options.parsed::<u64>(name) {
        Ok(number) => Ok(number.unwrap_or(default)),
        Err(Usage(usage)) => Err(usage),
    };
    let (kills, races, seed) = (
        number("kills", 100)?,
        number("races", 20)?,
        number("seed", 1)?,
    );
    let store = options.need("store").map_err(|Usage(usage)| usage)?;
    let mut random = Random(seed);
    let clock = StdClock::new();
    let begin = clock.now();
    let mut cluster = Cluster::start(store)?;
    let shared = Arc::new(Shared::new(cluster.addresses()));
    let accounts = ["alice", "bob"].map(|name| Account::new(name, &cluster));
    let [alice, bob] = accounts.map(|account| account.map(Arc::new));
    let (alice, bob) = (alice?, bob?);
    let clients = [(alice.clone(), bob.clone(), 0), (bob, alice, 1)].map(|(own, to, index)| {
        let client = Client::new(own, &to.jid, index, Arc::clone(&shared));
        thread::spawn(move || client.run())
    });
    shared.wait_until(PATIENCE, || {
        shared
            .peers
            .iter()
            .all(|peer| peer.received.load(SeqCst) > 0)
    })?;

    let (mut hits, mut all) = (0, 0);
    while hits < kills {
        let longest = LONGEST[usize::from(all % 3 == 2)];
        thread::sleep(Duration::from_millis(random.below(longest)));
        // The node of one of the clients, or the one it is getting in to.
        let peer = &shared.peers[usize::from(random.below(2) == 1)];
        let node = peer.node.load(SeqCst);
        hits += u64::from(peer.established.load(SeqCst));
        all += 1;
        cluster.kill(node)?;
        // The other node may be killed while this one is away.
        thread::sleep(Duration::from_millis(random.below(20)));
        cluster.restart(node)?;
        shared.check()?;
        if all > 10 * kills {
            return Err("the clients hardly ever get in".into());
        }
    }
    shared.sending.store(false, SeqCst);
    shared.wait_until(PATIENCE, || shared.is_drained())?;
    shared.finished.store(true, SeqCst);
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    let raced = race::run(&cluster, races)?;
    let comes_again = anew::run(&cluster)?;
    let faults = shared.report(store, seed, all, hits);
    println!(
        "races for one session on two nodes: {races}, both connections were once resumed, one after \
         the other: {}, messages that arrived: {} of {races}, twice: {}",
        raced.both, raced.arrived, raced.twice
    );
    println!("a client that binds anew gets what it had not acknowledged, marked: {comes_again}");
    println!(
        "{:.1} s",
        clock.now().saturating_duration_since(begin).as_secs_f32()
    );
    Ok(faults == 0 && raced.arrived == races && raced.twice == 0 && comes_again)
}

/// SplitMix64: the same moments for the same seed, as far as the machine keeps them.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

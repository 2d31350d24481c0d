//! Opens TLS streams at a server, more and more, and lets them exchange messages:
//! memory, logins and messages of the server, one CSV line (`metric,of,value`) for each figure.
//!
//! ```text
//! scale --connect 127.0.0.1:5222 --server-pid PID --ca ca.pem --domain localhost --password secret
//!       [--users 1000] [--streams 1000] [--step 1000] [--concurrency 32] [--direct-tls] [--tls 1.2|1.3]
//!       [--rates 500,1000] [--window 128] [--seconds 10] [--rest 15]
//! ```
//!
//! The accounts are `user0`, `user1` and so on, with one password. Everything is in one thread. Fails if a login
//! fails, a stream ends, or a message is lost, doubled, returned or delivered to somebody else.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for a table"
)]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

mod accounts;
mod fleet;
mod messages;
#[path = "../../../examples/shared/options.rs"]
mod options;
mod server;
#[path = "../../../examples/shared/tls.rs"]
#[allow(dead_code, reason = "the example programs use all of it")]
mod tls;

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use accounts::Accounts;
use fleet::{Fleet, News};
use messages::Traffic;
use options::{Options, Usage, bad};
use server::{Meter, Process};

/// What went wrong.
pub type Failure = Box<dyn std::error::Error>;

const VALUED: [&str; 14] = [
    "connect",
    "server-pid",
    "ca",
    "domain",
    "password",
    "users",
    "streams",
    "step",
    "concurrency",
    "tls",
    "rates",
    "window",
    "seconds",
    "rest",
];
const FLAGS: [&str; 1] = ["direct-tls"];

/// How many users log in together before anything is measured.
const SOME: usize = 50;

/// How long the server gets to come to rest before its memory is read.
const REST: Duration = Duration::from_secs(1);

/// How long it may take until all streams have closed.
const CLOSING: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let task = match Task::from_options() {
        Ok(task) => task,
        Err(usage) => return usage.exit(),
    };
    match task.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What is to be measured.
struct Task {
    address: std::net::SocketAddr,
    server: Process,
    accounts: Accounts,
    streams: usize,
    step: usize,
    concurrency: usize,
    rates: Vec<u32>,
    window: usize,
    time: Duration,
    /// How long the server gets when all streams are there: longer than its timers.
    rest: Duration,
}

impl Task {
    fn from_options() -> Result<Self, Usage> {
        let options = Options::read(&VALUED, &FLAGS)?;
        let rates = options.get("rates").unwrap_or("500,1000");
        let rates: Result<Vec<u32>, _> = rates.split(',').map(str::parse).collect();
        let task = Self {
            address: options.need("connect")?.parse().map_err(bad("connect"))?,
            server: Process(
                options
                    .need("server-pid")?
                    .parse()
                    .map_err(bad("server-pid"))?,
            ),
            accounts: Accounts::from_options(&options)?,
            streams: options.parsed("streams")?.unwrap_or(1000),
            step: options.parsed("step")?.unwrap_or(1000),
            concurrency: options.parsed("concurrency")?.unwrap_or(32),
            rates: rates.map_err(bad("rates"))?,
            window: options.parsed("window")?.unwrap_or(128),
            time: Duration::from_secs(options.parsed("seconds")?.unwrap_or(10)),
            rest: Duration::from_secs(options.parsed("rest")?.unwrap_or(15)),
        };
        let numbers = [
            task.accounts.count(),
            task.streams,
            task.step,
            task.concurrency,
            task.window,
        ];
        match numbers.contains(&0) || task.time.is_zero() || task.rates.contains(&0) {
            true => Err(Usage("a number is zero".into())),
            false => Ok(task),
        }
    }

    fn run(mut self) -> Result<(), Failure> {
        self.warm_up()?;
        std::thread::sleep(self.rest);
        let before = self.server.rss()?;
        say("rss_kib", 0, before);
        let mut fleet = Fleet::new(self.address)?;
        let all = self.log_in_by_steps(&mut fleet)?;
        fleet.rest(self.rest)?;
        let idle = self.server.rss()?;
        say(
            "idle_bytes_per_stream",
            all,
            per(idle.saturating_sub(before) * 1024, all),
        );
        let addresses: Vec<_> = (0..all).map(|stream| self.accounts.jid(stream)).collect();
        let mut traffic = Traffic::new(&mut fleet, &addresses);
        self.at_rates(&mut traffic)?;
        self.saturate(&mut traffic)?;
        fleet.rest(self.rest)?;
        let after = self.server.rss()?;
        say(
            "busy_bytes_per_stream",
            all,
            per(after.saturating_sub(before) * 1024, all),
        );
        Ok(())
    }

    /// Logs every user in and out, so that the keys are known and the server's code has run. Some at a
    /// time, so that the server's memory does not grow by it.
    fn warm_up(&mut self) -> Result<(), Failure> {
        let users = self.accounts.count();
        for first in (0..users).step_by(SOME) {
            let mut fleet = Fleet::new(self.address)?;
            let next = (first + SOME).min(users);
            let tls = self.log_in(&mut fleet, first, next)?;
            for user in first..next {
                let keys = fleet.machine(user - first).take_scram_keys();
                let keys = keys.ok_or("a login without SCRAM's keys")?;
                self.accounts.keep(user, keys);
            }
            if first == 0 {
                println!("# {tls}");
                let addresses: Vec<_> = (0..next).map(|user| self.accounts.jid(user)).collect();
                let mut traffic = Traffic::new(&mut fleet, &addresses);
                traffic.saturate(self.window, Duration::from_secs(1))?;
            }
            log_out(&mut fleet, next - first)?;
        }
        Ok(())
    }

    /// Returns how many streams there are.
    fn log_in_by_steps(&self, fleet: &mut Fleet) -> Result<usize, Failure> {
        let mut there = 0;
        let (mut server, mut own, mut time) = <(Duration, Duration, Duration)>::default();
        while there < self.streams {
            let next = (there + self.step).min(self.streams);
            let meter = Meter::start(&self.server)?;
            self.log_in(fleet, there, next)?;
            let spent = meter.stop(&self.server)?;
            say(
                "logins_per_s_step",
                next,
                (next - there) as f64 / spent.time.as_secs_f64(),
            );
            (server, own, time) = (server + spent.server, own + spent.own, time + spent.time);
            there = next;
            fleet.rest(REST)?;
            say("rss_kib", there, self.server.rss()?);
        }
        say("logins_per_s", there, there as f64 / time.as_secs_f64());
        say("login_server_cpu_us", there, micros(server) / there as f64);
        say("login_load_cpu_us", there, micros(own) / there as f64);
        say(
            "login_server_busy",
            there,
            server.as_secs_f64() / time.as_secs_f64(),
        );
        Ok(there)
    }

    /// Opens streams until there are `upto`. Returns what the last one's TLS is.
    fn log_in(&self, fleet: &mut Fleet, from: usize, upto: usize) -> Result<String, Failure> {
        let (mut opened, mut established) = (from, from);
        let mut tls = String::new();
        while established < upto {
            while opened < upto && opened - established < self.concurrency {
                fleet.open(self.accounts.config(opened).map_err(|usage| usage.0)?)?;
                opened += 1;
            }
            fleet.turn(Duration::from_millis(100))?;
            for news in fleet.news.drain(..) {
                match news {
                    News::Tls(info) => tls = format!("{} {}", info.version(), info.cipher_suite()),
                    News::Established => established += 1,
                    News::Ended(why) => return Err(format!("no login: {why}").into()),
                    News::Stray(stanza) => return Err(format!("unexpected: {stanza}").into()),
                    News::Message(..) => return Err("an unexpected message".into()),
                }
            }
        }
        Ok(tls)
    }

    fn at_rates(&self, traffic: &mut Traffic<'_>) -> Result<(), Failure> {
        for &rate in &self.rates {
            let meter = Meter::start(&self.server)?;
            let latencies = traffic.at_rate(f64::from(rate), self.time)?;
            let spent = meter.stop(&self.server)?;
            if !latencies.is_kept {
                say("too_much", rate, 1);
                break;
            }
            for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
                say(
                    &format!("latency_us_{name}"),
                    rate,
                    micros(latencies.at(share)),
                );
            }
            let count = latencies.count() as f64;
            say("rate_server_cpu_us", rate, micros(spent.server) / count);
        }
        Ok(())
    }

    fn saturate(&self, traffic: &mut Traffic<'_>) -> Result<(), Failure> {
        let meter = Meter::start(&self.server)?;
        let arrived = traffic.saturate(self.window, self.time)?;
        let spent = meter.stop(&self.server)?;
        let (count, time) = (arrived as f64, self.time.as_secs_f64());
        say("messages_per_s", self.window, count / time);
        say(
            "message_server_cpu_us",
            self.window,
            micros(spent.server) / count,
        );
        say(
            "message_load_cpu_us",
            self.window,
            micros(spent.own) / count,
        );
        let busy = spent.server.as_secs_f64() / spent.time.as_secs_f64();
        say("message_server_busy", self.window, busy);
        Ok(())
    }
}

/// Closes all streams.
fn log_out(fleet: &mut Fleet, count: usize) -> Result<(), Failure> {
    fleet.close();
    let begin = std::time::Instant::now();
    let mut ended = 0;
    while ended < count {
        if begin.elapsed() > CLOSING {
            return Err("the streams did not close".into());
        }
        fleet.turn(Duration::from_millis(100))?;
        let news = fleet.news.drain(..);
        ended += news.filter(|news| matches!(news, News::Ended(_))).count();
    }
    Ok(())
}

fn say(metric: &str, of: impl Display, value: impl Display) {
    println!("{metric},{of},{value}");
}

fn per(sum: u64, count: usize) -> f64 {
    sum as f64 / count as f64
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

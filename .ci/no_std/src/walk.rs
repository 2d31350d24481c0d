//! Uses each layer of the crate once, so that the linker keeps its code.

use alloc::sync::Arc;
use core::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::{
    Disconnect, KeyUsage, Outcome, Plan, Planner, PlannerConfig, ResetCause, Side, TlsResumption,
    Usage, UsagePolicy,
};
use xmpp_stream::time::Instant;

use crate::streams::{Protection, conversation};

/// The number of the first step that failed, if any.
pub fn walk() -> Result<(), i32> {
    let provider = Arc::new(ring::default_provider());
    step(1, limits())?;
    step(2, usage())?;
    step(3, plan(&provider))?;
    step(4, conversation(&provider, Protection::None))?;
    step(5, conversation(&provider, Protection::Tls(&TLS12)))?;
    step(6, conversation(&provider, Protection::Tls(&TLS13)))
}

fn step(number: i32, done: Option<()>) -> Result<(), i32> {
    done.ok_or(number)
}

fn limits() -> Option<()> {
    let limits = Limits::server().with_stanza_bytes(10_000).ok()?;
    (limits.memory_bound() > limits.stanza_bytes()).then_some(())
}

fn usage() -> Option<()> {
    let now = Instant::from_millis(0);
    let mut keys = KeyUsage::new(1 << 24);
    let mut usage = Usage::new(UsagePolicy::default(), now);
    keys.records_sent = usage.room(&keys);
    (usage.check(now, &keys) == Some(ResetCause::SequenceLimit)).then_some(())
}

fn plan(provider: &CryptoProvider) -> Option<()> {
    let mut planner = Planner::new(PlannerConfig::new(), provider.secure_random);
    let ended = Disconnect::Reset {
        by: Side::Peer,
        cause: ResetCause::Other,
    };
    let Plan::Connect(connect) = planner.next(Instant::from_millis(0), Outcome::Closed(ended))
    else {
        return None;
    };
    (connect.resumption == TlsResumption::Forbidden && connect.delay <= Duration::from_secs(5))
        .then_some(())
}

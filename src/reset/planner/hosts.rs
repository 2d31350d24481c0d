//! The hosts to which a peer's domain leads, and which of them is next.

use alloc::vec::Vec;

use super::draw;
use super::outcome::{Disconnect, PeerError};
use super::plan::Target;
use crate::random::Random;
use crate::stream::OtherHost;

/// One SRV record of the peer's domain (RFC 2782, RFC 6120 3.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SrvTarget {
    /// Lower values are tried first.
    pub priority: u16,
    /// Among records of one priority, the share with which this one is the first.
    pub weight: u16,
    /// The host and its port.
    pub host: OtherHost,
}

impl SrvTarget {
    /// Returns a record. The target `.` is none: it says that there is no service (RFC 6120 3.2.1).
    #[must_use]
    pub const fn new(priority: u16, weight: u16, host: OtherHost) -> Self {
        Self {
            priority,
            weight,
            host,
        }
    }
}

/// How many SRV records are kept.
pub(super) const MAX_TARGETS: usize = 32;

/// What is known of the peer's hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hosts {
    pub(super) targets: Vec<SrvTarget>,
    /// The hosts of this round that were not tried yet, the next one last.
    pub(super) round: Vec<OtherHost>,
    /// The host of the last established stream, which comes first.
    pub(super) last_good: Option<OtherHost>,
    /// What the server named for resumption (XEP-0198 3).
    pub(super) location: Option<OtherHost>,
    /// What `<see-other-host/>` named.
    pub(super) redirect: Option<OtherHost>,
    pub(super) attempt: Attempt,
}

/// Where the last plan leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Attempt {
    /// There was no plan, or it leads where the driver resolves the domain to.
    #[default]
    Original,
    Srv(OtherHost),
    Location(OtherHost),
    Redirect(Option<OtherHost>),
    /// The location is next, because a stream was established.
    LocationNext,
}

impl Hosts {
    pub(super) fn set_targets(&mut self, targets: &[SrvTarget]) {
        self.targets = targets.to_vec();
        self.targets.sort_by_key(|target| target.priority);
        self.targets.truncate(MAX_TARGETS);
        self.round.clear();
    }

    pub(super) fn count(&self) -> usize {
        self.targets.len()
    }

    /// Returns the host of the last plan.
    pub(super) fn current(&self) -> Option<&OtherHost> {
        match &self.attempt {
            Attempt::Original | Attempt::LocationNext => None,
            Attempt::Srv(host) | Attempt::Location(host) => Some(host),
            Attempt::Redirect(host) => host.as_ref(),
        }
    }

    /// A stream was established where the last plan led.
    pub(super) fn established(&mut self) {
        self.last_good = match &self.attempt {
            Attempt::Srv(host) => Some(host.clone()),
            _ => None,
        };
        self.round.clear();
    }

    /// An established stream has ended.
    pub(super) fn lost(&mut self, ended: Disconnect) {
        if ended == Disconnect::StreamError(PeerError::Unavailable) {
            self.last_good = None;
        }
        if self.location.is_some() {
            self.attempt = Attempt::LocationNext;
        }
    }

    /// An attempt has ended before a stream was established.
    pub(super) fn never_established(&mut self) {
        if let Attempt::Location(_) = self.attempt {
            self.location = None;
        }
    }

    /// No TCP connection was made. Returns where to connect at once, if there is another host.
    pub(super) fn after_no_connection(&mut self) -> Option<Target> {
        self.never_established();
        match self.attempt {
            Attempt::Srv(_) => self.take_next(),
            _ => None,
        }
    }

    /// Takes the host that the peer has named.
    pub(super) fn redirected(&mut self) -> Target {
        self.attempt = Attempt::Redirect(self.redirect.take());
        Target::Redirect
    }

    /// Chooses the next host.
    pub(super) fn choose(&mut self, random: &impl Random) -> Target {
        if let (Attempt::LocationNext, Some(location)) = (&self.attempt, &self.location) {
            self.attempt = Attempt::Location(location.clone());
            return Target::Location;
        }
        if self.round.is_empty() {
            self.begin_round(random);
        }
        self.take_next().unwrap_or_else(|| {
            self.attempt = Attempt::Original;
            Target::Original
        })
    }

    fn take_next(&mut self) -> Option<Target> {
        self.attempt = Attempt::Srv(self.round.pop()?);
        Some(Target::Srv)
    }

    /// Orders the hosts anew.
    fn begin_round(&mut self, random: &impl Random) {
        let mut order = ordered(&self.targets, random);
        // Known to serve, but only as long as nothing has failed there.
        if let Some(good) = self.last_good.take() {
            if let Some(at) = order.iter().position(|host| *host == good) {
                order.remove(at);
                order.insert(0, good);
            }
        }
        order.reverse();
        self.round = order;
    }
}

/// Orders hosts as RFC 2782 says: by priority; among equals each is next with a probability by its
/// weight, and those of weight 0 come first in the list from which is drawn, so that they have a very
/// small chance. Without randomness the first in that list is next.
fn ordered(targets: &[SrvTarget], random: &impl Random) -> Vec<OtherHost> {
    let mut left: Vec<&SrvTarget> = targets.iter().collect();
    left.sort_by_key(|target| (target.priority, target.weight != 0));
    let mut order = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let priority = first.priority;
        let equals = || left.iter().take_while(|target| target.priority == priority);
        let sum: u64 = equals().map(|target| u64::from(target.weight)).sum();
        let mut drawn = draw::number(random, sum).unwrap_or(0);
        let at = equals().position(|target| {
            let is_reached = drawn <= u64::from(target.weight);
            drawn = drawn.saturating_sub(u64::from(target.weight));
            is_reached
        });
        order.push(left.remove(at.unwrap_or(0)).host.clone());
    }
    order
}

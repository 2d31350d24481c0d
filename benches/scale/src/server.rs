//! What Linux says of a process.

use std::time::Duration;
use std::{fs, io};

/// `USER_HZ`, in which `/proc` counts.
const TICK: Duration = Duration::from_millis(10);

pub struct Process(pub u32);

impl Process {
    /// The processor time of all its threads, user and system.
    pub fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The name of the program, in parentheses, may contain anything.
        let (_, fields) = stat.rsplit_once(')').ok_or(io::ErrorKind::InvalidData)?;
        let ticks: u32 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u32>().ok())
            .sum();
        Ok(TICK * ticks)
    }

    /// What it has in memory, in KiB.
    pub fn rss(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Processor and other time since a moment, of the server and of this process.
pub struct Meter {
    server: Duration,
    own: Duration,
    begin: std::time::Instant,
}

/// What a meter says.
pub struct Spent {
    pub server: Duration,
    pub own: Duration,
    pub time: Duration,
}

impl Meter {
    pub fn start(server: &Process) -> io::Result<Self> {
        Ok(Self {
            server: server.cpu()?,
            own: Process(std::process::id()).cpu()?,
            begin: std::time::Instant::now(),
        })
    }

    pub fn stop(&self, server: &Process) -> io::Result<Spent> {
        Ok(Spent {
            time: self.begin.elapsed(),
            server: server.cpu()?.saturating_sub(self.server),
            own: Process(std::process::id()).cpu()?.saturating_sub(self.own),
        })
    }
}

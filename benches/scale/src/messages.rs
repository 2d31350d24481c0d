//! Messages between streams chosen at random, each of which must arrive once, where it was sent to.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::fleet::{Fleet, News};

/// How many bytes a message has.
const SIZE: usize = 300;

/// How long is waited for the last messages.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is so much later than it should be has too little power for the rate.
const MOST_LATE: Duration = Duration::from_secs(3);

pub struct Traffic<'a> {
    fleet: &'a mut Fleet,
    addresses: &'a [String],
    random: Random,
    sent: Vec<Sent>,
    arrived: usize,
    latencies: Vec<Duration>,
}

struct Sent {
    to: usize,
    due: Instant,
    has_arrived: bool,
}

/// What came of messages at a rate.
pub struct Latencies {
    /// In their order.
    sorted: Vec<Duration>,
    /// Whether the rate was kept up.
    pub is_kept: bool,
}

impl Latencies {
    pub fn at(&self, share: f64) -> Duration {
        let rank = (share * self.sorted.len() as f64).ceil() as usize;
        self.sorted[rank.clamp(1, self.sorted.len()) - 1]
    }

    pub fn count(&self) -> usize {
        self.sorted.len()
    }
}

impl<'a> Traffic<'a> {
    /// Between all streams of the fleet, which have these addresses.
    pub fn new(fleet: &'a mut Fleet, addresses: &'a [String]) -> Self {
        Self {
            fleet,
            addresses,
            random: Random(0x9E37_79B9_7F4A_7C15),
            sent: Vec::new(),
            arrived: 0,
            latencies: Vec::new(),
        }
    }

    /// Keeps so many messages on their way. Returns how many have arrived in that time.
    pub fn saturate(&mut self, window: usize, time: Duration) -> Result<usize, Failure> {
        let (begin, before) = (Instant::now(), self.arrived);
        while begin.elapsed() < time {
            while self.on_their_way() < window {
                self.send(Instant::now())?;
            }
            self.receive(Duration::from_millis(100))?;
        }
        let arrived = self.arrived - before;
        self.drain()?;
        Ok(arrived)
    }

    /// Sends so many messages per second, at random moments, whatever has arrived. A latency begins at
    /// the moment when the message was due.
    pub fn at_rate(&mut self, rate: f64, time: Duration) -> Result<Latencies, Failure> {
        self.latencies.clear();
        let begin = Instant::now();
        let mut due = begin;
        let most = (rate * MOST_LATE.as_secs_f64()) as usize;
        let mut is_kept = true;
        while is_kept && begin.elapsed() < time {
            let mut now = Instant::now();
            while due <= now {
                self.send(due)?;
                due += Duration::from_secs_f64(self.random.exponential() / rate);
                now = Instant::now();
                is_kept = self.on_their_way() < most;
                // What has come is looked at before much more is sent.
                if !is_kept || now.duration_since(due.min(now)) > Duration::from_millis(5) {
                    break;
                }
            }
            // mio waits for whole milliseconds.
            let left = due.saturating_duration_since(now).as_millis() as u64;
            self.receive(Duration::from_millis(left))?;
        }
        self.drain()?;
        let mut sorted = std::mem::take(&mut self.latencies);
        sorted.sort_unstable();
        Ok(Latencies { sorted, is_kept })
    }

    fn on_their_way(&self) -> usize {
        self.sent.len() - self.arrived
    }

    fn send(&mut self, due: Instant) -> Result<(), Failure> {
        let from = self.random.below(self.addresses.len());
        let to = self.random.below(self.addresses.len());
        let id = self.sent.len();
        let mut stanza = format!(
            "<message to='{}' type='chat' id='{id}'><body>",
            self.addresses[to]
        );
        let end = "</body></message>";
        let fill = SIZE.saturating_sub(stanza.len() + end.len());
        stanza.extend(std::iter::repeat_n('x', fill));
        stanza.push_str(end);
        self.sent.push(Sent {
            to,
            due,
            has_arrived: false,
        });
        Ok(self.fleet.send(from, &stanza)?)
    }

    fn receive(&mut self, most: Duration) -> Result<(), Failure> {
        self.fleet.turn(most)?;
        for news in self.fleet.news.drain(..) {
            match news {
                News::Message(stream, Some(id), at) => {
                    let sent = self.sent.get_mut(id).ok_or("a message nobody has sent")?;
                    if sent.to != stream || sent.has_arrived {
                        return Err(format!("message {id} arrived twice, or elsewhere").into());
                    }
                    sent.has_arrived = true;
                    self.arrived += 1;
                    self.latencies.push(at.saturating_duration_since(sent.due));
                }
                News::Message(stream, None, _) => {
                    return Err(format!("a message without a number on {stream}").into());
                }
                News::Stray(stanza) => return Err(format!("unexpected: {stanza}").into()),
                News::Ended(why) => return Err(format!("a stream has ended: {why}").into()),
                News::Tls(_) | News::Established => {}
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        while self.on_their_way() > 0 {
            if begin.elapsed() > PATIENCE {
                return Err(format!("{} messages were lost", self.on_their_way()).into());
            }
            self.receive(Duration::from_millis(100))?;
        }
        Ok(())
    }
}

/// Marsaglia's xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound
    }

    /// Of mean 1.
    fn exponential(&mut self) -> f64 {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        -(1.0 - uniform).ln()
    }
}

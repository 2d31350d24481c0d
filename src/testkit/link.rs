//! A simulated TCP connection between two entities.

use core::ops::RangeInclusive;
use core::time::Duration;

use super::pipe::{Pipe, PipeEnd, Readable};
use super::rng::Rng;
use crate::time::Instant;

/// One of the two entities of a stream (RFC 6120 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// The one that opened the TCP connection.
    Initiating,
    /// The one that accepted it.
    Receiving,
}

impl Entity {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Initiating, Self::Receiving];

    /// Returns the other one.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiating => Self::Receiving,
            Self::Receiving => Self::Initiating,
        }
    }
}

/// How many bytes move at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// All there are.
    Whole,
    /// One.
    Byte,
    /// A number drawn anew each time, at most so many.
    UpTo(usize),
}

impl Portion {
    fn of(self, len: usize, rng: &mut Rng) -> usize {
        match self {
            Self::Whole => len,
            Self::Byte => len.min(1),
            Self::UpTo(most) => rng.length(len.min(most)),
        }
    }
}

/// How a [`Link`] moves bytes while nothing fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// How many bytes TCP takes at a time.
    pub write: Portion,
    /// How many bytes are read at a time.
    pub read: Portion,
    /// How long bytes are on their way, in milliseconds; drawn for each write.
    pub latency: RangeInclusive<u64>,
    /// How many bytes may be on their way before TCP takes no more.
    pub window: usize,
}

impl Traffic {
    /// Everything at once and without delay.
    pub const INSTANT: Self = Self {
        write: Portion::Whole,
        read: Portion::Whole,
        latency: 0..=0,
        window: 1 << 20,
    };

    /// Draws one: from whole writes to single bytes, from no delay to seconds.
    pub fn draw(rng: &mut Rng) -> Self {
        // Small portions are rare, because they take most of the time.
        let portion = |rng: &mut Rng| match rng.below(16) {
            0..8 => Portion::Whole,
            8..14 => Portion::UpTo(400),
            14 => Portion::UpTo(16),
            _ => Portion::Byte,
        };
        let latency = match rng.below(4) {
            0 => 0..=0,
            1 => 1..=20,
            2 => 0..=200,
            _ => 50..=3_000,
        };
        let window = match rng.below(4) {
            0 => 1 + rng.length(500),
            _ => 1 << 16,
        };
        Self {
            write: portion(rng),
            read: portion(rng),
            latency,
            window,
        }
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// TCP took so many bytes, at least one.
    Taken(usize),
    /// TCP takes none now.
    Blocked,
    /// The connection has failed (EPIPE, RST).
    Failed,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadResult<'a> {
    /// Bytes, at least one. [`Link::consume`] takes them out.
    Bytes(&'a [u8]),
    /// The orderly end (FIN).
    Fin,
    /// The connection has failed (RST).
    Failed,
    /// There is nothing yet.
    Nothing,
}

/// A TCP connection between an initiating and a receiving entity, under a virtual clock. What it
/// does follows from its [`Traffic`] and its generator.
#[derive(Debug)]
pub struct Link {
    /// Towards the initiating and towards the receiving entity.
    pipes: [Pipe; 2],
    traffic: Traffic,
    rng: Rng,
}

impl Link {
    /// Returns a connection that has just been made.
    #[must_use]
    pub fn new(traffic: Traffic, rng: Rng) -> Self {
        let pipe = || Pipe::new(traffic.window.max(1));
        Self {
            pipes: [pipe(), pipe()],
            traffic,
            rng,
        }
    }

    /// Writes some of `bytes`. An empty slice is [`Written::Blocked`].
    pub fn write(&mut self, from: Entity, bytes: &[u8], now: Instant) -> Written {
        let [to_initiating, to_receiving] = &mut self.pipes;
        let pipe = match from {
            Entity::Initiating => to_receiving,
            Entity::Receiving => to_initiating,
        };
        let Some(room) = pipe.room(now) else {
            return Written::Failed;
        };
        let n = self.traffic.write.of(bytes.len().min(room), &mut self.rng);
        let Some(part @ [_, ..]) = bytes.get(..n) else {
            return Written::Blocked;
        };
        let latency = self.rng.within(&self.traffic.latency);
        pipe.put(part, now + Duration::from_millis(latency));
        Written::Taken(n)
    }

    /// Returns whether a write of `from` would not block: there is room, or the connection has failed.
    #[must_use]
    pub fn has_room(&self, from: Entity, now: Instant) -> bool {
        let [to_initiating, to_receiving] = &self.pipes;
        let pipe = match from {
            Entity::Initiating => to_receiving,
            Entity::Receiving => to_initiating,
        };
        pipe.room(now).is_none_or(|room| room > 0)
    }

    /// Returns whether bytes are on their way for a while.
    #[must_use]
    pub const fn is_delayed(&self) -> bool {
        *self.traffic.latency.end() > 0
    }

    /// Returns what `to` can read now.
    pub fn read(&mut self, to: Entity, now: Instant) -> ReadResult<'_> {
        let [to_initiating, to_receiving] = &self.pipes;
        let pipe = match to {
            Entity::Initiating => to_initiating,
            Entity::Receiving => to_receiving,
        };
        match pipe.readable(now) {
            Readable::Bytes(bytes) => {
                let n = self.traffic.read.of(bytes.len(), &mut self.rng);
                ReadResult::Bytes(bytes.get(..n).unwrap_or(bytes))
            }
            Readable::Fin => ReadResult::Fin,
            Readable::Rst => ReadResult::Failed,
            Readable::Nothing => ReadResult::Nothing,
        }
    }

    /// Takes out the first `n` bytes of what [`read`](Self::read) returned. Returns whether what was
    /// written at once is being read in parts.
    pub fn consume(&mut self, to: Entity, n: usize) -> bool {
        self.towards(to).consume(n)
    }

    /// Returns how many bytes `to` has read.
    #[must_use]
    pub const fn delivered(&self, to: Entity) -> u64 {
        let [to_initiating, to_receiving] = &self.pipes;
        match to {
            Entity::Initiating => to_initiating.delivered(),
            Entity::Receiving => to_receiving.delivered(),
        }
    }

    /// Ends what `from` writes, after what TCP has taken (`shutdown(Write)`).
    pub fn shutdown(&mut self, from: Entity, now: Instant) {
        let at = now + self.latency();
        self.towards(from.peer()).finish(at);
    }

    /// Closes the socket of `from`. If there is input that was not read, the peer gets RST and may
    /// lose what is on its way, as with a kernel; otherwise it gets FIN, and RST as soon as it
    /// writes.
    pub fn close(&mut self, from: Entity, now: Instant) {
        let (there, back) = (now + self.latency(), now + self.latency());
        let unread = !self.towards(from).is_empty();
        let loses = unread && self.rng.once_in(2);
        let outward = self.towards(from.peer());
        if loses {
            outward.break_off(PipeEnd::Rst, there);
        } else {
            outward.finish(there);
        }
        // Nobody reads any more.
        let inward = self.towards(from);
        inward.break_off(PipeEnd::Rst, now);
        inward.refuse_writing(back.max(there));
    }

    /// Lets `to` read no byte at or after this place of its input; `None` takes that away.
    pub fn hold_at(&mut self, to: Entity, place: Option<u64>) {
        self.towards(to).set_barrier(place);
    }

    /// Cuts the connection with FIN: `to` reads its end here. The other direction ends too, by FIN
    /// or by RST, after a while.
    pub fn cut_with_fin(&mut self, to: Entity, now: Instant) {
        let later = now + self.latency() + Duration::from_millis(self.rng.below(2_000));
        self.towards(to).break_off(PipeEnd::Fin, now);
        let end = match self.rng.once_in(2) {
            true => PipeEnd::Rst,
            false => PipeEnd::Fin,
        };
        let back = self.towards(to.peer());
        match end {
            PipeEnd::Fin => {
                back.finish(later);
            }
            PipeEnd::Rst => back.break_off(PipeEnd::Rst, later),
        }
        back.refuse_writing(later);
        self.towards(to).refuse_writing(later);
    }

    /// Cuts the connection with RST: `to` sees it now, the other entity after a while. What is on
    /// its way is lost.
    pub fn cut_with_rst(&mut self, to: Entity, now: Instant) {
        let later = now + self.latency() + Duration::from_millis(self.rng.below(2_000));
        self.towards(to).break_off(PipeEnd::Rst, now);
        self.towards(to).refuse_writing(later);
        let back = self.towards(to.peer());
        back.break_off(PipeEnd::Rst, later);
        back.refuse_writing(now);
    }

    /// Ends one direction here, with FIN. What is still written in it vanishes; the other direction
    /// goes on.
    pub fn half_close(&mut self, to: Entity, now: Instant) {
        self.towards(to).break_off(PipeEnd::Fin, now);
    }

    /// Lets `to` read nothing for a while.
    pub fn stall(&mut self, to: Entity, until: Instant) {
        self.towards(to).stall(until);
    }

    /// Returns the next time after `now` at which something changes by itself.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let changes = self.pipes.iter().filter_map(|pipe| pipe.next_change(now));
        changes.min()
    }

    fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.within(&self.traffic.latency))
    }

    const fn towards(&mut self, to: Entity) -> &mut Pipe {
        let [to_initiating, to_receiving] = &mut self.pipes;
        match to {
            Entity::Initiating => to_initiating,
            Entity::Receiving => to_receiving,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Entity::{Initiating, Receiving};
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);

    fn link(traffic: Traffic) -> Link {
        Link::new(traffic, Rng::new(5))
    }

    /// Reads until there is nothing more, and returns it with how it ended.
    fn read_all(link: &mut Link, to: Entity, now: Instant) -> (Vec<u8>, ReadResult<'static>) {
        let mut all = Vec::new();
        loop {
            let n = match link.read(to, now) {
                ReadResult::Bytes(bytes) => {
                    all.extend_from_slice(bytes);
                    bytes.len()
                }
                ReadResult::Fin => return (all, ReadResult::Fin),
                ReadResult::Failed => return (all, ReadResult::Failed),
                ReadResult::Nothing => return (all, ReadResult::Nothing),
            };
            link.consume(to, n);
        }
    }

    #[test]
    fn bytes_arrive_in_order_and_not_before_their_time() {
        let mut link = link(Traffic {
            write: Portion::UpTo(3),
            read: Portion::UpTo(2),
            latency: 10..=50,
            window: 100,
        });
        let mut left = &b"abcdefghij"[..];
        while let Written::Taken(n) = link.write(Initiating, left, NOW) {
            left = &left[n..];
        }
        assert!(left.is_empty());
        let early = NOW + Duration::from_millis(9);
        assert_eq!(read_all(&mut link, Receiving, early).0, b"");
        let mut now = NOW;
        let mut all = Vec::new();
        while let Some(at) = link.next_change(now) {
            now = at;
            all.extend(read_all(&mut link, Receiving, now).0);
        }
        assert_eq!(all, b"abcdefghij");
        assert_eq!(read_all(&mut link, Initiating, now).0, b"");
    }

    #[test]
    fn a_full_window_takes_nothing_until_something_is_read() {
        let mut link = link(Traffic {
            window: 4,
            ..Traffic::INSTANT
        });
        assert_eq!(link.write(Receiving, b"abcdef", NOW), Written::Taken(4));
        assert_eq!(link.write(Receiving, b"ef", NOW), Written::Blocked);
        link.read(Initiating, NOW);
        link.consume(Initiating, 1);
        assert_eq!(link.write(Receiving, b"ef", NOW), Written::Taken(1));
    }

    #[test]
    fn nothing_is_read_beyond_the_byte_at_which_the_connection_is_cut() {
        let later = NOW + Duration::from_secs(10);
        for fin in [true, false] {
            let mut link = link(Traffic::INSTANT);
            link.write(Initiating, b"abcdef", NOW);
            link.hold_at(Receiving, Some(4));
            assert_eq!(read_all(&mut link, Receiving, NOW).0, b"abcd");
            link.hold_at(Receiving, None);
            let expected = if fin {
                link.cut_with_fin(Receiving, NOW);
                ReadResult::Fin
            } else {
                link.cut_with_rst(Receiving, NOW);
                ReadResult::Failed
            };
            // What is written until the writer hears of it vanishes.
            assert_eq!(link.write(Initiating, b"gh", NOW), Written::Taken(2));
            assert_eq!(
                read_all(&mut link, Receiving, later),
                (Vec::new(), expected)
            );
            assert_eq!(link.write(Initiating, b"i", later), Written::Failed);
            assert_ne!(
                read_all(&mut link, Initiating, later).1,
                ReadResult::Nothing
            );
        }
    }

    #[test]
    fn a_half_close_ends_one_direction_alone() {
        let mut link = link(Traffic::INSTANT);
        link.half_close(Receiving, NOW);
        assert_eq!(read_all(&mut link, Receiving, NOW).1, ReadResult::Fin);
        assert_eq!(link.write(Receiving, b"abc", NOW), Written::Taken(3));
        let read = read_all(&mut link, Initiating, NOW);
        assert_eq!(read, (b"abc".to_vec(), ReadResult::Nothing));
    }

    #[test]
    fn a_stall_delivers_nothing_for_its_time() {
        let mut link = link(Traffic::INSTANT);
        let end = NOW + Duration::from_secs(3);
        link.stall(Receiving, end);
        link.write(Initiating, b"abc", NOW);
        let almost = NOW + Duration::from_millis(2_999);
        assert_eq!(read_all(&mut link, Receiving, almost).0, b"");
        assert_eq!(link.next_change(almost), Some(end));
        assert_eq!(read_all(&mut link, Receiving, end).0, b"abc");
    }

    #[test]
    fn after_a_shutdown_everything_arrives_and_then_fin() {
        let mut link = link(Traffic::INSTANT);
        link.write(Initiating, b"abc", NOW);
        link.shutdown(Initiating, NOW);
        let read = read_all(&mut link, Receiving, NOW);
        assert_eq!(read, (b"abc".to_vec(), ReadResult::Fin));
        link.close(Initiating, NOW);
        assert_eq!(link.write(Receiving, b"d", NOW), Written::Failed);
    }
}

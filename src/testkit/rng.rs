//! Random numbers that follow from a seed.

use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::random::{Random, RandomError};

/// A generator whose numbers follow from its seed (SplitMix64). It is no source of secrets.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Returns the generator of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 to before `end`, and 0 if `end` is 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        let drawn = self.draw();
        if end == 0 { 0 } else { drawn % end }
    }

    /// Returns a number of the range.
    pub const fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        let (first, last) = (*range.start(), *range.end());
        first + self.below((last - first).saturating_add(1))
    }

    /// Returns a length from 1 to `most`, and 0 if `most` is 0.
    pub fn length(&mut self, most: usize) -> usize {
        let drawn = usize::try_from(self.below(most as u64)).unwrap_or(most);
        most.min(drawn + 1)
    }

    /// Returns true once in `n` times.
    pub const fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Returns one of the items; `None` if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get(at)
    }

    /// Draws another generator, which does not depend on what is drawn from this one later.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self(self.draw())
    }
}

/// A [`Random`] source whose bytes follow from a seed and from how often it was asked. It makes
/// stream ids, nonces and delays of a simulation the same in every run, and is no source of secrets.
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    asked: AtomicU32,
}

impl SeededRandom {
    /// Returns the source of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            asked: AtomicU32::new(0),
        }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut rng = Rng::new(self.seed ^ u64::from(asked).rotate_left(32));
        for part in bytes.chunks_mut(8) {
            for (byte, drawn) in part.iter_mut().zip(rng.draw().to_le_bytes()) {
                *byte = drawn;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_in_every_run() {
        let drawn = |seed| {
            let mut rng = Rng::new(seed);
            [rng.draw(), rng.below(10), rng.within(&(5..=6)), rng.draw()]
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        // The first output of SplitMix64 for the seed 0.
        assert_eq!(Rng::new(0).draw(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn numbers_stay_in_their_ranges() {
        let mut rng = Rng::new(7);
        for _ in 0..1000 {
            assert!(rng.below(3) < 3);
            assert!((5..=6).contains(&rng.within(&(5..=6))));
            assert!((1..=4).contains(&rng.length(4)));
        }
        assert_eq!((rng.below(0), rng.length(0)), (0, 0));
        assert_eq!(rng.pick::<u8>(&[]), None);
    }

    #[test]
    fn a_seeded_source_never_repeats_and_follows_from_its_seed() {
        let fill = |source: &SeededRandom| {
            let mut bytes = [0; 20];
            source.fill(&mut bytes).unwrap();
            bytes
        };
        let (one, other) = (SeededRandom::new(3), SeededRandom::new(3));
        let first = fill(&one);
        assert_eq!(first, fill(&other));
        assert_ne!(first, fill(&one));
    }
}

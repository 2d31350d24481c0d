//! Random numbers of a printed seed (SplitMix64).

#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The same in every run, unless `INVARIANTS_SEED` is set: then another
    /// run for each of its values (`.ci/deep soak` prints them).
    pub fn new(seed: u64) -> Self {
        let soak = match std::env::var("INVARIANTS_SEED") {
            Ok(text) => text.parse().expect("INVARIANTS_SEED is a number"),
            Err(_) => 0_u64,
        };
        Self(seed ^ soak.rotate_left(32))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to before `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

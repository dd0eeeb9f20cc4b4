//! Numbers from a seed.

/// The SplitMix64 generator: good enough to vary a test, and the same everywhere for ever, which
/// no random crate promises.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// True with that probability. Draws nothing if that is 0, so that conditions that are not used change nothing.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a float holds.
        probability > 0.0 && ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_comes_as_often_as_it_says() {
        let mut random = Random::new(7);
        let mut count = |probability| (0..10_000).filter(|_| random.chance(probability)).count();
        assert_eq!((count(0.0), count(1.0), count(f64::NAN)), (0, 10_000, 0));
        assert!((400..600).contains(&count(0.05)));
    }
}

//! Random choices that repeat: the same seed and index, the same choices.

/// A generator of the kind splitmix64 (Steele, Lea, Flood 2014): small, fast, good enough
/// for what clients do.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one client: nothing but the seed of the run and its index decides.
    pub(crate) fn of_client(seed: u64, index: u64) -> Self {
        let mut mixed = Self(seed);
        Self(mixed.next() ^ index.wrapping_mul(0xA24B_AED4_963E_E407))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number of `low..=high`.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// A length of `low..=high`.
    pub(crate) fn len(&mut self, low: usize, high: usize) -> usize {
        self.range(low as u64, high as u64) as usize
    }

    /// Yes, once in `times`.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.next() % times == 0
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.len(0, choices.len() - 1)]
    }

    /// So many bytes without a pattern.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_choices_depend_on_the_seed_and_its_index_alone() {
        let choices = |seed, index| Random::of_client(seed, index).bytes(16);
        assert_eq!(choices(1, 7), choices(1, 7));
        assert_ne!(choices(1, 7), choices(1, 8));
        assert_ne!(choices(1, 7), choices(2, 7));
    }

    #[test]
    fn a_range_has_both_its_ends() {
        let mut random = Random::of_client(1, 1);
        let drawn: Vec<_> = (0..100).map(|_| random.range(3, 5)).collect();
        assert!([3, 4, 5].iter().all(|number| drawn.contains(number)));
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
    }
}

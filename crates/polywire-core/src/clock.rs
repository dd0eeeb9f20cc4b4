//! Time, the system's or a test's.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What time it is: the system's monotonic clock, or a test's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Option<Arc<ManualTime>>);

#[derive(Debug)]
struct ManualTime {
    start: Instant,
    passed_nanos: AtomicU64,
    /// What random numbers come from.
    random: AtomicU64,
}

impl ManualTime {
    fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX / 2);
        self.passed_nanos.fetch_add(nanos, Ordering::AcqRel);
    }
}

impl Clock {
    /// A clock that only [`advance`](Self::advance) moves. It has random numbers of its own, from `seed`.
    #[allow(dead_code, reason = "made by the seam and by tests")]
    pub(crate) fn manual(seed: u64) -> Self {
        // One start for the whole process, so that the same seed sees the same differences.
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        let (passed_nanos, random) = (AtomicU64::new(0), AtomicU64::new(seed));
        Self(Some(Arc::new(ManualTime { start, passed_nanos, random })))
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(time) => {
                time.start + Duration::from_nanos(time.passed_nanos.load(Ordering::Acquire))
            }
        }
    }

    /// Whether only [`advance`](Self::advance) moves it.
    pub(crate) fn is_manual(&self) -> bool {
        self.0.is_some()
    }

    /// A random number, for what must not happen everywhere at once: of a test's clock, the next one of its seed.
    pub(crate) fn random(&self) -> u64 {
        let Some(time) = &self.0 else {
            return RandomState::new().hash_one(0); // Every hasher of std is seeded at random.
        };
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(time.random.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }

    /// Lets `time` pass: waits, or moves a manual clock.
    pub(crate) fn sleep(&self, time: Duration) {
        match &self.0 {
            None => std::thread::sleep(time),
            Some(manual) => manual.advance(time),
        }
    }

    /// Moves a manual clock forward; nothing for the system's.
    pub(crate) fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            manual.advance(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(0);
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now() - before, Duration::from_secs(3));
    }

    #[test]
    fn a_manual_clock_has_the_numbers_of_its_seed() {
        let numbers = |seed| {
            let clock = Clock::manual(seed);
            [clock.random(), clock.random(), clock.random()]
        };
        assert_eq!(numbers(1), numbers(1));
        assert!(numbers(1)[0] != numbers(1)[1] && numbers(1) != numbers(1 << 32));
        assert_ne!(Clock::default().random(), Clock::default().random());
    }
}

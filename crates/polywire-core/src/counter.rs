//! Counters that one thread writes, or any.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that any thread adds to, the loop's most of all: it has a part of its own.
#[derive(Debug, Default)]
pub(crate) struct SharedCounter {
    of_loop: Counter,
    of_others: Counter,
}

impl SharedCounter {
    /// Adds to the part of the loop's thread, which alone says so, or of all others.
    #[inline]
    pub(crate) fn add(&self, is_loop: bool, more: usize) {
        if is_loop { self.of_loop.add_alone(more) } else { self.of_others.add(more) }
    }

    pub(crate) fn get(&self) -> u64 {
        self.of_loop.get().wrapping_add(self.of_others.get())
    }
}

/// A counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// As [`add`](Self::add), on a counter that only the loop's thread writes: cheaper.
    #[inline]
    pub(crate) fn add_alone(&self, more: usize) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(more as u64);
        self.0.store(sum, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

//! How many bytes a node holds for its peers, against how many it may.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes queued for sending and bytes of messages half received, of a whole node.
#[derive(Debug)]
pub(crate) struct Budget {
    queued: Sum,
    half_received: AtomicUsize,
    max: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            queued: Sum::default(),
            half_received: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
        }
    }

    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Whether the node may hold so many bytes more.
    #[inline]
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.held().saturating_add(more) <= self.max.load(Ordering::Relaxed)
    }

    /// The same, with a sixteenth of the ceiling left besides, if only that is short of room.
    pub(crate) fn has_room_to_spare(&self, more: usize) -> bool {
        let max = self.max.load(Ordering::Relaxed);
        let held = self.held();
        held == 0 || held.saturating_add(more) <= max.saturating_sub(max / 16)
    }

    /// Whether less than a sixteenth of the ceiling is left.
    pub(crate) fn is_nearly_full(&self) -> bool {
        let max = self.max.load(Ordering::Relaxed);
        self.held() > max - max / 16
    }

    /// Bytes the node holds.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.queued().saturating_add(self.half_received())
    }

    #[inline]
    pub(crate) fn half_received(&self) -> usize {
        self.half_received.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn queued(&self) -> usize {
        self.queued.get()
    }

    /// So many bytes are queued where `before` were; told by the loop's thread, or by another.
    #[inline]
    pub(crate) fn change_queued(&self, is_loop: bool, before: usize, after: usize) {
        self.queued.change(is_loop, before, after);
    }

    /// So many bytes are half received where `before` were.
    pub(crate) fn change_half_received(&self, before: usize, after: usize) {
        change(&self.half_received, before, after);
    }
}

/// A sum that any thread changes, the loop's most of all: it has a part of its own, which costs no
/// read-modify-write. What one part gained the other may lose: only both together, wrapped around,
/// are the sum.
#[derive(Debug, Default)]
struct Sum {
    of_loop: AtomicUsize,
    of_others: AtomicUsize,
}

impl Sum {
    #[inline]
    fn change(&self, is_loop: bool, before: usize, after: usize) {
        let change = after.wrapping_sub(before);
        if is_loop {
            let sum = self.of_loop.load(Ordering::Relaxed).wrapping_add(change);
            self.of_loop.store(sum, Ordering::Relaxed);
        } else {
            // Before this looks whether the loop waits for the sum to be zero, which looks the other
            // way round.
            self.of_others.fetch_add(change, Ordering::SeqCst);
        }
    }

    #[inline]
    fn get(&self) -> usize {
        let of_others = self.of_others.load(Ordering::SeqCst);
        let sum = of_others.wrapping_add(self.of_loop.load(Ordering::Relaxed));
        // Of the parts of two moments the sum may be below zero.
        if isize::try_from(sum).is_ok() { sum } else { 0 }
    }
}

fn change(sum: &AtomicUsize, before: usize, after: usize) {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => {
            sum.fetch_add(after - before, Ordering::Relaxed);
        }
        std::cmp::Ordering::Less => {
            sum.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_bytes_count_against_the_ceiling() {
        let budget = Budget::new(100);
        budget.change_queued(false, 0, 60);
        budget.change_half_received(0, 30);
        assert!(budget.has_room(10) && !budget.has_room(11));
        budget.change_queued(true, 60, 20); // Of another part, which goes below zero.
        assert!(budget.has_room(50));
        assert!(!budget.has_room(usize::MAX));
    }
}

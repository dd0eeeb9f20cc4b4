//! When resources must be looked at again, whatever the poller says.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::endpoint::ResourceId;

/// A heap of deadlines, at most one of which counts for each resource: the one the resource itself
/// remembers. Others are left behind when a deadline moves, and dropped when they come up or when
/// they are most of the heap.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, ResourceId)>>,
    /// Entries a sweep has left at the most.
    swept: usize,
}

const SWEEP_FROM: usize = 64;

impl Deadlines {
    /// Arms a deadline. `counts` tells whether an entry is still the one its resource remembers.
    pub(super) fn arm(
        &mut self,
        at: Instant,
        id: ResourceId,
        counts: impl Fn(Instant, ResourceId) -> bool,
    ) {
        if self.heap.len() >= SWEEP_FROM + 2 * self.swept {
            self.heap.retain(|Reverse((at, id))| counts(*at, *id));
            self.swept = self.heap.len();
            self.heap.shrink_to(SWEEP_FROM + 2 * self.swept);
        }
        self.heap.push(Reverse((at, id)));
    }

    /// The earliest that counts; those before it that do not are dropped.
    #[inline]
    pub(super) fn next(&mut self, counts: impl Fn(Instant, ResourceId) -> bool) -> Option<Instant> {
        while let Some(Reverse((at, id))) = self.heap.peek() {
            if counts(*at, *id) {
                return Some(*at);
            }
            self.heap.pop();
        }
        if self.heap.capacity() > SWEEP_FROM {
            self.heap = BinaryHeap::new(); // As after a burst of handshakes.
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Takes one that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, ResourceId)> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_up_in_order_and_not_before_their_time() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut deadlines = Deadlines::default();
        for millis in [30, 10, 20] {
            deadlines.arm(at(millis), ResourceId::from(millis as usize), |_, _| true);
        }
        assert_eq!(deadlines.pop_due(at(9)), None);
        assert_eq!(deadlines.pop_due(at(25)).unwrap().0, at(10));
        assert_eq!(deadlines.pop_due(at(25)).unwrap().0, at(20));
        assert_eq!(deadlines.pop_due(at(25)), None);
        assert_eq!(deadlines.next(|_, _| true), Some(at(30)));
        assert_eq!(deadlines.next(|_, _| false), None);
        assert!(deadlines.is_empty());
    }

    #[test]
    fn deadlines_that_moved_away_do_not_pile_up() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        for step in 0..100_000 {
            let at = start + Duration::from_micros(step);
            deadlines.arm(at, ResourceId::from(1usize), |other, _| other == at);
            assert!(deadlines.heap.len() <= 2 * SWEEP_FROM);
        }
    }
}

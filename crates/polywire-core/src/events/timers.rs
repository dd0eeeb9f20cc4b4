//! Events that wait for their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::AtomicU64 as Counter;
use std::time::{Duration, Instant};

use slotmap::{DefaultKey, SlotMap};

use super::lock;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Names one timer, to cancel it.
///
/// No two timers of a process share an id, whichever queue they are set on: an id that is kept
/// longer than its timer never cancels another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    number: u64,
    key: DefaultKey,
}

/// Number of the next timer, in the order of setting. No model looks into it.
static NEXT_NUMBER: Counter = Counter::new(0);

/// Cancelled entries that the heap may always hold: so few are not worth a rebuild.
const DEAD_ALLOWED: usize = 64;

/// Timers in the order of their time, and of their setting where the time is the same.
///
/// A heap of the times beside a slot map of the events. Most timers are cancelled and few fire, so
/// cancelling only frees the slot and leaves the heap's entry dead, to be dropped when it comes up
/// or when more than half of the heap is dead. The earliest entry is never a dead one.
pub(crate) struct Timers<E> {
    heap: BinaryHeap<Reverse<(Instant, u64, DefaultKey)>>,
    /// Beside the event, the timer's number: a slot's own version wraps around after 2^31 uses.
    slots: SlotMap<DefaultKey, (u64, E)>,
}

impl<E> Default for Timers<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), slots: SlotMap::new() }
    }
}

impl<E> Timers<E> {
    /// Sets a timer. One without a time never fires, but can be cancelled like any other.
    pub(crate) fn schedule(&mut self, at: Option<Instant>, event: E) -> TimerId {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let key = self.slots.insert((number, event));
        if let Some(at) = at {
            self.heap.push(Reverse((at, number, key)));
        }
        TimerId { number, key }
    }

    /// Takes a timer back; nothing if it fired, was cancelled, or never was.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<E> {
        if !is_live(&self.slots, id.key, id.number) {
            return None;
        }
        let cancelled = self.slots.remove(id.key);
        self.drop_dead_entries();
        cancelled.map(|(_, event)| event)
    }

    /// The event of the earliest timer, if that one's time has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<E> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse((_, _, key)) = self.heap.pop()?;
        let due = self.slots.remove(key);
        self.drop_dead_entries();
        due.map(|(_, event)| event)
    }

    /// When the earliest timer is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    fn drop_dead_entries(&mut self) {
        let Self { heap, slots } = self;
        if heap.len() > 2 * slots.len() + DEAD_ALLOWED {
            heap.retain(|Reverse((_, number, key))| is_live(slots, *key, *number));
        }
        while let Some(Reverse((_, number, key))) = heap.peek() {
            if is_live(slots, *key, *number) {
                break;
            }
            heap.pop();
        }
    }
}

fn is_live<E>(slots: &SlotMap<DefaultKey, (u64, E)>, key: DefaultKey, number: u64) -> bool {
    slots.get(key).is_some_and(|(of_slot, _)| *of_slot == number)
}

/// [`Timers`] that any thread sets and one thread takes.
///
/// The next deadline is kept beside the lock, so that looking at timers of which none is due costs
/// one load.
pub(super) struct SharedTimers<E> {
    timers: Mutex<Timers<E>>,
    /// From `start` to the next deadline, in nanoseconds; written under the lock.
    next_nanos: AtomicU64,
    start: Instant,
}

/// No timer fires within the 584 years that 64 bits of nanoseconds count.
const NEVER: u64 = u64::MAX;

impl<E> SharedTimers<E> {
    /// No timers. None may be due before `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self { timers: Mutex::default(), next_nanos: AtomicU64::new(NEVER), start }
    }

    /// As [`Timers::schedule`]; tells besides whether the new timer is now the only earliest.
    pub(super) fn schedule(&self, at: Option<Instant>, event: E) -> (TimerId, bool) {
        self.change(|timers| {
            let before = timers.next_deadline();
            let id = timers.schedule(at, event);
            (id, timers.next_deadline() != before)
        })
    }

    /// As [`Timers::cancel`]. The event is for the caller to drop: its destructor may use the
    /// queue, which it could not under the lock.
    pub(super) fn cancel(&self, id: TimerId) -> Option<E> {
        self.change(|timers| timers.cancel(id))
    }

    /// As [`Timers::pop_due`].
    pub(super) fn pop_due(&self, now: Instant) -> Option<E> {
        if self.nanos(now) < self.next_nanos.load(Ordering::Acquire) {
            return None;
        }
        self.change(|timers| timers.pop_due(now))
    }

    /// As [`Timers::next_deadline`].
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.next_nanos.load(Ordering::Acquire) {
            NEVER => None,
            nanos => self.start.checked_add(Duration::from_nanos(nanos)),
        }
    }

    /// Cancels all.
    pub(super) fn clear(&self) {
        let cancelled = self.change(std::mem::take);
        drop(cancelled); // With the lock released, as in `cancel`.
    }

    fn change<T>(&self, change: impl FnOnce(&mut Timers<E>) -> T) -> T {
        let mut timers = lock(&self.timers);
        let result = change(&mut timers);
        let next = timers.next_deadline().map_or(NEVER, |at| self.nanos(at));
        self.next_nanos.store(next, Ordering::Release);
        result
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn timers_fire_in_the_order_of_their_time_and_none_early() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.schedule(Some(start + 2 * SECOND), "second");
        timers.schedule(Some(start + SECOND), "first");

        assert_eq!(timers.next_deadline(), Some(start + SECOND));
        assert_eq!(timers.pop_due(start + SECOND - Duration::from_nanos(1)), None);
        assert_eq!(timers.pop_due(start + 3 * SECOND), Some("first"));
        assert_eq!(timers.pop_due(start + 3 * SECOND), Some("second"));
        assert_eq!(timers.pop_due(start + 3 * SECOND), None);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_hundred_thousand_timers_of_one_instant_fire_in_the_order_of_setting() {
        let at = Instant::now();
        let mut timers = Timers::default();
        for number in 0..100_000 {
            timers.schedule(Some(at), number);
        }
        assert!((0..100_000).all(|number| timers.pop_due(at) == Some(number)));
        assert_eq!(timers.pop_due(at), None);
    }

    #[test]
    fn a_cancelled_timer_never_fires_and_its_event_is_dropped_at_once() {
        let at = Instant::now();
        let mut timers = Timers::default();
        let event = Arc::new(());
        let cancelled = timers.schedule(Some(at), Arc::clone(&event));
        timers.schedule(Some(at + SECOND), Arc::clone(&event));

        drop(timers.cancel(cancelled));
        assert_eq!(Arc::strong_count(&event), 2);
        assert_eq!(timers.next_deadline(), Some(at + SECOND));
        assert_eq!(timers.pop_due(at), None);
        assert!(timers.pop_due(at + SECOND).is_some());
    }

    #[test]
    fn an_id_kept_too_long_cancels_nothing() {
        let at = Instant::now();
        let (mut timers, mut others) = (Timers::default(), Timers::default());
        let fired = timers.schedule(Some(at), 1);
        assert_eq!(timers.pop_due(at), Some(1));
        timers.schedule(Some(at), 2); // Reuses the slot.
        let of_another_queue = others.schedule(Some(at), 3);

        assert_eq!(timers.cancel(fired), None);
        assert_eq!(timers.cancel(of_another_queue), None);
        assert_eq!(timers.pop_due(at), Some(2));
    }

    #[test]
    fn a_timer_without_a_time_waits_until_it_is_cancelled() {
        let start = Instant::now();
        let mut timers = Timers::default();
        let never = timers.schedule(None, "never");
        assert_eq!(timers.next_deadline(), None);
        assert_eq!(timers.pop_due(start + 1_000_000 * SECOND), None);
        assert_eq!(timers.cancel(never), Some("never"));
        assert_eq!(timers.cancel(never), None);
    }

    #[test]
    fn the_heap_stays_within_twice_the_live_timers() {
        let at = Instant::now();
        let mut timers = Timers::default();
        timers.schedule(Some(at), 0); // The earliest lives, so none below it comes up.
        for number in 1..10_000 {
            let id = timers.schedule(Some(at + SECOND), number);
            timers.cancel(id);
            assert!(timers.heap.len() <= 2 + DEAD_ALLOWED);
        }
        let ids: Vec<_> = (0..10_000).map(|n| timers.schedule(Some(at + SECOND), n)).collect();
        for id in &ids[1..] {
            timers.cancel(*id);
        }
        assert!(timers.heap.len() <= 4 + DEAD_ALLOWED);
        assert_eq!(timers.pop_due(at + SECOND), Some(0));
        assert_eq!(timers.pop_due(at + SECOND), Some(0));
        assert!(timers.heap.is_empty());
    }

    #[test]
    fn the_deadline_beside_the_lock_follows_every_change() {
        let start = Instant::now();
        let timers = SharedTimers::new(start);
        assert_eq!(timers.next_deadline(), None);

        let (late, sooner) = timers.schedule(Some(start + 2 * SECOND), 2);
        assert!(sooner);
        let (_, sooner) = timers.schedule(Some(start + 3 * SECOND), 3);
        assert!(!sooner);
        let (_, sooner) = timers.schedule(None, 0);
        assert!(!sooner);
        assert_eq!(timers.next_deadline(), Some(start + 2 * SECOND));

        assert_eq!(timers.cancel(late), Some(2));
        assert_eq!(timers.next_deadline(), Some(start + 3 * SECOND));
        assert_eq!(timers.pop_due(start + 2 * SECOND), None);
        assert_eq!(timers.pop_due(start + 3 * SECOND), Some(3));
        assert_eq!(timers.next_deadline(), None);
    }
}

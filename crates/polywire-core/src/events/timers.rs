//! Events that wait for their time.

mod queue;

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::AtomicU64 as Counter;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

use queue::{Entry, Number, TimerQueue};

/// Names one timer, to cancel it.
///
/// No two timers of a process share an id, whichever queue they are set on: an id that is kept
/// longer than its timer never cancels another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    number: Number,
    slot: u32,
}

/// No model looks into it.
static LAST_NUMBER: Counter = Counter::new(0);

fn next_number() -> Number {
    let last = LAST_NUMBER.fetch_add(1, Ordering::Relaxed);
    NonZero::new(last.wrapping_add(1)).unwrap_or(Number::MAX)
}

/// Cancelled entries that the queue may always hold: so few are not worth a rebuild.
const MAX_CANCELLED: usize = 64;

/// Slots that may always be free.
const MAX_FREE_SLOTS: usize = 1024;

/// Timers that are due which leave the queue at a time.
const TIMERS_PER_BATCH: usize = 16;

/// The time of a timer that has none. None fires within the 584 years that 64 bits of nanoseconds
/// count.
const NEVER: u64 = u64::MAX;

/// Timers in the order of their time, and of their setting where the time is the same.
///
/// An queue of the times beside a slab of the events. Most timers are cancelled and few fire, so
/// cancelling only frees the slot and leaves the queue's entry dead, to be dropped when it comes up
/// or when more than half of the queue is dead. The earliest entry is never a dead one.
///
/// Those that are due leave the queue some at a time, and their slots, which are anywhere in memory, are
/// looked at one right after the other: so the memory brings them all in the time of one.
pub(crate) struct Timers<E> {
    /// With `due` an entry for each slot, and the dead ones.
    queue: TimerQueue,
    /// Entries that are due, in their order. What is set now may yet come before them.
    due: VecDeque<Entry>,
    slots: Slab<(Number, E)>,
    /// Timers that ended, less what it cost to look for memory to be given back.
    ended: usize,
}

impl<E> Default for Timers<E> {
    fn default() -> Self {
        Self { queue: TimerQueue::default(), due: VecDeque::new(), slots: Slab::new(), ended: 0 }
    }
}

impl<E> Timers<E> {
    /// Sets a timer for `at`.
    pub(crate) fn schedule(&mut self, at: u64, event: E) -> TimerId {
        let number = next_number();
        let slot = self.slots.insert((number, event));
        let slot = u32::try_from(slot).expect("so many timers take more memory than there is");
        self.queue.push(Entry { at, number, slot });
        TimerId { number, slot }
    }

    /// Takes a timer back; nothing if it fired, was cancelled, or never was.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<E> {
        if !is_live(&self.slots, id.slot, id.number) {
            return None;
        }
        let event = self.remove(id.slot);
        self.drop_dead_entries();
        Some(event)
    }

    /// The event of the earliest timer, if that one's time has come.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<E> {
        if self.next_deadline() > now || self.slots.is_empty() {
            return None;
        }
        if self.due.is_empty() {
            self.take_due(now);
        }
        let entry = if self.is_queue_first() { self.queue.pop() } else { self.due.pop_front() };
        let event = self.remove(entry?.slot);
        self.drop_dead_entries();
        Some(event)
    }

    /// Frees a slot, and gives memory back where most are free: it is looked for when half as many
    /// timers are left as at the look before, and no more often than what the looks cost is little.
    fn remove(&mut self, slot: u32) -> E {
        let (_, event) = self.slots.remove(slot as usize);
        self.ended += 1;
        let (len, capacity) = (self.slots.len(), self.slots.capacity());
        if (len == 0 || len.is_power_of_two())
            && capacity > 4 * len.max(MAX_FREE_SLOTS)
            && self.ended >= capacity / 64
        {
            self.ended -= capacity / 64;
            self.slots.shrink_to_fit();
        }
        event
    }

    /// When the earliest timer is due.
    pub(crate) fn next_deadline(&self) -> u64 {
        let on_queue = self.queue.peek().map_or(NEVER, |entry| entry.at);
        self.due.front().map_or(on_queue, |entry| on_queue.min(entry.at))
    }

    /// Takes some that are due off the queue, if any are.
    fn take_due(&mut self, now: u64) {
        let Self { queue, due, slots, .. } = self;
        while due.len() < TIMERS_PER_BATCH && queue.peek().is_some_and(|entry| entry.at <= now) {
            due.extend(queue.pop());
        }
        due.retain(|entry| is_live(slots, entry.slot, entry.number));
    }

    /// Whether the earliest entry is on the queue.
    fn is_queue_first(&self) -> bool {
        match (self.queue.peek(), self.due.front()) {
            (Some(on_queue), Some(due)) => on_queue < due,
            (_, due) => due.is_none(),
        }
    }

    fn drop_dead_entries(&mut self) {
        let Self { queue, due, slots, .. } = self;
        if queue.len() > 2 * slots.len() + MAX_CANCELLED {
            queue.retain(|entry| is_live(slots, entry.slot, entry.number));
        }
        let is_dead = |entry: &Entry| !is_live(slots, entry.slot, entry.number);
        // Without dead ones their slots are not looked at.
        while queue.len() + due.len() > slots.len() {
            if due.front().is_some_and(is_dead) {
                due.pop_front();
            } else if queue.peek().is_some_and(is_dead) {
                queue.pop();
            } else {
                break;
            }
        }
    }
}

/// Whether the event of a timer of that number is in that slot.
fn is_live<E>(slots: &Slab<(Number, E)>, slot: u32, number: Number) -> bool {
    slots.get(slot as usize).is_some_and(|(of_slot, _)| *of_slot == number)
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

impl<E> SharedTimers<E> {
    /// No timers. None may be due before `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self { timers: Mutex::default(), next_nanos: AtomicU64::new(NEVER), start }
    }

    /// Sets a timer, and tells besides whether it is now the only earliest. One without a time never
    /// fires, but can be cancelled like any other.
    pub(super) fn schedule(&self, at: Option<Instant>, event: E) -> (TimerId, bool) {
        let at = at.map_or(NEVER, |at| self.nanos(at));
        self.change(|timers| {
            let before = timers.next_deadline();
            (timers.schedule(at, event), at < before)
        })
    }

    /// As [`Timers::cancel`]. The event is for the caller to drop: its destructor may use the
    /// queue, which it could not under the lock.
    pub(super) fn cancel(&self, id: TimerId) -> Option<E> {
        self.change(|timers| timers.cancel(id))
    }

    /// As [`Timers::pop_due`].
    pub(super) fn pop_due(&self, now: Instant) -> Option<E> {
        let now = self.nanos(now);
        if now < self.next_nanos.load(Ordering::Acquire) {
            return None;
        }
        self.change(|timers| timers.pop_due(now))
    }

    /// When the earliest timer is due.
    #[inline]
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
        self.next_nanos.store(timers.next_deadline(), Ordering::Release);
        result
    }

    fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.start).as_nanos();
        u64::try_from(nanos).unwrap_or(NEVER).min(NEVER - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn timers_fire_in_the_order_of_their_time_and_none_early() {
        let mut timers = Timers::default();
        timers.schedule(20, "second");
        timers.schedule(10, "first");

        assert_eq!(timers.next_deadline(), 10);
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(30), Some("first"));
        assert_eq!(timers.pop_due(30), Some("second"));
        assert_eq!(timers.pop_due(30), None);
        assert_eq!(timers.next_deadline(), NEVER);
    }

    #[test]
    fn a_hundred_thousand_timers_of_one_instant_fire_in_the_order_of_setting() {
        let mut timers = Timers::default();
        for number in 0..100_000 {
            timers.schedule(7, number);
        }
        assert!((0..100_000).all(|number| timers.pop_due(7) == Some(number)));
        assert_eq!(timers.pop_due(7), None);
    }

    #[test]
    fn memory_of_timers_that_were_cancelled_is_given_back() {
        let mut timers = Timers::default();
        let kept = timers.schedule(5, 0);
        let ids: Vec<_> = (0..500_000).map(|number| timers.schedule(10, number)).collect();
        assert!(ids.into_iter().all(|id| timers.cancel(id).is_some()));
        assert!(timers.slots.capacity() <= 2 * MAX_FREE_SLOTS, "{}", timers.slots.capacity());
        assert_eq!(timers.cancel(kept), Some(0));
    }

    #[test]
    fn a_cancelled_timer_never_fires_and_its_event_is_dropped_at_once() {
        let mut timers = Timers::default();
        let event = Arc::new(());
        let cancelled = timers.schedule(1, Arc::clone(&event));
        timers.schedule(2, Arc::clone(&event));

        drop(timers.cancel(cancelled));
        assert_eq!(Arc::strong_count(&event), 2);
        assert_eq!(timers.next_deadline(), 2);
        assert_eq!(timers.pop_due(1), None);
        assert!(timers.pop_due(2).is_some());
    }

    /// Against a plain list: set, cancelled and taken at random, with many due at once.
    #[test]
    fn whatever_is_set_and_cancelled_the_earliest_comes_first() {
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut draw = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let (mut timers, mut list) = (Timers::default(), Vec::new());
        let mut now = 0;
        for number in 0..20_000_u64 {
            match draw(10) {
                0..4 => {
                    let at = now + draw(100);
                    list.push((at, number, timers.schedule(at, number)));
                }
                4 if !list.is_empty() => {
                    let (_, number, id) = list.swap_remove(draw(list.len() as u64) as usize);
                    assert_eq!(timers.cancel(id), Some(number));
                }
                5 => now += draw(40),
                _ => {
                    let first = list.iter().copied().min_by_key(|&(at, number, _)| (at, number));
                    let due = first.filter(|&(at, ..)| at <= now);
                    assert_eq!(timers.pop_due(now), due.map(|(_, number, _)| number));
                    list.retain(|&timer| Some(timer) != due);
                }
            }
            let next = list.iter().map(|&(at, ..)| at).min();
            assert_eq!(timers.next_deadline(), next.unwrap_or(NEVER));
        }
    }

    #[test]
    fn an_id_kept_too_long_cancels_nothing() {
        let (mut timers, mut others) = (Timers::default(), Timers::default());
        let fired = timers.schedule(0, 1);
        assert_eq!(timers.pop_due(0), Some(1));
        timers.schedule(0, 2); // Reuses the slot.
        let of_another_queue = others.schedule(0, 3);

        assert_eq!(timers.cancel(fired), None);
        assert_eq!(timers.cancel(of_another_queue), None);
        assert_eq!(timers.pop_due(0), Some(2));
    }

    #[test]
    fn a_timer_without_a_time_waits_until_it_is_cancelled() {
        let start = Instant::now();
        let timers = SharedTimers::new(start);
        let (never, sooner) = timers.schedule(None, "never");
        assert!(!sooner);
        assert_eq!(timers.next_deadline(), None);
        assert_eq!(timers.pop_due(start + Duration::from_secs(1 << 40)), None);
        assert_eq!(timers.cancel(never), Some("never"));
        assert_eq!(timers.cancel(never), None);
    }

    #[test]
    fn the_queue_stays_within_twice_the_live_timers() {
        let mut timers = Timers::default();
        timers.schedule(0, 0); // The earliest lives, so none below it comes up.
        for number in 1..10_000 {
            let id = timers.schedule(1, number);
            timers.cancel(id);
            assert!(timers.queue.len() <= 2 + MAX_CANCELLED);
        }
        let ids: Vec<_> = (0..10_000).map(|number| timers.schedule(1, number)).collect();
        for id in &ids[1..] {
            timers.cancel(*id);
        }
        assert!(timers.queue.len() <= 4 + MAX_CANCELLED);
        assert_eq!(timers.pop_due(1), Some(0));
        assert_eq!(timers.pop_due(1), Some(0));
        assert!(timers.queue.len() == 0);
    }

    #[test]
    fn a_timer_takes_no_more_than_its_share_of_memory() {
        assert_eq!(size_of::<Entry>(), 20);
        assert_eq!(size_of::<(Number, u64)>(), 16);
    }

    #[test]
    fn the_deadline_beside_the_lock_follows_every_change() {
        const SECOND: Duration = Duration::from_secs(1);
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

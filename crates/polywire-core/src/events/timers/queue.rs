//! What is due when: the next entries in a heap, those further off in buckets.
//!
//! A heap of a million entries reads memory that is in no cache at each of its levels, and that for
//! each entry that leaves it. Entries of a bucket are in no order, so one is put in at the end of it; the
//! heap, which is as small as a bucket, stays in the cache.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZero;

/// The number of a timer, in the order of setting. 64 bits of them are never used up.
pub(super) type Number = NonZero<u64>;

/// When a timer is due, in nanoseconds; which of those of the same instant comes first; and where its
/// event is. Packed, for there may be a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(4))]
pub(super) struct Entry {
    pub(super) at: u64,
    pub(super) number: Number,
    pub(super) slot: u32,
}

/// Entries that the heap or a bucket holds at most: to part so many takes some tens of microseconds.
const MAX_BUCKET_ENTRIES: usize = 4096;

/// Entries, of which the earliest is at hand.
#[derive(Default)]
pub(super) struct TimerQueue {
    /// Those before all buckets: if there are any entries, there are some here.
    next: BinaryHeap<Reverse<Entry>>,
    /// The latest first, none of them empty.
    later: Vec<Bucket>,
    len: usize,
}

/// Entries from one on, up to where the bucket before this one begins.
struct Bucket {
    from: Entry,
    entries: Vec<Entry>,
}

impl TimerQueue {
    pub(super) fn push(&mut self, entry: Entry) {
        self.len += 1;
        if self.next.len() >= MAX_BUCKET_ENTRIES {
            self.part_next();
        }
        let index = self.later.partition_point(|bucket| bucket.from > entry);
        match self.later.get_mut(index) {
            None => self.next.push(Reverse(entry)),
            Some(bucket) => {
                if let Some(later) = bucket.push(entry) {
                    self.later.insert(index, later);
                }
            }
        }
    }

    pub(super) fn peek(&self) -> Option<&Entry> {
        self.next.peek().map(|Reverse(entry)| entry)
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let Reverse(entry) = self.next.pop()?;
        self.len -= 1;
        self.refill();
        Some(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Drops what `is_kept` is false for.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Entry) -> bool) {
        self.next.retain(|Reverse(entry)| is_kept(entry));
        self.later.retain_mut(|bucket| {
            bucket.entries.retain(&is_kept);
            bucket.entries.shrink_to_fit();
            !bucket.entries.is_empty()
        });
        self.later.dedup_by(|sooner, bucket| bucket.merge(sooner));
        self.later.shrink_to_fit();
        self.refill();
        self.len =
            self.next.len() + self.later.iter().map(|bucket| bucket.entries.len()).sum::<usize>();
    }

    /// Has the next bucket be the heap if that is empty.
    fn refill(&mut self) {
        if self.next.is_empty() {
            self.next = heap(self.later.pop().map(|bucket| bucket.entries).unwrap_or_default());
        }
    }

    /// Puts the later half of the heap into a bucket.
    #[inline(never)]
    fn part_next(&mut self) {
        let next = std::mem::take(&mut self.next).into_vec();
        let mut entries: Vec<_> = next.into_iter().map(|Reverse(entry)| entry).collect();
        self.later.push(Bucket::part(&mut entries));
        self.next = heap(entries);
    }
}

/// The earliest of `entries` first, in the same memory.
fn heap(entries: Vec<Entry>) -> BinaryHeap<Reverse<Entry>> {
    entries.into_iter().map(Reverse).collect::<Vec<_>>().into()
}

impl Bucket {
    /// Puts an entry in, and returns the later half of a bucket that was full.
    fn push(&mut self, entry: Entry) -> Option<Self> {
        let mut later =
            (self.entries.len() >= MAX_BUCKET_ENTRIES).then(|| Self::part(&mut self.entries));
        match &mut later {
            Some(later) if later.from < entry => later.entries.push(entry),
            _ => self.entries.push(entry),
        }
        later
    }

    /// Takes the later half of some entries.
    #[inline(never)]
    fn part(entries: &mut Vec<Entry>) -> Self {
        let half = entries.len() / 2;
        let (_, &mut from, _) = entries.select_nth_unstable(half);
        let later = entries.split_off(half);
        entries.shrink_to_fit();
        Self { from, entries: later }
    }

    /// Takes what the bucket before this one in time has, if both are small.
    fn merge(&mut self, sooner: &mut Self) -> bool {
        let fits = self.entries.len() + sooner.entries.len() <= MAX_BUCKET_ENTRIES / 2;
        if fits {
            self.from = sooner.from;
            self.entries.append(&mut sooner.entries);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: u64, number: u64) -> Entry {
        Entry { at, number: Number::new(number).unwrap(), slot: 0 }
    }

    fn entries(count: u64, at: impl Fn(u64) -> u64) -> Vec<Entry> {
        (1..=count).map(|number| entry(at(number), number)).collect()
    }

    fn drain(queue: &mut TimerQueue) -> Vec<Entry> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn entries_come_in_order_however_they_were_put_in() {
        const COUNT: u64 = 50_000;
        let orders: [fn(u64) -> u64; 5] = [
            |number| number,
            |number| COUNT - number,
            |number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20,
            |number| number % 3,
            |_| 7,
        ];
        for at in orders {
            let mut entries = entries(COUNT, at);
            let mut queue = TimerQueue::default();
            entries.iter().for_each(|&entry| queue.push(entry));
            assert_eq!(queue.len(), entries.len());
            assert!(queue.next.len() <= MAX_BUCKET_ENTRIES);
            assert!(queue.later.iter().all(|bucket| bucket.entries.len() <= MAX_BUCKET_ENTRIES));
            entries.sort();
            assert_eq!(queue.peek(), entries.first());
            assert_eq!(drain(&mut queue), entries);
            assert!(queue.later.is_empty() && queue.len() == 0);
        }
    }

    #[test]
    fn what_is_put_in_while_others_leave_comes_in_its_place() {
        let mut queue = TimerQueue::default();
        entries(20_000, |number| 2 * number).into_iter().for_each(|entry| queue.push(entry));
        let mut now = 0;
        for number in 20_001..=80_000_u64 {
            let first = queue.pop().unwrap();
            assert!(first.at >= now);
            now = first.at;
            queue.push(entry(now + number.wrapping_mul(0x9E37_79B9) % 60_000, number));
        }
        assert_eq!(queue.len(), 20_000);
        let rest = drain(&mut queue);
        assert!(rest.is_sorted() && rest.len() == 20_000);
    }

    #[test]
    fn dropping_most_leaves_few_bins_and_little_memory() {
        let mut queue = TimerQueue::default();
        let all = entries(100_000, |number| number);
        all.iter().for_each(|&entry| queue.push(entry));
        queue.retain(|entry| entry.at % 100 == 0);
        let capacity: usize = queue.later.iter().map(|bucket| bucket.entries.capacity()).sum();
        assert!(queue.len() == 1000 && capacity <= 2 * MAX_BUCKET_ENTRIES, "{capacity}");
        assert!(queue.later.len() <= 2, "{}", queue.later.len());
        queue.push(entry(550, 200_000));
        let left = drain(&mut queue);
        assert!(left.is_sorted() && left.len() == 1001);
        queue.retain(|_| true);
        assert_eq!(queue.peek(), None);
    }

    #[test]
    fn bins_that_are_never_added_to_again_take_no_more_memory_than_their_entries() {
        let mut queue = TimerQueue::default();
        entries(100_000, |number| number).into_iter().for_each(|entry| queue.push(entry));
        let capacity: usize = queue.later.iter().map(|bucket| bucket.entries.capacity()).sum();
        assert!(capacity <= 100_000 + MAX_BUCKET_ENTRIES, "{capacity}");
    }

    #[test]
    fn the_heap_is_refilled_when_all_of_it_is_dropped() {
        let mut queue = TimerQueue::default();
        entries(10_000, |number| number).into_iter().for_each(|entry| queue.push(entry));
        queue.retain(|entry| entry.at > 9_000);
        assert_eq!(queue.peek().map(|entry| entry.at), Some(9_001));
    }
}

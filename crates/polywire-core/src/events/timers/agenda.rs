//! What is due when: the next entries in a heap, those further off in bins.
//!
//! A heap of a million entries reads memory that is in no cache at each of its levels, and that for
//! each entry that leaves it. Entries of a bin are in no order, so one is put in at the end of it; the
//! heap, which is as small as a bin, stays in the cache.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Entry;

/// Entries that the heap or a bin holds at most: to part so many takes some tens of microseconds.
const FULL: usize = 4096;

/// Entries, of which the earliest is at hand.
#[derive(Default)]
pub(super) struct Agenda {
    /// Those before all bins: if there are any entries, there are some here.
    next: BinaryHeap<Reverse<Entry>>,
    /// The latest first, none of them empty.
    later: Vec<Bin>,
    len: usize,
}

/// Entries from one on, up to where the bin before this one begins.
struct Bin {
    from: Entry,
    entries: Vec<Entry>,
}

impl Agenda {
    pub(super) fn push(&mut self, entry: Entry) {
        self.len += 1;
        if self.next.len() >= FULL {
            self.part_next();
        }
        let index = self.later.partition_point(|bin| bin.from > entry);
        match self.later.get_mut(index) {
            None => self.next.push(Reverse(entry)),
            Some(bin) => {
                if let Some(later) = bin.push(entry) {
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
        self.later.retain_mut(|bin| {
            bin.entries.retain(&is_kept);
            bin.entries.shrink_to_fit();
            !bin.entries.is_empty()
        });
        self.later.dedup_by(|sooner, bin| bin.absorb(sooner));
        self.later.shrink_to_fit();
        self.refill();
        self.len = self.next.len() + self.later.iter().map(|bin| bin.entries.len()).sum::<usize>();
    }

    /// Has the next bin be the heap if that is empty.
    fn refill(&mut self) {
        if self.next.is_empty() {
            self.next = heap(self.later.pop().map(|bin| bin.entries).unwrap_or_default());
        }
    }

    /// Puts the later half of the heap into a bin.
    #[inline(never)]
    fn part_next(&mut self) {
        let next = std::mem::take(&mut self.next).into_vec();
        let mut entries: Vec<_> = next.into_iter().map(|Reverse(entry)| entry).collect();
        self.later.push(Bin::part(&mut entries));
        self.next = heap(entries);
    }
}

/// The earliest of `entries` first, in the same memory.
fn heap(entries: Vec<Entry>) -> BinaryHeap<Reverse<Entry>> {
    entries.into_iter().map(Reverse).collect::<Vec<_>>().into()
}

impl Bin {
    /// Puts an entry in, and returns the later half of a bin that was full.
    fn push(&mut self, entry: Entry) -> Option<Self> {
        let mut later = (self.entries.len() >= FULL).then(|| Self::part(&mut self.entries));
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

    /// Takes what the bin before this one in time has, if both are small.
    fn absorb(&mut self, sooner: &mut Self) -> bool {
        let fits = self.entries.len() + sooner.entries.len() <= FULL / 2;
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
    use crate::events::timers::Number;

    fn entry(at: u64, number: u64) -> Entry {
        Entry { at, number: Number::new(number).unwrap(), slot: 0 }
    }

    fn entries(count: u64, at: impl Fn(u64) -> u64) -> Vec<Entry> {
        (1..=count).map(|number| entry(at(number), number)).collect()
    }

    fn drain(agenda: &mut Agenda) -> Vec<Entry> {
        std::iter::from_fn(|| agenda.pop()).collect()
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
            let mut agenda = Agenda::default();
            entries.iter().for_each(|&entry| agenda.push(entry));
            assert_eq!(agenda.len(), entries.len());
            assert!(agenda.next.len() <= FULL);
            assert!(agenda.later.iter().all(|bin| bin.entries.len() <= FULL));
            entries.sort();
            assert_eq!(agenda.peek(), entries.first());
            assert_eq!(drain(&mut agenda), entries);
            assert!(agenda.later.is_empty() && agenda.len() == 0);
        }
    }

    #[test]
    fn what_is_put_in_while_others_leave_comes_in_its_place() {
        let mut agenda = Agenda::default();
        entries(20_000, |number| 2 * number).into_iter().for_each(|entry| agenda.push(entry));
        let mut now = 0;
        for number in 20_001..=80_000_u64 {
            let first = agenda.pop().unwrap();
            assert!(first.at >= now);
            now = first.at;
            agenda.push(entry(now + number.wrapping_mul(0x9E37_79B9) % 60_000, number));
        }
        assert_eq!(agenda.len(), 20_000);
        let rest = drain(&mut agenda);
        assert!(rest.is_sorted() && rest.len() == 20_000);
    }

    #[test]
    fn dropping_most_leaves_few_bins_and_little_memory() {
        let mut agenda = Agenda::default();
        let all = entries(100_000, |number| number);
        all.iter().for_each(|&entry| agenda.push(entry));
        agenda.retain(|entry| entry.at % 100 == 0);
        let capacity: usize = agenda.later.iter().map(|bin| bin.entries.capacity()).sum();
        assert!(agenda.len() == 1000 && capacity <= 2 * FULL, "{capacity}");
        assert!(agenda.later.len() <= 2, "{}", agenda.later.len());
        agenda.push(entry(550, 200_000));
        let left = drain(&mut agenda);
        assert!(left.is_sorted() && left.len() == 1001);
        agenda.retain(|_| true);
        assert_eq!(agenda.peek(), None);
    }

    #[test]
    fn bins_that_are_never_added_to_again_take_no_more_memory_than_their_entries() {
        let mut agenda = Agenda::default();
        entries(100_000, |number| number).into_iter().for_each(|entry| agenda.push(entry));
        let capacity: usize = agenda.later.iter().map(|bin| bin.entries.capacity()).sum();
        assert!(capacity <= 100_000 + FULL, "{capacity}");
    }

    #[test]
    fn the_heap_is_refilled_when_all_of_it_is_dropped() {
        let mut agenda = Agenda::default();
        entries(10_000, |number| number).into_iter().for_each(|entry| agenda.push(entry));
        agenda.retain(|entry| entry.at > 9_000);
        assert_eq!(agenda.peek().map(|entry| entry.at), Some(9_001));
    }
}

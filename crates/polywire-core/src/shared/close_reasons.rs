//! Why the last endpoints ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;

/// Reasons kept: of the endpoints that ended last.
const MAX_REASONS: usize = 4096;
/// Of so many of them what a transport knows beside the text of a refusal is kept as well: it may be tens of KiB that a
/// peer has sent.
const MAX_DETAILED: usize = 64;

/// The reasons of the endpoints that ended last; the first one told of an endpoint stays.
#[derive(Debug, Default)]
pub(crate) struct CloseReasons(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<ResourceId, CloseReason>,
    oldest_first: VecDeque<ResourceId>,
    /// Those with more than a text.
    detailed: VecDeque<ResourceId>,
}

/// What is to be dropped without the lock: it may hold anything of a transport's.
type Forgotten = Vec<CloseReason>;

impl Kept {
    fn record(&mut self, id: ResourceId, reason: CloseReason) -> Forgotten {
        if self.by_id.contains_key(&id) {
            return vec![reason];
        }
        let is_full = self.oldest_first.len() == MAX_REASONS;
        let oldest = if is_full { self.oldest_first.pop_front() } else { None };
        let oldest = oldest.and_then(|oldest| self.by_id.remove(&oldest));
        self.oldest_first.push_back(id);
        let mut forgotten = self.insert(id, reason);
        forgotten.extend(oldest);
        forgotten
    }

    fn replace(&mut self, id: ResourceId, reason: CloseReason) -> Forgotten {
        let before = self.by_id.remove(&id);
        if before.is_some() {
            self.oldest_first.retain(|kept| *kept != id); // It ended anew.
        }
        let mut forgotten = self.record(id, reason);
        forgotten.extend(before);
        forgotten
    }

    fn correct(&mut self, id: ResourceId, reason: CloseReason) -> Forgotten {
        if self.by_id.contains_key(&id) { self.insert(id, reason) } else { vec![reason] }
    }

    fn insert(&mut self, id: ResourceId, reason: CloseReason) -> Forgotten {
        self.detailed.retain(|detailed| *detailed != id);
        if reason.has_detail() {
            self.detailed.push_back(id);
        }
        let mut forgotten = Vec::from_iter(self.by_id.insert(id, reason));
        if self.detailed.len() > MAX_DETAILED {
            let oldest = self.detailed.pop_front().and_then(|oldest| self.by_id.get_mut(&oldest));
            if let Some(oldest) = oldest {
                forgotten.push(oldest.clone());
                oldest.forget_detail();
            }
        }
        forgotten
    }
}

impl CloseReasons {
    pub(crate) fn record(&self, id: ResourceId, reason: CloseReason) {
        self.change(|kept| kept.record(id, reason));
    }

    /// The reason of a connection that is opened again: the last one counts.
    pub(crate) fn replace(&self, id: ResourceId, reason: CloseReason) {
        self.change(|kept| kept.replace(id, reason));
    }

    /// What was left of a removed endpoint did not arrive: that is worth more than that it was
    /// removed.
    pub(crate) fn correct(&self, id: ResourceId, reason: CloseReason) {
        self.change(|kept| kept.correct(id, reason));
    }

    pub(crate) fn get(&self, id: ResourceId) -> Option<CloseReason> {
        self.lock().by_id.get(&id).cloned()
    }

    /// In one step for whoever asks meanwhile.
    fn change(&self, change: impl FnOnce(&mut Kept) -> Forgotten) {
        let forgotten = change(&mut self.lock());
        drop(forgotten);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::close_reason::Refusal;

    #[test]
    fn details_are_kept_of_the_last_refusals_alone() {
        let reasons = CloseReasons::default();
        let id = |number: usize| ResourceId::from(number);
        for number in 0..=MAX_DETAILED {
            let refusal = Refusal::new("not now").with_detail(number);
            reasons.record(id(number), CloseReason::HandshakeRefused(refusal));
        }
        let detail = |number| match reasons.get(id(number)) {
            Some(CloseReason::HandshakeRefused(refusal)) => {
                assert_eq!(refusal.text(), "not now");
                refusal.detail::<usize>().copied()
            }
            reason => panic!("{reason:?}"),
        };
        assert_eq!((detail(0), detail(1)), (None, Some(1)));
        assert_eq!(detail(MAX_DETAILED), Some(MAX_DETAILED));
    }

    #[test]
    fn one_that_is_refused_again_and_again_has_its_last_detail() {
        let reasons = CloseReasons::default();
        let id = ResourceId::from(1);
        for number in 0..2 * MAX_DETAILED {
            let refusal = Refusal::new("not now").with_detail(number);
            let reason = CloseReason::HandshakeRefused(refusal);
            reasons.replace(id, reason.clone());
            assert_eq!(reasons.get(id), Some(reason));
        }
    }

    #[test]
    fn one_that_ends_again_has_a_reason_at_any_time() {
        let reasons = CloseReasons::default();
        let id = ResourceId::from(1);
        reasons.record(id, CloseReason::Reset);
        std::thread::scope(|scope| {
            let replacing =
                scope.spawn(|| (0..20_000).for_each(|_| reasons.replace(id, CloseReason::Reset)));
            while !replacing.is_finished() {
                assert_eq!(reasons.get(id), Some(CloseReason::Reset));
            }
        });
    }

    /// A detail that counts itself as it is dropped without the lock.
    #[derive(Debug)]
    struct Counting(Arc<CloseReasons>, Arc<AtomicUsize>);

    impl PartialEq for Counting {
        fn eq(&self, other: &Self) -> bool {
            std::ptr::eq(self, other)
        }
    }

    impl Eq for Counting {}

    impl Drop for Counting {
        fn drop(&mut self) {
            if self.0.0.try_lock().is_ok() {
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn details_are_dropped_without_the_lock() {
        let (reasons, dropped) = (Arc::default(), Arc::<AtomicUsize>::default());
        let id = |number: usize| ResourceId::from(number);
        let refused = || {
            let detail = Counting(Arc::clone(&reasons), Arc::clone(&dropped));
            CloseReason::HandshakeRefused(Refusal::new("not now").with_detail(detail))
        };
        let are_dropped = |expected| assert_eq!(dropped.load(Ordering::Relaxed), expected);
        (0..=MAX_DETAILED).for_each(|number| reasons.record(id(number), refused()));
        are_dropped(1); // The oldest detail.
        reasons.record(id(1), refused());
        are_dropped(2); // One that comes too late.
        reasons.replace(id(1), refused());
        are_dropped(3);
        reasons.correct(id(1), refused());
        are_dropped(4);
        reasons.correct(id(MAX_REASONS), refused());
        are_dropped(5); // Of one that is not known.
        (0..MAX_REASONS)
            .for_each(|number| reasons.replace(id(7 * MAX_REASONS + number), CloseReason::Reset));
        are_dropped(5 + MAX_DETAILED);
    }

    #[test]
    fn one_that_ends_again_is_among_the_last() {
        let reasons = CloseReasons::default();
        let id = |number: usize| ResourceId::from(number);
        reasons.replace(id(0), CloseReason::Reset);
        (1..MAX_REASONS).for_each(|number| reasons.record(id(number), CloseReason::Removed));
        reasons.replace(id(0), CloseReason::TimedOut);
        (0..9).for_each(|number| reasons.record(id(MAX_REASONS + number), CloseReason::Removed));
        assert_eq!(reasons.get(id(0)), Some(CloseReason::TimedOut));
        assert_eq!(reasons.get(id(1)), None);
    }

    #[test]
    fn the_first_reason_stays_and_memory_is_bounded() {
        let reasons = CloseReasons::default();
        let id = |number: usize| ResourceId::from(number);
        reasons.record(id(0), CloseReason::Reset);
        reasons.record(id(0), CloseReason::Removed);
        assert_eq!(reasons.get(id(0)), Some(CloseReason::Reset));
        for number in 1..=MAX_REASONS {
            reasons.record(id(number), CloseReason::Removed);
        }
        assert_eq!(reasons.get(id(0)), None);
        assert_eq!(reasons.get(id(MAX_REASONS)), Some(CloseReason::Removed));
        assert_eq!(reasons.0.lock().unwrap().by_id.len(), MAX_REASONS);
    }
}

//! Why the last endpoints ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

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

impl Kept {
    fn insert(&mut self, id: ResourceId, reason: CloseReason) {
        self.detailed.retain(|detailed| *detailed != id);
        if reason.has_detail() {
            self.detailed.push_back(id);
        }
        self.by_id.insert(id, reason);
        if self.detailed.len() > MAX_DETAILED {
            let oldest = self.detailed.pop_front().and_then(|oldest| self.by_id.get_mut(&oldest));
            oldest.into_iter().for_each(CloseReason::forget_detail);
        }
    }
}

impl CloseReasons {
    pub(crate) fn record(&self, id: ResourceId, reason: CloseReason) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.contains_key(&id) {
            return;
        }
        if kept.oldest_first.len() == MAX_REASONS {
            if let Some(oldest) = kept.oldest_first.pop_front() {
                kept.by_id.remove(&oldest);
            }
        }
        kept.insert(id, reason);
        kept.oldest_first.push_back(id);
    }

    /// The reason of a connection that is opened again: the last one counts.
    pub(crate) fn replace(&self, id: ResourceId, reason: CloseReason) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.remove(&id).is_some() {
            kept.oldest_first.retain(|kept| *kept != id); // It ended anew.
        }
        drop(kept);
        self.record(id, reason);
    }

    /// What was left of a removed endpoint did not arrive: that is worth more than that it was
    /// removed.
    pub(crate) fn correct(&self, id: ResourceId, reason: CloseReason) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.contains_key(&id) {
            kept.insert(id, reason);
        }
    }

    pub(crate) fn get(&self, id: ResourceId) -> Option<CloseReason> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_id.get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
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

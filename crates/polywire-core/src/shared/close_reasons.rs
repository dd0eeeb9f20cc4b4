//! Why the last endpoints ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;

/// Reasons kept: of the endpoints that ended last.
const MAX_REASONS: usize = 4096;

/// The reasons of the endpoints that ended last; the first one told of an endpoint stays.
#[derive(Debug, Default)]
pub(crate) struct CloseReasons(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<ResourceId, CloseReason>,
    oldest_first: VecDeque<ResourceId>,
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
        kept.by_id.insert(id, reason);
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
        if let Some(known) = kept.by_id.get_mut(&id) {
            *known = reason;
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

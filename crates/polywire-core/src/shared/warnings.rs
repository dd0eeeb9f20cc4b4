//! At most one warning of a kind and second, so that a flood of causes is no flood of logs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What is warned of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Warning {
    SlowReader,
    NodeMemory,
    TurnedAway,
    AcceptExhausted,
    Handshakes,
    Spinning,
    Lost,
}

/// When each kind was warned of last, in seconds since the first.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    start: OnceLock<Instant>,
    next: [AtomicU64; 7],
}

impl Warnings {
    /// Whether a warning of that kind may be written now; if so, the next one only in a second.
    pub(crate) fn may_warn(&self, kind: Warning) -> bool {
        let second = self.start.get_or_init(Instant::now).elapsed().as_secs();
        let next = &self.next[kind as usize];
        let due = next.load(Ordering::Relaxed);
        let won = next.compare_exchange(due, second + 1, Ordering::Relaxed, Ordering::Relaxed);
        second >= due && won.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_one_warning_and_hides_no_other() {
        let warnings = Warnings::default();
        let written = (0..1000).filter(|_| warnings.may_warn(Warning::SlowReader)).count();
        assert!((1..=2).contains(&written), "{written}");
        assert!(warnings.may_warn(Warning::TurnedAway));
    }
}

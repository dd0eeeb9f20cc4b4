//! At most one warning a second, so that a flood of causes is no flood of logs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// When one warning was written last, in seconds since the first.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    start: OnceLock<Instant>,
    next: AtomicU64,
}

impl Throttle {
    /// Whether the warning may be written now; if so, the next one only in a second.
    pub(crate) fn may_warn(&self) -> bool {
        let second = self.start.get_or_init(Instant::now).elapsed().as_secs();
        let due = self.next.load(Ordering::Relaxed);
        let exchange =
            || self.next.compare_exchange(due, second + 1, Ordering::Relaxed, Ordering::Relaxed);
        second >= due && exchange().is_ok()
    }
}

//! What a server does beside answering: work for each message of a flood, and a timer that comes again
//! and again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::args::Args;

/// Time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The longest that a tick was late, in microseconds.
static LATE: AtomicU64 = AtomicU64::new(0);

/// How long a message of a flood takes.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    each: Duration,
    /// Bytes of a message that takes so long; shorter ones take nothing.
    size: usize,
}

impl Work {
    /// None, if `args` do not ask for any.
    pub(crate) fn new(args: &Args) -> Option<Self> {
        let each = Duration::from_micros(args.number_or("work", 0));
        (!each.is_zero()).then(|| Self { each, size: args.size() })
    }

    pub(crate) fn work_for(self, message: &[u8]) {
        if message.len() == self.size {
            let begin = Instant::now();
            while begin.elapsed() < self.each {
                std::hint::spin_loop();
            }
        }
    }
}

/// A timer that is set anew each time it has come.
pub(crate) struct Ticks(Instant);

impl Ticks {
    pub(crate) fn new() -> Self {
        Self(Instant::now() + TICK)
    }

    pub(crate) fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The tick has come, or not yet.
    pub(crate) fn look(&mut self) {
        let now = Instant::now();
        if now >= self.0 {
            let late = u64::try_from((now - self.0).as_micros()).unwrap_or(u64::MAX);
            LATE.fetch_max(late, Ordering::Relaxed);
            self.0 = now + TICK;
        }
    }
}

/// The longest that a tick was late so far, in microseconds.
pub(crate) fn late() -> u64 {
    LATE.load(Ordering::Relaxed)
}

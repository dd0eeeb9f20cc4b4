//! How far a program has come.

use std::time::{Duration, Instant};

/// What nobody hears of for so long has ended.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(30);

/// What came, and the longest time in which nothing did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) bytes: u64,
    last: Instant,
    pub(super) stall: Duration,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { bytes: 0, last: Instant::now(), stall: Duration::ZERO }
    }

    pub(super) fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.stall = self.stall.max(self.last.elapsed());
        self.last = Instant::now();
    }

    /// Nothing is expected from now on until something comes.
    pub(super) fn rests(&mut self) {
        self.last = Instant::now();
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, stall: self.stall.max(other.stall), ..self }
    }
}

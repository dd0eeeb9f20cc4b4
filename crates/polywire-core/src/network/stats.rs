//! Counters of a node.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of a node's counters; all but [`endpoints`](Self::endpoints) and
/// [`queued_bytes`](Self::queued_bytes) only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Listeners and connections alive, those included that still drain after their end.
    pub endpoints: usize,
    /// Messages handed to the callback.
    pub messages_in: u64,
    /// Bytes of those messages.
    pub bytes_in: u64,
    /// Messages that `send` and `try_send` took.
    pub messages_out: u64,
    /// Bytes of those messages.
    pub bytes_out: u64,
    /// Bytes that wait in the outboxes.
    pub queued_bytes: usize,
    /// Connections that a listener took and whose handshake then failed.
    pub refused: u64,
    /// Times a listener had to wait because the system was out of descriptors or memory.
    pub accept_exhausted: u64,
    /// Times the loop returned from waiting.
    pub wake_ups: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) refused: Counter,
    pub(crate) accept_exhausted: Counter,
    pub(crate) wake_ups: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// As [`add`](Self::add), on a counter that only the loop's thread writes: cheaper.
    #[inline]
    pub(crate) fn add_alone(&self, more: usize) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(more as u64);
        self.0.store(sum, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

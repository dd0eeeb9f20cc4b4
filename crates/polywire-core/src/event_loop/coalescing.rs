//! Which outboxes are left to fill for a moment.
//!
//! While other threads send on a connection faster than the loop writes, a write at once would take
//! a few messages only, and cost as much as one of many.

use std::time::{Duration, Instant};

use crate::endpoint::ResourceId;

/// How long outboxes may fill: some thousand messages, and as long as a thread takes to be woken.
pub(super) const COALESCE_WINDOW: Duration = Duration::from_micros(50);

/// The connections to be flushed, all at one time.
#[derive(Debug, Default)]
pub(super) struct Coalescing {
    pub(super) ids: Vec<ResourceId>,
    pub(super) end: Option<Instant>,
}

impl Coalescing {
    /// When they are to be flushed.
    #[inline]
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }
}

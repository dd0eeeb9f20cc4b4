//! Connections whose outboxes are left to fill for a moment.
//!
//! While other threads send on a connection faster than the loop writes, a write at once would take
//! a few messages only, and cost as much as one of many.

use std::time::{Duration, Instant};

use crate::endpoint::ResourceId;
use crate::event_loop::{Callback, EventLoop};

/// How long outboxes may fill: some thousand messages, and as long as a thread takes to be woken.
const TIME: Duration = Duration::from_micros(50);

/// The connections to be flushed, all at one time.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    ids: Vec<ResourceId>,
    end: Option<Instant>,
}

impl Gathering {
    /// When they are to be flushed.
    #[inline]
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }
}

impl EventLoop {
    /// Takes notice of outboxes that are left to fill from now on.
    pub(super) fn note_gathering(&mut self) {
        while let Some(id) = self.shared.announcements.pop_later() {
            self.gathering.ids.push(id);
            self.gathering.end.get_or_insert_with(|| self.shared.clock.now() + TIME);
        }
    }

    /// Writes what has gathered, once the time is over.
    #[inline(always)]
    pub(super) fn flush_gathered(&mut self, callback: Callback<'_>) {
        if let Some(end) = self.gathering.end {
            self.flush_gathered_by(end, callback);
        }
    }

    #[inline(never)] // Mostly nothing does.
    fn flush_gathered_by(&mut self, end: Instant, callback: Callback<'_>) {
        if end <= self.shared.clock.now() {
            let mut ids = std::mem::take(&mut self.gathering).ids;
            // One that was flushed early may have begun anew.
            ids.sort_unstable();
            ids.dedup();
            ids.into_iter().for_each(|id| self.flush(id, callback));
        }
    }
}

//! Writing the outboxes that were left to fill for a moment.

use crate::event_loop::EventLoop;
use crate::event_loop::blame::{Culprit, blame};
use crate::event_loop::coalescing::COALESCE_WINDOW;

impl EventLoop {
    /// Takes notice of outboxes that are left to fill from now on.
    pub(super) fn note_coalescing(&mut self) {
        while let Some(id) = self.shared.notifications.pop_later() {
            self.coalescing.ids.push(id);
            self.coalescing.end.get_or_insert_with(|| self.shared.clock.now() + COALESCE_WINDOW);
        }
    }

    /// Writes what was coalesced, once the time is over.
    #[inline(always)]
    pub(super) fn flush_coalesced(&mut self) {
        if self.coalescing.end.is_some() {
            self.flush_coalesced_in_time();
        }
    }

    #[inline(never)] // Mostly nothing is coalesced.
    fn flush_coalesced_in_time(&mut self) {
        if self.shared.notifications.take_end_of_moment()
            || self.coalescing.end.is_some_and(|end| end <= self.shared.clock.now())
        {
            self.flush_coalesced_now();
        }
    }

    /// Callbacks are about to run, or this thread leaves the loop: what is left to it for a moment is
    /// written now, and nothing more is left to it until it looks again.
    #[inline]
    pub(crate) fn become_busy(&mut self) {
        if !self.waker.is_busy() {
            self.waker.become_busy();
            if self.coalescing.end.is_some() || self.has_news() {
                self.flush_coalesced_now();
            }
        }
    }

    #[inline(never)]
    fn flush_coalesced_now(&mut self) {
        self.note_coalescing();
        let mut ids = std::mem::take(&mut self.coalescing).ids;
        // One that was flushed early may have begun anew.
        ids.sort_unstable();
        ids.dedup();
        for id in &ids {
            if let Some(resource) = self.resource(*id) {
                // A failure is told like any other, when the others are written.
                let sender = resource.entry.sender.iter();
                blame(Culprit::Adapter(*id), || sender.for_each(|sender| sender.flush()));
            }
        }
        ids.clear();
        ids.shrink_to(1024);
        self.coalescing.ids = ids; // For the next ones.
    }
}

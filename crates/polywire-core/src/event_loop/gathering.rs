//! Connections whose outboxes are left to fill for a moment.
//!
//! While other threads send on a connection faster than the loop writes, a write at once would take
//! a few messages only, and cost as much as one of many.

use std::time::{Duration, Instant};

use crate::endpoint::ResourceId;
use crate::event_loop::EventLoop;
use crate::event_loop::faults::{Culprit, blame};

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
        while let Some(id) = self.shared.notifications.pop_later() {
            self.gathering.ids.push(id);
            self.gathering.end.get_or_insert_with(|| self.shared.clock.now() + TIME);
        }
    }

    /// Writes what has gathered, once the time is over.
    #[inline(always)]
    pub(super) fn flush_gathered(&mut self) {
        if self.gathering.end.is_some() {
            self.flush_gathered_in_time();
        }
    }

    #[inline(never)] // Mostly nothing gathers.
    fn flush_gathered_in_time(&mut self) {
        if self.shared.notifications.take_end_of_moment()
            || self.gathering.end.is_some_and(|end| end <= self.shared.clock.now())
        {
            self.flush_gathered_now();
        }
    }

    /// Callbacks are about to run, or this thread leaves the loop: what is left to it for a moment is
    /// written now, and nothing more is left to it until it looks again.
    #[inline]
    pub(crate) fn become_busy(&mut self) {
        if !self.shared.waker.is_busy() {
            self.shared.waker.become_busy();
            if self.gathering.end.is_some() || self.shared.has_pending() {
                self.flush_gathered_now();
            }
        }
    }

    #[inline(never)]
    fn flush_gathered_now(&mut self) {
        self.note_gathering();
        let mut ids = std::mem::take(&mut self.gathering).ids;
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
        self.gathering.ids = ids; // For the next ones.
    }
}

//! What the loop and the node learn of an outbox.

use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::send_hint::note_sent;
use crate::stream::outbox::state::{Intake, State};
use crate::writer::Writer;

impl State {
    /// Moves to another loop, and what waits to its node's sum.
    pub(in crate::stream::outbox) fn set_notifier(&mut self, notifier: Notifier) {
        let queued = self.queued();
        notifier.change_queued(0, queued);
        if let Some(before) = self.notifier.replace(notifier) {
            before.change_queued(queued, 0);
        }
    }

    /// Whether the node may hold so many bytes more.
    #[inline]
    pub(in crate::stream::outbox) fn node_has_room(&self, more: usize) -> bool {
        self.notifier.as_ref().is_none_or(|notifier| notifier.has_room(more))
    }

    /// Notes a write by the current thread, for those that send one message after another.
    #[inline]
    pub(in crate::stream::outbox) fn note_write(&self) {
        if let Some(notifier) = self.notifier.as_ref().filter(|it| it.loop_runs_elsewhere()) {
            note_sent(notifier.clock());
        }
    }

    /// Has the loop watch whether the peer takes what waits, if that is much.
    #[inline]
    pub(in crate::stream::outbox) fn tell_if_crowded(&mut self, soft_mark: usize) {
        let (Some(waiting), Some(notifier)) = (&mut self.waiting, &self.notifier) else { return };
        if waiting.queued > soft_mark && !waiting.is_watched {
            waiting.is_watched = true;
            notifier.notify(Readiness::default());
        }
    }

    /// Has the loop look at the connection.
    pub(in crate::stream::outbox) fn notify(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Makes it the loop's turn, and tells it, unless it knows.
    #[inline]
    pub(in crate::stream::outbox) fn request_flush(&mut self) {
        let (Writer::None | Writer::LoopDelayed, Some(notifier)) = (self.writer, &self.notifier)
        else {
            return;
        };
        self.writer = Writer::Loop;
        notifier.notify(Readiness::WRITABLE);
    }

    /// All is written. The loop may have found that under way, and waits to shut the stream down: also where its own
    /// thread has written the last, by a call that does not go on with the end.
    #[inline(always)]
    pub(in crate::stream::outbox) fn tell_closing_loop(&mut self) {
        if self.intake == Intake::LoopWaits {
            self.intake = Intake::Ended;
            self.notify();
        }
    }

    /// Nobody writes any more: a loop that is to end once all is written looks whether that is so.
    #[inline]
    pub(in crate::stream::outbox) fn tell_draining_loop(&self) {
        if let Some(notifier) = self.notifier.as_ref().filter(|it| !it.loop_runs_here()) {
            notifier.tell_draining_loop();
        }
    }

    #[inline]
    pub(in crate::stream::outbox) fn loop_runs_here(&self) -> bool {
        self.notifier.as_ref().is_some_and(Notifier::loop_runs_here)
    }

    /// Leaves what waits to the loop for a moment. Returns whether it writes then.
    #[inline]
    pub(in crate::stream::outbox) fn leave_for_a_moment(&mut self) -> bool {
        let before = std::mem::replace(&mut self.writer, Writer::LoopDelayed);
        let is_left = self.notifier.as_ref().is_some_and(Notifier::leave_for_a_moment);
        if !is_left {
            self.writer = before;
        }
        is_left
    }

    /// Enough for a write is left to the loop for a moment: which is over.
    pub(in crate::stream::outbox) fn end_moment(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.end_moment();
        }
    }
}

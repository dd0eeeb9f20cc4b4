//! Writing what waits, and what follows from its having left.

use crate::adapter::message_queue::MessageQueue;
use crate::adapter::message_queue::state::State;
use crate::adapter::message_queue::store::{MessageStore, Written};
use crate::close_reason::CloseReason;
use crate::readiness::Readiness;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::writer::Writer;

/// Writes that one flush makes at most, each of what was sent during the write before.
const WRITES_PER_FLUSH: usize = 8;

impl<Q: MessageStore> MessageQueue<Q> {
    /// Writes what waits, as far as the system takes it.
    ///
    /// `write` is given messages in their order, takes out those that leave, and makes as many calls of the system as
    /// it likes, for no lock is held. It is run by one thread at a time, a few times at most; whoever calls meanwhile
    /// returns at once, and the thread that writes goes on with what came. If a call fails for good, `write` calls
    /// [`abort`](Self::abort). Should it panic, the queue ends.
    pub fn flush(&self, mut write: impl FnMut(&mut Q) -> Written) {
        if self.is_idle() {
            return;
        }
        let mut state = self.lock();
        for _ in 0..WRITES_PER_FLUSH {
            if state.writer.leave_to_thread() {
                return; // Which takes what was put behind meanwhile.
            }
            state.waits_for_room = false;
            if state.waiting.is_empty() {
                return self.become_idle(state);
            }
            state.writer = Writer::Thread;
            let mut batch = std::mem::take(&mut state.waiting);
            state.writing = batch.bytes();
            drop(state);
            let guard = EndOnPanic(self);
            let written = write(&mut batch);
            std::mem::forget(guard);
            state = self.lock();
            state.count_dropped(written.dropped);
            let (before, again) = (state.queued(), state.writer.finish());
            state.taken += state.writing.saturating_sub(batch.bytes()) as u64;
            state.writing = 0;
            if written.is_full && state.failure.is_none() {
                batch.append(std::mem::take(&mut state.waiting));
                state.waiting = batch;
                state = self.note_left(state, before);
                if !again {
                    return state.wait_for_room();
                }
                // The poller may have told of room before this found none.
            } else {
                state.writer = Writer::None;
                state = self.note_left(state, before);
            }
        }
        // Others send as fast as this writes, or there was room each time behind it: the loop goes on.
        state.writer = Writer::None;
        state.call_loop();
    }

    /// Whether the poller is to tell of room from now on, or not to any more; `None` if that has not changed. For
    /// [`Remote::flush`](crate::adapter::Remote::flush) of a source that is polled for room only while something
    /// waits for that.
    pub fn change_of_watch(&self) -> Option<bool> {
        let mut state = self.lock();
        let wanted = state.waits_for_room;
        let is_changed = std::mem::replace(&mut state.is_watched, wanted) != wanted;
        is_changed.then_some(wanted)
    }

    /// Nothing waits any more.
    #[inline]
    fn become_idle(&self, mut state: MutexGuard<'_, State<Q>>) {
        state.writer = Writer::None;
        state.count();
        self.is_used.store(false, Ordering::Release);
        if state.is_over {
            state.notify(Readiness::WRITABLE); // The loop waits for that to close the connection.
        }
    }

    /// The other end has taken messages out, of which there were `before` bytes.
    pub(super) fn note_taken<'a>(&'a self, mut state: MutexGuard<'a, State<Q>>, before: usize) {
        let left = state.waiting.bytes();
        if left == before {
            return;
        }
        state.taken += before.saturating_sub(left) as u64;
        if state.waiting.is_empty() {
            self.become_idle(state);
            state = self.lock();
        }
        drop(self.note_left(state, before));
    }

    /// Some of `before` bytes have left: tells whoever waits for that.
    #[inline]
    fn note_left<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<Q>>,
        before: usize,
    ) -> MutexGuard<'a, State<Q>> {
        if self.is_lossy {
            return state;
        }
        state.count();
        let mark = self.limits.outbox_soft_mark;
        if before > mark && state.queued() <= mark { self.tell_of_room(state) } else { state }
    }

    #[cold]
    fn tell_of_room<'a>(&'a self, mut state: MutexGuard<'a, State<Q>>) -> MutexGuard<'a, State<Q>> {
        let told = std::mem::take(&mut state.when_writable);
        drop(state);
        self.room.notify_all();
        told.into_iter().for_each(|tell| tell()); // Without the lock: it may send.
        self.lock()
    }
}

/// Ends the queue as it is dropped, which it is by a panic alone: the right to write would be nobody's.
struct EndOnPanic<'a, Q: MessageStore>(&'a MessageQueue<Q>);

impl<Q: MessageStore> Drop for EndOnPanic<'_, Q> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        (state.writer, state.writing) = (Writer::None, 0);
        self.0.fail(state, CloseReason::Panicked);
    }
}

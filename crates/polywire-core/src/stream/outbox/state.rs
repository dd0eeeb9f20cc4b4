//! What an outbox holds.

mod last_callback;
mod notifying;
mod queueing;
mod waiting;

use std::sync::Arc;

use crate::close_reason::CloseReason;
use crate::notifier::Notifier;
use crate::send_hint::current_callback;
use crate::stream::outbox::chunks::Chunks;
use crate::sync::Condvar;
use crate::writer::Writer;

use last_callback::LastCallback;
use waiting::Waiting;

pub(super) use waiting::WhenWritable;

/// Bytes of messages that other threads than the loop's gather for one write: the system copies as
/// much in the time that a call takes.
pub(super) const COALESCE_BYTES: usize = if cfg!(all(test, polywire_loom)) { 3 } else { 32 << 10 };

/// Bytes of such messages that a thread writes by itself, if the loop has not come to them.
pub(super) const THREAD_WRITE_BYTES: usize = 4 * COALESCE_BYTES;

/// Bytes of answers that wait to be written: behind so many a later one replaces the one before it, as
/// RFC 6455 section 5.5.3 allows for pongs.
pub(super) const MAX_ANSWER_BYTES: usize = 4096;

/// Whether messages are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intake {
    Open,
    /// Not any more; what waits is still written.
    Ended,
    /// The same, and the loop has found that not all is written, and waits for that to shut the stream down.
    LoopWaits,
}

/// Most connections of a node are idle, so what only busy ones need is set apart.
pub(super) struct State {
    /// `None` until the connection belongs to a node.
    pub(super) notifier: Option<Notifier>,
    /// What waits, or why nothing will be written any more.
    pub(super) waiting: Option<Box<Waiting>>,
    /// The callback of the loop that sent here last.
    last_callback: LastCallback,
    pub(super) writer: Writer,
    /// Messages may flow: there is a socket.
    pub(super) is_open: bool,
    pub(super) intake: Intake,
    /// The socket has been full once: what it took since may be unread by the peer for long.
    pub(super) has_filled: bool,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            notifier: None,
            waiting: None,
            last_callback: LastCallback::default(),
            writer: Writer::None,
            is_open: false,
            intake: Intake::Open,
            has_filled: false,
        }
    }

    /// What waits, with memory for it; [`settle`](Self::settle) gives that back.
    #[inline]
    pub(super) fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_with(Waiting::empty)
    }

    /// Owns no memory from now on if nothing waits. Not while somebody writes what waited.
    #[inline]
    pub(super) fn shrink(&mut self) {
        let is_idle = |waiting: &mut Box<Waiting>| waiting.queued == 0 && waiting.failure.is_none();
        if let Some(waiting) = self.waiting.take_if(is_idle) {
            waiting.give_back();
        }
    }

    /// The socket is full: what waits may do so for long, and takes no more memory than it must.
    pub(super) fn note_full(&mut self) {
        self.has_filled = true;
        if let Some(waiting) = &mut self.waiting {
            waiting.ahead.fit();
            waiting.frames.fit();
        }
    }

    #[cfg(test)]
    pub(super) fn owns_memory(&self) -> bool {
        self.waiting.is_some()
    }

    /// Bytes that what waits takes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let waiting = self.waiting.as_ref();
        waiting.map_or(0, |waiting| waiting.ahead.capacity() + waiting.frames.capacity())
    }

    /// Takes what is to be written next, in its order.
    #[inline]
    pub(super) fn take_batch(&mut self) -> Chunks {
        let is_open = self.is_open;
        let Some(waiting) = &mut self.waiting else { return Chunks::default() };
        let mut batch = std::mem::take(&mut waiting.ahead);
        if is_open {
            batch.append(std::mem::take(&mut waiting.frames));
            if !waiting.answer.is_empty() && waiting.written >= waiting.answers_end {
                waiting.answers = waiting.answer.len();
                waiting.answers_end = waiting.written + waiting.queued as u64;
                batch.push_bytes(std::mem::take(&mut waiting.answer));
            }
        }
        batch.drop_front(0);
        waiting.ahead.take_spare(&mut batch); // For what is queued meanwhile.
        batch
    }

    /// Puts back what was not written of a batch, before all else.
    #[inline]
    pub(super) fn put_back(&mut self, rest: &mut Chunks) {
        let ahead = &mut self.waiting().ahead;
        if !rest.has_spare() {
            rest.take_spare(ahead);
        }
        std::mem::swap(ahead, rest);
    }

    #[inline]
    pub(super) fn queued(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.queued)
    }

    /// Bytes the socket took of what waits.
    pub(super) fn written(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.written)
    }

    /// Why nothing is written any more, if so.
    #[inline]
    pub(super) fn failure(&self) -> Option<&CloseReason> {
        self.waiting.as_ref()?.failure.as_ref()
    }

    /// Throws away what waits; nothing is written any more. Returns what was to be run when there is
    /// room, to be dropped without the lock.
    pub(super) fn fail(&mut self, reason: CloseReason) -> Vec<WhenWritable> {
        self.set_queued(0);
        let waiting = self.waiting();
        let failure = waiting.failure.take().unwrap_or(reason);
        let forgotten = std::mem::take(&mut waiting.when_writable);
        *waiting =
            Waiting { failure: Some(failure), written: waiting.written, ..Waiting::default() };
        forgotten
    }

    /// Whether an answer is kept until those before it are written, in the place of one that was kept so
    /// far. If not, it is to be put behind what waits.
    pub(super) fn replace_answer(&mut self, answer: &[u8]) -> bool {
        let waiting = self.waiting.get_or_insert_with(Waiting::empty);
        if waiting.written >= waiting.answers_end {
            waiting.answers = 0;
        }
        let queued = waiting.queued;
        let has_room = waiting.answers == 0 || waiting.answers + answer.len() <= MAX_ANSWER_BYTES;
        if waiting.answer.is_empty() && has_room {
            waiting.answers += answer.len();
            waiting.answers_end = waiting.written + (queued + answer.len()) as u64;
            return false;
        }
        let before = waiting.answer.len();
        waiting.answer.clear();
        waiting.answer.extend_from_slice(answer);
        self.set_queued(queued - before + answer.len());
        true
    }

    /// Throws away the messages, but not what goes ahead of them.
    pub(super) fn forget_frames(&mut self) {
        let Some(waiting) = &mut self.waiting else { return };
        waiting.frames = Chunks::default();
        let left = waiting.ahead.iter().map(|piece| piece.rest().len()).sum();
        self.set_queued(left);
    }

    /// Throws away what goes ahead of the messages. Not while somebody writes it.
    pub(super) fn forget_ahead(&mut self) {
        let Some(waiting) = &mut self.waiting else { return };
        let ahead = std::mem::take(&mut waiting.ahead);
        let left: usize = ahead.iter().map(|piece| piece.rest().len()).sum();
        self.set_queued(self.queued() - left);
    }

    /// Takes out what is to be run when there is room. It may send on this very connection, when it
    /// is run and when it is dropped: so neither is done under the lock.
    pub(super) fn take_when_writable(&mut self) -> Vec<WhenWritable> {
        self.waiting
            .as_mut()
            .map_or_else(Vec::new, |waiting| std::mem::take(&mut waiting.when_writable))
    }

    /// Notified when what waits falls to the soft mark, and at the end: for whoever waits for room.
    pub(super) fn room(&mut self) -> Arc<Condvar> {
        Arc::clone(self.waiting().room.get_or_insert_with(Arc::default))
    }

    /// Has whoever waits for room look again.
    pub(super) fn notify_room(&self) {
        if let Some(room) = self.waiting.as_ref().and_then(|waiting| waiting.room.as_ref()) {
            room.notify_all();
        }
    }

    /// Changes how much waits, here and in the sum of the node.
    #[inline]
    pub(super) fn set_queued(&mut self, queued: usize) {
        let before = self.queued();
        if queued == before {
            return;
        }
        if let Some(notifier) = &self.notifier {
            notifier.change_queued(before, queued);
        }
        let waiting = self.waiting();
        // A message longer than the limit was taken while nothing waited, and so goes first.
        waiting.oversize = waiting.oversize.saturating_sub(before.saturating_sub(queued));
        waiting.queued = queued;
    }

    /// As [`set_queued`](Self::set_queued), when so many bytes of one message are put behind.
    #[inline]
    pub(super) fn add_queued(&mut self, bytes: usize, hard_limit: usize) {
        let waiting = self.waiting.get_or_insert_with(Waiting::empty);
        waiting.add(bytes, hard_limit, self.notifier.as_ref());
    }

    /// Whether so many bytes more are more than may wait.
    #[inline]
    pub(super) fn exceeds(&self, hard_limit: usize, more: usize) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| {
            waiting.queued > 0
                && (waiting.queued - waiting.oversize).saturating_add(more) > hard_limit
        })
    }

    /// Whether no message is taken any more.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.intake != Intake::Open || self.failure().is_some()
    }

    /// Whether a message may go straight to the socket.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.writer == Writer::None && self.queued() == 0
    }

    /// A message is sent by the callback: whether it waits for others of the same callback. The first
    /// does if the callback before sent several here, and all behind it do.
    #[inline]
    pub(super) fn gathers_in_callback(&mut self) -> bool {
        self.last_callback.send(current_callback())
    }
}

impl Drop for State {
    /// What nobody will send counts no more.
    fn drop(&mut self) {
        self.set_queued(0);
    }
}

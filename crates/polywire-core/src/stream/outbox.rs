//! What waits to be sent on one connection, and whose turn it is to write.
//!
//! A message goes straight from the caller's slice to the socket while nothing waits. What the
//! socket does not take, and what is sent while somebody writes, waits here as whole frames, so
//! frames never mix. The lock is held to move bytes in memory, never during a system call.

mod chunks;
mod direct;
mod mapped;
#[cfg(all(test, polywire_loom))]
mod models;
mod room;
mod sharing;
mod state;
#[cfg(test)]
mod tests;
mod writing;

use std::io;
use std::sync::{Arc, OnceLock};

use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::message::Message;
use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::send_hint::{FlushGuard, SendHint, flush_guard, is_flushed_next, sends_in_a_row};
use crate::send_status::SendStatus;
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use crate::writer::Writer;

use chunks::CHUNK_BYTES;
use state::{COALESCE_BYTES, State, THREAD_WRITE_BYTES, WhenWritable};
use writing::write_all;

/// Messages up to this long are gathered; to copy longer ones costs more than to write them.
const MAX_COALESCED_MESSAGE_BYTES: usize = 4096;

/// Batches that one flush writes at most, each what was sent during the write before.
const WRITES_PER_FLUSH: usize = 8;

pub(super) struct Outbox<S, E> {
    encoder: E,
    /// With `when_full` set.
    limits: Arc<Limits>,
    /// Set when messages may flow.
    socket: OnceLock<S>,
    state: Mutex<State>,
    /// Whether something waits to be written, to be asked without the lock: the poller tells of room
    /// whenever it tells of anything.
    waits: AtomicBool,
    /// Whether `State::failure` tells one, to be asked without the lock.
    failed: AtomicBool,
    /// Notified when the outbox falls to its soft mark, and at its end.
    room: Condvar,
}

impl<S: Stream, E: Encoder> Outbox<S, E> {
    pub(super) fn new(encoder: E, limits: Arc<Limits>) -> Self {
        Self {
            encoder,
            limits,
            socket: OnceLock::new(),
            state: Mutex::new(State::new()),
            waits: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            room: Condvar::new(),
        }
    }

    pub(super) fn encoder(&self) -> &E {
        &self.encoder
    }

    pub(super) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(super) fn set_notifier(&self, notifier: Notifier) {
        self.lock().set_notifier(notifier);
    }

    /// Messages may flow from now on; those that waited for it go out.
    pub(super) fn open(&self, socket: S) -> Result<(), CloseReason> {
        let _ = self.socket.set(socket);
        self.lock().is_open = true;
        self.flush()
    }

    /// Sends `message` or keeps it; `wait` tells whether this may wait for room.
    pub(super) fn send(&self, message: Message<'_>, hint: SendHint, wait: bool) -> SendStatus {
        if let Some(refusal) = self.encoder.refuse(message) {
            return refusal;
        }
        self.guarded(|| self.send_short(&self.encoder, message, hint, wait))
    }

    /// Runs `act`, which takes and leaves the lock. If what an adapter or the program gave us panics, half
    /// a frame may wait, and the right to write would be nobody's: that ends the connection.
    #[inline(always)]
    fn guarded<R>(&self, act: impl FnOnce() -> R) -> R {
        let guard = AbortOnPanic(self);
        let result = act();
        std::mem::forget(guard);
        result
    }

    /// As [`send`](Self::send), of a message that is not too long.
    #[inline(always)]
    fn send_short(
        &self,
        encoder: &impl Encoder,
        message: Message<'_>,
        hint: SendHint,
        wait: bool,
    ) -> SendStatus {
        let (mut state, len) = (self.lock(), message.bytes.len());
        if self.queue_behind(&mut state, encoder, message) {
            return SendStatus::Sent;
        }
        if self.is_crowded(&state, len) {
            state = match self.room_for(state, len, wait) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        if state.is_over() {
            return SendStatus::ResourceNotFound;
        }
        if !state.is_idle() {
            match self.below_limits(state, len) {
                Some(below) if !below.is_over() => state = below,
                _ => return SendStatus::ResourceNotFound,
            }
        }
        let is_to_gather = self.is_to_gather(&mut state, hint, len);
        match self.socket() {
            Some(socket) if state.is_open && state.is_idle() && !is_to_gather => {
                self.write_through(socket, state, encoder, message);
            }
            _ => {
                let before = state.queued();
                state.queue(encoder, message, self.limits.outbox_hard_limit);
                self.waits.store(true, Ordering::Release);
                state.tell_if_crowded(self.limits.outbox_soft_mark);
                self.see_to_writing(state, hint, before);
            }
        }
        SendStatus::Sent
    }

    /// Puts a message behind others that the loop is about to write, unless there may be something
    /// against it. Returns whether it did. As most of many are sent.
    #[inline]
    fn queue_behind(
        &self,
        state: &mut State,
        encoder: &impl Encoder,
        message: Message<'_>,
    ) -> bool {
        let Limits { outbox_soft_mark, outbox_hard_limit, .. } = *self.limits;
        let most = outbox_soft_mark.min(outbox_hard_limit);
        let is_far_from_full = state.is_gathering(message.bytes.len(), most);
        if is_far_from_full {
            state.queue_behind(encoder, message, outbox_hard_limit);
        }
        is_far_from_full
    }

    /// Has what was queued written: by the loop, or by this thread once it is enough for a write, or
    /// where the loop would come late.
    #[inline]
    fn see_to_writing(&self, mut state: MutexGuard<'_, State>, hint: SendHint, before: usize) {
        let (queued, runs_here) = (state.queued(), state.loop_runs_here());
        let is_to_flush = match state.writer {
            Writer::None if hint == SendHint::CallerFlushes => queued >= CHUNK_BYTES,
            Writer::None if !runs_here && state.is_open => !state.leave_for_a_moment(),
            Writer::LoopDelayed if !runs_here => {
                if queued >= COALESCE_BYTES && before < COALESCE_BYTES {
                    state.end_moment();
                }
                queued >= THREAD_WRITE_BYTES
            }
            // The loop does not come to it meanwhile. What a read brings in many messages is written
            // when it is done, unless it is very much.
            Writer::Loop if runs_here && queued / CHUNK_BYTES != before / CHUNK_BYTES => {
                hint == SendHint::Alone || queued > self.limits.outbox_soft_mark
            }
            _ => {
                self.call_loop(&mut state);
                false
            }
        };
        if is_to_flush {
            drop(state);
            let _ = self.flush(); // A failure reaches the loop by itself.
        }
    }

    /// Makes it the loop's turn, and tells it unless it comes by itself.
    #[inline]
    fn call_loop(&self, state: &mut State) {
        match state.writer {
            Writer::None | Writer::LoopDelayed if is_flushed_next(self.key()) => {
                state.writer = Writer::Loop;
            }
            Writer::None => state.request_flush(),
            Writer::LoopDelayed if state.loop_runs_here() => state.request_flush(),
            _ => {}
        }
    }

    /// Has the current thread alone see to the outbox while what is returned lives: it must flush
    /// it right after.
    #[inline]
    pub(super) fn flush_guard(&self) -> FlushGuard {
        flush_guard(self.key())
    }

    /// Whether a message that could be written now rather waits for those that follow it.
    #[inline]
    fn is_to_gather(&self, state: &mut State, hint: SendHint, len: usize) -> bool {
        let runs_here = state.loop_runs_here();
        match hint {
            // Another node's callback may not come to this loop soon.
            SendHint::LoopFlushes if runs_here => true,
            SendHint::CallerFlushes => len <= MAX_COALESCED_MESSAGE_BYTES,
            _ if runs_here => state.gathers_in_callback() && len <= MAX_COALESCED_MESSAGE_BYTES,
            _ => len <= MAX_COALESCED_MESSAGE_BYTES && self.is_to_leave(state),
        }
    }

    /// Whether a message of a thread beside the loop's is left to the loop for a moment.
    #[inline]
    fn is_to_leave(&self, state: &State) -> bool {
        let notifier = state.notifier.as_ref().filter(|_| state.is_idle());
        notifier.is_some_and(|it| !it.is_loop_busy() && sends_in_a_row(it.clock()))
    }

    /// Queues bytes of the protocol itself; before [`open`](Self::open) they go first.
    #[inline]
    pub(super) fn push(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.push_some(bytes);
        }
    }

    fn push_some(&self, bytes: Vec<u8>) {
        if let Some(mut state) = self.below_limits(self.lock(), bytes.len()) {
            self.push_behind(&mut state, bytes);
        }
    }

    /// As [`push`](Self::push), for an answer to the peer. Of a peer that sends what is to be answered
    /// and does not read, no more than [`MAX_ANSWER_BYTES`] and the latest answer are kept.
    pub(super) fn push_answer(&self, bytes: Vec<u8>) {
        let mut state = self.lock();
        if state.failure().is_none() && !state.replace_answer(&bytes) {
            self.push_behind(&mut state, bytes);
        }
    }

    /// As [`push`](Self::push), for the close frame: no limit may cost the messages before them.
    pub(super) fn push_last(&self, bytes: Vec<u8>) {
        let mut state = self.lock();
        if !bytes.is_empty() && state.failure().is_none() {
            self.push_behind(&mut state, bytes);
        }
    }

    fn push_behind(&self, state: &mut State, bytes: Vec<u8>) {
        let queued = state.queued() + bytes.len();
        state.set_queued(queued);
        let is_open = state.is_open;
        let waiting = state.waiting();
        let queue = if is_open { &mut waiting.frames } else { &mut waiting.ahead };
        queue.push_bytes(bytes);
        self.waits.store(true, Ordering::Release);
        state.tell_if_crowded(self.limits.outbox_soft_mark);
        self.call_loop(state);
    }

    /// Whether something waits to be written.
    #[inline]
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire) || self.socket().is_some_and(Stream::wants_write)
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&self) -> Result<(), CloseReason> {
        if !self.waits() {
            return Ok(());
        }
        match self.socket() {
            Some(socket) if self.lock().is_open => self.flush_to(socket),
            _ => Ok(()),
        }
    }

    /// As [`flush`](Self::flush), to a socket on which messages may not flow yet: only what goes
    /// before them is written.
    pub(super) fn flush_to(&self, socket: &S) -> Result<(), CloseReason> {
        self.guarded(|| self.write_waiting(socket))
    }

    fn write_waiting(&self, socket: &S) -> Result<(), CloseReason> {
        for _ in 0..WRITES_PER_FLUSH {
            let mut state = self.lock();
            if let Some(failure) = state.failure() {
                return Err(failure.clone());
            }
            if state.writer.leave_to_thread() {
                return Ok(());
            }
            let loop_comes = state.writer == Writer::LoopDelayed && !state.loop_runs_here();
            let mut batch = state.take_batch();
            if batch.is_empty() && !socket.wants_write() {
                if !loop_comes {
                    self.set_idle(&mut state);
                }
                return Ok(());
            }
            state.writer = Writer::Thread;
            drop(state);

            let (written, result) = write_all(socket, &mut batch);
            let mut state = self.lock();
            if let Some(failure) = state.failure() {
                return Err(failure.clone());
            }
            state.put_back(batch);
            let room_for = self.took(&mut state, written);
            if !room_for.is_empty() {
                state = self.tell(state, room_for);
                if let Some(failure) = state.failure() {
                    return Err(failure.clone());
                }
            }
            let again = state.writer.finish();
            match result {
                // Unless the loop came meanwhile, and left it to this thread.
                Ok(()) if loop_comes && !again && state.queued() < COALESCE_BYTES => {
                    state.writer = Writer::LoopDelayed;
                    return Ok(());
                }
                Ok(()) if state.queued() == 0 => {
                    self.set_idle(&mut state);
                    return Ok(());
                }
                // Sent meanwhile, by other threads.
                Ok(()) if state.queued() < COALESCE_BYTES && state.leave_for_a_moment() => {
                    return Ok(());
                }
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.note_full();
                    // The poller tells when there is room, if it has not told meanwhile.
                    if !again {
                        return Ok(());
                    }
                }
                Err(error) => {
                    let reason = CloseReason::from(&error);
                    self.fail(state, reason.clone());
                    return Err(reason);
                }
            }
        }
        // Others send as fast as this writes: the loop comes back to it when others were served.
        self.lock().notify();
        Ok(())
    }

    /// Throws away messages that waited for the connection to be ready, which it will never be.
    pub(super) fn forget_unless_open(&self) {
        let mut state = self.lock();
        if !state.is_open {
            state.forget_frames();
        }
    }

    /// Nothing waits any more, but for messages that wait for the handshake: whoever sends next
    /// writes.
    #[inline]
    fn set_idle(&self, state: &mut State) {
        self.waits.store(state.queued() > 0, Ordering::Release);
        state.writer = Writer::None;
        state.shrink();
        state.note_write();
        state.tell_closing_loop();
    }

    /// Has the loop read once more: the peer's last words may lie before the failure.
    pub(super) fn tell_reader(&self) {
        if let Some(notifier) = &self.lock().notifier {
            notifier.notify(Readiness { ended: true, ..Readiness::READABLE });
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Bytes the socket took of what waits, while something does.
    pub(super) fn taken(&self) -> Option<u64> {
        let state = self.lock();
        (state.queued() > 0).then(|| state.written())
    }

    /// Whether nothing waits and nobody writes.
    pub(super) fn is_drained(&self) -> bool {
        let state = self.lock();
        state.queued() == 0 && !state.writer.is_writing()
    }

    /// Whether the socket has been full at any time.
    pub(super) fn has_filled(&self) -> bool {
        self.lock().has_filled
    }

    /// Whether nothing can be written any more.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Why nothing can be written any more, if so.
    pub(super) fn failure(&self) -> Option<CloseReason> {
        if self.has_failed() { self.lock().failure().cloned() } else { None }
    }

    /// Has whoever waits to send look again.
    pub(super) fn wake(&self) {
        drop(self.lock()); // Nobody is between his look and his wait.
        self.room.notify_all();
    }

    /// Takes no message from now on, and lets go whoever waits to send one.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let forgotten = state.take_when_writable();
        drop(state);
        self.room.notify_all();
        drop(forgotten);
    }

    /// The socket took so many bytes of what waited. Returns what is to be run if there is room now.
    #[inline]
    fn took(&self, state: &mut State, written: usize) -> Vec<WhenWritable> {
        let (before, soft_mark) = (state.queued(), self.limits.outbox_soft_mark);
        state.set_queued(before - written);
        let waiting = state.waiting();
        waiting.written += written as u64;
        if before <= soft_mark || before - written > soft_mark {
            return Vec::new();
        }
        self.room.notify_all();
        std::mem::take(&mut waiting.when_writable)
    }

    /// Runs what waited for room, without the lock: it may act on this connection. Whoever writes has
    /// the right to meanwhile.
    #[cold]
    fn tell<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        room_for: Vec<WhenWritable>,
    ) -> MutexGuard<'a, State> {
        drop(state);
        room_for.into_iter().for_each(|tell| tell());
        self.lock()
    }

    /// Sees to it that so many bytes may be queued: ends the connection if that is above its own limit,
    /// and whoever holds most if it is above the node's. `None` if this one is over.
    fn below_limits<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
    ) -> Option<MutexGuard<'a, State>> {
        if state.exceeds(self.limits.outbox_hard_limit, len) {
            let queued = state.queued();
            self.fail(state, CloseReason::OutboxLimit { queued });
            return None;
        }
        if !state.node_has_room(len) {
            state = self.make_room(state, len);
            if !state.node_has_room(len) {
                self.fail(state, CloseReason::NodeMemory); // It alone is too much.
                return None;
            }
        }
        state.failure().is_none().then_some(state)
    }

    /// Has the node give up who holds most.
    #[cold]
    fn make_room<'a>(&'a self, state: MutexGuard<'a, State>, len: usize) -> MutexGuard<'a, State> {
        let notifier = state.notifier.clone();
        drop(state);
        if let Some(notifier) = notifier {
            notifier.make_room(len);
        }
        self.lock()
    }

    /// Runs `tell` once the outbox is at its soft mark or below: now, if it is. Nothing is told
    /// of a connection that ends before.
    pub(super) fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        if state.is_over() {
            return;
        }
        if state.queued() > self.limits.outbox_soft_mark {
            state.waiting().when_writable.push(tell);
        } else {
            drop(state);
            tell();
        }
    }

    /// Takes no message from now on, and throws away what waits.
    pub(super) fn abort(&self, reason: CloseReason) {
        self.fail(self.lock(), reason);
    }

    /// Throws away what waits and has the loop end the connection.
    fn fail(&self, mut state: MutexGuard<'_, State>, reason: CloseReason) {
        let forgotten = state.fail(reason);
        self.failed.store(true, Ordering::Release);
        self.waits.store(true, Ordering::Release);
        state.writer = Writer::Loop;
        state.notify();
        drop(state);
        self.room.notify_all();
        drop(forgotten);
    }
}

/// Ends the connection as it is dropped, which it is by a panic alone.
struct AbortOnPanic<'a, S: Stream, E: Encoder>(&'a Outbox<S, E>);

impl<S: Stream, E: Encoder> Drop for AbortOnPanic<'_, S, E> {
    fn drop(&mut self) {
        self.0.abort(CloseReason::Panicked);
    }
}

impl<S, E> Outbox<S, E> {
    /// The socket, once messages may flow.
    #[inline]
    pub(super) fn socket(&self) -> Option<&S> {
        self.socket.get()
    }

    /// What tells it from all others.
    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

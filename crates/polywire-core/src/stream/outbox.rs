//! What waits to be sent on one connection, and whose turn it is to write.
//!
//! A message goes straight from the caller's slice to the socket while nothing waits. What the
//! socket does not take, and what is sent while somebody writes, waits here as whole frames, so
//! frames never mix. The lock is held to move bytes in memory, never during a system call.

#[cfg(all(test, polywire_loom))]
mod models;
mod room;
mod state;
#[cfg(test)]
mod tests;
mod writing;

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::announcer::Announcer;
use crate::close_reason::CloseReason;
use crate::limits::{Limits, WhenFull};
use crate::loop_thread::{Gathering, gathering};
use crate::network::SendStatus;
use crate::poller::Readiness;
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

use state::{CHUNK, Chunk, State, Turn, append};
use writing::{drop_front, write_all, write_parts};

/// Frames up to this long are put together on the stack, so that a plain write does.
const SMALL: usize = 256;

/// How close messages of other threads than the loop's follow each other to be gathered for the loop
/// to write: less than a write takes.
const CLOSE: Duration = Duration::from_micros(5);

/// Messages up to this long are gathered; to copy longer ones costs more than to write them.
const GATHERED: usize = 4096;

/// Batches that one flush writes at most, each what was sent during the write before.
const ROUNDS: usize = 8;

pub(super) struct Outbox<S> {
    encoder: Arc<dyn Encoder>,
    soft_mark: usize,
    hard_limit: usize,
    when_full: WhenFull,
    stall_timeout: Duration,
    state: Mutex<State<S>>,
    /// Whether `State::failure` is set, to be asked without the lock.
    failed: AtomicBool,
    /// Notified when the outbox falls to its soft mark, and at its end.
    room: Condvar,
}

impl<S: Stream> Outbox<S> {
    pub(super) fn new(encoder: Arc<dyn Encoder>, limits: &Limits) -> Self {
        Self {
            encoder,
            soft_mark: limits.outbox_soft_mark,
            hard_limit: limits.outbox_hard_limit,
            when_full: limits.when_full.unwrap_or(WhenFull::Disconnect),
            stall_timeout: limits.stall_timeout,
            state: Mutex::new(State::new()),
            failed: AtomicBool::new(false),
            room: Condvar::new(),
        }
    }

    pub(super) fn set_announcer(&self, announcer: Announcer) {
        self.lock().set_announcer(announcer);
    }

    /// Messages may flow from now on; those that waited for it go out.
    pub(super) fn open(&self, socket: Arc<S>) -> Result<(), CloseReason> {
        self.lock().socket = Some(socket);
        self.flush()
    }

    /// Takes back what [`open`](Self::open) gave.
    pub(super) fn close(&self) {
        self.lock().socket = None;
    }

    /// Sends `message` or keeps it; `wait` tells whether this may wait for room.
    pub(super) fn send(&self, message: &[u8], wait: bool) -> SendStatus {
        if message.len() > self.encoder.max_message_size() {
            return SendStatus::MaxPacketSizeExceeded;
        }
        let mut state = self.lock();
        if self.is_crowded(&state, message.len()) {
            state = match self.room_for(state, message.len(), wait) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        if state.is_over() {
            return SendStatus::ResourceNotFound;
        }
        if !state.is_idle() {
            if let Some(reason) = self.limit_reached(&state, message.len()) {
                self.fail(state, reason);
                return SendStatus::ResourceNotFound;
            }
        }
        match &state.socket {
            Some(socket) if state.is_idle() && !self.is_to_gather(&state, message.len()) => {
                let socket = Arc::clone(socket);
                state.turn = Turn::Writing;
                drop(state);
                self.write_through(&socket, message);
            }
            _ => {
                state.queue(&*self.encoder, message, self.hard_limit);
                self.see_to_writing(state);
            }
        }
        SendStatus::Sent
    }

    /// Has what was queued written: by the loop, or by the thread that gathers messages, which does
    /// so at their end, and before they get too many.
    fn see_to_writing(&self, mut state: MutexGuard<'_, State<S>>) {
        if gathering() != Gathering::UntilFlush || state.turn != Turn::Anybody {
            state.call_loop();
        } else if state.queued() >= CHUNK {
            drop(state);
            let _ = self.flush(); // A failure reaches the loop by itself.
        }
    }

    /// Whether a message that could be written now rather waits for those that follow it.
    fn is_to_gather(&self, state: &State<S>, len: usize) -> bool {
        match gathering() {
            Gathering::UntilLoop => return true,
            Gathering::UntilFlush if len <= GATHERED => return true,
            Gathering::UntilFlush | Gathering::No => {}
        }
        let Some(written) = state.written_elsewhere.filter(|_| len <= GATHERED) else {
            return false;
        };
        let Some(announcer) = &state.announcer else { return false };
        announcer.loop_runs_elsewhere()
            && announcer.clock().now().saturating_duration_since(written) < CLOSE
    }

    /// Queues bytes of the protocol itself; before [`open`](Self::open) they go first.
    #[inline]
    pub(super) fn push(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.push_some(bytes);
        }
    }

    fn push_some(&self, bytes: Vec<u8>) {
        let state = self.lock();
        if let Some(reason) = self.limit_reached(&state, bytes.len()) {
            return self.fail(state, reason);
        }
        drop(state);
        self.push_last(bytes);
    }

    /// As [`push`](Self::push), for the last words: no limit may cost the messages before them.
    pub(super) fn push_last(&self, bytes: Vec<u8>) {
        let mut state = self.lock();
        if bytes.is_empty() || state.failure.is_some() {
            return;
        }
        let queued = state.queued() + bytes.len();
        state.set_queued(queued);
        let queue = match state.socket {
            Some(_) => &mut state.frames,
            None => &mut state.ahead,
        };
        append(queue, bytes);
        state.call_loop();
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&self) -> Result<(), CloseReason> {
        let state = self.lock();
        if state.is_idle() && state.failure.is_none() {
            return Ok(()); // As mostly: the poller tells of room whenever it tells of anything.
        }
        let Some(socket) = state.socket.clone() else { return Ok(()) };
        drop(state);
        self.flush_to(&socket)
    }

    /// As [`flush`](Self::flush), to a socket on which messages may not flow yet: only what goes
    /// before them is written.
    pub(super) fn flush_to(&self, socket: &S) -> Result<(), CloseReason> {
        for _ in 0..ROUNDS {
            let mut state = self.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            // Whoever writes now tells the loop if something is left.
            if state.turn == Turn::Writing {
                return Ok(());
            }
            let mut batch = std::mem::take(&mut state.ahead);
            if state.socket.is_some() {
                batch.append(&mut state.frames);
            }
            drop_front(&mut batch, 0);
            if batch.is_empty() {
                state.turn = Turn::Anybody;
                state.note_write();
                return Ok(());
            }
            state.turn = Turn::Writing;
            drop(state);

            let (written, result) = write_all(socket, &mut batch);
            let mut state = self.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            state.ahead = batch;
            state.turn = Turn::Loop;
            self.took(&mut state, written);
            match result {
                Ok(()) => {}
                // The poller tells when there is room.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    let reason = CloseReason::from(&error);
                    self.fail(state, reason.clone());
                    return Err(reason);
                }
            }
        }
        // Others send as fast as this writes: the loop comes back to it when others were served.
        self.lock().announce();
        Ok(())
    }

    /// Throws away messages that waited for the connection to be ready, which it will never be.
    pub(super) fn forget_unless_open(&self) {
        let mut state = self.lock();
        if state.socket.is_none() {
            state.frames.clear();
            let left = state.ahead.iter().map(|chunk| chunk.rest().len()).sum();
            state.set_queued(left);
        }
    }

    /// Has the loop read once more: the peer's last words may lie before the failure.
    pub(super) fn tell_reader(&self) {
        if let Some(announcer) = &self.lock().announcer {
            announcer.announce(Readiness { ended: true, ..Readiness::READABLE });
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Whether nothing waits and nobody writes.
    pub(super) fn is_drained(&self) -> bool {
        let state = self.lock();
        state.queued() == 0 && state.turn != Turn::Writing
    }

    /// Why nothing can be written any more, if so.
    #[inline]
    pub(super) fn failure(&self) -> Option<CloseReason> {
        if !self.failed.load(Ordering::Acquire) {
            return None;
        }
        self.lock().failure.clone()
    }

    /// Takes no message from now on, and lets go whoever waits to send one.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.when_writable.clear();
        drop(state);
        self.room.notify_all();
    }

    /// Writes a message to the idle `socket`. The turn is ours.
    fn write_through(&self, socket: &S, message: &[u8]) {
        let prefix = self.encoder.prefix(message);
        let mut small = [0; SMALL];
        let encoded;
        let parts: [&[u8]; 2] = match &prefix {
            Some(prefix) => {
                let prefix = prefix.as_slice();
                let len = prefix.len() + message.len();
                match small.get_mut(..len) {
                    Some(frame) => {
                        frame[..prefix.len()].copy_from_slice(prefix);
                        frame[prefix.len()..].copy_from_slice(message);
                        [frame, &[]]
                    }
                    None => [prefix, message],
                }
            }
            None => {
                let mut frame = Vec::with_capacity(message.len() + 16);
                self.encoder.encode(message, &mut frame);
                encoded = frame;
                [&encoded, &[]]
            }
        };
        let result = write_parts(socket, parts);
        self.end_turn(parts, result);
    }

    /// Gives the turn back after a write of `parts` that took as many bytes as `result` says.
    fn end_turn(&self, parts: [&[u8]; 2], result: io::Result<usize>) {
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        let written = match result {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return self.fail(state, CloseReason::from(&error)),
        };
        if written < parts[0].len() + parts[1].len() {
            let head = &parts[0][written.min(parts[0].len())..];
            let body = &parts[1][written.saturating_sub(parts[0].len())..];
            // One that waits for room keeps the rest of the message it has begun.
            let is_to_wait = self.when_full == WhenFull::Wait;
            if !is_to_wait && !state.node_has_room(head.len() + body.len()) {
                return self.fail(state, CloseReason::NodeMemory);
            }
            let rest = [head, body].concat();
            state.add_queued(rest.len(), self.hard_limit);
            state.ahead.push_front(Chunk { bytes: rest, start: 0 });
        }
        state.turn = Turn::Anybody;
        state.note_write();
        if state.queued() > 0 {
            state.call_loop();
        } else if state.ended {
            // The loop may have found this write under way, and waits to shut the stream down.
            state.announce();
        }
    }

    /// The socket took so many bytes of what waited.
    fn took(&self, state: &mut State<S>, written: usize) {
        let before = state.queued();
        state.written += written as u64;
        state.set_queued(before - written);
        if before > self.soft_mark && state.queued() <= self.soft_mark {
            self.room.notify_all();
            state.when_writable.drain(..).for_each(|tell| tell());
        }
    }

    /// The limit that a message of so many bytes would break, if it had to be queued.
    fn limit_reached(&self, state: &State<S>, len: usize) -> Option<CloseReason> {
        if state.exceeds(self.hard_limit, len) {
            Some(CloseReason::OutboxLimit { queued: state.queued() })
        } else if state.node_has_room(len) {
            None
        } else {
            Some(CloseReason::NodeMemory)
        }
    }

    /// Runs `tell` once the outbox is at its soft mark or below: now, if it is. Nothing is told
    /// of a connection that ends before.
    pub(super) fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        if state.is_over() {
            return;
        }
        if state.queued() > self.soft_mark {
            state.when_writable.push(tell);
        } else {
            drop(state);
            tell();
        }
    }

    /// Throws away what waits and has the loop end the connection.
    fn fail(&self, mut state: MutexGuard<'_, State<S>>, reason: CloseReason) {
        state.failure.get_or_insert(reason);
        self.failed.store(true, Ordering::Release);
        state.ahead.clear();
        state.frames.clear();
        state.set_queued(0);
        state.when_writable.clear();
        state.turn = Turn::Loop;
        state.announce();
        self.room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

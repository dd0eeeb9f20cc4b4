//! Writing what waits, as far as the socket takes it.

use std::io;
use std::ops::ControlFlow;

use crate::close_reason::CloseReason;
use crate::stream::outbox::Outbox;
use crate::stream::outbox::state::{COALESCE_BYTES, State, WhenWritable};
use crate::stream::outbox::writing::write_all;
use crate::stream::{Encoder, Stream};
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::writer::Writer;

/// Batches that one flush writes at most, each what was sent during the write before.
const WRITES_PER_FLUSH: usize = 8;

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Writes what waits, as far as the socket takes it.
    pub(in crate::stream) fn flush(&self) -> Result<(), CloseReason> {
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
    pub(in crate::stream) fn flush_to(&self, socket: &S) -> Result<(), CloseReason> {
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
            state.put_back(&mut batch);
            let room_for = self.took(&mut state, written);
            if !room_for.is_empty() {
                state = self.tell(state, room_for);
                if let Some(failure) = state.failure() {
                    return Err(failure.clone());
                }
            }
            if let ControlFlow::Break(result) = self.finish_write(socket, state, result, loop_comes)
            {
                return result;
            }
        }
        // Others send as fast as this writes: the loop comes back to it when others were served.
        self.lock().notify();
        Ok(())
    }

    /// Gives up the right to write, unless more is to be written by the current thread.
    #[inline(always)]
    fn finish_write(
        &self,
        socket: &S,
        mut state: MutexGuard<'_, State>,
        result: io::Result<()>,
        loop_comes: bool,
    ) -> ControlFlow<Result<(), CloseReason>> {
        let again = state.writer.finish();
        match result {
            // A read has given a layer something to say since it was flushed.
            Ok(()) if socket.wants_write() => ControlFlow::Continue(()),
            // Unless the loop came meanwhile, and left it to this thread.
            Ok(()) if loop_comes && !again && state.queued() < COALESCE_BYTES => {
                state.writer = Writer::LoopDelayed;
                ControlFlow::Break(Ok(()))
            }
            Ok(()) if state.queued() == 0 => {
                self.set_idle(&mut state);
                ControlFlow::Break(Ok(()))
            }
            // Sent meanwhile, by other threads.
            Ok(()) if state.queued() < COALESCE_BYTES && state.leave_for_a_moment() => {
                ControlFlow::Break(Ok(()))
            }
            Ok(()) => ControlFlow::Continue(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                state.note_full();
                // The poller tells when there is room, if it has not told meanwhile.
                if again { ControlFlow::Continue(()) } else { ControlFlow::Break(Ok(())) }
            }
            Err(error) => {
                let reason = CloseReason::from(&error);
                self.fail(state, reason.clone());
                ControlFlow::Break(Err(reason))
            }
        }
    }

    /// Nothing waits any more, but for messages that wait for the handshake: whoever sends next
    /// writes.
    #[inline]
    pub(super) fn set_idle(&self, state: &mut State) {
        self.waits.store(state.queued() > 0, Ordering::Release);
        state.writer = Writer::None;
        state.shrink();
        state.note_write();
        state.tell_draining_loop();
        state.tell_closing_loop();
    }

    /// The socket took so many bytes of what waited. Returns what is to be run if there is room now.
    #[inline]
    fn took(&self, state: &mut State, written: usize) -> Vec<WhenWritable> {
        let before = state.queued();
        state.set_queued(before - written);
        state.waiting().written += written as u64;
        self.room_since(state, before)
    }

    /// What is to be run, without the lock, if there is room now and was none when `before` bytes waited.
    #[inline]
    pub(super) fn room_since(&self, state: &mut State, before: usize) -> Vec<WhenWritable> {
        let soft_mark = self.limits.outbox_soft_mark;
        if before <= soft_mark || state.queued() > soft_mark {
            return Vec::new();
        }
        state.notify_room();
        state.take_when_writable()
    }

    /// Runs it.
    pub(super) fn tell_of_room(&self, mut state: MutexGuard<'_, State>, before: usize) {
        let room_for = self.room_since(&mut state, before);
        drop(state);
        room_for.into_iter().for_each(|tell| tell());
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
}

//! Sending a message: straight to the socket, or behind what waits.

use crate::adapter::SendFlags;
use crate::limits::Limits;
use crate::message::Message;
use crate::send_hint::{FlushGuard, SendHint, flush_guard, is_flushed_next, sends_in_a_row};
use crate::send_status::SendStatus;
use crate::stream::outbox::Outbox;
use crate::stream::outbox::chunks::CHUNK_BYTES;
use crate::stream::outbox::state::{COALESCE_BYTES, State, THREAD_WRITE_BYTES};
use crate::stream::{Encoder, Stream};
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::writer::Writer;

/// Messages up to this long are gathered; to copy longer ones costs more than to write them.
const MAX_COALESCED_MESSAGE_BYTES: usize = 4096;

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Sends `message` or keeps it; `wait` tells whether this may wait for room.
    pub(in crate::stream) fn send(
        &self,
        message: &[u8],
        SendFlags { kind, hint }: SendFlags,
        wait: bool,
    ) -> SendStatus {
        let message = Message::new(message, kind);
        if let Some(refusal) = self.encoder.refuse(message) {
            return refusal;
        }
        self.guarded(|| {
            let mut state = self.lock();
            if self.queue_behind(&mut state, &self.encoder, message) {
                return SendStatus::Sent;
            }
            self.send_alone(state, message.bytes, SendFlags { kind, hint }, wait)
        })
    }

    /// The same of one that is not simply put behind others. What it is called with stays in registers.
    #[cold] // As the compiler sees it: so the other way is the straight one.
    #[inline(never)]
    fn send_alone<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        message: &[u8],
        SendFlags { kind, hint }: SendFlags,
        wait: bool,
    ) -> SendStatus {
        self.send_or_queue(state, &self.encoder, (Message::new(message, kind), hint), wait)
    }

    /// As [`send`](Self::send), of a message that is not too long.
    #[inline(always)]
    pub(super) fn send_short(
        &self,
        encoder: &impl Encoder,
        message: Message<'_>,
        hint: SendHint,
        wait: bool,
    ) -> SendStatus {
        let mut state = self.lock();
        if self.queue_behind(&mut state, encoder, message) {
            return SendStatus::Sent;
        }
        self.send_or_queue(state, encoder, (message, hint), wait)
    }

    #[inline(always)]
    fn send_or_queue<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        encoder: &impl Encoder,
        (message, hint): (Message<'_>, SendHint),
        wait: bool,
    ) -> SendStatus {
        let len = message.bytes.len();
        if !state.is_idle() {
            state = match self.make_way(state, len, wait) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        if state.is_over() {
            return SendStatus::ResourceNotFound;
        }
        let runs_here = state.loop_runs_here();
        let is_to_gather = self.is_to_gather(&mut state, (hint, runs_here), len);
        match self.socket() {
            Some(socket) if state.is_open && state.is_idle() && !is_to_gather => {
                self.write_through((socket, runs_here), state, encoder, message);
            }
            _ => {
                let before = state.queued();
                state.queue(encoder, message, self.limits.outbox_hard_limit);
                self.waits.store(true, Ordering::Release);
                state.tell_if_crowded(self.limits.outbox_soft_mark);
                self.see_to_writing(state, (hint, runs_here), before);
            }
        }
        SendStatus::Sent
    }

    /// Makes sure that `len` bytes may be queued behind what waits.
    #[inline]
    pub(super) fn make_way<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
        wait: bool,
    ) -> Result<MutexGuard<'a, State>, SendStatus> {
        if self.is_crowded(&state, len) {
            state = self.room_for(state, len, wait)?;
        }
        if state.is_over() {
            return Err(SendStatus::ResourceNotFound);
        }
        if state.is_idle() {
            return Ok(state);
        }
        self.below_limits(state, len).ok_or(SendStatus::ResourceNotFound)
    }

    /// Puts a message behind others that the loop is about to write, unless there may be something
    /// against it. Returns whether it did. As most of many are sent.
    #[inline(always)]
    fn queue_behind(
        &self,
        state: &mut State,
        encoder: &impl Encoder,
        message: Message<'_>,
    ) -> bool {
        let Some(waiting) = &state.waiting else { return false };
        let Limits { outbox_soft_mark, outbox_hard_limit, .. } = *self.limits;
        let most = outbox_soft_mark.min(outbox_hard_limit);
        let is_far_from_full = state.is_gathering(waiting, message.bytes.len(), most);
        if is_far_from_full {
            state.queue_behind(encoder, message, outbox_hard_limit);
        }
        is_far_from_full
    }

    /// Has what was queued written: by the loop, or by this thread once it is enough for a write, or
    /// where the loop would come late.
    #[inline]
    pub(super) fn see_to_writing(
        &self,
        mut state: MutexGuard<'_, State>,
        (hint, runs_here): (SendHint, bool),
        before: usize,
    ) {
        let queued = state.queued();
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
    pub(super) fn call_loop(&self, state: &mut State) {
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
    pub(in crate::stream) fn flush_guard(&self) -> FlushGuard {
        flush_guard(self.key())
    }

    /// Whether a message that could be written now rather waits for those that follow it.
    #[inline]
    fn is_to_gather(
        &self,
        state: &mut State,
        (hint, runs_here): (SendHint, bool),
        len: usize,
    ) -> bool {
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
}

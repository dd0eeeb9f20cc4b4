//! Messages that go straight to the socket.

use std::io;

use crate::close_reason::CloseReason;
use crate::limits::WhenFull;
use crate::message::{Message, MessageKind};
use crate::stream::frame::{MAX_HEADER, Parts, with_memory};
use crate::stream::outbox::Outbox;
use crate::stream::outbox::chunks::{Chunks, Piece};
use crate::stream::outbox::state::State;
use crate::stream::outbox::writing::{write_frame, write_whole};
use crate::stream::socket::overrun;
use crate::stream::{Encoder, Stream};
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::writer::Writer;

/// Keeps a copy of what was not written of two parts.
#[inline(always)]
fn copy_rest(parts: [&[u8]; 2]) -> impl FnOnce(&mut Chunks, usize) {
    move |ahead, written| {
        let head = &parts[0][written.min(parts[0].len())..];
        let body = &parts[1][written.saturating_sub(parts[0].len())..];
        ahead.push_front(Piece::new([head, body]));
    }
}

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Writes a message to the idle `socket`. The turn is ours, and is taken under the lock.
    #[inline(always)]
    pub(super) fn write_through<F: Encoder>(
        &self,
        (socket, runs_here): (&S, bool),
        mut state: MutexGuard<'_, State>,
        encoder: &F,
        message: Message<'_>,
    ) {
        state.writer = Writer::Thread;
        if encoder.changes_messages() {
            let Message { bytes, kind } = message;
            return self.write_encoded((socket, runs_here), Some(state), encoder, bytes, kind);
        }
        drop(state);
        let mut parts = Parts::default();
        encoder.encode(message, &mut parts);
        let short = parts.put_together().map(|whole| (whole.len(), write_whole(socket, whole)));
        match (short, parts.as_slices()) {
            (Some(write), Some(parts)) => {
                self.finish_write_once((socket, runs_here), write, copy_rest(parts));
            }
            (_, Some(parts)) => self.write_once((socket, runs_here), parts, copy_rest(parts)),
            (_, None) => {
                let Message { bytes, kind } = message;
                self.write_encoded((socket, runs_here), None, encoder, bytes, kind);
            }
        }
    }

    /// The same of a frame that has to be put together.
    #[inline(never)] // Only masked frames, and the like.
    fn write_encoded<F: Encoder>(
        &self,
        (socket, runs_here): (&S, bool),
        mut state: Option<MutexGuard<'_, State>>,
        encoder: &F,
        bytes: &[u8],
        kind: MessageKind,
    ) {
        with_memory(|frame| {
            // Nobody comes between a frame that is ordered and its turn.
            let ordered = state.take().filter(|_| encoder.is_ordered());
            frame.reserve(bytes.len() + MAX_HEADER);
            encoder.encode(Message::new(bytes, kind), frame);
            drop(ordered);
            let parts = [&frame[..], &[]];
            self.write_once((socket, runs_here), parts, copy_rest(parts));
        });
    }

    /// Writes the two parts of a frame as far as the socket takes them, keeps what it does not, and
    /// gives the turn back. `runs_here` tells whether the current thread runs the loop of the connection.
    #[inline(always)]
    pub(super) fn write_once(
        &self,
        (socket, runs_here): (&S, bool),
        parts: [&[u8]; 2],
        keep_rest: impl FnOnce(&mut Chunks, usize),
    ) {
        let given = parts[0].len() + parts[1].len();
        let write = (given, write_frame(socket, parts));
        self.finish_write_once((socket, runs_here), write, keep_rest);
    }

    /// The same where `given` bytes were written to the socket with `result`.
    #[inline(always)]
    fn finish_write_once(
        &self,
        (socket, runs_here): (&S, bool),
        (given, result): (usize, io::Result<usize>),
        keep_rest: impl FnOnce(&mut Chunks, usize),
    ) {
        let mut state = self.lock();
        if state.failure().is_some() {
            return;
        }
        let written = match result {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return self.fail(state, CloseReason::from(&error)),
        };
        if written > given {
            return self.fail(state, overrun(socket, "write_vectored"));
        }
        if written < given {
            let left = given - written;
            // One that waits for room keeps the rest of the message it has begun.
            let is_to_wait = self.limits.when_full == Some(WhenFull::Wait);
            if !is_to_wait && !state.node_has_room(left) {
                state = self.make_room(state, left);
                if state.failure().is_some() {
                    return;
                }
                if !state.node_has_room(left) {
                    return self.fail(state, CloseReason::NodeMemory);
                }
            }
            state.add_queued(left, self.limits.outbox_hard_limit);
            keep_rest(&mut state.waiting().ahead, written);
            state.note_full();
            state.tell_if_crowded(self.limits.outbox_soft_mark);
            self.waits.store(true, Ordering::Release);
        }
        state.writer = Writer::None;
        if !runs_here {
            state.note_write();
            state.tell_draining_loop();
        }
        if state.queued() > 0 || socket.wants_write() {
            self.call_loop(&mut state);
        } else {
            state.tell_closing_loop();
        }
    }
}

//! Messages that go straight to the socket.

use std::io;

use crate::close_reason::CloseReason;
use crate::limits::WhenFull;
use crate::stream::outbox::Outbox;
use crate::stream::outbox::chunks::Piece;
use crate::stream::outbox::writing::{with_frame, write_frame};
use crate::stream::socket::overrun;
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::Ordering;
use crate::writer::Writer;

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Writes a message to the idle `socket`. The turn is ours.
    #[inline(always)]
    pub(super) fn write_through(&self, socket: &S, message: &[u8]) {
        match &self.encoder.prefix(message) {
            Some(prefix) => self.write_once(socket, [prefix.as_slice(), message]),
            None => self.write_encoded(socket, message),
        }
    }

    #[inline(never)] // Only masked frames.
    fn write_encoded(&self, socket: &S, message: &[u8]) {
        with_frame(|frame| {
            frame.reserve(message.len() + 16);
            self.encoder.encode(message, frame);
            self.write_once(socket, [frame, &[]]);
        });
    }

    /// Writes the two parts of a frame as far as the socket takes them, keeps what it does not, and
    /// gives the turn back.
    #[inline(always)]
    fn write_once(&self, socket: &S, parts: [&[u8]; 2]) {
        let result = write_frame(socket, parts);
        let mut state = self.lock();
        if state.failure().is_some() {
            return;
        }
        let written = match result {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return self.fail(state, CloseReason::from(&error)),
        };
        let given = parts[0].len() + parts[1].len();
        if written > given {
            return self.fail(state, overrun(socket, "write_vectored"));
        }
        if written < given {
            let head = &parts[0][written.min(parts[0].len())..];
            let body = &parts[1][written.saturating_sub(parts[0].len())..];
            // One that waits for room keeps the rest of the message it has begun.
            let is_to_wait = self.limits.when_full == Some(WhenFull::Wait);
            if !is_to_wait && !state.node_has_room(head.len() + body.len()) {
                state = self.make_room(state, head.len() + body.len());
                if state.failure().is_some() {
                    return;
                }
                if !state.node_has_room(head.len() + body.len()) {
                    return self.fail(state, CloseReason::NodeMemory);
                }
            }
            let rest = Piece::new([head, body]);
            state.add_queued(rest.rest().len(), self.limits.outbox_hard_limit);
            state.waiting().ahead.push_front(rest);
            state.note_full();
            state.tell_if_crowded(self.limits.outbox_soft_mark);
            self.waits.store(true, Ordering::Release);
        }
        state.writer = Writer::None;
        state.note_write();
        if state.queued() > 0 {
            self.call_loop(&mut state);
        } else {
            state.tell_closing_loop();
        }
    }
}

//! Messages that are not copied where they have to wait: their memory is shared.

use bytes::Bytes;

use crate::adapter::SendFlags;
use crate::message::Message;
use crate::send_hint::SendHint;
use crate::send_status::SendStatus;
use crate::stream::frame::{Frame, MAX_HEADER, Parts};
use crate::stream::outbox::Outbox;
use crate::stream::outbox::chunks::{Chunks, Piece};
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::Ordering;
use crate::writer::Writer;

/// Shorter frames are copied: to share memory costs some of its own.
const SHARED_FROM_BYTES: usize = 4096;

/// The frames of messages that are frames already.
struct Framed;

impl Encoder for Framed {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Sends a frame that other connections send as well. Never waits.
    pub(in crate::stream) fn send_frame(&self, frame: &Bytes) -> SendStatus {
        if frame.len() < SHARED_FROM_BYTES {
            let message = Message::binary(frame);
            return self.guarded(|| self.send_short(&Framed, message, SendHint::Alone, false));
        }
        self.guarded(|| self.send_shared(&[], frame, false))
    }

    /// Sends a message whose memory is the program's to share. May wait for room, as any other.
    pub(in crate::stream) fn send_owned(&self, message: Message<'_>, owned: &Bytes) -> SendStatus {
        if let Some(refusal) = self.encoder().refuse(message) {
            return refusal;
        }
        if message.bytes.len() >= SHARED_FROM_BYTES && !self.encoder().changes_messages() {
            let mut parts = Parts::default();
            self.encoder().encode(message, &mut parts);
            // A frame of two parts has the message in one of them.
            if let Some([header, body]) =
                parts.as_slices().filter(|it| std::ptr::eq(it[1], message.bytes))
            {
                debug_assert!(header.len() <= MAX_HEADER && body.len() == owned.len());
                return self.guarded(|| self.send_shared(header, owned, true));
            }
        }
        self.send(message.bytes, SendFlags::new(message.kind, SendHint::Alone), true)
    }

    fn send_shared(&self, header: &[u8], body: &Bytes, may_wait: bool) -> SendStatus {
        let (mut state, len) = (self.lock(), header.len() + body.len());
        if !state.is_idle() {
            state = match self.make_way(state, len, may_wait) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        if state.is_over() {
            return SendStatus::ResourceNotFound;
        }
        let runs_here = state.loop_runs_here();
        match self.socket() {
            Some(socket) if state.is_open && state.is_idle() => {
                state.writer = Writer::Thread;
                drop(state);
                self.write_once((socket, runs_here), [header, body], |ahead, written| {
                    push_front(ahead, header, body, written);
                });
            }
            _ => {
                let before = state.queued();
                state.queue_shared(header, body, self.limits().outbox_hard_limit);
                self.waits.store(true, Ordering::Release);
                state.tell_if_crowded(self.limits().outbox_soft_mark);
                self.see_to_writing(state, (SendHint::Alone, runs_here), before);
            }
        }
        SendStatus::Sent
    }
}

/// Puts before all else what was not written of a frame.
fn push_front(ahead: &mut Chunks, header: &[u8], body: &Bytes, written: usize) {
    ahead.push_front(Piece::Shared(body.slice(written.saturating_sub(header.len())..)));
    if written < header.len() {
        ahead.push_front(Piece::new([&header[written..], &[]]));
    }
}

//! What the protocol itself says: handshakes, answers, the close frame.

use bytes::Bytes;

use crate::stream::outbox::Outbox;
use crate::stream::outbox::chunks::{Chunks, Piece};
use crate::stream::outbox::state::State;
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::Ordering;

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Queues bytes of the protocol itself; before [`open`](Self::open) they go first.
    #[inline]
    pub(in crate::stream) fn push(&self, bytes: Vec<u8>) {
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
    pub(in crate::stream) fn push_answer(&self, bytes: Vec<u8>) {
        let mut state = self.lock();
        let before = state.queued();
        if state.failure().is_none() && !state.replace_answer(&bytes) {
            self.push_behind(&mut state, bytes);
        }
        self.tell_of_room(state, before); // One in the place of a longer one makes some.
    }

    /// As [`push`](Self::push), for the close frame: no limit may cost the messages before them.
    pub(in crate::stream) fn push_last(&self, bytes: Vec<u8>) {
        let mut state = self.lock();
        if !bytes.is_empty() && state.failure().is_none() {
            self.push_behind(&mut state, bytes);
        }
    }

    /// As [`push_last`](Self::push_last), of bytes that others have as well.
    pub(in crate::stream) fn push_last_shared(&self, bytes: Bytes) {
        let mut state = self.lock();
        if !bytes.is_empty() && state.failure().is_none() {
            self.push_piece(&mut state, bytes.len(), |queue| queue.push_back(Piece::Shared(bytes)));
        }
    }

    /// Throws away what is left of a handshake that goes on over another stream. Messages wait on.
    pub(in crate::stream) fn forget_handshake(&self) {
        let mut state = self.lock();
        let before = state.queued();
        state.forget_ahead();
        let room_for = self.room_since(&mut state, before);
        self.set_idle(&mut state);
        drop(state);
        room_for.into_iter().for_each(|tell| tell());
    }

    fn push_behind(&self, state: &mut State, bytes: Vec<u8>) {
        self.push_piece(state, bytes.len(), |queue| queue.push_bytes(bytes));
    }

    fn push_piece(&self, state: &mut State, len: usize, push: impl FnOnce(&mut Chunks)) {
        let queued = state.queued() + len;
        state.set_queued(queued);
        let is_open = state.is_open;
        let waiting = state.waiting();
        let queue = if is_open { &mut waiting.frames } else { &mut waiting.ahead };
        push(queue);
        self.waits.store(true, Ordering::Release);
        state.tell_if_crowded(self.limits.outbox_soft_mark);
        self.call_loop(state);
    }
}

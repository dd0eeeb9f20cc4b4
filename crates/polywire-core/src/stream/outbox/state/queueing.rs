//! Putting the frames of messages behind what waits.

use bytes::Bytes;

use crate::message::{Message, MessageKind};
use crate::stream::Encoder;
use crate::stream::frame::{Parts, with_memory};
use crate::stream::outbox::chunks::{
    CHUNK_BYTES, Chunk, MAPPED_FROM_BYTES, MIN_CHUNK_BYTES, Piece,
};
use crate::stream::outbox::state::{COALESCE_BYTES, Intake, State, THREAD_WRITE_BYTES, Waiting};
use crate::writer::Writer;

/// What a frame has beside its message, mostly.
const TYPICAL_HEADER_BYTES: usize = 16;

/// The frame of a message, in memory of its own.
fn piece_of<E: Encoder>(encoder: &E, message: Message<'_>) -> Piece {
    if !encoder.changes_messages() {
        let mut parts = Parts::default();
        encoder.encode(message, &mut parts);
        if let Some(parts) = parts.as_slices() {
            return Piece::new(parts);
        }
    }
    with_memory(|frame| {
        encoder.encode(message, frame);
        Piece::new([frame, &[]])
    })
}

impl Chunk {
    /// Appends the frame of `message`, which takes `room` mostly. Returns its length.
    #[inline(always)]
    fn append(&mut self, encoder: &impl Encoder, message: Message<'_>, room: usize) -> usize {
        self.reserve(room);
        let before = self.bytes.len();
        encoder.encode(message, &mut self.bytes);
        self.bytes.len() - before
    }
}

impl State {
    /// Whether messages wait for the loop or a thread that writes, and take one of so many bytes without
    /// more than `most` waiting then, or enough for a write.
    #[inline(always)]
    pub(in crate::stream::outbox) fn is_gathering(
        &self,
        waiting: &Waiting,
        len: usize,
        most: usize,
    ) -> bool {
        let queued = waiting.queued.saturating_add(len);
        let most = match self.writer {
            Writer::LoopDelayed => most.min(THREAD_WRITE_BYTES),
            _ => most,
        };
        let has_room_to_spare = (queued <= most)
            & ((queued + TYPICAL_HEADER_BYTES) / COALESCE_BYTES == waiting.queued / COALESCE_BYTES);
        // All at once: for a message of many it is never this that is against it.
        (self.writer != Writer::None)
            & has_room_to_spare
            & (self.intake == Intake::Open)
            & waiting.failure.is_none()
            & self.node_has_room(len)
    }

    /// Puts the frame of `message` behind what waits.
    #[inline(always)]
    pub(in crate::stream::outbox) fn queue_behind(
        &mut self,
        encoder: &impl Encoder,
        message: Message<'_>,
        hard_limit: usize,
    ) {
        if self.writer == Writer::Loop {
            self.last_callback.send_behind();
        }
        self.queue_here(encoder, message, hard_limit);
    }

    /// The same, where something may be the first.
    #[inline(always)]
    pub(in crate::stream::outbox) fn queue(
        &mut self,
        encoder: &impl Encoder,
        message: Message<'_>,
        hard_limit: usize,
    ) {
        self.queue_parts(encoder, message.bytes, message.kind, hard_limit);
    }

    /// The same of a message in parts, which stay in registers.
    #[inline(never)]
    fn queue_parts(
        &mut self,
        encoder: &impl Encoder,
        bytes: &[u8],
        kind: MessageKind,
        hard_limit: usize,
    ) {
        self.queue_here(encoder, Message::new(bytes, kind), hard_limit);
    }

    #[inline(always)]
    fn queue_here(&mut self, encoder: &impl Encoder, message: Message<'_>, hard_limit: usize) {
        let Message { bytes, kind } = message;
        if bytes.len() >= MAPPED_FROM_BYTES {
            return self.queue_long(encoder, bytes, kind, hard_limit);
        }
        let room = bytes.len() + TYPICAL_HEADER_BYTES;
        let waiting = self.waiting.get_or_insert_with(Waiting::empty);
        let last = waiting.frames.back_mut().filter(|last| last.bytes.len() + room <= CHUNK_BYTES);
        let Some(last) = last else { return self.queue_first(encoder, bytes, kind, hard_limit) };
        let added = last.append(encoder, message, room);
        waiting.add(added, hard_limit, self.notifier.as_ref());
    }

    /// The same in a chunk of its own.
    #[cold]
    #[inline(never)]
    fn queue_first(
        &mut self,
        encoder: &impl Encoder,
        bytes: &[u8],
        kind: MessageKind,
        hard_limit: usize,
    ) {
        let room = bytes.len() + TYPICAL_HEADER_BYTES;
        let waiting = self.waiting.get_or_insert_with(Waiting::empty);
        // What fills several is written soon, where the socket takes it: memory that grows would be copied each time.
        let is_soon_full = !waiting.frames.is_empty() && !self.has_filled;
        let least = if is_soon_full { CHUNK_BYTES } else { MIN_CHUNK_BYTES };
        let memory = waiting.ahead.memory(room.max(least));
        let mut chunk = Chunk { bytes: memory, start: 0 };
        let added = chunk.append(encoder, Message::new(bytes, kind), room);
        waiting.frames.push_back(Piece::Heap(chunk));
        waiting.add(added, hard_limit, self.notifier.as_ref());
    }

    #[cold]
    #[inline(never)]
    fn queue_long(
        &mut self,
        encoder: &impl Encoder,
        bytes: &[u8],
        kind: MessageKind,
        hard_limit: usize,
    ) {
        let piece = piece_of(encoder, Message::new(bytes, kind));
        let added = piece.rest().len();
        self.waiting().frames.push_back(piece);
        self.add_queued(added, hard_limit);
    }

    /// Puts a frame behind what waits whose body others have as well.
    pub(in crate::stream::outbox) fn queue_shared(
        &mut self,
        header: &[u8],
        body: &Bytes,
        hard_limit: usize,
    ) {
        let frames = &mut self.waiting().frames;
        if !header.is_empty() {
            frames.push_bytes(header.to_vec());
        }
        frames.push_back(Piece::Shared(body.clone()));
        self.add_queued(header.len() + body.len(), hard_limit);
    }
}

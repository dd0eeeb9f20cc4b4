//! What an outbox holds.

use std::cell::Cell;
use std::thread_local;

use bytes::Bytes;

use crate::close_reason::CloseReason;
use crate::message::Message;
use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::send_hint::{current_callback, note_sent};
use crate::stream::Encoder;
use crate::stream::frame::{Parts, with_memory};
use crate::stream::outbox::chunks::{
    CHUNK_BYTES, Chunk, Chunks, MAPPED_FROM_BYTES, MIN_CHUNK_BYTES, Piece,
};
use crate::writer::Writer;

/// Bytes of messages that other threads than the loop's gather for one write: the system copies as
/// much in the time that a call takes.
pub(super) const COALESCE_BYTES: usize = if cfg!(all(test, polywire_loom)) { 3 } else { 32 << 10 };

/// Bytes of such messages that a thread writes by itself, if the loop has not come to them.
pub(super) const THREAD_WRITE_BYTES: usize = 4 * COALESCE_BYTES;

/// Bytes of answers that wait to be written: behind so many a later one replaces the one before it, as
/// RFC 6455 section 5.5.3 allows for pongs.
pub(super) const MAX_ANSWER_BYTES: usize = 4096;

/// What a frame has beside its message, mostly.
const TYPICAL_HEADER_BYTES: usize = 16;

/// Most connections of a node are idle, so what only busy ones need is set apart.
pub(super) struct State {
    /// `None` until the connection belongs to a node.
    pub(super) notifier: Option<Notifier>,
    /// What waits, or why nothing will be written any more.
    waiting: Option<Box<Waiting>>,
    /// The callback of the loop that sent here last.
    last_callback: LastCallback,
    pub(super) writer: Writer,
    /// Messages may flow: there is a socket.
    pub(super) is_open: bool,
    /// No message is taken any more; what waits is still written.
    pub(super) ended: bool,
    /// The socket has been full once: what it took since may be unread by the peer for long.
    pub(super) has_filled: bool,
}

/// What a program wants to be run when there is room.
pub(super) type WhenWritable = Box<dyn FnOnce() + Send>;

/// What waits on one connection.
#[derive(Default)]
pub(super) struct Waiting {
    /// The rest of a frame that was cut, or the handshake: goes before all else.
    pub(super) ahead: Chunks,
    /// Whole frames in their order.
    pub(super) frames: Chunks,
    /// Bytes of both, and of what is being written just now.
    queued: usize,
    /// Those of them that are of one message longer than the hard limit, and do not count against it.
    oversize: usize,
    /// Bytes the socket took so far of what has waited since something does.
    pub(super) written: u64,
    /// The latest answer to the peer, while many before it are not written.
    answer: Vec<u8>,
    /// Bytes of answers among what waits, and where the last of them ends, counted as `written` is.
    answers: usize,
    answers_end: u64,
    /// The loop was told that more than the soft mark waits, and watches whether the peer takes it.
    is_watched: bool,
    /// To be run once the outbox is at its soft mark or below.
    pub(super) when_writable: Vec<WhenWritable>,
    /// The socket failed, or the limit was reached: nothing is written any more.
    failure: Option<CloseReason>,
}

// Memory and nothing else, so that no model has to look into it.
thread_local! {
    /// The memory of the outbox that this thread emptied last, for the one that it fills next: mostly
    /// a thread gathers for one connection at a time.
    static SPARE: Cell<Option<Box<Waiting>>> = const { Cell::new(None) };
}

impl Waiting {
    #[inline]
    fn empty() -> Box<Self> {
        // A thread that ends has none any more.
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// So many bytes of one message were put behind.
    #[inline]
    fn add(&mut self, bytes: usize, hard_limit: usize, notifier: Option<&Notifier>) {
        let before = self.queued;
        self.queued += bytes;
        if bytes > hard_limit {
            self.oversize = bytes;
        }
        if let Some(notifier) = notifier {
            notifier.change_queued(before, before + bytes);
        }
    }

    /// Leaves the memory to the outbox that is filled next.
    #[inline]
    fn give_back(mut self: Box<Self>) {
        debug_assert_eq!(self.queued, 0);
        self.ahead.reset(true);
        self.frames.reset(false);
        (self.oversize, self.written, self.answers, self.answers_end) = (0, 0, 0, 0);
        self.is_watched = false;
        if self.answer.capacity() > 0 || self.when_writable.capacity() > 0 {
            (self.answer, self.when_writable) = (Vec::new(), Vec::new());
        }
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }
}

/// The frame of a message, in memory of its own.
fn piece_of<E: Encoder>(encoder: &E, message: Message<'_>) -> Piece {
    if !E::ORDERED && !encoder.changes_messages() {
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
    pub(super) fn new() -> Self {
        Self {
            notifier: None,
            waiting: None,
            last_callback: LastCallback::default(),
            writer: Writer::None,
            is_open: false,
            ended: false,
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
    pub(super) fn put_back(&mut self, mut rest: Chunks) {
        let ahead = &mut self.waiting().ahead;
        if !rest.has_spare() {
            rest.take_spare(ahead);
        }
        *ahead = rest;
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
        if waiting.answer.is_empty() && waiting.answers + answer.len() <= MAX_ANSWER_BYTES {
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

    /// Takes out what is to be run when there is room. It may send on this very connection, when it
    /// is run and when it is dropped: so neither is done under the lock.
    pub(super) fn take_when_writable(&mut self) -> Vec<WhenWritable> {
        self.waiting
            .as_mut()
            .map_or_else(Vec::new, |waiting| std::mem::take(&mut waiting.when_writable))
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

    /// Moves to another loop, and what waits to its node's sum.
    pub(super) fn set_notifier(&mut self, notifier: Notifier) {
        let queued = self.queued();
        notifier.change_queued(0, queued);
        if let Some(before) = self.notifier.replace(notifier) {
            before.change_queued(queued, 0);
        }
    }

    /// Whether the node may hold so many bytes more.
    #[inline]
    pub(super) fn node_has_room(&self, more: usize) -> bool {
        self.notifier.as_ref().is_none_or(|notifier| notifier.has_room(more))
    }

    /// Whether no message is taken any more.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.ended || self.failure().is_some()
    }

    /// Whether messages wait for the loop or a thread that writes, and take one of so many bytes without
    /// more than `most` waiting then, or enough for a write.
    #[inline]
    pub(super) fn is_gathering(&self, len: usize, most: usize) -> bool {
        let Some(waiting) = &self.waiting else { return false };
        let queued = waiting.queued.saturating_add(len);
        let most = match self.writer {
            Writer::Loop | Writer::Thread | Writer::ThreadAgain => most,
            Writer::LoopDelayed => most.min(THREAD_WRITE_BYTES),
            Writer::None => return false,
        };
        queued <= most
            && (queued + TYPICAL_HEADER_BYTES) / COALESCE_BYTES == waiting.queued / COALESCE_BYTES
            && !self.ended
            && waiting.failure.is_none()
            && self.node_has_room(len)
    }

    /// Whether a message may go straight to the socket.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.writer == Writer::None && self.queued() == 0
    }

    /// Puts the frame of `message` behind what waits.
    #[inline]
    pub(super) fn queue_behind(
        &mut self,
        encoder: &impl Encoder,
        message: Message<'_>,
        hard_limit: usize,
    ) {
        if self.writer == Writer::Loop {
            self.last_callback.send_behind();
        }
        self.queue(encoder, message, hard_limit);
    }

    /// The same, where something may be the first.
    #[inline]
    pub(super) fn queue(
        &mut self,
        encoder: &impl Encoder,
        message: Message<'_>,
        hard_limit: usize,
    ) {
        if message.bytes.len() >= MAPPED_FROM_BYTES {
            return self.queue_long(encoder, message, hard_limit);
        }
        let room = message.bytes.len() + TYPICAL_HEADER_BYTES;
        let waiting = self.waiting.get_or_insert_with(Waiting::empty);
        let last = waiting.frames.back_mut().filter(|last| last.bytes.len() + room <= CHUNK_BYTES);
        let Some(last) = last else { return self.queue_first(encoder, message, hard_limit) };
        let added = last.append(encoder, message, room);
        waiting.add(added, hard_limit, self.notifier.as_ref());
    }

    /// The same in a chunk of its own.
    #[inline(never)]
    fn queue_first(&mut self, encoder: &impl Encoder, message: Message<'_>, hard_limit: usize) {
        let room = message.bytes.len() + TYPICAL_HEADER_BYTES;
        let waiting = self.waiting.get_or_insert_with(Waiting::empty);
        let bytes = waiting.ahead.memory(room.max(MIN_CHUNK_BYTES));
        let mut chunk = Chunk { bytes, start: 0 };
        let added = chunk.append(encoder, message, room);
        waiting.frames.push_back(Piece::Heap(chunk));
        waiting.add(added, hard_limit, self.notifier.as_ref());
    }

    #[inline(never)]
    fn queue_long(&mut self, encoder: &impl Encoder, message: Message<'_>, hard_limit: usize) {
        let piece = piece_of(encoder, message);
        let added = piece.rest().len();
        self.waiting().frames.push_back(piece);
        self.add_queued(added, hard_limit);
    }

    /// Puts a frame behind what waits whose body others have as well.
    pub(super) fn queue_shared(&mut self, header: &[u8], body: &Bytes, hard_limit: usize) {
        let frames = &mut self.waiting().frames;
        if !header.is_empty() {
            frames.push_bytes(header.to_vec());
        }
        frames.push_back(Piece::Shared(body.clone()));
        self.add_queued(header.len() + body.len(), hard_limit);
    }

    /// A message is sent by the callback: whether it waits for others of the same callback. The first
    /// does if the callback before sent several here, and all behind it do.
    #[inline]
    pub(super) fn gathers_in_callback(&mut self) -> bool {
        self.last_callback.send(current_callback())
    }

    /// Notes a write by the current thread, for those that send one message after another.
    #[inline]
    pub(super) fn note_write(&self) {
        if let Some(notifier) = self.notifier.as_ref().filter(|it| it.loop_runs_elsewhere()) {
            note_sent(notifier.clock());
        }
    }

    /// Has the loop watch whether the peer takes what waits, if that is much.
    #[inline]
    pub(super) fn tell_if_crowded(&mut self, soft_mark: usize) {
        let (Some(waiting), Some(notifier)) = (&mut self.waiting, &self.notifier) else { return };
        if waiting.queued > soft_mark && !waiting.is_watched {
            waiting.is_watched = true;
            notifier.notify(Readiness::default());
        }
    }

    /// Has the loop look at the connection.
    pub(super) fn notify(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Makes it the loop's turn, and tells it, unless it knows.
    #[inline]
    pub(super) fn request_flush(&mut self) {
        let (Writer::None | Writer::LoopDelayed, Some(notifier)) = (self.writer, &self.notifier)
        else {
            return;
        };
        self.writer = Writer::Loop;
        notifier.notify(Readiness::WRITABLE);
    }

    /// All is written. The loop may have found that under way, and waits to shut the stream down.
    #[inline]
    pub(super) fn tell_closing_loop(&self) {
        if self.ended && !self.loop_runs_here() {
            self.notify();
        }
    }

    #[inline]
    pub(super) fn loop_runs_here(&self) -> bool {
        self.notifier.as_ref().is_some_and(Notifier::loop_runs_here)
    }

    /// Leaves what waits to the loop for a moment. Returns whether it writes then.
    #[inline]
    pub(super) fn leave_for_a_moment(&mut self) -> bool {
        let before = std::mem::replace(&mut self.writer, Writer::LoopDelayed);
        let is_left = self.notifier.as_ref().is_some_and(Notifier::leave_for_a_moment);
        if !is_left {
            self.writer = before;
        }
        is_left
    }

    /// Enough for a write is left to the loop for a moment: which is over.
    pub(super) fn end_moment(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.end_moment();
        }
    }
}

/// The number of a callback, and whether it has sent several messages: then the next one is likely to
/// as well.
#[derive(Clone, Copy, Debug, Default)]
struct LastCallback(u32);

impl LastCallback {
    const SEVERAL: u32 = 1 << 31;

    /// That callback sends a message. Returns whether more are likely to follow, or one has gone before.
    #[inline]
    fn send(&mut self, callback: u32) -> bool {
        let callback = callback & !Self::SEVERAL;
        let sent_several = self.0 & Self::SEVERAL != 0;
        if self.0 & !Self::SEVERAL == callback {
            self.0 |= Self::SEVERAL;
            return true;
        }
        self.0 = callback;
        sent_several
    }

    /// Another message was put behind one that gathers.
    #[inline]
    fn send_behind(&mut self) {
        self.0 |= Self::SEVERAL;
    }
}

impl Drop for State {
    /// What nobody will send counts no more.
    fn drop(&mut self) {
        self.set_queued(0);
    }
}

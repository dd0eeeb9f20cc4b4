//! What waits on one connection, and its memory.

use std::cell::Cell;
use std::sync::Arc;
use std::thread_local;

use crate::close_reason::CloseReason;
use crate::notifier::Notifier;
use crate::stream::outbox::chunks::Chunks;
use crate::sync::Condvar;

/// What a program wants to be run when there is room.
pub(in crate::stream::outbox) type WhenWritable = Box<dyn FnOnce() + Send>;

/// What waits on one connection.
#[derive(Default)]
pub(in crate::stream::outbox) struct Waiting {
    /// The rest of a frame that was cut, or the handshake: goes before all else.
    pub(in crate::stream::outbox) ahead: Chunks,
    /// Whole frames in their order.
    pub(in crate::stream::outbox) frames: Chunks,
    /// Bytes of both, and of what is being written just now.
    pub(super) queued: usize,
    /// Those of them that are of one message longer than the hard limit, and do not count against it.
    pub(super) oversize: usize,
    /// Bytes the socket took so far of what has waited since something does.
    pub(in crate::stream::outbox) written: u64,
    /// The latest answer to the peer, while many before it are not written.
    pub(super) answer: Vec<u8>,
    /// Bytes of answers among what waits, and where the last of them ends, counted as `written` is.
    pub(super) answers: usize,
    pub(super) answers_end: u64,
    /// The loop was told that more than the soft mark waits, and watches whether the peer takes it.
    pub(super) is_watched: bool,
    /// Where threads wait for room, once one has.
    pub(super) room: Option<Arc<Condvar>>,
    /// To be run once the outbox is at its soft mark or below.
    pub(in crate::stream::outbox) when_writable: Vec<WhenWritable>,
    /// The socket failed, or the limit was reached: nothing is written any more.
    pub(super) failure: Option<CloseReason>,
}

// Memory and nothing else, so that no model has to look into it.
thread_local! {
    /// The memory of the outbox that this thread emptied last, for the one that it fills next: mostly
    /// a thread gathers for one connection at a time.
    static SPARE: Cell<Option<Box<Waiting>>> = const { Cell::new(None) };
}

impl Waiting {
    #[inline]
    pub(super) fn empty() -> Box<Self> {
        // A thread that ends has none any more.
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// So many bytes of one message were put behind.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize, hard_limit: usize, notifier: Option<&Notifier>) {
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
    pub(super) fn give_back(mut self: Box<Self>) {
        debug_assert_eq!(self.queued, 0);
        self.ahead.reset(true);
        self.frames.reset(false);
        (self.oversize, self.written, self.answers, self.answers_end) = (0, 0, 0, 0);
        self.is_watched = false;
        if let Some(room) = self.room.take() {
            room.notify_all(); // Whoever waits for others to take something looks again.
        }
        if self.answer.capacity() > 0 || self.when_writable.capacity() > 0 {
            (self.answer, self.when_writable) = (Vec::new(), Vec::new());
        }
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }
}

//! What the current thread's sends may count on: a loop or a caller that flushes, and when it sent last.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::sync::thread_local;

thread_local! {
    /// A number of this thread's own; 0 until asked for.
    static THREAD: Cell<u64> = const { Cell::new(0) };
    /// The number of the callback that this thread runs, or ran last.
    static CALLBACK: Cell<u32> = const { Cell::new(1) };
    /// When this thread sent beside a loop last.
    static SENT: Cell<Option<Instant>> = const { Cell::new(None) };
    static HINT: Cell<SendHint> = const { Cell::new(SendHint::Alone) };
    /// The address of the outbox that this thread flushes next, whatever happens; 0 for none.
    static FLUSHED_NEXT: Cell<usize> = const { Cell::new(0) };
}

/// Messages of one thread that follow each other within this time are left to the loop for a moment.
/// It is less than a write takes.
const BURST_GAP: Duration =
    if cfg!(all(test, polywire_loom)) { Duration::MAX } else { Duration::from_micros(5) };

/// The current thread is about to run a callback for its loop.
#[inline]
pub(crate) fn begin_callback() {
    CALLBACK.with(|callback| callback.set(callback.get().wrapping_add(1)));
}

/// The number of the callback that the current thread runs, or ran last.
#[inline]
pub(crate) fn current_callback() -> u32 {
    CALLBACK.with(Cell::get)
}

/// The current thread has just sent a message by a write of its own, or left it to another's loop.
#[inline(never)] // Only beside the loop.
pub(crate) fn note_sent(clock: &Clock) {
    SENT.with(|sent| sent.set(Some(clock.now())));
}

/// Whether the current thread sends one message after another, so that the one it sends now is likely to
/// be followed by more.
#[inline]
pub(crate) fn sends_in_a_row(clock: &Clock) -> bool {
    SENT.with(|sent| {
        let Some(before) = sent.get() else { return false };
        let now = clock.now();
        let is_close = now.saturating_duration_since(before) < BURST_GAP;
        if is_close {
            sent.set(Some(now));
        }
        is_close
    })
}

/// A number no other thread of the process has, and never 0.
#[inline]
pub(crate) fn current_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    THREAD.with(|thread| {
        if thread.get() == 0 {
            thread.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        thread.get()
    })
}

/// Whether more messages follow the one that is sent, as `MSG_MORE` of send(2) tells: a
/// [`Sender`](crate::adapter::Sender) may send each message at once whatever this says; one that looks at it
/// can send several by one system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendHint {
    /// It is on its own and leaves at once.
    #[default]
    Alone,
    /// More will be sent soon, by the callback, for which more messages of the same read wait. The
    /// sender may keep it, and then notifies [`WRITABLE`](crate::Readiness::WRITABLE), once: the
    /// loop calls [`flush`](crate::adapter::Remote::flush) when that read is done.
    LoopFlushes,
    /// More will be sent right after it, or else
    /// [`Sender::flush`](crate::adapter::Sender::flush) is called, by the same thread.
    CallerFlushes,
}

/// The hint of what the current thread sends now.
#[inline]
pub(crate) fn current_hint() -> SendHint {
    HINT.with(Cell::get)
}

/// What the current thread sends while more messages of a read wait than the one at hand: gathered
/// for the loop. Set before each message of the read; on drop nothing is gathered any more.
#[derive(Default)]
pub(crate) struct HintWhileMore {
    /// What was set before, while more wait.
    before: Option<SendHint>,
}

impl HintWhileMore {
    #[inline]
    pub(crate) fn set(&mut self, more_wait: bool) {
        if more_wait != self.before.is_some() {
            self.change();
        }
    }

    #[inline]
    fn change(&mut self) {
        HINT.with(|current| match self.before.take() {
            None => self.before = Some(current.replace(SendHint::LoopFlushes)),
            Some(before) => current.set(before),
        });
    }
}

impl Drop for HintWhileMore {
    #[inline]
    fn drop(&mut self) {
        self.set(false);
    }
}

/// Whether what is sent now leaves when the read in hand is done. `runs_here` tells whether the current
/// thread runs the very loop of the connection: only then does that come to it.
#[inline]
pub(crate) fn is_left_to_loop(runs_here: bool) -> bool {
    runs_here && current_hint() == SendHint::LoopFlushes
}

/// While it lives, the current thread is about to flush one outbox, which needs not call the loop.
pub(crate) struct FlushGuard(usize);

/// The current thread flushes the outbox of this key next, whatever happens.
#[inline]
pub(crate) fn flush_guard(outbox: usize) -> FlushGuard {
    FlushGuard(FLUSHED_NEXT.with(|next| next.replace(outbox)))
}

/// Whether the current thread flushes the outbox of this key next.
#[inline]
pub(crate) fn is_flushed_next(outbox: usize) -> bool {
    FLUSHED_NEXT.with(Cell::get) == outbox
}

impl Drop for FlushGuard {
    #[inline]
    fn drop(&mut self) {
        FLUSHED_NEXT.with(|next| next.set(self.0));
    }
}

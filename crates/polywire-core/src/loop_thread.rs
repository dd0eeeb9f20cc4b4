//! Which loop the current thread runs, if any, and what it sees to by itself just now.

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
    static GATHERING: Cell<Gathering> = const { Cell::new(Gathering::No) };
    /// The key of the outbox that this thread flushes next, whatever happens; 0 for none.
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

/// What becomes of a message that the current thread sends just now.
///
/// A [`Sender`](crate::adapter::Sender) may send each message at once whatever this says; one that
/// asks [`gathering`] can send several by one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gathering {
    /// It is on its own and leaves at once.
    No,
    /// More will be sent soon, by the callback, for which more messages of the same read wait. The
    /// sender may keep it, and then notifies [`WRITABLE`](crate::Readiness::WRITABLE), once: the
    /// loop calls [`flush`](crate::adapter::Remote::flush) when that read is done.
    UntilLoop,
    /// More will be sent right after it, or else
    /// [`Sender::flush`](crate::adapter::Sender::flush) is called, by the same thread.
    UntilFlush,
}

/// Whether the message that is being sent may wait for others. Cheap; always
/// [`Gathering::No`] outside of a call that sends.
#[inline]
pub fn gathering() -> Gathering {
    GATHERING.with(Cell::get)
}

/// What the current thread sends while more messages of a read wait than the one at hand: gathered
/// for the loop. Set before each message of the read; on drop nothing is gathered any more.
#[derive(Default)]
pub(crate) struct GatherForLoop {
    /// What was set before, while more wait.
    before: Option<Gathering>,
}

impl GatherForLoop {
    #[inline]
    pub(crate) fn set(&mut self, more_wait: bool) {
        if more_wait != self.before.is_some() {
            self.change();
        }
    }

    #[inline]
    fn change(&mut self) {
        GATHERING.with(|gathering| match self.before.take() {
            None => self.before = Some(gathering.replace(Gathering::UntilLoop)),
            Some(before) => gathering.set(before),
        });
    }
}

impl Drop for GatherForLoop {
    #[inline]
    fn drop(&mut self) {
        self.set(false);
    }
}

/// Whether what is sent now leaves when the read in hand is done. `runs_here` tells whether the current
/// thread runs the very loop of the connection: only then does that come to it.
#[inline]
pub(crate) fn is_left_to_loop(runs_here: bool) -> bool {
    runs_here && gathering() == Gathering::UntilLoop
}

/// Runs `send` for one of many messages, behind which somebody flushes, unless the loop does.
#[inline]
pub(crate) fn as_one_of_many<R>(is_left_to_loop: bool, send: impl FnOnce() -> R) -> R {
    match is_left_to_loop {
        false => while_gathering(Gathering::UntilFlush, send),
        true => send(),
    }
}

#[inline]
fn while_gathering<R>(how: Gathering, act: impl FnOnce() -> R) -> R {
    /// Also when the callback panics.
    struct Restore(Gathering);
    impl Drop for Restore {
        fn drop(&mut self) {
            GATHERING.with(|gathering| gathering.set(self.0));
        }
    }
    let _restore = Restore(GATHERING.with(|gathering| gathering.replace(how)));
    act()
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
    fn drop(&mut self) {
        FLUSHED_NEXT.with(|next| next.set(self.0));
    }
}

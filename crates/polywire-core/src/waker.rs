//! Whether the loop has to be woken, and what it promises meanwhile.

use std::fmt;
use std::io;

use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};

/// It runs callbacks, or nobody runs it: it comes when it comes.
const BUSY: u8 = 0;
/// It is awake, and looks at its queues before it runs a callback or sleeps.
const ATTENTIVE: u8 = 1;
/// It sleeps until it is rung.
const ASLEEP: u8 = 2;
/// It sleeps until it is rung, or soon writes what has been left to it.
const GATHERING: u8 = 3;

/// Wakes the loop, by a system call only if it sleeps and has not been rung since.
pub(crate) struct LoopWaker<W = AnyWaker> {
    state: AtomicU8,
    /// Whether there may be news: one load to see that there is none, of commands, notifications, signals, or of
    /// the end of the node.
    is_rung: AtomicBool,
    waker: Option<W>,
}

/// Ends the wait of a poller, the one that goes on or else the next.
pub(crate) trait Wake {
    fn wake(&self) -> io::Result<()>;
}

/// The waker of a loop: mio's, or one that a test put in its place.
pub(crate) enum AnyWaker {
    Mio(mio::Waker),
    #[allow(dead_code, reason = "made by the seam")]
    Other(Box<dyn Fn() + Send + Sync>),
}

impl Wake for AnyWaker {
    fn wake(&self) -> io::Result<()> {
        match self {
            Self::Mio(waker) => waker.wake(),
            Self::Other(wake) => {
                wake();
                Ok(())
            }
        }
    }
}

impl<W: Wake> LoopWaker<W> {
    pub(crate) fn new(waker: Option<W>) -> Self {
        Self { state: AtomicU8::new(BUSY), is_rung: AtomicBool::new(false), waker }
    }

    /// Tells the loop that a queue it looks at has something, or that something else is new. To be called after
    /// the push.
    pub(crate) fn ring(&self) {
        self.note_news();
        let state = self.state.load(Ordering::Relaxed);
        if state >= ASLEEP {
            self.wake(state);
        }
    }

    /// The same of something that may wait for a moment. Returns whether the loop comes to it before
    /// its next callback; if not, it may not have seen it, and comes late.
    pub(crate) fn ring_unless_busy(&self) -> bool {
        self.note_news();
        // Pairs with the fence in `become_busy`: either the loop sees that it is rung, be it by another, or this sees
        // that it is busy.
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        if state == ASLEEP {
            self.wake(state);
        }
        state != BUSY
    }

    /// Of many who ring before the loop hears it, one writes.
    #[inline]
    fn note_news(&self) {
        // Pairs with the fence in `hear`: either the loop, which has heard, sees what was pushed before, or this
        // sees that it has to be told again.
        fence(Ordering::SeqCst);
        if !self.is_rung.load(Ordering::Relaxed) {
            self.is_rung.store(true, Ordering::Release);
            // Pairs with the fence in `fall_asleep`: either the loop sees that it is rung, or whoever rings sees
            // that it fell asleep.
            fence(Ordering::SeqCst);
        }
    }

    /// Whether it was rung since it heard that last.
    #[inline]
    pub(crate) fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::Acquire)
    }

    /// The loop looks at its queues now: it is told anew of what comes later.
    pub(crate) fn hear(&self) {
        // Not a mere store, which could undo a ring without its push being seen.
        self.is_rung.swap(false, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// The loop, which has heard, has to look once more.
    pub(crate) fn hear_again(&self) {
        self.is_rung.store(true, Ordering::Relaxed);
    }

    #[inline(never)]
    fn wake(&self, state: u8) {
        let change =
            self.state.compare_exchange(state, ATTENTIVE, Ordering::AcqRel, Ordering::Relaxed);
        if let (Ok(_), Some(waker)) = (change, &self.waker) {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "the loop could not be woken");
            }
        }
    }

    /// The loop is about to wait; if it gathers, not for long. It must look whether it is rung once more
    /// after this.
    pub(crate) fn fall_asleep(&self, gathers: bool) {
        self.state.store(if gathers { GATHERING } else { ASLEEP }, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The loop waits no longer, and looks at its queues before it does again, or runs a callback.
    /// Whoever has not seen that yet rings for nothing.
    pub(crate) fn awake(&self) {
        self.state.store(ATTENTIVE, Ordering::Relaxed);
    }

    /// The loop is about to run callbacks, or to be left by its thread. It must look at what may wait
    /// for a moment once more after this, and write it.
    #[inline]
    pub(crate) fn become_busy(&self) {
        self.state.store(BUSY, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether what may wait for a moment would wait for callbacks.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.state.load(Ordering::Relaxed) == BUSY
    }

    #[cfg(test)]
    pub(crate) fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Relaxed) >= ASLEEP
    }
}

impl<W> fmt::Debug for LoopWaker<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopWaker").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(all(test, polywire_loom))]
mod models;

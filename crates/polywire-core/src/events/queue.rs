//! What the senders and the receiver of a queue share.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::events::timers::SharedTimers;
use crate::events::waiter::Waiter;
use crate::sync::SegQueue;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::waker::LoopWaker;

/// What senders and receiver share.
pub(super) struct Queue<E> {
    pub(super) priority: SegQueue<E>,
    pub(super) ordinary: SegQueue<E>,
    pub(super) timers: SharedTimers<E>,
    pub(super) clock: Clock,
    /// The receiver is gone.
    pub(super) closed: AtomicBool,
    /// Nobody sends any more.
    pub(super) ended: AtomicBool,
    /// Where the receiver waits, unless a loop does.
    pub(super) waiter: Waiter,
    pub(super) loop_waker: Option<Arc<LoopWaker>>,
}

impl<E> Queue<E> {
    #[inline]
    pub(super) fn push_to(&self, fifo: &SegQueue<E>, event: E) {
        // Looked at before too: events whose destructors send must not be dropped within each
        // other, however many there are.
        if self.is_closed() {
            return;
        }
        fifo.push(event);
        self.wake();
        if self.is_closed() {
            self.clear();
        }
    }

    #[inline]
    pub(super) fn wake(&self) {
        match &self.loop_waker {
            Some(waker) => waker.ring(),
            None => self.waiter.wake(),
        }
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        while self.priority.pop().is_some() {}
        while self.ordinary.pop().is_some() {}
    }
}

impl<E> fmt::Debug for Queue<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("priority", &self.priority.len())
            .field("ordinary", &self.ordinary.len())
            .field("next_deadline", &self.timers.next_deadline())
            .finish_non_exhaustive()
    }
}

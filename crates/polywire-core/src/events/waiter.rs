//! Where a receiver waits for what is sent.

use std::time::Duration;

use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::{Condvar, Mutex, lock, wait, wait_for};

/// Where one thread waits until another wakes it; waking costs a fence while nobody waits.
#[derive(Default)]
pub(super) struct Waiter {
    pub(super) waiting: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Waiter {
    /// Waits until woken, but no longer than `timeout` says once it is certain that whoever sends
    /// from then on wakes: it must look at the queue again. `None` is without end.
    pub(super) fn wait(&self, timeout: impl FnOnce() -> Option<Duration>) {
        let guard = lock(&self.lock);
        self.waiting.store(true, Ordering::Relaxed);
        // Pairs with the fence in `wake`: either `timeout` sees what was sent before that one, or
        // the sender sees that this waits.
        fence(Ordering::SeqCst);
        match timeout() {
            None => drop(wait(&self.woken, guard)),
            Some(Duration::ZERO) => {}
            Some(timeout) => drop(wait_for(&self.woken, guard, timeout)),
        }
        self.waiting.store(false, Ordering::Relaxed);
    }

    /// Ends a `wait`. To be called after the push. Of many senders one pays for it.
    #[inline]
    pub(super) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) && self.waiting.swap(false, Ordering::AcqRel) {
            // Whoever waits holds the lock from telling so until it is ready to be woken.
            drop(lock(&self.lock));
            self.woken.notify_one();
        }
    }
}

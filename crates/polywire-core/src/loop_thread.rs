//! Which loop the current thread runs, if any, and whether sends should gather just now.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::thread_local;

thread_local! {
    /// A number of this thread's own; 0 until asked for.
    static THREAD: Cell<u64> = const { Cell::new(0) };
    static GATHERING: Cell<Gathering> = const { Cell::new(Gathering::No) };
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
    /// sender may keep it, and then announces [`WRITABLE`](crate::Readiness::WRITABLE), once: the
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

/// Runs the `callback` for a message; `more` of the same read wait.
#[inline]
pub(crate) fn while_more_wait<R>(more: bool, callback: impl FnOnce() -> R) -> R {
    if more { while_gathering(Gathering::UntilLoop, callback) } else { callback() }
}

/// Runs `send` for one of many messages, behind which somebody flushes, unless the loop does.
#[inline]
pub(crate) fn as_one_of_many<R>(send: impl FnOnce() -> R) -> R {
    match gathering() {
        Gathering::No => while_gathering(Gathering::UntilFlush, send),
        _ => send(),
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

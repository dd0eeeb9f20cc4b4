//! Which loop the current thread runs, if any, and whether sends should gather just now.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::thread_local;

thread_local! {
    /// A number of this thread's own; 0 until asked for.
    static THREAD: Cell<u64> = const { Cell::new(0) };
    /// More messages of the same read wait behind the one the callback handles.
    static GATHERING: Cell<bool> = const { Cell::new(false) };
}

/// A number no other thread of the process has, and never 0.
pub(crate) fn current_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    THREAD.with(|thread| {
        if thread.get() == 0 {
            thread.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        thread.get()
    })
}

/// Whether what the current thread sends will be written soon by a loop, together with more.
#[inline]
pub(crate) fn is_gathering() -> bool {
    GATHERING.with(Cell::get)
}

/// Runs `callback` with sends gathering or not.
#[inline]
pub(crate) fn while_gathering<R>(gather: bool, callback: impl FnOnce() -> R) -> R {
    if !gather {
        return callback();
    }
    /// Also when the callback panics.
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            GATHERING.with(|gathering| gathering.set(false));
        }
    }
    GATHERING.with(|gathering| gathering.set(true));
    let _restore = Restore;
    callback()
}

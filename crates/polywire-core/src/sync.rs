//! Locks, atomics, queues and what is a thread's own: std's and those of other crates, but loom's or
//! shuttle's where the models run (`cargo xtask models`).
//!
//! Only what a model looks into takes them from here. The cfgs have names of our own, since a
//! dependency takes `loom` as meant for itself.

use std::sync::PoisonError;

#[cfg(all(test, polywire_loom))]
#[path = "sync/loom.rs"]
mod chosen;
#[cfg(all(test, polywire_shuttle))]
#[path = "sync/shuttle.rs"]
mod chosen;
#[cfg(not(all(test, any(polywire_loom, polywire_shuttle))))]
mod chosen {
    pub(crate) use boxcar::Vec as SharedVec;
    pub(crate) use crossbeam_queue::SegQueue;
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use std::thread_local;

    pub(crate) type ArcSwapOption<T> = arc_swap::ArcSwapAny<Option<super::SlimArc<T>>>;
}

// The thread sanitizer does not see fences, by which a slim one is freed.
#[cfg(polywire_sanitized)]
pub(crate) use std::sync::Arc as SlimArc;
/// An `Arc` without weak references and the memory for their count.
#[cfg(not(polywire_sanitized))]
pub(crate) use triomphe::Arc as SlimArc;

pub(crate) use chosen::*;

/// Takes a lock, whether or not a thread panicked while it held it: what these locks protect is
/// whole between any two statements.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

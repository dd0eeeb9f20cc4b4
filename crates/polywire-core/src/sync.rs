//! Locks, atomics, queues and what is a thread's own: std's and those of other crates, but loom's or
//! shuttle's where the models run (`cargo xtask models`).
//!
//! Only what a model looks into takes them from here. The cfgs have names of our own, since a
//! dependency takes `loom` as meant for itself.

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
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::atomic;
    pub(crate) use std::thread_local;

    pub(crate) type ArcSwapOption<T> = arc_swap::ArcSwapAny<Option<super::SlimArc<T>>>;
}

#[cfg_attr(all(test, any(polywire_loom, polywire_shuttle)), path = "sync/locking_as_std.rs")]
mod locking;

// The thread sanitizer does not see fences, by which a slim one is freed.
#[cfg(polywire_sanitized)]
pub(crate) use std::sync::Arc as SlimArc;
/// An `Arc` without weak references and the memory for their count.
#[cfg(not(polywire_sanitized))]
pub(crate) use triomphe::Arc as SlimArc;

pub(crate) use chosen::*;

pub(crate) use locking::{lock, wait, wait_for};

//! Locks and atomics: std's, and loom's where the models run (`cargo xtask models`).
//!
//! Only what a model looks into takes them from here. The cfg has a name of our own, since a
//! dependency takes `loom` as meant for itself.

#[cfg(not(all(test, polywire_loom)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(all(test, polywire_loom))]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};

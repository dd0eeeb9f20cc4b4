//! Locks and atomics: std's, but loom's where the models run (`cargo xtask models`).

use std::sync::PoisonError;

#[cfg(all(test, polywire_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, polywire_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

/// Takes a lock, whether or not a thread panicked while it held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

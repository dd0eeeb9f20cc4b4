//! Taking locks, and waiting under them.

use std::time::Duration;

use super::{Condvar, Mutex, MutexGuard};

/// Takes a lock, whether or not a thread panicked while it held it: what these locks protect is
/// whole between any two statements.
#[inline(always)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Gives the lock back until `condvar` is notified, or less.
pub(crate) fn wait<'a, T>(condvar: &Condvar, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(&mut guard);
    guard
}

/// The same, for no longer than `timeout`.
pub(crate) fn wait_for<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> MutexGuard<'a, T> {
    condvar.wait_for(&mut guard, timeout);
    guard
}

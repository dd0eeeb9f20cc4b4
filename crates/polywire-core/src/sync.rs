//! Locks and atomics: std's, and loom's where the models run (`cargo xtask models`).
//!
//! Only what a model looks into takes them from here. The cfg has a name of our own, since a
//! dependency takes `loom` as meant for itself.

#[cfg(not(all(test, polywire_loom)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(all(test, polywire_loom))]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

#[cfg(all(test, polywire_loom))]
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence};

    /// loom's, but for stores. After a swap of one thread and then a store of another, loom lets a
    /// third that must see the store see what was swapped in before it, which the one order of all
    /// modifications of an atomic forbids. Swapped in, the store has its place in that order.
    #[derive(Debug)]
    pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

    impl AtomicBool {
        pub(crate) fn new(value: bool) -> Self {
            Self(loom::sync::atomic::AtomicBool::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> bool {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: bool, _order: Ordering) {
            self.0.swap(value, Ordering::AcqRel);
        }

        pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
            self.0.swap(value, order)
        }
    }

    impl Default for AtomicBool {
        fn default() -> Self {
            Self::new(false)
        }
    }
}

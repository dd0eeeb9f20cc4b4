//! loom's, and for what loom does not see into, stand-ins.

pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use opaque::{ArcSwapOption, SegQueue, SharedVec};
pub(crate) use own_of_a_thread as thread_local;

/// As std's, whose `const` loom's does not know.
macro_rules! own_of_a_thread {
    ($($(#[$attribute:meta])* static $name:ident: $kind:ty = const { $value:expr };)+) => {
        loom::thread_local! { $($(#[$attribute])* static $name: $kind = $value;)+ }
    };
}
pub(crate) use own_of_a_thread;

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

    /// loom's, but for stores. After a swap of one thread and then a store of another, loom lets a
    /// third that must see the store see what was swapped in before it, which the one order of all
    /// modifications of an atomic forbids. Swapped in, the store has its place in that order.
    macro_rules! with_stores_in_order {
        ($name:ident, $value:ty) => {
            #[derive(Debug)]
            pub(crate) struct $name(loom::sync::atomic::$name);

            #[allow(dead_code)]
            impl $name {
                pub(crate) fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.0.load(order)
                }

                pub(crate) fn store(&self, value: $value, _order: Ordering) {
                    self.0.swap(value, Ordering::AcqRel);
                }

                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.0.swap(value, order)
                }

                pub(crate) fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.0.compare_exchange(current, new, success, failure)
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self::new(Default::default())
                }
            }
        };
    }
    with_stores_in_order!(AtomicBool, bool);
    with_stores_in_order!(AtomicU8, u8);
}

/// What loom does not see into, with what it promises: whoever takes a thing out sees what had been
/// seen by whoever put it in.
mod opaque {
    use super::super::SlimArc as Arc;
    use super::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    pub(crate) struct SegQueue<T> {
        queue: crossbeam_queue::SegQueue<T>,
        order: AtomicUsize,
    }

    impl<T> SegQueue<T> {
        pub(crate) fn new() -> Self {
            Self { queue: crossbeam_queue::SegQueue::new(), order: AtomicUsize::new(0) }
        }

        pub(crate) fn push(&self, value: T) {
            self.order.fetch_add(1, Ordering::Release);
            self.queue.push(value);
        }

        pub(crate) fn pop(&self) -> Option<T> {
            let value = self.queue.pop()?;
            self.order.fetch_add(1, Ordering::Acquire);
            Some(value)
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.queue.is_empty()
        }

        pub(crate) fn len(&self) -> usize {
            self.queue.len()
        }
    }

    impl<T> Default for SegQueue<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    #[derive(Debug)]
    pub(crate) struct ArcSwapOption<T> {
        value: arc_swap::ArcSwapAny<Option<Arc<T>>>,
        order: AtomicUsize,
    }

    impl<T> ArcSwapOption<T> {
        pub(crate) fn load(&self) -> arc_swap::Guard<Option<Arc<T>>> {
            let value = self.value.load();
            self.order.fetch_add(1, Ordering::Acquire);
            value
        }

        pub(crate) fn store(&self, value: Option<Arc<T>>) {
            self.order.fetch_add(1, Ordering::Release);
            self.value.store(value);
        }
    }

    impl<T> Default for ArcSwapOption<T> {
        fn default() -> Self {
            Self { value: arc_swap::ArcSwapAny::default(), order: AtomicUsize::new(0) }
        }
    }

    #[derive(Debug)]
    pub(crate) struct SharedVec<T> {
        values: boxcar::Vec<T>,
        order: AtomicUsize,
    }

    impl<T> SharedVec<T> {
        pub(crate) fn push(&self, value: T) -> usize {
            self.order.fetch_add(1, Ordering::Release);
            self.values.push(value)
        }

        pub(crate) fn get(&self, index: usize) -> Option<&T> {
            let value = self.values.get(index)?;
            self.order.fetch_add(1, Ordering::Acquire);
            Some(value)
        }

        pub(crate) fn iter(&self) -> boxcar::Iter<'_, T> {
            self.order.fetch_add(1, Ordering::Acquire);
            self.values.iter()
        }

        pub(crate) fn count(&self) -> usize {
            self.values.count()
        }
    }

    impl<T> Default for SharedVec<T> {
        fn default() -> Self {
            Self { values: boxcar::Vec::new(), order: AtomicUsize::new(0) }
        }
    }

    impl<T> std::ops::Index<usize> for SharedVec<T> {
        type Output = T;

        fn index(&self, index: usize) -> &T {
            self.get(index).expect("an index that was pushed")
        }
    }
}

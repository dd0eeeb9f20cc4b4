//! shuttle's, which takes every atomic for sequentially consistent.

pub(crate) use boxcar::Vec as SharedVec;
pub(crate) use crossbeam_queue::SegQueue;
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use shuttle::thread_local;

pub(crate) type ArcSwapOption<T> = arc_swap::ArcSwapAny<Option<super::SlimArc<T>>>;

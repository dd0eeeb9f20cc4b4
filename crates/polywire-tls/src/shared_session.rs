//! The session as two threads share it: the loop, which opens, and whoever has the write turn, who seals and writes.

#[cfg(all(test, polywire_loom))]
mod models;

use std::io::{self, IoSlice};

use polywire_core::stream::Stream;

use crate::pending::Pending;
use crate::session::{Records, would_block};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, lock};

/// A session, and its records on their way to the stream underneath.
pub(crate) struct SharedSession<T> {
    /// Whoever has the write turn: what is to be written. Held while that is written, so that records stay in order.
    pending: Mutex<Pending>,
    /// The keys. Held for work in memory only, and locked last.
    session: Mutex<T>,
    /// Whether records wait in `pending` or in `session`. Cleared under the lock of the session alone, so that what a
    /// read adds is not missed.
    wants_write: AtomicBool,
}

impl<T: Records> SharedSession<T> {
    pub(crate) fn new(session: T) -> Self {
        Self {
            pending: Mutex::new(Pending::default()),
            wants_write: AtomicBool::new(session.wants_write()),
            session: Mutex::new(session),
        }
    }

    /// Whether there is something to [`flush`](Self::flush). Who is writing may be about to find so.
    #[inline(always)]
    pub(crate) fn wants_write(&self) -> bool {
        self.wants_write.load(Ordering::Acquire)
    }

    /// Looks at the session, which gets nothing to write by that.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&lock(&self.session))
    }

    /// Works on the session for the read side, which may give it something to write.
    pub(crate) fn work<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut session = lock(&self.session);
        let result = work(&mut session);
        if session.wants_write() {
            self.wants_write.store(true, Ordering::Release);
        }
        result
    }

    /// Takes all records that the session has.
    fn take<R>(&self, take: impl FnOnce(&mut T) -> R) -> R {
        let mut session = lock(&self.session);
        let taken = take(&mut session);
        // Before the lock is released: what a read adds from then on sets it again.
        self.wants_write.store(false, Ordering::Release);
        taken
    }

    /// Writes all records there are.
    pub(crate) fn flush<S: Stream>(&self, stream: &S) -> io::Result<()> {
        self.write_records(stream, &mut lock(&self.pending))
    }

    /// As [`flush`](Self::flush), unless another thread is writing: what that does not come to, `wants_write` tells.
    pub(crate) fn try_flush<S: Stream>(&self, stream: &S) -> io::Result<()> {
        match self.pending.try_lock() {
            Ok(mut pending) => self.write_records(stream, &mut pending),
            Err(_) => Ok(()),
        }
    }

    /// Seals from the front of `buffers` and writes that. Takes nothing while the stream has not taken what came
    /// before.
    pub(crate) fn write<S: Stream>(
        &self,
        stream: &S,
        buffers: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let mut pending = lock(&self.pending);
        pending.write_to(stream)?; // No more is sealed than there is room for.
        let seal = |records: &mut Vec<u8>| self.take(|session| session.seal(buffers, records));
        let (sealed, written) = pending.write_new(stream, seal);
        self.note_left(&pending);
        let sealed = sealed?;
        would_block(written).map(|()| sealed)
    }

    /// Writes `close_notify` behind all records there are.
    pub(crate) fn close<S: Stream>(&self, stream: &S) -> io::Result<()> {
        let mut pending = lock(&self.pending);
        self.work(Records::close);
        self.write_records(stream, &mut pending)
    }

    fn write_records<S: Stream>(&self, stream: &S, pending: &mut Pending) -> io::Result<()> {
        loop {
            pending.write_to(stream)?;
            let take = |records: &mut Vec<u8>| {
                self.take(|session| session.take_records(records));
                records.is_empty()
            };
            let (is_done, written) = pending.write_new(stream, take);
            self.note_left(pending);
            written?;
            if is_done {
                return Ok(());
            }
        }
    }

    fn note_left(&self, pending: &Pending) {
        if !pending.is_empty() {
            self.wants_write.store(true, Ordering::Release);
        }
    }

    /// Bytes of memory that records own which were not written.
    #[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
    pub(crate) fn memory(&self) -> usize {
        lock(&self.pending).memory()
    }
}

//! What waits to be sent on one connection, and whose turn it is to write.
//!
//! A message goes straight from the caller's slice to the socket while nothing waits. What the
//! socket does not take, and what is sent while somebody writes, waits here as whole frames, so
//! frames never mix. The lock is held to move bytes in memory, never during a system call.

mod chunks;
mod direct;
mod flushing;
mod mapped;
#[cfg(all(test, polywire_loom))]
mod models;
mod pushing;
mod room;
mod sending;
mod sharing;
mod state;
#[cfg(all(test, not(polywire_loom)))]
mod tests;
mod writing;

use std::sync::{Arc, OnceLock};

use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::stream::{Encoder, Stream};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::writer::Writer;

use state::{Intake, State};

pub(super) struct Outbox<S, E> {
    encoder: E,
    /// With `when_full` set.
    limits: Arc<Limits>,
    /// Set when messages may flow.
    socket: OnceLock<S>,
    state: Mutex<State>,
    /// Whether something waits to be written, to be asked without the lock: the poller tells of room
    /// whenever it tells of anything.
    waits: AtomicBool,
    /// Whether `State::failure` tells one, to be asked without the lock.
    failed: AtomicBool,
}

impl<S: Stream, E: Encoder> Outbox<S, E> {
    pub(super) fn new(encoder: E, limits: Arc<Limits>) -> Self {
        Self {
            encoder,
            limits,
            socket: OnceLock::new(),
            state: Mutex::new(State::new()),
            waits: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    pub(super) fn encoder(&self) -> &E {
        &self.encoder
    }

    pub(super) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(super) fn set_notifier(&self, notifier: Notifier) {
        self.lock().set_notifier(notifier);
    }

    /// Messages may flow from now on; those that waited for it go out.
    pub(super) fn open(&self, socket: S) -> Result<(), CloseReason> {
        let _ = self.socket.set(socket);
        self.lock().is_open = true;
        self.flush()
    }

    /// Runs `act`, which takes and leaves the lock. If what an adapter or the program gave us panics, half
    /// a frame may wait, and the right to write would be nobody's: that ends the connection.
    #[inline(always)]
    fn guarded<R>(&self, act: impl FnOnce() -> R) -> R {
        let guard = AbortOnPanic(self);
        let result = act();
        std::mem::forget(guard);
        result
    }

    /// Whether something waits to be written.
    #[inline]
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire) || self.socket().is_some_and(Stream::wants_write)
    }

    /// Throws away messages that waited for the connection to be ready, which it will never be.
    pub(super) fn forget_unless_open(&self) {
        let mut state = self.lock();
        if !state.is_open {
            state.forget_frames();
        }
    }

    /// Has the loop read once more: the peer's last words may lie before the failure.
    pub(super) fn tell_reader(&self) {
        if let Some(notifier) = &self.lock().notifier {
            notifier.notify(Readiness { ended: true, ..Readiness::READABLE });
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Bytes the socket took of what waits, while something does, be it in a layer.
    pub(super) fn taken(&self) -> Option<u64> {
        let state = self.lock();
        // What is being written may come to wait in the stream.
        let waits = state.queued() > 0
            || state.writer.is_writing()
            || self.socket().is_some_and(Stream::wants_write);
        waits.then(|| state.written())
    }

    /// Whether nothing waits and nobody writes, for the end of a connection, which takes no message any more: if not,
    /// its loop is notified when that is so.
    pub(super) fn is_drained(&self) -> bool {
        let mut state = self.lock();
        let is_drained = state.queued() == 0 && !state.writer.is_writing();
        if !is_drained {
            state.intake = Intake::LoopWaits;
        }
        is_drained
    }

    /// Whether the socket has been full at any time.
    pub(super) fn has_filled(&self) -> bool {
        self.lock().has_filled
    }

    /// Whether nothing can be written any more.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Why nothing can be written any more, if so.
    pub(super) fn failure(&self) -> Option<CloseReason> {
        if self.has_failed() { self.lock().failure().cloned() } else { None }
    }

    /// Has whoever waits to send look again.
    pub(super) fn wake(&self) {
        self.lock().notify_room(); // Nobody is between his look and his wait.
    }

    /// Takes no message from now on, and lets go whoever waits to send one.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if state.intake == Intake::Open {
            state.intake = Intake::Ended;
        }
        let forgotten = state.take_when_writable();
        state.notify_room();
        drop(state);
        drop(forgotten);
    }

    /// Makes sure that `len` bytes may be queued: ends the connection if that is above its own limit,
    /// and whoever holds most if it is above the node's. `None` if this one is over.
    fn below_limits<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
    ) -> Option<MutexGuard<'a, State>> {
        if state.exceeds(self.limits.outbox_hard_limit, len) {
            let queued = state.queued();
            self.fail(state, CloseReason::OutboxLimit { queued });
            return None;
        }
        if !state.node_has_room(len) {
            state = self.make_room(state, len);
            if !state.node_has_room(len) {
                self.fail(state, CloseReason::NodeMemory); // It alone is too much.
                return None;
            }
        }
        state.failure().is_none().then_some(state)
    }

    /// Has the node give up who holds most.
    #[cold]
    fn make_room<'a>(&'a self, state: MutexGuard<'a, State>, len: usize) -> MutexGuard<'a, State> {
        let notifier = state.notifier.clone();
        drop(state);
        if let Some(notifier) = notifier {
            notifier.make_room(len);
        }
        self.lock()
    }

    /// Runs `tell` once the outbox is at its soft mark or below: now, if it is. Nothing is told
    /// of a connection that ends before.
    pub(super) fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        if state.is_over() {
            return;
        }
        if state.queued() > self.limits.outbox_soft_mark {
            state.waiting().when_writable.push(tell);
        } else {
            drop(state);
            tell();
        }
    }

    /// Takes no message from now on, and throws away what waits.
    pub(super) fn abort(&self, reason: CloseReason) {
        self.fail(self.lock(), reason);
    }

    /// Throws away what waits and has the loop end the connection.
    fn fail(&self, mut state: MutexGuard<'_, State>, reason: CloseReason) {
        state.notify_room();
        let forgotten = state.fail(reason);
        self.failed.store(true, Ordering::Release);
        self.waits.store(true, Ordering::Release);
        state.writer = Writer::Loop;
        state.notify();
        drop(state);
        drop(forgotten);
    }
}

/// Ends the connection as it is dropped, which it is by a panic alone.
struct AbortOnPanic<'a, S: Stream, E: Encoder>(&'a Outbox<S, E>);

impl<S: Stream, E: Encoder> Drop for AbortOnPanic<'_, S, E> {
    fn drop(&mut self) {
        self.0.abort(CloseReason::Panicked);
    }
}

impl<S, E> Outbox<S, E> {
    /// The socket, once messages may flow.
    #[inline]
    pub(super) fn socket(&self) -> Option<&S> {
        self.socket.get()
    }

    /// What tells it from all others.
    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

//! Readiness that the loop is notified of rather than polls for.

mod notifications;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::readiness::Readiness;
use crate::sync::atomic::Ordering;

pub(crate) use notifications::{Node, Notifications};

/// Tells the loop, from any thread, that a resource is ready.
///
/// For sources without a descriptor: an in-process pipe, another library's thread. The loop treats
/// an notification as it treats a poller's event, in the same turn; one for a resource that is gone
/// is ignored. Each call queues one small entry until the loop's next turn, so notify a change,
/// not a state.
#[derive(Clone)]
pub struct Notifier {
    notifications: Arc<Notifications>,
    id: ResourceId,
}

impl Notifier {
    pub(crate) fn new(notifications: Arc<Notifications>, id: ResourceId) -> Self {
        Self { notifications, id }
    }

    /// Notifies that the resource is ready for what `readiness` says, and wakes the loop if it
    /// sleeps.
    pub fn notify(&self, readiness: Readiness) {
        self.notifications.queue.push((self.id, readiness));
        self.notifications.waker.ring();
    }

    /// Leaves what waits on the resource to the loop for a moment. Returns whether the loop writes it
    /// then; if not, it may be in a callback for long.
    pub(crate) fn leave_for_a_moment(&self) -> bool {
        let Notifications { later, waker, .. } = &*self.notifications;
        if waker.is_busy() {
            return false;
        }
        later.push(self.id);
        waker.ring_unless_busy()
    }

    /// Has another thread run `job`, which may wait for long, as to look a name up does. There are a few
    /// threads for all connections of a node.
    ///
    /// # Errors
    ///
    /// If the system can't start a thread; `job` is dropped then.
    pub(crate) fn run_elsewhere(&self, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.notifications.dialers.run(job)
    }

    /// What was left to the loop for a moment is enough to be written now.
    #[inline(never)] // Once in many messages.
    pub(crate) fn end_moment(&self) {
        self.notifications.is_moment_over.store(true, Ordering::Relaxed);
        self.notifications.waker.ring();
    }

    /// Whether what is left to the loop for a moment would wait for callbacks.
    #[inline]
    pub(crate) fn is_loop_busy(&self) -> bool {
        self.notifications.waker.is_busy()
    }

    /// Whether the current thread runs the loop: then the loop comes to what it is notified of soon, when
    /// the callback has returned.
    #[inline]
    pub fn loop_runs_here(&self) -> bool {
        self.notifications.runs_here()
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.notifications.budget
    }

    /// Tells the node that so many bytes wait to be sent on this resource where `before` did:
    /// [`stop_when_drained`](crate::node::NodeHandler::stop_when_drained) waits until the sum is
    /// zero. A [`Sender`](crate::adapter::Sender) that keeps messages must call it.
    #[inline]
    pub fn change_queued(&self, before: usize, after: usize) {
        let is_loop = self.loop_runs_here();
        self.budget().change_queued(is_loop, before, after);
        if after == 0 && !is_loop {
            self.tell_draining_loop();
        }
    }

    /// Nothing waits here. The loop looks by itself before it sleeps; it may sleep by now.
    #[inline(never)]
    pub(crate) fn tell_draining_loop(&self) {
        if self.notifications.is_draining() {
            self.notifications.waker.ring();
        }
    }

    /// Whether another thread runs the loop, or is about to, or ran it last. Only then may a
    /// [`send`](crate::adapter::Sender::send) wait for room: where no thread has run the loop yet, the
    /// current one may be the one that will.
    pub fn loop_is_of_another_thread(&self) -> bool {
        self.notifications.is_of_another_thread()
    }

    /// Counts datagrams that were taken to be sent and then could not be:
    /// [`Stats::dropped_datagrams`](crate::shared::stats::Stats::dropped_datagrams).
    pub fn count_dropped(&self, datagrams: usize) {
        self.notifications.dropped.add(datagrams);
    }

    /// Whether the node has been stopped. A [`send`](crate::adapter::Sender::send) that waits for room must
    /// then return [`ResourceNotFound`](crate::send_status::SendStatus::ResourceNotFound), for the loop may be
    /// inside a callback that waits for the very thread. Nobody notifies it: look every few milliseconds.
    pub fn is_stopping(&self) -> bool {
        self.notifications.is_stopping()
    }

    /// Whether the other end of this connection, from `local`, is of this very node. Walks all
    /// endpoints.
    pub(crate) fn is_held_here(&self, local: SocketAddr) -> bool {
        let node = self.notifications.node.0.get();
        node.is_some_and(|node| node.holds_other_end(self.id, local))
    }

    /// Whether the node may hold `more` bytes besides what it holds, by
    /// [`NodeLimits::max_buffered`](crate::NodeLimits). A [`Sender`](crate::adapter::Sender) that keeps
    /// messages must ask before it keeps one.
    #[inline]
    pub fn has_room(&self, more: usize) -> bool {
        self.budget().has_room(more)
    }

    /// Has the node end the connections that hold most, with
    /// [`CloseReason::NodeMemory`](crate::CloseReason), until it has room for `more` bytes; ask
    /// [`has_room`](Self::has_room) afterwards. Does nothing where there is room.
    ///
    /// It calls [`queued`](crate::adapter::Sender::queued) and [`abort`](crate::adapter::Sender::abort) of
    /// any connection, the caller's own among them: hold no lock that these take.
    pub fn make_room(&self, more: usize) {
        if let Some(node) = self.notifications.node.0.get() {
            node.make_room(more);
        }
    }

    /// The time: the node's, as [`Io::now`](crate::adapter::Io::now).
    pub fn now(&self) -> Instant {
        self.clock().now()
    }

    /// Whether `other` is of the same node: one thread drives both, and neither goes on while the other waits.
    pub fn is_of_node_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.notifications, &other.notifications)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.notifications.clock
    }

    /// Whether another thread runs the loop just now: only then may the current one wait for what
    /// the loop does.
    #[inline]
    pub fn loop_runs_elsewhere(&self) -> bool {
        self.notifications.runs_elsewhere()
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(all(test, polywire_loom))]
mod models;

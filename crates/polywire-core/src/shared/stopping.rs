//! The end of a node: by the program, once nothing waits to be sent, or by a failure.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::notifier::Notifications;
use crate::registry::Entry;
use crate::shared::Shared;
use crate::sync::lock;

/// Times in a row that the poller may fail for want of memory, and the pause behind each: a second in all.
const MAX_POLL_FAILURES: u32 = 100;

const POLL_FAILURE_PAUSE: Duration = Duration::from_millis(10);

impl Shared {
    /// Has the node end once nothing waits to be sent, or at `deadline`; `None` is never.
    pub(crate) fn drain_until(&self, deadline: Option<Instant>) {
        let mut draining = lock(&self.draining);
        *draining = match *draining {
            Some(Some(before)) => {
                Some(Some(deadline.map_or(before, |deadline| before.min(deadline))))
            }
            _ => Some(deadline),
        };
        drop(draining);
        self.notifications.set_draining();
    }

    /// Ends the node if it is draining and done with that; else tells when it must look again.
    #[inline]
    pub(crate) fn stop_if_drained(&self) -> Option<Instant> {
        if self.notifications.is_draining() { self.look_if_drained() } else { None }
    }

    /// When the node ends though something still waits to be sent, once it is draining.
    pub(crate) fn drain_deadline(&self) -> Option<Instant> {
        lock(&self.draining).flatten()
    }

    #[cold]
    fn look_if_drained(&self) -> Option<Instant> {
        let deadline = self.drain_deadline();
        let is_over = deadline.is_some_and(|deadline| self.clock.now() >= deadline);
        // What the loop has not looked at yet is not counted.
        let is_drained = || !self.has_pending() && self.notifications.budget().queued() == 0;
        if is_over || (is_drained() && self.is_written()) {
            self.stop();
        }
        deadline
    }

    /// Whether no layer of a stream holds what it has taken. The one found last is asked first, which mostly
    /// is enough: else all endpoints are walked, and those that send are locked.
    fn is_written(&self) -> bool {
        let is_held = |id: &ResourceId| {
            let taken = |entry: &Entry| entry.sender.as_ref()?.taken();
            self.registry.with(*id, taken).flatten().is_some()
        };
        let last = lock(&self.unwritten).filter(is_held);
        let found = last.or_else(|| self.registry.ids().into_iter().find(is_held));
        *lock(&self.unwritten) = found;
        found.is_none()
    }

    /// The poller has failed, so many times in a row. What may pass by is waited for a little; else the node
    /// stops, and tells why.
    #[cold]
    pub(crate) fn meet_failure(&self, error: &io::Error, times: u32) {
        let may_pass =
            matches!(error.kind(), io::ErrorKind::OutOfMemory | io::ErrorKind::Interrupted);
        if may_pass && times < MAX_POLL_FAILURES {
            tracing::warn!(%error, "the network can't be polled: trying again");
            return self.clock.sleep(POLL_FAILURE_PAUSE);
        }
        tracing::error!(%error, "the network can't be polled: the node stops");
        let _ = self.failure.set(CloseReason::from(error));
        self.stop();
    }

    /// Why the node has stopped by itself, if so.
    pub(crate) fn failure(&self) -> Option<&CloseReason> {
        self.failure.get()
    }

    /// Has the loop end after the event in hand.
    pub(crate) fn stop(&self) {
        if self.is_stopping() {
            return self.notifications.set_stopping(); // Rings once more.
        }
        tracing::debug!("the node stops");
        self.notifications.set_stopping();
        self.wake_senders();
        let alone = lock(&self.alone);
        alone.iter().for_each(|notifications| notifications.nudge());
    }

    /// Threads that wait to send see that the node stops, though the loop may be in a callback for long.
    fn wake_senders(&self) {
        for id in self.registry.ids() {
            self.registry.with(id, |entry| entry.sender.iter().for_each(|sender| sender.wake()));
        }
    }

    /// Has `notifications` nudged when the node is stopped, until what is returned is dropped.
    pub(crate) fn tell_of_stop(&self, notifications: &Arc<Notifications>) -> impl Drop + '_ {
        struct Told<'a>(&'a Shared, Arc<Notifications>);
        impl Drop for Told<'_> {
            fn drop(&mut self) {
                let mut alone = lock(&self.0.alone);
                alone.retain(|notifications| !Arc::ptr_eq(notifications, &self.1));
            }
        }
        let mut alone = lock(&self.alone);
        alone.push(Arc::clone(notifications));
        Told(self, Arc::clone(notifications))
    }

    /// The loop is gone for good.
    pub(crate) fn set_ended(&self) {
        *lock(&self.ended) = true;
    }

    /// Whether the loop is gone for good.
    pub(crate) fn has_ended(&self) -> bool {
        *lock(&self.ended)
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.notifications.is_stopping()
    }

    /// The error of calls that need a running node.
    pub(crate) fn stopped_error() -> io::Error {
        CloseReason::NodeStopped.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{SendFlags, Sender};
    use crate::address::RemoteAddr;
    use crate::clock::Clock;
    use crate::endpoint::{Endpoint, NO_SOCKET_ADDR, ResourceType};
    use crate::registry::NewEntry;
    use crate::send_status::SendStatus;
    use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use crate::waker::LoopWaker;

    /// A sender whose layer may hold something, and that counts who asks.
    #[derive(Default)]
    struct Layered {
        holds: AtomicBool,
        asked: AtomicUsize,
    }

    impl Sender for Layered {
        fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
            SendStatus::Sent
        }

        fn taken(&self) -> Option<u64> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.holds.load(Ordering::Relaxed).then_some(0)
        }
    }

    fn insert(shared: &Shared) -> Arc<Layered> {
        let sender = Arc::<Layered>::default();
        let new = NewEntry {
            tag: 5,
            kind: ResourceType::Remote,
            addr: RemoteAddr::Socket(NO_SOCKET_ADDR),
            limits: Arc::default(),
            sender: Some(Arc::clone(&sender) as Arc<dyn Sender>),
        };
        shared.registry.insert(new).unwrap();
        sender
    }

    #[test]
    fn while_a_layer_holds_something_a_draining_node_asks_that_one_alone() {
        let shared = Shared::new(Arc::new(LoopWaker::new(None)), Clock::default());
        let senders: Vec<_> = (0..100).map(|_| insert(&shared)).collect();
        let asked =
            || senders.iter().map(|sender| sender.asked.swap(0, Ordering::Relaxed)).sum::<usize>();
        shared.drain_until(None);
        for number in [99, 50] {
            senders[number].holds.store(true, Ordering::Relaxed);
            shared.stop_if_drained();
            asked();
            for _ in 0..10 {
                shared.stop_if_drained();
            }
            assert_eq!((asked(), shared.is_stopping()), (10, false));
            senders[number].holds.store(false, Ordering::Relaxed);
        }
        shared.stop_if_drained();
        assert!(shared.is_stopping());
    }
}

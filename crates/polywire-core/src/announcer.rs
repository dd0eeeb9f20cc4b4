//! Readiness that is announced rather than polled.

use std::fmt;
use std::sync::Arc;

use crossbeam_queue::SegQueue;

use crate::endpoint::ResourceId;
use crate::poller::{LoopWaker, Readiness};

/// The announcements of a node that its loop has not seen yet.
#[derive(Debug)]
pub(crate) struct Announcements {
    queue: SegQueue<(ResourceId, Readiness)>,
    waker: Arc<LoopWaker>,
}

impl Announcements {
    pub(crate) fn new(waker: Arc<LoopWaker>) -> Self {
        Self { queue: SegQueue::new(), waker }
    }

    pub(crate) fn pop(&self) -> Option<(ResourceId, Readiness)> {
        self.queue.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// Tells the loop, from any thread, that a resource is ready.
///
/// For sources without a descriptor: an in-process pipe, another library's thread. The loop treats
/// an announcement as it treats a poller's event, in the same turn; one for a resource that is gone
/// is ignored. Each call queues one small entry until the loop's next turn, so announce a change,
/// not a state.
#[derive(Clone)]
pub struct Announcer {
    announcements: Arc<Announcements>,
    id: ResourceId,
}

impl Announcer {
    pub(crate) fn new(announcements: Arc<Announcements>, id: ResourceId) -> Self {
        Self { announcements, id }
    }

    /// Announces that the resource is ready for what `readiness` says, and wakes the loop if it
    /// sleeps.
    pub fn announce(&self, readiness: Readiness) {
        self.announcements.queue.push((self.id, readiness));
        self.announcements.waker.ring();
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").field("id", &self.id).finish_non_exhaustive()
    }
}

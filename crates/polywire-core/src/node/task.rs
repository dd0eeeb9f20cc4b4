//! The thread of a node that runs by itself.

use crate::util::thread::NamespacedThread;

/// A node's loop on a thread of its own.
///
/// Dropping it waits for the node's end, so have somebody call
/// [`NodeHandler::stop`](crate::node::NodeHandler::stop): otherwise it waits for ever.
#[derive(Debug)]
#[must_use = "dropping the task waits until the node is stopped"]
pub struct NodeTask {
    thread: NamespacedThread<()>,
}

impl NodeTask {
    pub(super) fn spawn(run: impl FnOnce() + Send + 'static) -> Self {
        Self { thread: NamespacedThread::spawn("node", run) }
    }

    /// Waits until the node has ended; at once if it was waited for before.
    ///
    /// # Panics
    ///
    /// If the callback panicked, with its panic.
    pub fn wait(&mut self) {
        self.thread.try_join();
    }
}

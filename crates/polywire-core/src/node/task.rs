//! The thread of a node that runs by itself.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::shared::Shared;
use crate::util::thread::NamespacedThread;

/// How long the end of a node is waited for before that is told.
const WARN_AFTER: Duration = Duration::from_secs(1);
/// Time between two looks meanwhile.
const CHECK_INTERVAL: Duration = Duration::from_millis(1);

/// A node's loop on a thread of its own.
///
/// Dropping it waits for the node's end, so have somebody call
/// [`NodeHandler::stop`](crate::node::NodeHandler::stop), or say
/// [`stop_on_drop`](Self::stop_on_drop): otherwise it waits for ever, and after a second says so in the
/// log. While a panic unwinds the thread that drops it, it stops the node first; inside the node's own
/// callback it does not wait.
#[derive(Debug)]
#[must_use = "dropping the task waits until the node is stopped"]
pub struct NodeTask {
    thread: NamespacedThread<()>,
    shared: Arc<Shared>,
    stops_on_drop: bool,
}

impl NodeTask {
    pub(super) fn spawn(shared: Arc<Shared>, run: impl FnOnce() + Send + 'static) -> Self {
        Self { thread: NamespacedThread::spawn("node", run), shared, stops_on_drop: false }
    }

    /// Has the node stopped when the task is dropped: also by an early return, as of `?`, that would
    /// otherwise wait for ever.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// fn run() -> Result<(), std::num::ParseIntError> {
    ///     let (_handler, listener) = node::split::<()>();
    ///     let _task = listener.for_each_async(|_| {}).stop_on_drop();
    ///     "no number".parse::<u16>()?; // The function returns, and the node ends.
    ///     Ok(())
    /// }
    /// assert!(run().is_err());
    /// ```
    pub fn stop_on_drop(mut self) -> Self {
        self.stops_on_drop = true;
        self
    }

    /// Waits until the node has ended. Returns at once if it was waited for before, and inside the node's
    /// own callback.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, listener) = node::split::<()>();
    /// let mut task = listener.for_each_async(|_| {});
    /// handler.stop();
    /// task.wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the callback panicked, with its panic.
    pub fn wait(&mut self) {
        self.thread.try_join();
    }
}

impl Drop for NodeTask {
    fn drop(&mut self) {
        if self.stops_on_drop || thread::panicking() {
            self.shared.stop();
        }
        if self.shared.notifications.runs_here() {
            return;
        }
        let start = Instant::now();
        while !self.thread.is_over() {
            if start.elapsed() > WARN_AFTER {
                tracing::warn!("waiting for the end of a node that nobody has stopped");
                return; // What follows waits.
            }
            thread::sleep(CHECK_INTERVAL);
        }
    }
}

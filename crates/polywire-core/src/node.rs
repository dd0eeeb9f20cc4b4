//! A node: the network and the program's own signals in one callback on one thread.
//!
//! ```
//! use polywire_core::node::{self, NodeEvent};
//! use std::time::Duration;
//!
//! let (handler, listener) = node::split::<&str>();
//! handler.signals().send_with_timer("later", Duration::from_millis(5));
//! handler.signals().send("first");
//!
//! let mut seen = Vec::new();
//! listener.for_each(|event| {
//!     if let NodeEvent::Signal(signal) = event {
//!         seen.push(signal);
//!         if signal == "later" {
//!             handler.stop();
//!         }
//!     }
//! });
//! assert_eq!(seen, ["first", "later"]);
//! ```

mod backlog;
mod event;
mod run;
mod task;
mod turns;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::events::{self, EventReceiver, EventSender};
use crate::network::processor;
use crate::network::{self, NetworkController, NetworkProcessor};
use crate::shared::Shared;
use backlog::Backlog;

pub use crate::net_event::StoredNetEvent;
pub use event::{NodeEvent, StoredNodeEvent};
pub use task::NodeTask;
#[allow(unused_imports, reason = "used by the seam")]
pub(crate) use turns::Turns;

/// When a program that wants to send looks again whether the node as a whole has room.
const ROOM_CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A node: the handle to act with, and the listener that runs its loop. `S` is the type of the
/// program's signals.
///
/// # Panics
///
/// If the system has no descriptor left; [`try_split`] tells that as an error.
pub fn split<S: Send>() -> (NodeHandler<S>, NodeListener<S>) {
    try_split().expect("a node needs two descriptors of the system")
}

/// As [`split`].
///
/// # Errors
///
/// The system's, if it has no descriptor left: a node needs two on Linux.
pub fn try_split<S: Send>() -> io::Result<(NodeHandler<S>, NodeListener<S>)> {
    Ok(on_network(network::try_split()?))
}

/// A node on a network made before.
pub(crate) fn on_network<S: Send>(
    (network, processor): (NetworkController, NetworkProcessor),
) -> (NodeHandler<S>, NodeListener<S>) {
    let shared = Arc::clone(&network.shared);
    let (signals, receiver) = events::split_with(Arc::clone(&shared.waker), shared.clock.clone());
    let parts = Parts { network, signals };
    (NodeHandler(Arc::new(parts)), NodeListener { shared, processor, signals: receiver })
}

/// The handle of a node: acts on its network, sends signals to its callback, stops it.
///
/// Clones are handles of the same node. All methods may be called from any thread and from inside
/// the callback.
pub struct NodeHandler<S>(Arc<Parts<S>>);

struct Parts<S> {
    network: NetworkController,
    signals: EventSender<S>,
}

impl<S> NodeHandler<S> {
    /// The network of the node.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, _listener) = node::split::<()>();
    /// assert_eq!(handler.network().stats().endpoints, 0);
    /// ```
    pub fn network(&self) -> &NetworkController {
        &self.0.network
    }

    /// The queue of signals that the callback gets as [`NodeEvent::Signal`].
    ///
    /// ```
    /// use polywire_core::node;
    /// use std::time::Duration;
    ///
    /// let (handler, listener) = node::split();
    /// handler.signals().send_with_timer("after 5 ms", Duration::from_millis(5));
    /// handler.signals().send("in order");
    /// handler.signals().send_with_priority("before all else");
    ///
    /// let mut seen = Vec::new();
    /// listener.for_each(|event| {
    ///     seen.push(event.signal());
    ///     if seen.len() == 3 {
    ///         handler.stop();
    ///     }
    /// });
    /// assert_eq!(seen, ["before all else", "in order", "after 5 ms"]);
    /// ```
    pub fn signals(&self) -> &EventSender<S> {
        &self.0.signals
    }

    /// Ends the node after the event in hand. Queued data is still sent, within the linger time, and every
    /// protocol closes in its own way; then sockets close and the listener's `for_each` returns. Calling
    /// it again changes nothing.
    ///
    /// Where no thread runs the loop or has begun to, this runs the loop to its end, and so waits for at
    /// most the linger time.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, listener) = node::split::<()>();
    /// let mut task = listener.for_each_async(|_| {});
    /// handler.stop();
    /// task.wait();
    /// assert!(!handler.is_running());
    /// ```
    pub fn stop(&self) {
        self.0.network.shared.stop();
        processor::end_where_nobody_runs(&self.0.network.slot);
    }

    /// Sends the program's own signal to its callback once
    /// [`try_send`](NetworkController::try_send) would take a message for `endpoint` again: at once
    /// if it would now; never if the endpoint ends before, which `Disconnected` tells. While the node
    /// as a whole is nearly full ([`NodeLimits::max_buffered`](crate::NodeLimits)), the signal comes
    /// after 20 ms to try again. Returns whether there is such an endpoint.
    ///
    /// ```
    /// use polywire_core::Endpoint;
    /// use polywire_core::network::SendStatus;
    /// use polywire_core::node::NodeHandler;
    ///
    /// enum Signal {
    ///     Resend(Endpoint, Vec<u8>),
    /// }
    ///
    /// fn send_or_wait(handler: &NodeHandler<Signal>, endpoint: Endpoint, message: Vec<u8>) {
    ///     if handler.network().try_send(endpoint, &message) == SendStatus::Full {
    ///         handler.send_signal_when_writable(endpoint, Signal::Resend(endpoint, message));
    ///     }
    /// }
    /// ```
    pub fn send_signal_when_writable(&self, endpoint: Endpoint, signal: S) -> bool
    where
        S: Send + 'static,
    {
        let signals = self.signals().clone();
        let shared = Arc::clone(&self.network().shared);
        self.network().when_writable(endpoint, move || match shared.is_nearly_full_of_bytes() {
            // Nobody tells when there is room again, and at once would be again and again.
            true => drop(signals.send_with_timer(signal, ROOM_CHECK_INTERVAL)),
            false => signals.send(signal),
        })
    }

    /// Stops the node as soon as the system has taken everything that was sent, or after `timeout`,
    /// whichever comes first. Until then the node runs as before. Of several calls the earliest timeout
    /// counts. What is not written after `timeout` is treated as by [`stop`](Self::stop): each connection has
    /// another [`Limits::linger`](crate::Limits::linger) for it (5 s by default). Where the listener was dropped
    /// without having run, this does the work itself and waits for it; dropped later, its drop does.
    ///
    /// ```
    /// use polywire_core::node;
    /// use std::time::Duration;
    ///
    /// let (handler, listener) = node::split::<()>();
    /// handler.stop_when_drained(Duration::from_secs(5)); // At once here: nothing is queued.
    /// listener.for_each(|_| {});
    /// assert!(!handler.is_running());
    /// ```
    pub fn stop_when_drained(&self, timeout: Duration) {
        let shared = &self.0.network.shared;
        shared.drain_until(shared.clock.now().checked_add(timeout));
        processor::drain_where_nobody_runs(&self.0.network.slot);
    }

    /// Whether nobody has stopped the node yet; true before its loop runs, too.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, _listener) = node::split::<()>();
    /// assert!(handler.is_running());
    /// handler.stop();
    /// assert!(!handler.is_running());
    /// ```
    pub fn is_running(&self) -> bool {
        !self.0.network.shared.is_stopping()
    }
}

impl<S> Clone for NodeHandler<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for NodeHandler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeHandler")
            .field("running", &self.is_running())
            .field("network", self.network())
            .finish()
    }
}

/// The half of a node that runs the loop. Call exactly one of [`for_each`](Self::for_each),
/// [`for_each_async`](Self::for_each_async) and [`enqueue`](Self::enqueue).
///
/// Until then nothing runs on any thread; what happens meanwhile is delivered first, in order.
///
/// Once it is dropped without having run, nobody gets events any more, and what the loop does happens
/// only while a handle acts: a handler goes on sending and connecting by
/// [`connect_sync`](NetworkController::connect_sync), and `send` returns when the system has taken the
/// message. When the last handle is dropped too, the node ends.
pub struct NodeListener<S: Send + 'static> {
    shared: Arc<Shared>,
    processor: NetworkProcessor,
    signals: EventReceiver<S>,
}

impl<S: Send + 'static> NodeListener<S> {
    /// Runs the loop on this thread until [`NodeHandler::stop`], and `event_callback` with each
    /// event, one after the other.
    ///
    /// The callback may borrow what it likes: it never leaves this thread.
    ///
    /// ```
    /// use polywire_core::node::{self, NodeEvent};
    ///
    /// let (handler, listener) = node::split();
    /// handler.signals().send(1);
    /// handler.signals().send(2);
    /// let mut sum = 0;
    /// listener.for_each(|event| match event {
    ///     NodeEvent::Network(event) => println!("{event:?}"),
    ///     NodeEvent::Signal(number) => {
    ///         sum += number;
    ///         if number == 2 {
    ///             handler.stop();
    ///         }
    ///     }
    /// });
    /// assert_eq!(sum, 3);
    /// ```
    ///
    /// # Panics
    ///
    /// When the callback does: the panic goes on once every socket is closed and
    /// [`NodeHandler::is_running`] is false.
    pub fn for_each(self, event_callback: impl FnMut(NodeEvent<'_, S>)) {
        run::run(&self.shared, &self.processor, self.signals, event_callback);
    }

    /// As [`for_each`](Self::for_each), on a thread of its own; the task returned waits for its
    /// end.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, listener) = node::split::<()>();
    /// let mut task = listener.for_each_async(|event| println!("{event:?}"));
    /// // This thread goes on, and acts through the handler.
    /// handler.stop();
    /// task.wait(); // If the callback panicked, this panics too.
    /// ```
    ///
    /// # Panics
    ///
    /// If the system can't start a thread.
    pub fn for_each_async(
        self,
        event_callback: impl FnMut(NodeEvent<'_, S>) + Send + 'static,
    ) -> NodeTask {
        // From now on a `send` may wait for the loop, though the thread takes its time to start.
        self.shared.notifications.set_awaits_runner(true);
        /// Also when the callback panics, and when there is no thread to be had.
        struct Over(Arc<Shared>);
        impl Drop for Over {
            fn drop(&mut self) {
                self.0.notifications.set_awaits_runner(false);
            }
        }
        let over = Over(Arc::clone(&self.shared));
        NodeTask::spawn(Arc::clone(&self.shared), move || {
            let _over = over;
            self.for_each(event_callback);
        })
    }

    /// Runs the loop on a thread of its own and puts each event into a queue, from which the
    /// program takes them as it likes.
    ///
    /// While the queue holds more than [`NodeLimits::max_enqueued`](crate::NodeLimits), the node
    /// reads from nobody and accepts nobody; it goes on when the program has taken half of that. Once the
    /// receiver is dropped the node stops: nobody would take its events. When the node has ended, the
    /// receiver's iterator does behind the last event; its `receive` waits for ever.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, listener) = node::split::<&str>();
    /// let (_task, events) = listener.enqueue();
    /// handler.signals().send("the last");
    /// for event in events {
    ///     assert_eq!(event.signal(), "the last");
    ///     handler.stop();
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If the system can't start a thread.
    pub fn enqueue(self) -> (NodeTask, EventReceiver<StoredNodeEvent<S>>) {
        let (sender, mut receiver) = events::split();
        let backlog = Arc::new(Backlog::new(Arc::clone(&self.shared)));
        let taken = TakenUntilDropped(Arc::clone(&backlog));
        receiver.on_take(Box::new(move |event| taken.0.take(event)));
        let sender = EndedOnDrop(sender);
        let task = self.for_each_async(move |event| {
            let event = event.into();
            backlog.add(&event);
            sender.0.send(event);
        });
        (task, receiver)
    }
}

#[allow(dead_code, reason = "called by the seam")]
impl<S: Send + 'static> NodeListener<S> {
    /// The node, to be turned together with others.
    pub(crate) fn into_turns<F: FnMut(NodeEvent<'_, S>)>(self, event_callback: F) -> Turns<S, F> {
        Turns::new(self.shared, self.processor, self.signals, event_callback)
    }
}

/// What a node puts its events into a queue by: the queue ends with it, however it ends.
struct EndedOnDrop<E>(EventSender<E>);

impl<E> Drop for EndedOnDrop<E> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What the receiver of a queue takes events out by: it stops the node when it goes.
struct TakenUntilDropped(Arc<Backlog>);

impl Drop for TakenUntilDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<S: Send + 'static> fmt::Debug for NodeListener<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeListener").finish_non_exhaustive()
    }
}

//! The program's verbs: connect, listen, send, remove; and the loop to be driven by hand.
//!
//! A program with a callback uses [`node`](crate::node), which holds a [`NetworkController`].
//! [`split`] gives the two halves without a node, for a game loop that looks at the network once a
//! frame.

mod connect_sync;
mod ending;
pub(crate) mod loop_slot;
#[cfg(all(test, polywire_loom))]
mod models;
mod opening;
#[cfg(all(test, any(polywire_loom, polywire_shuttle)))]
mod pair;
mod pausing;
pub(crate) mod processor;
mod queries;
#[cfg(all(test, polywire_shuttle))]
mod schedules;
mod send_many;
mod send_shared;
mod sending;

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::event_loop::EventLoop;
use crate::limits::NodeLimits;
use crate::poller::{AnyPoller, MioPoller};
use crate::registry::Entry;
use crate::shared::{Command, Shared};
use crate::waker::LoopWaker;

use loop_slot::LoopSlot;

pub use crate::net_event::{NetEvent, StoredNetEvent};
pub use crate::send_status::SendStatus;
pub use crate::shared::stats::{Ended, Stats};
pub use processor::NetworkProcessor;
pub use send_many::SentMany;
pub use send_shared::SentToEach;

/// A network without a node: the handle, and the loop to be driven by hand.
///
/// # Panics
///
/// If the system has no descriptor left; [`try_split`] tells that as an error.
pub fn split() -> (NetworkController, NetworkProcessor) {
    try_split().expect("a network needs two descriptors of the system")
}

/// As [`split`].
///
/// # Errors
///
/// The system's, if it has no descriptor left: a network needs two on Linux.
pub fn try_split() -> io::Result<(NetworkController, NetworkProcessor)> {
    let (poller, waker) = MioPoller::new()?;
    Ok(split_on(AnyPoller::Mio(poller), waker, Clock::default()))
}

/// A network on a poller and a clock of the caller's.
pub(crate) fn split_on(
    poller: AnyPoller,
    waker: LoopWaker,
    clock: Clock,
) -> (NetworkController, NetworkProcessor) {
    let shared = Arc::new(Shared::new(Arc::new(waker), clock));
    shared.notifications.set_node(Arc::downgrade(&shared));
    let event_loop = EventLoop::new(Arc::clone(&shared), poller);
    let slot = Arc::new(LoopSlot::new(Arc::clone(&shared), event_loop));
    (NetworkController { shared, slot: Arc::clone(&slot) }, NetworkProcessor::new(slot))
}

/// The handle by which a program acts on its network.
///
/// Every method may be called from any thread and from inside the callback, and returns without
/// waiting for the network, unless it says so. Clones act on the same network.
#[derive(Clone)]
pub struct NetworkController {
    pub(crate) shared: Arc<Shared>,
    pub(crate) slot: Arc<LoopSlot>,
}

impl NetworkController {
    /// Says something to the adapter of a connection or a listener itself: to answer a handshake, to close with
    /// a code, to ask for a sign of life. `value` is of a type that the adapter's documentation names; the
    /// adapter drops others. WebSocket understands `Close` and `Ping`, and as the later answer to a
    /// request `Accept`, `Response` and `Answer`; plain TCP, framed TCP and UDP understand
    /// none. It is said on the loop's thread, in the order of the calls; while a [`Reconnecting`](crate::Reconnecting) connection waits for its next
    /// attempt it is dropped. Returns whether there is such a resource.
    ///
    /// ```
    /// use polywire_core::Endpoint;
    /// use polywire_core::network::NetworkController;
    ///
    /// /// What the protocol of this example understands.
    /// struct CloseWith(u16);
    ///
    /// fn go_away(network: &NetworkController, endpoint: Endpoint) {
    ///     network.control(endpoint.resource_id(), CloseWith(1001));
    /// }
    /// ```
    pub fn control(&self, resource_id: ResourceId, value: impl Any + Send) -> bool {
        let is_there = |entry: &Entry| !entry.is_over();
        let found = self.shared.registry.with(resource_id, is_there) == Some(true);
        if found {
            self.shared.command(Command::Control(resource_id, Box::new(value)));
        }
        found
    }

    /// Bounds the node as a whole from now on. What it holds already stays.
    ///
    /// ```
    /// use polywire_core::NodeLimits;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn bound(network: &NetworkController) {
    ///     network.set_limits(&NodeLimits::default().with_max_buffered(256 << 20));
    /// }
    /// ```
    pub fn set_limits(&self, limits: &NodeLimits) {
        self.shared.set_limits(limits);
    }

    /// Makes the loop spin for `time` before it sleeps; this uses a full core and removes the wake-up
    /// latency. It holds from the next wait on. Default: zero, which sleeps at once.
    ///
    /// Waking a thread is most of a round trip between two cores. Worth it for a time a little longer than
    /// the pauses between events, on machines with cores to spare. An idle node still sleeps once the
    /// time is over.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use polywire_core::network::NetworkController;
    ///
    /// fn hurry(network: &NetworkController) {
    ///     network.set_busy_poll(Duration::from_micros(50));
    /// }
    /// ```
    pub fn set_busy_poll(&self, time: Duration) {
        self.shared.set_busy_poll(time);
    }
}

impl fmt::Debug for NetworkController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkController")
            .field("endpoints", &self.shared.registry.len())
            .finish_non_exhaustive()
    }
}

//! Where a fake world takes the place of the system: readiness, time, and what its tests look at.
//!
//! For `polywire-testkit` alone; exempt from semantic versioning.

use std::io;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::network::{NetworkController, NetworkProcessor, split_on};
use crate::node::{self, NodeHandler, NodeListener};
use crate::poller::{AnyPoller, Poller};
use crate::readiness::Readiness;
use crate::waker::LoopWaker;

/// Tells the loop what is ready, in place of the system.
pub trait FakePoller: Send {
    /// Adds what is ready, each with the [`raw`](crate::ResourceId::raw) id of its resource. Nothing
    /// wakes it: it must return soon, whatever the `timeout` (`None` is without end).
    ///
    /// # Errors
    ///
    /// `OutOfMemory` and `Interrupted` are tried again for a while, any other ends the loop.
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()>;
}

/// A clock that only [`advance`](Self::advance) moves. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Clock);

impl ManualClock {
    /// What time it is.
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

/// All begin at the same time.
impl Default for ManualClock {
    fn default() -> Self {
        Self(Clock::manual())
    }
}

/// A network whose readiness and time are fake.
pub fn network(
    poller: impl FakePoller + 'static,
    clock: &ManualClock,
) -> (NetworkController, NetworkProcessor) {
    let poller = AnyPoller::Other(Box::new(Fake(poller)));
    split_on(poller, LoopWaker::new(None), clock.0.clone())
}

/// A node on such a network.
pub fn node<S: Send>(
    network: (NetworkController, NetworkProcessor),
) -> (NodeHandler<S>, NodeListener<S>) {
    node::on_network(network)
}

/// Stops a network without a node.
pub fn stop(network: &NetworkController) {
    network.shared.stop();
}

/// Bytes that count against [`NodeLimits::max_buffered`](crate::NodeLimits::max_buffered).
pub fn held(network: &NetworkController) -> usize {
    network.shared.notifications.budget().held()
}

struct Fake<P>(P);

impl<P: FakePoller> Poller for Fake<P> {
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.0.poll(ready, timeout)
    }

    fn registry(&self) -> Option<&mio::Registry> {
        None
    }
}

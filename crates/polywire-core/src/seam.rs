//! Where a fake world takes the place of the system: readiness, time, and what its tests look at.
//!
//! For simulated worlds in crates of this repository; exempt from semantic versioning.

use std::io;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::event_loop::Wait;
use crate::network::{NetworkController, NetworkProcessor, split_on};
use crate::node::{self, NodeEvent, NodeHandler, NodeListener, Turns};
use crate::poller::{AnyPoller, Poller};
use crate::readiness::Readiness;
use crate::waker::{AnyWaker, LoopWaker};

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
    /// One whose nodes draw what they need of random numbers from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Clock::manual(seed))
    }

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
        Self::new(0)
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

/// A network on a fake clock that polls nothing, for a node that is [turned](turns): `wake` is called, on whatever
/// thread, when it has something to do.
pub fn woken_network(
    wake: impl Fn() + Send + Sync + 'static,
    clock: &ManualClock,
) -> (NetworkController, NetworkProcessor) {
    let waker = LoopWaker::new(Some(AnyWaker::Other(Box::new(wake))));
    let network = split_on(AnyPoller::Other(Box::new(Nothing)), waker, clock.0.clone());
    // Of ten thousand nodes the buffers would be gigabytes. There is one for all, once they have turns.
    if let Some(mut event_loop) = network.0.slot.try_take() {
        event_loop.replace_buffer(Box::default());
        network.0.slot.put_back(event_loop);
    }
    network
}

/// A node whose loop is turned together with those of others, by the thread that made it.
pub trait Turn {
    /// One turn, without waiting. `buffer` is read into, and may be that of other nodes, too.
    fn turn(&mut self, buffer: &mut Box<[u8]>) -> NextTurn;
}

/// When a node is to be turned next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTurn {
    /// Right away: it has something to do.
    Now,
    /// At that time, or when it is woken.
    At(Instant),
    /// When it is woken.
    WhenWoken,
    /// Never: it has ended.
    Over,
}

impl<S: Send + 'static, F: FnMut(NodeEvent<'_, S>)> Turn for Turns<S, F> {
    fn turn(&mut self, buffer: &mut Box<[u8]>) -> NextTurn {
        match self.turn(buffer) {
            None => NextTurn::Over,
            Some(Wait::No) => NextTurn::Now,
            Some(Wait::Until(at)) => NextTurn::At(at),
            Some(Wait::Forever) => NextTurn::WhenWoken,
        }
    }
}

/// The node on a [`woken_network`], to be turned by the current thread from now on, which counts as the one that runs
/// its loop: also between two turns. Dropping it ends the node at once.
pub fn turns<S: Send + 'static>(
    listener: NodeListener<S>,
    event_callback: impl FnMut(NodeEvent<'_, S>) + 'static,
) -> Box<dyn Turn> {
    Box::new(listener.into_turns(event_callback))
}

/// Stops a network without a node.
pub fn stop(network: &NetworkController) {
    network.shared.stop();
}

/// Bytes that count against [`NodeLimits::max_buffered`](crate::NodeLimits::max_buffered).
pub fn held(network: &NetworkController) -> usize {
    network.shared.notifications.budget().held()
}

/// A poller that nothing is registered with.
struct Nothing;

impl Poller for Nothing {
    fn poll(&mut self, _: &mut Vec<(usize, Readiness)>, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn registry(&self) -> Option<&mio::Registry> {
        None
    }
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

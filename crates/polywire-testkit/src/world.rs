//! The world, and the pollers of its nodes.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polywire_core::network::{NetworkController, NetworkProcessor};
use polywire_core::node::{NodeHandler, NodeListener};
use polywire_core::seam::{self, FakePoller, ManualClock};
use polywire_core::{Readiness, ResourceId};

use crate::calls::Call;
use crate::faults::Faults;
use crate::socket::Socket;
use crate::state::State;

/// A world of nodes on fake sockets and time. Clones are the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    /// Runs while a loop waits.
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
    pub(super) clock: ManualClock,
}

type Meanwhile = Box<dyn FnMut() + Send>;

impl World {
    /// The world of `seed`.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(seed, faults))),
            meanwhile: Arc::default(),
            clock: ManualClock::new(seed),
        }
    }

    /// Changes how rough the world is from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Has the `number`-th call that the system gets fail with `kind`, counted from 1 and from the
    /// world's beginning. A call that is told to block is followed by readiness.
    pub fn fail_call(&self, number: u64, kind: io::ErrorKind) {
        self.lock().calls.fault = Some((number, kind));
    }

    /// The call that failed as [`fail_call`](Self::fail_call) has it, once it was made.
    pub fn failed_call(&self) -> Option<Call> {
        self.lock().calls.failed
    }

    /// From now on, each time a loop waits and nothing is ready, `run` is called and a millisecond
    /// passes: so other nodes go on while one stops. `None` ends that.
    pub fn while_waiting(&self, run: Option<Box<dyn FnMut() + Send>>) {
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = run;
    }

    /// A node in this world, without signals.
    pub fn network(&self) -> (NetworkController, NetworkProcessor, SimNode) {
        let node = {
            let mut state = self.lock();
            state.nodes += 1;
            state.nodes - 1
        };
        let poller = SimPoller { world: self.clone(), node };
        let (controller, processor) = seam::network(poller, &self.clock);
        (controller, processor, SimNode { world: self.clone(), node })
    }

    /// A node in this world, with signals.
    pub fn node<S: Send>(&self) -> (NodeHandler<S>, NodeListener<S>, SimNode) {
        let (controller, processor, adapters) = self.network();
        let (handler, listener) = seam::node((controller, processor));
        (handler, listener, adapters)
    }

    /// Moves time forward, for all nodes.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A number below `bound` from the seed, for the test's own choices.
    pub fn choose(&self, bound: usize) -> usize {
        self.lock().random.below(bound)
    }

    /// Whether nothing is under way: no readiness waits to be told and no byte to be read.
    pub fn is_quiet(&self) -> bool {
        let state = self.lock();
        state.sockets.iter().all(Socket::is_quiet)
            && state.listeners.values().all(|port| !port.edge || port.token.is_none())
    }

    /// What keeps the world from being quiet, for a test's message.
    pub(super) fn unrest(&self) -> String {
        let state = self.lock();
        let sockets = state.sockets.iter().filter(|socket| !socket.is_quiet());
        let sockets: Vec<_> = sockets.map(ToString::to_string).collect();
        let ports = state.listeners.iter().filter(|(_, port)| port.edge);
        let ports: Vec<_> = ports.map(|(number, _)| number).collect();
        format!("sockets {sockets:?}, ports {ports:?}")
    }

    /// Sockets that neither side has closed.
    pub fn open_sockets(&self) -> usize {
        self.lock().sockets.iter().filter(|socket| !socket.closed).count()
    }

    /// Lets a moment of a wait pass, if that is wanted.
    fn wait(&self, timeout: Option<Duration>) {
        // Not locked while it runs.
        let meanwhile = || self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
        let run = meanwhile().take();
        let Some(mut run) = run else { return };
        run();
        *meanwhile() = Some(run);
        let moment = Duration::from_millis(1);
        self.advance(timeout.map_or(moment, |timeout| timeout.min(moment)));
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// Where adapters of one simulated node come from.
#[derive(Clone, Debug)]
pub struct SimNode {
    pub(super) world: World,
    pub(super) node: usize,
}

impl SimNode {
    /// Sockets of this node that it has not closed.
    pub fn open_sockets(&self) -> usize {
        let state = self.world.lock();
        let own = state.sockets.iter().filter(|socket| socket.node == self.node);
        own.filter(|socket| !socket.closed).count()
    }

    /// Has the next `times` polls of this node fail with `kind`.
    pub fn fail_polls(&self, times: u32, kind: io::ErrorKind) {
        self.world.lock().failing_polls.insert(self.node, (times, kind));
    }

    /// The node at the other end of the last connection that `id` of this node had, and its id
    /// there.
    pub(super) fn peer_of(&self, id: ResourceId) -> Option<(usize, ResourceId)> {
        let state = self.world.lock();
        let is_it = |socket: &&Socket| socket.node == self.node && socket.token == Some(id.raw());
        let peer = state.sockets.iter().rev().find(is_it)?.peer;
        let peer = state.sockets.get(peer)?;
        Some((peer.node, ResourceId::from(peer.token?)))
    }
}

/// Tells what is ready, sometimes. Never waits: time stands still until the test moves it.
struct SimPoller {
    world: World,
    node: usize,
}

impl FakePoller for SimPoller {
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        {
            let mut state = self.world.lock();
            state.waits.insert(self.node, timeout);
            state.fail_poll(self.node)?;
        }
        self.look(ready);
        if ready.is_empty() && timeout != Some(Duration::ZERO) {
            self.world.wait(timeout);
            self.look(ready);
        }
        Ok(())
    }
}

impl SimPoller {
    fn look(&self, ready: &mut Vec<(usize, Readiness)>) {
        let mut state = self.world.lock();
        state.calls.poll();
        state.tell_sockets(self.node, ready);
        state.tell_listeners(self.node, ready);
        state.random.shuffle(ready);
    }
}

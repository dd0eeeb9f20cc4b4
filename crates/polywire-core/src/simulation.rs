//! A seeded world of fake sockets and time that drives the real loop, engine and protocols.
//!
//! Behind the feature `simulation`, for tests; exempt from semantic versioning.
//!
//! A [`World`] holds nodes whose poller, clock and stream sockets it fakes. Everything that varies
//! in the real world is drawn from the seed: how much a read or a write takes, when readiness is
//! told and in which order, spurious and stale events, interrupted and blocked calls, resets.
//! Time stands still unless the test moves it. One seed is one run, bit for bit, as long as the
//! test itself uses one thread.
//!
//! Three tests that every stream transport can run stand on that: [`every_errno`] fails each call of
//! a script with each error, [`random_world`] lets several nodes do anything while everything goes
//! wrong, [`removal_world`] has one node remove and pause at any moment what it has events of.

mod adapter;
mod calls;
mod chaos;
mod errno;
mod host;
mod random;
mod records;
mod removal;
mod seeds;
mod socket;
mod wire;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::network::{NetworkController, NetworkProcessor, split_on};
use crate::node::{self, NodeHandler, NodeListener};
use crate::poller::{AnyPoller, Poller, token_of};
use crate::readiness::Readiness;
use crate::sync::{Mutex, MutexGuard};
use crate::waker::LoopWaker;

use calls::Calls;
use random::Random;
use socket::Socket;

pub use adapter::{SimConnect, SimListen};
pub use calls::Call;
pub use chaos::random_world;
pub use errno::every_errno;
pub use removal::removal_world;
pub use seeds::{Seeds, for_each_seed};
pub use socket::SimStream;
pub use wire::Wire;

/// How rough the world is: each a chance in a thousand, at each call or event it applies to.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Faults {
    /// A read or a write takes only a part of what it could.
    pub short: u32,
    /// A read or a write finds nothing, or no room, although there is; readiness follows.
    pub blocked: u32,
    /// A call is interrupted.
    pub interrupted: u32,
    /// Readiness is told only later.
    pub late: u32,
    /// Readiness is told that there is not, of a resource that lives or of none.
    pub spurious: u32,
    /// A connection is reset at a read or a write.
    pub reset: u32,
    /// A connection is refused when it would be accepted.
    pub refused: u32,
    /// The system has no descriptor left to accept a connection with.
    pub exhausted: u32,
}

impl Faults {
    /// All that a healthy but unkind network does: everything but what breaks or needs time.
    pub const UNKIND: Self = Self {
        short: 500,
        blocked: 200,
        interrupted: 100,
        late: 300,
        spurious: 100,
        reset: 0,
        refused: 0,
        exhausted: 0,
    };

    /// [`UNKIND`](Self::UNKIND), and connections break and are refused.
    pub const HOSTILE: Self = Self { reset: 3, refused: 100, exhausted: 100, ..Self::UNKIND };

    /// Sets [`Self::reset`].
    #[must_use]
    pub fn with_reset(mut self, chance: u32) -> Self {
        self.reset = chance;
        self
    }
}

/// A world of nodes on fake sockets and time. Clones are the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    /// Runs while a loop waits.
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
    clock: Clock,
}

type Meanwhile = Box<dyn FnMut() + Send>;

struct State {
    random: Random,
    faults: Faults,
    calls: Calls,
    sockets: Vec<Socket>,
    /// By port, in an order that a seed repeats.
    listeners: BTreeMap<u16, Port>,
    /// Nodes made so far.
    nodes: usize,
    /// How long each node wanted to wait last.
    waits: HashMap<usize, Option<Duration>>,
    /// How many polls of each node are still to fail, and how.
    failing_polls: HashMap<usize, (u32, io::ErrorKind)>,
}

/// A port that somebody listens on.
struct Port {
    node: usize,
    token: Option<usize>,
    waiting: VecDeque<usize>,
    /// Somebody came, and the listener has not been told.
    edge: bool,
}

impl World {
    /// The world of `seed`.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let state = State {
            random: Random::new(seed),
            faults,
            calls: Calls::default(),
            sockets: Vec::new(),
            listeners: BTreeMap::new(),
            nodes: 0,
            waits: HashMap::new(),
            failing_polls: HashMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            meanwhile: Arc::default(),
            clock: Clock::manual(),
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
        let (controller, processor) = split_on(
            AnyPoller::Simulated(Box::new(poller)),
            LoopWaker::new(None),
            self.clock.clone(),
        );
        (controller, processor, SimNode { world: self.clone(), node })
    }

    /// A node in this world, with signals.
    pub fn node<S: Send>(&self) -> (NodeHandler<S>, NodeListener<S>, SimNode) {
        let (controller, processor, adapters) = self.network();
        let (handler, listener) = node::on_network((controller, processor));
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
    fn unrest(&self) -> String {
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

    fn lock(&self) -> MutexGuard<'_, State> {
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
    world: World,
    node: usize,
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
    fn peer_of(&self, id: ResourceId) -> Option<(usize, ResourceId)> {
        let state = self.world.lock();
        let is_it =
            |socket: &&Socket| socket.node == self.node && socket.token == Some(token_of(id));
        let peer = state.sockets.iter().rev().find(is_it)?.peer();
        let peer = state.sockets.get(peer)?;
        Some((peer.node, ResourceId::from(peer.token?)))
    }
}

/// Tells what is ready, sometimes. Never waits: time stands still until the test moves it.
struct SimPoller {
    world: World,
    node: usize,
}

impl Poller for SimPoller {
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

    fn registry(&self) -> Option<&mio::Registry> {
        None
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

impl State {
    /// The error of a poll that is to fail.
    fn fail_poll(&mut self, node: usize) -> io::Result<()> {
        match self.failing_polls.get_mut(&node) {
            Some((times @ 1.., kind)) => {
                *times -= 1;
                Err((*kind).into())
            }
            _ => Ok(()),
        }
    }

    fn tell_sockets(&mut self, node: usize, ready: &mut Vec<(usize, Readiness)>) {
        for socket in &mut self.sockets {
            let Some(token) = socket.token.filter(|_| socket.node == node) else { continue };
            if self.random.chance(self.faults.spurious) {
                // Of a socket closed long ago too: a stale event.
                ready.push((token, Readiness::BOTH));
            }
            let has_edge = socket.edge != Readiness::default() && !socket.closed;
            if has_edge && !self.random.chance(self.faults.late) {
                ready.push((token, std::mem::take(&mut socket.edge)));
            }
        }
    }

    fn tell_listeners(&mut self, node: usize, ready: &mut Vec<(usize, Readiness)>) {
        for port in self.listeners.values_mut() {
            let Some(token) = port.token.filter(|_| port.node == node) else { continue };
            if port.edge && !self.random.chance(self.faults.late) {
                port.edge = false;
                ready.push((token, Readiness::READABLE));
            }
        }
    }
}

//! A seeded world of fake sockets and time that drives the real loop, engine and protocols.
//!
//! Behind the feature `simulation`, for tests; exempt from semantic versioning.
//!
//! A [`World`] holds nodes whose poller, clock and stream sockets it fakes. Everything that varies
//! in the real world is drawn from the seed: how much a read or a write takes, when readiness is
//! told and in which order, spurious and stale events, interrupted and blocked calls, resets.
//! Time stands still unless the test moves it. One seed is one run, bit for bit, as long as the
//! test itself uses one thread.

mod adapter;
mod random;
mod socket;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::network::{NetworkController, NetworkProcessor, split_on};
use crate::poller::{AnyPoller, Clock, LoopWaker, Poller, Readiness};

use random::Random;
use socket::Socket;

pub use adapter::{SimConnect, SimListen};
pub use socket::SimStream;

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
}

impl Faults {
    /// All that a healthy but unkind network does: everything but resets.
    pub const UNKIND: Self =
        Self { short: 500, blocked: 200, interrupted: 100, late: 300, spurious: 100, reset: 0 };

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
    clock: Clock,
}

struct State {
    random: Random,
    faults: Faults,
    sockets: Vec<Socket>,
    /// By port.
    listeners: HashMap<u16, Port>,
    /// Nodes made so far.
    nodes: usize,
}

/// A port that somebody listens on.
struct Port {
    node: usize,
    token: Option<usize>,
    waiting: Vec<usize>,
    /// Somebody came, and the listener has not been told.
    edge: bool,
}

impl World {
    /// The world of `seed`.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let state = State {
            random: Random::new(seed),
            faults,
            sockets: Vec::new(),
            listeners: HashMap::new(),
            nodes: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), clock: Clock::manual() }
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
            && state.listeners.values().all(|port| !port.edge)
    }

    /// Sockets that neither side has closed.
    pub fn open_sockets(&self) -> usize {
        self.lock().sockets.iter().filter(|socket| !socket.closed).count()
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

/// Tells what is ready, sometimes. Never waits: time stands still until the test moves it.
struct SimPoller {
    world: World,
    node: usize,
}

impl Poller for SimPoller {
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        _timeout: Option<Duration>,
    ) -> io::Result<()> {
        let mut state = self.world.lock();
        state.tell_sockets(self.node, ready);
        state.tell_listeners(self.node, ready);
        state.random.shuffle(ready);
        Ok(())
    }

    fn registry(&self) -> Option<&mio::Registry> {
        None
    }
}

impl State {
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
        // A map has no order of its own that a seed could repeat.
        let mut ports: Vec<_> = self.listeners.iter_mut().collect();
        ports.sort_unstable_by_key(|(number, _)| **number);
        for (_, port) in ports {
            let Some(token) = port.token.filter(|_| port.node == node) else { continue };
            if port.edge && !self.random.chance(self.faults.late) {
                port.edge = false;
                ready.push((token, Readiness::READABLE));
            }
        }
    }
}

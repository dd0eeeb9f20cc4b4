//! Nodes on one thread and on virtual time.

mod schedule;
mod woken;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_core::node::{NodeEvent, NodeHandler, NodeListener};
use polywire_core::seam::{self, ManualClock, NextTurn, Turn};

use crate::network::MemoryNetwork;
use crate::random::Random;
use schedule::Schedule;
use woken::Woken;

/// What all nodes that have something to do take for one turn each: so time passes, however much they have to say
/// to each other.
const TURN_TIME: Duration = Duration::from_micros(1);

/// Bytes that the loops read into, one after the other. A read of a stream gives no more at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Nodes that run on one thread and on virtual time, over one [`MemoryNetwork`].
///
/// Each node has a turn when it has something to do, in an order that the seed draws; when none has, time moves on to the
/// next thing that is due. No thread is started, nothing sleeps and no descriptor is opened, so a thousand nodes are as good as
/// two. One seed is one run: the same events at the same times, as long as the programs ask nobody else (the system's
/// clock, `HashMap`'s order, threads).
///
/// Signals, timers, time-outs and delays follow the world's time. A turn of all nodes that have something to do takes a
/// microsecond of it. A callback takes none: ask [`elapsed`](Self::elapsed) rather than the system what time it is.
///
/// Outside the callbacks the test acts by handles as the callbacks do: no `send` waits. At
/// [`Limits::outbox_hard_limit`](polywire_core::Limits::outbox_hard_limit) an endpoint ends, whatever
/// [`Limits::when_full`](polywire_core::Limits::when_full) says, for nobody could read meanwhile. `connect_sync` is not for
/// worlds; it works where there is no partition.
///
/// Clones are the same world, for callbacks and helpers. It ends, with all its nodes, when the one is dropped that
/// [`new`](Self::new) gave.
///
/// ```
/// use polywire_core::address::Name;
/// use polywire_core::network::NetEvent;
/// use polywire_core::node::NodeEvent;
/// use polywire_memory::World;
/// use std::time::Duration;
///
/// let world = World::new(7);
/// let memory = world.network();
///
/// let (server, listener) = world.node::<()>();
/// server.network().listen(memory.messages(), Name("echo")).unwrap();
/// listener.run(move |event| {
///     if let NodeEvent::Network(NetEvent::Message(from, message)) = event {
///         server.network().send(from, message);
///     }
/// });
///
/// let (client, listener) = world.node::<&str>();
/// let (echo, _) = client.network().connect(memory.messages(), "echo").unwrap();
/// client.signals().send_with_timer("an hour later", Duration::from_secs(3600));
/// let handler = client.clone();
/// listener.run(move |event| match event {
///     NodeEvent::Signal(text) => drop(handler.network().send(echo, text.as_bytes())),
///     NodeEvent::Network(NetEvent::Message(..)) => handler.stop(),
///     NodeEvent::Network(_) => {}
/// });
///
/// assert!(world.run_until(Duration::from_secs(7200), || !client.is_running()));
/// assert_eq!(world.elapsed().as_secs(), 3600);
/// ```
pub struct World {
    inner: Rc<Inner>,
    /// Whether it is the one that `new` gave.
    is_owner: bool,
}

struct Inner {
    clock: ManualClock,
    start: Instant,
    network: MemoryNetwork,
    random: RefCell<Random>,
    woken: Arc<Woken>,
    /// By their numbers. `None` of one that was not begun, has a turn, or has ended.
    nodes: RefCell<Vec<Option<Box<dyn Turn>>>>,
    /// Those that are to have a turn at this instant, in any order.
    round: RefCell<Vec<usize>>,
    schedule: RefCell<Schedule>,
    buffer: RefCell<Box<[u8]>>,
    /// Nodes that were begun and have not ended.
    running: Cell<usize>,
    is_turning: Cell<bool>,
}

impl Inner {
    fn count_ended(&self) {
        self.running.set(self.running.get() - 1);
    }
}

impl World {
    /// The world of `seed`. Its network is that of the same seed.
    pub fn new(seed: u64) -> Self {
        let clock = ManualClock::new(seed);
        let inner = Rc::new(Inner {
            start: clock.now(),
            clock,
            network: MemoryNetwork::new(seed),
            random: RefCell::new(Random::new(!seed)),
            woken: Arc::default(),
            nodes: RefCell::default(),
            round: RefCell::default(),
            schedule: RefCell::default(),
            buffer: RefCell::new(new_buffer()),
            running: Cell::new(0),
            is_turning: Cell::new(false),
        });
        Self { inner, is_owner: true }
    }

    /// The network between the nodes. Its delays are of the world's time.
    pub fn network(&self) -> MemoryNetwork {
        self.inner.network.clone()
    }

    /// A node of this world, in place of [`node::split`](polywire_core::node::split).
    pub fn node<S: Send + 'static>(&self) -> (NodeHandler<S>, WorldListener<S>) {
        let number = self.inner.woken.add();
        self.inner.nodes.borrow_mut().push(None);
        let woken = Arc::clone(&self.inner.woken);
        let network = seam::woken_network(move || woken.wake(number), &self.inner.clock);
        let (handler, listener) = seam::node(network);
        (handler, WorldListener { world: self.clone(), number, listener })
    }

    /// How much time has passed in this world.
    pub fn elapsed(&self) -> Duration {
        self.now() - self.inner.start
    }

    /// Runs `act` once so much time has passed from now on, between the turns of nodes: to partition the network, say.
    pub fn after(&self, time: Duration, act: impl FnOnce() + 'static) {
        if let Some(at) = self.now().checked_add(time) {
            self.inner.schedule.borrow_mut().act_at(at, Box::new(act));
        }
    }

    /// A number below `bound` from the seed, for the test's own choices; 0 if that is 0.
    pub fn choose(&self, bound: usize) -> usize {
        self.inner.random.borrow_mut().below(bound)
    }

    /// Nodes that run: begun by [`WorldListener::run`], and not ended.
    pub fn running(&self) -> usize {
        self.inner.running.get()
    }

    /// Runs the nodes until so much time has passed.
    ///
    /// # Panics
    ///
    /// When a callback does, with its panic; and inside a callback, where the world can't be run.
    pub fn run_for(&self, time: Duration) {
        self.run_until(time, || false);
    }

    /// Runs the nodes until `is_over` says so, which is asked before each turn, or so much time has passed. Returns
    /// whether it is over.
    ///
    /// # Panics
    ///
    /// As [`run_for`](Self::run_for).
    pub fn run_until(&self, limit: Duration, mut is_over: impl FnMut() -> bool) -> bool {
        let until = self.now().checked_add(limit);
        loop {
            if is_over() {
                return true;
            }
            if until.is_some_and(|until| self.now() >= until) || !self.step(until) {
                return is_over();
            }
        }
    }

    /// One turn of one node, or a move of time. Returns whether there was anything to do by then; if not, it is then.
    fn step(&self, until: Option<Instant>) -> bool {
        assert!(
            !self.inner.is_turning.get(),
            "a world can't be run inside a callback of one of its nodes"
        );
        self.do_what_is_due();
        if let Some(number) = self.next_of_round() {
            self.turn(number);
            if self.inner.round.borrow().is_empty() {
                self.inner.clock.advance(TURN_TIME); // All have had theirs.
            }
            return true;
        }
        if self.inner.woken.take_into(&mut self.inner.round.borrow_mut()) {
            return true;
        }
        let next = self.inner.schedule.borrow_mut().next();
        let is_late = next.zip(until).is_some_and(|(next, until)| next > until);
        match (next.filter(|_| !is_late), until) {
            (Some(next), _) => self.move_to(next),
            (None, Some(until)) => self.move_to(until),
            (None, None) => {}
        }
        next.is_some() && !is_late
    }

    /// Takes one of those that have still to have a turn in this round.
    fn next_of_round(&self) -> Option<usize> {
        let mut round = self.inner.round.borrow_mut();
        if round.is_empty() {
            return None;
        }
        let index = self.choose(round.len());
        Some(round.swap_remove(index))
    }

    fn do_what_is_due(&self) {
        let now = self.now();
        loop {
            let due = self.inner.schedule.borrow_mut().pop_due(now, &self.inner.woken);
            let Some(act) = due else { return };
            act();
        }
    }

    fn turn(&self, number: usize) {
        self.inner.woken.begin_turn(number);
        let Some(mut node) = self.inner.nodes.borrow_mut()[number].take() else { return };
        let mut turning = Turning::new(&self.inner);
        let next = node.turn(&mut turning.buffer);
        turning.unwinds = false;
        drop(turning);
        let mut schedule = self.inner.schedule.borrow_mut();
        match next {
            NextTurn::Now => {
                schedule.set_turn(number, None);
                self.inner.woken.wake(number);
            }
            NextTurn::At(at) => schedule.set_turn(number, Some(at)),
            NextTurn::WhenWoken => schedule.set_turn(number, None),
            NextTurn::Over => {
                schedule.set_turn(number, None);
                self.inner.count_ended();
                return;
            }
        }
        self.inner.nodes.borrow_mut()[number] = Some(node);
    }

    fn move_to(&self, at: Instant) {
        self.inner.clock.advance(at.saturating_duration_since(self.now()));
    }

    fn now(&self) -> Instant {
        self.inner.clock.now()
    }
}

impl Clone for World {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), is_owner: false }
    }
}

impl Drop for World {
    /// Drops the callbacks, which may hold clones of this.
    fn drop(&mut self) {
        if self.is_owner {
            let nodes: Vec<_> =
                self.inner.nodes.borrow_mut().iter_mut().map(Option::take).collect();
            let schedule = mem::take(&mut *self.inner.schedule.borrow_mut());
            drop((nodes, schedule)); // Not borrowed meanwhile.
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("elapsed", &self.elapsed())
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

fn new_buffer() -> Box<[u8]> {
    vec![0; BUFFER_BYTES].into_boxed_slice()
}

/// A node has a turn. It ends with that if it panics, and the others go on where the test catches the panic.
struct Turning<'a> {
    world: &'a Inner,
    buffer: Box<[u8]>,
    /// Unless the node says what comes next.
    unwinds: bool,
}

impl<'a> Turning<'a> {
    fn new(world: &'a Inner) -> Self {
        world.is_turning.set(true);
        Self { world, buffer: mem::take(&mut *world.buffer.borrow_mut()), unwinds: true }
    }
}

impl Drop for Turning<'_> {
    fn drop(&mut self) {
        self.world.is_turning.set(false);
        if self.unwinds {
            self.world.count_ended();
            self.buffer = new_buffer(); // The node's loop has taken the other one along.
        }
        *self.world.buffer.borrow_mut() = mem::take(&mut self.buffer);
    }
}

/// The half of a node of a [`World`] that is given its callback, in place of
/// [`NodeListener`]. Dropped without that, the node never gets events.
pub struct WorldListener<S: Send + 'static> {
    world: World,
    number: usize,
    listener: NodeListener<S>,
}

impl<S: Send + 'static> WorldListener<S> {
    /// Begins to run the node: from now on its callback gets each event, whenever the world [runs](World::run_for). Returns at
    /// once, as [`for_each_async`](NodeListener::for_each_async) does.
    ///
    /// The callback is dropped with the node, at its end or the world's.
    pub fn run(self, event_callback: impl FnMut(NodeEvent<'_, S>) + 'static) {
        let Inner { nodes, running, woken, .. } = &*self.world.inner;
        nodes.borrow_mut()[self.number] = Some(seam::turns(self.listener, event_callback));
        running.set(running.get() + 1);
        woken.wake(self.number);
    }
}

impl<S: Send + 'static> fmt::Debug for WorldListener<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldListener").field("number", &self.number).finish_non_exhaustive()
    }
}

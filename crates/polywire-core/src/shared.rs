//! What the loop and the handles of a node share.

mod close_reasons;
mod kept_events;
pub(crate) mod stats;
mod stopping;
pub(crate) mod warnings;

use std::any::Any;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::adapter::{Close, Connection, Driver, Local, Reconnect, Remote};
use crate::clock::Clock;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::limits::NodeLimits;
use crate::notifier::{self, Notifications};
use crate::registry::{Entry, Registry, SharedEntry};
use crate::shared::close_reasons::CloseReasons;
use crate::shared::kept_events::KeptEvents;
use crate::shared::stats::Counters;
use crate::shared::warnings::Warnings;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, SegQueue, lock};
use crate::waker::LoopWaker;

const YEAR_NANOS: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// What becomes of a connection that somebody waits for.
pub(crate) struct Awaited {
    result: OnceLock<Result<(), CloseReason>>,
    /// Addresses that were given up so far, for the next one of the host's.
    pub(crate) given_up: AtomicUsize,
    /// Wakes whoever waits.
    notify: Box<dyn Fn() + Send + Sync>,
}

impl Awaited {
    /// `notify` is called once there is a result.
    pub(crate) fn new(notify: impl Fn() + Send + Sync + 'static) -> Self {
        Self { result: OnceLock::new(), given_up: AtomicUsize::new(0), notify: Box::new(notify) }
    }

    pub(crate) fn set(&self, result: Result<(), CloseReason>) {
        let _ = self.result.set(result); // The first counts.
        (self.notify)();
    }

    pub(crate) fn get(&self) -> Option<&Result<(), CloseReason>> {
        self.result.get()
    }
}

pub(crate) type Outcome = Arc<Awaited>;

/// A connection begun, with how it is opened again if it is to be.
pub(crate) struct New {
    pub(crate) remote: Box<dyn Remote>,
    pub(crate) reconnect: Option<Box<dyn Reconnect>>,
    /// What reads for it and for others.
    pub(crate) driver: Option<Driver>,
}

/// What a handle asks of the loop.
pub(crate) enum Command {
    /// Drive this connection from now on. With an outcome, a failure is told there alone.
    Connect(SharedEntry, New, Option<Outcome>),
    /// An attempt to connect that endpoint again has begun, or could not.
    Reconnected(ResourceId, io::Result<Connection>),
    /// The same for a connection that is ready already, and the deadline that it has set.
    Adopt(SharedEntry, New, Option<Instant>),
    /// Drive this listener from now on.
    Listen(SharedEntry, Box<dyn Local>, Option<Driver>),
    /// Say that to the adapter.
    Control(ResourceId, Box<dyn Any + Send>),
    /// Close what the program removed.
    Remove(ResourceId),
    /// End what was given up for that reason.
    GiveUp(ResourceId, CloseReason),
    /// Read again from what was paused.
    Resume(ResourceId),
    /// The same for all of them.
    ResumeAll,
}

/// The parts of a node that any thread reaches.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) commands: SegQueue<Command>,
    pub(crate) notifications: Arc<Notifications>,
    pub(crate) waker: Arc<LoopWaker>,
    pub(crate) reasons: CloseReasons,
    pub(crate) kept_events: KeptEvents,
    pub(crate) counters: Counters,
    pub(crate) warnings: Warnings,
    pub(crate) clock: Clock,
    max_resources: AtomicUsize,
    max_enqueued: AtomicUsize,
    /// In nanoseconds.
    busy_poll: AtomicU64,
    /// Nothing is read and nobody accepted while this is set.
    holds_reading: AtomicBool,
    draining: Mutex<Option<Option<Instant>>>,
    /// Where something was found last that holds the drain up.
    unwritten: Mutex<Option<ResourceId>>,
    /// The loop is gone for good. Under a lock, for whoever was too late with a command must see it, unless
    /// the loop, which looks once more behind it, sees the command.
    ended: Mutex<bool>,
    /// Of connections that are driven alone, by a `connect_sync` inside the callback.
    alone: Mutex<Vec<Arc<Notifications>>>,
    /// Of listeners that any thread can close.
    closers: Mutex<HashMap<ResourceId, Arc<dyn Close>>>,
    failure: OnceLock<CloseReason>,
}

impl Shared {
    pub(crate) fn new(waker: Arc<LoopWaker>, clock: Clock) -> Self {
        Self {
            registry: Registry::default(),
            commands: SegQueue::new(),
            notifications: Arc::new(Notifications::new(Arc::clone(&waker), clock.clone())),
            waker,
            reasons: CloseReasons::default(),
            kept_events: KeptEvents::default(),
            counters: Counters::default(),
            warnings: Warnings::default(),
            max_resources: AtomicUsize::new(NodeLimits::default().max_resources),
            max_enqueued: AtomicUsize::new(NodeLimits::default().max_enqueued),
            busy_poll: AtomicU64::new(0),
            holds_reading: AtomicBool::new(false),
            draining: Mutex::new(None),
            unwritten: Mutex::new(None),
            clock,
            ended: Mutex::new(false),
            alone: Mutex::default(),
            closers: Mutex::default(),
            failure: OnceLock::new(),
        }
    }

    pub(crate) fn command(&self, command: Command) {
        self.commands.push(command);
        self.waker.ring();
        if self.is_stopping() && self.has_ended() {
            self.refuse_commands();
        }
    }

    pub(crate) fn next_command(&self) -> Option<Command> {
        // Mostly there is none, which is cheaper to see than to pop.
        if self.commands.is_empty() { None } else { self.commands.pop() }
    }

    /// Closes what handles opened and no loop will take any more. The loop does so as it ends, and
    /// after that whoever was too late.
    pub(crate) fn refuse_commands(&self) {
        while let Some(command) = self.commands.pop() {
            let (Command::Connect(entry, ..)
            | Command::Adopt(entry, ..)
            | Command::Listen(entry, ..)) = &command
            else {
                continue;
            };
            entry.end();
            drop(self.take_closer(entry.id)); // Or the socket would go on listening.
            self.reasons.record(entry.id, CloseReason::NodeStopped);
            self.registry.remove(entry.id);
            if let Command::Connect(_, _, Some(outcome)) = &command {
                outcome.set(Err(CloseReason::NodeStopped));
            }
        }
    }

    /// Makes room for so many bytes more under what the node may hold: whoever holds most is given up,
    /// and so on, until some room is left besides. Walks all endpoints, and locks those that send.
    pub(crate) fn make_room(&self, more: usize) {
        let budget = self.notifications.budget();
        if budget.has_room(more) {
            return;
        }
        let held = |id| Some((self.registry.with(id, Entry::held)?, id));
        let ids = self.registry.ids().into_iter().filter(|id| id.is_remote());
        let mut holders: Vec<_> = ids.filter_map(held).collect();
        holders.sort_unstable_by_key(|(held, _)| Reverse(*held));
        for (_, id) in holders.into_iter().take_while(|(held, _)| *held > 0) {
            if budget.has_room_to_spare(more) {
                return;
            }
            self.registry.with(id, |entry| {
                self.change_half_received(entry, 0);
                if let Some(sender) = &entry.sender {
                    sender.abort(CloseReason::NodeMemory);
                }
            });
            self.command(Command::GiveUp(id, CloseReason::NodeMemory));
        }
    }

    /// After a read of an endpoint that is inside a message, or was.
    #[inline(never)] // Few reads end there.
    pub(crate) fn count_half_received(&self, entry: &Entry, bytes: usize) {
        self.change_half_received(entry, bytes);
        self.make_room(0);
    }

    /// So many bytes are kept from now on of what has begun to arrive at that endpoint.
    pub(crate) fn change_half_received(&self, entry: &Entry, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let before = entry.set_half_received(bytes);
        self.notifications.budget().change_half_received(before as usize, bytes as usize);
    }

    pub(crate) fn set_limits(&self, limits: &NodeLimits) {
        self.max_resources.store(limits.max_resources, Ordering::Relaxed);
        self.max_enqueued.store(limits.max_enqueued, Ordering::Relaxed);
        self.notifications.budget().set_max(limits.max_buffered);
    }

    /// Counts messages that were taken to be sent. Returns whether the current thread runs the loop.
    #[inline]
    pub(crate) fn count_sent(&self, messages: usize, bytes: usize) -> bool {
        let is_loop = self.notifications.runs_here();
        self.counters.messages_out.add(is_loop, messages);
        self.counters.bytes_out.add(is_loop, bytes);
        is_loop
    }

    pub(crate) fn set_busy_poll(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // A year is for ever, and no instant is too far to be told.
        self.busy_poll.store(nanos.min(YEAR_NANOS), Ordering::Relaxed);
        self.waker.ring(); // One that sleeps takes to it from now on.
    }

    /// How long the loop asks the poller before it sleeps, if at all.
    #[inline]
    pub(crate) fn busy_poll(&self) -> Option<Duration> {
        match self.busy_poll.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Whether the node has as many resources as it may.
    pub(crate) fn is_full(&self) -> bool {
        self.registry.len() >= self.max_resources.load(Ordering::Relaxed)
    }

    /// Whether less than a sixteenth of what the node may hold is left.
    pub(crate) fn is_nearly_full_of_bytes(&self) -> bool {
        self.notifications.budget().is_nearly_full()
    }

    pub(crate) fn max_enqueued(&self) -> usize {
        self.max_enqueued.load(Ordering::Relaxed)
    }

    /// Has the loop read from nobody and accept nobody until [`Self::release_reading`].
    pub(crate) fn hold_reading(&self) {
        self.holds_reading.store(true, Ordering::Release);
    }

    pub(crate) fn release_reading(&self) {
        self.holds_reading.store(false, Ordering::Release);
        self.command(Command::ResumeAll);
    }

    #[inline]
    pub(crate) fn is_reading_held(&self) -> bool {
        self.holds_reading.load(Ordering::Acquire)
    }

    /// Whether queues hold something the loop has not seen.
    pub(crate) fn has_pending(&self) -> bool {
        !self.commands.is_empty() || !self.notifications.is_empty()
    }

    pub(crate) fn note_closer(&self, listener: ResourceId, closer: Arc<dyn Close>) {
        lock(&self.closers).insert(listener, closer);
    }

    /// What closes a listener, for the one who asks first.
    pub(crate) fn take_closer(&self, listener: ResourceId) -> Option<Arc<dyn Close>> {
        lock(&self.closers).remove(&listener)
    }
}

impl notifier::Node for Weak<Shared> {
    fn holds_other_end(&self, id: ResourceId, local: SocketAddr) -> bool {
        self.upgrade().is_some_and(|shared| shared.registry.holds_other_end(id, local))
    }

    fn make_room(&self, more: usize) {
        if let Some(shared) = self.upgrade() {
            shared.make_room(more);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("registry", &self.registry).finish_non_exhaustive()
    }
}

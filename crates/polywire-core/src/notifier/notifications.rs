//! What the loop of a node is notified of, and who runs that loop.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::counter::Counter;
use crate::dialers::Dialers;
use crate::endpoint::ResourceId;
use crate::limits::NodeLimits;
use crate::poller::Poller;
use crate::readiness::Readiness;
use crate::send_hint::current_thread;
use crate::sync::SegQueue;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::waker::LoopWaker;

const NOBODY: u64 = 0;

/// The notifications of a node that its loop has not seen yet.
#[derive(Debug)]
pub(crate) struct Notifications {
    pub(super) queue: SegQueue<(ResourceId, Readiness)>,
    /// Connections whose outboxes are left to fill for a moment.
    pub(super) later: SegQueue<ResourceId>,
    /// One of them is to be written now.
    pub(super) is_moment_over: AtomicBool,
    pub(super) waker: Arc<LoopWaker>,
    /// The thread that runs the loop just now.
    pub(super) runner: AtomicU64,
    /// A thread has been told to run the loop, and is about to unless it does already.
    awaits_runner: AtomicBool,
    /// The program runs the loop by some thread, or did and may again.
    has_runner: AtomicBool,
    /// The half that runs the loop was dropped: events have nobody to go to.
    abandoned: AtomicBool,
    /// The node is to end after the event in hand.
    stopping: AtomicBool,
    /// The node is to end once nothing waits to be sent.
    draining: AtomicBool,
    /// The thread that ran the loop last.
    pub(super) last_runner: AtomicU64,
    /// What all connections of the node hold together.
    pub(super) budget: Budget,
    /// Datagrams that adapters took and had to drop.
    pub(super) dropped: Counter,
    pub(super) clock: Clock,
    pub(super) node: NodeCell,
    /// The threads that look names up.
    pub(crate) dialers: Arc<Dialers>,
    /// The poller's registry, for sources that change on any thread what they are polled for.
    registry: OnceLock<Arc<mio::Registry>>,
}

/// The node of the notifications, as far as they know it.
pub(crate) trait Node: Send + Sync {
    /// Whether the other end of that connection, from `local`, is of this node, too.
    fn holds_other_end(&self, id: ResourceId, local: SocketAddr) -> bool;

    /// Makes room for so many bytes more under what the node may hold.
    fn make_room(&self, more: usize);
}

/// There once the node is made.
#[derive(Default)]
pub(super) struct NodeCell(pub(super) OnceLock<Box<dyn Node>>);

impl fmt::Debug for NodeCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl Notifications {
    pub(crate) fn new(waker: Arc<LoopWaker>, clock: Clock) -> Self {
        let budget = Budget::new(NodeLimits::default().max_buffered);
        Self {
            queue: SegQueue::new(),
            later: SegQueue::new(),
            is_moment_over: AtomicBool::new(false),
            waker,
            runner: AtomicU64::new(NOBODY),
            awaits_runner: AtomicBool::new(false),
            has_runner: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            last_runner: AtomicU64::new(NOBODY),
            budget,
            dropped: Counter::default(),
            node: NodeCell::default(),
            clock,
            dialers: Arc::default(),
            registry: OnceLock::new(),
        }
    }

    /// A registry of the loop's poller that may be kept: one for all sources, since it has a descriptor of its own.
    /// `own` is that of the poller.
    pub(crate) fn shared_registry(&self, own: &mio::Registry) -> io::Result<Arc<mio::Registry>> {
        if self.registry.get().is_none() {
            let _ = self.registry.set(Arc::new(own.try_clone()?));
        }
        self.registry.get().cloned().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// The same with the threads of another's, for a connection that is driven alone.
    pub(crate) fn with_dialers(mut self, dialers: &Arc<Dialers>) -> Self {
        self.dialers = Arc::clone(dialers);
        self
    }

    pub(crate) fn set_node(&self, node: impl Node + 'static) {
        let _ = self.node.0.set(Box::new(node));
    }

    #[cfg(test)]
    pub(crate) fn waker(&self) -> &LoopWaker {
        &self.waker
    }

    /// Ends a wait of who polls alone, the one that goes on or else the next.
    pub(crate) fn nudge(&self) {
        self.queue.push((ResourceId::from(0), Readiness::default()));
        self.waker.ring();
    }

    pub(crate) fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.ring();
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The node is to end once nothing waits to be sent: whoever writes the last of it wakes the loop.
    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.waker.ring();
    }

    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(crate) fn dropped(&self) -> &Counter {
        &self.dropped
    }

    pub(crate) fn pop(&self) -> Option<(ResourceId, Readiness)> {
        // Mostly there is none, which is cheaper to see than to pop.
        if self.queue.is_empty() { None } else { self.queue.pop() }
    }

    /// Takes one of the connections that are to be flushed in a moment.
    #[inline]
    pub(crate) fn pop_later(&self) -> Option<ResourceId> {
        if self.later.is_empty() { None } else { self.later.pop() }
    }

    /// Whether one of them is to be written now; asked once.
    #[inline]
    pub(crate) fn take_end_of_moment(&self) -> bool {
        self.is_moment_over.load(Ordering::Relaxed)
            && self.is_moment_over.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Waits for readiness that `poller` tells or that the loop is notified of, and forgets what it was: for
    /// a resource that is polled alone.
    pub(crate) fn wait_for_news(
        &self,
        poller: &mut impl Poller,
        polled: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.waker.fall_asleep(false);
        let timeout = if self.is_empty() { timeout } else { Some(Duration::ZERO) };
        let result = poller.poll(polled, timeout);
        self.waker.become_busy();
        polled.clear();
        while self.pop().is_some() {}
        result
    }

    /// The current thread runs the loop for the program from now on, or no thread does.
    pub(crate) fn set_running(&self, running: bool) {
        if running {
            self.set_borrowed();
            self.last_runner.store(current_thread(), Ordering::Relaxed);
            self.has_runner.store(true, Ordering::Relaxed);
        } else {
            self.runner.store(NOBODY, Ordering::Release);
        }
    }

    /// The current thread runs the loop for a moment, on behalf of one call.
    pub(crate) fn set_borrowed(&self) {
        self.runner.store(current_thread(), Ordering::Release);
    }

    /// Nobody will run the loop for the program any more.
    pub(crate) fn set_abandoned(&self) {
        self.abandoned.store(true, Ordering::SeqCst); // And then looks whether the node is draining.
        self.has_runner.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// Whether the program runs the loop, has begun to, or did and may again: else whoever acts has to
    /// see to what the loop would do.
    #[inline]
    pub(crate) fn has_runner(&self) -> bool {
        self.has_runner.load(Ordering::Relaxed)
    }

    /// Whether another thread runs the loop, or is about to, or did until now.
    pub(crate) fn is_of_another_thread(&self) -> bool {
        let last = self.last_runner.load(Ordering::Relaxed);
        self.runs_elsewhere() || (!self.runs_here() && last != NOBODY && last != current_thread())
    }

    /// A thread will run the loop soon, until its end; or that thread does not any more.
    pub(crate) fn set_awaits_runner(&self, awaits: bool) {
        self.awaits_runner.store(awaits, Ordering::Release);
        self.has_runner.store(true, Ordering::Relaxed);
    }

    /// Whether a thread will run the loop soon.
    pub(crate) fn awaits_runner(&self) -> bool {
        self.awaits_runner.load(Ordering::Acquire)
    }

    /// Whether the current thread is the one that runs the loop.
    #[inline]
    pub(crate) fn runs_here(&self) -> bool {
        self.runner.load(Ordering::Acquire) == current_thread()
    }

    #[inline]
    pub(super) fn runs_elsewhere(&self) -> bool {
        match self.runner.load(Ordering::Acquire) {
            NOBODY => self.awaits_runner.load(Ordering::Acquire),
            runner => runner != current_thread(),
        }
    }
}

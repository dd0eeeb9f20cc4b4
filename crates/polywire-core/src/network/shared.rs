//! What the loop and the handles of a node share.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_queue::SegQueue;

use crate::adapter::{Local, Remote};
use crate::announcer::Announcements;
use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::network::close_reasons::CloseReasons;
use crate::network::seat::Seat;
use crate::network::stats::Counters;
use crate::poller::{Clock, LoopWaker};
use crate::registry::{Entry, Registry};

/// What became of a connection that somebody waits for.
pub(crate) type Outcome = Arc<OnceLock<Result<(), CloseReason>>>;

/// What a handle asks of the loop.
pub(crate) enum Command {
    /// Drive this connection from now on. With an outcome, a failure is told there alone.
    Connect(Arc<Entry>, Box<dyn Remote>, Option<Outcome>),
    /// The same for a connection that is ready already.
    Adopt(Arc<Entry>, Box<dyn Remote>),
    /// Drive this listener from now on.
    Listen(Arc<Entry>, Box<dyn Local>),
    /// Close what the program removed.
    Remove(ResourceId),
}

/// The parts of a node that any thread reaches.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) commands: SegQueue<Command>,
    pub(crate) announcements: Arc<Announcements>,
    pub(crate) waker: Arc<LoopWaker>,
    pub(crate) reasons: CloseReasons,
    pub(crate) counters: Counters,
    pub(crate) clock: Clock,
    pub(crate) seat: Seat,
    stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new(waker: Arc<LoopWaker>, clock: Clock) -> Self {
        Self {
            registry: Registry::default(),
            commands: SegQueue::new(),
            announcements: Arc::new(Announcements::new(Arc::clone(&waker))),
            waker,
            reasons: CloseReasons::default(),
            counters: Counters::default(),
            clock,
            seat: Seat::default(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn command(&self, command: Command) {
        self.commands.push(command);
        self.waker.ring();
        if self.is_stopping() && self.seat.has_ended() {
            self.refuse_commands();
        }
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
            self.reasons.record(entry.id, CloseReason::NodeStopped);
            self.registry.remove(entry.id);
            if let Command::Connect(_, _, Some(outcome)) = &command {
                let _ = outcome.set(Err(CloseReason::NodeStopped));
            }
        }
    }

    /// Whether queues hold something the loop has not seen.
    pub(crate) fn has_mail(&self) -> bool {
        !self.commands.is_empty() || !self.announcements.is_empty()
    }

    /// Has the loop end after the event in hand.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.ring();
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The error of calls that need a running node.
    pub(crate) fn stopped_error() -> io::Error {
        CloseReason::NodeStopped.into()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("registry", &self.registry).finish_non_exhaustive()
    }
}

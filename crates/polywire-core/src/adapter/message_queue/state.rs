//! What is behind the lock of a queue.

use crate::adapter::message_queue::store::MessageStore;
use crate::close_reason::CloseReason;
use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::writer::Writer;

/// What runs once there is room.
pub(super) type Tell = Box<dyn FnOnce() + Send>;

pub(super) struct State<Q> {
    pub(super) waiting: Q,
    /// Bytes that a thread writes just now, which are not among those that wait.
    pub(super) writing: usize,
    pub(super) writer: Writer,
    /// The loop is next when the system has room.
    pub(super) waits_for_room: bool,
    /// Whether the poller tells when the system has room.
    pub(super) is_watched: bool,
    /// `None` until the loop knows the connection.
    pub(super) notifier: Option<Notifier>,
    /// The loop of the other end, where that takes what waits.
    pub(super) reader: Option<Notifier>,
    /// Bytes that the node knows to wait here.
    pub(super) counted: usize,
    /// Bytes that have left so far.
    pub(super) taken: u64,
    /// A message longer than the limit was taken while nothing waited: what it counts as, and what has left
    /// when it has.
    pub(super) oversize: (usize, u64),
    /// The program's own, who want to know when there is room.
    pub(super) when_writable: Vec<Tell>,
    /// Why what waited was thrown away, if it was.
    pub(super) failure: Option<CloseReason>,
    /// No message is taken any more.
    pub(super) is_over: bool,
    is_lossy: bool,
}

impl<Q: MessageStore> State<Q> {
    pub(super) fn new(is_lossy: bool) -> Self {
        Self {
            waiting: Q::default(),
            writing: 0,
            writer: Writer::None,
            waits_for_room: false,
            is_watched: false,
            notifier: None,
            reader: None,
            counted: 0,
            taken: 0,
            oversize: (0, 0),
            when_writable: Vec::new(),
            failure: None,
            is_over: false,
            is_lossy,
        }
    }

    pub(super) fn set_notifier(&mut self, notifier: Notifier) {
        if let Some(before) = self.notifier.replace(notifier) {
            before.change_queued(self.counted, 0);
        }
        self.counted = 0;
        self.count();
        self.is_watched = false;
    }

    #[inline]
    pub(super) fn queued(&self) -> usize {
        self.waiting.bytes() + self.writing
    }

    /// Bytes that count against the limits of the queue.
    pub(super) fn bounded(&self) -> usize {
        let (cost, end) = self.oversize;
        if self.taken < end { self.queued().saturating_sub(cost) } else { self.queued() }
    }

    #[inline]
    pub(super) fn node_has_room(&self, more: usize) -> bool {
        self.is_lossy || self.notifier.as_ref().is_none_or(|notifier| notifier.has_room(more))
    }

    /// Whether the callback that sends is that of the loop to be called: another node's may not come
    /// to it soon.
    #[inline]
    pub(super) fn loop_runs_here(&self) -> bool {
        self.notifier.as_ref().is_some_and(Notifier::loop_runs_here)
    }

    pub(super) fn notify(&self, readiness: Readiness) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(readiness);
        }
    }

    pub(super) fn notify_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.notify(Readiness::READABLE);
        }
    }

    /// Has the loop write, unless somebody does or it was told.
    #[inline]
    pub(super) fn call_loop(&mut self) {
        let Some(notifier) = &self.notifier else { return };
        if self.writer == Writer::None {
            self.writer = Writer::Loop;
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Has the loop write when the system has room. It alone can ask the poller to tell.
    pub(super) fn wait_for_room(&mut self) {
        self.waits_for_room = true;
        self.count();
        if let Some(notifier) = self.notifier.as_ref().filter(|_| !self.is_watched) {
            notifier.notify(Readiness::WRITABLE);
        }
    }

    /// Tells the node how much waits.
    #[inline]
    pub(super) fn count(&mut self) {
        if let Some(notifier) = &self.notifier {
            let queued = self.queued();
            notifier.change_queued(self.counted, queued);
            self.counted = queued;
        }
    }

    #[inline]
    pub(super) fn count_dropped(&self, messages: usize) {
        if let Some(notifier) = self.notifier.as_ref().filter(|_| messages > 0) {
            notifier.count_dropped(messages);
        }
    }

    /// Takes out what waits, to be dropped without the lock. What a thread is writing counts until it is done.
    pub(super) fn throw_away(&mut self) -> Q {
        let thrown_away = std::mem::take(&mut self.waiting);
        self.count();
        thrown_away
    }
}

impl<Q> Drop for State<Q> {
    /// What nobody will send counts no more.
    fn drop(&mut self) {
        if let Some(notifier) = &self.notifier {
            notifier.change_queued(self.counted, 0);
        }
    }
}

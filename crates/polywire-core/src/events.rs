//! A queue of the program's own events, some of them ahead of the others, some of them later.
//!
//! A node delivers its signals through such a queue; it also works alone, without a network.
//!
//! ```
//! use polywire_core::events;
//! use std::time::Duration;
//!
//! let (sender, mut receiver) = events::split();
//! sender.send_with_timer("later", Duration::from_millis(1));
//! sender.send("first");
//! sender.send_with_priority("ahead of all");
//!
//! assert_eq!(receiver.receive(), "ahead of all");
//! assert_eq!(receiver.receive(), "first");
//! assert_eq!(receiver.receive(), "later");
//! ```
//!
//! Events arrive in this order: those with priority as they were sent, then those whose timer is
//! due by their time, then all others as they were sent. The queue has no bound: it holds what was
//! sent and not yet received.

mod queue;
mod timers;
mod waiter;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::sync::SegQueue;
use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::waker::LoopWaker;
use queue::Queue;
use timers::SharedTimers;
use waiter::Waiter;

pub use timers::TimerId;

/// Makes a queue: the side any thread sends from, and the side one thread receives at.
pub fn split<E: Send + 'static>() -> (EventSender<E>, EventReceiver<E>) {
    build(None, Clock::default())
}

/// Makes a queue for a loop that waits elsewhere and only takes what is there.
///
/// Its waker is rung after each event sent and after each timer that comes before all others. A
/// receiver made here must not block: nothing would wake it.
pub(crate) fn split_with<E>(
    loop_waker: Arc<LoopWaker>,
    clock: Clock,
) -> (EventSender<E>, EventReceiver<E>) {
    build(Some(loop_waker), clock)
}

fn build<E>(
    loop_waker: Option<Arc<LoopWaker>>,
    clock: Clock,
) -> (EventSender<E>, EventReceiver<E>) {
    let queue = Arc::new(Queue {
        priority: SegQueue::new(),
        ordinary: SegQueue::new(),
        timers: SharedTimers::new(clock.now()),
        clock,
        closed: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        waiter: Waiter::default(),
        loop_waker,
    });
    let sender = EventSender { queue };
    (sender.clone(), EventReceiver { sender, flows: false, on_take: None })
}

/// Where events are sent from. Clones send to the same receiver.
///
/// No method waits for the receiver. Once the receiver is gone, and so once the node whose signals
/// these are has ended or its listener was dropped, what is sent is dropped; [`try_send`](Self::try_send) gives it back instead.
pub struct EventSender<E> {
    queue: Arc<Queue<E>>,
}

impl<E> EventSender<E> {
    /// Whether an event sent with priority waits.
    #[inline]
    pub(crate) fn has_priority(&self) -> bool {
        !self.queue.priority.is_empty()
    }

    /// Sends an event, behind all that this thread sent before in this way.
    #[inline]
    pub fn send(&self, event: E) {
        self.queue.push_to(&self.queue.ordinary, event);
    }

    /// As [`send`](Self::send), but gives the event back if nobody will receive it, because the receiver
    /// is gone. `Ok` does not promise that it is received: the receiver may go before it gets there.
    ///
    /// ```
    /// use polywire_core::node;
    ///
    /// let (handler, listener) = node::split::<&str>();
    /// let mut task = listener.for_each_async(|_| {});
    /// handler.stop();
    /// task.wait();
    /// assert_eq!(handler.signals().try_send("too late"), Err("too late"));
    /// ```
    ///
    /// # Errors
    ///
    /// The event, if the receiver is gone.
    pub fn try_send(&self, event: E) -> Result<(), E> {
        if self.is_closed() {
            return Err(event);
        }
        self.send(event);
        Ok(())
    }

    /// Whether the receiver is gone: the node whose signals these are has ended, or its listener was dropped
    /// without having run.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Sends an event ahead of all others, but behind those sent in this way before.
    #[inline]
    pub fn send_with_priority(&self, event: E) {
        self.queue.push_to(&self.queue.priority, event);
    }

    /// Sends an event that arrives once `duration` has passed.
    ///
    /// Events of the same instant arrive in the order of their sending. One whose time is beyond
    /// what the system's clock can count, such as [`Duration::MAX`], never arrives; cancel it to
    /// free it.
    pub fn send_with_timer(&self, event: E, duration: Duration) -> TimerId {
        let at = self.queue.clock.now().checked_add(duration);
        let (id, sooner) = self.queue.timers.schedule(at, event);
        if sooner {
            self.queue.wake();
        }
        if self.queue.is_closed() {
            self.queue.timers.clear();
        }
        id
    }

    /// Nothing is sent any more: whoever iterates over what arrives comes to an end.
    pub(crate) fn end(&self) {
        self.queue.ended.store(true, Ordering::Release);
        self.queue.wake();
    }

    /// Takes back an event that waits for its time, and drops it. Nothing happens if it arrived
    /// already.
    ///
    /// ```
    /// use polywire_core::events;
    /// use std::time::Duration;
    ///
    /// let (sender, mut receiver) = events::split();
    /// let timer = sender.send_with_timer("nobody answered", Duration::ZERO);
    /// sender.cancel_timer(timer);
    /// assert_eq!(receiver.try_receive(), None);
    /// ```
    pub fn cancel_timer(&self, timer_id: TimerId) {
        drop(self.queue.timers.cancel(timer_id));
    }
}

impl<E> Clone for EventSender<E> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<E> fmt::Debug for EventSender<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSender").field("queue", &self.queue).finish()
    }
}

/// Where events arrive. Dropping it drops the events that wait in it.
pub struct EventReceiver<E> {
    sender: EventSender<E>,
    /// Whether the last look for an ordinary event found one.
    flows: bool,
    /// Told of each event that is taken.
    on_take: Option<OnTake<E>>,
}

type OnTake<E> = Box<dyn Fn(&E) + Send + Sync>;

impl<E> EventReceiver<E> {
    /// A sender to this receiver.
    pub fn sender(&self) -> &EventSender<E> {
        &self.sender
    }

    /// Has `on_take` told of each event that is taken from now on.
    pub(crate) fn on_take(&mut self, on_take: OnTake<E>) {
        self.on_take = Some(on_take);
    }

    /// Waits for the next event, without end if none comes: of a node that may have ended take events by
    /// the [iterator](Self#impl-Iterator-for-EventReceiver<E>) or with a timeout.
    pub fn receive(&mut self) -> E {
        loop {
            if let Some(event) = self.try_receive() {
                return event;
            }
            self.wait(None, false);
        }
    }

    /// Waits for the next event, but no longer than `timeout`.
    pub fn receive_timeout(&mut self, timeout: Duration) -> Option<E> {
        if let Some(event) = self.try_receive() {
            return Some(event); // Without asking what time it is.
        }
        let end = self.queue().clock.now().checked_add(timeout);
        while end.is_none_or(|end| self.queue().clock.now() < end) {
            self.wait(end, false);
            if let Some(event) = self.try_receive() {
                return Some(event);
            }
        }
        None
    }

    /// Whether no event comes any more but those that are here: the node whose events these are
    /// ([`enqueue`](crate::node::NodeListener::enqueue)) has ended. Never of a queue made by [`split`].
    pub fn has_ended(&self) -> bool {
        self.queue().ended.load(Ordering::Acquire)
    }

    /// Takes the next event, if there is one now.
    pub fn try_receive(&mut self) -> Option<E> {
        let event = self
            .pop_priority()
            .or_else(|| self.pop_due_by_now())
            .or_else(|| self.pop_ordinary())?;
        if let Some(on_take) = &self.on_take {
            on_take(&event);
        }
        Some(event)
    }

    /// Takes the next event sent with priority.
    #[inline]
    pub(crate) fn pop_priority(&mut self) -> Option<E> {
        // Looking first is cheaper: a `pop` of nothing costs a fence.
        if self.sender.has_priority() { self.queue().priority.pop() } else { None }
    }

    /// Takes the next event whose timer is due at `now`.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<E> {
        self.queue().timers.pop_due(now)
    }

    /// Takes the next event sent without priority and timer.
    #[inline]
    pub(crate) fn pop_ordinary(&mut self) -> Option<E> {
        let ordinary = &self.queue().ordinary;
        // Behind one event there mostly is another: to look for it first would take the sender's
        // cache line away at each.
        let event = if self.flows || !ordinary.is_empty() { ordinary.pop() } else { None };
        self.flows = event.is_some();
        event
    }

    /// When the earliest timer is due. A load, no lock.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.queue().timers.next_deadline()
    }

    /// Whether no event waits; timers are not counted, due or not.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.sender.has_priority() && self.queue().ordinary.is_empty()
    }

    fn pop_due_by_now(&mut self) -> Option<E> {
        self.next_deadline()?; // Without timers the time does not matter.
        self.pop_due(self.queue().clock.now())
    }

    /// Waits until something is sent, a timer is due or `end` has come, or the node has ended for whoever ends with
    /// it; sometimes less.
    fn wait(&self, end: Option<Instant>, ends_with_node: bool) {
        self.queue().waiter.wait(|| {
            if !self.is_empty() || (ends_with_node && self.has_ended()) {
                return Some(Duration::ZERO);
            }
            let until = [end, self.next_deadline()].into_iter().flatten().min();
            until.map(|until| until.saturating_duration_since(self.queue().clock.now()))
        });
    }

    fn queue(&self) -> &Queue<E> {
        &self.sender.queue
    }
}

/// Waits for each event, and ends with the node whose events these are: behind its last one. That of a
/// queue made by [`split`] has no end.
impl<E> Iterator for EventReceiver<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        loop {
            // Asked before: what was sent before the end is there when it is seen.
            let has_ended = self.has_ended();
            match self.try_receive() {
                None if !has_ended => self.wait(None, true),
                event => return event,
            }
        }
    }
}

impl<E: Send + 'static> Default for EventReceiver<E> {
    /// A queue of its own; its senders are had by [`sender`](Self::sender).
    fn default() -> Self {
        split().1
    }
}

impl<E> Drop for EventReceiver<E> {
    fn drop(&mut self) {
        self.queue().closed.store(true, Ordering::Relaxed);
        // As in `Waiter`: what is sent meanwhile is found here, or its sender sees it is closed.
        fence(Ordering::SeqCst);
        self.queue().clear();
        self.queue().timers.clear();
    }
}

impl<E> fmt::Debug for EventReceiver<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReceiver").field("queue", self.queue()).finish()
    }
}

#[cfg(all(test, polywire_loom))]
mod models;
#[cfg(test)]
mod tests;

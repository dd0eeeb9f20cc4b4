//! Messages on their way out, for senders that keep some: the bounds, who waits, who writes, and the end.

mod flushing;
#[cfg(all(test, polywire_loom))]
mod models;
mod room;
mod state;
mod store;
#[cfg(all(test, not(polywire_loom)))]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::adapter::outcome::Closing;
use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::send_hint::SendHint;
use crate::send_status::SendStatus;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use crate::writer::Writer;

use state::{State, Tell};

pub use store::{MessageStore, Messages, Written};

/// The messages of one connection that wait to be sent, and everything that [`Sender`](crate::adapter::Sender)
/// promises of them: a transport whose messages are not a stream of bytes (a pipe inside the process, datagrams,
/// packets of a serial line) needs nothing else to keep those promises.
///
/// There are two ways to empty it; choose one:
///
/// * **Somebody writes.** [`send`](Self::send) and [`flush`](Self::flush) are given a function that writes to the
///   system. One thread at a time runs it, without any lock. Where the system has no room, messages wait until
///   `flush` is called again, by [`Remote::flush`](crate::adapter::Remote::flush) at the poller's edge.
/// * **The other end takes.** [`push`](Self::push) only queues; the loop of the other end is notified
///   ([`set_reader`](Self::set_reader)) and takes messages by [`take`](Self::take).
///
/// # What it promises
///
/// * Messages of one thread leave in the order of its calls, each whole and once. What is [`Sent`](SendStatus::Sent)
///   leaves, or the queue [fails](Self::failure).
/// * `send` on a thread other than the loop's waits above [`Limits::outbox_soft_mark`], and depends on nobody: it
///   writes what the system takes, and sees the end of the queue, of the node, and of the peer's patience by itself.
/// * `send` on the loop's thread never waits below [`Limits::outbox_hard_limit`]. There the connection ends with
///   [`OutboxLimit`](CloseReason::OutboxLimit), or, where [`Limits::when_full`] is
///   [`Wait`](crate::WhenFull::Wait), the callback is held up for 5 s at most. It is never held up for an
///   end of the same node, nor on a clock that a test moves.
/// * A call that may not wait is [`Full`](SendStatus::Full) above the soft mark, with nothing taken. Once the queue is
///   at the mark or below, what [`when_writable`](Self::when_writable) was given runs, once, without any lock.
/// * What waits counts against the node ([`Notifier::change_queued`]) until it is written, taken, or thrown away.
/// * One message longer than the hard limit is taken while nothing waits, and counts against no limit of this queue.
/// * After [`end`](Self::end), [`abort`](Self::abort) or a failure, every call is
///   [`ResourceNotFound`](SendStatus::ResourceNotFound), and nobody waits any more.
///
/// A [lossy](Self::lossy) queue promises less: it is for transports that may lose messages, such as UDP. Nobody waits,
/// and `send` is `Full` at its bound.
///
/// ```
/// use polywire_core::adapter::{MessageQueue, Messages, SendFlags, Sender, Written};
/// use polywire_core::network::SendStatus;
/// use polywire_core::{CloseReason, Endpoint, Limits, Notifier};
/// use std::io::{self, ErrorKind};
/// use std::sync::Arc;
///
/// /// Packets to a device, each written by one call of the system.
/// struct PacketSender {
///     queue: MessageQueue<Messages<Vec<u8>>>,
///     device: Box<dyn Fn(&[u8]) -> io::Result<()> + Send + Sync>,
/// }
///
/// impl PacketSender {
///     /// Also for `Remote::flush`, which then returns `queue.failure()`.
///     fn write(&self, waiting: &mut Messages<Vec<u8>>) -> Written {
///         while let Some(packet) = waiting.front() {
///             match (self.device)(packet) {
///                 Ok(()) => drop(waiting.pop()),
///                 Err(error) if error.kind() == ErrorKind::WouldBlock => return Written::FULL,
///                 Err(error) => self.queue.abort(CloseReason::from(&error)),
///             }
///         }
///         Written::ALL
///     }
///
///     fn give(&self, packet: &[u8], flags: SendFlags, may_wait: bool) -> SendStatus {
///         let put = |waiting: &mut Messages<Vec<u8>>| {
///             waiting.push(packet.into(), packet.len());
///             false // More may be put behind it before it is written.
///         };
///         self.queue.send((packet.len(), may_wait, flags.hint), put, |waiting| self.write(waiting))
///     }
/// }
///
/// impl Sender for PacketSender {
///     fn attach(&self, notifier: Notifier) {
///         self.queue.set_notifier(notifier); // And in `Remote::register`.
///     }
///     fn send(&self, _: &Endpoint, packet: &[u8], flags: SendFlags) -> SendStatus {
///         self.give(packet, flags, true)
///     }
///     fn try_send(&self, _: &Endpoint, packet: &[u8], flags: SendFlags) -> SendStatus {
///         self.give(packet, flags, false)
///     }
///     fn queued(&self) -> usize {
///         self.queue.queued()
///     }
///     fn taken(&self) -> Option<u64> {
///         self.queue.taken()
///     }
///     fn flush(&self) {
///         self.queue.flush(|waiting| self.write(waiting));
///     }
///     fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
///         self.queue.when_writable(tell);
///     }
///     fn abort(&self, reason: CloseReason) {
///         self.queue.abort(reason);
///     }
///     fn wake(&self) {
///         self.queue.wake();
///     }
///     fn end(&self) {
///         self.queue.end();
///     }
/// }
///
/// let queue = MessageQueue::new(Arc::new(Limits::default()));
/// let sender = PacketSender { queue, device: Box::new(|_| Err(ErrorKind::WouldBlock.into())) };
/// assert_eq!(sender.give(b"hello", SendFlags::default(), false), SendStatus::Sent);
/// assert_eq!(sender.queued(), 5); // Until the device has room.
/// ```
pub struct MessageQueue<Q: MessageStore> {
    limits: Arc<Limits>,
    is_lossy: bool,
    /// Whether anything waits or is being written, to be asked without the lock.
    is_used: AtomicBool,
    state: Mutex<State<Q>>,
    /// Notified when the queue falls to its soft mark, and at its end.
    room: Condvar,
}

impl<Q: MessageStore> MessageQueue<Q> {
    /// A queue that loses nothing, with the bounds of the connection; say in them what to do
    /// [`when_full`](Limits::when_full): `None` is as [`Disconnect`](crate::WhenFull::Disconnect).
    pub fn new(limits: Arc<Limits>) -> Self {
        Self::build(limits, false)
    }

    /// A queue of a transport that may lose messages: above `max_bytes`, or one message more, `send` is
    /// [`Full`](SendStatus::Full) and nobody waits.
    pub fn lossy(max_bytes: usize) -> Self {
        Self::build(Arc::new(Limits::default().with_outbox_soft_mark(max_bytes)), true)
    }

    fn build(limits: Arc<Limits>, is_lossy: bool) -> Self {
        let state = Mutex::new(State::new(is_lossy));
        Self { limits, is_lossy, is_used: AtomicBool::new(false), state, room: Condvar::new() }
    }

    /// The bounds, for [`Remote::limits`](crate::adapter::Remote::limits).
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The loop that drives the connection from now on; what waits counts in its node. For
    /// [`Sender::attach`](crate::adapter::Sender::attach), and for every
    /// [`Remote::register`](crate::adapter::Remote::register).
    pub fn set_notifier(&self, notifier: Notifier) {
        self.lock().set_notifier(notifier);
    }

    /// The loop of the other end, which takes what waits: it is notified of
    /// [`READABLE`](Readiness::READABLE) now if something waits, when a message comes behind nothing, and
    /// at the end.
    pub fn set_reader(&self, reader: Notifier) {
        let mut state = self.lock();
        let is_to_look = !state.waiting.is_empty() || state.is_over;
        state.reader = Some(reader);
        if is_to_look {
            state.notify_reader();
        }
    }

    /// Whether nothing waits and nobody writes: a message may go straight to the system. A load, no lock.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        !self.is_used.load(Ordering::Acquire)
    }

    /// Queues a message that counts as `cost` bytes, which `put` puts into the queue, and writes by `write` as
    /// [`flush`](Self::flush) does, unless `hint` says who flushes anyway and `put` returns false: that it is worth
    /// waiting for more. `may_wait` is false for a call that may not, such as
    /// [`try_send`](crate::adapter::Sender::try_send).
    ///
    /// `put` runs under the lock: it must not act on the network.
    #[inline]
    pub fn send(
        &self,
        (cost, may_wait, hint): (usize, bool, SendHint),
        put: impl FnOnce(&mut Q) -> bool,
        mut write: impl FnMut(&mut Q) -> Written,
    ) -> SendStatus {
        let mut state = self.lock();
        if !self.has_room(&state, cost) {
            let flush = &mut || self.flush(&mut write);
            state = match self.wait_for_room(state, (cost, may_wait), flush) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        let is_complete = put(&mut state.waiting);
        self.is_used.store(true, Ordering::Release);
        self.note_pushed(&mut state, cost);
        match hint {
            SendHint::CallerFlushes if !is_complete => {}
            SendHint::LoopFlushes if !is_complete && state.loop_runs_here() => state.call_loop(),
            _ => {
                drop(state);
                self.flush(write);
            }
        }
        SendStatus::Sent
    }

    /// Queues a message that counts as `cost` bytes, which `put` puts into the queue, for the other end to
    /// [take](Self::take). Its loop is notified if nothing waited before, or if `put` returns true: that what is next
    /// has changed. `may_wait` and `put` are as in [`send`](Self::send).
    pub fn push(
        &self,
        (cost, may_wait): (usize, bool),
        put: impl FnOnce(&mut Q) -> bool,
    ) -> SendStatus {
        let mut state = self.lock();
        if !self.has_room(&state, cost) {
            state = match self.wait_for_room(state, (cost, may_wait), &mut || {}) {
                Ok(state) => state,
                Err(status) => return status,
            };
        }
        let was_empty = state.waiting.is_empty();
        let is_first = put(&mut state.waiting) || was_empty;
        self.is_used.store(true, Ordering::Release);
        self.note_pushed(&mut state, cost);
        if is_first && !state.waiting.is_empty() {
            state.notify_reader();
        }
        SendStatus::Sent
    }

    /// Has `take` take messages out, or look at them: what is missing behind it was taken by the peer. It runs under
    /// the lock.
    pub fn take<R>(&self, take: impl FnOnce(&mut Q) -> R) -> R {
        let mut state = self.lock();
        let before = state.waiting.bytes();
        let result = take(&mut state.waiting);
        self.note_taken(state, before);
        result
    }

    /// Bytes that wait, for [`Sender::queued`](crate::adapter::Sender::queued).
    pub fn queued(&self) -> usize {
        if self.is_idle() { 0 } else { self.lock().queued() }
    }

    /// Bytes written or taken so far while something waits, for [`Sender::taken`](crate::adapter::Sender::taken).
    pub fn taken(&self) -> Option<u64> {
        let state = self.lock();
        (state.queued() > 0).then_some(state.taken)
    }

    /// For [`Sender::when_writable`](crate::adapter::Sender::when_writable).
    pub fn when_writable(&self, tell: Tell) {
        let mut state = self.lock();
        if state.is_over {
            drop(state); // And then `tell`, which may hold anything of the program's.
        } else if state.queued() > self.limits.outbox_soft_mark {
            state.when_writable.push(tell);
        } else {
            drop(state);
            tell();
        }
    }

    /// How far the connection is with closing, for [`Remote::close`](crate::adapter::Remote::close) behind a
    /// `flush`, where the transport itself has nothing to say at its end. Its loop is notified of
    /// [`WRITABLE`](Readiness::WRITABLE) when the last message has left behind [`end`](Self::end).
    pub fn closing(&self) -> Closing {
        let state = self.lock();
        match &state.failure {
            Some(failure) => Closing::Failed(failure.clone()),
            None if state.queued() > 0 => Closing::Flushing,
            None => Closing::Done,
        }
    }

    /// Why nothing can be sent any more, if so: the connection is to end with that. For
    /// [`Remote::flush`](crate::adapter::Remote::flush).
    pub fn failure(&self) -> Option<CloseReason> {
        self.lock().failure.clone()
    }

    /// Whether no message is taken any more.
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Has threads that wait look again, for [`Sender::wake`](crate::adapter::Sender::wake).
    pub fn wake(&self) {
        drop(self.lock()); // Nobody is between his look and his wait.
        self.room.notify_all();
    }

    /// Has the loop [flush](crate::adapter::Remote::flush) the connection: of a failure that the transport keeps itself.
    pub fn notify(&self) {
        self.lock().notify(Readiness::WRITABLE);
    }

    /// Takes no message from now on and lets go whoever waits; what waits still leaves. For
    /// [`Sender::end`](crate::adapter::Sender::end).
    pub fn end(&self) {
        self.be_over(self.lock());
    }

    /// Fails: throws away what waits, and has the loop end the connection for `reason`. For
    /// [`Sender::abort`](crate::adapter::Sender::abort), and for a write that fails.
    pub fn abort(&self, reason: CloseReason) {
        self.fail(self.lock(), reason);
    }

    /// The other end takes nothing any more: what still waits for it is lost, and then this fails with
    /// [`CloseReason::Reset`]; else it is as [`end`](Self::end).
    pub fn abandon(&self) {
        let state = self.lock();
        if state.waiting.is_empty() {
            self.be_over(state);
        } else {
            self.fail(state, CloseReason::Reset);
        }
    }

    fn fail(&self, mut state: MutexGuard<'_, State<Q>>, reason: CloseReason) {
        state.failure.get_or_insert(reason);
        let thrown_away = state.throw_away();
        self.be_over(state);
        drop(thrown_away);
    }

    /// Lets go everybody who waits, and has both loops look.
    fn be_over(&self, mut state: MutexGuard<'_, State<Q>>) {
        state.is_over = true;
        let forgotten = std::mem::take(&mut state.when_writable);
        state.notify(Readiness::WRITABLE);
        state.notify_reader();
        drop(state);
        self.room.notify_all();
        drop(forgotten); // Without the lock: it may hold anything of the program's.
    }

    /// Throws away what waits, of a transport that may lose it, and counts it as dropped.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.count_dropped(state.waiting.len());
        let thrown_away = state.throw_away();
        (state.is_watched, state.waits_for_room) = (false, false);
        if !state.writer.is_writing() {
            state.writer = Writer::None;
        }
        drop(state);
        drop(thrown_away);
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State<Q>> {
        lock(&self.state)
    }
}

impl<Q: MessageStore> fmt::Debug for MessageQueue<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue").field("is_idle", &self.is_idle()).finish_non_exhaustive()
    }
}

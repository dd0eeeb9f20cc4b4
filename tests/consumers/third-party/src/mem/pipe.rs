//! One direction of a connection: any thread sends into it, and the peer's loop reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use polywire_core::Endpoint;
use polywire_core::adapter::{Closing, Received, SendFlags, Sender};
use polywire_core::network::SendStatus;
use polywire_core::{CloseReason, Limits, Notifier, Readiness};

use super::lock;

const MAX_MESSAGE: usize = 64 << 20;
/// How often a thread that waits for room looks for what nobody tells it: that the node was stopped.
const LOOK: Duration = Duration::from_millis(16);
/// How long it waits for others to read what the node holds for them, before whoever holds most ends. As
/// long as `NodeLimits::max_buffered` says.
const FOR_OTHERS: Duration = Duration::from_secs(1);

pub(super) struct Pipe {
    limits: Arc<Limits>,
    state: Mutex<State>,
    /// Notified when the pipe falls to its soft mark, and at its end.
    room: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Vec<u8>>,
    queued: usize,
    /// Bytes read so far.
    taken: u64,
    /// The program's own, who want to know when there is room.
    when_writable: Vec<Box<dyn FnOnce() + Send>>,
    /// No message is taken any more.
    is_over: bool,
    /// Nobody reads what waits.
    is_abandoned: bool,
    /// Why what waited was thrown away, if it was.
    failure: Option<CloseReason>,
    writer: Option<Notifier>,
    reader: Option<Notifier>,
}

impl State {
    fn set_queued(&mut self, queued: usize) {
        self.writer.iter().for_each(|writer| writer.change_queued(self.queued, queued));
        self.queued = queued;
    }

    fn node_has_room(&self, more: usize) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.has_room(more))
    }

    fn is_crowded(&self, more: usize, limits: &Limits) -> bool {
        let is_node_full = !self.messages.is_empty() && !self.node_has_room(more);
        self.queued > limits.outbox_soft_mark || is_node_full
    }

    /// Whether one more is too many. One that is longer than the limit by itself does not count.
    fn exceeds(&self, more: usize, limit: usize) -> bool {
        let first = self.messages.front().map_or(0, |message| cost(message));
        let counted = if first > limit { self.queued - first } else { self.queued };
        !self.messages.is_empty() && counted.saturating_add(more) > limit
    }
}

impl Pipe {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, state: Mutex::default(), room: Condvar::new() }
    }

    pub(super) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    /// What waits counts in the writer's node from now on. Called again when the connection moves.
    pub(super) fn set_writer(&self, writer: Notifier) {
        let mut state = lock(&self.state);
        writer.change_queued(0, state.queued);
        if let Some(before) = state.writer.replace(writer) {
            before.change_queued(state.queued, 0);
        }
    }

    pub(super) fn set_reader(&self, reader: Notifier) {
        reader.notify(Readiness::READABLE); // Some may have been sent before.
        lock(&self.state).reader = Some(reader);
    }

    /// The next message, or why there is none.
    pub(super) fn pop(&self) -> Result<Vec<u8>, Received> {
        let mut state = lock(&self.state);
        let Some(message) = state.messages.pop_front() else {
            return Err(match (&state.failure, state.is_over) {
                (Some(_), _) => Received::Ended(CloseReason::Reset),
                (None, true) => Received::Ended(CloseReason::PeerClosed),
                (None, false) => Received::Drained,
            });
        };
        self.take(state, cost(&message));
        Ok(message)
    }

    /// Reads what waits and throws it away.
    pub(super) fn discard(&self) {
        let mut state = lock(&self.state);
        state.messages = VecDeque::new();
        let queued = state.queued;
        self.take(state, queued);
    }

    /// So many bytes were read: tells whoever waits for that.
    fn take(&self, mut state: MutexGuard<'_, State>, bytes: usize) {
        let (before, mark) = (state.queued, self.limits.outbox_soft_mark);
        state.set_queued(before - bytes);
        state.taken += bytes as u64;
        if before > mark && state.queued <= mark {
            let told = std::mem::take(&mut state.when_writable);
            drop(state);
            self.room.notify_all();
            told.into_iter().for_each(|tell| tell()); // Without the lock: it may send.
        }
    }

    /// Why the writer's connection is to end, if so.
    pub(super) fn failure(&self) -> Option<CloseReason> {
        lock(&self.state).failure.clone()
    }

    /// How far the writer is with closing.
    pub(super) fn closing(&self) -> Closing {
        let state = lock(&self.state);
        match &state.failure {
            Some(failure) => Closing::Failed(failure.clone()),
            None if state.messages.is_empty() => Closing::Done,
            None if state.is_abandoned => Closing::Failed(CloseReason::Reset),
            None => Closing::Flushing,
        }
    }

    /// The reader is gone. A writer that closes waits for that, too: whoever has read all ends.
    pub(super) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.is_abandoned = true;
        self.be_over(state);
    }

    /// Lets go everybody who waits, and has both loops look.
    fn be_over(&self, mut state: MutexGuard<'_, State>) {
        state.is_over = true;
        let forgotten = std::mem::take(&mut state.when_writable);
        notify(state.reader.as_ref(), Readiness::READABLE);
        notify(state.writer.as_ref(), Readiness::WRITABLE);
        drop(state);
        self.room.notify_all();
        drop(forgotten); // Without the lock: it may hold anything of the program's.
    }

    /// Throws away what waits and has the writer's loop end the connection.
    fn fail(&self, mut state: MutexGuard<'_, State>, reason: CloseReason) -> SendStatus {
        state.messages = VecDeque::new();
        state.set_queued(0);
        state.failure.get_or_insert(reason);
        self.be_over(state);
        SendStatus::ResourceNotFound
    }

    fn push(&self, message: &[u8], may_wait: bool) -> SendStatus {
        let cost = cost(message);
        if message.len() > MAX_MESSAGE {
            return SendStatus::MaxPacketSizeExceeded;
        }
        let mut state = match self.wait_for_room(cost, may_wait) {
            Ok(state) => state,
            Err(status) => return status,
        };
        if state.exceeds(cost, self.limits.outbox_hard_limit) {
            let queued = state.queued;
            return self.fail(state, CloseReason::OutboxLimit { queued });
        }
        if !state.node_has_room(cost) {
            state = self.make_room(state, cost);
        }
        if state.is_over {
            return SendStatus::ResourceNotFound;
        }
        if !state.node_has_room(cost) {
            return self.fail(state, CloseReason::NodeMemory); // It alone is too much.
        }
        let (before, is_first) = (state.queued, state.messages.is_empty());
        state.messages.push_back(message.into());
        state.set_queued(before + cost);
        if is_first {
            notify(state.reader.as_ref(), Readiness::READABLE);
        }
        let mark = self.limits.outbox_soft_mark;
        if before <= mark && state.queued > mark {
            // The loop watches from now on whether the peer takes anything.
            notify(state.writer.as_ref(), Readiness::default());
        }
        SendStatus::Sent
    }

    /// Returns when a message may be queued, or the status that refuses it. Only a thread other than the
    /// loop's may wait.
    fn wait_for_room(
        &self,
        cost: usize,
        may_wait: bool,
    ) -> Result<MutexGuard<'_, State>, SendStatus> {
        let mut state = lock(&self.state);
        if !may_wait && !state.is_over && state.is_crowded(cost, &self.limits) {
            return Err(SendStatus::Full);
        }
        let (begun, mut taken, mut since) = (Instant::now(), state.taken, Instant::now());
        while !state.is_over && state.is_crowded(cost, &self.limits) {
            let Some(writer) = &state.writer else { break };
            if !writer.loop_is_of_another_thread() {
                break;
            }
            if writer.is_stopping() {
                return Err(SendStatus::ResourceNotFound);
            }
            if state.queued <= self.limits.outbox_soft_mark && begun.elapsed() >= FOR_OTHERS {
                break;
            }
            // The loop, which sees to it otherwise, may wait for this very thread.
            if state.taken != taken {
                (taken, since) = (state.taken, Instant::now());
            } else if since.elapsed() >= self.limits.stall_timeout {
                return Err(self.fail(state, CloseReason::Stalled));
            }
            let waited = self.room.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_over { Err(SendStatus::ResourceNotFound) } else { Ok(state) }
    }

    /// Ends whoever holds most of the node's memory, which may be this pipe: so without the lock.
    fn make_room<'a>(&'a self, state: MutexGuard<'a, State>, cost: usize) -> MutexGuard<'a, State> {
        let writer = state.writer.clone();
        drop(state);
        writer.iter().for_each(|writer| writer.make_room(cost));
        lock(&self.state)
    }
}

impl Sender for Pipe {
    fn attach(&self, notifier: Notifier) {
        self.set_writer(notifier);
    }

    fn send(&self, _: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        self.push(message, true)
    }

    fn try_send(&self, _: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        self.push(message, false)
    }

    fn queued(&self) -> usize {
        lock(&self.state).queued
    }

    fn taken(&self) -> Option<u64> {
        let state = lock(&self.state);
        (state.queued > 0).then_some(state.taken)
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let mut state = lock(&self.state);
        if state.is_over {
            drop(state); // And then `tell`, without the lock.
        } else if state.queued > self.limits.outbox_soft_mark {
            state.when_writable.push(tell);
        } else {
            drop(state);
            tell();
        }
    }

    fn abort(&self, reason: CloseReason) {
        self.fail(lock(&self.state), reason);
    }

    fn end(&self) {
        self.be_over(lock(&self.state));
    }
}

fn notify(who: Option<&Notifier>, readiness: Readiness) {
    who.into_iter().for_each(|notifier| notifier.notify(readiness));
}

/// What a message counts: an empty one takes memory, too.
fn cost(message: &[u8]) -> usize {
    message.len() + size_of::<Vec<u8>>()
}

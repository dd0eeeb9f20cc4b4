//! One direction of a connection: any thread sends into it, and the peer's loop reads it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use polywire_core::adapter::{Broadcast, Closing, Received, SendFlags, Sender};
use polywire_core::bytes::Bytes;
use polywire_core::network::SendStatus;
use polywire_core::{CloseReason, Endpoint, Limits, MessageKind, Notifier, Readiness};

use super::fault::Fault;
use super::state::{State, cost};

pub const MAX_MESSAGE: usize = 64 << 20;
/// How often a thread that waits for room looks for what nobody tells it: that the node was stopped.
const LOOK: Duration = Duration::from_millis(16);
/// How long it waits for others to read what the node holds for them, before whoever holds most ends.
const FOR_OTHERS: Duration = Duration::from_secs(1);
/// Every so many messages one that is treated badly.
const NOW_AND_THEN: u64 = 50;

pub struct Pipe {
    pub fault: Fault,
    limits: Arc<Limits>,
    state: Mutex<State>,
    /// Notified when the pipe falls to its soft mark, and at its end.
    room: Condvar,
    /// Whether a system of this adapter has taken some more later.
    has_grown: Arc<AtomicBool>,
}

impl Pipe {
    pub fn new(fault: Fault, limits: Arc<Limits>, has_grown: Arc<AtomicBool>) -> Self {
        Self { fault, limits, state: Mutex::default(), room: Condvar::new(), has_grown }
    }

    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    /// What waits counts in the writer's node from now on. Called again when the connection moves.
    pub fn set_writer(&self, writer: Notifier) {
        let mut state = lock(&self.state);
        writer.change_queued(0, state.queued);
        if let Some(before) = state.writer.replace(writer) {
            before.change_queued(state.queued, 0);
        }
    }

    pub fn set_reader(&self, reader: Notifier) {
        reader.notify(Readiness::READABLE); // Some may have been sent before.
        let mut state = lock(&self.state);
        if self.fault == Fault::ForgetsEarlyMessages {
            state.messages.clear();
            state.set_queued(self.fault, 0);
        }
        state.reader = Some(reader);
    }

    /// The next message, or why there is none.
    pub fn pop(&self) -> Result<Vec<u8>, Received> {
        let mut state = lock(&self.state);
        if self.fault == Fault::LosesTheRestAtTheEnd && state.is_over {
            state.messages.clear();
        }
        if self.fault == Fault::Blocks && state.messages.is_empty() && !state.is_over {
            state = self.room.wait_timeout(state, Duration::from_secs(60)).expect("no panic").0;
        }
        let Some(message) = state.messages.pop_front() else {
            return Err(match (&state.failure, state.is_over) {
                (_, true) if self.fault == Fault::MissingDisconnected => Received::Drained,
                (_, true) if self.fault == Fault::EndsWithReset => {
                    Received::Ended(CloseReason::Reset)
                }
                (Some(_), _) => Received::Ended(CloseReason::Reset),
                (None, true) => Received::Ended(CloseReason::PeerClosed),
                (None, false) => Received::Drained,
            });
        };
        if self.fault == Fault::Spins {
            notify(state.reader.as_ref(), Readiness::READABLE);
        }
        self.take(state, cost(&message));
        Ok(message)
    }

    /// The reader has it look again, for no reason.
    pub fn spin(&self) {
        notify(lock(&self.state).reader.as_ref(), Readiness::READABLE);
    }

    /// Reads what waits and throws it away. Returns whether there was anything.
    pub fn discard(&self) -> bool {
        let mut state = lock(&self.state);
        let is_any = !state.messages.is_empty();
        (state.messages, state.held) = (VecDeque::new(), 0);
        let queued = state.queued;
        self.take(state, queued);
        is_any
    }

    /// A read has taken `bytes`.
    fn take(&self, mut state: MutexGuard<'_, State>, bytes: usize) {
        let held = bytes.min(state.held);
        state.held -= held;
        self.dequeue(state, bytes - held);
    }

    /// The system takes some more of what waits, long after it was full: once.
    fn take_later(&self) {
        const LATER: usize = 100_000;
        let mut state = lock(&self.state);
        let is_later = self.fault == Fault::TakesMoreLater && state.refused > 0;
        if is_later && !self.has_grown.swap(true, Ordering::Relaxed) {
            let more = state.queued.min(LATER);
            state.held += more;
            self.dequeue(state, more);
            thread::sleep(LOOK); // Who waits for room finds it before anything else happens.
        }
    }

    /// `bytes` wait no longer: tells whoever waits for that.
    fn dequeue(&self, mut state: MutexGuard<'_, State>, bytes: usize) {
        let (before, mark) = (state.queued, self.limits.outbox_soft_mark);
        state.set_queued(self.fault, before.saturating_sub(bytes));
        state.taken += bytes as u64;
        if before > mark && state.queued <= mark {
            let told = std::mem::take(&mut state.when_writable);
            drop(state);
            if self.fault != Fault::MissesWaiters {
                self.room.notify_all();
            }
            if self.fault != Fault::LosesSignal {
                told.into_iter().for_each(|tell| tell()); // Without the lock: it may send.
            }
        }
    }

    /// Why the writer's connection is to end, if so.
    pub fn failure(&self) -> Option<CloseReason> {
        lock(&self.state).failure.clone()
    }

    /// How far the writer is with closing.
    pub fn closing(&self) -> Closing {
        let state = lock(&self.state);
        match &state.failure {
            _ if matches!(self.fault, Fault::ClosesAtOnce | Fault::HidesFailure) => Closing::Done,
            Some(failure) => Closing::Failed(failure.clone()),
            None if state.messages.is_empty() => Closing::Done,
            None if state.is_abandoned => Closing::Failed(CloseReason::Reset),
            None => Closing::Flushing,
        }
    }

    /// The reader is gone. A writer that closes waits for that, too: whoever has read all ends.
    pub fn abandon(&self) {
        let mut state = lock(&self.state);
        state.is_abandoned = true;
        self.be_over(state);
    }

    /// Throws away what waits.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        (state.messages, state.held) = (VecDeque::new(), 0);
        state.set_queued(self.fault, 0);
    }

    /// Lets go everybody who waits, and has both loops look.
    fn be_over(&self, mut state: MutexGuard<'_, State>) {
        state.is_over = true;
        let forgotten = std::mem::take(&mut state.when_writable);
        notify(state.reader.as_ref(), Readiness::READABLE);
        notify(state.writer.as_ref(), Readiness::WRITABLE);
        drop(state);
        self.room.notify_all();
        // Without the lock: it may hold anything of the program's.
        forgotten.into_iter().filter(|_| self.fault == Fault::SignalsAtTheEnd).for_each(|it| it());
    }

    /// Throws away what waits and has the writer's loop end the connection.
    fn fail(&self, mut state: MutexGuard<'_, State>, reason: CloseReason) -> SendStatus {
        (state.messages, state.held) = (VecDeque::new(), 0);
        state.set_queued(self.fault, 0);
        state.failure.get_or_insert(reason);
        self.be_over(state);
        SendStatus::ResourceNotFound
    }

    fn push(&self, message: &[u8], may_wait: bool) -> SendStatus {
        let cost = cost(message);
        if message.len() > MAX_MESSAGE && self.fault != Fault::TakesTooLongMessages {
            return SendStatus::MaxPacketSizeExceeded;
        }
        let mut state = match self.wait_for_room(cost, may_wait) {
            Ok(state) => state,
            Err(SendStatus::Full) if self.fault == Fault::TakesWhatItRefuses => {
                let mut state = lock(&self.state);
                state.messages.push_back(message.into());
                let queued = state.queued + cost;
                state.set_queued(self.fault, queued);
                return SendStatus::Full;
            }
            Err(SendStatus::ResourceNotFound) if self.fault == Fault::SendsToTheDead => {
                return SendStatus::Sent;
            }
            Err(status) => return status,
        };
        if state.exceeds(self.fault, cost, self.limits.outbox_hard_limit) {
            let queued = state.queued;
            return self.fail(state, CloseReason::OutboxLimit { queued });
        }
        if !state.node_has_room(self.fault, cost) {
            state = self.make_room(state, cost);
        }
        if state.is_over {
            return SendStatus::ResourceNotFound;
        }
        if !state.node_has_room(self.fault, cost) {
            return self.fail(state, CloseReason::NodeMemory); // It alone is too much.
        }
        self.enqueue(state, message);
        SendStatus::Sent
    }

    fn enqueue(&self, mut state: MutexGuard<'_, State>, message: &[u8]) {
        let (before, is_first) = (state.queued, state.messages.is_empty());
        state.sent += 1;
        let is_victim = state.sent % NOW_AND_THEN == 0;
        match self.fault {
            Fault::LosesMessages if is_victim => {}
            Fault::LosesBytes if is_victim => {
                state.messages.push_back(message[..message.len().saturating_sub(1)].into());
            }
            Fault::SendsTwice if is_victim => {
                state.messages.extend([message.to_vec(), message.to_vec()]);
            }
            Fault::SwapsMessages if is_victim && !is_first => {
                let at = state.messages.len() - 1;
                state.messages.insert(at, message.into());
            }
            Fault::MixesFrames if is_victim => {
                let (front, back) = message.split_at(message.len() / 2);
                state.messages.extend([front.to_vec(), back.to_vec()]);
            }
            _ => state.messages.push_back(message.into()),
        }
        state.set_queued(self.fault, before + cost(message));
        if is_first && self.fault != Fault::LosesEdge {
            notify(state.reader.as_ref(), Readiness::READABLE);
        }
        let mark = self.limits.outbox_soft_mark;
        if before <= mark && state.queued > mark {
            // The loop watches from now on whether the peer takes anything.
            notify(state.writer.as_ref(), Readiness::default());
        }
    }

    /// Returns when a message may be queued, or the status that refuses it. Only a thread other than the
    /// loop's may wait.
    fn wait_for_room(
        &self,
        cost: usize,
        may_wait: bool,
    ) -> Result<MutexGuard<'_, State>, SendStatus> {
        let mut state = lock(&self.state);
        let is_full = !state.is_over && state.is_crowded(self.fault, cost, &self.limits);
        if !may_wait && is_full && self.fault != Fault::IsNeverFull {
            return Err(SendStatus::Full);
        }
        let may_wait = may_wait && self.fault != Fault::NeverWaits;
        let (begun, mut taken, mut since) = (Instant::now(), state.taken, Instant::now());
        let waits = |state: &State| match state.is_over {
            true => self.fault == Fault::WaitsForRemoved,
            false => state.is_crowded(self.fault, cost, &self.limits),
        };
        while may_wait && waits(&state) {
            let Some(writer) = &state.writer else { break };
            if !writer.loop_is_of_another_thread() {
                break;
            }
            if writer.is_stopping() && self.fault != Fault::WaitsForStopped {
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
            let look = if self.fault == Fault::MissesWaiters { Duration::MAX } else { LOOK };
            let waited = self.room.wait_timeout(state, look);
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
        self.take_later();
        let status = self.push(message, false);
        lock(&self.state).refused += u64::from(status == SendStatus::Full);
        status
    }

    fn send_shared(&self, _: &Endpoint, message: &Broadcast<'_>) -> SendStatus {
        if self.fault == Fault::SharedMessagesTwice {
            self.push(message.message().bytes, false);
        }
        self.push(message.message().bytes, false)
    }

    fn send_owned(&self, _: &Endpoint, message: &Bytes, _: MessageKind) -> SendStatus {
        if self.fault == Fault::OwnedMessagesTwice {
            self.push(message, true);
        }
        self.push(message, true)
    }

    fn queued(&self) -> usize {
        if self.fault == Fault::HidesQueue { 0 } else { lock(&self.state).queued }
    }

    fn taken(&self) -> Option<u64> {
        let state = lock(&self.state);
        match self.fault {
            Fault::NeverStalls => None,
            Fault::StallsSlowReaders => (state.queued > 0).then_some(0),
            _ => (state.queued > 0).then_some(state.taken),
        }
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let mut state = lock(&self.state);
        if state.is_over {
            drop(state); // And then `tell`, without the lock.
        } else if state.queued > self.limits.outbox_soft_mark && self.fault != Fault::SignalsEarly {
            state.when_writable.push(tell);
        } else {
            drop(state);
            tell();
        }
    }

    fn abort(&self, reason: CloseReason) {
        self.fail(lock(&self.state), reason);
    }

    fn wake(&self) {
        self.take_later();
        self.room.notify_all();
    }

    fn end(&self) {
        self.take_later();
        self.be_over(lock(&self.state));
    }
}

fn notify(who: Option<&Notifier>, readiness: Readiness) {
    who.into_iter().for_each(|notifier| notifier.notify(readiness));
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

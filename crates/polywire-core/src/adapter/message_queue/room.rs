//! The bounds of a queue, and waiting for room.

use std::time::{Duration, Instant};

use crate::adapter::message_queue::MessageQueue;
use crate::adapter::message_queue::state::State;
use crate::adapter::message_queue::store::MessageStore;
use crate::close_reason::CloseReason;
use crate::limits::WhenFull;
use crate::notifier::Notifier;
use crate::readiness::Readiness;
use crate::send_status::SendStatus;
use crate::sync::{MutexGuard, wait_for};

/// Pauses between two attempts to write while the callback is held up.
const WRITE_RETRY_INTERVAL: Duration = Duration::from_micros(500);
/// How long one `send` holds up the callback at most: everybody else waits meanwhile.
const MAX_CALLBACK_WAIT: Duration = Duration::from_secs(5);
/// How long a thread waits for others to take what the node holds for them, before whoever holds most is
/// given up.
const MAX_WAIT_FOR_OTHERS: Duration = Duration::from_secs(1);
/// How soon a thread that waits beside the loop looks for itself whether it may go on: first, and
/// at last, when it has looked often. To be told of room is the rule, and this for where nobody tells.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(1);
const MAX_CHECK_INTERVAL: Duration = Duration::from_millis(16);

/// A queue, locked.
type Guard<'a, Q> = MutexGuard<'a, State<Q>>;

impl<Q: MessageStore> MessageQueue<Q> {
    /// Whether a message that counts as `cost` bytes may be queued at once.
    #[inline]
    pub(super) fn has_room(&self, state: &State<Q>, cost: usize) -> bool {
        let queued = state.queued();
        !state.is_over
            && queued <= self.limits.outbox_soft_mark
            && queued + cost <= self.limits.outbox_hard_limit
            && state.node_has_room(cost)
    }

    /// Returns when a message that counts as `cost` bytes may be queued, or the status that refuses it.
    #[cold]
    pub(super) fn wait_for_room<'a>(
        &'a self,
        state: Guard<'a, Q>,
        (cost, may_wait): (usize, bool),
        flush: &mut dyn FnMut(),
    ) -> Result<Guard<'a, Q>, SendStatus> {
        let state = if self.is_lossy || !may_wait {
            self.room_by_flushing(state, cost, flush)?
        } else {
            self.room_by_waiting(state, cost, flush)?
        };
        if self.is_lossy { Ok(state) } else { self.below_limits(state, cost) }
    }

    /// Makes room by writing, or refuses.
    fn room_by_flushing<'a>(
        &'a self,
        mut state: Guard<'a, Q>,
        cost: usize,
        flush: &mut dyn FnMut(),
    ) -> Result<Guard<'a, Q>, SendStatus> {
        if self.is_crowded(&state, cost) {
            drop(state);
            flush();
            state = self.lock();
        }
        match self.is_crowded(&state, cost) {
            _ if state.is_over => Err(SendStatus::ResourceNotFound),
            true => Err(SendStatus::Full),
            false => Ok(state),
        }
    }

    fn room_by_waiting<'a>(
        &'a self,
        state: Guard<'a, Q>,
        cost: usize,
        flush: &mut dyn FnMut(),
    ) -> Result<Guard<'a, Q>, SendStatus> {
        let Some(notifier) = state.notifier.clone() else { return Ok(state) };
        let state = if notifier.loop_is_of_another_thread() && self.is_crowded(&state, cost) {
            self.wait_beside_loop(state, (&notifier, cost), flush)?
        } else if notifier.loop_runs_here() && self.is_at_limit(&state, cost) {
            self.room_in_callback(state, (&notifier, cost), flush)
        } else {
            state
        };
        if state.is_over { Err(SendStatus::ResourceNotFound) } else { Ok(state) }
    }

    /// Whether a message that counts as `cost` bytes has to wait, if it may.
    fn is_crowded(&self, state: &State<Q>, cost: usize) -> bool {
        let is_node_full = state.queued() > 0 && !state.node_has_room(cost);
        state.queued() > self.limits.outbox_soft_mark || is_node_full
    }

    /// Whether a message that counts as `cost` bytes can't be queued, not even by the callback.
    fn is_at_limit(&self, state: &State<Q>, cost: usize) -> bool {
        state.queued() > 0 && (self.exceeds_limit(state, cost) || !state.node_has_room(cost))
    }

    fn exceeds_limit(&self, state: &State<Q>, cost: usize) -> bool {
        let limit = self.limits.outbox_hard_limit;
        state.queued() > 0 && state.bounded().saturating_add(cost) > limit
    }

    /// Waits on a thread beside the loop's, and depends on nobody: the loop may be inside a callback that waits for this
    /// very thread, or nobody may run it.
    fn wait_beside_loop<'a>(
        &'a self,
        mut state: Guard<'a, Q>,
        (notifier, cost): (&Notifier, usize),
        flush: &mut dyn FnMut(),
    ) -> Result<Guard<'a, Q>, SendStatus> {
        let begun = notifier.clock().now();
        let (mut stall, mut pause) = (Stall::new(&state, begun), MIN_CHECK_INTERVAL);
        loop {
            drop(state);
            flush();
            state = self.lock();
            let now = notifier.clock().now();
            let is_of_node = state.queued() <= self.limits.outbox_soft_mark;
            let gives_up_others = is_of_node && now.duration_since(begun) >= MAX_WAIT_FOR_OTHERS;
            if gives_up_others || !self.is_crowded(&state, cost) || state.is_over {
                return Ok(state);
            }
            if notifier.is_stopping() {
                return Err(SendStatus::ResourceNotFound);
            }
            if stall.is_over(&state, now, self.limits.stall_timeout) {
                self.fail(state, CloseReason::Stalled);
                return Err(SendStatus::ResourceNotFound);
            }
            state = wait_for(&self.room, state, pause);
            pause = (2 * pause).min(MAX_CHECK_INTERVAL);
        }
    }

    /// What the callback sends is queued up to the hard limit. There this waits, if it is to.
    fn room_in_callback<'a>(
        &'a self,
        mut state: Guard<'a, Q>,
        (notifier, cost): (&Notifier, usize),
        flush: &mut dyn FnMut(),
    ) -> Guard<'a, Q> {
        let begun = notifier.clock().now();
        let mut stall = Stall::new(&state, begun);
        loop {
            drop(state);
            flush();
            state = self.lock();
            // The end of the same node takes nothing meanwhile, nor does anybody where one thread runs all nodes.
            let takes_meanwhile = !notifier.clock().is_manual()
                && state.reader.as_ref().is_none_or(|reader| !reader.is_of_node_of(notifier));
            let waits = self.limits.when_full == Some(WhenFull::Wait) && takes_meanwhile;
            let may_go_on = !self.is_at_limit(&state, cost) || state.is_over;
            if may_go_on || !waits || notifier.is_stopping() {
                return state;
            }
            let now = notifier.clock().now();
            let is_stalled = stall.is_over(&state, now, self.limits.stall_timeout);
            if is_stalled || now.duration_since(begun) >= MAX_CALLBACK_WAIT {
                self.fail(state, CloseReason::Stalled);
                return self.lock();
            }
            drop(state);
            notifier.clock().sleep(WRITE_RETRY_INTERVAL);
            state = self.lock();
        }
    }

    /// Makes sure that `cost` bytes may be queued: ends this connection if that is above its own limit,
    /// and whoever holds most if it is above the node's.
    fn below_limits<'a>(
        &'a self,
        mut state: Guard<'a, Q>,
        cost: usize,
    ) -> Result<Guard<'a, Q>, SendStatus> {
        if state.is_over {
            return Err(SendStatus::ResourceNotFound);
        }
        if self.exceeds_limit(&state, cost) {
            let queued = state.queued();
            self.fail(state, CloseReason::OutboxLimit { queued });
            return Err(SendStatus::ResourceNotFound);
        }
        if !state.node_has_room(cost) {
            // Without the lock: whoever holds most may be this queue.
            let notifier = state.notifier.clone();
            drop(state);
            notifier.iter().for_each(|notifier| notifier.make_room(cost));
            state = self.lock();
            if !state.is_over && !state.node_has_room(cost) {
                self.fail(state, CloseReason::NodeMemory); // It alone is too much.
                return Err(SendStatus::ResourceNotFound);
            }
        }
        if state.is_over { Err(SendStatus::ResourceNotFound) } else { Ok(state) }
    }

    /// A message that counts as `cost` bytes was put into the queue.
    #[inline]
    pub(super) fn note_pushed(&self, state: &mut State<Q>, cost: usize) {
        if self.is_lossy {
            return; // What waits for the loop is told by its being called.
        }
        let (queued, mark) = (state.queued(), self.limits.outbox_soft_mark);
        if cost > self.limits.outbox_hard_limit && queued == cost {
            state.oversize = (cost, state.taken + cost as u64);
        }
        let was_below = state.counted <= mark;
        state.count();
        if was_below && queued > mark {
            // The loop watches from now on whether the peer takes anything.
            state.notify(Readiness::default());
        }
    }
}

/// How long the peer has taken nothing.
struct Stall {
    taken: u64,
    since: Instant,
}

impl Stall {
    fn new<Q>(state: &State<Q>, now: Instant) -> Self {
        Self { taken: state.taken, since: now }
    }

    /// Whether nothing was taken for `timeout`.
    fn is_over<Q>(&mut self, state: &State<Q>, now: Instant, timeout: Duration) -> bool {
        if state.taken != self.taken {
            (self.taken, self.since) = (state.taken, now);
        }
        now.duration_since(self.since) >= timeout
    }
}

//! Waiting for room, where a peer reads slower than the program sends.

use std::time::{Duration, Instant};

use crate::close_reason::CloseReason;
use crate::limits::WhenFull;
use crate::notifier::Notifier;
use crate::send_status::SendStatus;
use crate::stream::outbox::Outbox;
use crate::stream::outbox::state::State;
use crate::stream::{Encoder, Stream};
use crate::sync::{MutexGuard, wait_for};

/// Pauses between two attempts to write while the callback is held up. The kernel's own buffer
/// keeps the peer busy meanwhile, so this costs no throughput, and hardly any time of the CPU.
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

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Returns when a message of so many bytes may be queued, or the status that refuses it.
    ///
    /// Waits if `wait` is wanted: on any thread but the loop's, and inside the callback if the
    /// connection is to be waited for. Where no thread has run the loop yet, the current one may be the
    /// one that will, and the message is taken.
    pub(super) fn room_for<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        len: usize,
        wait: bool,
    ) -> Result<MutexGuard<'a, State>, SendStatus> {
        if !wait {
            return Err(SendStatus::Full);
        }
        let Some(notifier) = &state.notifier else { return Ok(state) };
        if notifier.loop_is_of_another_thread() {
            let notifier = notifier.clone();
            return self.wait_beside_loop(state, &notifier, len);
        }
        if notifier.loop_runs_here() {
            let notifier = notifier.clone();
            return Ok(self.room_in_callback(state, &notifier, len));
        }
        Ok(state)
    }

    /// What the callback sends is queued up to the hard limit. There this waits, if it is to.
    fn room_in_callback<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        notifier: &Notifier,
        len: usize,
    ) -> MutexGuard<'a, State> {
        if self.is_at_limit(&state, len) {
            drop(state);
            let _ = self.flush(); // A failure reaches the loop by itself.
            state = self.lock();
        }
        let is_to_wait = self.limits.when_full == Some(WhenFull::Wait)
            && self.is_at_limit(&state, len)
            && !state.is_over();
        if !is_to_wait || self.is_held_here(notifier) {
            return state;
        }
        drop(state);
        self.wait_in_callback(notifier, len);
        self.lock()
    }

    /// Whether the other end is of this very node: it takes nothing while the callback waits.
    fn is_held_here(&self, notifier: &Notifier) -> bool {
        let local = self.socket().and_then(Stream::local_addr);
        local.is_some_and(|local| notifier.is_held_here(local))
    }

    /// Whether a message of so many bytes can't be queued, not even by the callback.
    fn is_at_limit(&self, state: &State, len: usize) -> bool {
        !state.is_idle()
            && (state.exceeds(self.limits.outbox_hard_limit, len) || !state.node_has_room(len))
    }

    /// Whether a message of so many bytes has to wait, if it may.
    #[inline]
    pub(super) fn is_crowded(&self, state: &State, len: usize) -> bool {
        state.queued() > self.limits.outbox_soft_mark
            || !(state.is_idle() || state.node_has_room(len))
    }

    /// Waits on a thread beside the loop's, and depends on nobody: it writes what the socket takes and
    /// looks for itself whether the endpoint or the node ended or the peer takes nothing any more. For
    /// the loop may be inside a callback that waits for this very thread, or nobody may run it.
    fn wait_beside_loop<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        notifier: &Notifier,
        len: usize,
    ) -> Result<MutexGuard<'a, State>, SendStatus> {
        let mut stall = Stall::new(notifier, &state);
        let mut pause = MIN_CHECK_INTERVAL;
        let begun = notifier.clock().now();
        loop {
            drop(state);
            let _ = self.flush(); // A failure reaches the loop by itself.
            state = self.lock();
            let is_of_node = state.queued() <= self.limits.outbox_soft_mark;
            if is_of_node && notifier.clock().now().duration_since(begun) >= MAX_WAIT_FOR_OTHERS {
                state = self.make_room(state, len);
            }
            if !self.is_crowded(&state, len) || state.is_over() {
                return Ok(state);
            }
            if notifier.is_stopping() {
                return Err(SendStatus::ResourceNotFound);
            }
            // One that connects has other time-outs, but where nobody runs the loop that keeps them.
            let may_stall = state.is_open || !notifier.loop_runs_elsewhere();
            if may_stall && stall.is_over(&state, self.limits.stall_timeout) {
                self.fail(state, CloseReason::Stalled);
                return Err(SendStatus::ResourceNotFound);
            }
            let room = state.room();
            state = wait_for(&room, state, pause);
            pause = (2 * pause).min(MAX_CHECK_INTERVAL);
        }
    }

    /// Writes until there is room, the connection or the node ends, or the time is over that the
    /// callback gives a peer: five seconds in all. The loop stands still meanwhile.
    fn wait_in_callback(&self, notifier: &Notifier, len: usize) {
        let mut stall = Stall::new(notifier, &self.lock());
        let begun = stall.since;
        loop {
            if self.flush().is_err() {
                return;
            }
            let state = self.lock();
            let may_go_on = !self.is_at_limit(&state, len) || state.is_over();
            if may_go_on || !state.is_open || notifier.is_stopping() {
                return;
            }
            let is_stalled = stall.is_over(&state, self.limits.stall_timeout);
            if is_stalled || notifier.clock().now().duration_since(begun) >= MAX_CALLBACK_WAIT {
                return self.fail(state, CloseReason::Stalled);
            }
            drop(state);
            notifier.clock().sleep(WRITE_RETRY_INTERVAL);
        }
    }
}

/// Since when a peer has taken nothing.
struct Stall<'a> {
    notifier: &'a Notifier,
    written: u64,
    since: Instant,
}

impl<'a> Stall<'a> {
    fn new(notifier: &'a Notifier, state: &State) -> Self {
        Self { notifier, written: state.written(), since: notifier.clock().now() }
    }

    /// Whether the peer has taken nothing for so long.
    fn is_over(&mut self, state: &State, timeout: Duration) -> bool {
        let now = self.notifier.clock().now();
        if state.written() != self.written {
            (self.written, self.since) = (state.written(), now);
        }
        now.duration_since(self.since) >= timeout
    }
}

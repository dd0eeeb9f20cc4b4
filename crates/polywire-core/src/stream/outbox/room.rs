//! Waiting for room, where a peer reads slower than the program sends.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::announcer::Announcer;
use crate::close_reason::CloseReason;
use crate::limits::WhenFull;
use crate::network::SendStatus;
use crate::stream::outbox::Outbox;
use crate::stream::outbox::state::State;
use crate::stream::{Encoder, Stream};
use crate::sync::MutexGuard;

/// Pauses between two attempts to write while the callback is held up. The kernel's own buffer
/// keeps the peer busy meanwhile, so this costs no throughput, and hardly any time of the CPU.
const PAUSE: Duration = Duration::from_micros(500);
/// How soon a thread that waits beside the loop looks for itself whether it may go on: first, and
/// at last, when it has looked often. To be told of room is the rule, and this for where nobody tells.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(16);

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
        let Some(announcer) = &state.announcer else { return Ok(state) };
        if announcer.is_of_another_thread() {
            let announcer = announcer.clone();
            return self.wait_beside_loop(state, &announcer, len);
        }
        if self.limits.when_full == Some(WhenFull::Wait) && announcer.loop_runs_here() {
            let announcer = announcer.clone();
            drop(state);
            self.wait_in_callback(&announcer, len);
            return Ok(self.lock());
        }
        Ok(state)
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
        announcer: &Announcer,
        len: usize,
    ) -> Result<MutexGuard<'a, State>, SendStatus> {
        let mut stall = Stall::new(announcer, &state);
        let mut pause = FIRST_LOOK;
        loop {
            drop(state);
            let _ = self.flush(); // A failure reaches the loop by itself.
            state = self.lock();
            if !self.is_crowded(&state, len) || state.is_over() {
                return Ok(state);
            }
            if announcer.is_stopping() {
                return Err(SendStatus::ResourceNotFound);
            }
            // One that connects has other time-outs, but where nobody runs the loop that keeps them.
            let may_stall = state.is_open || !announcer.loop_runs_elsewhere();
            if may_stall && stall.is_over(&state, self.limits.stall_timeout) {
                self.fail(state, CloseReason::Stalled);
                return Err(SendStatus::ResourceNotFound);
            }
            let waited = self.room.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            pause = (2 * pause).min(LAST_LOOK);
        }
    }

    /// Writes until there is room, the connection or the node ends, or the peer took nothing for
    /// the stall time. The loop stands still meanwhile.
    fn wait_in_callback(&self, announcer: &Announcer, len: usize) {
        let mut stall = Stall::new(announcer, &self.lock());
        loop {
            if self.flush().is_err() {
                return;
            }
            let state = self.lock();
            let may_go_on = !self.is_crowded(&state, len) || state.is_over();
            if may_go_on || !state.is_open || announcer.is_stopping() {
                return;
            }
            if stall.is_over(&state, self.limits.stall_timeout) {
                return self.fail(state, CloseReason::Stalled);
            }
            drop(state);
            announcer.clock().sleep(PAUSE);
        }
    }
}

/// Since when a peer has taken nothing.
struct Stall<'a> {
    announcer: &'a Announcer,
    written: u64,
    since: Instant,
}

impl<'a> Stall<'a> {
    fn new(announcer: &'a Announcer, state: &State) -> Self {
        Self { announcer, written: state.written(), since: announcer.clock().now() }
    }

    /// Whether the peer has taken nothing for so long.
    fn is_over(&mut self, state: &State, timeout: Duration) -> bool {
        let now = self.announcer.clock().now();
        if state.written() != self.written {
            (self.written, self.since) = (state.written(), now);
        }
        now.duration_since(self.since) >= timeout
    }
}

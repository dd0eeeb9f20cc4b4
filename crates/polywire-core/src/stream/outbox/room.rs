//! Waiting for room, where a peer reads slower than the program sends.

use std::sync::PoisonError;
use std::time::Duration;

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
/// How often a parked sender looks whether the node as a whole has room again: that is not told.
const LOOK_AT_NODE: Duration = Duration::from_millis(20);

impl<S: Stream, E: Encoder> Outbox<S, E> {
    /// Returns when a message of so many bytes may be queued, or the status that refuses it.
    ///
    /// Waits if `wait` is wanted: parked where another thread runs the loop, and if the connection
    /// is to be waited for also inside the callback. Where nobody runs the loop, nobody would ever
    /// make room: then the message is taken.
    pub(super) fn room_for<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
        wait: bool,
    ) -> Result<MutexGuard<'a, State>, SendStatus> {
        if !wait {
            return Err(SendStatus::Full);
        }
        while self.is_crowded(&state, len) && !state.is_over() {
            let Some(announcer) = &state.announcer else { break };
            if announcer.loop_runs_elsewhere() {
                state.hurry_loop(); // This thread may be gathering for itself.
                state = self.park(state, len);
            } else if self.limits.when_full == Some(WhenFull::Wait) && announcer.loop_runs_here() {
                let announcer = announcer.clone();
                drop(state);
                self.wait_in_callback(&announcer, len);
                return Ok(self.lock());
            } else {
                break;
            }
        }
        Ok(state)
    }

    /// Whether a message of so many bytes has to wait, if it may.
    #[inline]
    pub(super) fn is_crowded(&self, state: &State, len: usize) -> bool {
        state.queued() > self.limits.outbox_soft_mark
            || !(state.is_idle() || state.node_has_room(len))
    }

    fn park<'a>(&'a self, state: MutexGuard<'a, State>, len: usize) -> MutexGuard<'a, State> {
        if state.node_has_room(len) {
            return self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.room.wait_timeout(state, LOOK_AT_NODE);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes until there is room, the connection or the node ends, or the peer took nothing for
    /// the stall time. The loop stands still meanwhile.
    fn wait_in_callback(&self, announcer: &Announcer, len: usize) {
        let clock = announcer.clock();
        let (mut written, mut since) = (0, clock.now());
        loop {
            if self.flush().is_err() {
                return;
            }
            let state = self.lock();
            let may_go_on = !self.is_crowded(&state, len) || state.is_over();
            if may_go_on || !state.is_open || announcer.is_stopping() {
                return;
            }
            let now = clock.now();
            if state.written() != written {
                (written, since) = (state.written(), now);
            } else if now.duration_since(since) >= self.limits.stall_timeout {
                return self.fail(state, CloseReason::Stalled);
            }
            drop(state);
            clock.sleep(PAUSE);
        }
    }
}

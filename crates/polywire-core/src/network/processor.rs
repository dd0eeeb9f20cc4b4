//! The loop, driven by hand.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::event_loop::Wait;
use crate::network::NetEvent;
use crate::network::seat::Runner;
use crate::network::shared::Shared;

/// The half of a network that waits for events and hands them out.
///
/// Nothing happens on any thread but the one that calls. Dropping it ends the network: what was
/// accepted for sending still goes out, within the linger time.
pub struct NetworkProcessor {
    shared: Arc<Shared>,
    /// In a row, of the poller.
    failures: u32,
}

impl NetworkProcessor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, failures: 0 }
    }

    /// Waits for something to happen, at most for `timeout` (without end if `None`, not at all if
    /// zero), and runs `event_callback` with each event of it.
    ///
    /// Returns at once, without events, if the network can't be polled any more;
    /// [`NetworkController::failure`](crate::network::NetworkController::failure) tells why.
    pub fn process_poll_event(
        &mut self,
        timeout: Option<Duration>,
        mut event_callback: impl FnMut(NetEvent<'_>),
    ) {
        let until = match timeout {
            None => Wait::Forever,
            Some(Duration::ZERO) => Wait::No,
            // One that is too far to be told is never.
            Some(timeout) => {
                self.shared.clock.now().checked_add(timeout).map_or(Wait::Forever, Wait::Until)
            }
        };
        // Events kept from before, or of a connect that is refused at once, come before the wait.
        let delivered = Cell::new(false);
        let wait = || if delivered.get() { Wait::No } else { until };
        let mut callback = |event: NetEvent<'_>| {
            delivered.set(true);
            event_callback(event);
        };
        let Some(mut runner) = self.enter() else { return };
        let event_loop = runner.event_loop();
        event_loop.set_one_enough(until != Wait::No);
        let result = event_loop.turn(&wait, &mut callback);
        drop(runner);
        match result {
            Ok(()) => self.failures = 0,
            Err(error) => {
                self.failures += 1;
                self.shared.meet_failure(&error, self.failures);
            }
        }
    }

    /// Runs `event_callback` with each event until none came for `timeout`.
    pub fn process_poll_events_until_timeout(
        &mut self,
        timeout: Duration,
        mut event_callback: impl FnMut(NetEvent<'_>),
    ) {
        loop {
            let mut events = 0_usize;
            let until = self.shared.clock.now().checked_add(timeout);
            self.process_poll_event(Some(timeout), |event| {
                events += 1;
                event_callback(event);
            });
            let is_over = until.is_some_and(|until| self.shared.clock.now() >= until);
            if events == 0 && (is_over || timeout.is_zero() || self.shared.seat.has_ended()) {
                return;
            }
        }
    }

    /// Takes the loop to run it; a `connect_sync` on another thread that does hands it over. `None`
    /// if it ended.
    pub(crate) fn enter(&self) -> Option<Runner<'_>> {
        let event_loop = self.shared.seat.take_to_run(|| self.shared.waker.ring())?;
        Some(Runner::new(&self.shared, event_loop))
    }
}

impl Drop for NetworkProcessor {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(runner) = self.enter() {
            runner.end();
        }
    }
}

impl fmt::Debug for NetworkProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkProcessor").finish_non_exhaustive()
    }
}

/// Ends the stopped loop if nobody runs it, or will.
pub(crate) fn end_where_nobody_runs(shared: &Shared) {
    if !shared.announcements.awaits_runner() {
        if let Some(event_loop) = shared.seat.try_take() {
            Runner::new(shared, event_loop).end();
        }
    }
}

/// Has the loop do what it can without waiting, if nobody runs it: connections go on to be ready, and
/// what waits is written. Events wait for who will.
pub(crate) fn go_on_where_nobody_runs(shared: &Shared) {
    if !shared.announcements.awaits_runner() {
        if let Some(event_loop) = shared.seat.try_take() {
            Runner::new(shared, event_loop).event_loop().go_on_holding();
        }
    }
}

/// Does what handles asked for if nobody runs the loop, so that a removed listener frees its port
/// at once.
pub(crate) fn execute_where_nobody_runs(shared: &Shared) {
    if let Some(event_loop) = shared.seat.try_take() {
        let mut runner = Runner::new(shared, event_loop);
        runner.event_loop().drain_commands_holding();
    }
}

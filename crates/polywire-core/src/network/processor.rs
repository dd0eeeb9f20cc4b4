//! The loop, driven by hand, and by whoever acts where nobody else drives it.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::ResourceId;
use crate::event_loop::{EventLoop, Wait};
use crate::net_event::NetEvent;
use crate::network::loop_slot::{Acquired, LoopSlot, Runner};
use crate::registry::EntryState;

/// How long a `send` beside a loop that the program may still run waits for a peer that takes nothing:
/// longer than any round trip.
const MAX_SEND_WAIT: Duration = Duration::from_secs(1);
/// The least, however short the stall timeout is: to look costs something.
const MIN_SEND_WAIT: Duration = Duration::from_millis(1);

/// The half of a network that waits for events and hands them out.
///
/// Nothing happens on any thread but the one that calls. Once it is dropped nobody gets events any more, and
/// what the loop does happens only while a handle acts: a [`NetworkController`] goes on connecting
/// by [`connect_sync`] and sending, and `send` returns when the system has taken the message. When the last
/// controller is dropped too, the network ends: what was accepted for sending still goes out, within
/// the linger time.
///
/// [`NetworkController`]: crate::network::NetworkController
/// [`connect_sync`]: crate::network::NetworkController::connect_sync
pub struct NetworkProcessor {
    slot: Arc<LoopSlot>,
    /// In a row, of the poller.
    failures: u32,
}

impl NetworkProcessor {
    pub(crate) fn new(slot: Arc<LoopSlot>) -> Self {
        Self { slot, failures: 0 }
    }

    /// Waits for something to happen, at most for `timeout` (without end if `None`, not at all if
    /// zero), and runs `event_callback` with each event of it.
    ///
    /// Returns at once, without events, if the network can't be polled any more;
    /// [`NetworkController::failure`](crate::network::NetworkController::failure) tells why.
    ///
    /// ```
    /// use polywire_core::network;
    /// use std::time::Duration;
    ///
    /// let (_network, mut processor) = network::split();
    /// for _frame in 0..3 {
    ///     processor.process_poll_event(Some(Duration::ZERO), |event| println!("{event:?}"));
    ///     // Draw the frame here.
    /// }
    /// ```
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
                self.slot.shared.clock.now().checked_add(timeout).map_or(Wait::Forever, Wait::Until)
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
        event_loop.set_single_event(until != Wait::No);
        let result =
            event_loop.outlive_adapters(&mut callback, |it, callback| it.turn(&wait, callback));
        drop(runner);
        match result {
            Ok(()) => self.failures = 0,
            Err(error) => {
                self.failures += 1;
                self.slot.shared.meet_failure(&error, self.failures);
            }
        }
    }

    /// Runs `event_callback` with each event until none came for `timeout`.
    ///
    /// ```
    /// use polywire_core::network;
    /// use std::time::Duration;
    ///
    /// let (_network, mut processor) = network::split();
    /// let mut events = 0;
    /// processor.process_poll_events_until_timeout(Duration::from_millis(5), |_| events += 1);
    /// assert_eq!(events, 0); // Nobody connected.
    /// ```
    pub fn process_poll_events_until_timeout(
        &mut self,
        timeout: Duration,
        mut event_callback: impl FnMut(NetEvent<'_>),
    ) {
        let mut quiet_since = self.slot.shared.clock.now();
        loop {
            let mut events = 0_usize;
            // It may come back without an event before that time is over.
            let waited = self.slot.shared.clock.now().saturating_duration_since(quiet_since);
            self.process_poll_event(Some(timeout.saturating_sub(waited)), |event| {
                events += 1;
                event_callback(event);
            });
            let now = self.slot.shared.clock.now();
            if events > 0 {
                quiet_since = now;
            } else if now.saturating_duration_since(quiet_since) >= timeout
                || self.slot.shared.is_stopping()
            {
                return;
            }
        }
    }

    /// What the handles share with it.
    #[allow(dead_code, reason = "called by the seam")]
    pub(crate) fn slot(&self) -> &Arc<LoopSlot> {
        &self.slot
    }

    /// Takes the loop to run it; a `connect_sync` on another thread that does hands it over. `None`
    /// if it ended.
    pub(crate) fn enter(&self) -> Option<Runner<'_>> {
        let event_loop = self.slot.take_to_run(|| self.slot.shared.waker.ring())?;
        Some(Runner::new(&self.slot, event_loop))
    }
}

impl Drop for NetworkProcessor {
    fn drop(&mut self) {
        let shared = &self.slot.shared;
        shared.notifications.set_abandoned();
        if shared.is_stopping() {
            if let Some(runner) = self.enter() {
                runner.end();
            }
        } else if shared.notifications.is_draining() {
            drain_where_nobody_runs(&self.slot);
        }
    }
}

impl fmt::Debug for NetworkProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkProcessor").finish_non_exhaustive()
    }
}

/// Ends the stopped loop if nobody runs it, or will.
pub(crate) fn end_where_nobody_runs(slot: &LoopSlot) {
    if !slot.shared.notifications.awaits_runner() {
        if let Some(event_loop) = slot.try_take() {
            Runner::new(slot, event_loop).end();
        }
    }
}

/// Where the listener was dropped, writes what waits for as long as the node may drain, and ends it.
pub(crate) fn drain_where_nobody_runs(slot: &LoopSlot) {
    let shared = &slot.shared;
    if !shared.notifications.is_abandoned() || shared.notifications.runs_here() {
        return;
    }
    while !shared.is_stopping() {
        let until = shared.stop_if_drained();
        // Another call may bring the time forward, by which whoever runs the loop is woken.
        let is_over = || shared.is_stopping() || shared.drain_deadline() != until;
        let is_done = || {
            shared.stop_if_drained();
            is_over()
        };
        match slot.take(until, is_over) {
            Acquired::Free(event_loop) => {
                if borrow(slot, event_loop, |it| it.run_unheard(until, is_done)).is_err() {
                    shared.stop(); // There is nothing more to be done.
                }
            }
            Acquired::Ended => return,
            Acquired::Happened | Acquired::TimedOut => {}
        }
    }
    // Whoever runs it ends it, or puts it back.
    if let Acquired::Free(event_loop) = slot.take(None, || false) {
        Runner::new(slot, event_loop).end();
    }
}

/// Runs the loop on behalf of one call, and ends it if the node was stopped meanwhile: whoever stopped it
/// found it taken.
pub(crate) fn borrow<R>(
    slot: &LoopSlot,
    event_loop: Box<EventLoop>,
    run: impl FnOnce(&mut EventLoop) -> R,
) -> R {
    let mut runner = Runner::borrowed(slot, event_loop);
    let result = run(runner.event_loop());
    drop(runner);
    if slot.shared.is_stopping() {
        end_where_nobody_runs(slot);
    }
    result
}

/// Has the loop do what it can without waiting, if nobody runs it: connections go on to be ready, and
/// what waits is written. Events wait for who will.
pub(crate) fn go_on_where_nobody_runs(slot: &LoopSlot) {
    if !slot.shared.notifications.awaits_runner() {
        if let Some(event_loop) = slot.try_take() {
            borrow(slot, event_loop, EventLoop::go_on_unheard);
        }
    }
}

/// Does what handles asked for if nobody runs the loop, so that a removed listener frees its port
/// at once.
pub(crate) fn execute_where_nobody_runs(slot: &LoopSlot) {
    if let Some(event_loop) = slot.try_take() {
        borrow(slot, event_loop, EventLoop::drain_commands_holding);
    }
}

/// Writes what the system did not take at once of a message to that endpoint, as the program does not run
/// the loop. Gives up when the program comes to run it, and when the peer takes nothing for so long.
#[cold]
pub(crate) fn write_where_nobody_runs(slot: &LoopSlot, id: ResourceId) {
    let is_done = || bytes_taken(slot, id).is_none() || slot.shared.notifications.has_runner();
    let mut before = bytes_taken(slot, id);
    let mut since = Instant::now();
    // What is run when there is room may send, on the thread that has the loop.
    while !is_done() && !slot.shared.notifications.runs_here() {
        let until = Instant::now().checked_add(look_again_after(slot, id, since));
        match slot.take(until, is_done) {
            Acquired::Free(event_loop) => {
                let is_over = || is_done() || slot.has_waiters();
                if borrow(slot, event_loop, |it| it.run_unheard(until, is_over)).is_err() {
                    return;
                }
            }
            Acquired::Happened | Acquired::Ended => return,
            Acquired::TimedOut => {}
        }
        let now = bytes_taken(slot, id);
        if now != before {
            (before, since) = (now, Instant::now());
        } else if !slot.shared.notifications.is_abandoned() || is_given_up(slot, id, since) {
            return;
        }
    }
}

/// How long it takes to see whether a peer that has taken nothing since takes anything.
fn look_again_after(slot: &LoopSlot, id: ResourceId, since: Instant) -> Duration {
    if !slot.shared.notifications.is_abandoned() {
        return MAX_SEND_WAIT;
    }
    let stall_timeout = slot.shared.registry.with(id, |entry| entry.limits().stall_timeout);
    let left = stall_timeout.unwrap_or_default().saturating_sub(since.elapsed());
    left.clamp(MIN_SEND_WAIT, MAX_SEND_WAIT)
}

/// Bytes that the system took so far for an endpoint that is ready, while something waits.
fn bytes_taken(slot: &LoopSlot, id: ResourceId) -> Option<u64> {
    let taken = slot.shared.registry.with(id, |entry| {
        let sender = entry.sender.as_ref().filter(|_| entry.state() == EntryState::Ready)?;
        sender.taken()
    });
    taken.flatten()
}

/// Whether a peer that has taken nothing since has had its time. The loop ends the connection where more than
/// the soft mark waits; less is left to wait.
fn is_given_up(slot: &LoopSlot, id: ResourceId, since: Instant) -> bool {
    let is_given_up = slot.shared.registry.with(id, |entry| {
        let queued = entry.sender.as_ref().map_or(0, |sender| sender.queued());
        let limits = entry.limits();
        queued <= limits.outbox_soft_mark && since.elapsed() >= limits.stall_timeout
    });
    is_given_up.unwrap_or(true)
}

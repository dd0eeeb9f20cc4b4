//! One turn: waits, then serves what is ready and fires what is late.

use std::io;
use std::time::Duration;

use crate::event_loop::{EventHandler, EventLoop, TimeSlice, Wait, earlier};
use crate::poller::Poller;

/// Times in a row that the loop reads on without asking the poller. Each brings little, so others wait
/// no longer than for a full turn.
const MAX_POLLS_SKIPPED: usize = 16;

impl EventLoop {
    /// One turn: waits as long as `wait` says and nothing happens, then serves what is ready once. What
    /// may have more to read is read first, and nobody waits if that brings something.
    ///
    /// # Errors
    ///
    /// The poller's; nothing can be served after one.
    #[inline]
    pub(crate) fn turn<H: EventHandler>(
        &mut self,
        wait: &dyn Fn() -> Wait,
        callback: &mut H,
    ) -> io::Result<()> {
        if self.has_kept_events {
            self.deliver_kept_events(callback);
        }
        if self.has_news() && self.heed(callback) {
            return Ok(());
        }
        loop {
            let reads_on = self.reads_on(wait);
            let is_left = !self.polled.is_empty();
            if !reads_on {
                self.poll(wait)?;
            }
            // What is known by now is served before a deadline of now means anything.
            let now = if is_left { self.told_at } else { self.time_for_deadlines() };
            self.told_at = now;
            if self.has_news() && self.heed(callback) {
                return Ok(());
            }
            self.flush_coalesced();
            self.serve_ready(callback);
            if self.polled.is_empty() {
                self.fire_deadlines(now, callback);
            }
            // Who read on and found nothing has yet to wait.
            if !reads_on || !self.ready.is_empty() || self.must_stop() {
                return Ok(());
            }
        }
    }

    /// Whether the turns to come are for a program that goes on as soon as it has one event: adapters
    /// need not ask then whether there is more to read, and the next turn reads on before it asks the
    /// poller.
    pub(crate) fn set_single_event(&mut self, single_event: bool) {
        self.single_event = single_event;
    }

    /// Bounds the time of the turns to come: what they leave is served by the next ones.
    pub(crate) fn bound_turns(&mut self) {
        self.slice = TimeSlice::new();
    }

    /// Whether this turn reads on where there may be more, rather than to ask the poller.
    #[inline]
    fn reads_on(&mut self, wait: &dyn Fn() -> Wait) -> bool {
        let reads_on = !self.ready.is_empty()
            && self.only_may_have_more
            && self.polls_skipped < MAX_POLLS_SKIPPED
            && !self.holding
            && wait() != Wait::No;
        self.polls_skipped = if reads_on { self.polls_skipped + 1 } else { 0 };
        reads_on
    }

    #[inline(always)]
    fn poll(&mut self, wait: &dyn Fn() -> Wait) -> io::Result<()> {
        if let Some(time) = self.shared.busy_poll() {
            self.spin(wait, time)?;
        }
        if self.polled.is_empty() {
            let timeout = self.timeout(wait);
            let result = self.poller.poll(&mut self.polled, timeout);
            self.waker.awake();
            if timeout != Some(Duration::ZERO) {
                self.shared.counters.wake_ups.add_alone(1);
            }
            result?;
        }
        Ok(())
    }

    /// Asks the poller again and again, for as long as the program wants that rather than to sleep,
    /// and until there is something to do. Nobody needs to ring meanwhile.
    #[inline(never)] // Only where the program wants it.
    fn spin(&mut self, wait: &dyn Fn() -> Wait, time: Duration) -> io::Result<()> {
        self.waker.awake();
        let mut now = self.shared.clock.now();
        let end = now + time;
        while now < end && self.timeout_awake(wait) != Some(Duration::ZERO) {
            self.poller.poll(&mut self.polled, Some(Duration::ZERO))?;
            if !self.polled.is_empty() {
                return Ok(());
            }
            std::hint::spin_loop();
            now = self.shared.clock.now();
        }
        Ok(())
    }

    /// How long to wait. Whatever happens after this has looked wakes the poller.
    #[inline(always)]
    fn timeout(&mut self, wait: &dyn Fn() -> Wait) -> Option<Duration> {
        self.waker.fall_asleep(self.coalescing.end().is_some());
        self.timeout_awake(wait)
    }

    /// How long there is nothing to do unless the waker is rung, which from now on tells: for a loop that is turned
    /// together with others, rather than to wait.
    #[allow(dead_code, reason = "called by the seam")]
    pub(crate) fn rest(&mut self, wait: &dyn Fn() -> Wait) -> Option<Duration> {
        self.timeout(wait)
    }

    /// Reads into `buffer` from now on. Returns what it read into so far.
    #[allow(dead_code, reason = "called by the seam")]
    pub(crate) fn replace_buffer(&mut self, buffer: Box<[u8]>) -> Box<[u8]> {
        std::mem::replace(&mut self.buffer, buffer)
    }

    /// How long there is nothing to do but for the poller, as far as is known by now.
    #[inline(always)]
    fn timeout_awake(&mut self, wait: &dyn Fn() -> Wait) -> Option<Duration> {
        if !self.ready.is_empty() || self.has_news() {
            return Some(Duration::ZERO);
        }
        let wanted = match wait() {
            Wait::No => return Some(Duration::ZERO),
            Wait::Forever => None,
            Wait::Until(until) => Some(until),
        };
        let own = earlier(self.next_deadline(), self.coalescing.end());
        let until = earlier(wanted, own)?;
        Some(until.saturating_duration_since(self.shared.clock.now()))
    }
}

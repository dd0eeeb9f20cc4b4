//! Connections that are opened again when they end: opt-in, per connect.

mod relay;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapter::{Attempt, Connect, Connection, Reconnect, Sender};
use crate::address::RemoteAddr;
use crate::reconnect::relay::Relay;

/// When to connect again: after a delay that doubles with each failure in a row, up to a cap, and
/// is drawn from a range around that, so that the clients of a server that restarts do not all come
/// at once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The delay before the first attempt after an end. Default: 500 ms.
    pub first_delay: Duration,
    /// The longest delay. Default: 30 s.
    pub max_delay: Duration,
    /// By how much of itself a delay may be shorter or longer, 0 to 1. Default: 0.5.
    pub jitter: f64,
    /// Failures in a row after which the endpoint ends for good: attempts that fail, the first one included, and
    /// connections that end before [`min_lifetime`](Self::min_lifetime). Default: `None`, never.
    pub max_failures: Option<u32>,
    /// How long a connection has to live to be a success, after which delays begin anew; one that ends
    /// sooner counts as a failure, as of a server that accepts and closes. Default: 10 s.
    pub min_lifetime: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            jitter: 0.5,
            max_failures: None,
            min_lifetime: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// Sets [`Self::first_delay`].
    #[must_use]
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// Sets [`Self::max_delay`].
    #[must_use]
    pub fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets [`Self::jitter`]; outside of 0 to 1, the nearer of these.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter.clamp(0.0, 1.0);
        self
    }

    /// Sets [`Self::max_failures`].
    #[must_use]
    pub fn with_max_failures(mut self, failures: u32) -> Self {
        self.max_failures = Some(failures);
        self
    }

    /// Sets [`Self::min_lifetime`].
    #[must_use]
    pub fn with_min_lifetime(mut self, time: Duration) -> Self {
        self.min_lifetime = time;
        self
    }

    /// The delay after so many others in a row; `random` is any number.
    fn delay(&self, delays: u32, random: u64) -> Duration {
        let doubled =
            self.first_delay.saturating_mul(1_u32.checked_shl(delays).unwrap_or(u32::MAX));
        let delay = doubled.min(self.max_delay);
        let random = random as f64 / u64::MAX as f64;
        let jitter = if self.jitter.is_nan() { 0.0 } else { self.jitter.clamp(0.0, 1.0) };
        let factor = 1.0 + jitter * (2.0 * random - 1.0);
        // A delay that is too long to be told is one without an end.
        Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }
}

/// Any transport, connecting again by itself: `network.connect(Reconnecting::new(FramedTcp), addr)`.
///
/// The endpoint stays the same. Each end of a connection is told by `Disconnected`, each attempt by
/// `Connected(_, true)` or `Connected(_, false)`, and
/// [`close_reason`](crate::network::NetworkController::close_reason) tells the last reason. What was
/// sent and had not arrived is not sent again. While an attempt is under way, what is sent waits
/// for it; between two attempts `send` answers
/// [`ResourceNotAvailable`](crate::send_status::SendStatus::ResourceNotAvailable). A signal to be sent
/// [once there is room](crate::node::NodeHandler::send_signal_when_writable) outlasts attempts that fail; it
/// does not come if a connection ends before, which `Disconnected` tells. The endpoint
/// goes on until it is removed, the node stops, or [`Backoff::max_failures`] is reached.
///
/// A host name is looked up for each attempt, on one of four threads that a node has for that while it
/// needs them.
#[derive(Clone, Debug)]
pub struct Reconnecting<A> {
    adapter: A,
    backoff: Backoff,
}

impl<A: Connect + Clone + Send + Sync + 'static> Reconnecting<A> {
    /// The transport `adapter`, with the default [`Backoff`].
    pub fn new(adapter: A) -> Self {
        Self { adapter, backoff: Backoff::default() }
    }

    /// Sets the schedule.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl<A: Connect + Clone + Send + Sync + 'static> Connect for Reconnecting<A> {
    fn tag(&self) -> u8 {
        self.adapter.tag()
    }

    fn looks_up(&self, addr: &RemoteAddr) -> bool {
        self.adapter.looks_up(addr)
    }

    /// The first attempt: its immediate errors are told to the caller, and are not tried again.
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let mut connection = self.adapter.connect(addr)?;
        let (adapter, addr) = (self.adapter.clone(), addr.clone());
        connection.reconnect = Some(Box::new(Attempts {
            backoff: self.backoff.clone(),
            failures: 0,
            delays: 0,
            ready_at: None,
            may_block: self.adapter.looks_up(&addr),
            attempt: Arc::new(move || adapter.connect(&addr)),
            relay: Arc::new(Relay::to(connection.remote.sender())),
        }));
        Ok(connection)
    }
}

/// The attempts of one endpoint.
struct Attempts {
    backoff: Backoff,
    /// In a row.
    failures: u32,
    /// In a row: one more than failures where the first was for a connection that had lived long enough.
    delays: u32,
    /// When the connection that is there became ready.
    ready_at: Option<Instant>,
    may_block: bool,
    attempt: Attempt,
    relay: Arc<Relay>,
}

impl Reconnect for Attempts {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Relay>::clone(&self.relay)
    }

    fn send_through(&self, sender: Option<Arc<dyn Sender>>) {
        self.relay.set(sender);
    }

    fn note_ready(&mut self, now: Instant) {
        self.ready_at = Some(now);
    }

    fn next_delay(&mut self, now: Instant, random: u64) -> Option<Duration> {
        let lived = self.ready_at.take().map(|ready_at| now.saturating_duration_since(ready_at));
        if lived.is_some_and(|lived| lived >= self.backoff.min_lifetime) {
            (self.failures, self.delays) = (0, 0);
        } else {
            self.failures = self.failures.saturating_add(1);
        }
        if self.backoff.max_failures.is_some_and(|max| self.failures >= max) {
            return None;
        }
        let delay = self.backoff.delay(self.delays, random);
        self.delays = self.delays.saturating_add(1);
        Some(delay)
    }

    fn attempt(&self) -> Attempt {
        Arc::clone(&self.attempt)
    }

    fn may_block(&self) -> bool {
        self.may_block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn attempts(max_failures: u32) -> Attempts {
        let backoff = Backoff::default()
            .with_first_delay(Duration::from_secs(1))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter(0.0)
            .with_max_failures(max_failures);
        let attempt: Attempt = Arc::new(|| Err(io::ErrorKind::Unsupported.into()));
        let relay = Arc::default();
        let (failures, delays, ready_at, may_block) = (0, 0, None, false);
        Attempts { backoff, failures, delays, ready_at, may_block, attempt, relay }
    }

    fn delays(attempts: &mut Attempts, now: Instant) -> Vec<Duration> {
        std::iter::from_fn(|| attempts.next_delay(now, 7)).take(100).collect()
    }

    #[test]
    fn delays_double_up_to_the_cap_and_end_with_the_last_failure() {
        let now = Instant::now();
        assert_eq!(delays(&mut attempts(6), now), [1, 2, 4, 5, 5].map(Duration::from_secs));
        // The first attempt counts as well.
        assert_eq!(delays(&mut attempts(1), now), []);
        assert_eq!(delays(&mut attempts(0), now), []);
    }

    #[test]
    fn a_connection_that_lived_long_enough_is_no_failure() {
        let (now, mut attempts) = (Instant::now(), attempts(2));
        attempts.note_ready(now);
        let end = now + attempts.backoff.min_lifetime;
        assert_eq!(delays(&mut attempts, end), [1, 2].map(Duration::from_secs));
        attempts.note_ready(end);
        assert_eq!(delays(&mut attempts, end + Duration::from_secs(1)), []);
    }

    #[test]
    fn jitter_stays_within_its_range_and_varies() {
        let backoff = Backoff::default().with_jitter(0.5).with_first_delay(Duration::from_secs(2));
        let delays: Vec<_> =
            (0..100).map(|_| backoff.delay(0, Clock::default().random())).collect();
        let range = Duration::from_secs(1)..=Duration::from_secs(3);
        assert!(delays.iter().all(|delay| range.contains(delay)));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }

    #[test]
    fn no_jitter_and_no_delay_is_too_much() {
        for jitter in [f64::NAN, f64::INFINITY, -1.0, 1.0] {
            let mut backoff = Backoff::default().with_first_delay(Duration::MAX);
            backoff.max_delay = Duration::MAX;
            backoff.jitter = jitter; // Set by hand, past the bounds of `with_jitter`.
            for delays in [0, 31, 32, u32::MAX] {
                let _ = backoff.delay(delays, u64::MAX);
            }
            let _ = backoff.with_jitter(jitter).delay(0, 7);
        }
        let second = Duration::from_secs(1);
        let backoff = Backoff { jitter: f64::NAN, ..Backoff::default().with_first_delay(second) };
        assert_eq!(backoff.delay(0, 7), second);
    }

    #[test]
    fn no_number_of_delays_and_no_delay_overflows() {
        let backoff = Backoff::default().with_first_delay(Duration::MAX).with_jitter(0.0);
        for delays in [0, 31, 32, 64, u32::MAX] {
            assert_eq!(backoff.delay(delays, 7), backoff.max_delay);
        }
    }
}

//! How long the loop goes on with one kind of work before it looks at the others.
//!
//! A number of bytes or messages does not bound the time that the program's callback takes. To ask
//! the clock at each message would: it also would cost a tenth of what a short one does. So the clock
//! is asked once for as many calls as took some time so far, and for each call where they take long.

use std::time::{Duration, Instant};

use crate::clock::Clock;

/// The slice. Signals have one in each turn, and the network another, so that a timer is late by two
/// of them at most, and what is gathered inside a read leaves after one.
const SLICE_DURATION: Duration = Duration::from_micros(500);
/// Time between two looks at the clock that is aimed at.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_micros(100);
/// Calls between two looks at most: if calls that were short become long all at once, twice as many of
/// them go unseen. More than a short turn has, which so asks the clock not at all.
const MAX_CALLS_PER_CHECK: u32 = 20;
/// Calls left where none is counted.
const UNCOUNTED: u32 = u32::MAX;
/// The same where none ever is.
const ENDLESS: u32 = u32::MAX - 1;

/// Tells when a slice is over.
#[derive(Debug)]
pub(crate) struct TimeSlice {
    /// Calls until the clock is asked again.
    calls_left: u32,
    /// Calls between two looks.
    calls: u32,
    is_over: bool,
    /// When the slice began and when the clock was asked last, once it was.
    times: Option<(Instant, Instant)>,
}

impl TimeSlice {
    pub(crate) fn new() -> Self {
        Self { calls_left: UNCOUNTED, calls: 1, is_over: false, times: None }
    }

    /// One that never ends, for turns that are to serve all that is ready.
    pub(crate) fn endless() -> Self {
        Self { calls_left: ENDLESS, ..Self::new() }
    }

    /// A new slice begins, with the next call behind which others follow.
    #[inline]
    pub(crate) fn restart(&mut self) {
        if self.calls_left != ENDLESS {
            self.calls_left = UNCOUNTED;
            self.is_over = false;
        }
    }

    /// A call is about to be made, and others follow.
    #[inline]
    pub(crate) fn begin(&mut self, clock: &Clock) {
        if self.calls_left == UNCOUNTED {
            self.calls_left = self.calls;
            self.times = None;
            if self.calls < MAX_CALLS_PER_CHECK {
                self.look_first(clock);
            }
        }
    }

    #[inline(never)] // Only while calls take long.
    fn look_first(&mut self, clock: &Clock) {
        let now = clock.now();
        self.times = Some((now, now));
    }

    /// A call has been made. Returns whether the slice is over.
    #[inline]
    pub(crate) fn count(&mut self, clock: &Clock) -> bool {
        if self.calls_left >= ENDLESS {
            return false;
        }
        self.calls_left -= 1;
        self.calls_left == 0 && self.look(clock.now())
    }

    #[inline(never)] // Once in many calls.
    fn look(&mut self, now: Instant) -> bool {
        let (begun, looked) = self.times.unwrap_or((now, now));
        self.times = Some((begun, now));
        let took = now.saturating_duration_since(looked).as_nanos().max(1);
        let calls = u128::from(self.calls) * CLOCK_CHECK_INTERVAL.as_nanos() / took;
        // Twice as many at most, so that a few short calls do not hide the long ones behind them.
        let most = (2 * self.calls).min(MAX_CALLS_PER_CHECK);
        self.calls = u32::try_from(calls).unwrap_or(most).clamp(1, most);
        self.is_over = now.saturating_duration_since(begun) >= SLICE_DURATION;
        self.calls_left = self.calls;
        self.is_over
    }

    /// Whether it is over, as far as is known.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that take so long each, until the slice is over.
    fn calls_of(slice: &mut TimeSlice, time: Duration) -> u32 {
        let start = Instant::now();
        slice.restart();
        (slice.calls_left, slice.times) = (slice.calls, None);
        if slice.calls < MAX_CALLS_PER_CHECK {
            slice.times = Some((start, start));
        }
        let mut calls = 0;
        while !slice.is_over() {
            calls += 1;
            slice.calls_left -= 1;
            if slice.calls_left == 0 {
                slice.look(start + calls * time);
            }
        }
        calls
    }

    #[test]
    fn one_long_call_is_the_last() {
        let mut slice = TimeSlice::new();
        assert_eq!(calls_of(&mut slice, Duration::from_millis(20)), 1);
        // Also where short ones have gone before, but for a few that go unseen once.
        calls_of(&mut slice, Duration::from_nanos(100));
        assert!(calls_of(&mut slice, Duration::from_millis(20)) <= 2 * MAX_CALLS_PER_CHECK);
        assert_eq!(calls_of(&mut slice, Duration::from_millis(20)), 1);
    }

    #[test]
    fn a_slice_takes_as_long_whatever_its_calls_take() {
        for nanos in [10, 100, 1000, 10_000, 50_000, 100_000] {
            let (mut slice, time) = (TimeSlice::new(), Duration::from_nanos(nanos));
            calls_of(&mut slice, time);
            let took = calls_of(&mut slice, time) * time;
            assert!(
                took >= SLICE_DURATION && took <= SLICE_DURATION + 3 * CLOCK_CHECK_INTERVAL,
                "{nanos}: {took:?}"
            );
        }
    }
}

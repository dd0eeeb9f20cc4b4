//! Waits that end within a millisecond of their time, though epoll_wait(2) counts in whole ones.
//!
//! A timerfd_create(2) ends them, which the poller watches. It takes a descriptor, so it is made when a
//! short wait first needs it. To set it is a system call, so one that is set to end a wait too early is
//! left as it is, and set anew when it has: a program that waits for a millisecond at most again and
//! again, and mostly is told of something before, sets it once a millisecond.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// A wait as long as this may end a millisecond late, which is a thousandth of it.
const COARSE_FROM: Duration = Duration::from_secs(1);
/// One shorter than this is over.
const NEGLIGIBLE_WAIT: Duration = Duration::from_micros(1);
/// One shorter than this takes as long: of very many timers, those that are due meanwhile cost one
/// wake-up together. To wake up costs a tenth of it.
const MIN_WAIT: Duration = Duration::from_micros(50);
/// An end of a wait that is no further before that of the timer is the same: it was only worked out anew.
const SAME_END_TOLERANCE: Duration = Duration::from_micros(5);

/// The timer of a poller, if it has needed one.
#[derive(Default)]
pub(super) struct PreciseWait {
    timer: Option<Timer>,
    /// When the wait that began last is to end, if the timer may end it before.
    until: Option<Instant>,
}

struct Timer {
    fd: OwnedFd,
    /// When it is due, if it was set.
    due: Option<Instant>,
}

impl PreciseWait {
    /// Sees to it that a wait that begins now ends after `timeout`, with an event of `token`, and
    /// returns how long the poller itself has to wait.
    #[inline]
    pub(super) fn begin(
        &mut self,
        timeout: Option<Duration>,
        timer: (&mio::Registry, mio::Token),
    ) -> Option<Duration> {
        match timeout {
            None => {
                self.until = None;
                None
            }
            Some(timeout) if timeout < NEGLIGIBLE_WAIT => Some(Duration::ZERO),
            Some(timeout) => {
                let now = Instant::now();
                self.until = now.checked_add(timeout.max(MIN_WAIT));
                self.wait_on(now, timer)
            }
        }
    }

    /// The timer has ended the wait. Returns how long it goes on if that was too early, and else `None`.
    pub(super) fn go_on(
        &mut self,
        timer: (&mio::Registry, mio::Token),
    ) -> Option<Option<Duration>> {
        let now = Instant::now();
        if let Some(timer) = &mut self.timer {
            timer.due = None;
        }
        match self.until {
            None => Some(None),
            Some(until) if until <= now + NEGLIGIBLE_WAIT => None,
            Some(_) => Some(self.wait_on(now, timer)),
        }
    }

    fn wait_on(
        &mut self,
        now: Instant,
        (registry, token): (&mio::Registry, mio::Token),
    ) -> Option<Duration> {
        let until = self.until?;
        let left = until.saturating_duration_since(now);
        if left >= COARSE_FROM {
            return Some(left);
        }
        match self.set(now, until, registry, token) {
            Ok(()) => None,
            Err(_) => Some(left), // Without descriptors a wait is less precise.
        }
    }

    /// Has the timer end a wait at `until` or before.
    fn set(
        &mut self,
        now: Instant,
        until: Instant,
        registry: &mio::Registry,
        token: mio::Token,
    ) -> io::Result<()> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            none => none.insert(Timer::new(registry, token)?),
        };
        // One that is due by now may have told so already.
        if timer.due.is_some_and(|due| due > now && due <= until + SAME_END_TOLERANCE) {
            return Ok(());
        }
        timer.arm(until.saturating_duration_since(now))?;
        timer.due = Some(until);
        Ok(())
    }
}

impl Timer {
    fn new(registry: &mio::Registry, token: mio::Token) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // Edge-triggered, so it is never read: each setting makes room for another edge.
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { fd, due: None })
    }

    /// Has it end a wait once so much time has passed.
    fn arm(&self, timeout: Duration) -> io::Result<()> {
        let value = Timespec::try_from(timeout).unwrap_or_default();
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

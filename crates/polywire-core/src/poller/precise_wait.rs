//! Waits that end within a millisecond of their time, though epoll_wait(2) counts in whole ones.
//!
//! A timerfd_create(2) ends them, which the poller watches. It takes a descriptor, and a system call
//! for each wait that has another end than the one before, so it is made when a short wait first
//! needs it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// A wait as long as this may end a millisecond late, which is a thousandth of it.
const LONG: Duration = Duration::from_secs(1);
/// One shorter than this is over.
const SHORT: Duration = Duration::from_micros(1);
/// One shorter than this takes as long: of very many timers, those that are due meanwhile cost one
/// wake-up together. To wake up costs a tenth of it.
const LEAST: Duration = Duration::from_micros(50);
/// Two ends of a wait that are no further apart are one: it was only worked out anew.
const SAME: Duration = Duration::from_micros(5);

/// The timer of a poller, if it has needed one.
#[derive(Default)]
pub(super) struct PreciseWait(Option<Timer>);

struct Timer {
    fd: OwnedFd,
    /// When it ends the wait, if it was told to.
    due: Option<Instant>,
}

impl PreciseWait {
    /// Sees to it that a wait that begins now ends after `timeout`, with an event of `token`, and
    /// returns how long the poller itself has to wait.
    #[inline]
    pub(super) fn begin(
        &mut self,
        timeout: Option<Duration>,
        (registry, token): (&mio::Registry, mio::Token),
    ) -> Option<Duration> {
        match timeout {
            None if self.0.is_none() => None,
            Some(timeout) if timeout < SHORT => Some(Duration::ZERO),
            Some(timeout) if timeout < LONG => {
                match self.end_after(timeout.max(LEAST), registry, token) {
                    Ok(()) => None,
                    Err(_) => Some(timeout), // Without descriptors a wait is less precise.
                }
            }
            timeout => {
                if let Some(timer) = &mut self.0 {
                    timer.unset();
                }
                timeout
            }
        }
    }

    fn end_after(
        &mut self,
        timeout: Duration,
        registry: &mio::Registry,
        token: mio::Token,
    ) -> io::Result<()> {
        let timer = match &mut self.0 {
            Some(timer) => timer,
            none => none.insert(Timer::new(registry, token)?),
        };
        timer.set(timeout)
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

    fn set(&mut self, timeout: Duration) -> io::Result<()> {
        let now = Instant::now();
        let due = now + timeout;
        let is_set = |before: Instant| before > now && before.max(due) - before.min(due) <= SAME;
        if self.due.is_some_and(is_set) {
            return Ok(());
        }
        self.arm(timeout)?;
        self.due = Some(due);
        Ok(())
    }

    /// Has it end a wait once so much time has passed; never if that is none.
    fn arm(&self, timeout: Duration) -> io::Result<()> {
        let value = Timespec::try_from(timeout).unwrap_or_default();
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn unset(&mut self) {
        // One that is over can't end another wait.
        if self.due.take().is_some_and(|due| due > Instant::now()) {
            if let Err(error) = self.arm(Duration::ZERO) {
                tracing::error!(%error, "a timer could not be unset: a wait may end too early");
            }
        }
    }
}

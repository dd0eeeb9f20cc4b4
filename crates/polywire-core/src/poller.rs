//! Where the loop waits for readiness and for being woken: in a [`Poller`], mio's in production.

// The sanitizers know what libc does, and not what the system does.
#[cfg_attr(
    any(
        not(any(target_os = "linux", target_os = "android")),
        mio_unsupported_force_poll_poll,
        polywire_sanitized
    ),
    path = "poller/plain_calls.rs"
)]
mod calls;
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "poller/plain_wait.rs")]
mod precise_wait;

use std::io;
use std::time::Duration;

use crate::endpoint::ResourceId;
use crate::readiness::Readiness;
use crate::waker::{AnyWaker, LoopWaker};

use calls::Events;
use precise_wait::PreciseWait;

/// The number a poller knows a resource by: the whole id where `usize` has 64 bits. Where it has
/// fewer the generation is cut off, and a stale event may reach a younger resource: spurious
/// readiness, which every resource takes.
pub(crate) fn token_of(id: ResourceId) -> usize {
    id.raw()
}

/// Events of the poller's own, which end a wait and tell no more. Resources do not
/// get as far as these numbers: they are of the last slot's last generations.
const WAKE_TOKEN: mio::Token = mio::Token(usize::MAX);
const TIMER_TOKEN: mio::Token = mio::Token(usize::MAX - 1);
/// Events that one wait takes; those left over come with the next.
const EVENTS_PER_WAIT: usize = 256;

/// Where the loop waits.
pub(crate) trait Poller: Send {
    /// Waits for readiness, at most for `timeout` (without end if `None`), and adds what is ready
    /// as token and readiness. Returns early, with nothing, when the loop's waker was rung.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` and `Interrupted` are tried again for a while, any other ends the loop.
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()>;

    /// Where mio's sources register, if this poller has such a thing.
    fn registry(&self) -> Option<&mio::Registry>;
}

/// mio's poll: epoll, kqueue or IOCP.
pub(crate) struct MioPoller {
    poll: mio::Poll,
    events: Events<EVENTS_PER_WAIT>,
    precise_wait: PreciseWait,
}

impl MioPoller {
    /// A poller and the waker that ends its waiting: two descriptors on Linux, and a third from the
    /// first wait on that is to end within less than a second.
    pub(crate) fn new() -> io::Result<(Self, LoopWaker)> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKE_TOKEN)?;
        let precise_wait = PreciseWait::default();
        Ok((
            Self { poll, events: Events::new(), precise_wait },
            LoopWaker::new(Some(AnyWaker::Mio(waker))),
        ))
    }
}

impl MioPoller {
    /// Waits once. Returns whether the timer alone ended that.
    #[inline(always)]
    fn wait_once(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        let mut is_timer = false;
        let mut is_woken = false;
        self.events.wait(&mut self.poll, timeout, |token, readiness| match token {
            TIMER_TOKEN => is_timer = true,
            WAKE_TOKEN => is_woken = true,
            _ => ready.push((token.0, readiness)),
        })?;
        Ok(is_timer && !is_woken && ready.is_empty() && timeout != Some(Duration::ZERO))
    }

    /// Waits on where the timer was set for a wait before, and not for this one.
    #[inline(never)]
    fn go_on_waiting(&mut self, ready: &mut Vec<(usize, Readiness)>) -> io::Result<()> {
        loop {
            let timer = (self.poll.registry(), TIMER_TOKEN);
            let Some(timeout) = self.precise_wait.go_on(timer) else { return Ok(()) };
            if !self.wait_once(ready, timeout)? {
                return Ok(());
            }
        }
    }
}

impl Poller for MioPoller {
    #[inline(always)]
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let timeout = self.precise_wait.begin(timeout, (self.poll.registry(), TIMER_TOKEN));
        if self.wait_once(ready, timeout)? { self.go_on_waiting(ready) } else { Ok(()) }
    }

    fn registry(&self) -> Option<&mio::Registry> {
        Some(self.poll.registry())
    }
}

/// The poller of a loop: mio's, or one that a test put in its place.
pub(crate) enum AnyPoller {
    Mio(MioPoller),
    #[allow(dead_code, reason = "made by the seam and by models")]
    Other(Box<dyn Poller>),
}

impl Poller for AnyPoller {
    #[inline(always)]
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        match self {
            Self::Mio(poller) => poller.poll(ready, timeout),
            Self::Other(poller) => poll_other(&mut **poller, ready, timeout),
        }
    }

    fn registry(&self) -> Option<&mio::Registry> {
        match self {
            Self::Mio(poller) => poller.registry(),
            Self::Other(poller) => poller.registry(),
        }
    }
}

#[cold]
fn poll_other(
    poller: &mut dyn Poller,
    ready: &mut Vec<(usize, Readiness)>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    poller.poll(ready, timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_ends_a_wait_once_and_costs_nothing_while_awake() {
        let (mut poller, waker) = MioPoller::new().unwrap();
        let mut ready = Vec::new();

        waker.ring(); // Awake: must leave nothing behind.
        waker.fall_asleep(false);
        poller.poll(&mut ready, Some(Duration::ZERO)).unwrap();

        std::thread::scope(|scope| {
            scope.spawn(|| waker.ring());
            poller.poll(&mut ready, None).unwrap(); // Ends because it is rung.
        });
        waker.awake();
        assert!(ready.is_empty());
    }
}

//! epoll_wait(2) without a function of libc or mio around it.
//!
//! As the system switches to a thread it makes the processor forget where functions return to, or
//! return to nowhere (RSB filling, Linux's `spectre.rst`). The first function that was entered before
//! the wait and returns behind it then takes longer than all else that the loop does for a message. So
//! the loop waits in the very function that goes on with what the wait brings.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventFlags};
use rustix::io::Errno;

use crate::readiness::Readiness;

/// Up to so many events that a wait brings; on the stack, since an event of the system's may be a pointer, and those do not
/// go from thread to thread.
pub(super) struct Events<const CAPACITY: usize>;

impl<const CAPACITY: usize> Events<CAPACITY> {
    pub(super) fn new() -> Self {
        Self
    }

    /// Waits for at most `timeout`, rounded up to whole milliseconds, and hands out what is ready.
    #[inline(always)]
    pub(super) fn wait(
        &mut self,
        poll: &mut mio::Poll,
        timeout: Option<Duration>,
        mut tell: impl FnMut(mio::Token, Readiness),
    ) -> io::Result<()> {
        let timeout = timeout.map(to_timespec);
        let mut events = [MaybeUninit::uninit(); CAPACITY];
        let mut result = epoll::wait(poll.registry(), &mut events[..], timeout.as_ref());
        if let Err(Errno::INTR) = result {
            // Nothing was looked at. Whoever waited goes on as if the time were over, and must know what
            // there is by now: after a `SIGSTOP` that may be much.
            result = epoll::wait(poll.registry(), &mut events[..], Some(&Timespec::default()));
        }
        match result {
            Ok((events, _)) => {
                events.iter().for_each(|event| tell(token_of(event), readiness_of(event)));
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// No longer than what epoll_wait(2) takes, some 24 days: a wait may end early.
fn to_timespec(timeout: Duration) -> Timespec {
    let longest = Duration::from_millis(i32::MAX as u64);
    Timespec::try_from(timeout.min(longest)).unwrap_or_default()
}

/// What mio has the system keep for it, as the tests see to.
#[inline(always)]
fn token_of(event: &Event) -> mio::Token {
    mio::Token(event.data.u64() as usize)
}

#[inline(always)]
fn readiness_of(event: &Event) -> Readiness {
    let flags = event.flags;
    // Urgent data ends a read short of what is behind it, though more is there: tcp(7).
    let ended = EventFlags::HUP | EventFlags::RDHUP | EventFlags::ERR | EventFlags::PRI;
    Readiness {
        readable: flags.intersects(ended | EventFlags::IN),
        writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
        ended: flags.intersects(ended),
    }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;

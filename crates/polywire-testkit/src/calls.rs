//! Counting the calls that a simulated system gets, and failing one of them.

use std::io;

/// Calls between two looks at the poller above which a loop spins. The longest wait inside a
/// callback makes 10,000.
const MAX_CALLS_PER_POLL: u32 = 300_000;

/// A call that the system gets from a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Opening a listener.
    Listen,
    /// Beginning to connect.
    Connect,
    /// Making a socket or a listener known to the poller.
    Register,
    /// Asking how a connect went.
    Connected,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Ending the sending side.
    Shutdown,
    /// Accepting a connection.
    Accept,
}

/// How many calls were made, and which is to fail.
#[derive(Debug, Default)]
pub(super) struct Calls {
    made: u64,
    /// The number of the call that fails, from 1 on, and how.
    pub(super) fault: Option<(u64, io::ErrorKind)>,
    /// The call that failed so.
    pub(super) failed: Option<Call>,
    since_poll: u32,
    polls: u32,
}

impl Calls {
    /// A call begins; the error is the one that was asked for.
    pub(super) fn make(&mut self, call: Call) -> io::Result<()> {
        self.made += 1;
        self.since_poll += 1;
        assert!(
            self.since_poll < MAX_CALLS_PER_POLL,
            "the loop spins: {MAX_CALLS_PER_POLL} calls without a look at the poller"
        );
        match self.fault {
            Some((number, kind)) if number == self.made => {
                self.failed = Some(call);
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }

    /// Calls in all.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// A loop looks at the poller.
    pub(super) fn poll(&mut self) {
        self.since_poll = 0;
        self.polls += 1;
        assert!(
            self.polls < MAX_CALLS_PER_POLL,
            "the world never comes to rest: {MAX_CALLS_PER_POLL} turns"
        );
    }
}

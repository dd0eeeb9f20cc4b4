//! What a protocol may use for one call.

use std::fmt;
use std::time::Instant;

use crate::clock::Clock;
use crate::endpoint::ResourceId;

/// What a [`Protocol`](crate::stream::Protocol) may use for one call.
#[non_exhaustive]
pub struct Context<'a> {
    /// Takes bytes for the peer; see [`Protocol`](crate::stream::Protocol) for where they go.
    pub out: &'a mut Vec<u8>,
    id: ResourceId,
    now: Now<'a>,
}

enum Now<'a> {
    Clock(&'a Clock),
    At(Instant),
    System,
}

impl<'a> Context<'a> {
    /// One for a protocol that is driven by hand, as in a test.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, id: ResourceId::from(0), now: Now::System }
    }

    /// The same at that time, rather than the system's.
    #[must_use]
    pub fn at(self, now: Instant) -> Self {
        Self { now: Now::At(now), ..self }
    }

    #[inline(always)]
    pub(super) fn of_loop(out: &'a mut Vec<u8>, id: ResourceId, clock: &'a Clock) -> Self {
        Self { out, id, now: Now::Clock(clock) }
    }

    /// The time: the node's, which a simulated world may move by hand. Asking takes some 25 ns.
    pub fn now(&self) -> Instant {
        match self.now {
            Now::Clock(clock) => clock.now(),
            Now::At(now) => now,
            Now::System => Instant::now(),
        }
    }

    /// The id of the connection, by which the program reaches it, also before it is ready:
    /// [`NetworkController::control`](crate::network::NetworkController::control).
    pub fn resource_id(&self) -> ResourceId {
        self.id
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).field("out", &self.out).finish()
    }
}

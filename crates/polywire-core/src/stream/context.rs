//! What a protocol may use for one call.

use std::any::{Any, TypeId};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::adapter::Info;
use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::stream::socket::Stream;

/// What a [`Protocol`](crate::stream::Protocol) may use for one call.
#[non_exhaustive]
pub struct Context<'a> {
    /// Takes bytes for the peer; see [`Protocol`](crate::stream::Protocol) for where they go.
    pub out: &'a mut Vec<u8>,
    id: ResourceId,
    now: Now<'a>,
    stream: Option<&'a dyn StreamFacts>,
}

enum Now<'a> {
    Clock(&'a Clock),
    At(Instant),
    System,
}

/// What a stream knows, of whatever type it is.
pub(super) trait StreamFacts {
    fn peer_addr(&self) -> Option<SocketAddr>;

    fn info(&self, type_id: TypeId) -> Option<Info>;

    fn facts(&self) -> Vec<Info>;
}

impl<S: Stream> StreamFacts for S {
    fn peer_addr(&self) -> Option<SocketAddr> {
        Stream::peer_addr(self)
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        Stream::info(self, type_id)
    }

    fn facts(&self) -> Vec<Info> {
        Stream::facts(self)
    }
}

impl<'a> Context<'a> {
    /// One for a protocol that is driven by hand, as in a test.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, id: ResourceId::from(0), now: Now::System, stream: None }
    }

    /// The same at that time, rather than the system's.
    #[must_use]
    pub fn at(self, now: Instant) -> Self {
        Self { now: Now::At(now), ..self }
    }

    #[inline(always)]
    pub(super) fn of_loop(out: &'a mut Vec<u8>, id: ResourceId, clock: &'a Clock) -> Self {
        Self { out, id, now: Now::Clock(clock), stream: None }
    }

    /// The same for a protocol that shakes hands over `stream`.
    #[inline(always)]
    pub(super) fn over<S: Stream>(self, stream: Option<&'a S>) -> Self {
        Self { stream: stream.map(|stream| stream as &dyn StreamFacts), ..self }
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

    /// The peer's address, as the stream knows it: that of the client where a layer learned from a proxy who
    /// connects. Known during the handshake: `None` from when messages may flow, and of a stream without
    /// socket addresses.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream?.peer_addr()
    }

    /// What the stream, or a layer of it, knows of the connection as a value of the type `T`: a certificate,
    /// the header of a proxy. Known during the handshake, as [`peer_addr`](Self::peer_addr).
    pub fn info<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.stream?.info(TypeId::of::<T>())?.downcast().ok()
    }

    /// All that [`info`](Self::info) can tell, for a protocol that keeps it: see [`Stream::facts`].
    pub fn facts(&self) -> Vec<Info> {
        self.stream.map(StreamFacts::facts).unwrap_or_default()
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).field("out", &self.out).finish()
    }
}

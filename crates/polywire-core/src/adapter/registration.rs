//! What the loop lends to an adapter.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::clock::Clock;
use crate::endpoint::ResourceId;
use crate::notifier::{Notifications, Notifier};
use crate::poller::{AnyPoller, Poller, token_of};
use crate::readiness::Readiness;

/// What the loop lends to an adapter for one call.
#[derive(Debug)]
#[non_exhaustive]
pub struct Io<'a> {
    /// Where to read to: one buffer for the whole loop, its content of no meaning between calls.
    pub buffer: &'a mut [u8],
    /// Bytes (or, for listeners with connections, connections) to take in this call at most.
    /// Subtract what was taken: it tells the loop that the peer lives.
    pub budget: usize,
    /// What the resource became ready for since it was last served.
    pub readiness: Readiness,
    /// Bytes kept of a message that has begun to arrive and is not whole, or that the program does not
    /// want yet: set it before returning from `open` and `receive`, to 1 at least inside a message. It is
    /// 0 when they are called. They count against
    /// [`NodeLimits::max_buffered`](crate::limits::NodeLimits), and while there are any
    /// [`Limits::message_timeout`](crate::Limits::message_timeout) applies.
    pub half_received: usize,
    /// The program goes on after one event, rather than take all that is there: whoever has delivered
    /// a message need not make a system call to find no other, but may return
    /// [`Received::MayHaveMore`](crate::adapter::Received::MayHaveMore).
    pub single_event: bool,
    /// How readiness of this resource is registered.
    pub registration: Registration<'a>,
    /// What the call asks for.
    pub(crate) wishes: &'a mut Wishes,
}

/// What an adapter asked of the loop in one call, or several.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// Whether there is anything.
    pub(crate) is_some: bool,
    /// A new deadline, or none from now on.
    pub(crate) deadline: Option<Option<Instant>>,
    /// The peer's address from now on.
    pub(crate) peer: Option<SocketAddr>,
}

impl<'a> Io<'a> {
    #[inline(always)]
    pub(crate) fn new(
        registration: Registration<'a>,
        buffer: &'a mut [u8],
        budget: usize,
        readiness: Readiness,
        wishes: &'a mut Wishes,
    ) -> Self {
        let (half_received, single_event) = (0, false);
        Self { buffer, budget, readiness, half_received, single_event, registration, wishes }
    }

    /// The time: the node's, which a simulated world may move by hand. Asking takes some 25 ns.
    pub fn now(&self) -> Instant {
        self.registration.notifications.clock().now()
    }

    /// Has `expire` called once it is `deadline`, in place of the deadline set before; `None` for no call.
    /// It is kept over other calls, and gone once it has been called or the endpoint is over.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        (self.wishes.is_some, self.wishes.deadline) = (true, Some(deadline));
    }

    /// The peer has that address once this call returns: a session over datagrams that goes on from elsewhere, or a
    /// proxy that has said for whom it connects. [`Endpoint`](crate::Endpoint)s of later events have it, and
    /// the program may go on to use those that have the address before. An accepted connection counts for that
    /// address from now on ([`Limits::max_connections_per_ip`](crate::Limits::max_connections_per_ip)), and
    /// is turned away if it is not ready and one too many.
    pub fn rename(&mut self, peer: SocketAddr) {
        (self.wishes.is_some, self.wishes.peer) = (true, Some(peer));
    }
}

/// Ties a source to the loop that will be told of its readiness.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// `None` where nothing is polled.
    pub(crate) poller: Option<&'a AnyPoller>,
    pub(crate) id: ResourceId,
    pub(crate) notifications: &'a Arc<Notifications>,
    /// The connection moves to another loop once it is ready.
    pub(crate) is_provisional: bool,
}

impl<'a> Registration<'a> {
    /// Registers a mio source. A connection may have several: each of them wakes it, and is read until `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of [`mio::Registry::register`]; `Unsupported` under a poller that is not mio's.
    pub fn register(
        &self,
        source: &mut (impl mio::event::Source + ?Sized),
        interest: mio::Interest,
    ) -> io::Result<()> {
        self.registry()?.register(source, mio::Token(token_of(self.id)), interest)
    }

    /// Changes what a registered mio source is polled for. What it is ready for already is told
    /// again.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub fn reregister(
        &self,
        source: &mut (impl mio::event::Source + ?Sized),
        interest: mio::Interest,
    ) -> io::Result<()> {
        self.registry()?.reregister(source, mio::Token(token_of(self.id)), interest)
    }

    /// Removes a mio source.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub fn deregister(&self, source: &mut (impl mio::event::Source + ?Sized)) -> io::Result<()> {
        self.registry()?.deregister(source)
    }

    /// The same tie, to be kept: for a source that says on any thread what it is polled for, such as one that asks for
    /// room only while it is full.
    ///
    /// # Errors
    ///
    /// `Unsupported` under a poller that is not mio's; those of [`mio::Registry::try_clone`] at the first call of a node.
    pub fn shared(&self) -> io::Result<SharedRegistration> {
        let registry = self.notifications.shared_registry(self.registry()?)?;
        Ok(SharedRegistration { registry, token: mio::Token(token_of(self.id)) })
    }

    pub(crate) fn clock(&self) -> &'a Clock {
        self.notifications.clock()
    }

    /// The id of the connection or listener.
    pub fn resource_id(&self) -> ResourceId {
        self.id
    }

    /// A handle by which a source without a descriptor tells its readiness, from any thread.
    pub fn notifier(&self) -> Notifier {
        Notifier::new(Arc::clone(self.notifications), self.id)
    }

    fn registry(&self) -> io::Result<&mio::Registry> {
        let registry = self.poller.and_then(Poller::registry);
        registry.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
    }
}

impl fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Ties a registered source to its loop, as a [`Registration`], and may be kept and used on any thread.
///
/// All of a node share one descriptor. Good until the source is deregistered.
#[derive(Clone)]
pub struct SharedRegistration {
    registry: Arc<mio::Registry>,
    token: mio::Token,
}

impl SharedRegistration {
    /// As [`Registration::reregister`], from any thread, also while the loop sleeps.
    ///
    /// # Errors
    ///
    /// As for [`Registration::register`].
    pub fn reregister(
        &self,
        source: &mut (impl mio::event::Source + ?Sized),
        interest: mio::Interest,
    ) -> io::Result<()> {
        self.registry.reregister(source, self.token, interest)
    }

    /// As [`Registration::deregister`], from any thread: for a source that is closed on any thread and that somebody else
    /// holds too, such as the process that passed it. Where mio polls by epoll, closing does not end the registration of
    /// such a source, which then wakes the loop for nothing.
    ///
    /// # Errors
    ///
    /// As for [`Registration::register`].
    pub fn deregister(&self, source: &mut (impl mio::event::Source + ?Sized)) -> io::Result<()> {
        self.registry.deregister(source)
    }
}

impl fmt::Debug for SharedRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRegistration").field("token", &self.token.0).finish_non_exhaustive()
    }
}

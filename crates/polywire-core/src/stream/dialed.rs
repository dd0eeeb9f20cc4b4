//! A stream that has begun to connect.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use crate::address::RemoteAddr;

/// Gives the next socket to connect by, begun to connect, or `None` if no address is left.
pub(super) type Fallback<S> = Box<dyn FnMut() -> Option<io::Result<S>> + Send>;

/// Begins to connect to another address, on whatever thread; may wait, for a name to be looked up.
pub(super) type Dial<S> = Arc<dyn Fn(&RemoteAddr) -> io::Result<Dialed<S>> + Send + Sync>;

/// Where a thread leaves what it has dialed.
pub(super) type Slot<S> = Mutex<Option<io::Result<Dialed<S>>>>;

/// How a connection is opened elsewhere, of one that may be.
pub(super) struct Redirects<S> {
    pub(super) dial: Dial<S>,
    /// While a thread dials.
    pub(super) dialing: Option<Arc<Slot<S>>>,
}

/// A stream that has begun to connect, and what is tried if that fails: what
/// [`Engine::dialed`](crate::stream::Engine::dialed) drives.
pub struct Dialed<S> {
    pub(super) stream: S,
    pub(super) fallback: Option<Fallback<S>>,
    peer: RemoteAddr,
    local: RemoteAddr,
}

impl<S> Dialed<S> {
    /// `stream` connects to `peer`, from the address `local` of this side.
    pub fn new(stream: S, peer: RemoteAddr, local: RemoteAddr) -> Self {
        Self { stream, fallback: None, peer, local }
    }

    /// The same, where to turn when connecting fails: as
    /// [`Engine::with_fallback`](crate::stream::Engine::with_fallback).
    #[must_use]
    pub fn with_fallback(
        mut self,
        next: impl FnMut() -> Option<io::Result<S>> + Send + 'static,
    ) -> Self {
        self.fallback = Some(Box::new(next));
        self
    }

    /// The addresses of the peer and of this side, for
    /// [`Connection::new`](crate::adapter::Connection::new).
    pub fn ends(&self) -> (RemoteAddr, RemoteAddr) {
        (self.peer.clone(), self.local.clone())
    }
}

impl<S> fmt::Debug for Dialed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialed")
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

//! What a connection has only at its beginning, at its end, or inside a message.

use std::fmt;
use std::io;

use crate::stream::Protocol;
use crate::stream::engine::{Engine, Stage};
use crate::stream::inbox::Inbox;

/// Gives the next socket to connect by, begun to connect, or `None` if no address is left.
type Fallback<S> = Box<dyn FnMut() -> Option<io::Result<S>> + Send>;

/// Set apart, so that the many connections that are open and idle have no memory for it.
pub(super) struct Seldom<S> {
    pub(super) stage: Stage,
    /// The socket until messages may flow.
    pub(super) socket: Option<S>,
    pub(super) fallback: Option<Fallback<S>>,
    pub(super) inbox: Inbox,
    /// Bytes of the protocol's last words.
    pub(super) goodbye: usize,
    /// Bytes read after the end.
    pub(super) discarded: usize,
}

impl<S> Seldom<S> {
    pub(super) fn next_socket(&mut self) -> Option<io::Result<S>> {
        self.fallback.as_mut()?()
    }

    /// Whether it holds nothing any more.
    fn is_empty(&self) -> bool {
        self.stage == Stage::Open
            && self.socket.is_none()
            && self.fallback.is_none()
            && self.inbox.is_empty()
    }
}

impl<S, P: Protocol> Engine<S, P> {
    /// What is seldom there, with memory for it.
    pub(super) fn seldom(&mut self) -> &mut Seldom<S> {
        self.seldom.get_or_insert_default()
    }

    #[inline]
    pub(super) fn stage(&self) -> Stage {
        self.seldom.as_ref().map_or(Stage::Open, |seldom| seldom.stage)
    }

    /// The socket, wherever it is.
    #[inline]
    pub(super) fn socket(&self) -> io::Result<&S> {
        let own = || self.seldom.as_ref()?.socket.as_ref();
        self.outbox.socket().or_else(own).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// The socket, while nobody else uses it: senders do once messages may flow.
    pub(super) fn sole_socket(&mut self) -> io::Result<&mut S> {
        let own = self.seldom.as_mut().and_then(|seldom| seldom.socket.as_mut());
        own.ok_or_else(|| io::Error::other("the socket is in use by senders"))
    }

    /// Gives that memory back where it holds nothing.
    pub(super) fn settle(&mut self) {
        self.seldom.take_if(|seldom| seldom.is_empty());
    }

    /// Whether a frame has begun to arrive.
    #[inline]
    pub(super) fn has_inbox(&self) -> bool {
        self.seldom.as_ref().is_some_and(|seldom| !seldom.inbox.is_empty())
    }
}

impl<S> Default for Seldom<S> {
    fn default() -> Self {
        Self {
            stage: Stage::Open,
            socket: None,
            fallback: None,
            inbox: Inbox::default(),
            goodbye: 0,
            discarded: 0,
        }
    }
}

impl<S> fmt::Debug for Seldom<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seldom").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

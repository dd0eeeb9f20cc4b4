//! What a connection has only at its beginning, at its end, or inside a message.

use std::fmt;
use std::io;

use crate::stream::inbox::Inbox;

/// Gives the next socket to connect by, begun to connect, or `None` if no address is left.
type Fallback<S> = Box<dyn FnMut() -> Option<io::Result<S>> + Send>;

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    /// The stream is up, the protocol has not begun.
    Connected,
    Handshaking,
    Open,
    /// The protocol's close frame is queued, or it may not send one.
    Finished,
    /// The sending side of the stream is shut down as well.
    ShutDown,
}

/// Set apart, so that the many connections that are open and idle have no memory for it.
pub(super) struct Transient<S> {
    pub(super) phase: Phase,
    /// The socket until messages may flow.
    pub(super) socket: Option<S>,
    pub(super) fallback: Option<Fallback<S>>,
    pub(super) inbox: Inbox,
    /// Length of the protocol's close frame.
    pub(super) close_frame_bytes: usize,
    /// Bytes read after the end.
    pub(super) discarded: usize,
}

impl<S> Transient<S> {
    pub(super) fn next_socket(&mut self) -> Option<io::Result<S>> {
        self.fallback.as_mut()?()
    }

    /// Whether it holds nothing any more.
    pub(super) fn is_empty(&self) -> bool {
        self.phase == Phase::Open
            && self.socket.is_none()
            && self.fallback.is_none()
            && self.inbox.is_empty()
    }
}

impl<S> Default for Transient<S> {
    fn default() -> Self {
        Self {
            phase: Phase::Open,
            socket: None,
            fallback: None,
            inbox: Inbox::default(),
            close_frame_bytes: 0,
            discarded: 0,
        }
    }
}

impl<S> fmt::Debug for Transient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transient").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

//! What a connection has only at its beginning, at its end, or inside a message.

use std::any::Any;
use std::fmt;
use std::io;
use std::time::Instant;

use crate::stream::dialed::{Fallback, Redirects};
use crate::stream::inbox::Inbox;

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody has answered yet.
    Connecting,
    /// Accepted, and nothing more.
    Accepted,
    /// Connected, and a layer of the stream shakes hands, if there is one.
    Layering,
    /// The protocol shakes hands.
    Handshaking,
    /// The handshake ended with the address of another peer, which a thread dials.
    Redirecting,
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
    /// How it is opened elsewhere, until it is ready.
    pub(super) redirects: Option<Box<Redirects<S>>>,
    pub(super) inbox: Inbox,
    /// The protocol's deadline, as far as the loop was told.
    pub(super) deadline: Option<Instant>,
    /// What the program said to the protocol before that could hear it.
    pub(super) controls: Vec<Box<dyn Any + Send>>,
    /// The protocol is ready by something other than what it read.
    pub(super) is_ready: bool,
    /// The protocol has ended the connection itself, and says nothing more.
    pub(super) is_silent: bool,
    /// Bytes of the protocol's last words.
    pub(super) close_frame_bytes: usize,
    /// At the end: there may be messages that were not written, in a layer if not in the outbox.
    pub(super) holds_messages: bool,
    /// Bytes read after the end.
    pub(super) discarded: usize,
}

/// The stream of a connection that is not ready: from then on no protocol asks what it knows, and a read costs
/// nothing for that.
#[inline(always)]
pub(super) fn opening_stream<S>(transient: Option<&Transient<S>>) -> Option<&S> {
    transient?.socket.as_ref()
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
            && self.redirects.is_none()
            && self.inbox.is_empty()
            && self.deadline.is_none()
            && !self.is_silent
    }
}

impl<S> Default for Transient<S> {
    fn default() -> Self {
        Self {
            phase: Phase::Open,
            socket: None,
            fallback: None,
            redirects: None,
            inbox: Inbox::default(),
            deadline: None,
            controls: Vec::new(),
            is_ready: false,
            is_silent: false,
            close_frame_bytes: 0,
            holds_messages: false,
            discarded: 0,
        }
    }
}

impl<S> fmt::Debug for Transient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transient").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

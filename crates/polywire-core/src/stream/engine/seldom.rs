//! What a connection has only at its beginning, at its end, or inside a message.

use std::fmt;
use std::io;

use crate::stream::Protocol;
use crate::stream::engine::Engine;
use crate::stream::inbox::Inbox;

/// Gives the next socket to connect by, begun to connect, or `None` if no address is left.
type Fallback<S> = Box<dyn FnMut() -> Option<io::Result<S>> + Send>;

/// Set apart, so that the many connections that are open and idle have no memory for it.
pub(super) struct Seldom<S> {
    pub(super) fallback: Option<Fallback<S>>,
    pub(super) inbox: Inbox,
    /// Bytes half received as the node's sum has them.
    pub(super) counted: usize,
    /// Bytes of the protocol's last words.
    pub(super) goodbye: usize,
    /// Bytes read after the end.
    pub(super) discarded: usize,
}

impl<S> Seldom<S> {
    pub(super) fn next_socket(&mut self) -> Option<io::Result<S>> {
        self.fallback.as_mut()?()
    }

    /// Whether it holds nothing any more. At the end of a connection it is not asked.
    fn is_empty(&self) -> bool {
        self.fallback.is_none() && self.inbox.is_empty() && self.counted == 0
    }
}

impl<S, P: Protocol> Engine<S, P> {
    /// What is seldom there, with memory for it.
    pub(super) fn seldom(&mut self) -> &mut Seldom<S> {
        self.seldom.get_or_insert_default()
    }

    /// Gives that memory back where it holds nothing.
    pub(super) fn settle(&mut self) {
        self.seldom.take_if(|seldom| seldom.is_empty());
    }

    /// Has the node's sum know of nothing half received here.
    pub(super) fn forget_count(&mut self) {
        let counted = self.seldom.as_mut().map_or(0, |seldom| std::mem::take(&mut seldom.counted));
        if counted > 0 {
            if let Some(announcer) = self.outbox.announcer() {
                announcer.budget().change_half_received(counted, 0);
            }
        }
    }

    /// Whether a frame has begun to arrive.
    pub(super) fn has_inbox(&self) -> bool {
        self.seldom.as_ref().is_some_and(|seldom| !seldom.inbox.is_empty())
    }
}

impl<S> Default for Seldom<S> {
    fn default() -> Self {
        let inbox = Inbox::default();
        Self { fallback: None, inbox, counted: 0, goodbye: 0, discarded: 0 }
    }
}

impl<S> fmt::Debug for Seldom<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seldom").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

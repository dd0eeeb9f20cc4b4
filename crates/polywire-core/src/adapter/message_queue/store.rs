//! What waits in a queue, and how a write of it ends.

use std::collections::VecDeque;
use std::fmt;

/// Elements for which a queue of messages that is empty keeps memory.
const KEPT_ELEMENTS: usize = 64;

/// What a [`MessageQueue`](crate::adapter::MessageQueue) keeps its messages in: [`Messages`], or a type of the
/// transport's own where messages are put together, or sorted. The default of it is empty and owns no memory.
///
/// It is called under the queue's lock, so it must not act on the network.
pub trait MessageStore: Default + Send {
    /// Messages in it.
    fn len(&self) -> usize;

    /// Bytes that they count as.
    fn bytes(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts `later` behind these: what came while they were written. Only queues that are
    /// [flushed](crate::adapter::MessageQueue::flush) call it.
    fn append(&mut self, later: Self);
}

/// Messages in their order, each with what it counts as.
pub struct Messages<M> {
    messages: VecDeque<(M, usize)>,
    bytes: usize,
}

impl<M> Messages<M> {
    /// Puts a message behind all others. It counts as `cost` bytes: its own, and what it takes beside them if short
    /// ones are to be bounded, too.
    pub fn push(&mut self, message: M, cost: usize) {
        self.bytes += cost;
        self.messages.push_back((message, cost));
    }

    /// The first.
    pub fn front(&self) -> Option<&M> {
        self.messages.front().map(|(message, _)| message)
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<M> {
        let (message, cost) = self.messages.pop_front()?;
        self.bytes -= cost;
        if self.messages.is_empty() && self.messages.capacity() > KEPT_ELEMENTS {
            self.messages = VecDeque::new();
        }
        Some(message)
    }
}

impl<M: Send> MessageStore for Messages<M> {
    fn len(&self) -> usize {
        self.messages.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn append(&mut self, mut later: Self) {
        self.bytes += later.bytes;
        self.messages.append(&mut later.messages);
    }
}

impl<M> Default for Messages<M> {
    fn default() -> Self {
        Self { messages: VecDeque::new(), bytes: 0 }
    }
}

impl<M> fmt::Debug for Messages<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, bytes } = self;
        f.debug_struct("Messages").field("len", &messages.len()).field("bytes", bytes).finish()
    }
}

/// How a write of what waits ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Messages that were taken out and can't be sent, of a transport that may lose them: counted as
    /// [`Stats::dropped_datagrams`](crate::shared::stats::Stats::dropped_datagrams).
    pub dropped: usize,
    /// The system has no room for those that are left.
    pub is_full: bool,
}

impl Written {
    /// All have left.
    pub const ALL: Self = Self { dropped: 0, is_full: false };
    /// The system has no room for those that are left.
    pub const FULL: Self = Self { dropped: 0, is_full: true };
}

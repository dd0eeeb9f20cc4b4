//! Who writes an outbox, of a stream or of datagrams: one machine, that the model and the reader can check.
//!
//! The right to write passes between the threads that send and the loop. It is changed under the
//! outbox's lock, and whoever has it writes without the lock. What each event makes of each state:
//!
//! | | `None` | `Thread` | `Loop` | `LoopDelayed` |
//! |---|---|---|---|---|
//! | a message, nothing waits | alone: `Thread`, write it; one of several of a callback: queue, call the loop: `Loop`; of a thread that sends in a row: queue, `LoopDelayed` if the loop promises to look, else `Thread` | queue | | |
//! | a message, something waits | queue, and as above | queue | queue | queue; with enough for a write, hurry the loop; with much: `Thread` |
//! | a flush, or the poller's edge | `Thread`: write | `ThreadAgain` | `Thread`: write | `Thread`: write |
//! | written, nothing is left | | `None` | | |
//! | written, more came meanwhile | | `LoopDelayed` if the loop promises to look, else `Thread` | | |
//! | the socket is full | | `Loop`; from `ThreadAgain`: `Thread`, once more | | |
//! | it fails | | `Loop` | `Loop` | `Loop` |
//!
//! `Loop` is never left to nobody: the loop was called, or the poller owes an edge. The edge may have
//! come while a thread was still writing, before the call that found the socket full: it is gone then,
//! and `ThreadAgain` tells of it. Whoever goes to `None` calls the loop if the connection is closing, for
//! the loop may have found it busy; and whoever empties the outbox of a node that is draining wakes
//! its loop.

/// Who writes next what waits to be sent, for a [`Sender`](crate::adapter::Sender) that keeps messages and
/// writes them without holding its lock. To be changed under that lock.
///
/// An edge of the poller comes once, also while a thread writes that is about to find no room: whoever
/// is told of it leaves it to that thread by [`leave_to_thread`](Self::leave_to_thread), and the thread
/// learns by [`finish`](Self::finish) that it has to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writer {
    /// Nothing waits, or nobody has been asked: whoever sends writes.
    #[default]
    None,
    /// A thread is writing, without the lock.
    Thread,
    /// As `Thread`, and somebody else wanted to write meanwhile, for a reason that the writer may not
    /// have seen: it looks again.
    ThreadAgain,
    /// The loop was called, or will be told by the poller that there is room.
    Loop,
    /// The loop, which comes by itself in a moment, and before its next callback at the latest
    /// (`waker`); until then any thread that has much.
    LoopDelayed,
}

impl Writer {
    /// Whether a thread is writing.
    #[inline]
    pub fn is_writing(self) -> bool {
        matches!(self, Self::Thread | Self::ThreadAgain)
    }

    /// Leaves a flush to the thread that is writing. Returns whether there is one.
    #[must_use]
    #[inline]
    pub fn leave_to_thread(&mut self) -> bool {
        let is_writing = self.is_writing();
        if is_writing {
            *self = Self::ThreadAgain;
        }
        is_writing
    }

    /// The thread has written, and the loop is next. Returns whether somebody wanted to meanwhile.
    #[must_use]
    #[inline]
    pub fn finish(&mut self) -> bool {
        let again = *self == Self::ThreadAgain;
        *self = Self::Loop;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_while_a_thread_writes_has_it_look_again() {
        let mut writer = Writer::None;
        assert!(!writer.leave_to_thread());
        writer = Writer::Thread;
        assert!(writer.leave_to_thread());
        assert!(writer.finish());
        assert_eq!(writer, Writer::Loop);
        writer = Writer::Thread;
        assert!(!writer.finish());
    }
}

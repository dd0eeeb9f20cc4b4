//! What waits in one direction of a connection, and who is told of it.

use std::collections::VecDeque;

use polywire_core::{CloseReason, Limits, Notifier};

use super::fault::Fault;

#[derive(Default)]
pub struct State {
    pub messages: VecDeque<Vec<u8>>,
    pub queued: usize,
    /// Bytes in front that the system holds, which are not queued any more.
    pub held: usize,
    /// Messages refused because it was full.
    pub refused: u64,
    /// Bytes read so far.
    pub taken: u64,
    /// Messages sent so far.
    pub sent: u64,
    pub when_writable: Vec<Box<dyn FnOnce() + Send>>,
    /// No message is taken any more.
    pub is_over: bool,
    /// Nobody reads what waits.
    pub is_abandoned: bool,
    /// Why what waited was thrown away, if it was.
    pub failure: Option<CloseReason>,
    pub writer: Option<Notifier>,
    pub reader: Option<Notifier>,
}

impl State {
    pub fn set_queued(&mut self, fault: Fault, queued: usize) {
        let is_counted =
            fault != Fault::HidesQueue && (fault != Fault::CountsForEver || queued > self.queued);
        if let Some(writer) = self.writer.as_ref().filter(|_| is_counted) {
            writer.change_queued(self.queued, queued);
        }
        self.queued = queued;
    }

    pub fn node_has_room(&self, fault: Fault, more: usize) -> bool {
        let asked = self.writer.as_ref().filter(|_| fault != Fault::IgnoresNodeLimit);
        asked.is_none_or(|writer| writer.has_room(more))
    }

    pub fn is_crowded(&self, fault: Fault, more: usize, limits: &Limits) -> bool {
        let is_node_full = !self.messages.is_empty() && !self.node_has_room(fault, more);
        self.queued > limits.outbox_soft_mark || is_node_full
    }

    /// Whether one more is too many. One that is longer than the limit by itself does not count.
    pub fn exceeds(&self, fault: Fault, more: usize, limit: usize) -> bool {
        let first = self.messages.front().map_or(0, |message| cost(message));
        let is_passed = first > limit && fault != Fault::LimitsOneLongMessage;
        let counted = if is_passed { self.queued - first } else { self.queued };
        let is_first = self.messages.is_empty() && fault != Fault::LimitsOneLongMessage;
        !is_first && fault != Fault::HasNoHardLimit && counted.saturating_add(more) > limit
    }
}

/// What a message counts: an empty one takes memory, too.
pub fn cost(message: &[u8]) -> usize {
    message.len() + size_of::<Vec<u8>>()
}

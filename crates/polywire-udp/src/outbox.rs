//! Datagrams that wait to leave with others.
//!
//! A datagram leaves at once unless its sender says that more follow, or others wait before it.

use std::io;
use std::net::SocketAddr;

use polywire_core::Notifier;
use polywire_core::adapter::{MessageQueue, SendHint, Written};
use polywire_core::network::SendStatus;

use crate::MAX_LOCAL_PAYLOAD_LEN;
use crate::segmentation::{BatchQueue, Segmentation};
use crate::sending::send_datagram;

/// Bytes that may wait while the system has no room: some more than it has itself by default.
const MAX_QUEUED_BYTES: usize = 256 << 10;

/// Batches that wait at most; each of them is a system call, so more gain nothing.
const MAX_BATCHES: usize = 16;

#[derive(Debug)]
pub(crate) struct Outbox {
    segmentation: Segmentation,
    queue: MessageQueue<BatchQueue>,
}

impl Outbox {
    pub(crate) fn new(segmentation: Segmentation) -> Self {
        Self { segmentation, queue: MessageQueue::lossy(MAX_QUEUED_BYTES) }
    }

    pub(crate) fn set_notifier(&self, notifier: Notifier) {
        self.queue.set_notifier(notifier);
    }

    /// Whether a datagram of so many bytes leaves by itself: nothing waits that it would have to join, or
    /// to stay behind.
    #[inline(always)]
    pub(crate) fn leaves_alone(&self, len: usize, hint: SendHint) -> bool {
        let is_lone = hint == SendHint::Alone || !self.segmentation.suits(len);
        is_lone && len <= MAX_LOCAL_PAYLOAD_LEN && self.queue.is_idle()
    }

    /// Sends a datagram by `write`, which makes one system call, or keeps it.
    pub(crate) fn send(
        &self,
        to: SocketAddr,
        message: &[u8],
        hint: SendHint,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> SendStatus {
        if message.len() > MAX_LOCAL_PAYLOAD_LEN {
            return SendStatus::MaxPacketSizeExceeded;
        }
        if self.leaves_alone(message.len(), hint) {
            return send_datagram(|| write(to, message, None));
        }
        let may_wait = self.segmentation.suits(message.len());
        let hint = if may_wait { hint } else { SendHint::Alone };
        let put = |batches: &mut BatchQueue| {
            let is_complete = batches.push(to, message, &self.segmentation);
            is_complete || batches.batches() >= MAX_BATCHES
        };
        let cost = message.len();
        self.queue.send((cost, false, hint), put, |batches| self.write(batches, &mut write))
    }

    /// Writes what waits, as far as the system takes it.
    pub(crate) fn flush(
        &self,
        mut write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) {
        self.queue.flush(|batches| self.write(batches, &mut write));
    }

    fn write(
        &self,
        batches: &mut BatchQueue,
        write: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> Written {
        batches.write(&self.segmentation, write)
    }

    /// Whether the poller is to tell of room and does not, or the other way round.
    pub(crate) fn is_to_change_watch(&self) -> Option<bool> {
        self.queue.change_of_watch()
    }

    /// Has the loop look at the socket.
    pub(crate) fn notify(&self) {
        self.queue.notify();
    }

    /// Throws away what waits.
    pub(crate) fn clear(&self) {
        self.queue.clear();
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.queued()
    }
}

impl Drop for Outbox {
    /// What nobody will send is counted as dropped.
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;

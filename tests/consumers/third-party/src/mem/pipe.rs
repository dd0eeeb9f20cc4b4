//! One direction of a connection: any thread sends into it, and the peer's loop reads it.

use std::sync::Arc;

use polywire_core::adapter::{MessageQueue, Messages, Received, SendFlags, Sender};
use polywire_core::network::SendStatus;
use polywire_core::{CloseReason, Endpoint, Limits, Notifier};

const MAX_MESSAGE: usize = 64 << 20;

/// The queue does what a sender has to: bounds, waiting, waking, counting, the end.
pub(super) struct Pipe(pub(super) MessageQueue<Messages<Vec<u8>>>);

impl Pipe {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self(MessageQueue::new(limits))
    }

    /// The next message, or why there is none.
    pub(super) fn pop(&self) -> Result<Vec<u8>, Received> {
        let is_over = self.0.is_over(); // Before: what was sent before the end is seen then.
        self.0.take(Messages::pop).ok_or_else(|| match self.0.failure() {
            _ if !is_over => Received::Drained,
            Some(_) => Received::Ended(CloseReason::Reset),
            None => Received::Ended(CloseReason::PeerClosed),
        })
    }

    fn push(&self, message: &[u8], may_wait: bool) -> SendStatus {
        if message.len() > MAX_MESSAGE {
            return SendStatus::MaxPacketSizeExceeded;
        }
        // An empty one takes memory, too.
        let cost = message.len() + size_of::<Vec<u8>>();
        self.0.push((cost, may_wait), |messages| {
            messages.push(message.into(), cost);
            false
        })
    }
}

impl Sender for Pipe {
    fn attach(&self, notifier: Notifier) {
        self.0.set_notifier(notifier);
    }

    fn send(&self, _: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        self.push(message, true)
    }

    fn try_send(&self, _: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        self.push(message, false)
    }

    fn queued(&self) -> usize {
        self.0.queued()
    }

    fn taken(&self) -> Option<u64> {
        self.0.taken()
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        self.0.when_writable(tell);
    }

    fn abort(&self, reason: CloseReason) {
        self.0.abort(reason);
    }

    fn wake(&self) {
        self.0.wake();
    }

    fn end(&self) {
        self.0.end();
    }
}

//! Many messages by one call.

use crate::adapter::{SendFlags, Sender};
use crate::endpoint::Endpoint;
use crate::network::NetworkController;
use crate::registry::Entry;
use crate::send_hint::{SendHint, is_left_to_loop};
use crate::send_status::SendStatus;

/// What became of the messages given to [`send_many`](NetworkController::send_many).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentMany {
    /// Messages that were taken: the first so many.
    pub taken: usize,
    /// What became of the next one, behind which none was tried; `Sent` if all were taken.
    pub status: SendStatus,
}

impl NetworkController {
    /// Sends `messages` to `endpoint` in their order, each as [`send`](Self::send) would, by as few
    /// system calls as the transport can: on a stream they leave in one write, and over UDP, where
    /// the system can (GSO), datagrams of equal length leave up to 64 at a time.
    ///
    /// All that were taken have left when this returns, as far as the system takes them; inside the
    /// callback, if more messages of the same read wait, they leave when that read is done. It waits
    /// where `send` waits, and stops at the first message that is not taken.
    ///
    /// ```
    /// # fn telemetry(network: &polywire_core::network::NetworkController, to: polywire_core::Endpoint) {
    /// let samples: [[u8; 8]; 500] = [[0; 8]; 500];
    /// let sent = network.send_many(to, samples);
    /// if sent.taken < samples.len() {
    ///     eprintln!("only {} were sent: {:?}", sent.taken, sent.status);
    /// }
    /// # }
    /// ```
    pub fn send_many<M: AsRef<[u8]>>(
        &self,
        endpoint: Endpoint,
        messages: impl IntoIterator<Item = M>,
    ) -> SentMany {
        let registry = &self.shared.registry;
        let send = |entry: &Entry| {
            let sender = entry.sender.as_deref()?;
            let is_left_to_loop = is_left_to_loop(self.shared.notifications.runs_here());
            let mut batch = Batch { network: self, sender, is_left_to_loop, taken: 0, bytes: 0 };
            let hint = match is_left_to_loop {
                true => SendHint::LoopFlushes,
                false => SendHint::CallerFlushes,
            };
            for message in messages {
                let message = message.as_ref();
                let flags = SendFlags::new(entry.answer_kind(message), hint);
                let status = sender.send(&endpoint, message, flags);
                if status != SendStatus::Sent {
                    return Some(SentMany { taken: batch.taken, status });
                }
                batch.taken += 1;
                batch.bytes += message.len();
            }
            Some(SentMany { taken: batch.taken, status: SendStatus::Sent })
        };
        let sent = registry.with_taker(&endpoint, send);
        self.write_unless_loop_does(endpoint);
        let nobody = SentMany { taken: 0, status: SendStatus::ResourceNotFound };
        sent.flatten().unwrap_or(nobody)
    }
}

/// Messages that were taken and count and leave at the end, even if the caller's iterator panics.
struct Batch<'a> {
    network: &'a NetworkController,
    sender: &'a dyn Sender,
    is_left_to_loop: bool,
    taken: usize,
    bytes: usize,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.network.shared.count_sent(self.taken, self.bytes);
        // The loop does it otherwise, when more was sent.
        if !self.is_left_to_loop {
            self.sender.flush();
        }
    }
}

//! Messages whose memory is shared rather than copied.

use bytes::Bytes;

use crate::adapter::Broadcast;
use crate::endpoint::Endpoint;
use crate::message::{Message, MessageKind};
use crate::network::NetworkController;
use crate::registry::Entry;
use crate::send_status::SendStatus;

/// What became of the message given to [`send_to_each`](NetworkController::send_to_each).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SentToEach {
    /// Endpoints that it was sent to, or will be.
    pub taken: usize,
    /// The others, each with what is against it.
    pub refused: Vec<(Endpoint, SendStatus)>,
}

impl NetworkController {
    /// Sends one message to many endpoints, of whatever transports. It is framed once for all that frame alike
    /// (the connections of one WebSocket listener, say), and what has to wait for a slow peer shares its memory
    /// with what waits for others.
    ///
    /// Never waits: an endpoint for which more than
    /// [`Limits::outbox_soft_mark`](crate::Limits::outbox_soft_mark) bytes wait already is refused with
    /// [`SendStatus::Full`], so that one slow reader holds up nobody.
    ///
    /// ```
    /// # use polywire_core::network::{NetworkController, SendStatus};
    /// use polywire_core::{Endpoint, MessageKind};
    ///
    /// fn announce(network: &NetworkController, everybody: &[Endpoint]) {
    ///     let sent = network.send_to_each(everybody.iter().copied(), MessageKind::TEXT, b"hello");
    ///     for (slow, status) in sent.refused {
    ///         if status == SendStatus::Full {
    ///             network.disconnect(slow);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn send_to_each(
        &self,
        endpoints: impl IntoIterator<Item = Endpoint>,
        kind: MessageKind,
        message: &[u8],
    ) -> SentToEach {
        let broadcast = Broadcast::new(Message::new(message, kind));
        let mut sent = SentToEach::default();
        for endpoint in endpoints {
            let status = self.give(&endpoint, message, false, |entry| {
                Some(entry.sender.as_ref()?.send_shared(&endpoint, &broadcast))
            });
            match status {
                SendStatus::Sent => sent.taken += 1,
                status => sent.refused.push((endpoint, status)),
            }
        }
        sent
    }

    /// As [`send`](Self::send), of a message that need not be copied: what has to wait keeps a share of
    /// its memory, on transports that send it as it is. Worth it from some KiB on.
    ///
    /// ```
    /// use polywire_core::Endpoint;
    /// use polywire_core::bytes::Bytes;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn deliver(network: &NetworkController, endpoint: Endpoint, file: Vec<u8>) {
    ///     network.send_owned(endpoint, &Bytes::from(file));
    /// }
    /// ```
    pub fn send_owned(&self, endpoint: Endpoint, message: &Bytes) -> SendStatus {
        self.give(&endpoint, message, true, |entry: &Entry| {
            let kind = entry.answer_kind(message);
            Some(entry.sender.as_ref()?.send_owned(&endpoint, message, kind))
        })
    }
}

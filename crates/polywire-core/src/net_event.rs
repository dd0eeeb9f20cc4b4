//! What the network tells the program.

use crate::endpoint::{Endpoint, ResourceId};

/// One event of the network, borrowed from the loop for the time of the callback.
///
/// For each endpoint the order is fixed: `Connected` or `Accepted` first, then any number of
/// `Message`s, then at most one `Disconnected`; nothing after the program removed it or stopped the node.
#[derive(Debug)]
pub enum NetEvent<'a> {
    /// A `connect` of this program came to its end: `true` if the endpoint is ready, `false` if it
    /// failed, for the reason that
    /// [`close_reason`](crate::network::NetworkController::close_reason) tells. Exactly one comes
    /// for each successful call of `connect`, unless the endpoint was removed, or the node stopped, before.
    Connected(Endpoint, bool),
    /// A peer connected to the listener of that id and its handshake is done.
    Accepted(Endpoint, ResourceId),
    /// A message. For byte streams without messages of their own (TCP): some bytes of the stream.
    Message(Endpoint, &'a [u8]),
    /// The endpoint ended, and not because the program removed it or stopped the node.
    /// [`close_reason`](crate::network::NetworkController::close_reason) tells why, and is all that is known of the
    /// endpoint from now on: what else is needed then, keep from before.
    Disconnected(Endpoint),
}

/// A [`NetEvent`] that owns its message, to be kept or sent elsewhere.
#[derive(Clone, Debug)]
pub enum StoredNetEvent {
    /// As [`NetEvent::Connected`].
    Connected(Endpoint, bool),
    /// As [`NetEvent::Accepted`].
    Accepted(Endpoint, ResourceId),
    /// As [`NetEvent::Message`].
    Message(Endpoint, Vec<u8>),
    /// As [`NetEvent::Disconnected`].
    Disconnected(Endpoint),
}

impl StoredNetEvent {
    /// The same event, borrowed.
    pub fn borrow(&self) -> NetEvent<'_> {
        match self {
            Self::Connected(endpoint, ok) => NetEvent::Connected(*endpoint, *ok),
            Self::Accepted(endpoint, id) => NetEvent::Accepted(*endpoint, *id),
            Self::Message(endpoint, message) => NetEvent::Message(*endpoint, message),
            Self::Disconnected(endpoint) => NetEvent::Disconnected(*endpoint),
        }
    }
}

impl From<NetEvent<'_>> for StoredNetEvent {
    fn from(event: NetEvent<'_>) -> Self {
        match event {
            NetEvent::Connected(endpoint, ok) => Self::Connected(endpoint, ok),
            NetEvent::Accepted(endpoint, id) => Self::Accepted(endpoint, id),
            NetEvent::Message(endpoint, message) => Self::Message(endpoint, message.to_vec()),
            NetEvent::Disconnected(endpoint) => Self::Disconnected(endpoint),
        }
    }
}

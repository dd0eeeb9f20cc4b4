//! Removing listeners and connections.

use crate::close_reason::CloseReason;
use crate::endpoint::{Endpoint, ResourceId};
use crate::network::{NetworkController, processor};
use crate::registry::EntryState;
use crate::shared::Command;

impl NetworkController {
    /// Removes a listener or a connection. After this returns, no further event is delivered for it,
    /// except one whose callback another thread has already entered.
    ///
    /// The address of a listener is free when this returns. Connections that it has accepted and that the
    /// program was not told of yet are closed; the others live on.
    ///
    /// The [`resource_id`](Endpoint::resource_id) of a peer that a listener without connections heard of (UDP)
    /// is the listener's: [`disconnect`](Self::disconnect) takes an endpoint, and spares the listener.
    ///
    /// Queued data is still sent, for at most [`Limits::linger`] (5 s by default), and the protocol closes
    /// in its own way; afterwards [`close_reason`](Self::close_reason) reports why something could not be
    /// sent. Returns whether there was such a resource: not after its `Disconnected` was delivered.
    ///
    /// [`Limits::linger`]: crate::limits::Limits::linger
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn refuse(network: &NetworkController, endpoint: Endpoint) {
    ///     network.send(endpoint, b"bye"); // Still goes out.
    ///     network.remove(endpoint.resource_id());
    /// }
    /// ```
    pub fn remove(&self, resource_id: ResourceId) -> bool {
        let before = self.shared.registry.with(resource_id, |entry| {
            let before = entry.end();
            if before != EntryState::Over {
                // One that is opened again has a reason from its last end.
                self.shared.reasons.replace(resource_id, CloseReason::Removed);
            }
            before
        });
        let has_kept = self.shared.kept_events.remove(resource_id);
        if !matches!(before, Some(EntryState::Opening | EntryState::Ready)) {
            if has_kept {
                // It ended while nobody ran the loop, and the program does not know.
                self.shared.reasons.replace(resource_id, CloseReason::Removed);
            }
            return has_kept;
        }
        if let Some(closer) = self.shared.take_closer(resource_id) {
            closer.close();
        }
        self.shared.command(Command::Remove(resource_id));
        processor::execute_where_nobody_runs(&self.slot);
        true
    }

    /// Ends a connection, as [`remove`](Self::remove) does, and nothing else: a peer that a listener without
    /// connections heard of (UDP) has nothing to end. Returns whether there was such a connection.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn refuse(network: &NetworkController, endpoint: Endpoint) {
    ///     network.send(endpoint, b"no");
    ///     network.disconnect(endpoint); // The word still goes out.
    /// }
    /// ```
    pub fn disconnect(&self, endpoint: Endpoint) -> bool {
        let id = endpoint.resource_id();
        id.is_remote() && self.remove(id)
    }
}

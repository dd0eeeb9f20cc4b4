//! Reading nothing more from a peer for a while.

use crate::endpoint::ResourceId;
use crate::network::NetworkController;
use crate::registry::Entry;
use crate::shared::Command;

impl NetworkController {
    /// Reads nothing more from a connection (or, for a listener, accepts nothing more) until
    /// [`resume`](Self::resume): what the peer sends fills the system's buffers, and then makes the
    /// peer wait. Inside the callback, no message follows once this has returned. On another thread, a
    /// message already being delivered on the loop's thread is still delivered. `Connected` is delivered as
    /// usual.
    ///
    /// The end of a connection is noticed as it is read: `Disconnected` comes once it is resumed. It comes
    /// before if a time limit is over, such as [`Limits::idle_timeout`](crate::Limits::idle_timeout) of a
    /// peer that sends nothing, if too much waits to be sent, or if the transport itself fails. To a peer
    /// that has gone, `send` answers `Sent` until a write has failed, and then
    /// [`ResourceNotFound`](crate::send_status::SendStatus::ResourceNotFound).
    ///
    /// Returns whether there is such a resource.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn hold(network: &NetworkController, endpoint: Endpoint) {
    ///     network.pause(endpoint.resource_id()); // Until this program has caught up.
    /// }
    /// ```
    pub fn pause(&self, resource_id: ResourceId) -> bool {
        self.set_paused(resource_id, true)
    }

    /// Reads again what [`pause`](Self::pause) held up, from where it stopped. Returns whether there
    /// is such a resource.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn go_on(network: &NetworkController, endpoint: Endpoint) {
    ///     if !network.resume(endpoint.resource_id()) {
    ///         println!("{endpoint} has gone meanwhile");
    ///     }
    /// }
    /// ```
    pub fn resume(&self, resource_id: ResourceId) -> bool {
        let found = self.set_paused(resource_id, false);
        if found {
            self.shared.command(Command::Resume(resource_id));
        }
        found
    }

    fn set_paused(&self, resource_id: ResourceId, paused: bool) -> bool {
        let set = |entry: &Entry| {
            entry.set_paused(paused);
            !entry.is_over()
        };
        self.shared.registry.with(resource_id, set).unwrap_or(false)
    }
}

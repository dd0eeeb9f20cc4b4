//! What a program may ask of its network.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::{Endpoint, ResourceId};
use crate::limits::Limits;
use crate::message::{MessageKind, current_kind};
use crate::network::{NetworkController, processor};
use crate::registry::{Entry, EntryState};
use crate::shared::stats::Stats;

impl NetworkController {
    /// Whether the resource can carry messages already: `None` if there is no such resource (any
    /// more), `Some(false)` while it connects or shakes hands. Where nobody runs the loop, asking has it
    /// go on.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn status(network: &NetworkController, endpoint: Endpoint) -> &'static str {
    ///     match network.is_ready(endpoint.resource_id()) {
    ///         Some(true) => "ready",
    ///         Some(false) => "connecting",
    ///         None => "gone",
    ///     }
    /// }
    /// ```
    pub fn is_ready(&self, resource_id: ResourceId) -> Option<bool> {
        if self.shared.registry.with(resource_id, Entry::state)? == EntryState::Opening {
            processor::go_on_where_nobody_runs(&self.slot);
        }
        match self.shared.registry.with(resource_id, Entry::state)? {
            EntryState::Opening => Some(false),
            EntryState::Ready => Some(true),
            EntryState::Over => None,
        }
    }

    /// The kind of the message that the current thread got last: inside the callback of the one at hand, and
    /// with a queue of events of the one taken last. [`MessageKind::BINARY`] on transports without kinds.
    ///
    /// ```
    /// use polywire_core::MessageKind;
    /// use polywire_core::network::{NetEvent, NetworkController};
    ///
    /// fn on_event(network: &NetworkController, event: NetEvent<'_>) {
    ///     if let NetEvent::Message(_, data) = event {
    ///         match network.message_kind() {
    ///             MessageKind::TEXT => println!("{}", String::from_utf8_lossy(data)),
    ///             _ => println!("{} bytes", data.len()),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn message_kind(&self) -> MessageKind {
        self.shared.registry.current_kind().unwrap_or_else(current_kind)
    }

    /// What is known of an endpoint as a value of the type `T`, which its transport's documentation names:
    /// a request, a certificate, credentials. `None` if the transport knows no such thing, or not yet, and
    /// once the endpoint is over, inside its `Disconnected` as well. WebSocket knows a `RoundTrip`, and the request
    /// where its listener has a hook for requests; plain TCP, framed TCP and UDP know nothing of this kind.
    ///
    /// ```
    /// use polywire_core::Endpoint;
    /// use polywire_core::network::NetworkController;
    ///
    /// /// What the adapter of this example knows of each endpoint.
    /// struct Credentials {
    ///     user: u32,
    /// }
    ///
    /// fn user(network: &NetworkController, endpoint: Endpoint) -> Option<u32> {
    ///     Some(network.info::<Credentials>(endpoint)?.user)
    /// }
    /// ```
    pub fn info<T: Any + Send + Sync>(&self, endpoint: Endpoint) -> Option<Arc<T>> {
        let look = |entry: &Entry| entry.sender.as_ref()?.info(TypeId::of::<T>());
        self.of_living(endpoint.resource_id(), look).flatten()?.downcast().ok()
    }

    /// The peer's whole address, its name where the transport has names; `None` once the endpoint is over, inside
    /// its `Disconnected` as well.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn name(network: &NetworkController, endpoint: Endpoint) -> String {
    ///     network.remote_addr(endpoint).map_or("gone".into(), |addr| addr.to_string())
    /// }
    /// ```
    pub fn remote_addr(&self, endpoint: Endpoint) -> Option<RemoteAddr> {
        let id = endpoint.resource_id();
        if id.is_local() {
            let name = |entry: &Entry| entry.sender.as_ref()?.peer_name(endpoint.addr());
            let name = self.of_living(id, name)?;
            return Some(name.unwrap_or_else(|| RemoteAddr::Socket(endpoint.addr())));
        }
        let registry = &self.shared.registry;
        self.of_living(id, |entry| registry.remote_addr(entry))
    }

    /// The bounds that a connection is kept to; `None` once it is over.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::Endpoint;
    ///
    /// fn budget(network: &NetworkController, endpoint: Endpoint) -> Option<usize> {
    ///     Some(network.limits(endpoint)?.read_budget)
    /// }
    /// ```
    pub fn limits(&self, endpoint: Endpoint) -> Option<Limits> {
        self.of_living(endpoint.resource_id(), |entry| Limits::clone(entry.limits()))
    }

    /// What `look` finds at a resource that is not over, though it may still be there: to drain.
    fn of_living<R>(&self, id: ResourceId, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        let look = |entry: &Entry| (!entry.is_over()).then(|| look(entry));
        self.shared.registry.with(id, look).flatten()
    }

    /// Why an endpoint ended, from its end on and until 4096 others have ended after it; `None`
    /// for one that has not ended. Of one that was opened again, it is why it ended last.
    ///
    /// ```
    /// use polywire_core::network::{NetEvent, NetworkController};
    ///
    /// fn on_event(network: &NetworkController, event: NetEvent<'_>) {
    ///     if let NetEvent::Disconnected(endpoint) = event {
    ///         if let Some(reason) = network.close_reason(endpoint) {
    ///             println!("{endpoint}: {reason}");
    ///         }
    ///     }
    /// }
    /// ```
    pub fn close_reason(&self, endpoint: Endpoint) -> Option<CloseReason> {
        self.shared.reasons.get(endpoint.resource_id())
    }

    /// Why the node or network has stopped by itself: the system can't be asked any more what is ready.
    /// `None` while it runs, and if the program stopped it.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    ///
    /// fn check(network: &NetworkController) {
    ///     if let Some(reason) = network.failure() {
    ///         eprintln!("the network stopped: {reason}");
    ///     }
    /// }
    /// ```
    pub fn failure(&self) -> Option<CloseReason> {
        self.shared.failure().cloned()
    }

    /// A snapshot of the counters: endpoints, messages, bytes, queued bytes, rejections, ends by kind.
    /// Walks all endpoints for the queued bytes: some 50 ns each.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    ///
    /// fn report(network: &NetworkController) {
    ///     let stats = network.stats();
    ///     println!("{} endpoints, {} bytes wait", stats.endpoints, stats.queued_bytes);
    /// }
    /// ```
    pub fn stats(&self) -> Stats {
        let registry = &self.shared.registry;
        let queued = |id| registry.with(id, |entry| Some(entry.sender.as_ref()?.queued()));
        let counters = &self.shared.counters;
        Stats {
            endpoints: registry.len(),
            messages_in: counters.messages_in.get(),
            bytes_in: counters.bytes_in.get(),
            messages_out: counters.messages_out.get(),
            bytes_out: counters.bytes_out.get(),
            queued_bytes: registry.ids().into_iter().filter_map(queued).flatten().sum(),
            half_received_bytes: self.shared.notifications.budget().half_received(),
            refused: counters.refused.get(),
            answered: counters.answered.get(),
            turned_away: counters.turned_away.get(),
            ended: counters.ended(),
            accept_exhausted: counters.accept_exhausted.get(),
            dropped_datagrams: self.shared.notifications.dropped().get(),
            wake_ups: counters.wake_ups.get(),
        }
    }
}

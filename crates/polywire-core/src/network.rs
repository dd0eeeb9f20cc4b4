//! The program's verbs: connect, listen, send, remove; and the loop to be driven by hand.
//!
//! A program with a callback uses [`node`](crate::node), which holds a [`NetworkController`].
//! [`split`] gives the two halves without a node, for a game loop that looks at the network once a
//! frame.

mod connect_sync;
pub(crate) mod loop_slot;
#[cfg(all(test, polywire_loom))]
mod models;
#[cfg(all(test, any(polywire_loom, polywire_shuttle)))]
mod pair;
pub(crate) mod processor;
#[cfg(all(test, polywire_shuttle))]
mod schedules;
mod send_many;
mod send_shared;

use std::any::{Any, TypeId};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use crate::adapter::{Connect, Connection, Listen, Listener, Outgoing, Sender};
use crate::address::{RemoteAddr, ToListenAddr, ToRemoteAddr};
use crate::clock::Clock;
use crate::close_reason::CloseReason;
use crate::endpoint::{Endpoint, ResourceId, ResourceType};
use crate::event_loop::EventLoop;
use crate::limits::{Limits, NodeLimits};
use crate::message::{Message, MessageKind, current_kind};
use crate::notifier::Notifier;
use crate::poller::{AnyPoller, MioPoller};
use crate::registry::{Entry, EntryState, NewEntry, SharedEntry};
use crate::send_hint::current_hint;
use crate::shared::{Command, New, Shared};
use crate::waker::LoopWaker;

use loop_slot::LoopSlot;

pub use crate::net_event::{NetEvent, StoredNetEvent};
pub use crate::send_status::SendStatus;
pub use crate::shared::stats::{Ended, Stats};
pub use processor::NetworkProcessor;
pub use send_many::SentMany;
pub use send_shared::SentToEach;

/// A network without a node: the handle, and the loop to be driven by hand.
///
/// # Panics
///
/// If the system has no descriptor left; [`try_split`] tells that as an error.
pub fn split() -> (NetworkController, NetworkProcessor) {
    try_split().expect("a network needs two descriptors of the system")
}

/// As [`split`].
///
/// # Errors
///
/// The system's, if it has no descriptor left: a network needs two on Linux.
pub fn try_split() -> io::Result<(NetworkController, NetworkProcessor)> {
    let (poller, waker) = MioPoller::new()?;
    Ok(split_on(AnyPoller::Mio(poller), waker, Clock::default()))
}

/// A network on a poller and a clock of the caller's.
pub(crate) fn split_on(
    poller: AnyPoller,
    waker: LoopWaker,
    clock: Clock,
) -> (NetworkController, NetworkProcessor) {
    let shared = Arc::new(Shared::new(Arc::new(waker), clock));
    shared.notifications.set_node(Arc::downgrade(&shared));
    let event_loop = EventLoop::new(Arc::clone(&shared), poller);
    let slot = Arc::new(LoopSlot::new(Arc::clone(&shared), event_loop));
    (NetworkController { shared, slot: Arc::clone(&slot) }, NetworkProcessor::new(slot))
}

/// The handle by which a program acts on its network.
///
/// Every method may be called from any thread and from inside the callback, and returns without
/// waiting for the network, unless it says so. Clones act on the same network.
#[derive(Clone)]
pub struct NetworkController {
    pub(crate) shared: Arc<Shared>,
    pub(crate) slot: Arc<LoopSlot>,
}

impl NetworkController {
    /// Connects to `addr` by the transport that `adapter` is, and returns without waiting for the
    /// peer: an endpoint to send to at once (what is sent waits until it is ready) and the local
    /// address.
    ///
    /// [`NetEvent::Connected`] tells how it went. `addr` is whatever the transport takes: socket
    /// addresses, `"host:port"`, for WebSocket URLs too. A host name is looked up before this
    /// returns, which blocks the calling thread as long as the system's resolver takes; its
    /// addresses are then tried in turn. A transport without socket addresses gives `0.0.0.0:0` as
    /// the local one.
    ///
    /// # Errors
    ///
    /// No endpoint came to be and no event will: the address is malformed or does not resolve
    /// ([`CloseReason::of`] tells [`CloseReason::Unresolved`]), the system has no descriptor, port
    /// or route, the adapter refuses its own configuration, or the node has stopped.
    pub fn connect(
        &self,
        adapter: impl Connect,
        addr: impl ToRemoteAddr,
    ) -> io::Result<(Endpoint, SocketAddr)> {
        let (entry, connection, local) = self.begin_connect(&adapter, &addr.to_remote_addr()?)?;
        let endpoint = self.shared.registry.endpoint(&entry);
        self.shared.command(Command::Connect(entry, connection, None));
        Ok((endpoint, local))
    }

    /// The same as [`connect`](Self::connect), under the name that programs use with a
    /// configuration.
    ///
    /// # Errors
    ///
    /// As for `connect`.
    pub fn connect_with(
        &self,
        adapter: impl Connect,
        addr: impl ToRemoteAddr,
    ) -> io::Result<(Endpoint, SocketAddr)> {
        self.connect(adapter, addr)
    }

    /// Connects, and waits until the endpoint is ready.
    ///
    /// Works on every thread. Where nobody runs the loop, this runs it meanwhile and keeps its events for
    /// the callback (messages wait in the kernel). While another thread runs the loop, this sleeps until
    /// the connection is ready. Inside the callback it drives the new connection alone, and the rest of the
    /// node waits. `Connected(_, true)` follows as for `connect`.
    ///
    /// # Errors
    ///
    /// As for `connect`, and the reason of a connection that failed, its timeouts
    /// ([`Limits::connect_timeout`] and [`Limits::handshake_timeout`], 10 s each by default)
    /// among them. No event tells of that endpoint then. [`CloseReason::of`] gives the typed
    /// reason.
    pub fn connect_sync(
        &self,
        adapter: impl Connect,
        addr: impl ToRemoteAddr,
    ) -> io::Result<(Endpoint, SocketAddr)> {
        let (entry, connection, local) = self.begin_connect(&adapter, &addr.to_remote_addr()?)?;
        connect_sync::wait_until_ready(&self.slot, &entry, connection)?;
        Ok((self.shared.registry.endpoint(&entry), local))
    }

    /// The same as [`connect_sync`](Self::connect_sync), under the name that programs use with a
    /// configuration.
    ///
    /// # Errors
    ///
    /// As for `connect_sync`.
    pub fn connect_sync_with(
        &self,
        adapter: impl Connect,
        addr: impl ToRemoteAddr,
    ) -> io::Result<(Endpoint, SocketAddr)> {
        self.connect_sync(adapter, addr)
    }

    /// Listens on `addr` by the transport that `adapter` is: bound and listening when this
    /// returns, with the id of the listener and its address (the real port where 0 was asked for).
    ///
    /// `addr` is anything that std's [`ToSocketAddrs`] takes, each of its addresses tried until one
    /// succeeds, or a [`Name`](crate::address::Name) for transports with other addresses.
    ///
    /// # Errors
    ///
    /// What the last address failed with: in use, not of this machine, forbidden; or `addr` can't
    /// be made sense of; or the node has stopped.
    pub fn listen(
        &self,
        adapter: impl Listen,
        addr: impl ToListenAddr,
    ) -> io::Result<(ResourceId, SocketAddr)> {
        let Listener { local, addr, driver } = open_first(&adapter, &addr.to_listen_addrs()?)?;
        let entry = self.insert(NewEntry {
            tag: adapter.tag(),
            kind: ResourceType::Local,
            addr,
            limits: local.limits(),
            sender: local.sender(),
        })?;
        let ids = (entry.id, entry.profile.socket_addr());
        tracing::debug!(listener = %entry.id, addr = %entry.profile, "listening");
        if let Some(closer) = local.closer() {
            self.shared.note_closer(entry.id, closer);
        }
        self.shared.command(Command::Listen(entry, local, driver));
        Ok(ids)
    }

    /// The same as [`listen`](Self::listen), under the name that programs use with a
    /// configuration.
    ///
    /// # Errors
    ///
    /// As for `listen`.
    pub fn listen_with(
        &self,
        adapter: impl Listen,
        addr: impl ToSocketAddrs,
    ) -> io::Result<(ResourceId, SocketAddr)> {
        self.listen(adapter, addr)
    }

    /// Sends `message` to `endpoint`.
    ///
    /// It leaves at once if nothing waits before it, else as soon as the peer takes it, whole and
    /// in order. Inside the callback, messages sent while more of the same read wait to be handled
    /// leave together, and so do several that one callback sends to an endpoint, when it returns (the
    /// first at once, unless the callback before sent several). Those that another thread sends without
    /// pause leave together within 50 µs. See [`flush`](Self::flush).
    ///
    /// **On a thread other than the loop's** this waits while more than [`Limits::outbox_soft_mark`] bytes
    /// are queued (1 MiB by default). It depends on nobody: it writes what the system takes, and returns
    /// when the endpoint or the node ends, so the callback may wait for this thread.
    ///
    /// **Inside the callback, to an accepted connection,** this never waits. At
    /// [`Limits::outbox_hard_limit`] queued bytes (64 MiB) it closes the connection with
    /// [`CloseReason::OutboxLimit`].
    ///
    /// **Inside the callback, to a connection that the program opened,** this waits at the hard limit, for
    /// 5 s in all, and then closes the connection with [`CloseReason::Stalled`]. If this node holds the
    /// other end, too, it does as for an accepted one.
    ///
    /// [`Limits::when_full`] changes the last two. In all cases a peer that reads nothing for
    /// [`Limits::stall_timeout`], while more than the soft mark is queued, is closed with
    /// [`CloseReason::Stalled`].
    ///
    /// Where the program does not run the loop, it writes until the system has taken the message: not
    /// longer than 1 s beside a peer that takes nothing while the program may still run the loop, and up
    /// to [`Limits::stall_timeout`] once the half that runs it was dropped. While the endpoint connects,
    /// nothing is waited for: [`is_ready`](Self::is_ready) and [`connect_sync`](Self::connect_sync) go on with that.
    #[inline]
    pub fn send(&self, endpoint: Endpoint, message: &[u8]) -> SendStatus {
        self.give(endpoint, message, true, |entry| {
            let sender = entry.sender.as_ref()?;
            let outgoing = Outgoing::new(&endpoint, entry.answer(message));
            Some(sender.send(outgoing.with_hint(current_hint())))
        })
    }

    /// Sees to the rest of what was sent, unless the loop will.
    #[inline]
    fn write_unless_loop_does(&self, endpoint: Endpoint) {
        if !self.shared.notifications.has_runner() {
            processor::write_where_nobody_runs(&self.slot, endpoint.resource_id());
        }
    }

    /// As [`send`](Self::send), but never waits: [`SendStatus::Full`], with nothing taken, while
    /// more than [`Limits::outbox_soft_mark`] bytes wait.
    pub fn try_send(&self, endpoint: Endpoint, message: &[u8]) -> SendStatus {
        self.give(endpoint, message, false, |entry| {
            let sender = entry.sender.as_ref()?;
            let outgoing = Outgoing::new(&endpoint, entry.answer(message));
            Some(sender.try_send(outgoing.with_hint(current_hint())))
        })
    }

    /// As [`send`](Self::send), as a message of that kind: text or binary, for the transports that tell them
    /// apart. Plain `send` answers in the kind that the peer sent last (as text only what is UTF-8), and
    /// before that leaves the choice to the transport, which is binary as a rule.
    ///
    /// [`SendStatus::InvalidMessage`] for text that is not UTF-8, where the transport requires that.
    ///
    /// ```
    /// use polywire_core::network::NetworkController;
    /// use polywire_core::{Endpoint, MessageKind};
    ///
    /// fn greet(network: &NetworkController, browser: Endpoint) {
    ///     network.send_as(browser, MessageKind::TEXT, b"hello");
    /// }
    /// ```
    pub fn send_as(&self, endpoint: Endpoint, kind: MessageKind, message: &[u8]) -> SendStatus {
        self.give(endpoint, message, true, |entry| {
            let sender = entry.sender.as_ref()?;
            let outgoing = Outgoing::new(&endpoint, Message::new(message, kind));
            Some(sender.send(outgoing.with_hint(current_hint())))
        })
    }

    /// The kind of the message that the current thread got last: inside the callback of the one at hand, and
    /// with a queue of events of the one taken last. [`MessageKind::BINARY`] on transports without kinds.
    pub fn message_kind(&self) -> MessageKind {
        self.shared.registry.current_kind().unwrap_or_else(current_kind)
    }

    /// What is known of an endpoint as a value of the type `T`, which its transport's documentation names:
    /// a request, a certificate, credentials. `None` if the transport knows no such thing, or not yet, and
    /// once the endpoint is over.
    pub fn info<T: Any + Send + Sync>(&self, endpoint: Endpoint) -> Option<Arc<T>> {
        let look = |entry: &Entry| entry.sender.as_ref()?.info(TypeId::of::<T>());
        let info = self.shared.registry.with(endpoint.resource_id(), look).flatten()?;
        info.downcast().ok()
    }

    /// Says something to the adapter of a connection or a listener itself: to answer a handshake, to close with
    /// a code, to ask for a sign of life. `value` is of a type that the adapter's documentation names; the
    /// adapter drops others. It is said on the loop's thread, in the order of the calls. Returns whether there
    /// is such a resource.
    pub fn control(&self, resource_id: ResourceId, value: impl Any + Send) -> bool {
        let is_there = |entry: &Entry| !entry.is_over();
        let found = self.shared.registry.with(resource_id, is_there) == Some(true);
        if found {
            self.shared.command(Command::Control(resource_id, Box::new(value)));
        }
        found
    }

    /// Writes now what waits to be sent to `endpoint`, as far as the system takes it, rather than
    /// when the loop comes to it.
    pub fn flush(&self, endpoint: Endpoint) {
        self.shared.registry.with(endpoint.resource_id(), |entry| {
            if let Some(sender) = &entry.sender {
                sender.flush();
            }
        });
    }

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

    /// Whether the resource can carry messages already: `None` if there is no such resource (any
    /// more), `Some(false)` while it connects or shakes hands. Where nobody runs the loop, asking has it
    /// go on.
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

    /// Why the node or network has stopped by itself: the system can't be asked any more what is ready.
    /// `None` while it runs, and if the program stopped it.
    pub fn failure(&self) -> Option<CloseReason> {
        self.shared.failure().cloned()
    }

    /// Why an endpoint ended, from its end on and until 4096 others have ended after it; `None`
    /// for one that lives.
    pub fn close_reason(&self, endpoint: Endpoint) -> Option<CloseReason> {
        self.shared.reasons.get(endpoint.resource_id())
    }

    /// The peer's whole address while the endpoint lives: its name where the transport has names.
    pub fn remote_addr(&self, endpoint: Endpoint) -> Option<RemoteAddr> {
        let id = endpoint.resource_id();
        if id.is_local() {
            let name = |entry: &Entry| entry.sender.as_ref()?.peer_name(endpoint.addr());
            let name = self.shared.registry.with(id, name).flatten();
            return Some(name.unwrap_or_else(|| RemoteAddr::Socket(endpoint.addr())));
        }
        self.shared.registry.with(id, |entry| match entry.profile.to_remote_addr() {
            RemoteAddr::Socket(_) => RemoteAddr::Socket(self.shared.registry.peer_addr(entry)),
            name => name,
        })
    }

    /// The bounds that a connection is kept to, while it lives.
    pub fn limits(&self, endpoint: Endpoint) -> Option<Limits> {
        self.shared.registry.with(endpoint.resource_id(), |entry| Limits::clone(entry.limits()))
    }

    /// Bounds the node as a whole from now on. What it holds already stays.
    pub fn set_limits(&self, limits: &NodeLimits) {
        self.shared.set_limits(limits);
    }

    /// Makes the loop spin for `time` before it sleeps; this uses a full core and removes the wake-up
    /// latency. It holds from the next wait on. Default: zero, which sleeps at once.
    ///
    /// Waking a thread is most of a round trip between two cores. Worth it for a time a little longer than
    /// the pauses between events, on machines with cores to spare. An idle node still sleeps once the
    /// time is over.
    pub fn set_busy_poll(&self, time: Duration) {
        self.shared.set_busy_poll(time);
    }

    /// Reads nothing more from a connection (or, for a listener, accepts nothing more) until
    /// [`resume`](Self::resume): what the peer sends fills the system's buffers, and then makes the
    /// peer wait. Inside the callback, no message follows once this has returned. On another thread, a
    /// message already being delivered on the loop's thread is still delivered. `Connected` is delivered as
    /// usual. So is `Disconnected`, but the end of a paused connection is noticed only by a timeout or a
    /// failing write. Returns whether there is such a resource.
    pub fn pause(&self, resource_id: ResourceId) -> bool {
        self.set_paused(resource_id, true)
    }

    /// Reads again what [`pause`](Self::pause) held up, from where it stopped. Returns whether there
    /// is such a resource.
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

    /// Runs `tell` on the loop's thread or the current one once
    /// [`try_send`](Self::try_send) would take a message for `endpoint` again: at once if it would
    /// now; never if the endpoint ends before, which `Disconnected` tells. A node's program rather
    /// uses [`send_signal_when_writable`](crate::node::NodeHandler::send_signal_when_writable).
    /// `tell` must be short and not act on the network. Returns whether there is such an endpoint.
    pub(crate) fn when_writable(
        &self,
        endpoint: Endpoint,
        tell: impl FnOnce() + Send + 'static,
    ) -> bool {
        let id = endpoint.resource_id();
        let sender = self
            .shared
            .registry
            .with(id, |entry| entry.sender.as_ref().filter(|_| !entry.is_over()).map(Arc::clone));
        let Some(sender) = sender.flatten() else { return false };
        sender.when_writable(Box::new(tell));
        true
    }

    /// A snapshot of the counters: endpoints, messages, bytes, queued bytes, rejections, ends by kind.
    /// Walks all endpoints for the queued bytes: some 50 ns each.
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
            turned_away: counters.turned_away.get(),
            ended: counters.ended(),
            accept_exhausted: counters.accept_exhausted.get(),
            dropped_datagrams: self.shared.notifications.dropped().get(),
            wake_ups: counters.wake_ups.get(),
        }
    }

    #[inline(always)]
    fn give(
        &self,
        endpoint: Endpoint,
        message: &[u8],
        may_wait: bool,
        send: impl FnOnce(&Entry) -> Option<SendStatus>,
    ) -> SendStatus {
        let send = |entry: &Entry| {
            if self.shared.registry.takes(entry, &endpoint) { send(entry) } else { None }
        };
        let status = self.shared.registry.with(endpoint.resource_id(), send).flatten();
        if status == Some(SendStatus::Sent) {
            let runs_here = self.shared.count_sent(1, message.len());
            if may_wait && !runs_here {
                self.write_unless_loop_does(endpoint);
            }
        }
        status.unwrap_or(SendStatus::ResourceNotFound)
    }

    fn begin_connect(
        &self,
        adapter: &dyn Connect,
        addr: &RemoteAddr,
    ) -> io::Result<(SharedEntry, New, SocketAddr)> {
        if self.shared.is_stopping() {
            return Err(Shared::stopped_error());
        }
        let Connection { remote, peer, local, reconnect, driver } = adapter.connect(addr)?;
        let sender: Arc<dyn Sender> = match &reconnect {
            Some(reconnect) => reconnect.sender(),
            None => remote.sender(),
        };
        let entry = self.insert(NewEntry {
            tag: adapter.tag(),
            kind: ResourceType::Remote,
            addr: peer,
            limits: remote.limits(),
            sender: Some(Arc::clone(&sender)),
        })?;
        sender.attach(Notifier::new(Arc::clone(&self.shared.notifications), entry.id));
        let local = *local.socket_addr();
        tracing::debug!(endpoint = %entry.id, peer = %entry.profile, %local, "connecting");
        Ok((entry, New { remote, reconnect, driver }, local))
    }

    fn insert(&self, new: NewEntry) -> io::Result<SharedEntry> {
        if self.shared.is_stopping() {
            return Err(Shared::stopped_error());
        }
        let full = || io::Error::other("the node has as many resources as it may: remove some");
        if self.shared.is_full() {
            return Err(full());
        }
        self.shared.registry.insert(new).ok_or_else(full)
    }
}

/// Listens on the first of `addrs` that can be listened on.
fn open_first(adapter: &dyn Listen, addrs: &[RemoteAddr]) -> io::Result<Listener> {
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    for addr in addrs {
        match adapter.listen(addr) {
            Ok(listener) => return Ok(listener),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

impl fmt::Debug for NetworkController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkController")
            .field("endpoints", &self.shared.registry.len())
            .finish_non_exhaustive()
    }
}

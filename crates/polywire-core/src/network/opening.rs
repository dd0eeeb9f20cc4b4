//! Connecting and listening.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use crate::adapter::{Connect, Connection, Listen, Listener, Sender};
use crate::address::{RemoteAddr, ToListenAddr, ToRemoteAddr};
use crate::close_reason::CloseReason;
use crate::endpoint::{Endpoint, ResourceId, ResourceType};
use crate::network::{NetworkController, connect_sync};
use crate::notifier::Notifier;
use crate::registry::{NewEntry, SharedEntry};
use crate::shared::{Command, New, Shared};

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
    /// ```
    /// use polywire_core::adapter::Connect;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn dial(network: &NetworkController, transport: impl Connect) -> std::io::Result<()> {
    ///     let (server, local) = network.connect(transport, "example.org:3042")?;
    ///     println!("connecting to {server} from {local}");
    ///     network.send(server, b"hello"); // Leaves when the connection is there.
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// No endpoint came to be and no event will: the address is malformed or does not resolve, nobody
    /// listens at a path, the system has no descriptor, port or route, the adapter refuses its own
    /// configuration, or the node has stopped. [`CloseReason::of`] gives the typed reason, such as
    /// [`CloseReason::Unresolved`] and [`CloseReason::Refused`]. A malformed address and a wrong
    /// configuration have none: their kind is `InvalidInput` or `Unsupported`.
    ///
    /// [`NetEvent::Connected`]: crate::net_event::NetEvent::Connected
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
    /// ```
    /// use polywire_core::adapter::Connect;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn dial(network: &NetworkController, config: impl Connect) -> std::io::Result<()> {
    ///     network.connect_with(config, ("example.org", 3042))?;
    ///     Ok(())
    /// }
    /// ```
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
    /// ```
    /// use polywire_core::adapter::Connect;
    /// use polywire_core::CloseReason;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn dial(network: &NetworkController, transport: impl Connect) {
    ///     match network.connect_sync(transport, "127.0.0.1:3042") {
    ///         Ok((server, _local)) => println!("{server} is ready"),
    ///         Err(error) if CloseReason::of(&error) == Some(&CloseReason::Refused) => {
    ///             println!("start the server first");
    ///         }
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for `connect`, and the reason of a connection that failed, its timeouts
    /// ([`Limits::connect_timeout`] and [`Limits::handshake_timeout`], 10 s each by default)
    /// among them. No event tells of that endpoint then. [`CloseReason::of`] gives the typed
    /// reason.
    ///
    /// [`Limits::connect_timeout`]: crate::limits::Limits::connect_timeout
    /// [`Limits::handshake_timeout`]: crate::limits::Limits::handshake_timeout
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
    /// ```
    /// use polywire_core::adapter::Connect;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn dial(network: &NetworkController, config: impl Connect) -> std::io::Result<()> {
    ///     network.connect_sync_with(config, "127.0.0.1:3042")?;
    ///     Ok(())
    /// }
    /// ```
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
    /// ```
    /// use polywire_core::adapter::Listen;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn serve(network: &NetworkController, transport: impl Listen) -> std::io::Result<()> {
    ///     let (listener, addr) = network.listen(transport, "0.0.0.0:0")?;
    ///     println!("{listener} listens on port {}", addr.port());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What the last address failed with: in use, not of this machine, forbidden; or `addr` can't
    /// be made sense of; or the node has stopped.
    #[track_caller]
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
    /// ```
    /// use polywire_core::adapter::Listen;
    /// use polywire_core::network::NetworkController;
    ///
    /// fn serve(network: &NetworkController, config: impl Listen) -> std::io::Result<()> {
    ///     network.listen_with(config, "[::]:3042")?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for `listen`.
    #[track_caller]
    pub fn listen_with(
        &self,
        adapter: impl Listen,
        addr: impl ToSocketAddrs,
    ) -> io::Result<(ResourceId, SocketAddr)> {
        self.listen(adapter, addr)
    }

    fn begin_connect(
        &self,
        adapter: &dyn Connect,
        addr: &RemoteAddr,
    ) -> io::Result<(SharedEntry, New, SocketAddr)> {
        if self.shared.is_stopping() {
            return Err(Shared::stopped_error());
        }
        let Connection { remote, peer, local, reconnect, driver } =
            adapter.connect(addr).map_err(|error| CloseReason::explain_opening(error, addr))?;
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

//! Listening on an address, or to a group.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};

use mio::net::UdpSocket;
use polywire_core::adapter::{Adopted, Listen, Listener};
use polywire_core::address::RemoteAddr;

use crate::listener::UdpListener;
use crate::multicast::{self, MulticastInterface};
use crate::options::{Options, into_mio, prepare_adopted};
use crate::shared_socket::SharedSocket;
use crate::{TAG, broadcast, first_success};

/// Listens by UDP: a socket that hears everybody, and answers each by its address.
///
/// There are no connections: every message comes with an endpoint of the listener and the sender's
/// address, which may be forged, and a send to that endpoint goes out from the listener's port.
///
/// Listening on a multicast address (RFC 1112, RFC 4291 section 2.7) joins that group, and hears
/// nothing but what is sent to it (on Windows also the rest that reaches the port); the group is left
/// when the listener is removed. Several listeners of one machine may then share address and port,
/// and each hears everything.
///
/// Whether a listener on `[::]` hears IPv4 too is the system's choice (`IPV6_V6ONLY`): yes on Linux
/// and macOS, where IPv4 senders then show as `::ffff:192.0.2.1`, no on Windows.
///
/// ```
/// use polywire_udp::{MulticastInterface, UdpListenConfig};
///
/// let config = UdpListenConfig::default()
///     .with_multicast_interface(MulticastInterface::Index(2))
///     .with_multicast_ttl(4);
/// assert_eq!(config.multicast_ttl, Some(4));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpListenConfig {
    /// Whether messages may be sent to broadcast addresses (`SO_BROADCAST`). Default: no, and
    /// sending to one returns `ResourceNotAvailable`.
    pub send_broadcasts: bool,
    /// Whether a listener on the address of one interface hears the broadcasts (RFC 919) of that
    /// interface too. Default: no. Matters on Unix systems only, and there takes one or two more
    /// descriptors; a listener on `0.0.0.0`, and any on Windows, hears them anyway. IPv6 has none.
    ///
    /// Heard are broadcasts to the last address of the network, as 192.0.2.255, and on Linux (5.7
    /// and later, or for the superuser) also those to 255.255.255.255.
    pub receive_broadcasts: bool,
    /// Whether the address may be in use already (`SO_REUSEADDR`). Default: no, except for groups,
    /// where it always may.
    pub reuse_address: bool,
    /// Whether other sockets with this option may use the address too (`SO_REUSEPORT`): Linux then
    /// spreads the senders over them. Windows has no such option and takes this as
    /// `reuse_address`. Default: no.
    pub reuse_port: bool,
    /// Bytes the system may keep of what was received and not yet read (`SO_RCVBUF`); what comes
    /// beyond is lost. Default: none, which is the system's own (212,992 on Linux). What one gets:
    /// as for [`UdpConnectConfig::receive_buffer_size`](crate::UdpConnectConfig::receive_buffer_size).
    ///
    /// ```
    /// use polywire_udp::UdpListenConfig;
    ///
    /// // For bursts: as much as the system allows, up to 4 MiB.
    /// let config = UdpListenConfig::default().with_receive_buffer_size(4 << 20);
    /// ```
    pub receive_buffer_size: Option<usize>,
    /// The interface on which the group is joined, and by which datagrams to groups leave.
    /// Default: any.
    pub multicast_interface: MulticastInterface,
    /// Whether this machine too hears what is sent to a group. A matter of the sender on Unix
    /// systems, and of the receiver on Windows. Default: none, which is the system's: yes.
    pub multicast_loop: Option<bool>,
    /// Routers that datagrams to groups may pass, plus one (RFC 1112 section 6.1). Default: none,
    /// which is the system's: 1, so that none leaves the local network.
    pub multicast_ttl: Option<u8>,
    /// Whether an answer longer than its way carries is refused rather than cut into fragments, as
    /// [`UdpConnectConfig::dont_fragment`](crate::UdpConnectConfig::dont_fragment). Default: no.
    pub dont_fragment: bool,
    pub(crate) adopted: Option<Adopted<StdUdpSocket>>,
}

impl UdpListenConfig {
    /// Sets [`Self::send_broadcasts`] to yes.
    #[must_use]
    pub fn with_send_broadcasts(mut self) -> Self {
        self.send_broadcasts = true;
        self
    }

    /// Sets [`Self::receive_broadcasts`] to yes.
    #[must_use]
    pub fn with_receive_broadcasts(mut self) -> Self {
        self.receive_broadcasts = true;
        self
    }

    /// Sets [`Self::reuse_address`] to yes.
    #[must_use]
    pub fn with_reuse_address(mut self) -> Self {
        self.reuse_address = true;
        self
    }

    /// Sets [`Self::reuse_port`] to yes.
    #[must_use]
    pub fn with_reuse_port(mut self) -> Self {
        self.reuse_port = true;
        self
    }

    /// Sets [`Self::receive_buffer_size`].
    #[must_use]
    pub fn with_receive_buffer_size(mut self, bytes: usize) -> Self {
        self.receive_buffer_size = Some(bytes);
        self
    }

    /// Sets [`Self::multicast_interface`].
    #[must_use]
    pub fn with_multicast_interface(mut self, interface: MulticastInterface) -> Self {
        self.multicast_interface = interface;
        self
    }

    /// Sets [`Self::multicast_loop`].
    #[must_use]
    pub fn with_multicast_loop(mut self, enabled: bool) -> Self {
        self.multicast_loop = Some(enabled);
        self
    }

    /// Sets [`Self::multicast_ttl`].
    #[must_use]
    pub fn with_multicast_ttl(mut self, ttl: u8) -> Self {
        self.multicast_ttl = Some(ttl);
        self
    }

    /// Sets [`Self::dont_fragment`] to yes.
    #[must_use]
    pub fn with_dont_fragment(mut self) -> Self {
        self.dont_fragment = true;
        self
    }

    /// Takes over `socket`, which is bound, rather than to open one: the next `listen` by this configuration,
    /// or by a clone, has it, and others fail with `AddrInUse`. The address given to `listen` is not looked
    /// at, and of the options none is set. The system does not join datagrams (GRO), as another process may read
    /// the socket too.
    #[must_use]
    pub fn with_socket(mut self, socket: StdUdpSocket) -> Self {
        self.adopted = Some(Adopted::new(socket));
        self
    }

    /// The sockets of a listener on `addr`, and its address with the real port.
    fn open(&self, addr: SocketAddr) -> io::Result<Opened> {
        let options = self.options(addr);
        let (socket, addr) = match addr.ip().is_multicast() {
            true => self.open_group(addr, &options)?,
            false => open_unicast(addr, &options)?,
        };
        let broadcast_sockets = match self.receive_broadcasts && !addr.ip().is_multicast() {
            true => broadcast::open_sockets(addr, &options)?,
            false => Vec::new(),
        };
        Ok(Opened { socket, broadcast_sockets, addr })
    }

    fn open_group(
        &self,
        group: SocketAddr,
        options: &Options,
    ) -> io::Result<(UdpSocket, SocketAddr)> {
        let mut group = multicast::with_scope(group, self.multicast_interface)?;
        let socket = options.open(group)?;
        options.bind(&socket, multicast::bind_addr(group))?;
        multicast::join(&socket, group, self.multicast_interface).map_err(|error| {
            multicast::cannot_join(&error, group.ip(), self.multicast_interface)
        })?;
        let socket = into_mio(socket);
        group.set_port(socket.local_addr()?.port());
        Ok((socket, group))
    }

    fn options(&self, addr: SocketAddr) -> Options {
        Options {
            broadcast: self.send_broadcasts,
            reuse_address: self.reuse_address || addr.ip().is_multicast(),
            reuse_port: self.reuse_port,
            receive_buffer_size: self.receive_buffer_size,
            multicast_ttl: self.multicast_ttl,
            multicast_loop: self.multicast_loop,
            multicast_interface: self.multicast_interface,
            dont_fragment: self.dont_fragment,
            ..Options::default()
        }
    }
}

/// What a listener consists of.
#[derive(Debug)]
struct Opened {
    socket: UdpSocket,
    broadcast_sockets: Vec<UdpSocket>,
    addr: SocketAddr,
}

fn open_unicast(addr: SocketAddr, options: &Options) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = options.open(addr)?;
    options.bind(&socket, addr)?;
    let socket = into_mio(socket);
    let addr = socket.local_addr()?;
    Ok((socket, addr))
}

impl Listen for UdpListenConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        if let Some(adopted) = &self.adopted {
            let socket = prepare_adopted(adopted.take()?)?;
            let addr = RemoteAddr::Socket(socket.local_addr()?);
            let socket = SharedSocket::unconnected(socket).adopted();
            return Ok(Listener::new(UdpListener::new(socket, Vec::new()), addr));
        }
        let Opened { socket, broadcast_sockets, addr } =
            first_success(&addr.resolve()?, |addr| self.open(addr))?;
        let local = UdpListener::new(SharedSocket::unconnected(socket), broadcast_sockets);
        Ok(Listener::new(local, RemoteAddr::Socket(addr)))
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;

//! Connecting to a peer, a group or a broadcast address.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};

use mio::net::UdpSocket;
use polywire_core::Limits;
use polywire_core::adapter::{Adopted, Connect, Connection};
use polywire_core::address::RemoteAddr;
use socket2::SockRef;

use crate::connection::UdpConnection;
use crate::multicast::MulticastInterface;
use crate::options::{Options, into_mio, prepare_adopted};
use crate::shared_socket::SharedSocket;
use crate::{TAG, explain, first_success};

/// Connects by UDP: a socket tied to one peer, to a group (RFC 1112) or to a broadcast address
/// (RFC 919).
///
/// The address is a socket address, or `host:port`, which is looked up; the first address that
/// works is taken. Nothing is sent to connect, so it succeeds whether or not the peer is there, and
/// the endpoint is ready at once. Only what comes from that very address is received: answers to a
/// group or a broadcast come from other addresses, and are received by a listener.
///
/// ```
/// use polywire_udp::UdpConnectConfig;
///
/// let config = UdpConnectConfig::default().with_broadcast().with_ttl(4);
/// assert!(config.broadcast);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpConnectConfig {
    /// The address and port to send from; it must be of the peer's family. Default: none, which is
    /// any address of the peer's family and any port.
    pub source_address: Option<SocketAddr>,
    /// Whether a broadcast address may be the peer (`SO_BROADCAST`). Default: no, and connecting to
    /// one fails with `PermissionDenied`.
    pub broadcast: bool,
    /// Whether the source address may be in use already (`SO_REUSEADDR`). Default: no.
    pub reuse_address: bool,
    /// Whether other sockets may use the source port too (`SO_REUSEPORT`). Windows has no such
    /// option and takes this as `reuse_address`. Default: no.
    pub reuse_port: bool,
    /// Bytes the system may keep of what was received and not yet read (`SO_RCVBUF`); what comes
    /// beyond is lost. Default: none, which is the system's own (212,992 on Linux).
    ///
    /// Where datagrams come in bursts, ask for `4 << 20`. Linux gives no more than
    /// `net.core.rmem_max` (212,992 unless somebody raised it), without a word; it doubles what it
    /// gives, and counts its own bookkeeping against it. So 4 MiB hold some 10,000 datagrams of 64
    /// bytes, and the default some 250. macOS refuses more than `kern.ipc.maxsockbuf` (8 MiB).
    pub receive_buffer_size: Option<usize>,
    /// Bytes the system may keep of what was sent and has not left yet (`SO_SNDBUF`), as above.
    /// BSD systems refuse a message longer than this. Default: none.
    pub send_buffer_size: Option<usize>,
    /// Routers a datagram may pass, plus one: `IP_TTL` or `IP_MULTICAST_TTL` (RFC 1112 section
    /// 6.1), whichever suits the peer. 0 is refused except for groups. Default: none, which is the
    /// system's: 64 or so, and 1 for groups.
    pub ttl: Option<u8>,
    /// The interface by which datagrams to a group leave. Default: any.
    pub multicast_interface: MulticastInterface,
    /// Whether this machine too hears what is sent to a group. A matter of the sender on Unix
    /// systems, and of the receiver on Windows. Default: none, which is the system's: yes.
    pub multicast_loop: Option<bool>,
    /// Whether a datagram longer than its way carries is refused rather than cut into fragments.
    /// Default: no, so that what the interface does not carry in one piece leaves as several IP
    /// packets, all of which must arrive.
    ///
    /// With it, one that is longer than the interface carries is refused with
    /// [`MaxPacketSizeExceeded`](polywire_core::network::SendStatus), and one that a router on the
    /// way does not carry is lost: what path MTU discovery (RFC 8899) asks for. Connecting fails
    /// with `Unsupported` where the system can't do it (OpenBSD and NetBSD over IPv4). On Windows it takes
    /// quinn-udp 0.6.3, which needs Rust 1.88: with an earlier one connecting fails with `InvalidInput`.
    pub dont_fragment: bool,
    /// Bounds of the connection; of them, `read_budget` matters here. What waits to leave with
    /// others is bounded by 256 KiB whatever they say.
    pub limits: Limits,
    pub(crate) adopted: Option<Adopted<StdUdpSocket>>,
}

impl UdpConnectConfig {
    /// Sets [`Self::source_address`].
    #[must_use]
    pub fn with_source_address(mut self, addr: SocketAddr) -> Self {
        self.source_address = Some(addr);
        self
    }

    /// Sets [`Self::broadcast`] to yes.
    #[must_use]
    pub fn with_broadcast(mut self) -> Self {
        self.broadcast = true;
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

    /// Sets [`Self::send_buffer_size`].
    #[must_use]
    pub fn with_send_buffer_size(mut self, bytes: usize) -> Self {
        self.send_buffer_size = Some(bytes);
        self
    }

    /// Sets [`Self::ttl`].
    #[must_use]
    pub fn with_ttl(mut self, ttl: u8) -> Self {
        self.ttl = Some(ttl);
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

    /// Sets [`Self::dont_fragment`] to yes.
    #[must_use]
    pub fn with_dont_fragment(mut self) -> Self {
        self.dont_fragment = true;
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes over `socket`, bound or connected, rather than to open one, and connects it to the peer: the next
    /// `connect` by this configuration, or by a clone, has it, and others fail with `AddrInUse`. Of the
    /// options none is set, and the system does not join datagrams (GRO), as another process may read the socket
    /// too. What a socket has received before is dropped, for it may be from anybody, unless the socket
    /// is connected to the peer already.
    #[must_use]
    pub fn with_socket(mut self, socket: StdUdpSocket) -> Self {
        self.adopted = Some(Adopted::new(socket));
        self
    }

    /// A socket connected to the first of `peers` with which that succeeds, and which one that is.
    fn open_first(&self, peers: &[SocketAddr]) -> io::Result<(UdpSocket, SocketAddr)> {
        let Some(adopted) = &self.adopted else {
            return first_success(peers, |peer| Ok((self.open(peer)?, peer)));
        };
        let socket = prepare_adopted(adopted.take()?)?;
        if let Ok(connected) = socket.peer_addr() {
            if peers.iter().any(|peer| reaches(connected, *peer)) {
                return Ok((socket, connected));
            }
        }
        let peer = first_success(peers, |peer| connect_adopted(&socket, peer).map(|()| peer))?;
        Ok((socket, peer))
    }

    /// A new socket connected to `peer`.
    fn open(&self, peer: SocketAddr) -> io::Result<UdpSocket> {
        let source = self.source_for(peer)?;
        let options = self.options(peer);
        let socket = options.open(peer)?;
        options.bind(&socket, source)?;
        socket.connect(&peer.into()).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied if !self.broadcast => explain(
                &error,
                format_args!(
                    "can't connect to {peer}; if that is a broadcast address, use with_broadcast"
                ),
            ),
            _ => explain(&error, format_args!("can't connect to {peer}")),
        })?;
        let socket = into_mio(socket);
        discard_queued(&socket)?;
        Ok(socket)
    }

    /// The address to send to `peer` from.
    fn source_for(&self, peer: SocketAddr) -> io::Result<SocketAddr> {
        match (self.source_address, peer) {
            (None, SocketAddr::V4(_)) => Ok((Ipv4Addr::UNSPECIFIED, 0).into()),
            (None, SocketAddr::V6(_)) => Ok((Ipv6Addr::UNSPECIFIED, 0).into()),
            (Some(source), _) if source.is_ipv4() == peer.is_ipv4() => Ok(source),
            (Some(source), _) => {
                let text = format!(
                    "the source address {source} can't reach {peer}: one is IPv4, the other IPv6"
                );
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
        }
    }

    fn options(&self, peer: SocketAddr) -> Options {
        let is_group = peer.ip().is_multicast();
        Options {
            broadcast: self.broadcast,
            reuse_address: self.reuse_address,
            reuse_port: self.reuse_port,
            receive_buffer_size: self.receive_buffer_size,
            send_buffer_size: self.send_buffer_size,
            ttl: self.ttl.filter(|_| !is_group),
            multicast_ttl: self.ttl.filter(|_| is_group),
            multicast_loop: self.multicast_loop,
            multicast_interface: self.multicast_interface,
            dont_fragment: self.dont_fragment,
        }
    }
}

/// Whether what is sent to `connected` gets to `peer`, which may be an IPv4 address mapped into IPv6 and may leave the
/// interface out.
fn reaches(connected: SocketAddr, peer: SocketAddr) -> bool {
    let [own, asked] = [connected, peer].map(|addr| match addr {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(addr) => addr.scope_id(),
    });
    connected.port() == peer.port()
        && connected.ip().to_canonical() == peer.ip().to_canonical()
        && (own == asked || own == 0 || asked == 0)
}

/// Connects a socket that somebody else has opened, and that is not connected to any address of the peer.
fn connect_adopted(socket: &UdpSocket, peer: SocketAddr) -> io::Result<()> {
    socket
        .connect(peer)
        .map_err(|error| explain(&error, format_args!("can't connect to {peer}")))?;
    discard_queued(socket)
}

/// Fewest bytes of the receive buffer that an empty datagram takes. Linux counts its bookkeeping, other systems maybe no
/// more than the sender's address.
const MIN_DATAGRAM_COST_BYTES: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 256 } else { 16 };

/// Drops what waits in a socket that has just been connected: connect(2) leaves what others sent before in the queue, and
/// it would pass for the peer's.
fn discard_queued(socket: &UdpSocket) -> io::Result<()> {
    // From now on only the peer's are queued. A flood of those must not hold this up, so it ends after as many as can
    // have waited.
    let buffer_size = SockRef::from(socket).recv_buffer_size()?;
    for _ in 0..=buffer_size / MIN_DATAGRAM_COST_BYTES {
        match socket.recv(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Other errors are of earlier datagrams, or of one that is longer than this buffer (Windows).
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

impl Connect for UdpConnectConfig {
    fn tag(&self) -> u8 {
        TAG
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let (socket, peer) = self.open_first(&addr.resolve()?)?;
        let local = RemoteAddr::Socket(socket.local_addr()?);
        let socket = SharedSocket::connected(socket, peer);
        let socket = if self.adopted.is_some() { socket.adopted() } else { socket };
        let remote = UdpConnection::new(socket, self.limits.clone());
        Ok(Connection::new(remote, RemoteAddr::Socket(peer), local))
    }
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;

//! The address of one end of a proxied connection.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The longest path of a Unix socket that a header has room for.
pub(crate) const MAX_UNIX_PATH: usize = 108;

/// The address of one end of a proxied connection, as a header says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyAddr {
    /// Of TCP or UDP.
    Inet(SocketAddr),
    /// The path of a Unix socket: at most 108 bytes, without the zeros that fill it up. Empty for a socket
    /// without a name; one of Linux' abstract names begins with a zero.
    Unix(Vec<u8>),
}

impl ProxyAddr {
    /// The socket address, unless it is that of a Unix socket.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for ProxyAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

impl fmt::Display for ProxyAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.escape_ascii()),
        }
    }
}

/// Both ends in the one family that a header has for the two of them: IPv4 if both are, IPv6 otherwise.
pub(crate) fn in_one_family(
    source: SocketAddr,
    destination: SocketAddr,
) -> (SocketAddr, SocketAddr) {
    let canonical = |addr: SocketAddr| SocketAddr::new(addr.ip().to_canonical(), addr.port());
    let (source_v4, destination_v4) = (canonical(source), canonical(destination));
    if source_v4.is_ipv4() && destination_v4.is_ipv4() {
        return (source_v4, destination_v4);
    }
    (to_v6(source), to_v6(destination))
}

fn to_v6(addr: SocketAddr) -> SocketAddr {
    let ip: Ipv6Addr = match addr.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddrV6::new(ip, addr.port(), 0, 0).into()
}

//! Hearing broadcasts beside the traffic of one interface.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use if_addrs::{IfAddr, get_if_addrs};
use mio::net::UdpSocket;

use crate::options::{Options, into_mio};

/// The sockets that hear the broadcasts of the interface with the address `bound`.
///
/// A socket bound to an interface's own address hears no broadcasts on Unix systems: the
/// destination of each datagram is matched against the bound address. So each broadcast address
/// gets a socket of its own. None is needed, and none opened, for IPv6, for the unspecified
/// address, and on Windows.
pub(crate) fn open_sockets(bound: SocketAddr, options: &Options) -> io::Result<Vec<UdpSocket>> {
    let SocketAddr::V4(bound) = bound else { return Ok(Vec::new()) };
    if cfg!(windows) || bound.ip().is_unspecified() {
        return Ok(Vec::new());
    }
    let interface = Interface::with_addr(*bound.ip())?;
    let mut sockets = Vec::new();
    if let Some(broadcast) = interface.broadcast {
        let addr = SocketAddr::new(broadcast.into(), bound.port());
        let socket = options.open(addr)?;
        options.bind(&socket, addr)?;
        sockets.push(into_mio(socket));
    }
    sockets.extend(open_limited(&interface, bound.port(), options)?);
    Ok(sockets)
}

/// The interface a listener is bound to.
struct Interface {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    name: String,
    broadcast: Option<Ipv4Addr>,
}

impl Interface {
    fn with_addr(addr: Ipv4Addr) -> io::Result<Self> {
        let found = get_if_addrs()?.into_iter().find_map(|interface| match interface.addr {
            IfAddr::V4(v4) if v4.ip == addr => Some(Self {
                name: interface.name,
                broadcast: v4.broadcast.or_else(|| directed_broadcast(v4.ip, v4.netmask)),
            }),
            _ => None,
        });
        found.ok_or_else(|| {
            let text = format!("no interface has the address {}", IpAddr::V4(addr));
            io::Error::new(io::ErrorKind::AddrNotAvailable, text)
        })
    }
}

/// The last address of the network (RFC 919), unless it is too small to have one (RFC 3021).
fn directed_broadcast(addr: Ipv4Addr, netmask: Ipv4Addr) -> Option<Ipv4Addr> {
    (!netmask.to_bits() > 1).then(|| Ipv4Addr::from_bits(addr.to_bits() | !netmask.to_bits()))
}

/// A socket for 255.255.255.255, kept to the interface: other interfaces have that address too.
#[cfg(target_os = "linux")]
fn open_limited(
    interface: &Interface,
    port: u16,
    options: &Options,
) -> io::Result<Option<UdpSocket>> {
    let addr = SocketAddr::new(Ipv4Addr::BROADCAST.into(), port);
    let socket = options.open(addr)?;
    if let Err(error) = socket.bind_device(Some(interface.name.as_bytes())) {
        // Before Linux 5.7 only the superuser may.
        let name = interface.name.as_str();
        tracing::debug!(%error, name, "broadcasts to 255.255.255.255 will not be received");
        return Ok(None);
    }
    options.bind(&socket, addr)?;
    Ok(Some(into_mio(socket)))
}

#[cfg(not(target_os = "linux"))]
fn open_limited(_: &Interface, _: u16, _: &Options) -> io::Result<Option<UdpSocket>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broadcast_address_is_the_last_of_its_network() {
        let broadcast = |addr: [u8; 4], mask: [u8; 4]| directed_broadcast(addr.into(), mask.into());
        assert_eq!(
            broadcast([192, 168, 1, 7], [255, 255, 255, 0]),
            Some([192, 168, 1, 255].into())
        );
        assert_eq!(broadcast([127, 0, 0, 1], [255, 0, 0, 0]), Some([127, 255, 255, 255].into()));
        assert_eq!(broadcast([10, 0, 0, 1], [255, 255, 255, 254]), None);
        assert_eq!(broadcast([10, 0, 0, 1], [255, 255, 255, 255]), None);
    }
}

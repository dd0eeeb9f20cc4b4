//! Groups, and the interfaces they are heard and spoken to on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use if_addrs::get_if_addrs;
use socket2::Socket;

use crate::explain;

/// The network interface that multicast goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MulticastInterface {
    /// The one the system's routes choose, or the scope of an IPv6 address (`ff02::1%2`). The
    /// default.
    #[default]
    Any,
    /// The one with this IPv4 address; also tells the interface for IPv6.
    Addr(Ipv4Addr),
    /// The one with this index (RFC 3493 section 4). For IPv4 it must have an IPv4 address.
    Index(u32),
}

impl MulticastInterface {
    /// The address by which IPv4 knows the interface: unspecified for any.
    fn v4_addr(self) -> io::Result<Ipv4Addr> {
        let index = match self {
            Self::Any => return Ok(Ipv4Addr::UNSPECIFIED),
            Self::Addr(addr) => return Ok(addr),
            Self::Index(index) => index,
        };
        let addr = get_if_addrs()?.into_iter().find_map(|interface| match interface.ip() {
            IpAddr::V4(ip) if interface.index == Some(index) => Some(ip),
            _ => None,
        });
        addr.ok_or_else(|| {
            let text = format!("no interface with an IPv4 address has the index {index}");
            io::Error::new(io::ErrorKind::AddrNotAvailable, text)
        })
    }

    /// The index by which IPv6 knows the interface: 0 for any.
    fn v6_index(self, addr: SocketAddrV6) -> io::Result<u32> {
        let v4_addr = match self {
            Self::Any => return Ok(addr.scope_id()),
            Self::Addr(addr) => addr,
            Self::Index(index) => return Ok(index),
        };
        let interface = get_if_addrs()?.into_iter().find(|interface| interface.ip() == v4_addr);
        interface.and_then(|interface| interface.index).ok_or_else(|| {
            let text = format!("no interface has the address {v4_addr}");
            io::Error::new(io::ErrorKind::AddrNotAvailable, text)
        })
    }
}

/// Makes what `socket` sends to groups leave by `interface`.
///
/// `addr` is the peer of the socket or the address it is to be bound to.
pub(crate) fn send_through(
    socket: &Socket,
    addr: SocketAddr,
    interface: MulticastInterface,
) -> io::Result<()> {
    match addr {
        SocketAddr::V4(_) if interface != MulticastInterface::Any => {
            socket.set_multicast_if_v4(&interface.v4_addr()?)
        }
        SocketAddr::V6(addr) if interface != MulticastInterface::Any => {
            socket.set_multicast_if_v6(interface.v6_index(addr)?)
        }
        SocketAddr::V6(addr) if addr.ip().is_multicast() && addr.scope_id() != 0 => {
            socket.set_multicast_if_v6(addr.scope_id())
        }
        _ => Ok(()),
    }
}

/// The group with the scope it needs: one of an interface or link only (RFC 4291 section 2.7)
/// means nothing without.
pub(crate) fn with_scope(
    group: SocketAddr,
    interface: MulticastInterface,
) -> io::Result<SocketAddr> {
    match group {
        SocketAddr::V6(mut addr) if matches!(addr.ip().segments()[0] & 0xF, 1 | 2) => {
            if addr.scope_id() == 0 {
                addr.set_scope_id(scope_of(addr, interface)?);
            }
            Ok(addr.into())
        }
        _ => Ok(group),
    }
}

fn scope_of(group: SocketAddrV6, interface: MulticastInterface) -> io::Result<u32> {
    match interface.v6_index(group)? {
        0 => {
            let text = format!(
                "the group {} means nothing without an interface: choose one by \
                 MulticastInterface::Index, or in the address, as in [ff02::1%2]:80",
                group.ip()
            );
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
        index => Ok(index),
    }
}

/// The address to bind to so that only what is sent to `group` is heard.
///
/// Unix systems match a datagram's destination against the bound address. Windows refuses to bind
/// to a group: a socket there hears whatever reaches its port.
pub(crate) fn bind_addr(group: SocketAddr) -> SocketAddr {
    match group {
        _ if !cfg!(windows) => group,
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), group.port()),
        SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), group.port()),
    }
}

/// Joins `group` on `interface`. Closing the socket leaves it.
pub(crate) fn join(
    socket: &Socket,
    group: SocketAddr,
    interface: MulticastInterface,
) -> io::Result<()> {
    hear_joined_groups_only(socket, group)?;
    match group {
        SocketAddr::V4(addr) => socket.join_multicast_v4(addr.ip(), &interface.v4_addr()?),
        SocketAddr::V6(addr) => socket.join_multicast_v6(addr.ip(), interface.v6_index(addr)?),
    }
}

/// The error of [`join`], with what to do about it.
pub(crate) fn cannot_join(
    error: &io::Error,
    group: IpAddr,
    interface: MulticastInterface,
) -> io::Error {
    let hint = match interface {
        MulticastInterface::Any => {
            " (the system has no route that tells the interface: choose one by MulticastInterface)"
        }
        _ => "",
    };
    explain(error, format_args!("can't join {group}{hint}"))
}

/// By default Linux hands a socket what comes in for a group on an interface where any other
/// socket of the machine has joined it.
#[cfg(target_os = "linux")]
fn hear_joined_groups_only(socket: &Socket, group: SocketAddr) -> io::Result<()> {
    match group {
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false),
        SocketAddr::V6(_) => {
            // Linux has this option since 4.20; without it, more is heard than was asked for.
            let _ = socket.set_multicast_all_v6(false);
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn hear_joined_groups_only(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_does_not_exist_is_an_error() {
        let interface = MulticastInterface::Index(u32::MAX);
        assert_eq!(interface.v4_addr().unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        let interface = MulticastInterface::Addr(Ipv4Addr::new(203, 0, 113, 77));
        let group = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0);
        assert_eq!(interface.v6_index(group).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn address_and_index_name_the_same_interface() {
        let by_addr = MulticastInterface::Addr(Ipv4Addr::LOCALHOST);
        let group = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0);
        let index = by_addr.v6_index(group).unwrap();
        assert_eq!(MulticastInterface::Index(index).v4_addr().unwrap(), Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn a_group_without_a_route_is_told_what_to_do() {
        let no_device = io::Error::from_raw_os_error(19);
        for group in ["239.1.2.3", "ff15::1"] {
            let error = cannot_join(&no_device, group.parse().unwrap(), MulticastInterface::Any);
            assert!(error.to_string().contains("MulticastInterface"), "{error}");
        }
    }

    #[test]
    fn a_link_local_group_without_an_interface_is_told_what_to_do() {
        let group = "[ff02::1:2]:0".parse().unwrap();
        let error = with_scope(group, MulticastInterface::Any).unwrap_err();
        assert!(error.to_string().contains("MulticastInterface::Index"), "{error}");
        let scoped = with_scope(group, MulticastInterface::Index(7)).unwrap();
        assert!(matches!(scoped, SocketAddr::V6(addr) if addr.scope_id() == 7));
    }
}

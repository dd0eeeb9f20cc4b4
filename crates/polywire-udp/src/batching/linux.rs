//! What Linux has for datagrams that come or leave together. Sends do without quinn-udp, which sets the traffic
//! class (DSCP) of each datagram to 0, whatever the socket has.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage};
use nix::sys::socket::{getsockopt, sendmsg, setsockopt, sockopt};
use socket2::Socket;

/// Turns GRO on: the system hands out datagrams of one sender and size together, up to 64 of them by one
/// receive (Linux 5.0 and later). Without it they come one by one.
pub(crate) fn enable_gro(socket: &UdpSocket) {
    if let Err(error) = setsockopt(socket, sockopt::UdpGroSegment, &true) {
        tracing::debug!(%error, "datagrams are received one by one");
    }
}

/// Turns GRO off, on a socket that has received nothing yet.
pub(crate) fn disable_gro(socket: &Socket) -> io::Result<()> {
    match setsockopt(socket, sockopt::UdpGroSegment, &false) {
        Err(Errno::ENOPROTOOPT) => Ok(()), // Before Linux 5.0, which can't turn it on either.
        result => Ok(result?),
    }
}

/// Whether GRO is on.
pub(crate) fn has_gro(socket: &UdpSocket) -> bool {
    getsockopt(socket, sockopt::UdpGroSegment).unwrap_or(false)
}

/// Asks to be told at which address each datagram came. Returns whether that is to be had.
pub(crate) fn tell_destinations(socket: &UdpSocket, is_v6: bool) -> bool {
    let result = match is_v6 {
        // Of IPv4 as well, as mapped addresses.
        true => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true),
        false => setsockopt(socket, sockopt::Ipv4PacketInfo, &true),
    };
    if let Err(error) = &result {
        tracing::debug!(%error, "answers leave from the address that the system chooses");
    }
    result.is_ok() && super::system().is_some()
}

/// Sends `bytes` to `destination`: as datagrams of `len` bytes each, the last of the rest, or as one; from
/// `src_ip`, if there is one.
pub(crate) fn send(
    socket: &UdpSocket,
    destination: SocketAddr,
    bytes: &[u8],
    len: Option<usize>,
    src_ip: Option<IpAddr>,
) -> io::Result<()> {
    let Ok(len) = len.map(u16::try_from).transpose() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let destination = SockaddrStorage::from(destination);
    let send = |options: &[ControlMessage<'_>]| {
        let (fd, bytes) = (socket.as_raw_fd(), [IoSlice::new(bytes)]);
        sendmsg(fd, &bytes, options, MsgFlags::MSG_NOSIGNAL, Some(&destination))
    };
    let segments = len.as_ref().map(ControlMessage::UdpGsoSegments);
    let (v4, v6);
    let source = match src_ip {
        Some(IpAddr::V4(ip)) => {
            let addr = |ip: u32| in_addr { s_addr: ip.to_be() };
            v4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: addr(ip.to_bits()), ipi_addr: addr(0) };
            Some(ControlMessage::Ipv4PacketInfo(&v4))
        }
        Some(IpAddr::V6(ip)) => {
            let addr = in6_addr { s6_addr: ip.octets() };
            v6 = in6_pktinfo { ipi6_addr: addr, ipi6_ifindex: 0 };
            Some(ControlMessage::Ipv6PacketInfo(&v6))
        }
        None => None,
    };
    socket.try_io(|| {
        match (source, segments) {
            (None, None) => send(&[]),
            (Some(option), None) | (None, Some(option)) => send(&[option]),
            (Some(source), Some(segments)) => send(&[source, segments]),
        }?;
        Ok(())
    })
}

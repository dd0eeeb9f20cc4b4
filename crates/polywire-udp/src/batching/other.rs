//! The same on systems that join nothing that was received, and are not asked where it was sent to.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::Transmit;
use socket2::Socket;

use super::System;

pub(crate) fn enable_gro(_: &UdpSocket) {}

/// quinn-udp does not turn it on here, not even on Windows.
pub(crate) fn disable_gro(_: &Socket) -> io::Result<()> {
    Ok(())
}

pub(crate) fn has_gro(_: &UdpSocket) -> bool {
    false
}

pub(crate) fn tell_destinations(_: &UdpSocket, _: bool) -> bool {
    false
}

pub(crate) fn send(
    socket: &UdpSocket,
    destination: SocketAddr,
    bytes: &[u8],
    len: Option<usize>,
    src_ip: Option<IpAddr>,
) -> io::Result<()> {
    let Some(System { state, .. }) = super::system() else {
        return socket.send_to(bytes, destination).map(drop);
    };
    let transmit = Transmit { destination, ecn: None, contents: bytes, segment_size: len, src_ip };
    socket.try_io(|| state.try_send(socket.into(), &transmit))
}

//! recv(2), send(2) and the like without a function of libc, std or mio around them, since each takes
//! its time to return behind a system call: see `socket/calls` of `polywire-tcp`.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use rustix::net::{RecvFlags, SendFlags};

#[inline(always)]
pub(super) fn receive(socket: &UdpSocket, slot: &mut [u8]) -> io::Result<usize> {
    let (_, len) = rustix::net::recv(socket, slot, RecvFlags::empty())?;
    Ok(len)
}

#[inline(always)]
pub(super) fn receive_from(socket: &UdpSocket, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let (_, len, from) = rustix::net::recvfrom(socket, slot, RecvFlags::empty())?;
    let from = from.ok_or(io::ErrorKind::InvalidData)?;
    Ok((len, SocketAddr::try_from(from)?))
}

#[inline(always)]
pub(super) fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[inline(always)]
pub(super) fn send_to(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
    match to {
        SocketAddr::V4(to) => rustix::net::sendto(socket, bytes, SendFlags::NOSIGNAL, &to)?,
        SocketAddr::V6(to) => rustix::net::sendto(socket, bytes, SendFlags::NOSIGNAL, &to)?,
    };
    Ok(())
}

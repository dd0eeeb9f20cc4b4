//! Receiving and sending by mio, which sees to it on every system that readiness is told again.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;

pub(super) fn receive(socket: &UdpSocket, slot: &mut [u8]) -> io::Result<usize> {
    socket.recv(slot)
}

pub(super) fn receive_from(socket: &UdpSocket, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    socket.recv_from(slot)
}

pub(super) fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<()> {
    socket.send(bytes).map(drop)
}

pub(super) fn send_to(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
    socket.send_to(bytes, to).map(drop)
}

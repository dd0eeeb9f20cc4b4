//! What is set on a new socket, whether it connects or listens.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::batching;
use crate::explain;
use crate::multicast::{MulticastInterface, send_through};

/// The largest size that setsockopt(2) can take; a larger one would wrap around.
const MAX_BUFFER_BYTES: usize = i32::MAX as usize;

/// A socket that somebody else has opened, ready for this crate.
pub(crate) fn prepare_adopted(socket: UdpSocket) -> io::Result<mio::net::UdpSocket> {
    socket.set_nonblocking(true)?;
    batching::prepare()?;
    Ok(mio::net::UdpSocket::from_std(socket))
}

/// The options both configurations share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) broadcast: bool,
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) receive_buffer_size: Option<usize>,
    pub(crate) send_buffer_size: Option<usize>,
    pub(crate) ttl: Option<u8>,
    pub(crate) multicast_ttl: Option<u8>,
    pub(crate) multicast_loop: Option<bool>,
    pub(crate) multicast_interface: MulticastInterface,
    pub(crate) dont_fragment: bool,
}

impl Options {
    /// A non-blocking socket of the family of `addr`, not yet bound, with these options set.
    ///
    /// `IPV6_V6ONLY` is left as the system has it.
    pub(crate) fn open(&self, addr: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))
            .map_err(|error| explain(&error, format_args!("can't open a socket for {addr}")))?;
        self.set(&socket, addr)
            .map_err(|error| explain(&error, format_args!("can't set an option for {addr}")))?;
        Ok(socket)
    }

    /// Binds `socket` to `addr`.
    pub(crate) fn bind(&self, socket: &Socket, addr: SocketAddr) -> io::Result<()> {
        socket
            .bind(&addr.into())
            .map_err(|error| explain(&error, format_args!("can't bind to {addr}")))?;
        batching::prepare()
    }

    fn set(&self, socket: &Socket, addr: SocketAddr) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        if self.dont_fragment {
            batching::forbid_fragments(socket)?;
        }
        if self.broadcast {
            socket.set_broadcast(true)?;
        }
        if self.reuse_address {
            socket.set_reuse_address(true)?;
        }
        if self.reuse_port {
            set_reuse_port(socket)?;
        }
        if let Some(size) = self.receive_buffer_size {
            socket.set_recv_buffer_size(size.min(MAX_BUFFER_BYTES))?;
        }
        if let Some(size) = self.send_buffer_size {
            socket.set_send_buffer_size(size.min(MAX_BUFFER_BYTES))?;
        }
        match addr {
            SocketAddr::V4(_) => self.set_v4(socket)?,
            SocketAddr::V6(_) => self.set_v6(socket)?,
        }
        send_through(socket, addr, self.multicast_interface)
    }

    fn set_v4(&self, socket: &Socket) -> io::Result<()> {
        if let Some(ttl) = self.ttl {
            socket.set_ttl_v4(ttl.into())?;
        }
        if let Some(ttl) = self.multicast_ttl {
            socket.set_multicast_ttl_v4(ttl.into())?;
        }
        if let Some(enabled) = self.multicast_loop {
            socket.set_multicast_loop_v4(enabled)?;
        }
        Ok(())
    }

    fn set_v6(&self, socket: &Socket) -> io::Result<()> {
        if let Some(ttl) = self.ttl {
            socket.set_unicast_hops_v6(ttl.into())?;
        }
        if let Some(ttl) = self.multicast_ttl {
            socket.set_multicast_hops_v6(ttl.into())?;
        }
        if let Some(enabled) = self.multicast_loop {
            socket.set_multicast_loop_v6(enabled)?;
        }
        Ok(())
    }
}

/// The socket as the loop takes it.
pub(crate) fn into_mio(socket: Socket) -> mio::net::UdpSocket {
    mio::net::UdpSocket::from_std(UdpSocket::from(socket))
}

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Systems without the option let two sockets share a port by `SO_REUSEADDR`.
#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

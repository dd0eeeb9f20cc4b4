//! Options of sockets, with errors that name the option.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::keepalive::TcpKeepalive;

/// The largest size that fits into what setsockopt(2) takes: more would be told as a small one, or none.
const MOST: usize = i32::MAX as usize;

/// What a socket gets before it is bound, listens or connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions<'a> {
    pub(crate) bind_device: Option<&'a str>,
    pub(crate) receive_buffer_size: Option<usize>,
    pub(crate) send_buffer_size: Option<usize>,
}

impl SocketOptions<'_> {
    /// A non-blocking socket of the family of `addr` with these options, closed on exec.
    pub(crate) fn open(&self, addr: SocketAddr) -> io::Result<Socket> {
        let domain = Domain::for_address(addr);
        let socket = Socket::new(domain, Type::STREAM, Some(socket2::Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if let Some(device) = self.bind_device {
            let what = format!("can't bind to the device '{device}'");
            bind_device(&socket, device).map_err(|error| because(&what, &error))?;
        }
        // Before connecting or listening, because the window scale is settled by the first packet.
        if let Some(bytes) = self.receive_buffer_size {
            socket
                .set_recv_buffer_size(bytes.min(MOST))
                .map_err(|error| refused("SO_RCVBUF", &error))?;
        }
        if let Some(bytes) = self.send_buffer_size {
            socket
                .set_send_buffer_size(bytes.min(MOST))
                .map_err(|error| refused("SO_SNDBUF", &error))?;
        }
        Ok(socket)
    }
}

/// What a stream gets, whether it was connected or accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamOptions {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<TcpKeepalive>,
    pub(crate) so_linger: Option<Duration>,
}

impl StreamOptions {
    pub(crate) fn set_on(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if self.nodelay {
            socket.set_tcp_nodelay(true).map_err(|error| refused("TCP_NODELAY", &error))?;
        }
        if let Some(keepalive) = self.keepalive {
            keepalive.set_on(socket).map_err(|error| refused("SO_KEEPALIVE", &error))?;
        }
        match self.so_linger {
            None => Ok(()),
            Some(Duration::ZERO) => socket
                .set_linger(Some(Duration::ZERO))
                .map_err(|error| refused("SO_LINGER", &error)),
            // The system waits in close(2) for that long, of non-blocking sockets too.
            Some(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "so_linger can only be zero: use Limits::linger for the time of a polite end",
            )),
        }
    }
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn bind_device(socket: &Socket, device: &str) -> io::Result<()> {
    socket.bind_device(Some(device.as_bytes()))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn bind_device(_socket: &Socket, _device: &str) -> io::Result<()> {
    let text = "this system can't do that by name: use the address of the interface instead";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
pub(crate) fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true).map_err(|error| refused("SO_REUSEPORT", &error))
}

#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
pub(crate) fn set_reuse_port(_socket: &Socket) -> io::Result<()> {
    let text = "this system has no SO_REUSEPORT: leave reuse_port off";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// The error of an option that the system did not take.
pub(crate) fn refused(option: &str, error: &io::Error) -> io::Error {
    because(&format!("can't set {option}"), error)
}

/// `error`, told together with what it prevented.
pub(crate) fn because(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

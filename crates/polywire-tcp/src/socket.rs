//! The TCP socket, as the stream engine reads and writes it.

// The sanitizers know what libc does, and not what the system does.
#[cfg_attr(
    any(not(any(target_os = "linux", target_os = "android")), polywire_sanitized),
    path = "socket/plain_calls.rs"
)]
mod calls;
mod polled;

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::Interest;
use mio::net::TcpStream;
use polywire_core::adapter::Registration;
use polywire_core::stream::{Establishing, Stream};
use socket2::SockRef;

use crate::socket::polled::PolledStream;

/// Where mio polls with epoll or kqueue; its emulation over IOCP or poll(2) is armed again only by a
/// call that would block.
const IS_EDGE_TRIGGERED: bool = cfg!(all(
    not(mio_unsupported_force_poll_poll),
    any(
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "redox",
    )
));

/// A non-blocking TCP socket, connected or about to be, as the [`Stream`] of an
/// [`Engine`](polywire_core::stream::Engine).
///
/// [`connect_stream`](crate::connect_stream) and [`listen_stream`](crate::listen_stream) make one for
/// each connection. Take it directly for a connection that was opened by other means, for example
/// through a proxy or by a parent process, or as what a
/// [`Layer`](polywire_core::stream::Layer) is put over.
///
/// ```
/// use std::io;
/// use std::net::TcpStream;
///
/// use polywire_core::adapter::{Connect, Connection};
/// use polywire_core::address::RemoteAddr;
/// use polywire_core::stream::Engine;
/// use polywire_core::{Limits, network};
/// use polywire_tcp::{Raw, TcpSocket};
///
/// /// Takes over the connection that was opened before, instead of opening one.
/// struct Inherited(TcpStream);
///
/// impl Connect for Inherited {
///     fn connect(&self, peer: &RemoteAddr) -> io::Result<Connection> {
///         let local = RemoteAddr::Socket(self.0.local_addr()?);
///         let socket = TcpSocket::from_std(self.0.try_clone()?)?;
///         let engine = Engine::connecting(socket, Raw, Limits::default());
///         Ok(Connection::new(engine, peer.clone(), local))
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let addr = server.local_addr()?;
/// let (network, _processor) = network::split();
/// let inherited = Inherited(TcpStream::connect(addr)?);
/// let (endpoint, _local) = network.connect(inherited, addr)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpSocket(PolledStream);

impl TcpSocket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(PolledStream::own(stream))
    }

    /// A socket of the standard library, which becomes non-blocking. Its options stay as they are.
    ///
    /// # Errors
    ///
    /// Those of [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(PolledStream::adopted(TcpStream::from_std(stream))))
    }
}

impl Stream for TcpSocket {
    const SHORT_READ_DRAINS: bool = IS_EDGE_TRIGGERED;
    const SHORT_WRITE_FILLS: bool = IS_EDGE_TRIGGERED;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let interest = interest | Interest::PRIORITY; // Urgent data; see `Readiness::ended`.
        self.0.register(registration, interest)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.0.deregister(registration)
    }

    /// The steps that mio documents at [`TcpStream::connect`].
    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        if so_far != Establishing::Connecting {
            return Ok(Establishing::Established); // As one that was accepted is.
        }
        if let Some(error) = self.0.take_error()? {
            return Err(error);
        }
        match self.0.peer_addr() {
            // A socket whose own port is the one it looks for connects to itself (RFC 9293 section
            // 3.5, simultaneous open): nobody listens there.
            Ok(peer) if peer == self.0.local_addr()? => {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Ok(_) => Ok(Establishing::Established),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Ok(Establishing::Connecting)
            }
            Err(error) if is_in_progress(&error) => Ok(Establishing::Connecting),
            Err(error) => Err(error),
        }
    }

    #[inline(always)]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        calls::read(&self.0, buffer)
    }

    #[inline(always)]
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match buffers {
            [buffer] => calls::write(&self.0, buffer),
            _ => calls::write_vectored(&self.0, buffers),
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        if SockRef::from(&*self.0).linger()? == Some(Duration::ZERO) {
            // Closing resets such a connection, unless its end was sent before.
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.0.shutdown(Shutdown::Write)
    }
}

/// Whether `error` says that connecting has begun (connect(2)): `EINPROGRESS`, which std has no
/// stable kind for; on Windows `WSAEWOULDBLOCK`.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    const EINPROGRESS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
        115
    } else if cfg!(any(target_os = "solaris", target_os = "illumos")) {
        150
    } else if cfg!(windows) {
        10036
    } else {
        36 // The BSDs and macOS.
    };
    error.raw_os_error() == Some(EINPROGRESS)
        || cfg!(windows) && error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_the_standard_library_no_longer_blocks() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = TcpSocket::from_std(peer).unwrap();
        #[cfg(unix)]
        assert!(SockRef::from(&*socket.0).nonblocking().unwrap());
        let established = socket.establish(Establishing::Connecting).unwrap();
        assert_eq!(established, Establishing::Established);
        let error = socket.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_socket_takes_no_more_memory_than_its_descriptor() {
        assert_eq!(size_of::<TcpSocket>(), size_of::<TcpStream>());
    }
}

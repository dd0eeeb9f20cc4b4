//! Datagrams (`SOCK_DGRAM`).

mod config;
#[cfg(unix)]
mod connection;
#[cfg(unix)]
mod listener;
#[cfg(unix)]
mod peers;
#[cfg(unix)]
mod receiving;
#[cfg(unix)]
mod shared_socket;
#[cfg(unix)]
mod waiters;

use std::io;

use polywire_core::adapter::{Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;

pub use config::{MAX_DATAGRAM_LEN, UnixDatagramConnectConfig, UnixDatagramListenConfig};

/// Datagrams over Unix sockets, with the defaults of [`UnixDatagramConnectConfig`] and [`UnixDatagramListenConfig`].
///
/// A message is one datagram. Unlike those of UDP they are neither lost nor reordered: what the system took waits for
/// its receiver. Nothing is queued on this side, so `send` answers as that of UDP:
/// * `Sent`: the system took it.
/// * `Full`: as many datagrams wait for the receiver as the system lets (10 on Linux by default,
///   `net.unix.max_dgram_qlen`), or as many bytes of this socket's as fit. Nothing was sent; try again later, or at the signal of
///   `send_signal_when_writable`. For the peers of a listener, whose room nothing tells of, it comes every 20 ms at most.
/// * `MaxPacketSizeExceeded`: it is longer than the buffer of this socket (212,960 bytes on Linux by default), or than
///   [`MAX_DATAGRAM_LEN`].
/// * `ResourceNotAvailable`: the peer of a listener is gone, has no name, or may not be sent to.
/// * `ResourceNotFound`: the endpoint has ended. A connection ends by a send to a peer that is gone, with
///   [`CloseReason::Refused`](polywire_core::CloseReason::Refused).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnixDatagram;

impl Connect for UnixDatagram {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        UnixDatagramConnectConfig::default().connect(addr)
    }
}

impl Listen for UnixDatagram {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        UnixDatagramListenConfig::default().listen(addr)
    }
}

#[cfg(unix)]
impl Connect for UnixDatagramConnectConfig {
    /// No name is looked up, but binding to a path waits a little where somebody else has locked its directory.
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        self.binds_to_path()
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connection::connect(self, addr)
    }
}

#[cfg(unix)]
impl Listen for UnixDatagramListenConfig {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        listener::listen(self, addr)
    }
}

#[cfg(not(unix))]
impl Connect for UnixDatagramConnectConfig {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        crate::unsupported::unsupported(addr)
    }
}

#[cfg(not(unix))]
impl Listen for UnixDatagramListenConfig {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        crate::unsupported::unsupported(addr)
    }
}

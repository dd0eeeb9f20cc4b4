//! Byte streams, and any protocol over them.

use std::io;

use polywire_core::adapter::{Accepted, Connect, Connection, Listen, Listener};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{NoLayer, Protocol};
use polywire_tcp::Raw;

use crate::connect_config::UnixConnectConfig;
use crate::listen_config::UnixListenConfig;
use crate::{connect_over, listen_over};

/// Byte streams over Unix sockets, with the defaults of [`UnixConnectConfig`] and [`UnixListenConfig`].
///
/// A stream has no messages: what one side sends in one piece may arrive in several, or joined to the next.
/// [`FramedUnix`](crate::FramedUnix) keeps them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unix;

/// Connects to `addr` and lets `protocol` speak over the socket.
///
/// # Errors
///
/// [`CloseReason::Refused`](polywire_core::CloseReason::Refused) where nobody listens, or nothing is there; the kind
/// `WouldBlock` where the listener's backlog is full; `InvalidInput` with a
/// [`UnixAddrError`](crate::UnixAddrError) inside for what is no address; `PermissionDenied` for who may not write to the
/// socket's file; `AddrInUse` for a stream that was taken before; `Unsupported` on other systems than Unix.
pub fn connect_stream<P: Protocol>(
    config: &UnixConnectConfig,
    addr: &RemoteAddr,
    protocol: P,
) -> io::Result<Connection> {
    connect_over(config, addr, NoLayer, protocol)
}

/// Listens at `addr` and lets a protocol of its own, made by `protocol` on the loop's thread, speak over each accepted
/// connection.
///
/// A file that a listener of before has left behind is removed: one of a socket that no process has.
///
/// # Errors
///
/// `AddrInUse` where a process has a socket there; `AlreadyExists` for a file that is no socket, which is left alone;
/// `InvalidInput` with a [`UnixAddrError`](crate::UnixAddrError) inside for what is no address, and for the mode of
/// an abstract name; what the system says of a directory; `Unsupported` on other systems than Unix.
pub fn listen_stream<P: Protocol>(
    config: &UnixListenConfig,
    addr: &RemoteAddr,
    protocol: impl Fn(&Accepted) -> P + Send + 'static,
) -> io::Result<Listener> {
    listen_over(config, addr, NoLayer, protocol)
}

impl Connect for Unix {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        UnixConnectConfig::default().connect(addr)
    }
}

impl Listen for Unix {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        UnixListenConfig::default().listen(addr)
    }
}

impl Connect for UnixConnectConfig {
    fn looks_up(&self, _: &RemoteAddr) -> bool {
        false
    }

    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        connect_stream(self, addr, Raw)
    }
}

impl Listen for UnixListenConfig {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        listen_stream(self, addr, |_| Raw)
    }
}

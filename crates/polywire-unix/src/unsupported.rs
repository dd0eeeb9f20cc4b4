//! Systems without Unix sockets, or without those that std and mio know: every call fails, and says so.

use std::convert::Infallible;
use std::io::{self, IoSlice};

use polywire_core::adapter::{Accepted, Connection, Listener, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Layer, Protocol, Stream};

use crate::address::UnixAddr;
use crate::connect_config::UnixConnectConfig;
use crate::listen_config::UnixListenConfig;

/// A Unix socket, of which there is none on this system.
#[derive(Debug)]
pub struct UnixSocket(Infallible);

impl Stream for UnixSocket {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        match self.0 {}
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        match self.0 {}
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0 {}
    }

    fn shutdown_write(&self) -> io::Result<()> {
        match self.0 {}
    }
}

/// Fails on this system.
///
/// # Errors
///
/// `Unsupported`; `InvalidInput` for what is no address.
pub fn connect_over<L: Layer<UnixSocket>, P: Protocol>(
    _: &UnixConnectConfig,
    addr: &RemoteAddr,
    _: L,
    _: P,
) -> io::Result<Connection> {
    unsupported(addr)
}

/// Fails on this system.
///
/// # Errors
///
/// `Unsupported`; `InvalidInput` for what is no address.
pub fn listen_over<L: Layer<UnixSocket>, P: Protocol>(
    _: &UnixListenConfig,
    addr: &RemoteAddr,
    _: L,
    _: impl Fn(&Accepted) -> P + Send + 'static,
) -> io::Result<Listener> {
    unsupported(addr)
}

/// What is no address of a Unix socket anywhere is told as such.
pub(crate) fn unsupported<T>(addr: &RemoteAddr) -> io::Result<T> {
    let addr = UnixAddr::parse(addr)?;
    let text = format!(
        "{addr} needs Unix sockets, which are not supported on this system: use TCP on 127.0.0.1"
    );
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

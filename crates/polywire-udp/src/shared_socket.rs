//! The socket that the loop reads and any thread sends through.

use std::io;
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mio::Interest;
use mio::net::UdpSocket;
use polywire_core::adapter::{Registration, Sender};
use polywire_core::network::SendStatus;

use crate::sending::send_datagram;

/// A socket until its endpoint ends, then nothing.
///
/// mio registers a socket by `&mut`, after senders have got hold of it; a second descriptor of the
/// same socket would get round that, and double what a node has open. So there is a lock, which is
/// written to register and to close, and read for everything else: readers do not wait for each
/// other, each holds it for one non-blocking system call, and none while the callback runs.
#[derive(Debug)]
pub(crate) struct SharedSocket {
    socket: RwLock<Option<UdpSocket>>,
    connected: bool,
}

impl SharedSocket {
    /// A socket that is tied to one peer.
    pub(crate) fn connected(socket: UdpSocket) -> Self {
        Self { socket: RwLock::new(Some(socket)), connected: true }
    }

    /// A socket that sends to the address it is told.
    pub(crate) fn unconnected(socket: UdpSocket) -> Self {
        Self { socket: RwLock::new(Some(socket)), connected: false }
    }

    /// Registers it for reading alone: each datagram that leaves makes a socket writable anew,
    /// and nothing here waits for that.
    pub(crate) fn register(&self, registration: &Registration<'_>) -> io::Result<()> {
        match self.write().as_mut() {
            Some(socket) => registration.register(socket, Interest::READABLE),
            None => Ok(()),
        }
    }

    pub(crate) fn deregister(&self, registration: &Registration<'_>) -> io::Result<()> {
        match self.write().as_mut() {
            Some(socket) => registration.deregister(socket),
            None => Ok(()),
        }
    }

    /// Reads with `call`; a closed socket has nothing to read.
    pub(crate) fn receive<T>(
        &self,
        call: impl FnOnce(&UdpSocket) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.read().as_ref() {
            Some(socket) => call(socket),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Closes the socket, which leaves its group.
    pub(crate) fn close(&self) {
        self.write().take();
    }

    // A panic can't leave the socket half changed, so a poisoned lock is as good as any.

    fn read(&self) -> RwLockReadGuard<'_, Option<UdpSocket>> {
        self.socket.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<UdpSocket>> {
        self.socket.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender for SharedSocket {
    /// Sends one datagram at once or not at all, with a status as told in the crate's docs.
    fn send(&self, to: SocketAddr, message: &[u8]) -> SendStatus {
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return SendStatus::ResourceNotFound };
        send_datagram(message, || match self.connected {
            true => socket.send(message),
            false => socket.send_to(message, to),
        })
    }

    fn end(&self) {
        self.close();
    }
}

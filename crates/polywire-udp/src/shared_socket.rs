//! The socket that the loop reads and any thread sends through.

// The sanitizers know what libc does, and not what the system does.
#[cfg_attr(
    any(not(any(target_os = "linux", target_os = "android")), polywire_sanitized),
    path = "shared_socket/plain_calls.rs"
)]
mod calls;

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mio::Interest;
use mio::net::UdpSocket;
use polywire_core::adapter::{Registration, Sender, gathering};
use polywire_core::network::SendStatus;
use quinn_udp::RecvMeta;

use crate::batching;
use crate::outbox::Outbox;
use crate::receiving::Source;
use crate::runs::Joining;

/// A socket until its endpoint ends, then nothing.
///
/// mio registers a socket by `&mut`, after senders have got hold of it; a second descriptor of the
/// same socket would get round that, and double what a node has open. So there is a lock, which is
/// written to register and to close, and read for everything else: readers do not wait for each
/// other, each holds it for one non-blocking system call or those of one flush, and none while the
/// callback runs.
#[derive(Debug)]
pub(crate) struct SharedSocket {
    socket: RwLock<Option<UdpSocket>>,
    /// The one peer it is tied to, if it is.
    peer: Option<SocketAddr>,
    /// Whether the system puts datagrams together for it.
    is_joined: AtomicBool,
    outbox: Outbox,
}

impl SharedSocket {
    /// A socket that is tied to one peer.
    pub(crate) fn connected(socket: UdpSocket, peer: SocketAddr) -> Self {
        Self::new(socket, Some(peer))
    }

    /// A socket that sends to the address it is told.
    pub(crate) fn unconnected(socket: UdpSocket) -> Self {
        Self::new(socket, None)
    }

    fn new(socket: UdpSocket, peer: Option<SocketAddr>) -> Self {
        let outbox = Outbox::new(Joining::new(batching::max_joined()));
        Self { socket: RwLock::new(Some(socket)), peer, is_joined: AtomicBool::new(false), outbox }
    }

    /// Registers it for reading alone: each datagram that leaves makes a socket writable anew.
    pub(crate) fn register(&self, registration: &Registration<'_>) -> io::Result<()> {
        self.outbox.set_announcer(registration.announcer());
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

    /// Has the system put datagrams together from now on, if that is `wanted` and it does not yet:
    /// from then on it must be read in batches.
    #[inline]
    pub(crate) fn join(&self, wanted: bool) {
        if wanted && !self.is_joined.swap(true, Ordering::Relaxed) {
            if let Some(socket) = self.read().as_ref() {
                batching::receive_joined(socket);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.read().as_ref().expect("open").local_addr()
    }

    /// Writes what waits, and has the poller tell of room exactly while something waits for that.
    pub(crate) fn flush_registered(&self, registration: &Registration<'_>) {
        self.flush();
        let Some(is_wanted) = self.outbox.is_to_change_watch() else { return };
        let interest =
            if is_wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let result = match self.write().as_mut() {
            Some(socket) => registration.reregister(socket, interest),
            None => Ok(()),
        };
        if let (Err(error), true) = (result, is_wanted) {
            tracing::warn!(%error, "can't wait for room to send: dropped what waited for it");
            self.outbox.clear();
        }
    }

    /// Closes the socket, which leaves its group. What still waits for room is lost.
    pub(crate) fn close(&self) {
        self.write().take();
        self.outbox.clear();
    }

    /// One system call: a datagram, or several of so many bytes each.
    #[inline(always)]
    fn transmit(
        &self,
        socket: &UdpSocket,
        to: SocketAddr,
        bytes: &[u8],
        len: Option<usize>,
    ) -> io::Result<()> {
        match (len, self.peer) {
            (Some(len), peer) => batching::send_joined(socket, peer.unwrap_or(to), bytes, len),
            (None, Some(_)) => calls::send(socket, bytes),
            (None, None) => calls::send_to(socket, bytes, to),
        }
    }

    // A panic can't leave the socket half changed, so a poisoned lock is as good as any.

    fn read(&self) -> RwLockReadGuard<'_, Option<UdpSocket>> {
        self.socket.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<UdpSocket>> {
        self.socket.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A closed socket has nothing to read.
impl Source for &SharedSocket {
    #[inline(always)]
    fn receive(&mut self, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return Err(io::ErrorKind::WouldBlock.into()) };
        match self.peer {
            Some(peer) => Ok((calls::receive(socket, slot)?, peer)),
            None => calls::receive_from(socket, slot),
        }
    }

    fn receive_batch(
        &mut self,
        slots: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return Err(io::ErrorKind::WouldBlock.into()) };
        batching::receive(socket, slots, metas)
    }
}

impl Sender for SharedSocket {
    /// Sends one datagram, with a status as told in the crate's docs.
    fn send(&self, to: SocketAddr, message: &[u8]) -> SendStatus {
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return SendStatus::ResourceNotFound };
        self.outbox
            .send(to, message, gathering(), |to, bytes, len| self.transmit(socket, to, bytes, len))
    }

    fn queued(&self) -> usize {
        self.outbox.queued()
    }

    fn flush(&self) {
        if let Some(socket) = self.read().as_ref() {
            self.outbox.flush(|to, bytes, len| self.transmit(socket, to, bytes, len));
        }
    }

    fn end(&self) {
        self.flush();
        self.close();
    }
}

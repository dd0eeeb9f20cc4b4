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
use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mio::Interest;
use mio::net::UdpSocket;
use polywire_core::CloseReason;
use polywire_core::Endpoint;
#[cfg(test)]
use polywire_core::ResourceId;
use polywire_core::adapter::{Registration, SendFlags, SendHint, Sender, SharedRegistration};
use polywire_core::network::SendStatus;
use quinn_udp::RecvMeta;

use crate::batching;
use crate::local_addrs::LocalAddrs;
use crate::outbox::Outbox;
use crate::receiving::{ReceiveState, Source};
use crate::segmentation::Segmentation;

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
    /// Of a socket that somebody else may hold too: how it is registered, if it is.
    held_elsewhere: Option<Mutex<Option<SharedRegistration>>>,
    bound: Bound,
    /// Why it can send no more, once that is so.
    failure: OnceLock<CloseReason>,
    /// Whether the system puts datagrams together for it.
    has_gro: AtomicBool,
    outbox: Outbox,
}

/// Whom a socket is for, and where.
#[derive(Debug)]
enum Bound {
    /// It is tied to that peer.
    Peer(SocketAddr),
    /// It is for whoever comes, at one address.
    OneAddr,
    /// It is for whoever comes, at any address of the machine, and knows who sends to which.
    AllAddrs(LocalAddrs),
}

impl SharedSocket {
    /// A socket that is tied to one peer.
    pub(crate) fn connected(socket: UdpSocket, peer: SocketAddr) -> Self {
        Self::new(socket, Bound::Peer(peer))
    }

    /// A socket that sends to the address it is told.
    pub(crate) fn unconnected(socket: UdpSocket) -> Self {
        let is_for_all = socket.local_addr().ok().filter(|addr| addr.ip().is_unspecified());
        let is_told =
            is_for_all.is_some_and(|addr| batching::tell_destinations(&socket, addr.is_ipv6()));
        let bound = if is_told { Bound::AllAddrs(LocalAddrs::default()) } else { Bound::OneAddr };
        Self::new(socket, bound)
    }

    fn new(socket: UdpSocket, bound: Bound) -> Self {
        let outbox = Outbox::new(Segmentation::new(batching::max_segments()));
        // An adopted socket may have come with it.
        let has_gro = AtomicBool::new(batching::has_gro(&socket));
        let (socket, failure) = (RwLock::new(Some(socket)), OnceLock::new());
        Self { socket, held_elsewhere: None, bound, failure, has_gro, outbox }
    }

    /// The same, of a socket that somebody else has opened and may hold too.
    pub(crate) fn adopted(self) -> Self {
        Self { held_elsewhere: Some(Mutex::default()), ..self }
    }

    /// Registers it for reading alone: each datagram that leaves makes a socket writable anew.
    pub(crate) fn register(&self, registration: &Registration<'_>) -> io::Result<()> {
        self.outbox.set_notifier(registration.notifier());
        match self.write().as_mut() {
            Some(socket) => {
                if self.held_elsewhere.is_some() {
                    self.keep_registration(Some(registration.shared()?));
                }
                registration.register(socket, Interest::READABLE)
            }
            None => Ok(()),
        }
    }

    pub(crate) fn deregister(&self, registration: &Registration<'_>) -> io::Result<()> {
        match self.write().as_mut() {
            Some(socket) => {
                self.keep_registration(None);
                registration.deregister(socket)
            }
            None => Ok(()),
        }
    }

    /// Returns the one that was kept before.
    fn keep_registration(&self, new: Option<SharedRegistration>) -> Option<SharedRegistration> {
        let kept = self.held_elsewhere.as_ref()?;
        std::mem::replace(&mut kept.lock().unwrap_or_else(PoisonError::into_inner), new)
    }

    /// Has the system put datagrams together from now on, if that is `wanted` and it does not yet:
    /// from then on it must be read in batches. Not where somebody else may read the socket too and would take
    /// what was put together for one datagram.
    #[inline]
    pub(crate) fn enable_gro(&self, wanted: bool) {
        let wanted = wanted && self.held_elsewhere.is_none();
        if wanted && !self.has_gro.swap(true, Ordering::Relaxed) {
            if let Some(socket) = self.read().as_ref() {
                batching::enable_gro(socket);
            }
        }
    }

    /// What is known of it before the first datagram is read.
    pub(crate) fn new_receive_state(&self) -> ReceiveState {
        ReceiveState::new(self.has_gro.load(Ordering::Relaxed))
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

    /// A datagram could not be sent. If the address that the socket is bound to is not this machine's any
    /// more, none ever will: the loop is told.
    #[cold]
    fn look_for_own_addr(&self, socket: &UdpSocket) {
        let (Bound::Peer(_), Ok(own)) = (&self.bound, socket.local_addr()) else { return };
        let Err(error) = std::net::UdpSocket::bind((own.ip(), 0)) else { return };
        if error.kind() == io::ErrorKind::AddrNotAvailable {
            let text = format!("{} is no address of this machine any more", own.ip());
            if self.failure.set(CloseReason::Io(error.kind(), text.into())).is_ok() {
                self.outbox.notify();
            }
        }
    }

    /// Why nothing can be sent any more, if so.
    pub(crate) fn failure(&self) -> Option<&CloseReason> {
        self.failure.get()
    }

    /// Closes the socket, which leaves its group. What still waits for room is lost.
    pub(crate) fn close(&self) {
        let socket = self.write().take();
        // Only who has the socket takes the registration: two may close at once.
        if let Some(mut socket) = socket {
            if let Some(registration) = self.keep_registration(None) {
                // Closing alone leaves a socket that somebody else holds too with the poller.
                let _ = registration.deregister(&mut socket);
            }
        }
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
        match (len, &self.bound) {
            (None, Bound::Peer(_)) => calls::send(socket, bytes),
            (None, _) => calls::send_to(socket, bytes, to),
            (Some(_), Bound::Peer(peer)) => batching::send(socket, *peer, bytes, len, None),
            (Some(_), _) => batching::send(socket, to, bytes, len, None),
        }
    }

    /// The same from the local address that the peer sends to, if it is known.
    fn transmit_from(
        local_addrs: &LocalAddrs,
        socket: &UdpSocket,
        (to, bytes, len): (SocketAddr, &[u8], Option<usize>),
    ) -> io::Result<()> {
        local_addrs.send_from(to, |from| batching::send(socket, to, bytes, len, from))
    }

    /// As [`send`](Sender::send), of a datagram that may have to wait, or that the system has refused once.
    #[inline(never)] // Not in the way of lone datagrams.
    fn send_or_keep(
        &self,
        socket: &UdpSocket,
        (to, message): (SocketAddr, &[u8]),
        hint: SendHint,
    ) -> SendStatus {
        let status = match &self.bound {
            Bound::AllAddrs(asked) => self.outbox.send(to, message, hint, |to, bytes, len| {
                Self::transmit_from(asked, socket, (to, bytes, len))
            }),
            _ => self
                .outbox
                .send(to, message, hint, |to, bytes, len| self.transmit(socket, to, bytes, len)),
        };
        if status == SendStatus::ResourceNotAvailable {
            self.look_for_own_addr(socket);
        }
        status
    }

    // A panic can't leave the socket half changed, so a poisoned lock is as good as any.

    fn read(&self) -> RwLockReadGuard<'_, Option<UdpSocket>> {
        self.socket.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<UdpSocket>> {
        self.socket.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One datagram, and where it was sent to.
#[inline(never)] // Not in the way of others.
fn receive_noting_addr(
    local_addrs: &LocalAddrs,
    socket: &UdpSocket,
    slot: &mut [u8],
) -> io::Result<(usize, SocketAddr)> {
    let mut meta = [RecvMeta::default()];
    batching::receive(socket, &mut [IoSliceMut::new(slot)], &mut meta)?;
    record(local_addrs, &meta);
    Ok((meta[0].len, meta[0].addr))
}

#[inline(never)]
fn record(local_addrs: &LocalAddrs, metas: &[RecvMeta]) {
    for meta in metas {
        meta.dst_ip.iter().for_each(|addr| local_addrs.record(meta.addr, *addr));
    }
}

/// A closed socket has nothing to read.
impl Source for &SharedSocket {
    #[inline(always)]
    fn receive(&mut self, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return Err(io::ErrorKind::WouldBlock.into()) };
        match &self.bound {
            Bound::Peer(peer) => Ok((calls::receive(socket, slot)?, *peer)),
            Bound::OneAddr => calls::receive_from(socket, slot),
            Bound::AllAddrs(local_addrs) => receive_noting_addr(local_addrs, socket, slot),
        }
    }

    fn receive_batch(
        &mut self,
        slots: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return Err(io::ErrorKind::WouldBlock.into()) };
        let count = batching::receive(socket, slots, metas)?;
        if let Bound::AllAddrs(local_addrs) = &self.bound {
            record(local_addrs, &metas[..count]);
        }
        Ok(count)
    }
}

impl SharedSocket {
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.read().as_ref()?.peer_addr().ok()
    }
}

impl Sender for SharedSocket {
    /// Sends one datagram, with a status as told in the crate's docs.
    fn send(&self, to: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        let hint = flags.hint;
        let guard = self.read();
        let Some(socket) = guard.as_ref() else { return SendStatus::ResourceNotFound };
        let sent = match &self.bound {
            _ if !self.outbox.leaves_alone(message.len(), hint) => None,
            Bound::Peer(_) => calls::send(socket, message).ok(),
            Bound::OneAddr => calls::send_to(socket, message, to.addr()).ok(),
            Bound::AllAddrs(_) => None,
        };
        if sent.is_some() {
            SendStatus::Sent
        } else {
            self.send_or_keep(socket, (to.addr(), message), hint)
        }
    }

    fn queued(&self) -> usize {
        self.outbox.queued()
    }

    fn flush(&self) {
        if let Some(socket) = self.read().as_ref() {
            match &self.bound {
                Bound::AllAddrs(local_addrs) => self.outbox.flush(|to, bytes, len| {
                    Self::transmit_from(local_addrs, socket, (to, bytes, len))
                }),
                _ => self.outbox.flush(|to, bytes, len| self.transmit(socket, to, bytes, len)),
            }
        }
    }

    /// There is room as long as there is a socket.
    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let is_open = self.read().is_some(); // And unlocked again before the program's code runs.
        if is_open {
            tell();
        }
    }

    fn end(&self) {
        self.flush();
        self.close();
    }
}

/// Sends a message on its own, as the program would.
#[cfg(test)]
pub(crate) fn send_to(socket: &SharedSocket, to: SocketAddr, message: &[u8]) -> SendStatus {
    let endpoint = Endpoint::from_listener(ResourceId::from(0x82), to);
    socket.send(&endpoint, message, SendFlags::default())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Duration;

    use polywire_core::adapter::{Connect, Connection};
    use polywire_core::address::RemoteAddr;
    use polywire_core::{Limits, network};

    use super::*;
    use crate::connection::UdpConnection;

    /// Connects by a socket of the test's.
    struct Connecting(Arc<SharedSocket>);

    impl Connect for Connecting {
        fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
            let remote = UdpConnection::new(Arc::clone(&self.0), Limits::default());
            Ok(Connection::new(remote, addr.clone(), addr.clone()))
        }
    }

    #[test]
    fn of_two_who_close_an_adopted_socket_at_once_one_takes_it_from_the_poller() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addr = socket.local_addr().unwrap();
        socket.connect(addr).unwrap();
        let socket = Arc::new(SharedSocket::connected(socket, addr).adopted());
        let (network, mut processor) = network::split();
        network.connect(Connecting(Arc::clone(&socket)), addr).unwrap();
        processor.process_poll_event(Some(Duration::from_secs(10)), |_| ());

        let taken = socket.write().take(); // The first has come that far.
        socket.close();
        assert!(taken.is_some() && socket.keep_registration(None).is_some());
    }
}

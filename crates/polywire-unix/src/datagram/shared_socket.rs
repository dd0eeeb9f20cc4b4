//! The socket that the loop reads and any thread sends through.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mio::Interest;
use mio::net::UnixDatagram;
use polywire_core::adapter::{Close, Io, Registration, SendFlags, Sender, SharedRegistration};
use polywire_core::address::RemoteAddr;
use polywire_core::network::SendStatus;
use polywire_core::{CloseReason, Endpoint, Notifier, Readiness};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags as SystemFlags, SocketAddrUnix, recvmsg,
    send, sendto,
};
use socket2::Socket;

use crate::datagram::config::MAX_DATAGRAM_LEN;
use crate::datagram::peers::{Peers, remote_addr_of};
use crate::datagram::waiters::{Look, Tell, Waiters};
use crate::names::unnamed;
use crate::rights::refuse_descriptors;
use crate::socket_file::SocketFile;

#[cfg(not(target_vendor = "apple"))]
const NOSIGNAL: SystemFlags = SystemFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NOSIGNAL: SystemFlags = SystemFlags::empty(); // An option of the socket there.

/// A socket until its endpoint ends, then nothing.
///
/// As that of UDP it is in a lock, which is written to register and to close, and read for one call of the system,
/// which does not wait.
#[derive(Debug)]
pub(super) struct SharedSocket {
    open: RwLock<Option<Open>>,
    /// `None` of a socket that is connected to one.
    peers: Option<Peers>,
    /// Why it can send no more, once that is so.
    failure: OnceLock<CloseReason>,
    notifier: OnceLock<Notifier>,
    waiters: Waiters,
}

/// A socket and its file, which goes first.
#[derive(Debug)]
pub(super) struct Open {
    _file: Option<SocketFile>,
    pub(super) socket: UnixDatagram,
    /// Somebody else may hold it too.
    is_adopted: bool,
    /// Of one that is adopted, while it is registered.
    registration: Option<SharedRegistration>,
}

impl Open {
    /// A socket of this side's own.
    pub(super) fn own(socket: Socket, file: Option<SocketFile>) -> Self {
        let socket = UnixDatagram::from_std(socket.into());
        Self { _file: file, socket, is_adopted: false, registration: None }
    }

    /// One that somebody else has opened.
    pub(super) fn adopted(socket: StdUnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        refuse_descriptors(&socket);
        let socket = UnixDatagram::from_std(socket);
        Ok(Self { _file: None, socket, is_adopted: true, registration: None })
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        if self.is_adopted {
            self.registration = Some(registration.shared()?);
        }
        registration.register(&mut self.socket, Interest::READABLE)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.registration = None;
        registration.deregister(&mut self.socket)
    }
}

impl Drop for Open {
    /// Closing alone leaves a socket that somebody else holds too with the poller.
    fn drop(&mut self) {
        if let Some(registration) = &self.registration {
            let _ = registration.deregister(&mut self.socket);
        }
    }
}

/// What was received.
pub(super) struct Datagram {
    pub(super) len: usize,
    /// It was longer than there was room for.
    pub(super) is_cut: bool,
    pub(super) from: Option<SocketAddrUnix>,
}

impl SharedSocket {
    /// A socket connected to one peer.
    pub(super) fn connected(open: Open) -> Self {
        Self::new(open, None)
    }

    /// A socket for whoever comes.
    pub(super) fn unconnected(open: Open) -> Self {
        Self::new(open, Some(Peers::default()))
    }

    fn new(open: Open, peers: Option<Peers>) -> Self {
        let (open, waiters) = (RwLock::new(Some(open)), Waiters::new(peers.is_none()));
        Self { open, peers, failure: OnceLock::new(), notifier: OnceLock::new(), waiters }
    }

    /// Registers it for reading alone, until somebody waits for room.
    pub(super) fn register(&self, registration: &Registration<'_>) -> io::Result<()> {
        self.attach(registration.notifier());
        if let Some(open) = self.write().as_mut() {
            open.register(registration)?;
        }
        if self.waiters.restart() {
            self.notify();
        }
        Ok(())
    }

    pub(super) fn deregister(&self, registration: &Registration<'_>) -> io::Result<()> {
        match self.write().as_mut() {
            Some(open) => open.deregister(registration),
            None => Ok(()),
        }
    }

    /// Tells who waits for room, if there is some, or sees to it that this is called then.
    pub(super) fn look_for_room(&self, io: &mut Io<'_>) {
        let mut look = self.waiters.look();
        if let Look::Watch(interest) = look {
            match self.reregister(&io.registration, interest) {
                Err(error) if interest.is_writable() => look = self.waiters.not_watched(&error),
                _ => {} // That it is told of room for nothing does no harm.
            }
        }
        if let Look::Retry(delay) = look {
            io.set_deadline(Some(io.now() + delay));
        }
    }

    /// As long as nothing tells of room: it is to be tried again.
    pub(super) fn retry(&self) {
        if self.failure.get().is_none() {
            self.waiters.expire();
        }
    }

    fn reregister(&self, registration: &Registration<'_>, interest: Interest) -> io::Result<()> {
        match self.write().as_mut() {
            Some(open) => registration.reregister(&mut open.socket, interest),
            None => Ok(()),
        }
    }

    /// Receives one, if one waits. Descriptors that come along, where they are not refused, are closed by the system, as
    /// there is no room for them.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        let guard = self.read();
        let Some(open) = guard.as_ref() else { return Err(io::ErrorKind::WouldBlock.into()) };
        let mut nothing = RecvAncillaryBuffer::default();
        let buffers = &mut [IoSliceMut::new(buffer)];
        let received = recvmsg(&open.socket, buffers, &mut nothing, RecvFlags::empty())?;
        Ok(Datagram {
            len: received.bytes,
            is_cut: received.flags.contains(ReturnFlags::TRUNC),
            from: received.address.and_then(|from| from.try_into().ok()),
        })
    }

    /// Who the peers of a listener are.
    pub(super) fn peers(&self) -> Option<&Peers> {
        self.peers.as_ref()
    }

    /// Why nothing can be sent any more, if so.
    pub(super) fn failure(&self) -> Option<&CloseReason> {
        self.failure.get()
    }

    fn send_now(&self, to: &Endpoint, message: &[u8]) -> SendStatus {
        let guard = self.read();
        let Some(open) = guard.as_ref() else { return SendStatus::ResourceNotFound };
        let sent = match &self.peers {
            None => send(&open.socket, message, NOSIGNAL),
            Some(_) if Peers::is_nobody(to.addr()) => return SendStatus::ResourceNotAvailable,
            Some(peers) => match peers.name_of(to.addr()) {
                Some(name) => sendto(&open.socket, message, NOSIGNAL, &*name),
                None => return SendStatus::ResourceNotFound,
            },
        };
        match sent {
            Ok(_) => {
                self.waiters.note_sent(message.len());
                SendStatus::Sent
            }
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => {
                self.waiters.note_full(message.len());
                SendStatus::Full
            }
            Err(Errno::MSGSIZE) => SendStatus::MaxPacketSizeExceeded,
            Err(error) if self.peers.is_none() => self.fail(error.into()),
            Err(_) => SendStatus::ResourceNotAvailable,
        }
    }

    /// A connected socket is so to a socket, not to its name: once that is gone, it stays gone.
    #[cold]
    fn fail(&self, error: io::Error) -> SendStatus {
        let reason = match error.kind() {
            io::ErrorKind::NotConnected | io::ErrorKind::ConnectionReset => CloseReason::Refused,
            _ => CloseReason::from(&error),
        };
        if self.failure.set(reason).is_ok() {
            self.notify();
        }
        SendStatus::ResourceNotFound
    }

    /// Has the loop look.
    fn notify(&self) {
        self.notifier.get().iter().for_each(|loop_| loop_.notify(Readiness::WRITABLE));
    }

    // A panic can't leave the socket half changed, so a poisoned lock is as good as any.

    fn read(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Open>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender for SharedSocket {
    fn attach(&self, notifier: Notifier) {
        let _ = self.notifier.set(notifier);
    }

    /// Sends one datagram, with a status as told at [`UnixDatagram`](crate::UnixDatagram).
    fn send(&self, to: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        if message.len() > MAX_DATAGRAM_LEN {
            return SendStatus::MaxPacketSizeExceeded;
        }
        if self.failure.get().is_some() {
            return SendStatus::ResourceNotFound;
        }
        self.send_now(to, message)
    }

    fn when_writable(&self, tell: Tell) {
        if self.failure.get().is_none() && self.waiters.add(tell) {
            self.notify();
        }
    }

    fn peer_name(&self, addr: SocketAddr) -> Option<RemoteAddr> {
        let name = self.peers.as_ref()?.name_of(addr);
        Some(name.map_or_else(unnamed, |name| remote_addr_of(&name)))
    }

    fn end(&self) {
        self.close();
    }
}

impl Close for SharedSocket {
    fn close(&self) {
        self.write().take();
        self.waiters.end();
    }
}

/// What any thread closes it by.
pub(super) fn closer(socket: &Arc<SharedSocket>) -> Arc<dyn Close> {
    Arc::<SharedSocket>::clone(socket)
}

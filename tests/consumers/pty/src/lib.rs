//! Messages over pseudo-terminals, each behind its length, after a greeting. Linux.
//!
//! A listener is a Unix socket at a path. Who connects makes a pair of terminals in raw mode, keeps the master, and comes to
//! the socket under an abstract name that ends with the path of the replica, so that the listener knows it as soon as it
//! has accepted, and opens it. All messages go through the terminals.
//!
//! A terminal has no end of its own in either direction: closing a master throws away what the replica has not read. So
//! the socket stays, and carries one number each way: how many bytes the side has written altogether, once it has
//! written the last. Its end without that is the end of the process.

mod port;
mod protocol;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Interest;
use mio::net::{UnixListener, UnixStream};
use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::limits::{Limits, WhenFull};
use polywire_core::stream::Engine;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

pub use port::Port;
pub use protocol::Framed;

/// In front of the path of the replica in the name under which a side connects.
const NAME: &[u8] = b"polywire-pty:";

/// The transport: what `network.connect` and `network.listen` take, with the path of the rendezvous as the address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pty {
    /// The bounds of each connection.
    pub limits: Limits,
    /// Bytes of a message at most, either way. Default: 64 MiB.
    pub max_message_size: usize,
    /// How long the peer may take for its greeting. Default: 5 seconds.
    pub greeting_timeout: Duration,
}

impl Default for Pty {
    fn default() -> Self {
        let greeting_timeout = Duration::from_secs(5);
        Self { limits: Limits::default(), max_message_size: 64 << 20, greeting_timeout }
    }
}

impl Pty {
    /// Sets [`Self::limits`].
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets [`Self::max_message_size`].
    #[must_use]
    pub fn with_max_message_size(self, bytes: usize) -> Self {
        Self { max_message_size: bytes, ..self }
    }

    fn protocol(&self) -> Framed {
        Framed::new(self.max_message_size, self.greeting_timeout)
    }
}

impl Connect for Pty {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let (master, replica) = port::open_pair()?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let name = [NAME, replica.as_bytes()].concat();
        rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(&name)?)?;
        // Done at once, or `WouldBlock` where too many wait to be accepted.
        rustix::net::connect(&socket, &SocketAddrUnix::new(path_of(addr)?)?)?;
        let control = UnixStream::from_std(std::os::unix::net::UnixStream::from(socket));
        let engine =
            Engine::connecting(Port::new(master, control), self.protocol(), self.limits.clone());
        Ok(Connection::new(engine, addr.clone(), RemoteAddr::Str(replica)))
    }
}

impl Listen for Pty {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let path = path_of(addr)?;
        let listener = Mutex::new(Some(UnixListener::bind(&path)?));
        let closer = Arc::new(Closer { listener, path });
        let when_full = self.limits.when_full.unwrap_or(WhenFull::Disconnect);
        let limits = Arc::new(self.limits.clone().with_when_full(when_full));
        let acceptor = Acceptor { closer, local: addr.clone(), config: self.clone(), limits };
        Ok(Listener::new(acceptor, addr.clone()))
    }
}

fn path_of(addr: &RemoteAddr) -> io::Result<PathBuf> {
    match addr {
        RemoteAddr::Str(path) if !path.is_empty() => Ok(path.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the address of a pty is a path")),
    }
}

struct Acceptor {
    closer: Arc<Closer>,
    local: RemoteAddr,
    config: Pty,
    /// Shared by all connections.
    limits: Arc<Limits>,
}

impl Local for Acceptor {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(Arc::<Closer>::clone(&self.closer))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        match &mut *self.closer.listener() {
            Some(listener) => io.registration.register(listener, Interest::READABLE),
            None => Ok(()), // It was removed before the loop came to it.
        }
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        while io.budget > 0 {
            let accepted = match &*self.closer.listener() {
                Some(listener) => listener.accept(),
                None => return Accepting::Drained,
            };
            let (control, _) = match accepted {
                Ok(accepted) => accepted,
                // What an error means for a listener; none of them ends it.
                Err(error) => match AcceptError::of(&error) {
                    AcceptError::Drained => return Accepting::Drained,
                    AcceptError::Peer => continue,
                    AcceptError::Exhausted => return Accepting::Exhausted,
                },
            };
            io.budget -= 1;
            let Ok(name) = control.peer_addr() else { continue }; // mio's `accept` tells no abstract one.
            let name = name.as_abstract_name().and_then(|name| name.strip_prefix(NAME));
            let Some(replica) = name.and_then(|name| std::str::from_utf8(name).ok()) else {
                continue;
            };
            // A replica that is not there, or not the peer's, is the peer's own fault; it reads that the socket ended.
            let Ok(tty) = port::open_replica(replica, &control) else { continue };
            let (protocol, limits) = (self.config.protocol(), Arc::clone(&self.limits));
            let engine = Engine::accepted(Port::new(tty, control), protocol, limits);
            let peer = RemoteAddr::Str(replica.into());
            if sink.accept(Connection::new(engine, peer, self.local.clone())) == Flow::Stop {
                break;
            }
        }
        Accepting::Unfinished
    }
}

/// Closes the listener from any thread, so that its path is free when `remove` returns.
struct Closer {
    listener: Mutex<Option<UnixListener>>,
    path: PathBuf,
}

impl Closer {
    fn listener(&self) -> MutexGuard<'_, Option<UnixListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Close for Closer {
    fn close(&self) {
        if let Some(listener) = self.listener().take() {
            let _ = std::fs::remove_file(&self.path); // First: from here on it may be somebody else's.
            drop(listener);
        }
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.close();
    }
}

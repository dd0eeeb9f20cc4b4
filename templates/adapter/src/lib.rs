//! Messages over TCP, each behind its length, after a greeting.

mod protocol;

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Engine, Establishing, Stream};
use polywire_core::{Limits, WhenFull};

pub use protocol::Framed;

/// The transport: what `network.connect` and `network.listen` take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Template {
    /// The bounds of each connection.
    pub limits: Limits,
    /// Bytes of a message at most, either way. Default: 64 MiB.
    pub max_message_size: usize,
    /// How long the peer may take for its greeting. Default: 5 seconds.
    pub greeting_timeout: Duration,
}

impl Default for Template {
    fn default() -> Self {
        let greeting_timeout = Duration::from_secs(5);
        Self { limits: Limits::default(), max_message_size: 64 << 20, greeting_timeout }
    }
}

impl Template {
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

impl Connect for Template {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        // A host name may have several addresses: the first that can be tried is.
        let mut failure = io::ErrorKind::InvalidInput.into();
        for peer in addr.resolve()? {
            match TcpStream::connect(peer) {
                Ok(socket) => {
                    let local = RemoteAddr::Socket(socket.local_addr()?);
                    let socket = Socket(socket);
                    let engine = Engine::connecting(socket, self.protocol(), self.limits.clone());
                    return Ok(Connection::new(engine, RemoteAddr::Socket(peer), local));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

impl Listen for Template {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let listener = bind(addr)?;
        let local = listener.local_addr()?; // With the port, if the system chose it.
        let closer = Arc::new(Closer(Mutex::new(Some(listener))));
        let when_full = self.limits.when_full.unwrap_or(WhenFull::Disconnect);
        let limits = Arc::new(self.limits.clone().with_when_full(when_full));
        let acceptor = Acceptor { closer, local, config: self.clone(), limits };
        Ok(Listener::new(acceptor, RemoteAddr::Socket(local)))
    }
}

/// Text is looked up, too: its `socket_addr()` would be any port of all interfaces.
fn bind(addr: &RemoteAddr) -> io::Result<TcpListener> {
    let mut failure = io::ErrorKind::InvalidInput.into();
    for local in addr.resolve()? {
        match TcpListener::bind(local) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

struct Acceptor {
    closer: Arc<Closer>,
    local: SocketAddr,
    config: Template,
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
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                // What an error means for a listener; none of them ends it.
                Err(error) => match AcceptError::of(&error) {
                    AcceptError::Drained => return Accepting::Drained,
                    AcceptError::Peer => continue,
                    AcceptError::Exhausted => return Accepting::Exhausted,
                },
            };
            io.budget -= 1;
            let (protocol, limits) = (self.config.protocol(), Arc::clone(&self.limits));
            let engine = Engine::accepted(Socket(socket), protocol, limits);
            let (peer, local) = (RemoteAddr::Socket(peer), RemoteAddr::Socket(self.local));
            if sink.accept(Connection::new(engine, peer, local)) == Flow::Stop {
                break;
            }
        }
        Accepting::Unfinished
    }
}

/// Frees the port also where nobody called `close`: the loop may still hold the closer.
impl Drop for Acceptor {
    fn drop(&mut self) {
        self.closer.close();
    }
}

/// Closes the listener from any thread, so that its port is free when `remove` returns.
struct Closer(Mutex<Option<TcpListener>>);

impl Closer {
    fn listener(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Close for Closer {
    fn close(&self) {
        drop(self.listener().take());
    }
}

/// The socket, as the engine reads and writes it. Both constants are left at their defaults, which are always safe.
pub struct Socket(TcpStream);

impl Socket {
    /// A connected socket of the standard library.
    ///
    /// # Errors
    ///
    /// Those of [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(TcpStream::from_std(stream)))
    }
}

impl Stream for Socket {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        registration.register(&mut self.0, Interest::READABLE | Interest::WRITABLE)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        registration.deregister(&mut self.0)
    }

    /// As mio says at [`TcpStream::connect`]: an error is why it failed, and a peer is that it did not. One that was
    /// accepted is connected already.
    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        if so_far == Establishing::Connecting {
            if let Some(error) = self.0.take_error()? {
                return Err(error); // The engine knows which reason an error of the system amounts to.
            }
            if self.0.peer_addr().is_err() {
                return Ok(Establishing::Connecting);
            }
        }
        self.0.set_nodelay(true)?; // The engine gathers what is to be gathered.
        Ok(Establishing::Established)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(buffers)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

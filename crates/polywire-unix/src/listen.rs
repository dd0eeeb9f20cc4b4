//! Opening listeners, and accepting.

use std::io;
use std::os::unix::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mio::Interest;
use mio::net::{UnixListener, UnixStream};
use polywire_core::adapter::{
    AcceptError, Accepted, Accepting, Close, Connection, Flow, Io, Listener, ListenerSink, Local,
    Registration, SharedRegistration,
};
use polywire_core::address::RemoteAddr;
use polywire_core::limits::{Limits, WhenFull};
use polywire_core::stream::{Engine, Layer, Protocol};
use socket2::{Socket, Type};

use crate::address::UnixAddr;
use crate::listen_config::UnixListenConfig;
use crate::names::remote_addr_of;
use crate::rights::refuse_descriptors;
use crate::socket::UnixSocket;
use crate::socket_file::{self, SocketFile};

/// As [`listen_stream`](crate::listen_stream), over a layer: each protocol speaks over what `layer` makes of its
/// socket.
///
/// # Errors
///
/// As for `listen_stream`.
pub fn listen_over<L: Layer<UnixSocket>, P: Protocol>(
    config: &UnixListenConfig,
    addr: &RemoteAddr,
    layer: L,
    protocol: impl Fn(&Accepted) -> P + Send + 'static,
) -> io::Result<Listener> {
    let (open, addr) = match &config.adopted {
        Some(adopted) => adopt(adopted.take()?)?,
        None => (bind(config, &UnixAddr::parse(addr)?)?, addr.clone()),
    };
    let when_full = config.limits.when_full.unwrap_or(WhenFull::Disconnect);
    let acceptor = Acceptor {
        door: Arc::new(Door(Mutex::new(Some(open)))),
        addr: addr.clone(),
        is_adopted: config.adopted.is_some(),
        limits: Arc::new(config.limits.clone().with_when_full(when_full)),
        layer,
        protocol,
    };
    Ok(Listener::new(acceptor, addr))
}

fn adopt(listener: std::os::unix::net::UnixListener) -> io::Result<(Open, RemoteAddr)> {
    listener.set_nonblocking(true)?;
    refuse_descriptors(&listener);
    let addr = remote_addr_of(&listener.local_addr()?);
    let listener = UnixListener::from_std(listener);
    Ok((Open { _file: None, listener, is_adopted: true, registration: None }, addr))
}

fn bind(config: &UnixListenConfig, addr: &UnixAddr) -> io::Result<Open> {
    let backlog = i32::try_from(config.backlog).unwrap_or(i32::MAX);
    let open = || socket_file::open(Type::STREAM);
    let start = |socket: &Socket| socket.listen(backlog);
    let (socket, _file) = socket_file::bind(Type::STREAM, addr, config.mode, open, start)?;
    let listener = UnixListener::from_std(socket.into());
    Ok(Open { _file, listener, is_adopted: false, registration: None })
}

/// A listening socket and its file, which goes first.
struct Open {
    _file: Option<SocketFile>,
    listener: UnixListener,
    /// Somebody else may hold it too.
    is_adopted: bool,
    /// Of one that is adopted.
    registration: Option<SharedRegistration>,
}

impl Open {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        if self.is_adopted {
            self.registration = Some(registration.shared()?);
        }
        registration.register(&mut self.listener, Interest::READABLE)
    }
}

impl Drop for Open {
    /// Closing alone leaves a socket that somebody else holds too with the poller.
    fn drop(&mut self) {
        if let Some(registration) = &self.registration {
            let _ = registration.deregister(&mut self.listener);
        }
    }
}

/// A listening socket until it is closed, by whichever thread.
struct Door(Mutex<Option<Open>>);

impl Door {
    /// `None` once it is closed.
    fn with<R>(&self, act: impl FnOnce(&mut Open) -> R) -> Option<R> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(act)
    }
}

impl Close for Door {
    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A listening socket, as the loop drives it.
struct Acceptor<L, F> {
    door: Arc<Door>,
    addr: RemoteAddr,
    /// Connections may wait that came before the listener refused descriptors.
    is_adopted: bool,
    /// Of all its connections.
    limits: Arc<Limits>,
    layer: L,
    protocol: F,
}

impl<L, P, F> Local for Acceptor<L, F>
where
    L: Layer<UnixSocket>,
    P: Protocol,
    F: Fn(&Accepted) -> P + Send + 'static,
{
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(Arc::<Door>::clone(&self.door))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.door.with(|open| open.register(&io.registration)).unwrap_or(Ok(()))
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget.max(1) {
            let Some(accepted) = self.door.with(|open| open.listener.accept()) else {
                return Accepting::Drained;
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(connection) = self.welcome(stream, &peer) else { continue };
                    if sink.accept(connection) == Flow::Stop {
                        return Accepting::Unfinished;
                    }
                }
                Err(error) => match AcceptError::of(&error) {
                    AcceptError::Drained => return Accepting::Drained,
                    AcceptError::Peer => {
                        tracing::debug!(addr = %self.addr, %error, "a connection was not accepted");
                    }
                    AcceptError::Exhausted => {
                        tracing::debug!(addr = %self.addr, %error, "accepting has to wait");
                        return Accepting::Exhausted;
                    }
                },
            }
        }
        Accepting::Unfinished
    }
}

impl<L: Layer<UnixSocket>, P: Protocol, F: Fn(&Accepted) -> P> Acceptor<L, F> {
    /// Makes a connection of an accepted socket, unless the layer refuses it.
    fn welcome(&self, stream: UnixStream, peer: &SocketAddr) -> Option<Connection> {
        if self.is_adopted {
            refuse_descriptors(&stream);
        }
        let accepted = Accepted::new(remote_addr_of(peer), self.addr.clone());
        let stream = match self.layer.accept(UnixSocket::new(stream), &accepted) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(addr = %self.addr, %error, "an accepted connection was closed");
                return None;
            }
        };
        let protocol = (self.protocol)(&accepted);
        let engine = Engine::accepted(stream, protocol, Arc::clone(&self.limits));
        let Accepted { peer, local, .. } = accepted;
        Some(Connection::new(engine, peer, local))
    }
}

/// Frees the name also where nobody called `close`.
impl<L, F> Drop for Acceptor<L, F> {
    fn drop(&mut self) {
        self.door.close();
    }
}

//! Opening listeners, and accepting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use polywire_core::adapter::{
    AcceptError, Accepted, Accepting, Close, Connection, Flow, Io, Listener, ListenerSink, Local,
};
use polywire_core::address::RemoteAddr;
use polywire_core::limits::{Limits, WhenFull};
use polywire_core::stream::{Engine, Layer, NoLayer, Protocol};
use socket2::{SockRef, Socket};

use crate::door::Door;
use crate::listen_config::TcpListenConfig;
use crate::socket::TcpSocket;
use crate::socket_config::{TcpSocketConfig, because, refused};

/// Listens on `addr` and lets a protocol of its own, made by `protocol` on the loop's thread, speak
/// over each accepted connection. It is made before the first byte is read, and told who connects.
///
/// # Errors
///
/// As [`RemoteAddr::resolve`] for an address that is none; otherwise what the system says of the
/// options or of the address, of the last one if a name has several.
pub fn listen_stream<P: Protocol>(
    config: &TcpListenConfig,
    addr: &RemoteAddr,
    protocol: impl Fn(&Accepted) -> P + Send + 'static,
) -> io::Result<Listener> {
    listen_over(config, addr, NoLayer, protocol)
}

/// The same over a layer, such as a cipher: each protocol speaks over what `layer` makes of its socket, and
/// over TLS above that if the configuration has it.
///
/// # Errors
///
/// As for [`listen_stream`], and, before any socket is opened, `InvalidInput` with a `TlsConfigError` inside for
/// certificates or a key of the configuration that can't be used.
pub fn listen_over<L: Layer<TcpSocket>, P: Protocol>(
    config: &TcpListenConfig,
    addr: &RemoteAddr,
    layer: L,
    protocol: impl Fn(&Accepted) -> P + Send + 'static,
) -> io::Result<Listener> {
    #[cfg(feature = "__tls")]
    if let Some(tls) = &config.tls {
        tls.check()?;
        return listen_layered(config, addr, (layer, tls.clone()), protocol);
    }
    listen_layered(config, addr, layer, protocol)
}

fn listen_layered<L: Layer<TcpSocket>, P: Protocol>(
    config: &TcpListenConfig,
    addr: &RemoteAddr,
    layer: L,
    protocol: impl Fn(&Accepted) -> P + Send + 'static,
) -> io::Result<Listener> {
    let acceptor = Acceptor::open(config, addr, layer, protocol)?;
    let addr = RemoteAddr::Socket(acceptor.addr);
    Ok(Listener::new(acceptor, addr))
}

fn into_mio(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener))
}

fn bind_first(config: &TcpListenConfig, addrs: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    for &addr in addrs {
        match bind(config, addr) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A non-blocking socket that listens on `addr`.
fn bind(config: &TcpListenConfig, addr: SocketAddr) -> io::Result<TcpListener> {
    // The listener itself has no use for some of these, but an option that the system refuses is
    // an error here, and not of every connection later.
    let socket = config.socket.open(addr)?;
    if config.reuse_address {
        socket.set_reuse_address(true).map_err(|error| refused("SO_REUSEADDR", &error))?;
    }
    if config.reuse_port {
        set_reuse_port(&socket)?;
    }
    if let (Some(only_v6), SocketAddr::V6(_)) = (config.only_v6, addr) {
        socket.set_only_v6(only_v6).map_err(|error| refused("IPV6_V6ONLY", &error))?;
    }
    let backlog = i32::try_from(config.backlog).unwrap_or(i32::MAX);
    socket
        .bind(&addr.into())
        .and_then(|()| socket.listen(backlog))
        .map_err(|error| because(&format!("can't listen on {addr}"), &error))?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true).map_err(|error| refused("SO_REUSEPORT", &error))
}

#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
fn set_reuse_port(_socket: &Socket) -> io::Result<()> {
    let text = "this system has no SO_REUSEPORT: leave reuse_port off";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// A listening socket, as the loop drives it.
struct Acceptor<L, F> {
    door: Arc<Door>,
    addr: SocketAddr,
    options: TcpSocketConfig,
    /// Of all its connections.
    limits: Arc<Limits>,
    layer: L,
    protocol: F,
}

impl<L, P, F> Local for Acceptor<L, F>
where
    L: Layer<TcpSocket>,
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
        self.door.register(&io.registration)
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget.max(1) {
            let Some(accepted) = self.door.accept() else {
                return Accepting::Drained;
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(connection) = self.welcome(stream, peer) else { continue };
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

impl<L, F> Acceptor<L, F> {
    fn open(
        config: &TcpListenConfig,
        addr: &RemoteAddr,
        layer: L,
        protocol: F,
    ) -> io::Result<Self> {
        let listener = match &config.adopted {
            Some(adopted) => into_mio(adopted.take()?)?,
            None => bind_first(config, &addr.resolve()?)?,
        };
        let when_full = config.limits.when_full.unwrap_or(WhenFull::Disconnect);
        Ok(Self {
            addr: listener.local_addr()?,
            door: Arc::new(Door::new(listener, config.adopted.is_some())),
            options: config.socket.clone(),
            limits: Arc::new(config.limits.clone().with_when_full(when_full)),
            layer,
            protocol,
        })
    }
}

impl<L: Layer<TcpSocket>, P: Protocol, F: Fn(&Accepted) -> P> Acceptor<L, F> {
    /// Makes a connection of an accepted socket, unless its peer is gone already.
    fn welcome(&self, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
        if let Err(error) = self.options.apply(&SockRef::from(&stream)) {
            tracing::debug!(addr = %self.addr, %peer, %error, "an accepted connection was closed");
            return None;
        }
        let local = RemoteAddr::Socket(stream.local_addr().unwrap_or(self.addr));
        let accepted = Accepted::new(RemoteAddr::Socket(peer), local);
        let stream = match self.layer.accept(TcpSocket::new(stream), &accepted) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(addr = %self.addr, %peer, %error, "an accepted connection was closed");
                return None;
            }
        };
        let protocol = (self.protocol)(&accepted);
        let engine = Engine::accepted(stream, protocol, Arc::clone(&self.limits));
        let Accepted { peer, local, .. } = accepted;
        Some(Connection::new(engine, peer, local))
    }
}

/// Frees the port also where nobody called `close`: the loop may still hold the closer.
impl<L, F> Drop for Acceptor<L, F> {
    fn drop(&mut self) {
        self.door.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use polywire_core::adapter::Listen;
    use polywire_core::network::NetEvent;
    use polywire_core::node::{self, NodeEvent};

    use super::*;
    use crate::Raw;
    use crate::keepalive::TcpKeepalive;

    fn any_port() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    /// Nothing that these tests wait for takes so long.
    const DEADLINE: Duration = Duration::from_secs(10);

    type Plain = Acceptor<NoLayer, fn(&Accepted) -> Raw>;

    fn acceptor(config: &TcpListenConfig) -> Plain {
        Plain::open(config, &RemoteAddr::Socket(any_port()), NoLayer, |_| Raw).unwrap()
    }

    #[test]
    fn the_real_port_is_told_where_any_was_asked_for() {
        let listener = bind(&TcpListenConfig::default(), any_port()).unwrap();
        assert_ne!(listener.local_addr().unwrap().port(), 0);
        assert!(crate::Tcp.listen(&RemoteAddr::Str("localhost:0".into())).is_ok());
    }

    #[test]
    fn the_port_is_free_once_the_listener_is_dropped_whoever_could_still_close_it() {
        let acceptor = acceptor(&TcpListenConfig::default());
        let (addr, closer) = (acceptor.addr, acceptor.closer());
        drop(acceptor);
        bind(&TcpListenConfig::default(), addr).unwrap();
        drop(closer);
    }

    #[test]
    fn a_removed_listener_that_somebody_else_holds_too_wakes_nobody() {
        let other = std::net::TcpListener::bind(any_port()).unwrap();
        let addr = other.local_addr().unwrap();
        let (handler, listener) = node::split::<()>();
        let (tell, told) = mpsc::channel();
        let _task = listener.for_each_async(move |event| {
            if let NodeEvent::Signal(()) | NodeEvent::Network(NetEvent::Accepted(..)) = event {
                tell.send(()).unwrap();
            }
        });
        let network = handler.network();
        let config = TcpListenConfig::default().with_listener(other.try_clone().unwrap());
        let (id, _) = network.listen(config, addr).unwrap();
        let _accepted = std::net::TcpStream::connect(addr).unwrap();
        told.recv_timeout(DEADLINE).unwrap();
        assert!(network.remove(id));
        let settled_wake_ups = || {
            handler.signals().send(());
            told.recv_timeout(DEADLINE).unwrap();
            network.stats().wake_ups
        };
        let before = settled_wake_ups();
        for _ in 0..100 {
            std::net::TcpStream::connect(addr).unwrap();
            other.accept().unwrap();
        }
        let wake_ups = settled_wake_ups() - before;
        assert!(wake_ups < 10, "{wake_ups} wake-ups");
        handler.stop();
    }

    #[test]
    fn a_port_in_use_is_named_in_the_error() {
        let listener = bind(&TcpListenConfig::default(), any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let error = bind(&TcpListenConfig::default(), addr).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn listeners_share_a_port_if_all_of_them_say_so() {
        let config = TcpListenConfig::default().with_reuse_port(true);
        let first = bind(&config, any_port()).unwrap();
        let second = bind(&config, first.local_addr().unwrap()).unwrap();
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }

    #[test]
    fn options_are_set_before_listening() {
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
        let config = TcpListenConfig::default()
            .with_keepalive(keepalive)
            .with_so_linger(Some(Duration::ZERO))
            .with_receive_buffer_size(32 << 10)
            .with_backlog(u32::MAX);
        let listener = bind(&config, any_port()).unwrap();
        let socket = SockRef::from(&listener);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.reuse_address().unwrap(), cfg!(not(windows)));
        #[cfg(target_os = "linux")]
        {
            assert!(socket.is_listener().unwrap());
            assert!(socket.nonblocking().unwrap());
            assert_eq!(socket.recv_buffer_size().unwrap(), 64 << 10);
        }

        let config = TcpListenConfig::default().with_reuse_address(false);
        let listener = bind(&config, any_port()).unwrap();
        assert!(!SockRef::from(&listener).reuse_address().unwrap());
    }

    #[test]
    fn an_ipv6_listener_can_leave_ipv4_alone() {
        let addr: SocketAddr = "[::1]:0".parse().unwrap();
        let config = TcpListenConfig::default().with_only_v6(true);
        match bind(&config, addr) {
            Ok(listener) => assert!(SockRef::from(&listener).only_v6().unwrap()),
            // A machine without IPv6.
            Err(error) => assert!(error.to_string().contains("[::1]:0"), "{error}"),
        }
        assert!(bind(&config, any_port()).is_ok());
    }

    #[test]
    fn options_of_accepted_connections_that_make_no_sense_are_refused_at_once() {
        let config = TcpListenConfig::default().with_so_linger(Some(Duration::from_secs(1)));
        let error = bind(&config, any_port()).unwrap_err();
        assert!(error.to_string().contains("so_linger"), "{error}");
    }

    #[test]
    fn what_is_not_an_address_is_an_error() {
        for text in ["", "localhost", "no-such-host.invalid:80"] {
            assert!(crate::Tcp.listen(&RemoteAddr::Str(text.into())).is_err(), "{text}");
        }
    }
}

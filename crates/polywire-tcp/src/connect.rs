//! Opening connections.

use std::any::TypeId;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::TcpStream;
use polywire_core::adapter::Connection;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Dialed, Engine, Layer, NoLayer, Protocol};
use socket2::SockRef;

use crate::connect_config::TcpConnectConfig;
use crate::socket::{TcpSocket, is_in_progress};
use crate::socket_config::because;

/// Begins to connect to `addr` and lets `protocol` speak over the socket.
///
/// A host name is looked up first, which may block; its addresses are then tried in turn, without
/// waiting here, until one answers. The connection shows the first that could be tried as its peer.
///
/// # Errors
///
/// [`CloseReason::Unresolved`](polywire_core::CloseReason::Unresolved) for a name without an
/// address; `InvalidInput` for what is not an address, and where the source address is of another
/// family; what the system says of the options, or of the last address if none could be tried.
pub fn connect_stream<P: Protocol>(
    config: &TcpConnectConfig,
    addr: &RemoteAddr,
    protocol: P,
) -> io::Result<Connection> {
    connect_over(config, addr, NoLayer, protocol)
}

/// The same over a layer, such as a cipher: `protocol` speaks over what `layer` makes of the socket, and over
/// TLS above that if the configuration has it.
///
/// # Errors
///
/// As for [`connect_stream`], those of [`Layer::connect`], and, before any socket is opened, `InvalidInput` with a
/// `TlsConfigError` inside for TLS that can't be spoken as it is configured.
pub fn connect_over<L: Layer<TcpSocket>, P: Protocol>(
    config: &TcpConnectConfig,
    addr: &RemoteAddr,
    layer: L,
    protocol: P,
) -> io::Result<Connection> {
    #[cfg(feature = "__tls")]
    if let Some(tls) = &config.tls {
        tls.check()?;
        return connect_layered(config, addr, (layer, tls.clone()), protocol);
    }
    connect_layered(config, addr, layer, protocol)
}

fn connect_layered<L: Layer<TcpSocket>, P: Protocol>(
    config: &TcpConnectConfig,
    addr: &RemoteAddr,
    layer: L,
    protocol: P,
) -> io::Result<Connection> {
    let dialed = dial_over(config, addr, layer)?;
    let (peer, local) = dialed.ends();
    let engine = Engine::dialed(dialed, protocol, config.limits.clone());
    Ok(Connection::new(engine.with_received(&config.received), peer, local))
}

/// Begins to connect as [`connect_over`] does, for an [`Engine`] that the caller makes. TLS of the configuration does
/// not count: it is a layer as any other.
///
/// # Errors
///
/// As for [`connect_over`].
pub fn dial_over<L: Layer<TcpSocket>>(
    config: &TcpConnectConfig,
    addr: &RemoteAddr,
    layer: L,
) -> io::Result<Dialed<L::Stream>> {
    check_received::<L>(config)?;
    if let Some(adopted) = &config.adopted {
        return adopt(config, adopted.take()?, addr, layer);
    }
    let mut addrs = candidates(config, addr)?.into_iter();
    let (stream, peer) = begin_first(config, &mut addrs)?;
    // Some systems know the address of this side only once it is connected.
    let local = stream.local_addr().unwrap_or_else(|_| unspecified(peer));

    let (config, addr) = (config.clone(), addr.clone());
    let stream = layer.connect(TcpSocket::new(stream), &addr)?;
    let mut begin_next = move |peer| layer.connect(TcpSocket::new(begin(&config, peer)?), &addr);
    let dialed = Dialed::new(stream, RemoteAddr::Socket(peer), RemoteAddr::Socket(local));
    Ok(dialed.with_fallback(move || addrs.next().map(&mut begin_next)))
}

/// What was read before must have been read of a stream that is given, and be for the protocol.
fn check_received<L: 'static>(config: &TcpConnectConfig) -> io::Result<()> {
    let is_layered = TypeId::of::<L>() != TypeId::of::<NoLayer>();
    let text = match (config.received.is_empty(), &config.adopted) {
        (false, None) => {
            "`with_received` goes with the stream it was read of: give that by `with_stream`"
        }
        (false, Some(_)) if is_layered => {
            "what was read of a stream can't be given to the protocol above a layer"
        }
        _ => return Ok(()),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// A stream that somebody else has opened.
fn adopt<L: Layer<TcpSocket>>(
    config: &TcpConnectConfig,
    stream: std::net::TcpStream,
    addr: &RemoteAddr,
    layer: L,
) -> io::Result<Dialed<L::Stream>> {
    config.socket.apply(&SockRef::from(&stream))?;
    let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
    let stream = layer.connect(TcpSocket::from_std(stream)?, addr)?;
    Ok(Dialed::new(stream, RemoteAddr::Socket(peer), RemoteAddr::Socket(local)))
}

/// The addresses to try: those that the source address can reach.
fn candidates(config: &TcpConnectConfig, addr: &RemoteAddr) -> io::Result<Vec<SocketAddr>> {
    let mut addrs = addr.resolve()?;
    if let Some(source) = config.source_address {
        addrs.retain(|addr| addr.is_ipv4() == source.is_ipv4());
        if addrs.is_empty() {
            let family = if source.is_ipv4() { "IPv4" } else { "IPv6" };
            let text = format!("{addr} has no {family} address to reach from {source}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    Ok(addrs)
}

/// Begins with the first address that does not fail at once.
fn begin_first(
    config: &TcpConnectConfig,
    addrs: &mut impl Iterator<Item = SocketAddr>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "no address to connect to");
    for addr in addrs {
        match begin(config, addr) {
            Ok(stream) => return Ok((stream, addr)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A socket with all its options that has begun to connect to `addr`.
fn begin(config: &TcpConnectConfig, addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = config.socket.open(addr)?;
    if let Some(source) = config.source_address {
        socket
            .bind(&source.into())
            .map_err(|error| because(&format!("can't connect from {source}"), &error))?;
    }
    match socket.connect(&addr.into()) {
        Err(error) if !is_in_progress(&error) => {
            Err(because(&format!("can't connect to {addr}"), &error))
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

fn unspecified(peer: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::time::Duration;

    use mio::{Events, Interest, Poll, Token};
    use polywire_core::Limits;
    use polywire_core::network::NetEvent;
    use polywire_core::node::{self, NodeEvent};
    use polywire_core::stream::{Establishing, Stream};

    use super::*;

    fn localhost() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr)
    }

    /// Waits until the connect has ended, one way or the other.
    fn end_of_connect(mut stream: TcpStream) -> io::Result<TcpSocket> {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        poll.registry().register(&mut stream, Token(0), Interest::WRITABLE).unwrap();
        let socket = TcpSocket::new(stream);
        while socket.establish(Establishing::Connecting)? == Establishing::Connecting {
            poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
            assert!(!events.is_empty(), "no readiness within five seconds");
        }
        Ok(socket)
    }

    #[test]
    fn a_connection_is_connected_once_the_peer_answered() {
        let (listener, addr) = localhost();
        let stream = begin(&TcpConnectConfig::default(), addr).unwrap();
        let socket = end_of_connect(stream).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"hi").unwrap();
        let mut buffer = [0; 8];
        let read = loop {
            match socket.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                read => break read.unwrap(),
            }
        };
        assert_eq!(&buffer[..read], b"hi");

        socket.shutdown_write().unwrap();
        assert_eq!(io::Read::read(&mut peer, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn nobody_at_the_address_is_told_as_refused() {
        let (listener, addr) = localhost();
        drop(listener);
        let error = begin(&TcpConnectConfig::default(), addr).and_then(end_of_connect).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_socket_that_connected_to_itself_counts_as_refused() {
        let (listener, addr) = localhost();
        drop(listener);
        let config = TcpConnectConfig::default().with_source_address(addr);
        let error = begin(&config, addr).and_then(end_of_connect).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_options_of_the_socket_are_set() {
        let (_listener, addr) = localhost();
        let config = TcpConnectConfig::default()
            .with_so_linger(Some(Duration::ZERO))
            .with_source_address("127.0.0.1:0".parse().unwrap());
        let stream = begin(&config, addr).unwrap();
        assert_eq!(SockRef::from(&stream).linger().unwrap(), Some(Duration::ZERO));
    }

    #[test]
    fn a_source_address_that_is_not_of_this_machine_is_named_in_the_error() {
        let (_listener, addr) = localhost();
        let source = "192.0.2.1:0".parse().unwrap();
        let error = begin(&TcpConnectConfig::default().with_source_address(source), addr);
        let error = error.unwrap_err();
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
    }

    #[test]
    fn only_addresses_of_the_family_of_the_source_are_tried() {
        let config = TcpConnectConfig::default().with_source_address("[::1]:0".parse().unwrap());
        let v4 = RemoteAddr::Socket("127.0.0.1:80".parse().unwrap());
        let error = candidates(&config, &v4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("IPv6"), "{error}");

        let v6 = RemoteAddr::Socket("[::1]:80".parse().unwrap());
        assert_eq!(candidates(&config, &v6).unwrap().len(), 1);
    }

    #[test]
    fn an_address_that_fails_at_once_gives_way_to_the_next() {
        let (_listener, addr) = localhost();
        // Nothing reaches the broadcast address over TCP: refused before a packet leaves.
        let hopeless: SocketAddr = "255.255.255.255:9".parse().unwrap();
        let mut addrs = [hopeless, addr].into_iter();
        let (_, peer) = begin_first(&TcpConnectConfig::default(), &mut addrs).unwrap();
        assert_eq!(peer, addr);

        let error = begin_first(&TcpConnectConfig::default(), &mut [hopeless].into_iter());
        assert!(error.unwrap_err().to_string().contains("255.255.255.255:9"));
    }

    /// Nothing that these tests wait for takes so long.
    const DEADLINE: Duration = Duration::from_secs(10);

    #[test]
    fn a_removed_stream_that_somebody_else_holds_too_wakes_nobody_and_is_adopted_again() {
        let (listener, addr) = localhost();
        let held = std::net::TcpStream::connect(addr).unwrap();
        let (peer, _) = listener.accept().unwrap();
        let (handler, listener) = node::split::<()>();
        let (tell, told) = mpsc::channel();
        let _task = listener.for_each_async(move |event| match event {
            NodeEvent::Signal(()) | NodeEvent::Network(NetEvent::Message(..)) => {
                tell.send(()).unwrap();
            }
            NodeEvent::Network(event) => {
                assert!(matches!(event, NetEvent::Connected(_, true)), "{event:?}");
            }
        });
        let (network, next) = (handler.network(), || told.recv_timeout(DEADLINE).unwrap());
        let adopt = || {
            let limits = Limits::default().with_linger(Duration::ZERO);
            let config = TcpConnectConfig::default().with_limits(limits);
            let config = config.with_stream(held.try_clone().unwrap());
            let id = network.connect(config, addr).unwrap().0.resource_id();
            (&peer).write_all(b"hello").unwrap();
            next();
            assert!(network.remove(id));
        };
        let settled_wake_ups = || {
            handler.signals().send(());
            next();
            network.stats().wake_ups
        };
        adopt();
        let before = settled_wake_ups();
        (0..1000).for_each(|_| (&peer).write_all(b"hello").unwrap());
        let wake_ups = settled_wake_ups() - before;
        assert!(wake_ups < 10, "{wake_ups} wake-ups");
        // Most likely under the number that the first had.
        adopt();
        handler.stop();
    }
}

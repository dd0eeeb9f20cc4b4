//! A layer that reads a first line, in which a proxy says for whom it connects.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};

use polywire::Limits;
use polywire::adapter::{Accepted, Listen, Listener};
use polywire::adapters::tcp::{Raw, TcpListenConfig, listen_over};
use polywire::network::{CloseReason, RemoteAddr};
use polywire::stream::{Establishing, Layer, PassThrough, Stream};

use crate::support::{Node, eventually};

const MAX_LINE: usize = 100;

/// Expects `for <address>` and a newline before all else.
#[derive(Clone, Copy)]
struct BehindProxy;

/// The same, with one connection for each address.
struct OnePerAddress;

impl Listen for OnePerAddress {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let limits = Limits::default().with_max_connections_per_ip(1);
        let config = TcpListenConfig::default().with_limits(limits);
        listen_over(&config, addr, BehindProxy, |_| Raw)
    }
}

impl Listen for BehindProxy {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        listen_over(&TcpListenConfig::default(), addr, *self, |_| Raw)
    }
}

impl<S: Stream> Layer<S> for BehindProxy {
    type Stream = Proxied<S>;

    fn connect(&self, _: S, _: &RemoteAddr) -> io::Result<Proxied<S>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn accept(&self, stream: S, _: &Accepted) -> io::Result<Proxied<S>> {
        Ok(Proxied { stream, line: Mutex::default(), peer: OnceLock::new() })
    }
}

struct Proxied<S> {
    stream: S,
    /// What has come of the line.
    line: Mutex<Vec<u8>>,
    peer: OnceLock<SocketAddr>,
}

impl<S: Stream> PassThrough for Proxied<S> {
    type Under = S;

    const NAMES_PEER: bool = true;

    fn under(&self) -> &S {
        &self.stream
    }

    fn under_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        self.stream.establish(so_far)?;
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut byte = [0]; // What is behind the line is the protocol's.
        while line.last() != Some(&b'\n') {
            match self.stream.read(&mut byte) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Establishing::Handshaking);
                }
                Ok(1) if line.len() < MAX_LINE => line.push(byte[0]),
                _ => return Err(CloseReason::HandshakeRefused("no line".into()).into()),
            }
        }
        let text = std::str::from_utf8(&line).unwrap_or_default();
        let peer = text.trim_end().strip_prefix("for ").and_then(|addr| addr.parse().ok());
        let Some(peer) = peer else {
            return Err(CloseReason::HandshakeRefused("not the line of a proxy".into()).into());
        };
        let _ = self.peer.set(peer);
        Ok(Establishing::Established)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer.get().copied()
    }
}

#[test]
fn the_endpoint_has_the_address_for_which_the_proxy_connects() {
    let server = Node::new();
    let (_, addr) = server.listen(BehindProxy);
    let mut proxy = TcpStream::connect(addr).unwrap();
    proxy.write_all(b"for 192.0.2.1").unwrap();
    server.settle();
    proxy.write_all(b":5678\nhello").unwrap();
    let client: SocketAddr = "192.0.2.1:5678".parse().unwrap();
    let endpoint = server.accepted();
    assert_eq!(endpoint.addr(), client);
    assert_eq!(server.network().remote_addr(endpoint), Some(RemoteAddr::Socket(client)));
    let (from, message) = server.message();
    assert_eq!((from, message), (endpoint, b"hello".to_vec()));
    server.network().send(endpoint, b"welcome");
    let mut answer = [0; 7];
    io::Read::read_exact(&mut proxy, &mut answer).unwrap();
    assert_eq!(&answer, b"welcome");
}

#[test]
fn whoever_says_something_else_is_refused() {
    let server = Node::new();
    let (_, addr) = server.listen(BehindProxy);
    for line in [&b"GET / HTTP/1.1\r\n"[..], &[b'x'; 200], b"for nobody\n"] {
        let mut peer = TcpStream::connect(addr).unwrap();
        peer.write_all(line).unwrap();
        let _ = io::Read::read_to_end(&mut peer, &mut Vec::new());
    }
    server.assert_silent();
    assert_eq!(server.network().stats().refused, 3);
}

#[test]
fn a_limit_for_each_address_counts_the_client_and_not_the_proxy() {
    let server = Node::new();
    let (_, addr) = server.listen(OnePerAddress);
    let connect = || TcpStream::connect(addr).unwrap();
    // Of none of these it is known yet who connects.
    let (mut first, mut second, mut third) = (connect(), connect(), connect());
    first.write_all(b"for 192.0.2.1:1\n").unwrap();
    let first_endpoint = server.accepted();
    second.write_all(b"for 192.0.2.2:1\n").unwrap();
    assert_eq!(server.accepted().addr().to_string(), "192.0.2.2:1");

    third.write_all(b"for 192.0.2.1:2\n").unwrap();
    let _ = io::Read::read_to_end(&mut third, &mut Vec::new());
    server.assert_silent();
    let stats = server.network().stats();
    assert_eq!((stats.turned_away, stats.refused), (1, 0));

    drop(first);
    server.disconnected(first_endpoint);
    eventually("its place is free", || server.network().stats().endpoints < stats.endpoints);
    let mut again = connect();
    again.write_all(b"for 192.0.2.1:3\n").unwrap();
    assert_eq!(server.accepted().addr().to_string(), "192.0.2.1:3");
}

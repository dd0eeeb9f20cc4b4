//! Sockets that somebody else has opened.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use polywire::adapter::Accepted;
use polywire::adapters::framed_tcp::{Framed, FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig, connect_over};
use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
use polywire::network::{RemoteAddr, Transport};
use polywire::stream::{Layer, Stream};

use support::{ANY_PORT, Node};

#[test]
fn a_stream_that_is_connected_goes_on_behind_what_was_read_of_it() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, addr) = listener.accept().unwrap();
    let peer_addr = listener.local_addr().unwrap();
    peer.write_all(b"lo\x05again").unwrap();
    let tcp = TcpConnectConfig::default().with_stream(stream).with_received(b"\x05hel");
    let config = FramedTcpConnectConfig::default().with_tcp(tcp);
    let (endpoint, local) = node.network().connect(config.clone(), "anywhere:1").unwrap();
    assert_eq!((endpoint.addr(), local), (peer_addr, addr));
    assert!(matches!(node.next(), support::StoredNetEvent::Connected(e, true) if e == endpoint));
    assert_eq!(node.message(), (endpoint, b"hello".to_vec()));
    assert_eq!(node.message(), (endpoint, b"again".to_vec()));
    node.network().send(endpoint, b"yes");
    let mut answer = [0; 4];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\x03yes");

    let error = node.network().connect(config, "anywhere:1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse, "it is taken once");
}

#[test]
fn a_listener_that_listens_already_accepts() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut early = TcpStream::connect(addr).unwrap(); // Before anybody accepts.
    early.write_all(b"\x02hi").unwrap();
    let tcp = TcpListenConfig::default().with_listener(listener);
    let config = FramedTcpListenConfig::default().with_tcp(tcp);
    let (id, shown) = node.network().listen(config, ANY_PORT).unwrap();
    assert_eq!(shown, addr);
    let endpoint = node.accepted();
    assert_eq!(node.message(), (endpoint, b"hi".to_vec()));
    assert!(node.network().remove(id));
    assert!(TcpListener::bind(addr).is_ok() || cfg!(not(target_os = "linux")), "the port is free");
}

#[test]
fn a_bound_udp_socket_hears_and_a_given_one_connects() {
    let (server, client) = (Node::echo(), Node::new());
    let [here, there] = [(); 2].map(|()| UdpSocket::bind(ANY_PORT).unwrap());
    let (here_addr, there_addr) = (here.local_addr().unwrap(), there.local_addr().unwrap());
    let config = UdpListenConfig::default().with_socket(here);
    let (_, addr) = server.network().listen(config, ANY_PORT).unwrap();
    assert_eq!(addr, here_addr);
    let config = UdpConnectConfig::default().with_socket(there);
    let endpoint = client.connect_ready(config, addr);
    client.network().send(endpoint, b"hello");
    let (from, message) = server.message();
    assert_eq!((from.addr(), &message[..]), (there_addr, &b"hello"[..]));
    assert_eq!(client.message(), (endpoint, b"hello".to_vec()));
    assert!(server.network().listen(Transport::Udp, here_addr).is_err(), "it is in use");
}

#[test]
fn what_was_read_of_no_stream_is_an_error_and_a_refused_connect_leaves_the_stream() {
    let node = Node::new();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    let config = TcpConnectConfig::default().with_received(b"early");
    let error = node.network().connect(config.clone(), addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("with_stream"), "{error}");

    let config = config.with_stream(TcpStream::connect(addr).unwrap());
    let layered = connect_over(&config, &RemoteAddr::Socket(addr), Itself, Framed::default());
    assert_eq!(layered.unwrap_err().kind(), ErrorKind::InvalidInput);
    let endpoint = node.connect_ready(config, addr);
    assert_eq!(node.message(), (endpoint, b"early".to_vec()));
}

/// A layer that leaves a stream as it is, as only the workspace's own is known to do.
struct Itself;

impl<S: Stream> Layer<S> for Itself {
    type Stream = S;

    fn connect(&self, stream: S, _: &RemoteAddr) -> std::io::Result<S> {
        Ok(stream)
    }

    fn accept(&self, stream: S, _: &Accepted) -> std::io::Result<S> {
        Ok(stream)
    }
}

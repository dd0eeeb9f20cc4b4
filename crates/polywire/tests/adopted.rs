//! Sockets that somebody else has opened.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
use polywire::network::Transport;

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
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse, "it is taken once");
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

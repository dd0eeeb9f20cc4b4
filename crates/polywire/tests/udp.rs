//! Datagrams: sizes, families, peers that are gone.

mod support;

use std::net::{SocketAddr, UdpSocket};

use polywire::adapters::udp::MAX_LOCAL_PAYLOAD_LEN;
use polywire::network::{Endpoint, SendStatus, Transport};

use support::{ANY_PORT, DEADLINE, Handler, Node, StoredNetEvent};

fn socket(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 1 << 16];
    let (len, from) = socket.recv_from(&mut buffer).expect("a datagram comes");
    buffer.truncate(len);
    (buffer, from)
}

#[test]
fn disconnecting_a_peer_that_a_listener_heard_of_spares_the_listener() {
    let (client, server) = (Node::new(), Node::echo());
    let (_, addr) = server.listen(Transport::Udp);
    let endpoint = client.connect_ready(Transport::Udp, addr);
    for _ in 0..2 {
        assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
        assert_eq!(client.message().1, b"hello");
        let (peer, _) = server.message();
        assert!(!server.network().disconnect(peer), "there is no connection to end");
    }
    assert!(client.network().disconnect(endpoint));
    assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::ResourceNotFound);
    assert!(!client.network().disconnect(endpoint));
}

#[test]
fn a_datagram_too_large_is_told_as_such_and_the_longest_arrives() {
    let (client, server) = (Node::new(), Node::new());
    let (listener, addr) = server.listen(Transport::Udp);
    let endpoint = client.connect_ready(Transport::Udp, addr);
    let longest = vec![7; MAX_LOCAL_PAYLOAD_LEN];
    for len in [MAX_LOCAL_PAYLOAD_LEN + 1, 70_000] {
        let status = client.network().send(endpoint, &vec![0; len]);
        assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
    }
    assert_eq!(client.network().send(endpoint, &longest), SendStatus::Sent);
    let (back, message) = server.message();
    assert!(message == longest);
    assert_eq!(back.resource_id(), listener);
    let status = server.network().send(back, &vec![0; 70_000]);
    assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
    assert_eq!(server.network().send(back, b""), SendStatus::Sent);
    assert_eq!(client.message(), (endpoint, Vec::new()));
}

#[test]
fn an_ipv6_peer_is_reached_from_an_ipv6_address() {
    let server = Node::echo();
    let (_, addr) = server.network().listen(Transport::Udp, "[::1]:0").unwrap();
    let client = Node::new();
    let text = format!("[::1]:{}", addr.port());
    let (endpoint, local) = client.network().connect(Transport::Udp, &text).unwrap();
    assert!(local.is_ipv6());
    assert!(matches!(client.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
    assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
    assert_eq!(client.message(), (endpoint, b"hello".into()));
}

#[test]
fn a_listener_writes_first_to_an_address_it_never_heard_of() {
    let node = Node::new();
    let (listener, addr) = node.listen(Transport::Udp);
    let peer = socket(ANY_PORT);
    let endpoint = Endpoint::from_listener(listener, peer.local_addr().unwrap());
    assert_eq!(node.network().send(endpoint, b"hello"), SendStatus::Sent);
    assert_eq!(receive(&peer), (b"hello".into(), addr));
    peer.send_to(b"who is there?", addr).unwrap();
    assert_eq!(node.message(), (endpoint, b"who is there?".into()));
}

#[test]
fn datagrams_of_many_peers_are_told_apart_and_answered() {
    let node = Node::echo();
    let (_, addr) = node.listen(Transport::Udp);
    let peers: Vec<_> = (0..10).map(|_| socket(ANY_PORT)).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.send_to(&[number as u8], addr).unwrap();
    }
    for (number, peer) in peers.iter().enumerate() {
        assert_eq!(receive(peer), (vec![number as u8], addr));
    }
    for _ in peers {
        node.message();
    }
    node.assert_silent();
}

/// An address of its own, so that no other test takes the port while nobody is there. Other systems
/// than Linux may have no second loopback address, or not send from it.
const OWN_ADDR: &str = if cfg!(target_os = "linux") { "127.77.0.1:0" } else { ANY_PORT };

/// Comes back to the address of `peer` after its ICMP error about `missed` has been sent.
fn come_back(peer: UdpSocket, missed: impl FnOnce()) -> UdpSocket {
    let addr = peer.local_addr().unwrap();
    drop(peer);
    missed();
    socket(&addr.to_string())
}

#[test]
fn an_icmp_error_does_not_hold_back_the_next_datagram_of_a_connection() {
    let peer = socket(OWN_ADDR);
    let peer_addr = peer.local_addr().unwrap();
    let prepare = move |handler: &Handler| {
        let network = handler.network();
        let (endpoint, local) = network.connect(Transport::Udp, peer_addr).unwrap();
        let peer = come_back(peer, || {
            assert_eq!(network.send(endpoint, b"into the void"), SendStatus::Sent);
        });
        // Error and datagram wait in the socket together; nothing else comes.
        peer.send_to(b"back again", local).unwrap();
    };
    let node = Node::prepared(prepare, |_, _| {});
    let StoredNetEvent::Connected(endpoint, true) = node.next() else { panic!("not connected") };
    assert_eq!(node.message(), (endpoint, b"back again".into()));
    node.assert_silent();
}

#[test]
fn a_peer_that_is_gone_ends_nothing_and_the_next_datagram_leaves() {
    let node = Node::new();
    let peer = socket(OWN_ADDR);
    let endpoint = node.connect_ready(Transport::Udp, peer.local_addr().unwrap());
    let peer = come_back(peer, || {
        for _ in 0..10 {
            assert_eq!(node.network().send(endpoint, b"into the void"), SendStatus::Sent);
        }
        node.settle();
    });
    assert_eq!(node.network().send(endpoint, b"hello"), SendStatus::Sent);
    assert_eq!(receive(&peer).0, b"hello");
    node.assert_silent();
}

#[test]
fn a_peer_that_is_gone_does_not_hold_back_the_next_datagram_of_a_listener() {
    let node = Node::echo();
    let (listener, addr) = node.listen(Transport::Udp);
    let (gone, healthy) = (socket(OWN_ADDR), socket(ANY_PORT));
    let endpoint = Endpoint::from_listener(listener, gone.local_addr().unwrap());
    drop(gone);
    for round in 0..10 {
        assert_eq!(node.network().send(endpoint, b"into the void"), SendStatus::Sent);
        healthy.send_to(&[round], addr).unwrap();
        assert_eq!(node.message().1, [round]);
        assert_eq!(receive(&healthy).0, [round]);
    }
}

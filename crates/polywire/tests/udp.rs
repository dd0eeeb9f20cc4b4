//! Datagrams: sizes, families, peers that are gone, groups.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // Some tests are Linux's.

mod support;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
#[cfg(target_os = "linux")]
use std::process::Command;

use polywire::adapters::udp::{
    MAX_LOCAL_PAYLOAD_LEN, MulticastInterface, UdpConnectConfig, UdpListenConfig,
};
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

// Groups.

/// A node that listens to `group` on the interface, unless that can't be.
fn join(group: SocketAddr, interface: MulticastInterface) -> Option<(Node, SocketAddr)> {
    let node = Node::new();
    let config = UdpListenConfig::default().with_multicast_interface(interface);
    match node.network().listen_with(config, group) {
        Ok((_, addr)) => Some((node, addr)),
        Err(error) => {
            eprintln!("{interface:?} can't join {group}: {error}");
            None
        }
    }
}

/// A node that sends to `group` through the interface, and has sent a first message, unless that
/// can't be.
fn speak(group: SocketAddr, interface: MulticastInterface) -> Option<(Node, Endpoint)> {
    let node = Node::new();
    let config =
        UdpConnectConfig::default().with_multicast_interface(interface).with_multicast_loop(true);
    let why = match node.network().connect_with(config, group) {
        Ok((endpoint, _)) => match node.network().send(endpoint, b"everybody") {
            SendStatus::Sent => return Some((node, endpoint)),
            other => format!("{other:?}"),
        },
        Err(error) => error.to_string(),
    };
    eprintln!("{interface:?} can't reach {group}: {why}");
    None
}

/// Whether the interface can do it at all; panics if it then does it wrong.
fn group_is_heard_until_left(group: SocketAddr, interface: MulticastInterface) -> bool {
    let Some((first, addr)) = join(group, interface) else { return false };
    let (second, _) = join(addr, interface).expect("listeners share a group");
    let Some((sender, to_group)) = speak(addr, interface) else { return false };
    let (from, message) = first.message();
    assert_eq!(message, b"everybody");
    assert_eq!(second.message().1, b"everybody");
    // An answer to a member's endpoint goes to the sender alone.
    assert_eq!(first.network().send(from, b"just you"), SendStatus::Sent);

    assert!(first.network().remove(from.resource_id()));
    first.settle();
    assert_eq!(sender.network().send(to_group, b"who is left"), SendStatus::Sent);
    assert_eq!(second.message().1, b"who is left");
    first.assert_silent();
    second.assert_silent();
    true
}

const LOOPBACK: MulticastInterface = MulticastInterface::Addr(Ipv4Addr::LOCALHOST);

#[test]
fn an_ipv4_group_is_heard_on_the_chosen_interface_until_it_is_left() {
    let group = (Ipv4Addr::new(239, 77, 1, 2), 0).into();
    if !group_is_heard_until_left(group, LOOPBACK) {
        eprintln!("skipped: the loopback interface can't do it");
    }
}

/// The loopback interface carries no IPv6 groups, and no other interface is ours to send on: the
/// test runs itself in a network namespace of its own, with an interface that ends nowhere.
#[test]
#[cfg(target_os = "linux")]
fn an_ipv6_group_is_heard_on_the_chosen_interface_until_it_is_left() {
    const INSIDE: &str = "POLYWIRE_TEST_INTERFACE";
    if let Some(index) = std::env::var_os(INSIDE) {
        let index = index.into_string().unwrap().trim().parse().unwrap();
        let group = (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x77, 1), 0).into();
        assert!(group_is_heard_until_left(group, MulticastInterface::Index(index)));
        return;
    }
    let script = "ip link set lo up && \
        ip link add nowhere type veth peer name elsewhere && ip link set elsewhere up && \
        ip link set nowhere multicast on up && ip -6 addr add fd77::1/64 dev nowhere nodad && \
        POLYWIRE_TEST_INTERFACE=$(ip -o link show nowhere | cut -d: -f1) \
        exec \"$0\" --exact an_ipv6_group_is_heard_on_the_chosen_interface_until_it_is_left";
    let trial = ["--net", "ip", "link", "add", "nowhere", "type", "veth"];
    if !Command::new("unshare").args(trial).status().is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no network namespace can be made here");
    }
    let test = std::env::current_exe().unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["--net", "sh", "-c", script]).arg(test);
    let output = inside.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_listener_to_a_group_does_not_hear_another_group_on_its_port() {
    let group = |last| SocketAddr::from((Ipv4Addr::new(239, 77, 2, last), 0));
    let Some((first, mut addr)) = join(group(1), LOOPBACK) else { return };
    addr.set_ip(group(2).ip());
    let Some((second, addr)) = join(addr, LOOPBACK) else { return };
    if speak(addr, LOOPBACK).is_some() {
        assert_eq!(second.message().1, b"everybody");
        first.assert_silent();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_group_is_left_when_its_listener_is_removed() {
    let group = Ipv4Addr::new(239, 77, 3, 1);
    // As the kernel writes it: the bytes in the machine's own order.
    let listed = format!("{:08X}", u32::from_ne_bytes(group.octets()));
    let is_joined = || std::fs::read_to_string("/proc/net/igmp").unwrap().contains(&listed);
    let node = Node::new();
    let config = UdpListenConfig::default().with_multicast_interface(LOOPBACK);
    let Ok((listener, _)) = node.network().listen(config, (group, 0)) else {
        return eprintln!("skipped: the loopback interface can't join {group}");
    };
    assert!(is_joined());
    assert!(node.network().remove(listener));
    support::eventually("the group is left", || !is_joined());
}

use std::io::IoSliceMut;
use std::net::{SocketAddrV6, UdpSocket as StdUdpSocket};
use std::sync::Arc;

use polywire_core::adapter::{Flow, Sender};
use polywire_core::network::SendStatus;
use quinn_udp::RecvMeta;

use super::*;
use crate::MAX_LOCAL_PAYLOAD_LEN;
use crate::receiving::{ReceiveState, Source, receive_datagrams};
use crate::shared_socket::{SharedSocket, send_to};

/// A plain socket as the peer, and this crate's socket connected to it.
fn connected_pair(ip: &str) -> (StdUdpSocket, Arc<SharedSocket>) {
    let peer = StdUdpSocket::bind((ip, 0)).unwrap();
    peer.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let peer_addr = peer.local_addr().unwrap();
    let socket = UdpConnectConfig::default().open(peer_addr).unwrap();
    (peer, Arc::new(SharedSocket::connected(socket, peer_addr)))
}

fn adopt(socket: StdUdpSocket, peers: &[SocketAddr]) -> io::Result<(UdpSocket, SocketAddr)> {
    UdpConnectConfig::default().with_socket(socket).open_first(peers)
}

fn local_addr(socket: &SharedSocket) -> SocketAddr {
    socket.local_addr().unwrap()
}

fn send(socket: &SharedSocket, message: &[u8]) -> SendStatus {
    send_to(socket, (Ipv4Addr::UNSPECIFIED, 0).into(), message)
}

/// A socket, and how many calls were made of it.
struct Counting<'a>(&'a SharedSocket, &'a mut usize);

impl Source for Counting<'_> {
    fn receive(&mut self, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        *self.1 += 1;
        self.0.receive(slot)
    }

    fn receive_batch(
        &mut self,
        slots: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        *self.1 += 1;
        self.0.receive_batch(slots, metas)
    }
}

/// What waits in `socket`, read as the loop does.
fn drain(socket: &SharedSocket) -> Vec<Vec<u8>> {
    drain_counting(socket, &mut socket.new_receive_state()).1
}

/// As `drain`; tells how many calls that took.
fn drain_counting(
    socket: &SharedSocket,
    receive_state: &mut ReceiveState,
) -> (usize, Vec<Vec<u8>>) {
    let (mut calls, mut messages) = (0, Vec::new());
    receive_datagrams(
        &mut vec![0; 256 << 10],
        (usize::MAX, false),
        receive_state,
        Counting(socket, &mut calls),
        |_, message, _| {
            messages.push(message.to_vec());
            Flow::Continue
        },
    );
    (calls, messages)
}

#[test]
fn datagrams_of_every_length_cross_whole_over_both_families() {
    for ip in ["127.0.0.1", "::1"] {
        let (peer, socket) = connected_pair(ip);
        for len in [0, 1, 1472, MAX_LOCAL_PAYLOAD_LEN] {
            let message = vec![0x5A; len];
            assert_eq!(send(&socket, &message), SendStatus::Sent, "{ip}, {len} bytes");
            let mut buffer = vec![0; 65_535];
            let (received, from) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..received], message);
            assert_eq!(from, local_addr(&socket));
            peer.send_to(&message, from).unwrap();
            assert_eq!(drain(&socket), [message]);
        }
        let too_long = vec![0; MAX_LOCAL_PAYLOAD_LEN + 1];
        assert_eq!(send(&socket, &too_long), SendStatus::MaxPacketSizeExceeded);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_left_together_are_received_by_one_call_and_told_apart() {
    for ip in ["127.0.0.1", "::1"] {
        let (peer, socket) = connected_pair(ip);
        // A burst, from which on it is read in batches.
        let mut receive_state = ReceiveState::default();
        (0..20).for_each(|_| assert_eq!(peer.send_to(b"alone", local_addr(&socket)).unwrap(), 5));
        assert_eq!(drain_counting(&socket, &mut receive_state).1, vec![b"alone".to_vec(); 20]);
        socket.enable_gro(receive_state.is_in_batches());

        let sent = send_together(&peer, local_addr(&socket));
        let (calls, received) = drain_counting(&socket, &mut receive_state);
        assert_eq!(received, sent);
        assert_eq!(calls, 1);
    }
}

/// Sends 11 datagrams to `addr` by one call, and returns them.
#[cfg(target_os = "linux")]
fn send_together(from: &StdUdpSocket, addr: SocketAddr) -> Vec<Vec<u8>> {
    use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
    setsockopt(from, UdpGsoSegment, &100).unwrap();
    let bytes: Vec<u8> = (0..1050).map(|number| (number / 100) as u8).collect();
    assert_eq!(from.send_to(&bytes, addr).unwrap(), bytes.len());
    bytes.chunks(100).map(Vec::from).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_left_together_are_told_apart_by_a_socket_that_forbids_fragments() {
    for ip in ["127.0.0.1", "::1"] {
        let peer = StdUdpSocket::bind((ip, 0)).unwrap();
        let peer_addr = peer.local_addr().unwrap();
        let config = UdpConnectConfig::default().with_dont_fragment();
        let socket = SharedSocket::connected(config.open(peer_addr).unwrap(), peer_addr);
        let sent = send_together(&peer, local_addr(&socket));
        assert_eq!(drain(&socket), sent, "{ip}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_left_together_are_told_apart_by_a_socket_that_came_with_gro() {
    use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
    let peer = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let peer_addr = peer.local_addr().unwrap();
    let adopted = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    adopted.connect(peer_addr).unwrap();
    setsockopt(&adopted, UdpGroSegment, &true).unwrap();
    let early = send_together(&peer, adopted.local_addr().unwrap());
    let socket = adopt(adopted, &[peer_addr]).unwrap().0;
    let socket = SharedSocket::connected(socket, peer_addr);
    let late = send_together(&peer, local_addr(&socket));
    assert_eq!(drain(&socket), [early, late].concat());
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_else_holds_an_adopted_socket_receives_one_datagram_at_a_time_after_bursts_too() {
    let peer = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let peer_addr = peer.local_addr().unwrap();
    let held = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = adopt(held.try_clone().unwrap(), &[peer_addr]).unwrap().0;
    let socket = SharedSocket::connected(socket, peer_addr).adopted();
    let mut receive_state = socket.new_receive_state();
    (0..20).for_each(|_| assert_eq!(peer.send_to(b"alone", local_addr(&socket)).unwrap(), 5));
    drain_counting(&socket, &mut receive_state);
    assert!(receive_state.is_in_batches());
    socket.enable_gro(receive_state.is_in_batches());

    let sent = send_together(&peer, local_addr(&socket));
    let mut buffer = [0; 2000];
    let len = held.recv(&mut buffer).unwrap();
    assert_eq!(buffer[..len], sent[0]);
    assert_eq!(drain_counting(&socket, &mut receive_state).1, sent[1..]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_peer_that_was_gone_loses_nothing_and_delays_nothing() {
    let (peer, socket) = connected_pair("127.0.0.1");
    let addr = peer.local_addr().unwrap();
    drop(peer);
    assert_eq!(send(&socket, b"to nobody"), SendStatus::Sent); // Its error now waits.

    let peer = StdUdpSocket::bind(addr).unwrap();
    peer.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    assert_eq!(send(&socket, b"to the next one"), SendStatus::Sent);
    let mut buffer = [0; 64];
    assert_eq!(peer.recv(&mut buffer).unwrap(), b"to the next one".len());

    drop(peer);
    assert_eq!(send(&socket, b"to nobody"), SendStatus::Sent);
    let peer = StdUdpSocket::bind(addr).unwrap();
    peer.send_to(b"behind the error", local_addr(&socket)).unwrap();
    assert_eq!(drain(&socket), [b"behind the error"]);
}

#[test]
fn what_comes_from_others_is_not_received() {
    let (_peer, socket) = connected_pair("127.0.0.1");
    let stranger = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    // Fails or is dropped, as the system likes.
    let _ = stranger.send_to(b"forged", local_addr(&socket));
    assert!(drain(&socket).is_empty());
}

#[test]
fn what_others_sent_before_it_was_connected_is_not_received() {
    let peer = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let peer_addr = peer.local_addr().unwrap();
    let adopted = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = adopted.local_addr().unwrap();
    let stranger = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    (0..3).for_each(|_| assert_eq!(stranger.send_to(b"forged", addr).unwrap(), 6));

    let socket = adopt(adopted, &[peer_addr]).unwrap().0;
    let socket = SharedSocket::connected(socket, peer_addr);
    assert_eq!(peer.send_to(b"genuine", addr).unwrap(), 7);
    assert_eq!(drain(&socket), [b"genuine"]);
}

#[test]
fn what_the_peer_sent_to_a_socket_that_was_connected_to_it_is_kept() {
    let peer = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let peer_addr = peer.local_addr().unwrap();
    let adopted = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    adopted.connect(peer_addr).unwrap();
    assert_eq!(peer.send_to(b"genuine", adopted.local_addr().unwrap()).unwrap(), 7);
    let socket = adopt(adopted, &[peer_addr]).unwrap().0;
    assert_eq!(drain(&SharedSocket::connected(socket, peer_addr)), [b"genuine"]);
}

/// Adopts a socket that is connected to `peer` and has heard of it, and asserts that it is as it was.
fn assert_stays_connected(
    peer: &StdUdpSocket,
    own: &str,
    connected: SocketAddr,
    asked: &[SocketAddr],
) {
    let adopted = StdUdpSocket::bind((own, 0)).unwrap();
    adopted.connect(connected).unwrap();
    let addr =
        SocketAddr::new(peer.local_addr().unwrap().ip(), adopted.local_addr().unwrap().port());
    assert_eq!(peer.send_to(b"genuine", addr).unwrap(), 7);
    let (socket, peer_addr) = adopt(adopted, asked).unwrap();
    assert_eq!((peer_addr, socket.peer_addr().unwrap()), (connected, connected), "{asked:?}");
    assert_eq!(drain(&SharedSocket::connected(socket, peer_addr)), [b"genuine"], "{asked:?}");
}

#[test]
fn a_socket_that_is_connected_to_any_address_of_the_peer_stays_so() {
    let [other, peer] = [(); 2].map(|()| StdUdpSocket::bind("127.0.0.1:0").unwrap());
    let [other, addr] = [&other, &peer].map(|socket| socket.local_addr().unwrap());
    assert_stays_connected(&peer, "127.0.0.1", addr, &[other, addr]);

    let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), addr.port()));
    assert_stays_connected(&peer, "127.0.0.1", addr, &[mapped]);
    assert_stays_connected(&peer, "::ffff:127.0.0.1", mapped, &[other, addr]);
}

#[test]
fn the_same_address_on_another_interface_is_another_peer() {
    let on = |scope| SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, scope).into();
    assert!(reaches(on(2), on(2)) && reaches(on(2), on(0)));
    assert!(!reaches(on(2), on(3)));
}

#[test]
fn an_adopted_socket_is_tried_with_each_address_of_a_name() {
    let peer = StdUdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let of_other_family: SocketAddr = "[::1]:9".parse().unwrap();
    let new_socket = || StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let (socket, connected) = adopt(new_socket(), &[of_other_family, peer]).unwrap();
    assert_eq!((connected, socket.peer_addr().unwrap()), (peer, peer));

    let error = adopt(new_socket(), &[of_other_family; 2]).unwrap_err();
    assert!(error.to_string().contains("can't connect to [::1]:9"), "{error}");
}

#[test]
fn an_ended_socket_is_closed_and_found_by_no_send() {
    let (peer, socket) = connected_pair("127.0.0.1");
    let addr = local_addr(&socket);
    peer.send_to(b"unread", addr).unwrap();
    socket.end();
    assert_eq!(send(&socket, b"late"), SendStatus::ResourceNotFound);
    socket.when_writable(Box::new(|| panic!("told of room")));
    assert!(drain(&socket).is_empty());
    StdUdpSocket::bind(addr).unwrap();
}

#[test]
fn options_reach_the_socket() {
    let config = UdpConnectConfig::default()
        .with_broadcast()
        .with_reuse_address()
        .with_reuse_port()
        .with_receive_buffer_size(4 << 20)
        .with_send_buffer_size(65_536)
        .with_ttl(9)
        .with_multicast_loop(false)
        .with_multicast_interface(MulticastInterface::Addr(Ipv4Addr::LOCALHOST))
        .with_source_address("127.0.0.1:0".parse().unwrap());
    let socket = config.open("127.0.0.1:9".parse().unwrap()).unwrap();
    assert!(socket.local_addr().unwrap().ip().is_loopback());
    let socket = SockRef::from(&socket);
    assert!(socket.broadcast().unwrap() && socket.reuse_address().unwrap());
    assert!(socket.recv_buffer_size().unwrap() >= 65_536);
    assert!(socket.send_buffer_size().unwrap() >= 65_536);
    assert_eq!(socket.ttl_v4().unwrap(), 9);
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 1);
    assert!(!socket.multicast_loop_v4().unwrap());
    assert_eq!(socket.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
    #[cfg(unix)]
    assert!(socket.reuse_port().unwrap());
    #[cfg(unix)]
    assert!(socket.nonblocking().unwrap());
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn buffer_sizes_that_the_system_cannot_count_are_the_largest_it_grants() {
    let buffers = |size| {
        let config =
            UdpConnectConfig::default().with_receive_buffer_size(size).with_send_buffer_size(size);
        let socket = config.open("127.0.0.1:9".parse().unwrap()).unwrap();
        let socket = SockRef::from(&socket);
        (socket.recv_buffer_size().unwrap(), socket.send_buffer_size().unwrap())
    };
    for size in [1 << 32, usize::MAX] {
        assert_eq!(buffers(size), buffers(i32::MAX as usize), "{size}");
    }
}

#[test]
fn the_ttl_of_a_connection_to_a_group_is_the_groups() {
    let config = UdpConnectConfig::default()
        .with_ttl(9)
        .with_multicast_interface(MulticastInterface::Addr(Ipv4Addr::LOCALHOST));
    let socket = config.open("239.255.7.7:9".parse().unwrap()).unwrap();
    assert_eq!(SockRef::from(&socket).multicast_ttl_v4().unwrap(), 9);
}

#[cfg(target_os = "linux")]
#[test]
fn a_broadcast_address_takes_the_option_for_it() {
    let peer = "127.255.255.255:9".parse().unwrap();
    let error = UdpConnectConfig::default().open(peer).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("with_broadcast"), "{error}");
    UdpConnectConfig::default().with_broadcast().open(peer).unwrap();
}

#[test]
fn a_source_address_of_the_other_family_is_an_error_that_names_both() {
    let config = UdpConnectConfig::default().with_source_address("127.0.0.1:0".parse().unwrap());
    let error = config.open("[::1]:9".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("127.0.0.1:0"), "{error}");
}

#[test]
fn a_host_name_is_looked_up_and_bad_text_is_an_error() {
    let connect = |text: &str| UdpConnectConfig::default().connect(&RemoteAddr::Str(text.into()));
    let connection = connect("localhost:9").unwrap();
    assert!(format!("{connection:?}").contains(":9"));
    for text in ["", "localhost", "no-such-host.invalid:9", ":9", "\0:9"] {
        connect(text).unwrap_err();
    }
}

#[test]
fn a_source_address_in_use_is_told_with_the_address() {
    let taken = StdUdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _taken = StdUdpSocket::bind(taken).unwrap();
    let config = UdpConnectConfig::default().with_source_address(taken);
    let error = config.open("127.0.0.1:9".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
}

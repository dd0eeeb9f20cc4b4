use std::net::{Ipv4Addr, UdpSocket as StdUdpSocket};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::time::Duration;

#[cfg(target_os = "linux")]
use polywire_core::adapter::{Flow, SendFlags, SendHint, Sender};
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{self, NodeEvent};
#[cfg(target_os = "linux")]
use polywire_core::{Endpoint, MessageKind, ResourceId};
use socket2::SockRef;

use super::*;
use crate::UdpConnectConfig;
#[cfg(target_os = "linux")]
use crate::receiving::{Source, receive_datagrams};
use crate::shared_socket::{SharedSocket, send_to};

const LOOPBACK: MulticastInterface = MulticastInterface::Addr(Ipv4Addr::LOCALHOST);

fn listen(config: &UdpListenConfig, addr: &str) -> Opened {
    config.open(addr.parse().unwrap()).unwrap()
}

fn plain_socket(addr: &str) -> StdUdpSocket {
    let socket = StdUdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

/// What waits in `socket`. Loopback delivers within the call that sends.
fn drain(socket: &UdpSocket) -> Vec<(SocketAddr, Vec<u8>)> {
    let (mut messages, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        messages.push((from, buffer[..len].to_vec()));
    }
    messages
}

#[test]
fn a_listener_hears_everybody_and_answers_each_from_its_own_port() {
    for ip in ["127.0.0.1:0", "[::1]:0"] {
        let opened = listen(&UdpListenConfig::default(), ip);
        assert_ne!(opened.addr.port(), 0);
        let peers = [plain_socket(ip), plain_socket(ip)];
        for peer in &peers {
            peer.send_to(b"hello", opened.addr).unwrap();
        }
        let heard = drain(&opened.socket);
        let addrs: Vec<_> = heard.iter().map(|(from, _)| *from).collect();
        assert_eq!(addrs, peers.each_ref().map(|peer| peer.local_addr().unwrap()));

        let socket = SharedSocket::unconnected(opened.socket);
        for peer in &peers {
            assert_eq!(send_to(&socket, peer.local_addr().unwrap(), b"answer"), SendStatus::Sent);
            let mut buffer = [0; 16];
            assert_eq!(peer.recv_from(&mut buffer).unwrap(), (6, opened.addr));
        }
    }
}

#[test]
fn an_address_that_cannot_be_sent_to_is_not_available() {
    let socket =
        SharedSocket::unconnected(listen(&UdpListenConfig::default(), "127.0.0.1:0").socket);
    for addr in ["[::1]:9", "127.0.0.1:0", "255.255.255.255:9"] {
        let status = send_to(&socket, addr.parse().unwrap(), b"hello");
        assert_eq!(status, SendStatus::ResourceNotAvailable, "{addr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_left_together_are_told_apart_by_a_listener_that_forbids_fragments() {
    use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
    for (ip, listen_addr) in
        [("127.0.0.1", "127.0.0.1:0"), ("127.0.0.1", "0.0.0.0:0"), ("::1", "[::]:0")]
    {
        let opened = listen(&UdpListenConfig::default().with_dont_fragment(), listen_addr);
        let peer = plain_socket(&format!("{}", SocketAddr::new(ip.parse().unwrap(), 0)));
        setsockopt(&peer, UdpGsoSegment, &1000).unwrap();
        let bytes: Vec<u8> = (0..50_000).map(|number| (number / 1000) as u8).collect();
        peer.send_to(&bytes, (ip, opened.addr.port())).unwrap();

        let socket = SharedSocket::unconnected(opened.socket);
        let mut messages = Vec::new();
        receive_datagrams(
            &mut vec![0; 256 << 10],
            (usize::MAX, false),
            &mut socket.new_receive_state(),
            &socket,
            |_, message, _| {
                messages.push(message.to_vec());
                Flow::Continue
            },
        );
        assert_eq!(
            messages,
            bytes.chunks(1000).map(Vec::from).collect::<Vec<_>>(),
            "{listen_addr}"
        );
    }
}

/// The traffic class that the next datagram of `socket` came with (DSCP, RFC 2474).
#[cfg(target_os = "linux")]
fn receive_traffic_class(socket: &StdUdpSocket) -> i32 {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
    let mut bytes = [0; 16];
    let (mut iov, mut space) = ([io::IoSliceMut::new(&mut bytes)], nix::cmsg_space!(i32));
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
    let message = recvmsg::<SockaddrStorage>(fd, &mut iov, Some(&mut space), flags).unwrap();
    match message.cmsgs().unwrap().next() {
        Some(ControlMessageOwned::Ipv4Tos(class)) => class.into(),
        Some(ControlMessageOwned::Ipv6TClass(class)) => class,
        other => panic!("{other:?}"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_adopted_socket_keeps_its_traffic_class_alone_and_together() {
    use nix::sys::socket::{setsockopt, sockopt};
    const EXPEDITED: i32 = 46 << 2;
    for (peer_addr, bound) in
        [("127.0.0.1:0", "127.0.0.1:0"), ("127.0.0.1:0", "0.0.0.0:0"), ("[::1]:0", "[::]:0")]
    {
        let (peer, adopted) = (plain_socket(peer_addr), plain_socket(bound));
        let peer_addr = peer.local_addr().unwrap();
        if peer_addr.is_ipv4() {
            setsockopt(&peer, sockopt::IpRecvTos, &true).unwrap();
            setsockopt(&adopted, sockopt::Ipv4Tos, &EXPEDITED).unwrap();
        } else {
            setsockopt(&peer, sockopt::Ipv6RecvTClass, &true).unwrap();
            setsockopt(&adopted, sockopt::Ipv6TClass, &EXPEDITED).unwrap();
        }
        let addr = (peer_addr.ip(), adopted.local_addr().unwrap().port());
        let socket = SharedSocket::unconnected(prepare_adopted(adopted).unwrap());
        peer.send_to(b"hello", addr).unwrap();
        (&socket).receive(&mut [0; 16]).unwrap();

        assert_eq!(send_to(&socket, peer_addr, b"alone"), SendStatus::Sent);
        let endpoint = Endpoint::from_listener(ResourceId::from(0x82), peer_addr);
        for _ in 0..3 {
            let flags = SendFlags::new(MessageKind::default(), SendHint::CallerFlushes);
            assert_eq!(socket.send(&endpoint, b"together", flags), SendStatus::Sent);
        }
        socket.flush();
        let classes = [(); 4].map(|()| receive_traffic_class(&peer));
        assert_eq!(classes, [EXPEDITED; 4], "{bound}");
    }
}

#[test]
fn an_unspecified_address_is_kept_and_gets_a_port() {
    let opened = listen(&UdpListenConfig::default(), "0.0.0.0:0");
    assert!(opened.addr.ip().is_unspecified());
    assert_ne!(opened.addr.port(), 0);
}

#[test]
fn an_address_in_use_is_told_and_may_be_shared_on_demand() {
    let shared = UdpListenConfig::default().with_reuse_port();
    let first = listen(&shared, "127.0.0.1:0");
    let error = UdpListenConfig::default().open(first.addr).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&first.addr.to_string()), "{error}");
    shared.open(first.addr).unwrap();
}

#[test]
fn options_reach_the_socket() {
    let config = UdpListenConfig::default()
        .with_send_broadcasts()
        .with_reuse_address()
        .with_receive_buffer_size(65_536)
        .with_multicast_interface(LOOPBACK)
        .with_multicast_loop(false)
        .with_multicast_ttl(3);
    let opened = listen(&config, "127.0.0.1:0");
    let socket = SockRef::from(&opened.socket);
    assert!(socket.broadcast().unwrap() && socket.reuse_address().unwrap());
    assert!(socket.recv_buffer_size().unwrap() >= 65_536);
    assert_eq!(socket.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
    assert!(!socket.multicast_loop_v4().unwrap());
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);

    let opened = listen(&config, "[::1]:0");
    let socket = SockRef::from(&opened.socket);
    assert_ne!(socket.multicast_if_v6().unwrap(), 0);
    assert!(!socket.multicast_loop_v6().unwrap());
    assert_eq!(socket.multicast_hops_v6().unwrap(), 3);
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn buffer_sizes_that_the_system_cannot_count_are_the_largest_it_grants() {
    let buffer = |size| {
        let opened =
            listen(&UdpListenConfig::default().with_receive_buffer_size(size), "127.0.0.1:0");
        SockRef::from(&opened.socket).recv_buffer_size().unwrap()
    };
    for size in [1 << 32, usize::MAX] {
        assert_eq!(buffer(size), buffer(i32::MAX as usize), "{size}");
    }
}

/// A socket that sends to groups over loopback.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn group_sender() -> StdUdpSocket {
    let socket = plain_socket("127.0.0.1:0");
    SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket
}

#[cfg(unix)]
#[test]
fn each_listener_of_a_group_hears_that_group_alone() {
    let config = UdpListenConfig::default().with_multicast_interface(LOOPBACK);
    let first = listen(&config, "239.255.7.1:0");
    assert_eq!(first.addr.ip(), Ipv4Addr::new(239, 255, 7, 1));
    let second = config.open(first.addr).unwrap();
    let mut other_group = first.addr;
    other_group.set_ip(Ipv4Addr::new(239, 255, 7, 2).into());
    let other = config.open(other_group).unwrap();

    let sender = group_sender();
    sender.send_to(b"one", first.addr).unwrap();
    sender.send_to(b"two", other_group).unwrap();
    sender.send_to(b"unicast", (Ipv4Addr::LOCALHOST, first.addr.port())).unwrap();
    let from = sender.local_addr().unwrap();
    assert_eq!(drain(&first.socket), [(from, b"one".to_vec())]);
    assert_eq!(drain(&second.socket), [(from, b"one".to_vec())]);
    assert_eq!(drain(&other.socket), [(from, b"two".to_vec())]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_listener_of_a_group_can_be_answered_through() {
    let config = UdpListenConfig::default().with_multicast_interface(LOOPBACK);
    let opened = listen(&config, "239.255.7.3:0");
    let peer = plain_socket("127.0.0.1:0");
    let socket = SharedSocket::unconnected(opened.socket);
    assert_eq!(send_to(&socket, peer.local_addr().unwrap(), b"answer"), SendStatus::Sent);
    let (_, from) = peer.recv_from(&mut [0; 16]).unwrap();
    assert_eq!(from, SocketAddr::from((Ipv4Addr::LOCALHOST, opened.addr.port())));
}

/// Whether the machine is a member, by the names of the kernel's tables.
#[cfg(target_os = "linux")]
fn is_member(table: &str, group: &str) -> bool {
    std::fs::read_to_string(table).unwrap().to_lowercase().contains(group)
}

#[cfg(target_os = "linux")]
#[test]
fn a_group_is_left_when_the_listener_ends_over_both_families() {
    let config = UdpListenConfig::default().with_multicast_interface(LOOPBACK);
    let (table, group) = ("/proc/net/igmp", "0407ffef"); // 239.255.7.4, lowest byte first.
    let socket = SharedSocket::unconnected(listen(&config, "239.255.7.4:0").socket);
    assert!(is_member(table, group));
    socket.end();
    assert!(!is_member(table, group));

    let (table, group) = ("/proc/net/igmp6", "ff020000000000000000000000070001");
    let socket = SharedSocket::unconnected(listen(&config, "[ff02::7:1]:0").socket);
    assert!(is_member(table, group));
    socket.end();
    assert!(!is_member(table, group));
}

#[cfg(target_os = "linux")]
#[test]
fn a_listener_on_an_interface_hears_its_broadcasts_on_demand() {
    let sender = plain_socket("127.0.0.1:0");
    sender.set_broadcast(true).unwrap();

    let opened = listen(&UdpListenConfig::default().with_receive_broadcasts(), "127.0.0.1:0");
    let port = opened.addr.port();
    sender.send_to(b"to all", ("127.255.255.255", port)).unwrap();
    sender.send_to(b"to one", opened.addr).unwrap();
    assert_eq!(drain(&opened.socket), [(sender.local_addr().unwrap(), b"to one".to_vec())]);
    let heard: Vec<_> = opened.broadcast_sockets.iter().flat_map(drain).collect();
    assert_eq!(heard, [(sender.local_addr().unwrap(), b"to all".to_vec())]);

    let opened = listen(&UdpListenConfig::default().with_receive_broadcasts(), "0.0.0.0:0");
    assert!(opened.broadcast_sockets.is_empty());
    sender.send_to(b"to all", ("127.255.255.255", opened.addr.port())).unwrap();
    assert_eq!(drain(&opened.socket).len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn the_addresses_of_broadcasts_are_free_again_when_remove_returns() {
    let (handler, listener) = node::split::<()>();
    let config = UdpListenConfig::default().with_receive_broadcasts();
    let (id, addr) = handler.network().listen(config, "127.0.0.1:0").unwrap();
    let addrs = [addr, SocketAddr::from(([127, 255, 255, 255], addr.port()))];
    for addr in addrs {
        assert_eq!(bind_error(addr), Some(io::ErrorKind::AddrInUse), "{addr}");
    }
    handler.signals().send(());
    // Inside the callback, so that the loop can't have dropped the listener.
    listener.for_each(|_| {
        assert!(handler.network().remove(id));
        for addr in addrs {
            assert_eq!(bind_error(addr), None, "{addr}");
        }
        handler.stop();
    });
}

#[cfg(target_os = "linux")]
fn bind_error(addr: SocketAddr) -> Option<io::ErrorKind> {
    StdUdpSocket::bind(addr).err().map(|error| error.kind())
}

#[cfg(target_os = "linux")]
#[test]
fn broadcasts_leave_a_listener_on_demand() {
    let receiver = listen(&UdpListenConfig::default(), "0.0.0.0:0");
    let all = SocketAddr::from(([127, 255, 255, 255], receiver.addr.port()));
    let quiet = listen(&UdpListenConfig::default(), "127.0.0.1:0");
    let quiet = SharedSocket::unconnected(quiet.socket);
    assert_eq!(send_to(&quiet, all, b"hello"), SendStatus::ResourceNotAvailable);
    let loud = listen(&UdpListenConfig::default().with_send_broadcasts(), "127.0.0.1:0");
    let loud = SharedSocket::unconnected(loud.socket);
    assert_eq!(send_to(&loud, all, b"hello"), SendStatus::Sent);
    assert_eq!(drain(&receiver.socket).len(), 1);
}

#[test]
fn text_that_is_no_address_is_an_error() {
    for text in ["", "nonsense", "no-such-host.invalid:9", "127.0.0.1:70000"] {
        UdpListenConfig::default().listen(&RemoteAddr::Str(text.into())).unwrap_err();
    }
    UdpListenConfig::default().listen(&RemoteAddr::Str("localhost:0".into())).unwrap();
}

#[test]
fn removed_sockets_that_somebody_else_holds_too_wake_nobody() {
    let (handler, listener) = node::split::<()>();
    let (tell, told) = mpsc::channel();
    let _task = listener.for_each_async(move |event| match event {
        NodeEvent::Signal(()) | NodeEvent::Network(NetEvent::Message(..)) => tell.send(()).unwrap(),
        NodeEvent::Network(_) => {}
    });
    let network = handler.network();
    let next = || told.recv_timeout(Duration::from_secs(10)).unwrap();
    let settled_wake_ups = || {
        handler.signals().send(());
        next();
        network.stats().wake_ups
    };
    for is_listener in [true, false] {
        let (held, peer) = (plain_socket("127.0.0.1:0"), plain_socket("127.0.0.1:0"));
        let (addr, peer_addr) = (held.local_addr().unwrap(), peer.local_addr().unwrap());
        let adopted = held.try_clone().unwrap();
        let id = if is_listener {
            network.listen(UdpListenConfig::default().with_socket(adopted), addr).unwrap().0
        } else {
            let config = UdpConnectConfig::default().with_socket(adopted);
            network.connect(config, peer_addr).unwrap().0.resource_id()
        };
        peer.send_to(b"hello", addr).unwrap();
        next();
        assert!(network.remove(id));
        let before = settled_wake_ups();
        for _ in 0..1000 {
            peer.send_to(b"hello", addr).unwrap();
            held.recv(&mut [0; 8]).unwrap();
        }
        let wake_ups = settled_wake_ups() - before;
        assert!(wake_ups < 10, "{wake_ups} wake-ups, listener: {is_listener}");
    }
    handler.stop();
}

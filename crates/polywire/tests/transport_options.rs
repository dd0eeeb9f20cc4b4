//! The options of sockets, set through the configurations of the facade.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // Some tests are Linux's.

mod support;

use std::collections::HashSet;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use polywire::adapter::{Connect, Listen};
use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tcp::{TcpConnectConfig, TcpKeepalive, TcpListenConfig};
use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
use polywire::network::{
    Endpoint, Limits, SendStatus, Transport, TransportConnect, TransportListen,
};
use socket2::SockRef;

use support::peers;
use support::{ANY_PORT, Node, StoredNetEvent, median};

/// Runs `$use_it` with the configuration of each stream transport over the TCP options `$tcp`.
macro_rules! with_each_stream {
    ($side:ident, $tcp:expr, |$transport:ident, $config:ident| $use_it:block) => {{
        with_each_stream!(@$side Tcp, $tcp, $transport, $config, $use_it);
        with_each_stream!(@$side FramedTcp, $tcp, $transport, $config, $use_it);
        with_each_stream!(@$side Ws, $tcp, $transport, $config, $use_it);
    }};
    (@$side:ident $name:ident, $tcp:expr, $transport:ident, $config:ident, $use_it:block) => {{
        let $transport = Transport::$name;
        let $config = with_each_stream!(@$side $name, $tcp);
        $use_it
    }};
    (@connect Tcp, $tcp:expr) => { TransportConnect::Tcp($tcp) };
    (@connect FramedTcp, $tcp:expr) => {
        TransportConnect::FramedTcp(FramedTcpConnectConfig::default().with_tcp($tcp))
    };
    (@connect Ws, $tcp:expr) => { WsConnectConfig::default().with_tcp($tcp) };
    (@listen Tcp, $tcp:expr) => { TransportListen::Tcp($tcp) };
    (@listen FramedTcp, $tcp:expr) => {
        TransportListen::FramedTcp(FramedTcpListenConfig::default().with_tcp($tcp))
    };
    (@listen Ws, $tcp:expr) => { WsListenConfig::default().with_tcp($tcp) };
}

fn connecting() -> TcpConnectConfig {
    TcpConnectConfig::default()
}

fn listening() -> TcpListenConfig {
    TcpListenConfig::default()
}

fn listen_with(node: &Node, config: impl Listen) -> SocketAddr {
    node.network().listen_with(config, ANY_PORT).unwrap().1
}

/// A node connected by `config` to a plain server, its endpoint and local address, and the
/// server's socket.
fn connected(
    transport: Transport,
    config: impl Connect,
) -> (Node, Endpoint, SocketAddr, TcpStream) {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let node = Node::new();
    let addr = listener.local_addr().unwrap();
    let (endpoint, local) = node.network().connect_with(config, addr).unwrap();
    let mut peer = peers::ready(listener.accept().unwrap().0);
    if transport == Transport::Ws {
        shake_hands(&mut peer);
    }
    assert!(matches!(node.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
    (node, endpoint, local, peer)
}

/// Answers a WebSocket client by way of a node's own server.
fn shake_hands(peer: &mut TcpStream) {
    use std::io::Write;
    let head = peers::read_head(peer);
    let server = Node::new();
    let (_, addr) = server.listen(Transport::Ws);
    let mut relay = peers::connect(addr);
    relay.write_all(head.as_bytes()).unwrap();
    peer.write_all(peers::read_head(&mut relay).as_bytes()).unwrap();
}

// Keep-alive.

/// The clock ticks until the keep-alive timer of the connection fires, as Linux tells them
/// (proc(5), /proc/net/tcp); `None` without one.
#[cfg(target_os = "linux")]
fn keepalive_ticks(local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |addr: SocketAddr| format!(":{:04X}", addr.port());
    // A machine may have tens of thousands.
    let lines = table.lines().filter(|line| line.contains(&port(local)));
    let row = lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| {
        row.len() > 5 && row[1].ends_with(&port(local)) && row[2].ends_with(&port(peer))
    });
    let (kind, ticks) = row.expect("the connection is listed")[5].split_once(':').unwrap();
    (kind == "02").then(|| u64::from_str_radix(ticks, 16).unwrap())
}

#[cfg(target_os = "linux")]
fn assert_keepalive(local: SocketAddr, peer: SocketAddr, expected: bool) {
    // A delayed acknowledgement shows as the same kind of timer, but a short one.
    let is_on = || keepalive_ticks(local, peer).is_some_and(|ticks| ticks > 50 * 100);
    if expected {
        support::eventually("keep-alive is on", is_on);
        let ticks = keepalive_ticks(local, peer).unwrap();
        assert!(ticks <= 60 * 100, "{ticks} ticks until the first probe");
    } else {
        assert!(!is_on());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn keepalive_of_connections_is_set_where_it_is_asked_for() {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    with_each_stream!(connect, connecting().with_keepalive(keepalive), |transport, config| {
        let (_node, _, local, peer) = connected(transport, config);
        assert_keepalive(local, peer.local_addr().unwrap(), true);
    });
    let (_node, _, local, peer) = connected(Transport::Tcp, connecting());
    assert_keepalive(local, peer.local_addr().unwrap(), false);
}

#[test]
#[cfg(target_os = "linux")]
fn keepalive_of_listeners_is_set_on_accepted_connections() {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    with_each_stream!(listen, listening().with_keepalive(keepalive), |transport, config| {
        let node = Node::new();
        let addr = listen_with(&node, config);
        let peer = peers::open(transport, addr);
        node.accepted();
        assert_keepalive(addr, peer.local_addr().unwrap(), true);
    });
}

#[test]
fn keepalive_times_that_the_system_cannot_take_are_errors() {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(u64::MAX));
    let node = Node::new();
    let config = connecting().with_keepalive(keepalive);
    assert!(node.network().connect_with(config, ANY_PORT).is_err());
    let config = listening().with_keepalive(keepalive);
    assert!(node.network().listen_with(config, ANY_PORT).is_err());
}

// No delay.

/// How long the second of two small messages took while the peer delays its acknowledgements.
#[cfg(target_os = "linux")]
fn second_message(nodelay: bool) -> Duration {
    let (node, endpoint, _, mut peer) =
        connected(Transport::Tcp, connecting().with_nodelay(nodelay));
    let times = (0..9).map(|_| {
        let mut send_and_read = || {
            SockRef::from(&peer).set_tcp_quickack(false).unwrap();
            let start = Instant::now();
            assert_eq!(node.network().send(endpoint, b"x"), SendStatus::Sent);
            peers::read_exactly(&mut peer, 1);
            start.elapsed()
        };
        send_and_read();
        send_and_read()
    });
    median(times.collect())
}

#[test]
#[cfg(target_os = "linux")]
fn small_messages_wait_for_acknowledgements_only_if_nodelay_is_taken_off() {
    let (with, without) = (second_message(true), second_message(false));
    assert!(with < Duration::from_millis(20), "{with:?}");
    assert!(without > Duration::from_millis(20), "{without:?}");
}

// Addresses and devices.

#[test]
fn a_source_address_is_what_the_peer_sees() {
    let source: SocketAddr = "127.0.0.2:0".parse().unwrap();
    with_each_stream!(connect, connecting().with_source_address(source), |transport, config| {
        let (_node, _, local, peer) = connected(transport, config);
        assert_eq!(peer.peer_addr().unwrap(), local);
        assert_eq!(local.ip(), source.ip());
    });
    let node = Node::new();
    let peer = UdpSocket::bind(ANY_PORT).unwrap();
    let config = TransportConnect::Udp(UdpConnectConfig::default().with_source_address(source));
    let (endpoint, local) =
        node.network().connect_with(config, peer.local_addr().unwrap()).unwrap();
    assert_eq!(node.network().send(endpoint, b"hello"), SendStatus::Sent);
    let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
    assert_eq!((from, from.ip()), (local, source.ip()));
}

#[test]
fn a_source_address_that_cannot_reach_the_peer_is_an_error() {
    let node = Node::new();
    let source = "[::1]:0".parse().unwrap();
    let config = connecting().with_source_address(source);
    let error = node.network().connect_with(config, "127.0.0.1:9").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let config = UdpConnectConfig::default().with_source_address(source);
    let error = node.network().connect_with(config, "127.0.0.1:9").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn connections_and_listeners_keep_to_their_device() {
    let device = || "lo".to_string();
    with_each_stream!(connect, connecting().with_bind_device(device()), |transport, config| {
        connected(transport, config);
    });
    with_each_stream!(listen, listening().with_bind_device(device()), |transport, config| {
        let node = Node::new();
        let addr = listen_with(&node, config);
        peers::open(transport, addr);
        node.accepted();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_device_that_does_not_exist_is_an_error_that_names_it() {
    let device = || "no-such-device".to_string();
    let node = Node::new();
    with_each_stream!(connect, connecting().with_bind_device(device()), |transport, config| {
        let error = node.network().connect_with(config, "127.0.0.1:9").unwrap_err();
        assert!(error.to_string().contains("no-such-device"), "{transport}: {error}");
    });
    with_each_stream!(listen, listening().with_bind_device(device()), |transport, config| {
        let error = node.network().listen_with(config, ANY_PORT).unwrap_err();
        assert!(error.to_string().contains("no-such-device"), "{transport}: {error}");
    });
}

// Linger.

/// A WebSocket client that closes waits for its server to end the stream, which these peers leave to the client.
fn brief() -> TcpConnectConfig {
    connecting().with_limits(Limits::default().with_linger(Duration::from_millis(100)))
}

#[test]
fn a_zero_so_linger_resets_the_connection_when_it_is_removed() {
    let reset = Some(Duration::ZERO);
    with_each_stream!(connect, brief().with_so_linger(reset), |transport, config| {
        let (node, endpoint, _, mut peer) = connected(transport, config);
        assert!(node.network().remove(endpoint.resource_id()));
        let mut bytes = Vec::new();
        let error = peer.read_to_end(&mut bytes).expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{transport}");
    });
}

#[test]
fn without_so_linger_a_removed_connection_ends_in_order() {
    with_each_stream!(connect, brief(), |transport, config| {
        let (node, endpoint, _, mut peer) = connected(transport, config);
        assert_eq!(node.network().send(endpoint, b"last words"), SendStatus::Sent);
        assert!(node.network().remove(endpoint.resource_id()));
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).expect("an orderly end");
        assert!(bytes.len() >= b"last words".len(), "{transport}");
    });
}

#[test]
fn an_so_linger_that_would_make_the_loop_wait_is_an_error() {
    let node = Node::new();
    let linger = Some(Duration::from_secs(1));
    with_each_stream!(connect, connecting().with_so_linger(linger), |transport, config| {
        let error = node.network().connect_with(config, "127.0.0.1:9").unwrap_err();
        assert!(error.to_string().contains("so_linger"), "{transport}: {error}");
    });
    with_each_stream!(listen, listening().with_so_linger(linger), |transport, config| {
        let error = node.network().listen_with(config, ANY_PORT).unwrap_err();
        assert!(error.to_string().contains("so_linger"), "{transport}: {error}");
    });
}

// Reuse.

#[test]
fn a_port_is_free_again_while_its_connections_still_end_unless_told_otherwise() {
    for (reuse, is_free) in [(true, true), (false, false)] {
        with_each_stream!(listen, listening().with_reuse_address(reuse), |transport, config| {
            let node = Node::new();
            let (listener, addr) = node.network().listen_with(config.clone(), ANY_PORT).unwrap();
            let mut peer = peers::open(transport, addr);
            let endpoint = node.accepted();
            // The side that ends first keeps the connection in TIME-WAIT.
            assert!(node.network().remove(endpoint.resource_id()));
            peers::read_to_the_end(&mut peer);
            drop(peer);
            assert!(node.network().remove(listener));
            support::eventually("all is closed", || node.network().stats().endpoints == 0);
            let again = node.network().listen_with(config, addr);
            assert_eq!(again.is_ok(), is_free, "{transport}: {again:?}");
        });
    }
}

#[test]
#[cfg(unix)]
fn listeners_share_a_port_and_its_connections() {
    with_each_stream!(listen, listening().with_reuse_port(true), |transport, config| {
        let node = Node::new();
        let (first, addr) = node.network().listen_with(config.clone(), ANY_PORT).unwrap();
        let (second, again) = node.network().listen_with(config, addr).unwrap();
        assert_eq!(addr, again);
        let _peers: Vec<_> = (0..64).map(|_| peers::open(transport, addr)).collect();
        let by = |_| match node.next() {
            StoredNetEvent::Accepted(_, listener) => listener,
            other => panic!("not accepted: {other:?}"),
        };
        let listeners: HashSet<_> = (0..64).map(by).collect();
        assert_eq!(listeners, HashSet::from([first, second]), "{transport}");
        assert!(node.network().listen_with(transport, addr).is_err(), "all must say so");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn udp_listeners_share_a_port_and_its_senders() {
    let node = Node::new();
    let config = TransportListen::Udp(UdpListenConfig::default().with_reuse_port());
    let (first, addr) = node.network().listen_with(config.clone(), ANY_PORT).unwrap();
    let (second, _) = node.network().listen_with(config, addr).unwrap();
    for _ in 0..64 {
        UdpSocket::bind(ANY_PORT).unwrap().send_to(b"x", addr).unwrap();
    }
    let listeners: HashSet<_> = (0..64).map(|_| node.message().0.resource_id()).collect();
    assert_eq!(listeners, HashSet::from([first, second]));
    assert!(node.network().listen(Transport::Udp, addr).is_err(), "all must say so");
}

#[test]
fn a_udp_port_is_shared_by_reuse_address_if_both_say_so() {
    let node = Node::new();
    let config = UdpListenConfig::default().with_reuse_address();
    let (_, addr) = node.network().listen_with(config.clone(), ANY_PORT).unwrap();
    assert!(node.network().listen_with(config, addr).is_ok());
    assert!(node.network().listen(Transport::Udp, addr).is_err());
}

// Backlog.

/// How many of `tries` connections the system takes while nobody accepts.
#[cfg(target_os = "linux")]
fn taken(config: impl Listen, tries: usize) -> usize {
    let (handler, _listener) = polywire::node::split::<()>();
    let (_, addr) = handler.network().listen_with(config, ANY_PORT).unwrap();
    let connect = |_: &usize| TcpStream::connect_timeout(&addr, Duration::from_millis(200)).ok();
    let streams: Vec<_> = (0..tries).map_while(|number| connect(&number)).collect();
    streams.len()
}

#[test]
#[cfg(target_os = "linux")]
fn the_backlog_is_how_many_wait_to_be_accepted() {
    with_each_stream!(listen, listening().with_backlog(4), |transport, config| {
        // Linux takes one more than asked for.
        assert_eq!(taken(config, 20), 5, "{transport}");
    });
    with_each_stream!(listen, listening(), |transport, config| {
        assert_eq!(taken(config, 100), 100, "{transport}");
    });
}

// Buffers.

#[test]
fn buffer_sizes_are_taken_and_messages_still_pass() {
    let server = Node::echo();
    let tcp = listening().with_receive_buffer_size(8 << 10).with_send_buffer_size(8 << 10);
    let config = FramedTcpListenConfig::default().with_tcp(tcp);
    let addr = listen_with(&server, config);
    let tcp = connecting().with_receive_buffer_size(8 << 10).with_send_buffer_size(8 << 10);
    let client = Node::new();
    let config = FramedTcpConnectConfig::default().with_tcp(tcp);
    let endpoint = client.connect_ready(config, addr);
    let message: Vec<_> = (0..1_000_000_u32).map(|number| number as u8).collect();
    assert_eq!(client.network().send(endpoint, &message), SendStatus::Sent);
    assert!(client.message() == (endpoint, message));
}

//! Nodes that speak to each other over Unix streams.

#![cfg(unix)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixDatagram as StdDatagram, UnixListener, UnixStream};
use std::time::Duration;

use polywire_core::Limits;
use polywire_core::adapter::{Connect, Listen};
use polywire_core::address::{Name, RemoteAddr};
use polywire_core::network::{self, SendStatus, StoredNetEvent};
use polywire_unix::{
    FramedUnix, FramedUnixConnectConfig, MAX_NAME_LEN, PeerCredentials, UNNAMED, Unix,
    UnixAddrError, UnixConnectConfig, UnixDatagram, UnixDatagramConnectConfig,
    UnixDatagramListenConfig, UnixListenConfig, WsUnix, WsUnixConnectConfig, WsUnixListenConfig,
};
use polywire_ws::{Accept, WsListenConfig, WsRequest};

use support::{Dir, Node};

/// Long enough that neither a read nor a socket takes it whole.
fn long() -> Vec<u8> {
    (0..1 << 20).map(|i: u32| (i / 7) as u8).collect()
}

fn assert_echoed(by: impl Connect + Listen + Copy, addr: &str) {
    let (server, client) = (Node::echo(), Node::new());
    server.listen(by, addr);
    let endpoint = client.connect(by, addr);
    assert_eq!(client.network().remote_addr(endpoint), Some(RemoteAddr::Str(addr.into())));
    let accepted = server.accepted();
    assert_eq!(server.network().remote_addr(accepted), Some(RemoteAddr::Str(UNNAMED.into())));
    for message in [&b"hello"[..], &long()] {
        assert_eq!(client.network().send(endpoint, message), SendStatus::Sent);
        assert!(client.bytes(message.len()) == message);
    }
    client.network().remove(endpoint.resource_id());
    let mut event = server.next();
    while matches!(event, StoredNetEvent::Message(..)) {
        event = server.next();
    }
    assert!(matches!(event, StoredNetEvent::Disconnected(e) if e == accepted), "{event:?}");
}

#[test]
fn streams_messages_and_web_sockets_go_to_a_path_and_back() {
    let dir = Dir::new();
    assert_echoed(Unix, &dir.file("stream"));
    assert_echoed(FramedUnix, &dir.file("framed"));
    assert_echoed(WsUnix, &dir.file("ws"));
    assert!(dir.is_empty());
}

/// A Unix socket tells its writer of room at each read of the peer, which is nothing to be told of unless it was full.
#[test]
fn that_a_message_was_read_wakes_nobody() {
    const MESSAGES: u64 = 200;
    let dir = Dir::new();
    let (server, client) = (Node::echo(), Node::new());
    server.listen(FramedUnix, &dir.file("framed"));
    let endpoint = client.connect(FramedUnix, &dir.file("framed"));
    let exchange = |message: &[u8]| {
        client.network().send(endpoint, message);
        assert!(client.message().1 == message);
    };
    exchange(&long()); // Full once, which is told of and then not any more.
    let before = server.network().stats().wake_ups;
    (0..MESSAGES).for_each(|_| exchange(b"tick"));
    let wake_ups = server.network().stats().wake_ups - before;
    assert!(wake_ups < MESSAGES * 5 / 4, "{wake_ups} wake-ups");
}

#[test]
#[cfg(target_os = "linux")]
fn streams_messages_and_web_sockets_go_to_an_abstract_name_and_back() {
    assert_echoed(Unix, &support::abstract_name());
    assert_echoed(FramedUnix, &support::abstract_name());
    assert_echoed(WsUnix, &support::abstract_name());
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_is_in_use_while_somebody_has_it_and_free_behind() {
    let name = support::abstract_name();
    let (first, second) = (Node::new(), Node::new());
    let id = first.listen(Unix, &name);
    let error = second.network().listen(Unix, Name(&name)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&name), "{error}");
    assert!(first.network().remove(id));
    let error = second.network().connect(Unix, &*name).unwrap_err();
    let reason = polywire_core::CloseReason::of(&error);
    assert_eq!(reason, Some(&polywire_core::CloseReason::Refused));
    second.listen(Unix, &name);
}

#[test]
fn an_address_that_is_none_is_a_typed_error() {
    let (network, _processor) = network::split();
    let too_long = UnixAddrError::TooLong { len: MAX_NAME_LEN + 1, max: MAX_NAME_LEN };
    for (addr, expected) in [
        ("x".repeat(MAX_NAME_LEN + 1), too_long),
        (String::new(), UnixAddrError::Empty),
        ("127.0.0.1:80".into(), UnixAddrError::SocketAddr),
    ] {
        let error = network.connect(Unix, &*addr).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(UnixAddrError::of(&error), Some(&expected));
        let listening = match addr.parse::<std::net::SocketAddr>() {
            Ok(addr) => network.listen(Unix, addr),
            Err(_) => network.listen(Unix, Name(&addr)),
        };
        assert_eq!(UnixAddrError::of(&listening.unwrap_err()), Some(&expected));
    }
}

#[test]
fn an_address_is_never_looked_up() {
    let addr = RemoteAddr::Str("chat".into());
    let connects: [&dyn Connect; 8] = [
        &Unix,
        &UnixConnectConfig::default(),
        &FramedUnix,
        &FramedUnixConnectConfig::default(),
        &WsUnix,
        &WsUnixConnectConfig::default(),
        &UnixDatagram,
        &UnixDatagramConnectConfig::default(),
    ];
    for (number, connect) in connects.iter().enumerate() {
        assert!(!connect.looks_up(&addr), "{number}");
    }
}

#[test]
fn a_full_backlog_is_an_error_at_once_that_says_what_to_do() {
    let dir = Dir::new();
    let path = dir.file("chat");
    let (network, _nobody_runs_it) = network::split();
    network.listen(UnixListenConfig::default().with_backlog(1), Name(&path)).unwrap();
    let error = (0..10).find_map(|_| network.connect(Unix, &*path).err()).expect("it is full");
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    assert!(error.to_string().contains("backlog"), "{error}");
}

#[test]
fn the_request_of_a_web_socket_has_the_path_of_the_url_and_the_credentials_of_the_client() {
    let dir = Dir::new();
    let path = dir.file("ws");
    let (server, client) = (Node::new(), Node::new());
    let ws = WsListenConfig::default().with_on_request(|_: &WsRequest| Accept::new());
    server.listen(WsUnixListenConfig::default().with_ws(ws), &path);
    let config = WsUnixConnectConfig::default().with_url("ws://chat.local/room?id=7");
    client.connect(config, &path);
    let accepted = server.accepted();
    let request = server.network().info::<WsRequest>(accepted).unwrap();
    assert_eq!(request.header("host"), Some("chat.local"));
    assert_eq!(request.path(), "/room");
    let peer = server.network().info::<PeerCredentials>(accepted).unwrap();
    assert_eq!(peer.pid, Some(std::process::id()));
}

#[test]
fn a_web_socket_over_tls_is_refused_before_anything_is_opened() {
    let (network, _processor) = network::split();
    let config = WsUnixConnectConfig::default().with_url("wss://localhost/");
    let error = network.connect(config, "/nowhere").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("ws://"), "{error}");
}

#[test]
fn a_pair_and_a_listener_that_were_opened_elsewhere_are_taken_over_once() {
    let dir = Dir::new();
    let path = dir.file("chat");
    let (server, client) = (Node::echo(), Node::new());
    let config = UnixListenConfig::default().with_listener(UnixListener::bind(&path).unwrap());
    let (id, _) = server.network().listen(config.clone(), Name("systemd")).unwrap();
    let error = server.network().listen(config, Name("systemd")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    client.connect(Unix, &path);
    server.accepted();
    assert!(server.network().remove(id));
    assert!(std::fs::symlink_metadata(&path).is_ok(), "the file is whose it was");

    let (ours, theirs) = UnixStream::pair().unwrap();
    let endpoint = client.connect(UnixConnectConfig::default().with_stream(ours), "a pair");
    server.connect(UnixConnectConfig::default().with_stream(theirs), "a pair");
    client.network().send(endpoint, b"hello");
    assert_eq!(client.bytes(5), b"hello");
}

/// Wake-ups by `act`, once the loop has nothing left to do.
fn wake_ups_by(node: &Node, act: impl FnOnce()) -> u64 {
    let before = node.settled_wake_ups();
    act();
    node.settled_wake_ups() - before
}

#[test]
fn a_removed_listener_that_somebody_else_holds_too_wakes_nobody() {
    let dir = Dir::new();
    let (path, datagrams) = (dir.file("chat"), dir.file("datagrams"));
    let node = Node::new();
    let listener = UnixListener::bind(&path).unwrap();
    let config = UnixListenConfig::default().with_listener(listener.try_clone().unwrap());
    let id = node.listen(config, "systemd");
    let _accepted = UnixStream::connect(&path).unwrap();
    node.accepted();
    assert!(node.network().remove(id));
    let wake_ups = wake_ups_by(&node, || {
        for _ in 0..100 {
            UnixStream::connect(&path).unwrap();
            listener.accept().unwrap();
        }
    });
    assert!(wake_ups < 10, "{wake_ups} wake-ups by connections");

    let socket = StdDatagram::bind(&datagrams).unwrap();
    let stranger = StdDatagram::unbound().unwrap();
    let config = UnixDatagramListenConfig::default().with_socket(socket.try_clone().unwrap());
    let id = node.listen(config, "systemd");
    stranger.send_to(b"hello", &datagrams).unwrap();
    node.message();
    assert!(node.network().remove(id));
    let wake_ups = wake_ups_by(&node, || {
        for _ in 0..100 {
            stranger.send_to(b"hello", &datagrams).unwrap();
            socket.recv(&mut [0; 8]).unwrap();
        }
    });
    assert!(wake_ups < 10, "{wake_ups} wake-ups by datagrams");
}

#[test]
fn a_removed_stream_that_somebody_else_holds_too_wakes_nobody_and_is_adopted_again() {
    let (held, mut peer) = UnixStream::pair().unwrap();
    let node = Node::new();
    let limits = Limits::default().with_linger(Duration::ZERO);
    let adopt = || {
        let config = UnixConnectConfig::default().with_stream(held.try_clone().unwrap());
        node.connect(config.with_limits(limits.clone()), "a pair")
    };
    let endpoint = adopt();
    peer.write_all(b"hello").unwrap();
    assert_eq!(node.message(), (endpoint, b"hello".to_vec()));
    assert!(node.network().remove(endpoint.resource_id()));
    let wake_ups = wake_ups_by(&node, || {
        for _ in 0..1000 {
            peer.write_all(b"hello").unwrap();
            (&held).read_exact(&mut [0; 5]).unwrap();
        }
    });
    assert!(wake_ups < 10, "{wake_ups} wake-ups");
    // Most likely under the number that the first had.
    let again = adopt();
    peer.write_all(b"again").unwrap();
    assert_eq!(node.message(), (again, b"again".to_vec()));
}

#[test]
fn the_limits_of_each_configuration_are_those_of_its_connections() {
    let dir = Dir::new();
    let path = dir.file("ws");
    let limits = Limits::default().with_outbox_soft_mark(12_345);
    let (server, client) = (Node::new(), Node::new());
    server.listen(WsUnixListenConfig::default().with_limits(limits.clone()), &path);
    let endpoint = client.connect(WsUnixConnectConfig::default().with_limits(limits), &path);
    for (node, endpoint) in [(&client, endpoint), (&server, server.accepted())] {
        assert_eq!(node.network().limits(endpoint).unwrap().outbox_soft_mark, 12_345);
    }
}

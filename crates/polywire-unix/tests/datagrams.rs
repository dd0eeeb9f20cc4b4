//! Datagrams between nodes, and with sockets of std.

#![cfg(unix)]

mod support;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use polywire_core::adapter::Connect;
use polywire_core::address::{Name, RemoteAddr, peer_number};
use polywire_core::network::{NetEvent, SendStatus, StoredNetEvent};
use polywire_core::node::{self, NodeEvent};
use polywire_core::{Backoff, CloseReason, Endpoint, Reconnecting};
use polywire_unix::{
    MAX_DATAGRAM_LEN, UNNAMED, UnixDatagram, UnixDatagramConnectConfig, UnixDatagramListenConfig,
};

use support::{DEADLINE, Dir, Node};

fn name_of(node: &Node, endpoint: Endpoint) -> String {
    node.network().remote_addr(endpoint).unwrap().string().into()
}

#[test]
fn datagrams_stay_whole_and_are_answered_by_the_name_they_came_from() {
    let dir = Dir::new();
    let (path, own) = (dir.file("server"), dir.file("client"));
    let (server, client) = (Node::echo(), Node::new());
    server.listen(UnixDatagram, &path);
    let config = UnixDatagramConnectConfig::default().with_source_address(&own);
    let endpoint = client.connect(config, &path);
    for message in [&b"hello"[..], b"", &[7; 100_000]] {
        assert_eq!(client.network().send(endpoint, message), SendStatus::Sent);
        assert!(client.message() == (endpoint, message.to_vec()));
        let (heard_from, heard) = server.message();
        assert!(heard == message);
        assert!(peer_number(heard_from.addr()).is_some());
        assert_eq!(name_of(&server, heard_from), own);
    }
    client.network().remove(endpoint.resource_id());
    client.stop();
    server.stop();
    assert!(dir.is_empty(), "both files are removed");
}

#[test]
#[cfg(target_os = "linux")]
fn a_client_has_a_name_that_the_system_chooses() {
    let name = support::abstract_name();
    let (server, client) = (Node::echo(), Node::new());
    server.listen(UnixDatagram, &name);
    let endpoints = [(); 3].map(|()| client.connect(UnixDatagram, &name));
    let mut names = std::collections::HashSet::new();
    for endpoint in endpoints {
        client.network().send(endpoint, b"hello");
        assert_eq!(client.message(), (endpoint, b"hello".to_vec()));
        names.insert(name_of(&server, server.message().0));
    }
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.starts_with('@')), "{names:?}");
}

#[test]
fn a_peer_without_a_name_is_heard_and_cannot_be_answered() {
    let dir = Dir::new();
    let path = dir.file("server");
    let server = Node::new();
    server.listen(UnixDatagram, &path);
    StdDatagram::unbound().unwrap().send_to(b"hello", &path).unwrap();
    let (endpoint, message) = server.message();
    assert_eq!((message, name_of(&server, endpoint)), (b"hello".to_vec(), UNNAMED.into()));
    assert_eq!(server.network().send(endpoint, b"hi"), SendStatus::ResourceNotAvailable);
}

#[test]
fn a_peer_that_is_gone_is_no_end_of_the_listener_but_of_the_connection() {
    let dir = Dir::new();
    let (path, gone) = (dir.file("server"), dir.file("gone"));
    let server = Node::new();
    server.listen(UnixDatagram, &path);
    let stranger = StdDatagram::bind(&gone).unwrap();
    stranger.send_to(b"hello", &path).unwrap();
    let (to_stranger, _) = server.message();
    let endpoint = server.connect(UnixDatagram, &gone);
    assert_eq!(server.network().send(endpoint, b"there"), SendStatus::Sent);
    drop(stranger);
    assert_eq!(server.network().send(to_stranger, b"hi"), SendStatus::ResourceNotAvailable);
    assert_eq!(server.network().send(endpoint, b"hi"), SendStatus::ResourceNotFound);
    let event = server.next();
    assert!(matches!(event, StoredNetEvent::Disconnected(e) if e == endpoint), "{event:?}");
    assert_eq!(server.network().close_reason(endpoint), Some(CloseReason::Refused));
    // The same name again is the same peer for a listener.
    fs::remove_file(&gone).unwrap();
    let again = StdDatagram::bind(&gone).unwrap();
    assert_eq!(server.network().send(to_stranger, b"welcome back"), SendStatus::Sent);
    let mut buffer = [0; 20];
    assert_eq!(again.recv(&mut buffer).unwrap(), "welcome back".len());
}

#[test]
fn who_does_not_read_is_full_and_gets_all_that_was_sent_in_order() {
    let dir = Dir::new();
    let path = dir.file("slow");
    let slow = StdDatagram::bind(&path).unwrap();
    let node = Node::new();
    let endpoint = node.connect(UnixDatagram, &path);
    let mut sent = 0_u32;
    while node.network().send(endpoint, &sent.to_be_bytes()) == SendStatus::Sent {
        sent += 1;
        assert!(sent < 1 << 20, "the system has a bound");
    }
    assert_eq!(node.network().send(endpoint, b"full"), SendStatus::Full);
    let mut buffer = [0; 8];
    for number in 0..sent {
        assert_eq!(slow.recv(&mut buffer).unwrap(), 4);
        assert_eq!(buffer[..4], number.to_be_bytes());
    }
    assert_eq!(node.network().send(endpoint, b"again"), SendStatus::Sent);
}

/// The program tries again at each signal, and asks for the next one.
fn assert_told_of_room_and_not_again_and_again(is_listener: bool) {
    let dir = Dir::new();
    let (path, own) = (dir.file("slow"), dir.file("own"));
    let slow = StdDatagram::bind(&path).unwrap();
    let (handler, listener) = node::split::<Endpoint>();
    if is_listener {
        handler.network().listen(UnixDatagram, Name(&own)).unwrap();
        slow.send_to(b"hello", &own).unwrap();
    } else {
        handler.network().connect(UnixDatagram, &*path).unwrap();
    }
    let (full, filled) = mpsc::channel();
    let (sent, told) = mpsc::channel();
    let signals = Arc::new(AtomicUsize::new(0));
    let (inner, counter) = (handler.clone(), Arc::clone(&signals));
    let _task = listener.for_each_async(move |event| match event {
        NodeEvent::Signal(endpoint) => {
            counter.fetch_add(1, Ordering::Relaxed);
            match inner.network().try_send(endpoint, b"again") {
                SendStatus::Full => assert!(inner.send_signal_when_writable(endpoint, endpoint)),
                status => sent.send(status).unwrap(),
            }
        }
        NodeEvent::Network(NetEvent::Connected(endpoint, _) | NetEvent::Message(endpoint, _)) => {
            while inner.network().try_send(endpoint, b"first") == SendStatus::Sent {}
            assert!(inner.send_signal_when_writable(endpoint, endpoint));
            full.send(()).unwrap();
        }
        NodeEvent::Network(event) => panic!("{event:?}"),
    });
    filled.recv_timeout(DEADLINE).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(100)).is_err(), "there is no room");
    let signals = signals.load(Ordering::Relaxed);
    assert!(signals <= 10, "{signals} signals");
    let mut buffer = [0; 8];
    assert_eq!(slow.recv(&mut buffer).unwrap(), 5);
    assert_eq!(told.recv_timeout(DEADLINE), Ok(SendStatus::Sent));
    handler.stop();
}

#[test]
fn who_waits_for_room_of_a_connection_is_told_of_it_and_not_again_and_again() {
    assert_told_of_room_and_not_again_and_again(false);
}

#[test]
fn who_waits_for_room_of_a_listener_is_told_of_it_and_not_again_and_again() {
    assert_told_of_room_and_not_again_and_again(true);
}

#[test]
fn who_asks_for_room_while_there_is_some_is_told_at_once() {
    let dir = Dir::new();
    let path = dir.file("reader");
    let reader = StdDatagram::bind(&path).unwrap();
    let (handler, listener) = node::split::<()>();
    let (endpoint, _) = handler.network().connect(UnixDatagram, &*path).unwrap();
    while handler.network().try_send(endpoint, b"first") == SendStatus::Sent {}
    reader.recv(&mut [0; 8]).unwrap();
    assert_eq!(handler.network().try_send(endpoint, b"again"), SendStatus::Sent);
    assert!(handler.send_signal_when_writable(endpoint, ()));
    let (tell, told) = mpsc::channel();
    let _task = listener.for_each_async(move |event| {
        if let NodeEvent::Signal(()) = event {
            tell.send(()).unwrap();
        }
    });
    told.recv_timeout(DEADLINE).unwrap();
    handler.stop();
}

/// Between the two calls that name a socket and tie it to its peer, anybody could send to the name.
#[test]
#[cfg(target_os = "linux")]
fn what_others_send_to_a_source_address_is_not_received() {
    let dir = Dir::new();
    let (path, own) = (dir.file("peer"), dir.file("own"));
    let peer = StdDatagram::bind(&path).unwrap();
    let test = Arc::new(());
    let (running, to) = (Arc::downgrade(&test), own.clone());
    let flood = thread::spawn(move || {
        let stranger = StdDatagram::unbound().unwrap();
        stranger.set_nonblocking(true).unwrap();
        while running.strong_count() > 0 {
            let _ = stranger.send_to(b"forged", &to);
        }
    });
    for _ in 0..100 {
        let node = Node::new();
        let config = UnixDatagramConnectConfig::default().with_source_address(&own);
        let endpoint = node.connect(config, &path);
        peer.send_to(b"genuine", &own).unwrap();
        assert_eq!(node.message(), (endpoint, b"genuine".to_vec()));
        node.stop();
    }
    drop(test);
    flood.join().unwrap();
}

#[test]
fn what_is_too_long_is_refused_here_and_dropped_there() {
    let dir = Dir::new();
    let path = dir.file("server");
    let (server, client) = (Node::new(), Node::new());
    server.listen(UnixDatagram, &path);
    let endpoint = client.connect(UnixDatagram, &path);
    let too_long = vec![0; MAX_DATAGRAM_LEN + 1];
    let status = client.network().send(endpoint, &too_long);
    assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
    // Longer than the buffer of the socket, by default.
    let status = client.network().send(endpoint, &too_long[1..]);
    assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
    client.network().send(endpoint, b"short");
    assert_eq!(server.message().1, b"short");

    let stranger = StdDatagram::unbound().unwrap();
    socket2::SockRef::from(&stranger).set_send_buffer_size(4 << 20).unwrap();
    if stranger.send_to(&too_long, &path).is_ok() {
        stranger.send_to(b"behind", &path).unwrap();
        assert_eq!(server.message().1, b"behind");
    }
}

#[test]
fn files_of_living_and_dead_sockets_are_told_apart() {
    let dir = Dir::new();
    let path = dir.file("datagrams");
    let node = Node::new();
    let living = StdDatagram::bind(&path).unwrap();
    let error = node.network().listen(UnixDatagram, Name(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
    drop(living);
    let error = node.network().connect(UnixDatagram, &*path).unwrap_err();
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::Refused));
    let id = node.listen(UnixDatagramListenConfig::default().with_mode(0o620), &path);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
    node.network().remove(id);
    assert!(dir.is_empty());
}

/// Whoever may read a directory may lock it.
#[test]
fn a_directory_that_a_stranger_locks_does_not_hold_the_loop_up() {
    let dir = Dir::new();
    let (path, own) = (dir.file("peer"), dir.file("own"));
    let peer = StdDatagram::bind(&path).unwrap();
    let node = Node::new();
    let config = UnixDatagramConnectConfig::default().with_source_address(own);
    let backoff =
        Backoff::default().with_first_delay(Duration::ZERO).with_max_delay(Duration::ZERO);
    let endpoint = node.connect(Reconnecting::new(config).with_backoff(backoff), &path);
    let directory = fs::File::open(dir.path()).unwrap();
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive).unwrap();
    drop(peer);
    node.network().send(endpoint, b"anybody there?");
    assert!(matches!(node.next(), StoredNetEvent::Disconnected(_)));
    assert!(matches!(node.next(), StoredNetEvent::Connected(_, false)));
    let start = Instant::now();
    (0..100).for_each(|_| _ = node.settled_wake_ups());
    assert!(start.elapsed() < Duration::from_secs(1), "100 signals in {:?}", start.elapsed());
    while !matches!(node.next(), StoredNetEvent::Connected(_, false)) {}
}

#[test]
fn only_a_source_address_that_is_a_path_makes_connecting_wait() {
    let to = RemoteAddr::Str("/run/peer".into());
    let config = UnixDatagramConnectConfig::default();
    assert!(!config.looks_up(&to) && !UnixDatagram.looks_up(&to));
    assert!(config.clone().with_source_address("/run/own").looks_up(&to));
    #[cfg(target_os = "linux")]
    assert!(!config.with_source_address("@own").looks_up(&to));
}

#[test]
fn a_pair_and_a_socket_that_were_opened_elsewhere_are_taken_over() {
    let dir = Dir::new();
    let path = dir.file("systemd");
    let (server, client) = (Node::echo(), Node::new());
    let config = UnixDatagramListenConfig::default();
    server.listen(config.with_socket(StdDatagram::bind(&path).unwrap()), "systemd");
    let stranger = StdDatagram::bind(dir.file("stranger")).unwrap();
    stranger.send_to(b"hello", &path).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(stranger.recv(&mut buffer).unwrap(), 5);

    let (ours, theirs) = StdDatagram::pair().unwrap();
    let config = UnixDatagramConnectConfig::default().with_socket(ours);
    let endpoint = client.connect(config, "a pair");
    assert_eq!(client.network().remote_addr(endpoint), Some(RemoteAddr::Str("a pair".into())));
    theirs.send(b"hi").unwrap();
    assert_eq!(client.message(), (endpoint, b"hi".to_vec()));
    client.network().send(endpoint, b"ho");
    assert_eq!(theirs.recv(&mut buffer).unwrap(), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_that_come_with_datagrams_are_closed() {
    use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
    use std::os::fd::AsRawFd;
    let dir = Dir::new();
    let (path, passed) = (dir.file("server"), dir.file("passed"));
    let server = Node::new();
    let socket = StdDatagram::bind(&path).unwrap();
    let config = UnixDatagramListenConfig::default().with_socket(socket.try_clone().unwrap());
    server.listen(config, "systemd");
    let _ = support::take_descriptors(&socket); // As a system does that can't refuse them.
    let file = fs::File::create(&passed).unwrap();
    let times_open = || {
        let links = fs::read_dir("/proc/self/fd").unwrap();
        let links = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.to_str() == Some(&passed)).count()
    };
    let stranger = StdDatagram::unbound().unwrap();
    let to = UnixAddr::new(&*path).unwrap();
    let bytes = [std::io::IoSlice::new(b"x")];
    let files = [file.as_raw_fd(); 10];
    let rights = [ControlMessage::ScmRights(&files)];
    for _ in 0..20 {
        sendmsg(stranger.as_raw_fd(), &bytes, &rights, MsgFlags::empty(), Some(&to)).unwrap();
        assert_eq!(server.message().1, b"x");
    }
    assert_eq!(times_open(), 1);
    drop(file);
    support::eventually("all to be closed", || times_open() == 0);
}

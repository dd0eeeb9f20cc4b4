//! Who the peer is, and what it sends besides bytes.

#![cfg(target_os = "linux")]

mod support;

use std::fs::{self, File};
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg, setsockopt, sockopt};
use nix::unistd::{getgid, getuid};
use polywire_core::Endpoint;
use polywire_core::network::StoredNetEvent;
use polywire_unix::{
    DescriptorsClosed, FramedUnix, PeerCredentials, Unix, UnixConnectConfig,
    UnixDatagramConnectConfig, UnixDatagramListenConfig, UnixListenConfig,
};
use socket2::SockRef;

use support::{Dir, Node, can_refuse_descriptors, eventually, take_descriptors};

/// How many descriptors of that file this process has.
fn times_open(file: &str) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let links = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_str() == Some(file)).count()
}

/// Sends `bytes` with descriptors of `file`.
fn try_send_along(
    socket: &impl AsRawFd,
    bytes: &[u8],
    file: &impl AsRawFd,
    count: usize,
) -> nix::Result<usize> {
    let descriptors = vec![file.as_raw_fd(); count];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], &rights, MsgFlags::empty(), None)
}

fn send_along(stream: &UnixStream, bytes: &[u8], file: &impl AsRawFd, count: usize) {
    assert_eq!(try_send_along(stream, bytes, file, count), Ok(bytes.len()));
}

/// A TCP socket that takes that long to close, as its peer reads nothing; and that peer.
fn lingering(time: Duration) -> (TcpStream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    SockRef::from(&socket).set_linger(Some(time)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let chunk = vec![7; 1 << 20];
    while socket.write(&chunk).is_ok() {}
    (socket, listener)
}

fn times_told(node: &Node, endpoint: Endpoint) -> Option<u32> {
    Some(node.network().info::<DescriptorsClosed>(endpoint)?.times)
}

#[test]
fn each_side_knows_process_user_and_group_of_the_other() {
    let dir = Dir::new();
    let path = dir.file("chat");
    let (server, client) = (Node::new(), Node::new());
    server.listen(FramedUnix, &path);
    let endpoint = client.connect(FramedUnix, &path);
    for (node, endpoint) in [(&client, endpoint), (&server, server.accepted())] {
        let peer = node.network().info::<PeerCredentials>(endpoint).unwrap();
        assert_eq!(peer.pid, Some(std::process::id()));
        assert_eq!((peer.uid, peer.gid), (getuid().as_raw(), getgid().as_raw()));
    }
}

#[test]
fn a_descriptor_that_takes_long_to_close_holds_nobody_up() {
    if !can_refuse_descriptors() {
        return;
    }
    let dir = Dir::new();
    let server = Node::new();
    server.listen(Unix, &dir.file("chat"));
    let mut peer = UnixStream::connect(dir.file("chat")).unwrap();
    let accepted = server.accepted();
    server.network().pause(accepted.resource_id());
    let (slow, peer_of_slow) = lingering(Duration::from_secs(5));
    let sent = try_send_along(&peer, b"x", &slow, 1);
    peer.write_all(b"y").unwrap();
    let closing = thread::spawn(move || drop(slow));
    if sent.is_ok() {
        closing.join().unwrap(); // At once: what was sent is the last one.
        server.network().resume(accepted.resource_id());
    } else {
        server.network().resume(accepted.resource_id());
        drop(peer_of_slow); // Ends it.
        closing.join().unwrap();
    }
    let start = Instant::now();
    server.message();
    server.settled_wake_ups();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn descriptors_are_refused_by_every_socket() {
    if !can_refuse_descriptors() {
        return;
    }
    let dir = Dir::new();
    let (path, systemd, datagrams) = (dir.file("chat"), dir.file("systemd"), dir.file("datagrams"));
    let file = File::create(dir.file("passed")).unwrap();
    let node = Node::new();
    let assert_refused = |socket: &dyn AsFd, what: &str| {
        let sent = try_send_along(&socket.as_fd(), b"x", &file, 1);
        assert_eq!(sent, Err(nix::Error::EPERM), "{what}");
    };

    node.listen(Unix, &path);
    let accepted = UnixStream::connect(&path).unwrap();
    assert_refused(&accepted, "accepted, or not even that");
    node.accepted();

    let listener = UnixListener::bind(&systemd).unwrap();
    let early = UnixStream::connect(&systemd).unwrap();
    node.listen(UnixListenConfig::default().with_listener(listener), "systemd");
    node.accepted();
    assert_refused(&early, "accepted by a listener of elsewhere that it had come to before");
    let late = UnixStream::connect(&systemd).unwrap();
    assert_refused(&late, "accepted by a listener of elsewhere");

    let listener = UnixListener::bind(dir.file("std")).unwrap();
    let client = Node::new();
    client.connect(Unix, &dir.file("std"));
    let (acceptor, _) = listener.accept().unwrap();
    assert_refused(&acceptor, "connected");
    let (ours, theirs) = UnixStream::pair().unwrap();
    client.connect(UnixConnectConfig::default().with_stream(ours), "a pair");
    assert_refused(&theirs, "connected elsewhere");

    let stranger = UnixDatagram::unbound().unwrap();
    node.listen(UnixDatagramListenConfig::default(), &datagrams);
    stranger.connect(&datagrams).unwrap();
    assert_refused(&stranger, "a listener for datagrams");
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    client.connect(UnixDatagramConnectConfig::default().with_socket(ours), "a pair");
    assert_refused(&theirs, "a pair for datagrams");
}

#[test]
fn descriptors_that_a_peer_sends_are_closed_and_told_and_nothing_is_lost_behind_them() {
    let dir = Dir::new();
    let server = Node::echo();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let config = UnixConnectConfig::default().with_stream(ours.try_clone().unwrap());
    let endpoint = server.connect(config, "a pair");
    let _ = take_descriptors(&ours); // As a system does that can't refuse them.
    drop(ours);
    assert_eq!(times_told(&server, endpoint), None);

    let passed = dir.file("passed");
    let file = File::create(&passed).unwrap();
    assert_eq!(times_open(&passed), 1);
    // Written at once, a read ends behind each of them: the loop must go on by itself.
    for _ in 0..100 {
        send_along(&peer, b"x", &file, 10);
        peer.write_all(b"y").unwrap();
    }
    let mut echo = [0; 200];
    peer.read_exact(&mut echo).unwrap();
    assert!(echo.chunks(2).all(|pair| pair == b"xy"), "in order");
    assert_eq!(times_open(&passed), 1, "none of a thousand is open here");
    if !cfg!(polywire_sanitized) {
        assert_eq!(times_told(&server, endpoint), Some(100));
    }

    // Those that nobody has read go with the connection.
    server.network().pause(endpoint.resource_id());
    send_along(&peer, b"x", &file, 1);
    drop(file);
    server.network().remove(endpoint.resource_id());
    drop(peer);
    eventually("the last ones to be closed", || times_open(&passed) == 0);
}

#[test]
fn credentials_with_each_message_are_not_taken_for_descriptors() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    setsockopt(&ours, sockopt::PassCred, &true).unwrap();
    let node = Node::new();
    let endpoint = node.connect(UnixConnectConfig::default().with_stream(ours), "a pair");
    theirs.write_all(b"hello").unwrap();
    assert_eq!(node.bytes(5), b"hello");
    assert_eq!(times_told(&node, endpoint), None);
}

/// A read ends before it, and skips it.
#[test]
fn a_byte_out_of_band_holds_nothing_up() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let node = Node::new();
    node.connect(UnixConnectConfig::default().with_stream(ours), "a pair");
    theirs.write_all(b"before").unwrap();
    let oob = nix::sys::socket::send(theirs.as_raw_fd(), b"!", MsgFlags::MSG_OOB);
    theirs.write_all(b"behind").unwrap();
    assert!(oob.is_ok() || oob == Err(nix::Error::EOPNOTSUPP), "{oob:?}"); // Linux 5.15 has it.
    let mut read = node.bytes("beforebehind".len());
    drop(theirs);
    while let StoredNetEvent::Message(_, bytes) = node.next() {
        read.extend(bytes);
    }
    read.retain(|byte| *byte != b'!');
    assert_eq!(read, b"beforebehind");
}

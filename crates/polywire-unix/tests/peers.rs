//! Who the peer is, and what it sends besides bytes.

#![cfg(target_os = "linux")]

mod support;

use std::fs::{self, File};
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg, setsockopt, sockopt};
use nix::unistd::{getgid, getuid};
use polywire_core::Endpoint;
use polywire_core::network::StoredNetEvent;
use polywire_unix::{DescriptorsClosed, FramedUnix, PeerCredentials, Unix, UnixConnectConfig};

use support::{Dir, Node, eventually};

/// How many descriptors of that file this process has.
fn times_open(file: &str) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let links = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_str() == Some(file)).count()
}

/// Sends `bytes` with descriptors of `file`.
fn send_along(stream: &UnixStream, bytes: &[u8], file: &impl AsRawFd, count: usize) {
    let descriptors = vec![file.as_raw_fd(); count];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let sent =
        sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(bytes)], &rights, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
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
fn descriptors_that_a_peer_sends_are_closed_and_told_and_nothing_is_lost_behind_them() {
    let dir = Dir::new();
    let path = dir.file("chat");
    let server = Node::echo();
    server.listen(Unix, &path);
    let mut peer = UnixStream::connect(&path).unwrap();
    let accepted = server.accepted();
    assert_eq!(times_told(&server, accepted), None);

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
        assert_eq!(times_told(&server, accepted), Some(100));
    }

    // Those that nobody has read go with the connection.
    server.network().pause(accepted.resource_id());
    send_along(&peer, b"x", &file, 1);
    drop(file);
    server.network().remove(accepted.resource_id());
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

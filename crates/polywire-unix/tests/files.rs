//! The files of listeners: what is removed, what is left alone, who may connect.

#![cfg(unix)]

mod support;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::mpsc;
use std::thread;

use polywire_core::CloseReason;
use polywire_core::address::Name;
use polywire_unix::{Unix, UnixDatagramConnectConfig, UnixListenConfig};

use support::{DEADLINE, Dir, Node};

/// Leaves the file of a listener behind, as a process does that dies.
fn leave_behind(path: &str) {
    drop(UnixListener::bind(path).unwrap());
    assert!(fs::symlink_metadata(path).unwrap().file_type().is_socket());
}

#[test]
fn a_listener_removes_its_file_when_it_is_removed_and_when_its_node_ends() {
    let dir = Dir::new();
    let node = Node::new();
    let id = node.listen(Unix, &dir.file("one"));
    node.listen(Unix, &dir.file("other"));
    assert!(node.network().remove(id));
    assert!(!dir.path().join("one").exists());
    assert!(dir.path().join("other").exists());
    node.stop();
    assert!(dir.is_empty());
}

#[test]
fn what_a_dead_process_left_behind_is_cleared_away() {
    let dir = Dir::new();
    let path = dir.file("chat");
    leave_behind(&path);
    let node = Node::new();
    node.listen(Unix, &path);
    Node::new().connect(Unix, &path);
    node.accepted();
    node.stop();
    assert!(dir.is_empty());
}

#[test]
fn the_file_of_a_living_socket_is_never_removed() {
    let dir = Dir::new();
    let (path, datagrams) = (dir.file("chat"), dir.file("datagrams"));
    let living = UnixListener::bind(&path).unwrap();
    living.set_nonblocking(true).unwrap();
    let other_kind = UnixDatagram::bind(&datagrams).unwrap();
    let node = Node::new();
    for path in [&path, &datagrams] {
        let error = node.network().listen(Unix, Name(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    // Nor is it bothered by a connection.
    assert_eq!(living.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    node.connect(Unix, &path);
    living.accept().unwrap();
    drop(other_kind);
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let dir = Dir::new();
    let (file, link) = (dir.file("file"), dir.file("link"));
    fs::write(&file, "precious").unwrap();
    let behind = dir.file("behind");
    leave_behind(&behind);
    std::os::unix::fs::symlink(&behind, &link).unwrap();
    fs::create_dir(dir.file("directory")).unwrap();
    let node = Node::new();
    for path in [&file, &link, &dir.file("directory")] {
        let error = node.network().listen(Unix, Name(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{path}: {error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_file_that_somebody_else_put_there_meanwhile_stays() {
    let dir = Dir::new();
    let path = dir.file("chat");
    let node = Node::new();
    let id = node.listen(Unix, &path);
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    assert!(node.network().remove(id));
    assert!(fs::symlink_metadata(&path).is_ok());
    Node::new().connect(Unix, &path);
    other.accept().unwrap();
}

#[test]
fn nobody_takes_a_file_from_another_who_clears_the_same_away() {
    for _ in 0..50 {
        let dir = Dir::new();
        let path = dir.file("chat");
        leave_behind(&path);
        let listen = || {
            let node = Node::new();
            let listening = node.network().listen(Unix, Name(&path));
            if let Err(error) = &listening {
                assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
            }
            listening.is_ok().then_some(node)
        };
        let nodes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(listen)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(nodes.len(), 1, "one has the name");
        Node::new().connect(Unix, &path);
        nodes[0].accepted();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
    }
}

#[test]
fn the_mode_is_that_of_the_configuration_whatever_the_umask_is() {
    let dir = Dir::new();
    let (node, client) = (Node::new(), Node::new());
    for mode in [0o600, 0o666, 0o700] {
        let path = dir.file(&format!("{mode:o}"));
        node.listen(UnixListenConfig::default().with_mode(mode), &path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        client.connect(Unix, &path);
        node.accepted();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_has_no_mode() {
    let config = UnixListenConfig::default().with_mode(0o600);
    let name = support::abstract_name();
    let error = Node::new().network().listen(config, Name(&name)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("PeerCredentials"), "{error}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let dir = Dir::new();
    let path = dir.file("nowhere/chat");
    let node = Node::new();
    let error = node.network().listen(Unix, Name(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&path), "{error}");
    let error = node.network().connect(Unix, &*path).unwrap_err();
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::Refused));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&path), "{error}");
}

#[test]
fn a_pipe_where_a_directory_is_to_be_is_an_error_at_once() {
    let dir = Dir::new();
    let (pipe, peer) = (dir.file("pipe"), dir.file("peer"));
    nix::unistd::mkfifo(&*pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _peer = UnixDatagram::bind(&peer).unwrap();
    let inside = format!("{pipe}/chat");
    let (tell, told) = mpsc::channel();
    // A pipe holds up whoever opens it until somebody writes.
    thread::spawn(move || {
        let node = Node::new();
        tell.send(node.network().listen(Unix, Name(&inside)).map(drop)).unwrap();
        let config = UnixDatagramConnectConfig::default().with_source_address(inside);
        tell.send(node.network().connect(config, peer).map(drop)).unwrap();
    });
    for opening in ["listen", "connect"] {
        let error = told.recv_timeout(DEADLINE).expect(opening).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory, "{opening}: {error}");
    }
}

//! socat and Python, who know nothing of this library. Skipped where they are not installed.
//!
//! Programs are started here alone: until one runs it has the sockets of this process, also those just closed.

#![cfg(unix)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use polywire_core::network::{SendStatus, StoredNetEvent};
use polywire_unix::{PeerCredentials, Unix, UnixDatagram, UnixListenConfig};

use support::{Dir, Node, eventually};

fn is_installed(program: &str, asked: &str) -> bool {
    let found = Command::new(program).arg(asked).output().is_ok_and(|told| told.status.success());
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn sample() -> Vec<u8> {
    (0..300_000).map(|i: u32| (i / 11) as u8).collect()
}

/// Sends all of the sample through `filter`, closes its input, and expects all of it back.
fn assert_echoes(mut filter: Child) {
    let mut input = filter.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&sample()).unwrap());
    let mut echo = Vec::new();
    filter.stdout.take().unwrap().read_to_end(&mut echo).unwrap();
    writer.join().unwrap();
    assert!(filter.wait().unwrap().success());
    assert!(echo == sample(), "{} bytes came back", echo.len());
}

#[test]
fn socat_connects_to_a_path_and_to_an_abstract_name() {
    if !is_installed("socat", "-V") {
        return;
    }
    let dir = Dir::new();
    let server = Node::echo();
    server.listen(Unix, &dir.file("echo"));
    let mut addresses = vec![format!("UNIX-CONNECT:{}", dir.file("echo"))];
    if cfg!(target_os = "linux") {
        let name = support::abstract_name();
        server.listen(Unix, &name);
        addresses.push(format!("ABSTRACT-CONNECT:{}", &name[1..]));
    }
    for address in addresses {
        let socat = start(Command::new("socat").args(["-t10", "-", &address]));
        let pid = socat.id();
        let accepted = server.accepted();
        if cfg!(target_os = "linux") {
            let peer = server.network().info::<PeerCredentials>(accepted).unwrap();
            assert_eq!(peer.pid, Some(pid));
        }
        assert_echoes(socat);
        while !matches!(server.next(), StoredNetEvent::Disconnected(_)) {}
    }
}

#[test]
fn socat_listens() {
    if !is_installed("socat", "-V") {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("socat");
    let mut socat = start(Command::new("socat").args([&format!("UNIX-LISTEN:{path}"), "PIPE"]));
    eventually("socat to listen", || fs::metadata(&path).is_ok());
    let client = Node::new();
    let mut connected = None;
    eventually("socat to accept", || {
        connected = client.network().connect_sync(Unix, &*path).ok();
        connected.is_some()
    });
    let (endpoint, _) = connected.unwrap();
    client.next(); // Connected.
    assert_eq!(client.network().send(endpoint, &sample()[..60_000]), SendStatus::Sent);
    assert!(client.bytes(60_000) == sample()[..60_000]);
    client.network().remove(endpoint.resource_id());
    assert!(socat.wait().unwrap().success());
}

/// Sends descriptors along, where the system does not refuse them, and says what it got back.
const PYTHON: &str = "
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect(sys.argv[1])
rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0, 1, 2]))
try:
    s.sendmsg([b'hello'], [rights])
except PermissionError:
    s.sendall(b'hello')
s.sendall(b' world')
s.shutdown(socket.SHUT_WR)
got = b''
while True:
    some = s.recv(100)
    if not some: break
    got += some
print(got.decode(), end='')
";

#[test]
fn python_sends_descriptors_along_and_gets_its_bytes_back() {
    if !is_installed("python3", "--version") {
        return;
    }
    let dir = Dir::new();
    let server = Node::echo();
    server.listen(Unix, &dir.file("echo"));
    let told = Command::new("python3").args(["-c", PYTHON, &dir.file("echo")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout), "hello world");
}

#[test]
fn another_user_is_kept_out_by_the_mode_and_let_in_by_it() {
    const NOBODY: u32 = 65_534;
    let dir = Dir::new();
    let is_root = fs::metadata(dir.path()).unwrap().uid() == 0;
    if !is_root || !is_installed("socat", "-V") {
        return; // Only root can be somebody else.
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = Node::new();
    for (mode, is_let_in) in [(0o600, false), (0o666, true)] {
        let path = dir.file(&format!("{mode:o}"));
        server.listen(UnixListenConfig::default().with_mode(mode), &path);
        let mut socat = Command::new("socat");
        socat.args(["-", &format!("UNIX-CONNECT:{path}")]).uid(NOBODY).stderr(Stdio::piped());
        let socat = start(&mut socat);
        if is_let_in {
            let peer = server.network().info::<PeerCredentials>(server.accepted());
            assert_eq!(peer.map(|peer| peer.uid), Some(NOBODY));
        }
        let told = socat.wait_with_output().unwrap();
        assert_eq!(told.status.success(), is_let_in, "{told:?}");
        assert_eq!(String::from_utf8_lossy(&told.stderr).contains("ermission"), !is_let_in);
    }
}

#[test]
fn socat_and_python_send_datagrams() {
    let dir = Dir::new();
    let path = dir.file("server");
    let server = Node::echo();
    server.listen(UnixDatagram, &path);
    let python = "
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[2])
s.sendto(b'hello', sys.argv[1])
print(s.recv(100).decode(), end='')
";
    let own = dir.file("python");
    match Command::new("python3").args(["-c", python, &path, &own]).output() {
        Ok(told) if told.status.success() => {
            assert_eq!(String::from_utf8_lossy(&told.stdout), "hello");
            let (endpoint, _) = server.message();
            assert_eq!(server.network().remote_addr(endpoint).unwrap().string(), own);
        }
        other => println!("skipped: no Python ({other:?})"),
    }
    let address = format!("UNIX-SENDTO:{path}");
    let command = format!("printf hello | socat -u - {address}");
    match Command::new("sh").args(["-c", &command]).output() {
        Ok(told) if told.status.success() => assert_eq!(server.message().1, b"hello"),
        other => println!("skipped: no socat ({other:?})"),
    }
}

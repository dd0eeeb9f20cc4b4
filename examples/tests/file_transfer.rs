//! The example `file-transfer`, run as a user does.

mod common;

use std::fs;
use std::path::Path;

use common::{Example, word_after};
use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent};
use tempfile::{TempDir, tempdir};

/// A receiver that puts files into a folder of its own, and the address to reach it at.
fn receiver(more: &[&str]) -> (Example, String, TempDir) {
    let folder = tempdir().unwrap();
    let args = [&["receiver", "0", "--into", folder.path().to_str().unwrap()], more].concat();
    let mut receiver = Example::start("file-transfer", &args);
    let line = receiver.line_with("receiving on");
    let addr = word_after(&line, "receiving on ").replace("0.0.0.0", "127.0.0.1");
    (receiver, addr, folder)
}

fn sender(file: &Path, receiver: &str) -> Example {
    Example::start("file-transfer", &["sender", file.to_str().unwrap(), receiver])
}

/// `len` bytes in which no two pieces are alike.
fn content(len: usize) -> Vec<u8> {
    (0..len.div_ceil(8) as u64)
        .flat_map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())
        .take(len)
        .collect()
}

fn names_in(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn files_of_any_size_arrive_whole() {
    let (mut receiver, addr, folder) = receiver(&[]);
    let source = tempdir().unwrap();
    let lens = [0, 1, 64 << 10, (64 << 10) + 1, 5 << 20];
    let send = |len: usize| {
        let path = source.path().join(format!("{len} bytes"));
        fs::write(&path, content(len)).unwrap();
        sender(&path, &addr)
    };
    // All at the same time.
    for (len, mut sender) in lens.map(|len| (len, send(len))) {
        assert_eq!(sender.exit_code(), 0, "{}", sender.text());
        sender.line_with(&format!("sent {len} bytes, {len} bytes, checksum "));
        receiver.line_with(&format!("/{len} bytes from 127.0.0.1:"));
        let received = fs::read(folder.path().join(format!("{len} bytes"))).unwrap();
        assert!(received == content(len), "{len}");
    }
    assert_eq!(names_in(&folder).len(), lens.len(), "nothing else is left");
}

#[test]
fn a_receiver_fetches_from_a_sender_that_listens() {
    let source = tempdir().unwrap();
    let path = source.path().join("file");
    fs::write(&path, content(5 << 20)).unwrap();
    let mut sender =
        Example::start("file-transfer", &["sender", path.to_str().unwrap(), "--listen", "0"]);
    let line = sender.line_with("offering on");
    let addr = word_after(&line, "offering on ").replace("0.0.0.0", "127.0.0.1");
    let folder = tempdir().unwrap();
    let fetch = ["receiver", "--from", &addr, "--into", folder.path().to_str().unwrap()];
    let mut receiver = Example::start("file-transfer", &fetch);
    assert_eq!(sender.exit_code(), 0, "{}", sender.text());
    assert_eq!(receiver.exit_code(), 0, "{}", receiver.text());
    assert!(fs::read(folder.path().join("file")).unwrap() == content(5 << 20));

    let mut alone = Example::start("file-transfer", &fetch);
    assert_eq!(alone.exit_code(), 1);
    assert!(alone.text().contains(&format!("can't reach {addr}")), "{}", alone.text());
}

#[test]
fn a_plain_loop_inside_the_callback_sends_a_file_too() {
    let (mut receiver, addr, folder) = receiver(&[]);
    let source = tempdir().unwrap();
    let path = source.path().join("file");
    fs::write(&path, content(20 << 20)).unwrap();
    let args = ["sender", path.to_str().unwrap(), &addr, "--plain"];
    let mut sender = Example::start("file-transfer", &args);
    assert_eq!(sender.exit_code(), 0, "{}", sender.text());
    receiver.line_with("received");
    assert!(fs::read(folder.path().join("file")).unwrap() == content(20 << 20));

    let mut refused = Example::start("file-transfer", &args);
    assert_eq!(refused.exit_code(), 1);
    assert!(refused.text().contains("exists already"), "{}", refused.text());
}

#[test]
fn an_existing_file_is_replaced_only_if_told() {
    let source = tempdir().unwrap();
    let path = source.path().join("file");
    fs::write(&path, "new").unwrap();

    let (_careful, addr, folder) = receiver(&[]);
    fs::write(folder.path().join("file"), "old").unwrap();
    let mut refused = sender(&path, &addr);
    assert_eq!(refused.exit_code(), 1);
    assert!(refused.text().contains("\"file\" exists already"), "{}", refused.text());
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"old");

    let (_told, addr, folder) = receiver(&["--overwrite"]);
    fs::write(folder.path().join("file"), "old").unwrap();
    assert_eq!(sender(&path, &addr).exit_code(), 0);
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"new");
}

#[test]
fn what_breaks_off_or_differs_leaves_nothing_behind() {
    let (mut receiver, addr, folder) = receiver(&[]);
    // An offer as postcard writes it: a length and the name, then the length of the file.
    let offer = |name: &str, len: u8| [&[name.len() as u8], name.as_bytes(), &[len]].concat();

    send_and_leave(&addr, &[b"\xFF not an offer"]);
    receiver.line_with("refused a file");
    for name in ["../out", "/out", "..", "in/side", ""] {
        send_and_leave(&addr, &[&offer(name, 0)]);
        receiver.line_with(&format!("{name:?} is not the name of a file"));
    }
    send_and_leave(&addr, &[&offer("longer", 3), b"four", b"cccc"]);
    receiver.line_with("more came than was offered");
    send_and_leave(&addr, &[&offer("other", 3), b"abc", b"cccc"]);
    receiver.line_with("the checksum is another");
    send_and_leave(&addr, &[&offer("half", 3), b"ab"]);
    receiver.line_with("left before its file was whole");

    assert_eq!(names_in(&folder), [""; 0]);
}

/// Sends the messages, and leaves once the receiver has said something to the first of them.
fn send_and_leave(addr: &str, messages: &[&[u8]]) {
    let (handler, listener) = node::split::<()>();
    let (endpoint, _) = handler.network().connect_sync(Transport::FramedTcp, addr).unwrap();
    for message in messages {
        handler.network().send(endpoint, message);
    }
    listener.for_each(|event| {
        if !matches!(event, NodeEvent::Network(NetEvent::Connected(..))) {
            handler.stop(); // An answer, or the receiver's end.
        }
    });
}

#[test]
fn a_sender_tells_what_is_wrong() {
    let (receiver, addr, folder) = receiver(&[]);
    let mut missing = sender(&folder.path().join("no such file"), &addr);
    assert_eq!(missing.exit_code(), 1);
    assert!(missing.text().contains("can't read"), "{}", missing.text());

    let mut not_a_file = sender(folder.path(), &addr);
    assert_eq!(not_a_file.exit_code(), 1);
    assert!(not_a_file.text().contains("is not a file"), "{}", not_a_file.text());

    drop(receiver);
    let file = folder.path().join("file");
    fs::write(&file, "content").unwrap();
    let mut alone = sender(&file, &addr);
    assert_eq!(alone.exit_code(), 1);
    assert!(alone.text().contains(&format!("can't reach {addr}")), "{}", alone.text());
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    for args in [&[][..], &["sender", "file"], &["receiver", "port"], &["receiver", "--into"]] {
        let mut example = Example::start("file-transfer", args);
        assert_eq!(example.exit_code(), 2, "{args:?}");
        assert!(example.text().contains("usage: file-transfer"), "{}", example.text());
    }
}

//! Peers that mean no good, and honest ones beside them.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::io::Write;
use std::net::TcpStream;

use polywire_core::{CloseReason, Limits};
use polywire_tls::TlsVersion;

use support::certificates::Both;
use support::node::Node;
use support::over::{Kind, Over};
use support::peer::{Peer, assert_serves, ready};
use support::sealer::{ALERT, HANDSHAKE};

#[test]
fn a_hello_in_records_of_one_byte_is_understood() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen));
    let mut peer = Peer::client(&both.authority, addr);
    let hello = peer.take_records();
    assert_eq!((hello[0], usize::from(hello[4])), (HANDSHAKE, (hello.len() - 5) & 0xff));
    let pieces = hello[5..].iter().flat_map(|byte| [HANDSHAKE, 3, 1, 0, 1, *byte]);
    peer.socket.write_all(&pieces.collect::<Vec<u8>>()).unwrap();
    peer.shake_hands().unwrap();
    peer.send(b"hello");
    assert_eq!(peer.read_exactly(5).unwrap(), b"hello");
}

#[test]
fn messages_in_records_of_one_byte_are_understood() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::framed(both.listen));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let mut records = Vec::new();
    let message = [7; 100];
    for _ in 0..50 {
        records.extend(peer.seal(&[100]));
        message.iter().for_each(|byte| records.extend(peer.seal(&[*byte])));
    }
    peer.socket.write_all(&records).unwrap();
    server.accepted();
    for _ in 0..50 {
        assert_eq!(server.message(), message);
    }
}

#[test]
fn a_flood_of_warnings_ends_the_handshake() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    let mut peer = TcpStream::connect(addr).unwrap();
    let warning = [ALERT, 3, 1, 0, 2, 1, 90]; // user_canceled
    let _ = peer.write_all(&warning.repeat(10_000));
    server.assert_logs(&["handshake failed"]);
    assert_serves(&both, addr);
}

#[test]
fn records_of_nothing_during_the_handshake_end_it() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    for content_type in [HANDSHAKE, ALERT, 20] {
        let mut peer = TcpStream::connect(addr).unwrap();
        let _ = peer.write_all(&[content_type, 3, 1, 0, 0].repeat(10_000));
        server.assert_logs(&["handshake failed"]);
    }
    assert_serves(&both, addr);
}

#[test]
fn a_handshake_message_that_is_announced_too_long_sets_no_memory_aside() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    let mut peer = TcpStream::connect(addr).unwrap();
    // A ClientHello of 16 MiB, in whole records.
    let record = [&[HANDSHAKE, 3, 1, 0x40, 0][..], &[0; 16 << 10]].concat();
    let mut first = record.clone();
    first[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    let _ = peer.write_all(&first);
    for _ in 0..64 {
        let _ = peer.write_all(&record);
    }
    server.assert_logs(&["handshake failed"]);
    assert_serves(&both, addr);
}

#[test]
fn a_thousand_half_open_handshakes_do_not_stand_in_the_way_of_honest_ones() {
    let both = Both::new();
    let (server, client) = (Node::echo(), Node::new());
    let addr = server.listen(Over::framed(both.listen));
    let hello = Peer::client(&both.authority, addr).take_records();
    let half_open: Vec<_> = (0..1000)
        .map(|number| {
            let sent = match number % 3 {
                0 => &hello[..hello.len() / 2],
                1 => &hello[..],
                _ => &hello[..1],
            };
            let mut peer = TcpStream::connect(addr).unwrap();
            peer.write_all(sent).unwrap();
            peer
        })
        .collect();
    for number in 0..20_u8 {
        let endpoint = client.connect(Over::framed(both.connect.clone()), addr);
        client.send(endpoint, &[number]);
        assert_eq!(client.message(), [number]);
    }
    drop(half_open);
}

#[test]
fn what_a_peer_that_does_not_read_is_owed_is_bounded() {
    let both = Both::new();
    let server = Node::echo();
    let limits = Limits::default().with_outbox_hard_limit(1 << 20);
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()).limited(limits));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    let chunk = vec![7; 64 << 10];
    loop {
        let records = peer.seal(&chunk);
        if peer.socket.write_all(&records).is_err() {
            break; // It was ended.
        }
        if server.reason(accepted).is_some() {
            break;
        }
    }
    let reason = loop {
        if let Some(reason) = server.reason(accepted) {
            break reason;
        }
        server.next();
    };
    assert!(matches!(reason, CloseReason::OutboxLimit { .. }), "{reason:?}");
    assert_serves(&both, addr);
}

#[test]
fn old_and_new_versions_are_spoken_alone_where_that_is_asked() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let both = Both::new();
        let (server, client) = (Node::echo(), Node::new());
        let addr = server.listen(Over::framed(both.listen.with_versions([version])));
        let endpoint = client.connect(Over::framed(both.connect), addr);
        assert_eq!(client.info(endpoint).version, version);
        let mut old = ready(TcpStream::connect(addr).unwrap());
        // A hello of SSL 3.0.
        let _ = old.write_all(&[HANDSHAKE, 3, 0, 0, 4, 1, 0, 0, 0]);
        server.assert_logs(&["handshake failed"]);
    }
}

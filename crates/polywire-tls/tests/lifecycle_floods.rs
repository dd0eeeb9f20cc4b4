//! Peers that say nothing without end behind the handshake: key updates, empty records, tickets, long messages.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use polywire_core::network::NetEvent;
use polywire_core::{CloseReason, Limits};
use polywire_tls::TlsError;

use support::certificates::Both;
use support::node::{Node, tls_error};
use support::over::{Kind, Over};
use support::peer::{Peer, assert_serves};
use support::sealer::{DATA, HANDSHAKE, Sealer};
use support::{DEADLINE, eventually};

#[test]
fn a_flood_of_key_updates_ends_the_connection() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    // Some are nothing unusual, and answered.
    for number in 0..10 {
        peer.tls.refresh_traffic_keys().unwrap();
        peer.send(&[number]);
        assert_eq!(peer.read_exactly(1).unwrap(), [number]);
        server.message();
    }
    let mut flood = Vec::new();
    for _ in 0..10_000 {
        peer.tls.refresh_traffic_keys().unwrap();
        flood.extend(peer.take_records());
    }
    let _ = peer.socket.write_all(&flood); // It may be closed before all of it is taken.
    let error = tls_error(&server.disconnected(accepted));
    assert!(error.to_string().contains("TooManyKeyUpdateRequests"), "{error:?}");
    assert_serves(&both, addr);
}

#[test]
fn a_flood_of_empty_records_ends_the_connection() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    let mut peer = Sealer::new(peer);
    // Some are nothing unusual.
    for _ in 0..10 {
        peer.send(DATA, b"");
        peer.send(DATA, b"x");
        assert_eq!(server.message(), b"x");
    }
    let flood: Vec<u8> = (0..1000).flat_map(|_| peer.seal(DATA, b"")).collect();
    peer.socket.write_all(&flood).unwrap();
    let error = tls_error(&server.disconnected(accepted));
    assert_eq!(error, TlsError::Misbehaved("TooManyEmptyFragments".into()));
    assert_serves(&both, addr);
}

/// RFC 8446 section 5.4 has such records hide when a program sends something.
#[test]
fn empty_records_of_full_length_are_nothing_unusual() {
    let both = Both::new();
    let server = Node::echo();
    let limits = Limits::default().with_message_timeout(Duration::from_millis(200));
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()).limited(limits));
    let connect = || {
        let mut peer = Peer::client(&both.authority, addr);
        peer.shake_hands().unwrap();
        (Sealer::new(peer), server.accepted())
    };
    let (mut peer, _) = connect();
    for _ in 0..3 {
        for _ in 0..2 {
            let record = peer.seal_padded(DATA, b"", 16 << 10);
            peer.socket.write_all(&record).unwrap();
        }
        // Another one, who begins something then, is out of time.
        let (mut other, accepted) = connect();
        begin_long_message(&mut other);
        assert_eq!(server.disconnected(accepted), CloseReason::MessageTimeout);
        peer.send(DATA, b"x");
        assert_eq!(server.message(), b"x");
    }
}

/// However many lie there when the loop comes to read them.
#[test]
fn a_message_behind_a_burst_of_full_empty_records_arrives() {
    let both = Both::new();
    let (go_on, gate) = mpsc::channel();
    let server = Node::with(move |_, event| {
        if matches!(event, NetEvent::Message(_, b"wait")) {
            gate.recv_timeout(DEADLINE).unwrap();
        }
    });
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    server.accepted();
    let mut peer = Sealer::new(peer);
    peer.send(DATA, b"wait");
    let burst = |peer: &mut Sealer, records: usize| {
        let records = (0..records).flat_map(|_| peer.seal_padded(DATA, b"", 16 << 10));
        let records = records.collect::<Vec<u8>>();
        peer.socket.write_all(&records).unwrap();
    };
    burst(&mut peer, 8);
    go_on.send(()).unwrap();
    burst(&mut peer, 23); // More than the system may hold for one who does not read.
    peer.send(DATA, b"x");
    assert_eq!(server.message(), b"wait");
    assert_eq!(server.message(), b"x");
}

/// NewSessionTicket (RFC 8446 section 4.6.1).
const TICKET: [u8; 19] = [4, 0, 0, 15, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 0];

#[test]
fn a_flood_of_tickets_ends_the_connection() {
    let both = Both::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Node::new();
    let connect = Over::new(Kind::Tcp, both.connect);
    let endpoint = client.begin(connect, listener.local_addr().unwrap());
    let mut peer = Peer::server(&both.issued, &listener);
    peer.shake_hands().unwrap();
    client.next();
    let mut peer = Sealer::new(peer);
    for _ in 0..10 {
        peer.send(HANDSHAKE, &TICKET);
    }
    peer.send(DATA, b"some are nothing unusual");
    assert_eq!(client.message(), b"some are nothing unusual");
    let flood: Vec<u8> = (0..10_000).flat_map(|_| peer.seal(HANDSHAKE, &TICKET)).collect();
    while peer.socket.write_all(&flood).is_ok() && client.reason(endpoint).is_none() {}
    let error = tls_error(&client.disconnected(endpoint));
    let is_it = matches!(&error, TlsError::Misbehaved(why) if why.contains("without anything"));
    assert!(is_it, "{error:?}");
}

/// However few of them lie there when the loop comes to read them.
#[test]
fn tickets_that_come_one_by_one_without_end_end_the_connection() {
    let both = Both::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Node::new();
    let connect = Over::new(Kind::Tcp, both.connect);
    let endpoint = client.begin(connect, listener.local_addr().unwrap());
    let mut peer = Peer::server(&both.issued, &listener);
    peer.shake_hands().unwrap();
    client.next();
    let mut peer = Sealer::new(peer);
    let mut sent = 0;
    while client.reason(endpoint).is_none() {
        assert!(sent < 256 << 10, "it takes {sent} bytes");
        let few: Vec<u8> = (0..100).flat_map(|_| peer.seal(HANDSHAKE, &TICKET)).collect();
        if peer.socket.write_all(&few).is_err() {
            break;
        }
        sent += few.len();
        client.settle();
    }
    assert!(sent > 60 << 10, "some are nothing unusual: {sent}");
    let error = tls_error(&client.disconnected(endpoint));
    assert!(matches!(error, TlsError::Misbehaved(_)), "{error:?}");
}

/// A ticket of that length (RFC 8446 section 4.6.1).
fn long_ticket(len: u16) -> Vec<u8> {
    let body = [&[0, 0, 0x1c, 0, 0, 0, 0, 0, 1, 7][..], &len.to_be_bytes()].concat();
    let body = [body, vec![9; len.into()], vec![0, 0]].concat();
    [&[4][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

#[test]
fn a_ticket_too_long_for_a_hello_ends_the_connection_and_is_never_offered() {
    let both = Both::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = Node::new();
    let connect = Over::new(Kind::Tcp, both.connect.with_alpn([vec![b'a'; 255]]));
    let shake_hands = || {
        let endpoint = client.begin(connect.clone(), addr);
        let mut peer = Peer::server(&both.issued, &listener);
        peer.shake_hands().unwrap();
        client.next();
        (endpoint, Sealer::new(peer))
    };
    for (len, is_honest) in [(20_000, true), (65_300, false)] {
        let (endpoint, mut peer) = shake_hands();
        for piece in long_ticket(len).chunks(1 << 14) {
            peer.send(HANDSHAKE, piece);
        }
        peer.send(DATA, b"behind it");
        if is_honest {
            assert_eq!(client.message(), b"behind it");
            drop(peer);
            client.disconnected(endpoint);
        } else {
            let error = tls_error(&client.disconnected(endpoint));
            assert!(matches!(error, TlsError::Misbehaved(_)), "{error:?}");
        }
    }
    shake_hands();
}

/// Bytes of each piece of a [`long_message`].
const PIECE_BYTES: usize = 10_001;

/// The first 40,000 bytes of a key update that is said to have 48,000.
fn long_message() -> Vec<u8> {
    [&[24, 0, 0xbb, 0x80][..], &[0; 40_000]].concat()
}

fn begin_long_message(peer: &mut Sealer) {
    for piece in long_message().chunks(PIECE_BYTES) {
        peer.send(HANDSHAKE, piece);
    }
}

#[test]
fn a_handshake_message_that_does_not_go_on_counts_as_half_received() {
    let both = Both::new();
    let server = Node::echo();
    let limits = Limits::default().with_message_timeout(Duration::from_millis(200));
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()).limited(limits));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    let mut peer = Sealer::new(peer);
    begin_long_message(&mut peer);
    assert_eq!(server.disconnected(accepted), CloseReason::MessageTimeout);
}

#[test]
fn a_handshake_message_with_a_pause_in_it_counts_as_half_received() {
    let both = Both::new();
    let server = Node::echo();
    let limits = Limits::default().with_message_timeout(Duration::from_millis(1100));
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()).limited(limits));
    let connect = || {
        let mut peer = Peer::client(&both.authority, addr);
        peer.shake_hands().unwrap();
        (Sealer::new(peer), server.accepted())
    };
    let (mut peer, accepted) = connect();
    let message = long_message();
    let (front, rest) = message.split_at(3 * PIECE_BYTES);
    front.chunks(PIECE_BYTES).for_each(|piece| peer.send(HANDSHAKE, piece));
    // The pause: somebody else, who begins something, is out of time.
    let (mut other, others) = connect();
    begin_long_message(&mut other);
    assert_eq!(server.disconnected(others), CloseReason::MessageTimeout);
    peer.send(HANDSHAKE, rest);
    let half_received = || server.network().stats().half_received_bytes;
    eventually("it is counted", || half_received() >= message.len());
    assert_eq!(server.disconnected(accepted), CloseReason::MessageTimeout);
    assert_eq!(half_received(), 0);
}

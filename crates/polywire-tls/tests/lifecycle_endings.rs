//! How connections end.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use polywire_core::network::NetEvent;
use polywire_core::{CloseReason, Endpoint, Limits};
use polywire_tls::{TlsAlert, TlsError};

use support::certificates::Both;
use support::node::{Node, tls_error};
use support::over::{Kind, Over};
use support::peer::{Peer, ready};
use support::sealer::{ALERT, DATA, Sealer};

/// A server over TLS, and a peer by hand that has shaken hands with it.
fn server_and_peer(node: &Node, both: &Both, kind: Kind) -> (Endpoint, Peer) {
    let addr = node.listen(Over::new(kind, both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    (node.accepted(), peer)
}

#[test]
fn a_removal_says_goodbye_behind_all_that_was_sent() {
    let (both, server) = (Both::new(), Node::new());
    let (accepted, mut peer) = server_and_peer(&server, &both, Kind::Tcp);
    let message: Vec<u8> = (0..4 << 20).map(|index: u32| (index / 3) as u8).collect();
    server.send(accepted, &message);
    server.network().remove(accepted.resource_id());
    let (received, was_told) = peer.read_to_end().unwrap();
    assert!(received == message && was_told);
}

#[test]
fn a_stop_says_goodbye_to_all() {
    let (both, server) = (Both::new(), Node::new());
    let mut peers: Vec<_> = (0..5).map(|_| server_and_peer(&server, &both, Kind::Tcp)).collect();
    for (accepted, _) in &peers {
        server.send(*accepted, b"last words");
    }
    server.stop();
    for (_, peer) in &mut peers {
        assert_eq!(peer.read_to_end().unwrap(), (b"last words".to_vec(), true));
    }
}

#[test]
fn a_client_says_goodbye_too() {
    let both = Both::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    for is_stopped in [false, true] {
        let client = Node::new();
        let endpoint = client.begin(Over::new(Kind::Tcp, both.connect.clone()), addr);
        let mut peer = Peer::server(&both.issued, &listener);
        peer.shake_hands().unwrap();
        client.next();
        client.send(endpoint, b"last words");
        match is_stopped {
            true => client.stop(),
            false => drop(client.network().remove(endpoint.resource_id())),
        }
        assert_eq!(peer.read_to_end().unwrap(), (b"last words".to_vec(), true));
    }
}

/// The peer ends its sending side, and still reads: what was sent to it arrives, and then our end.
#[test]
fn both_sides_end_one_after_the_other() {
    let both = Both::new();
    // An answer to each message, which waits for room when the end comes.
    let server = Node::with(|handler, event| {
        if let NetEvent::Message(endpoint, _) = event {
            handler.network().send(*endpoint, &vec![7; 8 << 20]);
        }
    });
    let (accepted, mut peer) = server_and_peer(&server, &both, Kind::Tcp);
    peer.send(b"question");
    peer.tls.send_close_notify();
    peer.flush().unwrap();
    peer.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.message(), b"question");
    assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
    let (received, was_told) = peer.read_to_end().unwrap();
    assert!(received.len() == 8 << 20 && received.iter().all(|byte| *byte == 7) && was_told);
}

#[test]
fn what_comes_behind_a_goodbye_is_ignored() {
    let (both, server) = (Both::new(), Node::new());
    let (accepted, peer) = server_and_peer(&server, &both, Kind::Tcp);
    let mut peer = Sealer::new(peer);
    let records = [
        peer.seal(DATA, b"before"),
        peer.seal(ALERT, &[1, 0]),
        peer.seal(DATA, b"behind"),
        b"no record at all".to_vec(),
    ];
    peer.socket.write_all(&records.concat()).unwrap();
    assert_eq!(server.message(), b"before");
    assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
    server.assert_silent();
}

#[test]
fn an_alert_in_the_middle_of_a_message_ends_it_with_the_peers_reason() {
    let (both, server) = (Both::new(), Node::new());
    let (accepted, peer) = server_and_peer(&server, &both, Kind::Framed);
    let mut peer = Sealer::new(peer);
    let records = [
        peer.seal(DATA, b"\x05whole\x64only half of"),
        peer.seal(ALERT, &[2, 80]), // internal_error
    ];
    peer.socket.write_all(&records.concat()).unwrap();
    assert_eq!(server.message(), b"whole");
    let error = tls_error(&server.disconnected(accepted));
    assert_eq!(error, TlsError::AlertReceived(TlsAlert(80)));
    assert!(error.to_string().contains("InternalError"), "{error}");
}

#[test]
fn a_stream_that_is_cut_in_the_middle_of_a_record_is_truncated() {
    let (both, server) = (Both::new(), Node::new());
    let (accepted, mut peer) = server_and_peer(&server, &both, Kind::Tcp);
    peer.send(b"whole");
    let record = peer.seal(&[1; 1000]);
    peer.socket.write_all(&record[..500]).unwrap();
    peer.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.message(), b"whole");
    assert_eq!(tls_error(&server.disconnected(accepted)), TlsError::Truncated);
}

#[test]
fn a_goodbye_during_the_handshake_is_the_end_of_it() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::framed(both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.flush().unwrap();
    peer.socket.peek(&mut [0]).unwrap();
    peer.socket.write_all(&[ALERT, 3, 3, 0, 2, 1, 0]).unwrap();
    server.assert_refused(&TlsError::ClosedDuringHandshake);

    // Of a server.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Node::new();
    let addr = listener.local_addr().unwrap();
    let endpoint = client.begin(Over::framed(both.connect), addr);
    let (mut socket, _) = listener.accept().unwrap();
    socket.write_all(&[ALERT, 3, 3, 0, 2, 1, 0]).unwrap();
    socket.shutdown(Shutdown::Write).unwrap(); // Before a version is agreed on, an alert alone may be anybody's.
    client.next();
    let error = tls_error(&client.reason(endpoint).unwrap());
    assert_eq!(error, TlsError::ClosedDuringHandshake);
}

#[test]
fn what_is_removed_during_the_handshake_says_goodbye() {
    let both = Both::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Node::new();
    let addr = listener.local_addr().unwrap();
    let endpoint = client.begin(Over::framed(both.connect), addr);
    let mut socket = ready(listener.accept().unwrap().0);
    let mut head = [0; 5];
    socket.read_exact(&mut head).unwrap();
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    socket.read_exact(&mut hello).unwrap();
    client.network().remove(endpoint.resource_id());
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    assert_eq!((rest[0], &rest[5..]), (ALERT, &[1, 0][..]));
    client.assert_silent();
}

#[test]
fn a_handshake_that_takes_too_long_is_given_up_on_both_sides() {
    let limits = Limits::default().with_handshake_timeout(std::time::Duration::from_millis(100));
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::framed(both.listen.clone()).limited(limits.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    let hello = peer.take_records();
    peer.socket.write_all(&hello[..hello.len() / 2]).unwrap();
    server.assert_logs(&["handshake failed", &CloseReason::HandshakeTimeout.to_string()]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = Over::framed(both.connect).limited(limits);
    let reason = Node::new().connect_in_vain(connect, listener.local_addr().unwrap());
    assert_eq!(reason, CloseReason::HandshakeTimeout);
}

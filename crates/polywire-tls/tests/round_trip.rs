//! What is sent arrives, over TLS, for every stream transport.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use polywire_core::CloseReason;
use polywire_core::network::StoredNetEvent;
use polywire_tls::{TlsProvider, TlsVersion};

use support::certificates::Both;
use support::middle::{Middle, Pieces};
use support::node::Node;
use support::over::{KINDS, Kind, Over};
use support::peer::Peer;

#[test]
fn messages_arrive_both_ways_and_the_wire_shows_nothing_of_them() {
    const MARKER: &[u8] = b"plaintext that must not be seen";
    for kind in KINDS {
        let both = Both::new();
        let (server, client) = (Node::echo(), Node::new());
        let addr = server.listen(Over::new(kind, both.listen));
        let middle = Middle::before(addr, Pieces::AsIs);
        let endpoint = client.connect(Over::new(kind, both.connect), middle.addr);
        client.send(endpoint, MARKER);
        assert_eq!(client.bytes(MARKER.len()), MARKER, "{kind:?}");
        let accepted = server.accepted();
        assert_eq!(server.bytes(MARKER.len()), MARKER, "{kind:?}");
        client.network().remove(endpoint.resource_id());
        let reason = server.disconnected(accepted);
        let is_goodbye =
            matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. });
        assert!(is_goodbye, "{kind:?}: {reason:?}");
        assert!(!middle.seen().is_empty());
        assert!(!middle.has_seen(MARKER), "{kind:?}");
    }
}

#[test]
fn each_provider_speaks_each_version() {
    let providers = [
        #[cfg(feature = "aws-lc-rs")]
        TlsProvider::AwsLcRs,
        #[cfg(feature = "ring")]
        TlsProvider::Ring,
    ];
    for provider in providers {
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let both = Both::new();
            let (server, client) = (Node::echo(), Node::new());
            let listen = both.listen.with_provider(provider);
            let addr = server.listen(Over::framed(listen));
            let connect = both.connect.with_provider(provider).with_versions([version]);
            let endpoint = client.connect(Over::framed(connect), addr);
            client.send(endpoint, b"hello");
            assert_eq!(client.message(), b"hello");
            let (ours, theirs) = (client.info(endpoint), server.info(server.accepted()));
            assert_eq!((ours.version, theirs.version), (version, version));
            assert_eq!(ours.cipher_suite, theirs.cipher_suite);
            assert_eq!(ours.key_exchange, theirs.key_exchange);
            #[cfg(feature = "aws-lc-rs")]
            if (provider, version) == (TlsProvider::AwsLcRs, TlsVersion::Tls13) {
                assert_eq!(ours.key_exchange.as_deref(), Some("X25519MLKEM768"));
            }
            assert_eq!(ours.verified_name.as_deref(), Some("127.0.0.1"));
            assert_eq!(ours.peer_certificates, [both.issued.der()]);
            assert!(theirs.peer_certificates.is_empty() && theirs.verified_name.is_none());
            assert!(!ours.resumed && !theirs.resumed);
        }
    }
}

/// As records that are cut at each byte, at odd places, and as several in one read.
#[test]
fn however_the_bytes_are_cut_the_messages_are_the_same() {
    for kind in KINDS {
        for pieces in [Pieces::Bytes, Pieces::Of(7), Pieces::Of(1000)] {
            let both = Both::new();
            let (server, client) = (Node::echo(), Node::new());
            let addr = server.listen(Over::new(kind, both.listen));
            let middle = Middle::before(addr, pieces);
            let endpoint = client.connect(Over::new(kind, both.connect), middle.addr);
            for len in [1, 16, 300, 5000, 20_000] {
                let message: Vec<u8> = (0..len).map(|index| index as u8).collect();
                client.send(endpoint, &message);
                assert_eq!(client.bytes(len), message, "{kind:?} {pieces:?} {len}");
            }
        }
    }
}

#[test]
fn a_large_message_arrives_both_ways() {
    for kind in KINDS {
        let both = Both::new();
        let (server, client) = (Node::echo(), Node::new());
        let addr = server.listen(Over::new(kind, both.listen));
        let endpoint = client.connect(Over::new(kind, both.connect), addr);
        let message: Vec<u8> = (0..8 << 20).map(|index: u32| (index / 7) as u8).collect();
        client.send(endpoint, &message);
        assert!(client.bytes(message.len()) == message, "{kind:?}");
    }
}

/// The last words of the handshake, messages and the end, in one read.
#[test]
fn what_comes_along_with_the_end_of_the_handshake_is_not_lost() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen));
    let mut open = Vec::new();
    for says_goodbye in [false, true] {
        let mut peer = Peer::client(&both.authority, addr);
        peer.flush().unwrap();
        while peer.tls.is_handshaking() {
            peer.tls.read_tls(&mut peer.socket).unwrap();
            peer.tls.process_new_packets().unwrap();
        }
        let mut records = peer.seal(b"early");
        if says_goodbye {
            peer.tls.send_close_notify();
            records.extend(peer.take_records());
        }
        std::io::Write::write_all(&mut peer.socket, &records).unwrap();
        let accepted = server.accepted();
        assert_eq!(server.message(), b"early");
        if says_goodbye {
            assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
        }
        open.push(peer);
    }
}

#[test]
fn messages_and_the_end_in_one_read_are_messages_and_a_goodbye() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    let mut records = peer.seal(b"last words");
    peer.tls.send_close_notify();
    records.extend(peer.take_records());
    // The socket stays open: the goodbye alone tells the end.
    std::io::Write::write_all(&mut peer.socket, &records).unwrap();
    assert_eq!(server.message(), b"last words");
    assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
}

#[test]
fn what_was_good_before_a_damaged_record_is_told_first() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    let mut records = peer.seal(&[1; 3000]);
    records.extend(peer.seal(&[2; 3000]));
    let mut damaged = peer.seal(b"damaged");
    *damaged.last_mut().unwrap() ^= 1;
    records.extend(damaged);
    std::io::Write::write_all(&mut peer.socket, &records).unwrap();
    assert_eq!(server.bytes(6000), [[1; 3000], [2; 3000]].concat());
    let reason = server.disconnected(accepted);
    let error = support::node::tls_error(&reason);
    assert!(matches!(error, polywire_tls::TlsError::BadRecord(_)), "{error:?}");
    // Who sent it is told, by an alert.
    let told = peer.read_to_end().unwrap_err();
    assert!(told.to_string().contains("BadRecordMac"), "{told}");
}

#[test]
fn threads_send_in_the_order_of_each() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen));
    let endpoint = client.connect(Over::framed(both.connect), addr);
    server.accepted();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let network = client.network();
            scope.spawn(move || {
                for number in 0..500_u16 {
                    let mut message = vec![thread; 1 + usize::from(number) * 7];
                    message.extend(number.to_be_bytes());
                    network.send(endpoint, &message);
                }
            });
        }
    });
    let mut next = [0_u16; 4];
    for _ in 0..2000 {
        let StoredNetEvent::Message(_, message) = server.next() else { panic!("not a message") };
        let (body, number) = message.split_last_chunk::<2>().unwrap();
        let thread = usize::from(body[0]);
        assert_eq!(u16::from_be_bytes(*number), next[thread]);
        assert!(body.iter().all(|byte| usize::from(*byte) == thread));
        next[thread] += 1;
    }
}

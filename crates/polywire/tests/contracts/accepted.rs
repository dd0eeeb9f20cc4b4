//! `Accepted(endpoint, listener)` comes once, after the handshake, before any message of that
//! endpoint.
//!
//! This is E2 of `docs/contracts.md`.

use std::collections::HashSet;
use std::io::Write;

use crate::common::*;

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn accepted_comes_once_and_before_a_message_in_the_same_segment_as_the_handshake(transport) {
        let mut node = Watched::start();
        let (listener, addr) = node.listen(transport);
        let mut client = RawPeer::connect_with(transport, addr, &frame(transport, b"first"));

        let StoredNetEvent::Accepted(endpoint, by) = node.next("Accepted") else {
            panic!("another event comes before Accepted");
        };
        assert_eq!((endpoint.addr(), by), (client.addr(), listener));
        assert_eq!(node.message(), (endpoint, b"first".to_vec()));
        client.finish_handshake();
        client.send(b"second");
        assert_eq!(node.message(), (endpoint, b"second".to_vec()));
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }

    [ws | wss]
    fn a_peer_in_the_middle_of_its_handshake_is_not_accepted_yet(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let silent = RawPeer::open(transport, addr);
        let mut slow = RawPeer::open(transport, addr);
        let (begin, end) = RawPeer::handshake(transport).split_at(40);
        slow.stream.write_all(begin).unwrap();

        // The system hands connections out in their order, so those two were taken before.
        let healthy = RawPeer::connect(transport, addr);
        assert_eq!(node.accepted().addr(), healthy.addr());
        slow.stream.write_all(end).unwrap();
        slow.finish_handshake();
        assert_eq!(node.accepted().addr(), slow.addr());

        // Nor is it told when a peer leaves in the middle.
        drop(silent);
        eventually("the handshake to be given up", || node.handler.network().stats().refused == 1);
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn each_of_fifty_clients_is_accepted_once_and_by_its_own_listener(transport) {
        let mut node = Watched::start();
        let listeners = [node.listen(transport), node.listen(transport)];
        let message = frame(transport, b"hello");
        let clients: Vec<_> = (0..50)
            .map(|client| {
                let (listener, addr) = listeners[client % 2];
                let client = RawPeer::connect_with(transport, addr, &message);
                (client.addr(), listener, client)
            })
            .collect();

        let mut accepted = HashSet::new();
        // Clients of different listeners may have the same address.
        let mut peers = HashSet::new();
        let mut greeted = 0;
        while greeted < 50 {
            match node.next("fifty clients and their messages") {
                StoredNetEvent::Accepted(endpoint, listener) => {
                    assert!(accepted.insert(endpoint), "accepted twice");
                    peers.insert((endpoint.addr(), listener));
                }
                StoredNetEvent::Message(endpoint, _) => {
                    assert!(accepted.contains(&endpoint), "a message before Accepted");
                    greeted += 1;
                }
                event => panic!("{event:?}"),
            }
        }
        let expected = clients.iter().map(|(addr, listener, _)| (*addr, *listener)).collect();
        assert_eq!(peers, expected);
        assert_eq!(accepted.len(), 50);
        let rest = node.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }
}

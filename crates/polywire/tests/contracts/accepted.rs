//! `Accepted(endpoint, listener)` comes once, after the handshake, before any message of that
//! endpoint.
//!
//! This is E2 of `docs/contracts.md`.

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
}

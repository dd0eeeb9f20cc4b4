//! After `Connected(_, true)` or `Accepted` comes exactly one `Disconnected`, unless the program
//! removed the endpoint: then none.
//!
//! This is E3 of `docs/contracts.md`.

use std::sync::Barrier;
use std::thread;

use crate::common::*;

/// Two nodes with a connection between them: the server's, its endpoint, the client's, its own.
fn pair(transport: Transport) -> (Watched, Endpoint, Watched, Endpoint) {
    let mut server = Watched::start();
    let mut client = Watched::start();
    let (_, addr) = server.listen(transport);
    let ours = client.connect(transport, addr);
    assert_eq!(client.connected(), (ours, true));
    let theirs = server.accepted();
    (server, theirs, client, ours)
}

fn reason(node: &Watched, endpoint: Endpoint) -> CloseReason {
    node.handler.network().close_reason(endpoint).expect("a reason of its end")
}

fn assert_is_closed_by_peer(reason: &CloseReason) {
    let is_graceful =
        matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedWith { code: 1000, .. });
    assert!(is_graceful, "{reason:?}");
}

fn assert_nothing_else(node: Watched) {
    let rest = node.rest();
    assert!(rest.is_empty(), "{rest:?}");
}

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_removal_by_the_client_is_told_once_to_the_server_and_not_to_the_client(transport) {
        let (mut server, theirs, client, ours) = pair(transport);
        assert!(client.handler.network().remove(ours.resource_id()));
        assert_eq!(server.disconnected(), theirs);
        assert_is_closed_by_peer(&reason(&server, theirs));
        assert_eq!(reason(&client, ours), CloseReason::Removed);
        assert_nothing_else(server);
        assert_nothing_else(client);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_removal_by_the_server_is_told_once_to_the_client_and_not_to_the_server(transport) {
        let (server, theirs, mut client, ours) = pair(transport);
        assert!(server.handler.network().remove(theirs.resource_id()));
        assert_eq!(client.disconnected(), ours);
        assert_is_closed_by_peer(&reason(&client, ours));
        assert_nothing_else(server);
        assert_nothing_else(client);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_peer_that_ends_its_stream_is_told_once(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let mut client = RawPeer::connect_with(transport, addr, &frame(transport, b"bye"));
        let endpoint = node.accepted();
        client.finish_handshake();
        client.finish();
        assert_eq!(node.message(), (endpoint, b"bye".to_vec()));
        assert_eq!(node.disconnected(), endpoint);
        let expected = match transport.plain() {
            Transport::Ws => CloseReason::AbnormalClosure,
            _ => CloseReason::PeerClosed,
        };
        assert_eq!(reason(&node, endpoint), expected);
        assert!(!node.handler.network().remove(endpoint.resource_id()), "it was removed before");
        assert_eq!(reason(&node, endpoint), expected);
        assert_nothing_else(node);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_reset_is_told_once(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let client = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        client.reset();
        assert_eq!(node.disconnected(), endpoint);
        assert_eq!(reason(&node, endpoint), CloseReason::Reset);
        assert_nothing_else(node);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_reset_while_much_waits_to_be_sent_is_told_once(transport) {
        let mut node = Watched::start();
        let (_, addr) = node.listen(transport);
        let client = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        let network = node.handler.network();
        let message = vec![1; 1 << 20];
        while network.try_send(endpoint, &message) == SendStatus::Sent {}
        client.reset();
        assert_eq!(node.disconnected(), endpoint);
        assert_eq!(reason(&node, endpoint), CloseReason::Reset);
        assert_eq!(node.handler.network().send(endpoint, b"late"), SendStatus::ResourceNotFound);
        assert_nothing_else(node);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_peer_that_stops_its_node_is_told_once(transport) {
        let (mut server, theirs, client, _) = pair(transport);
        drop(client);
        assert_eq!(server.disconnected(), theirs);
        assert_nothing_else(server);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn of_both_sides_that_remove_at_once_only_one_that_was_too_late_is_told(transport) {
        for _ in 0..20 {
            let (server, theirs, client, ours) = pair(transport);
            let barrier = Barrier::new(2);
            let remove = |node: &Watched, endpoint: Endpoint| {
                barrier.wait();
                node.handler.network().remove(endpoint.resource_id())
            };
            let (first, second) = thread::scope(|scope| {
                let first = scope.spawn(|| remove(&server, theirs));
                (remove(&client, ours), first.join().unwrap())
            });
            let ends = [(client, ours, first), (server, theirs, second)];
            for (node, endpoint, removed) in ends {
                let told = node.rest();
                match (removed, &told[..]) {
                    (true, []) => {}
                    (false, [StoredNetEvent::Disconnected(over)]) if *over == endpoint => {}
                    _ => panic!("removed: {removed}, told: {told:?}"),
                }
            }
        }
    }

    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn what_the_program_removed_is_told_no_more(transport) {
        let echo = Echo::start(transport);
        let mut node = Watched::start();
        let client = node.connect(transport, echo.addr);
        assert_eq!(node.connected(), (client, true));
        let network = node.handler.network();
        assert!(network.remove(client.resource_id()));
        assert!(!network.remove(client.resource_id()), "removed twice");
        assert_eq!(network.is_ready(client.resource_id()), None);
        assert_eq!(network.close_reason(client), Some(CloseReason::Removed));

        let unready = node.connect(transport, echo.addr);
        assert!(node.handler.network().remove(unready.resource_id()));
        // What had begun to be told when it was removed is told.
        let mut rest = node.rest();
        rest.retain(|event| !matches!(event, StoredNetEvent::Connected(who, true) if *who == unready));
        assert!(rest.is_empty(), "{rest:?}");
    }
}

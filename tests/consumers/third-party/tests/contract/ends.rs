//! One `Disconnected` after `Connected` or `Accepted`, and none if the program removed the endpoint.
//! Behind either no message comes.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use polywire_core::network::NetworkController;

use crate::kit::*;

over_adapters! {
    fn a_removal_is_told_once_to_the_peer_and_not_to_who_removed(adapter) {
        for by_server in [false, true] {
            let Pair { server, client, to_client, to_server } = Pair::new(&adapter);
            let (one, ours, other, theirs) = match by_server {
                false => (client, to_server, server, to_client),
                true => (server, to_client, client, to_server),
            };
            assert!(one.network().remove(ours.resource_id()));
            assert!(!one.network().remove(ours.resource_id()), "removed twice");
            assert_eq!(one.network().is_ready(ours.resource_id()), None);
            other.assert_closed_by_peer(theirs);
            assert_eq!(one.network().close_reason(ours), Some(CloseReason::Removed));
            for (node, endpoint) in [(&one, ours), (&other, theirs)] {
                let network = node.network();
                assert_eq!(network.send(endpoint, b"late"), SendStatus::ResourceNotFound);
                assert_eq!(network.try_send(endpoint, b"late"), SendStatus::ResourceNotFound);
                assert!(!network.remove(endpoint.resource_id()));
            }
            assert!(one.stop().is_empty() && other.stop().is_empty());
        }
    }

    fn a_peer_that_stops_its_node_is_told_once(adapter) {
        let Pair { server, client, to_client, .. } = Pair::new(&adapter);
        assert!(client.stop().is_empty());
        server.assert_closed_by_peer(to_client);
        assert!(server.stop().is_empty());
    }

    fn a_full_endpoint_that_has_ended_is_not_found(adapter) {
        let pair = Pair::with_paused_client(&adapter, small_limits());
        pair.fill();
        let Pair { server, client, to_client, to_server } = pair;
        assert!(server.network().remove(to_client.resource_id()));
        assert_eq!(server.network().try_send(to_client, b"late"), SendStatus::ResourceNotFound);
        assert_eq!(server.network().send(to_client, b"late"), SendStatus::ResourceNotFound);
        assert!(client.network().remove(to_server.resource_id()));
    }

    fn of_both_sides_that_remove_at_once_only_one_that_was_too_late_is_told(adapter) {
        for _ in 0..20 {
            let Pair { server, client, to_client, to_server } = Pair::new(&adapter);
            let barrier = Barrier::new(2);
            let remove = |network: &NetworkController, endpoint: Endpoint| {
                barrier.wait();
                network.remove(endpoint.resource_id())
            };
            let (by_client, by_server) = thread::scope(|scope| {
                let network = server.network();
                let other = scope.spawn(|| remove(network, to_client));
                (remove(client.network(), to_server), other.join().unwrap())
            });
            for (node, endpoint, removed) in
                [(client, to_server, by_client), (server, to_client, by_server)]
            {
                eventually("the end", || node.network().close_reason(endpoint).is_some());
                node.settle();
                match (removed, &node.stop()[..]) {
                    (true, []) => {}
                    (false, [StoredNetEvent::Disconnected(over)]) if *over == endpoint => {}
                    (removed, told) => panic!("removed: {removed}, told: {told:?}"),
                }
            }
        }
    }

    fn nothing_comes_after_a_remove_in_the_callback(adapter) {
        let server = Node::with(|handler, event| {
            if let NetEvent::Message(endpoint, b"first") = event {
                assert!(handler.network().remove(endpoint.resource_id()));
            }
        });
        let Pair { server, client, to_client, to_server } = Pair::of(&adapter, server, Node::new());
        let messages = [&b"first"[..]].into_iter().chain([&b"late"[..]; 1000]);
        client.network().send_many(to_server, messages);
        assert_eq!(server.message(), (to_client, b"first".to_vec()));
        client.disconnected(to_server);
        server.assert_silent();
    }

    fn nothing_comes_after_a_pause_in_the_callback_and_nothing_is_lost(adapter) {
        let server = Node::with(|handler, event| match event {
            NetEvent::Accepted(endpoint, _) | NetEvent::Message(endpoint, b"pause") => {
                handler.network().pause(endpoint.resource_id());
            }
            _ => {}
        });
        let Pair { server, client, to_client, to_server } = Pair::of(&adapter, server, Node::new());
        let messages = [&b"pause"[..]].into_iter().chain([&b"rest"[..]; 100]);
        assert_eq!(client.network().send_many(to_server, messages).taken, 101);
        assert!(server.network().resume(to_client.resource_id()));
        assert_eq!(server.message(), (to_client, b"pause".to_vec()));
        server.assert_silent();
        assert!(server.network().resume(to_client.resource_id()));
        for _ in 0..100 {
            assert_eq!(server.message(), (to_client, b"rest".to_vec()));
        }
    }

    fn no_message_comes_after_disconnected_and_none_is_lost_before_it(adapter) {
        const CLIENTS: usize = 20;
        const MESSAGES: usize = 300;
        let (server, client) = (Node::new(), Node::new());
        let (_, addr) = server.listen(&adapter);
        let connect = |_| client.connect(&adapter, &addr);
        let clients: Vec<_> = (0..CLIENTS).map(connect).collect();
        thread::scope(|scope| {
            for endpoint in clients {
                let network = client.network();
                scope.spawn(move || {
                    for _ in 0..MESSAGES {
                        assert_eq!(network.send(endpoint, &[1; 1000]), SendStatus::Sent);
                    }
                    assert!(network.remove(endpoint.resource_id()));
                });
            }
        });
        let (mut over, mut messages) = (HashSet::new(), 0);
        while over.len() < CLIENTS {
            match server.next() {
                StoredNetEvent::Message(endpoint, _) => {
                    assert!(!over.contains(&endpoint));
                    messages += 1;
                }
                StoredNetEvent::Disconnected(endpoint) => assert!(over.insert(endpoint), "twice"),
                _ => {}
            }
        }
        assert_eq!(messages, CLIENTS * MESSAGES);
        server.assert_silent();
    }

    fn a_stale_endpoint_does_not_reach_the_next_one(adapter) {
        let (echo, client) = (Node::echo(), Node::new());
        let (_, addr) = echo.listen(&adapter);
        let stale = client.connect_ready(&adapter, &addr);
        assert!(client.network().remove(stale.resource_id()));
        eventually("it to be forgotten", || client.network().stats().endpoints == 0);
        let fresh = client.connect_ready(&adapter, &addr);
        assert_eq!(client.network().send(stale, b"stale"), SendStatus::ResourceNotFound);
        assert_eq!(client.network().send(fresh, b"fresh"), SendStatus::Sent);
        assert_eq!(client.message(), (fresh, b"fresh".to_vec()));
    }
}

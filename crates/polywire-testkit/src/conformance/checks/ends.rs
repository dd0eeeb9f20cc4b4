//! One `Disconnected` after `Connected` or `Accepted`, and none if the program removed the endpoint.
//! Behind either no message comes.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use polywire_core::Limits;
use polywire_core::network::NetworkController;

use crate::conformance::node::*;

/// E3: a removal is told once to the peer, and not to who removed.
pub fn a_removal_is_told_once_to_the_peer_and_not_to_who_removed(subject: &Subject) {
    for by_server in [false, true] {
        let Pair { server, client, to_client, to_server } = Pair::new(subject);
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

/// E3: the end of a node is told once to its peers.
pub fn a_peer_that_stops_its_node_is_told_once(subject: &Subject) {
    let Pair { server, client, to_client, .. } = Pair::new(subject);
    assert!(client.stop().is_empty());
    server.assert_closed_by_peer(to_client);
    assert!(server.stop().is_empty());
}

/// E3: a peer that goes at once, with data that it has not read, is told once, however the system tells of it.
pub fn a_peer_that_goes_with_unread_data_is_told_once(subject: &Subject) {
    for is_stopped in [false, true] {
        let limits = small_limits().with_linger(Duration::ZERO);
        let Pair { server, client, to_client, to_server } =
            Pair::with_paused_client(subject, limits);
        for _ in 0..3 {
            assert_eq!(server.network().send(to_client, &[7; MESSAGE]), SendStatus::Sent);
        }
        server.settle();
        match is_stopped {
            true => drop(client),
            false => {
                assert!(client.network().remove(to_server.resource_id()));
                client.assert_silent();
            }
        }
        let reason = server.disconnected(to_client);
        assert_ne!(reason, CloseReason::Removed);
        assert_eq!(server.network().send(to_client, b"late"), SendStatus::ResourceNotFound);
        server.assert_silent();
    }
}

/// E10: an endpoint that is not read, because it is paused, ends by a write once its peer is gone: it is not full for ever.
pub fn a_write_to_a_peer_that_is_gone_ends_an_endpoint_that_is_paused(subject: &Subject) {
    let subject = &subject.limited(small_limits().with_linger(Duration::ZERO));
    let Pair { server, client, to_client, .. } =
        Pair::of(subject, Node::paused(subject), Node::new(subject));
    assert!(client.stop().is_empty());
    eventually(subject, "a write to a peer that is gone to end the endpoint", || {
        server.network().try_send(to_client, &[7; MESSAGE]) == SendStatus::ResourceNotFound
    });
    server.network().resume(to_client.resource_id()); // It may be told only as it is read on.
    server.disconnected(to_client);
}

/// E7: an end in the middle of a message, which the peer gave up, is no good end, and what came of the message is none.
pub fn an_end_inside_a_message_is_no_good_end(subject: &Subject) {
    const MORE_THAN_A_SYSTEM_HOLDS: usize = 16 << 20;
    let pair = Pair::with_paused_client(subject, small_limits().with_linger(Duration::ZERO));
    let network = pair.server.network();
    let status = network.send(pair.to_client, &vec![7; MORE_THAN_A_SYSTEM_HOLDS]);
    assert_eq!(status, SendStatus::Sent);
    pair.server.settle();
    assert!(pair.server.queued() > 0, "the system took it all");
    assert!(network.remove(pair.to_client.resource_id()));
    eventually(subject, "the end of the linger time", || network.stats().endpoints == 1);
    pair.resume_client();
    let reason = pair.client.disconnected(pair.to_server);
    let is_good = matches!(reason, CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. });
    assert!(!is_good, "{reason:?} though a message is missing");
}

/// E4: an endpoint that is full and removed answers `ResourceNotFound`, not `Full`.
pub fn a_full_endpoint_that_has_ended_is_not_found(subject: &Subject) {
    let pair = Pair::with_paused_client(subject, small_limits());
    pair.fill();
    let Pair { server, client, to_client, to_server } = pair;
    assert!(server.network().remove(to_client.resource_id()));
    assert_eq!(server.network().try_send(to_client, b"late"), SendStatus::ResourceNotFound);
    assert_eq!(server.network().send(to_client, b"late"), SendStatus::ResourceNotFound);
    assert!(client.network().remove(to_server.resource_id()));
}

/// E3: of both sides that remove at once only one that was too late is told.
pub fn of_both_sides_that_remove_at_once_only_one_that_was_too_late_is_told(subject: &Subject) {
    for _ in 0..20 {
        let Pair { server, client, to_client, to_server } = Pair::new(subject);
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
            eventually(subject, "the end", || node.network().close_reason(endpoint).is_some());
            node.settle();
            match (removed, &node.stop()[..]) {
                (true, []) => {}
                (false, [StoredNetEvent::Disconnected(over)]) if *over == endpoint => {}
                (removed, told) => panic!("removed: {removed}, told: {told:?}"),
            }
        }
    }
}

/// E4: nothing comes after a `remove` in the callback, though more was read.
pub fn nothing_comes_after_a_remove_in_the_callback(subject: &Subject) {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Message(endpoint, b"first") = event {
            assert!(handler.network().remove(endpoint.resource_id()));
        }
    });
    let Pair { server, client, to_client, to_server } =
        Pair::of(subject, server, Node::new(subject));
    let messages = [&b"first"[..]].into_iter().chain([&b"late"[..]; 1000]);
    client.network().send_many(to_server, messages);
    server.expect(to_client, b"first");
    client.disconnected(to_server);
    server.assert_silent();
    let stopping = Instant::now();
    client.stop();
    assert!(stopping.elapsed() < Limits::default().linger / 2, "nothing is left to be sent");
}

/// E4: nothing comes after a `pause` in the callback, and all of it after `resume`.
pub fn nothing_comes_after_a_pause_in_the_callback_and_nothing_is_lost(subject: &Subject) {
    let server = Node::with(subject, |handler, event| match event {
        NetEvent::Accepted(endpoint, _) | NetEvent::Message(endpoint, b"pause") => {
            handler.network().pause(endpoint.resource_id());
        }
        _ => {}
    });
    let Pair { server, client, to_client, to_server } =
        Pair::of(subject, server, Node::new(subject));
    let messages = [&b"pause"[..]].into_iter().chain([&b"rest"[..]; 100]);
    assert_eq!(client.network().send_many(to_server, messages).taken, 101);
    assert!(server.network().resume(to_client.resource_id()));
    server.expect(to_client, b"pause");
    server.assert_silent();
    assert!(server.network().resume(to_client.resource_id()));
    for _ in 0..100 {
        server.expect(to_client, b"rest");
    }
}

/// E4: the same of a stream of bytes: nothing comes after a `pause` in the callback, and every byte after `resume`.
pub fn nothing_comes_after_a_pause_in_the_callback_and_no_byte_is_lost(subject: &Subject) {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Accepted(endpoint, _) | NetEvent::Message(endpoint, _) = event {
            handler.network().pause(endpoint.resource_id());
        }
    });
    let Pair { server, client, to_client, to_server } =
        Pair::of(subject, server, Node::new(subject));
    let sent: Vec<_> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    assert_eq!(client.network().send_many(to_server, sent.chunks(1000)).taken, 100);
    let mut got = Vec::new();
    while got.len() < sent.len() {
        assert!(server.network().resume(to_client.resource_id()));
        got.extend(server.message().1);
        server.assert_silent();
    }
    assert!(got == sent, "other bytes");
}

/// E4 and E7: no message comes after `Disconnected`, and none is lost before it.
pub fn no_message_comes_after_disconnected_and_none_is_lost_before_it(subject: &Subject) {
    const CLIENTS: usize = 20;
    const MESSAGES: usize = 300;
    let (server, client) = (Node::new(subject), Node::new(subject));
    let (_, addr) = server.listen(subject);
    let connect = |_| client.connect(subject, &addr);
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
    let (mut over, mut bytes) = (HashSet::new(), 0);
    while over.len() < CLIENTS {
        match server.next() {
            StoredNetEvent::Message(endpoint, message) => {
                assert!(!over.contains(&endpoint));
                bytes += message.len();
            }
            StoredNetEvent::Disconnected(endpoint) => assert!(over.insert(endpoint), "twice"),
            _ => {}
        }
    }
    assert_eq!(bytes, CLIENTS * MESSAGES * 1000);
    server.assert_silent();
}

//! `Sent` means: it reaches the peer, or the program is told by `Disconnected`. `remove` and `stop`
//! first drain what was accepted.

use std::time::{Duration, Instant};

use polywire_core::address::Name;

use crate::kit::*;

const LONG: usize = 1 << 20;
const LONG_MESSAGES: u8 = 8;

/// More than the system holds of a connection, sent by the callback as it is accepted.
fn talkative(then: impl Fn(&Handler, Endpoint) + Send + 'static) -> Node {
    Node::with(move |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            for number in 0..LONG_MESSAGES {
                let status = handler.network().send(*endpoint, &[number; LONG]);
                assert_eq!(status, SendStatus::Sent);
            }
            then(handler, *endpoint);
        }
    })
}

fn assert_receives_all(client: &Node, to_server: Endpoint) {
    for number in 0..LONG_MESSAGES {
        let (_, message) = client.message();
        assert!(message.len() == LONG && message.iter().all(|byte| *byte == number));
    }
    client.assert_closed_by_peer(to_server);
}

over_adapters! {
    fn what_was_sent_before_remove_reaches_a_slow_reader(adapter) {
        let server = talkative(|handler, endpoint| {
            assert!(handler.network().remove(endpoint.resource_id()));
        });
        let pair = Pair::of(&adapter, server, Node::paused());
        // What it says meanwhile does no harm.
        pair.client.network().send(pair.to_server, b"unheard");
        pair.server.assert_silent();
        assert!(pair.server.queued() > 0, "the system took it all");
        pair.resume_client();
        assert_receives_all(&pair.client, pair.to_server);
        let network = pair.server.network();
        eventually("it to be forgotten", || network.stats().endpoints == 1);
        assert_eq!(network.close_reason(pair.to_client), Some(CloseReason::Removed));
        assert!(pair.server.stop().is_empty());
    }

    fn what_was_sent_before_stop_reaches_a_slow_reader(adapter) {
        let server = talkative(|handler, _| handler.stop());
        let mut pair = Pair::of(&adapter, server, Node::paused());
        pair.resume_client();
        assert_receives_all(&pair.client, pair.to_server);
        pair.server.wait();
    }

    fn what_was_sent_before_the_endpoint_was_ready_arrives_though_it_is_removed_or_stopped(adapter) {
        for is_removed in [true, false] {
            let server = Node::new();
            let (_, addr) = server.listen(&adapter);
            let (client, listener) = node::split::<()>();
            let (endpoint, _) = client.network().connect(&adapter, &*addr).unwrap();
            assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
            if is_removed {
                assert!(client.network().remove(endpoint.resource_id()));
            }
            let closing = std::thread::spawn(move || {
                client.stop();
                listener.for_each(|event| panic!("told of {event:?}"));
            });
            let accepted = server.accepted();
            assert_eq!(server.message(), (accepted, b"hello".to_vec()));
            server.assert_closed_by_peer(accepted);
            closing.join().unwrap();
        }
    }

    fn what_cannot_be_delivered_within_the_linger_time_is_told_as_the_reason(adapter) {
        let limits = small_limits().with_linger(Duration::from_millis(100));
        let pair = Pair::with_paused_client(&adapter, limits);
        pair.fill();
        let network = pair.server.network();
        assert!(network.remove(pair.to_client.resource_id()));
        assert_eq!(network.close_reason(pair.to_client), Some(CloseReason::Removed));
        eventually("the end of the linger time", || {
            network.close_reason(pair.to_client) == Some(CloseReason::LingerTimeout)
        });
        eventually("it to be forgotten", || network.stats().endpoints == 1);
        assert_eq!(pair.server.queued(), 0);
        pair.server.assert_silent();
    }

    fn a_node_that_is_to_stop_when_drained_does_once_the_peer_has_read_all(adapter) {
        let mut pair = Pair::with_paused_client(&adapter, small_limits());
        pair.fill();
        pair.server.handler.stop_when_drained(Duration::MAX);
        pair.server.settle();
        assert!(pair.server.handler.is_running(), "it stopped with much to send");
        pair.resume_client();
        let start = Instant::now();
        pair.server.wait();
        assert!(start.elapsed() < DEADLINE / 2);
        while let StoredNetEvent::Message(..) = pair.client.next() {}
    }

    fn what_was_sent_before_the_loop_ran_is_drained_as_well(adapter) {
        let server = Node::paused();
        let (_, addr) = server.listen(&adapter);
        let (handler, listener) = node::split::<()>();
        let (endpoint, _) = handler.network().connect(&adapter, &*addr).unwrap();
        assert_eq!(handler.network().send(endpoint, &[7; LONG]), SendStatus::Sent);
        let mut task = listener.for_each_async(|_| {});
        let accepted = server.accepted();
        eventually("it to be ready", || {
            handler.network().is_ready(endpoint.resource_id()) == Some(true)
        });
        handler.stop_when_drained(Duration::MAX);
        std::thread::sleep(Duration::from_millis(100)); // It would stop, if it were to.
        assert!(handler.is_running(), "it stopped with much to send");
        assert!(server.network().resume(accepted.resource_id()));
        assert_eq!(server.message().1.len(), LONG);
        task.wait();
    }

    fn two_ends_of_one_node_do_not_hold_its_stop_up(adapter) {
        let (handler, listener) = node::split::<()>();
        let addr = adapter.free_address();
        handler.network().listen(&adapter, Name(&addr)).unwrap();
        let (client, _) = handler.network().connect(&adapter, &*addr).unwrap();
        let start = Instant::now();
        listener.for_each(|event| {
            if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
                for to in [client, endpoint] {
                    assert_eq!(handler.network().send(to, &[7; LONG]), SendStatus::Sent);
                }
                handler.stop();
            }
        });
        assert!(start.elapsed() < DEADLINE / 4, "{:?}", start.elapsed());
    }
}

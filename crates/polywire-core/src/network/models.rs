//! The whole network on fake sockets, while threads act on it: nothing accepted is lost, nothing is
//! told after its end, nothing outlives the loop.
//!
//! The queues count as atomic, and each call of the fake system.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::net_event::NetEvent;
use crate::network::pair::{connect, connected};
use crate::network::processor::{end_where_nobody_runs, execute_where_nobody_runs};
use crate::send_status::SendStatus;

/// As `loom::model`, for runs so long that a third switch would take many minutes.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 200_000;
    builder.preemption_bound = Some(2);
    builder.check(run);
}

#[test]
fn what_is_accepted_beside_a_stop_arrives() {
    model(|| {
        let (client, mut server) = connected(|| {});
        let sender = {
            let (network, peer) = (client.network.clone(), client.peer);
            thread::spawn(move || network.send(peer, b"x"))
        };
        client.network.shared.stop();
        drop(client.processor);
        let status = sender.join().unwrap();
        let expected: &[u8] = match status {
            SendStatus::Sent => b"x",
            SendStatus::ResourceNotFound => b"",
            other => panic!("{other:?}"),
        };
        assert_eq!(server.received(), expected, "{status:?}");
        assert_eq!(client.network.stats().endpoints, 0);
    });
}

#[test]
fn after_a_removal_no_event_but_the_one_just_entered_comes() {
    model(|| {
        let (mut client, server) = connected(|| {});
        for message in [b"a", b"b", b"c"] {
            assert_eq!(server.network.send(server.peer, message), SendStatus::Sent);
        }
        let removed = Arc::new(AtomicBool::new(false));
        let remover = {
            let (network, peer, removed) =
                (client.network.clone(), client.peer, Arc::clone(&removed));
            thread::spawn(move || {
                assert!(network.remove(peer.resource_id()));
                removed.store(true, Ordering::Release);
            })
        };
        let mut late = 0;
        for _ in 0..2 {
            client.turn(|event| {
                assert!(matches!(event, NetEvent::Message(..)), "{event:?}");
                late += usize::from(removed.load(Ordering::Acquire));
            });
        }
        remover.join().unwrap();
        assert!(late <= 1, "{late} events after the removal");
        client.turn(|event| panic!("{event:?}"));
    });
}

#[test]
fn of_a_removal_and_the_peers_end_one_is_told() {
    model(|| {
        let (mut client, server) = connected(|| {});
        server.network.shared.stop();
        drop(server.processor);
        let remover = {
            let (network, peer) = (client.network.clone(), client.peer);
            thread::spawn(move || network.remove(peer.resource_id()))
        };
        let mut ends = 0;
        let mut turn = || {
            client.turn(|event| match event {
                NetEvent::Disconnected(_) => ends += 1,
                other => panic!("{other:?}"),
            });
        };
        turn();
        let removed = remover.join().unwrap();
        turn();
        assert_eq!(ends + usize::from(removed), 1);
        assert_eq!(client.network.stats().endpoints, 0);
        assert_eq!(client.node.open_sockets(), 0);
    });
}

#[test]
fn a_connection_opened_beside_a_stop_outlives_it_not() {
    model(|| {
        let (client, _server) = connected(|| {});
        let opener = {
            let (network, node) = (client.network.clone(), client.node.clone());
            thread::spawn(move || drop(connect(&network, &node)))
        };
        client.network.shared.stop();
        drop(client.processor);
        opener.join().unwrap();
        assert_eq!(client.network.stats().endpoints, 0);
        assert_eq!(client.node.open_sockets(), 0);
    });
}

#[test]
fn a_loop_that_is_borrowed_while_the_node_is_stopped_ends() {
    model(|| {
        let (client, server) = connected(|| {});
        server.network.shared.stop();
        drop(server.processor);
        let borrower = {
            let network = client.network.clone();
            thread::spawn(move || execute_where_nobody_runs(&network.slot))
        };
        client.network.shared.stop();
        end_where_nobody_runs(&client.network.slot);
        borrower.join().unwrap();
        assert!(client.network.shared.has_ended());
    });
}

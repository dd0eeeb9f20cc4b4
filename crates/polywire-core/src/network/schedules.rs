//! The whole network on fake sockets, while more threads act on it than the models could carry: in
//! schedules drawn at random, each switch of threads at a lock or an atomic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::close_reason::CloseReason;
use crate::endpoint::ResourceId;
use crate::net_event::NetEvent;
use crate::network::NetworkController;
use crate::network::pair::{Side, connected};
use crate::send_status::SendStatus;

/// Messages of each thread that sends.
const MESSAGES: u8 = 4;

#[test]
fn in_schedules_at_random_nothing_is_lost_or_told_after_its_end() {
    let number = std::env::var("POLYWIRE_SCHEDULES")
        .map_or(10_000, |number| number.parse().expect("POLYWIRE_SCHEDULES is a number"));
    shuttle::check_random(run, number);
}

/// Two threads send, a third ends the connection or the network, and two run the loops.
fn run() {
    let (client, server) = connected(thread::yield_now);
    let (network, peer) = (client.network.clone(), client.peer);
    let removed = Arc::new(AtomicBool::new(false));
    let senders = [0, 1].map(|sender| {
        let network = network.clone();
        thread::spawn(move || send(sender, |byte| network.send(peer, &[byte])))
    });
    let ender = {
        let (network, removed) = (network.clone(), Arc::clone(&removed));
        thread::spawn(move || end(&network, &removed, peer.resource_id()))
    };
    let node = client.node.clone();
    let looping = {
        let removed = Arc::clone(&removed);
        thread::spawn(move || run_client(client, &removed))
    };
    let (received, reason) = run_server(server);

    let sent = senders.map(|sender| sender.join().unwrap());
    ender.join().unwrap();
    looping.join().unwrap();
    for (sender, sent) in sent.iter().enumerate() {
        let of_it = |byte: &&u8| usize::from(**byte / MESSAGES) == sender;
        let received: Vec<u8> = received.iter().filter(of_it).copied().collect();
        assert!(sent.starts_with(&received), "{sent:?} arrives as {received:?}");
        // A peer that still sends to a socket just closed is reset, and may lose what it has not read.
        assert!(sent == &received || reason == Some(CloseReason::Reset), "{sent:?}: {reason:?}");
    }
    assert_eq!(network.stats().endpoints, 0);
    assert_eq!(network.stats().queued_bytes, 0);
    assert_eq!(node.open_sockets(), 0);
}

/// Sends bytes of its own and returns those that were accepted.
fn send(sender: u8, send: impl Fn(u8) -> SendStatus) -> Vec<u8> {
    let bytes = (0..MESSAGES).map(|number| sender * MESSAGES + number);
    bytes.filter(|byte| send(*byte) == SendStatus::Sent).collect()
}

fn end(network: &NetworkController, removed: &AtomicBool, id: ResourceId) {
    if thread_rng().gen_bool(0.5) {
        network.remove(id);
        removed.store(true, Ordering::SeqCst);
    }
    network.shared.stop();
}

/// The server sends back what it gets, and tells what that was and why it ended.
fn run_server(mut server: Side) -> (Vec<u8>, Option<CloseReason>) {
    let (mut bytes, mut ended) = (Vec::new(), false);
    while !ended {
        let network = &server.network;
        server.processor.process_poll_event(Some(Duration::ZERO), |event| match event {
            NetEvent::Message(endpoint, message) => {
                bytes.extend_from_slice(message);
                network.send(endpoint, message);
            }
            NetEvent::Disconnected(_) => ended = true,
            other => panic!("{other:?}"),
        });
        thread::yield_now();
    }
    (bytes, server.network.close_reason(server.peer))
}

fn run_client(mut client: Side, removed: &AtomicBool) {
    let (mut late, mut seen) = (0, BTreeMap::new());
    while !client.network.shared.is_stopping() {
        client.processor.process_poll_event(Some(Duration::from_millis(1)), |event| {
            late += u32::from(removed.load(Ordering::SeqCst));
            match event {
                NetEvent::Message(_, message) => *seen.entry(message.to_vec()).or_insert(0) += 1,
                other => panic!("{other:?}"),
            }
        });
    }
    drop(client.processor);
    assert!(late <= 1, "{late} events after the removal");
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

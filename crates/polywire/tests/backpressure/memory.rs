//! The memory of a whole process whose peers never read.

use std::env;
use std::process::Command;

use polywire::WhenFull;

use crate::common::*;
use crate::peers::{HARD_LIMIT, NonReader, limits};
use crate::process::resident_bytes;

/// Tells the process that it is the one to be measured, and how long its messages are.
const MESSAGE_SIZE: &str = "POLYWIRE_TEST_MESSAGE_SIZE";
const PEERS: usize = 8;
/// What the rest of the process may grow by meanwhile: stacks, the counters of the endpoints.
const OTHER: usize = 2 << 20;

/// Sends to all peers in turn until none is left, and holds the memory against the bound.
fn send_to_all_until_they_end(message: &[u8]) {
    let (handler, listener) = split();
    let network = handler.network();
    let (_, addr) = network
        .listen(&*listening(Transport::FramedTcp, limits(WhenFull::Disconnect)), LOCALHOST)
        .unwrap();
    let _non_readers: Vec<_> =
        (0..PEERS).map(|_| NonReader::client(Transport::FramedTcp, addr)).collect();
    let (mut endpoints, mut most_queued, mut ended) = (Vec::new(), 0, 0);
    run(&handler, listener, "the end of all peers", |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => {
            endpoints.push(endpoint);
            if endpoints.len() < PEERS {
                return;
            }
            let before = resident_bytes();
            let rounds_per_look = (64 << 10) / message.len() + 1;
            while !endpoints.is_empty() {
                for _ in 0..rounds_per_look {
                    endpoints.retain(|peer| network.send(*peer, message) == SendStatus::Sent);
                }
                let queued = network.stats().queued_bytes;
                most_queued = most_queued.max(queued);
                let grown = resident_bytes().saturating_sub(before);
                let bound = most_queued / 10 * 11 + OTHER;
                assert!(grown <= bound, "{grown} bytes of memory for {queued} queued");
            }
        }
        NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
            let reason = network.close_reason(endpoint).unwrap();
            assert!(matches!(reason, CloseReason::OutboxLimit { .. }), "{reason:?}");
            ended += 1;
            if ended == PEERS {
                handler.stop();
            }
        }
        other => panic!("{other:?}"),
    });
    assert!(most_queued <= PEERS * HARD_LIMIT, "{most_queued}");
    assert!(most_queued > PEERS * HARD_LIMIT / 2, "they never filled: {most_queued}");
}

/// Runs this test in a process of its own, for it measures the whole of it.
fn measure(test: &str, message_size: usize) {
    if let Ok(size) = env::var(MESSAGE_SIZE) {
        return send_to_all_until_they_end(&vec![7; size.parse().unwrap()]);
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MESSAGE_SIZE, message_size.to_string())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}\n{complaint}");
}

#[test]
fn outboxes_of_long_messages_take_as_much_memory_as_they_hold() {
    measure("memory::outboxes_of_long_messages_take_as_much_memory_as_they_hold", 60_000);
}

#[test]
fn outboxes_of_short_messages_take_as_much_memory_as_they_hold() {
    measure("memory::outboxes_of_short_messages_take_as_much_memory_as_they_hold", 100);
}

//! What messages without a promise to arrive promise nevertheless.

use std::sync::mpsc;
use std::time::Duration;

use crate::conformance::node::*;

/// How long the next datagram is waited for before another round.
const PATIENCE: Duration = Duration::from_millis(100);
const ROUNDS: u8 = 20;

/// E5: a datagram arrives whole or not at all, whatever its size, also among others.
pub fn a_datagram_is_whole_or_not_there(subject: &Subject) {
    let (server, client) = (Node::new(subject), Node::new(subject));
    let (_, addr) = server.listen(subject);
    let endpoint = client.connect_ready(subject, &addr);
    let largest = subject.capabilities().largest_message.unwrap_or(1200).min(1200);
    let mut whole = 0;
    for round in 1..=ROUNDS {
        for len in [1, 2, 100, 100, 100, largest / 2, largest] {
            client.network().send(endpoint, &vec![round; len]);
        }
        while let Some(StoredNetEvent::Message(_, message)) = server.next_within(PATIENCE) {
            let (byte, len) = (message.first().copied().unwrap_or(0), message.len());
            assert!(message.iter().all(|other| *other == byte), "two in one, of {len} bytes");
            assert!([1, 2, 100, largest / 2, largest].contains(&len), "cut to {len} bytes");
            whole += 1;
            if whole >= 7 {
                return;
            }
        }
    }
    panic!("{whole} datagrams came of {ROUNDS} rounds");
}

/// E1: who sent a datagram is told by an endpoint that answers it.
pub fn a_datagram_is_answered_through_the_endpoint_that_it_came_from(subject: &Subject) {
    let (server, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = server.listen(subject);
    let endpoints = [(); 3].map(|()| client.connect_ready(subject, &addr));
    for (number, endpoint) in endpoints.into_iter().enumerate() {
        let is_answered = (0..ROUNDS).any(|_| {
            client.network().send(endpoint, &[number as u8]);
            std::iter::from_fn(|| client.next_within(PATIENCE)).any(|event| {
                let StoredNetEvent::Message(from, message) = event else {
                    panic!("{} instead of an answer", client.shown(&event));
                };
                let [number] = message[..] else { panic!("{message:?} instead of an answer") };
                assert_eq!(Some(&from), endpoints.get(usize::from(number)), "another one's answer");
                from == endpoint // And not a late one, to what was sent again before.
            })
        });
        assert!(is_answered, "nothing instead of an answer");
    }
}

/// E4: nothing comes after a listener was removed in the callback, though more was there.
pub fn nothing_comes_after_a_listener_was_removed(subject: &Subject) {
    let (go_on, waits) = mpsc::channel::<()>();
    let server = Node::with(subject, move |handler, event| {
        if let NetEvent::Message(endpoint, _) = event {
            let _ = waits.recv(); // Until many wait.
            assert!(handler.network().remove(endpoint.resource_id()), "a message after remove");
        }
    });
    let (_, addr) = server.listen(subject);
    let client = Node::new(subject);
    let endpoint = client.connect_ready(subject, &addr);
    for _ in 0..100 {
        client.network().send(endpoint, b"queued");
    }
    drop(go_on);
    server.message();
    server.assert_silent();
}

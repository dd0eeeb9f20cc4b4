//! `Sent` means: it reaches the peer, or the program is told by `Disconnected`. `remove` and `stop`
//! first drain what was accepted.

use std::time::{Duration, Instant};

use crate::conformance::node::*;

const LONG: usize = 1 << 20;
const LONG_MESSAGES: u8 = 8;
/// Also one that gives a connection more memory the more it needs.
const MORE_THAN_A_SYSTEM_HOLDS: usize = 16 << 20;

/// More than the system holds of a connection, sent by the callback as it is accepted.
fn talkative(subject: &Subject, then: impl Fn(&Handler, Endpoint) + Send + 'static) -> Node {
    Node::with(subject, move |handler, event| {
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
        client.expect(to_server, &[number; LONG]);
    }
    client.assert_closed_by_peer(to_server);
}

/// E7: what was sent before `remove` reaches a slow reader: where each direction ends by itself, though that goes on sending.
pub fn what_was_sent_before_remove_reaches_a_slow_reader(subject: &Subject) {
    let server = talkative(subject, |handler, endpoint| {
        assert!(handler.network().remove(endpoint.resource_id()));
    });
    let pair = Pair::of(subject, server, Node::paused(subject));
    if subject.capabilities().half_close {
        // What it says meanwhile does no harm.
        pair.client.network().send(pair.to_server, b"unheard");
    }
    pair.server.assert_silent();
    assert!(pair.server.queued() > 0, "the system took it all");
    pair.resume_client();
    assert_receives_all(&pair.client, pair.to_server);
    let network = pair.server.network();
    eventually(subject, "it to be forgotten", || network.stats().endpoints == 1);
    assert_eq!(network.close_reason(pair.to_client), Some(CloseReason::Removed));
    assert!(pair.server.stop().is_empty());
}

/// E7: what was sent before `stop` reaches a slow reader.
pub fn what_was_sent_before_stop_reaches_a_slow_reader(subject: &Subject) {
    let server = talkative(subject, |handler, _| handler.stop());
    let mut pair = Pair::of(subject, server, Node::paused(subject));
    pair.resume_client();
    assert_receives_all(&pair.client, pair.to_server);
    pair.server.wait();
}

/// E7: what was sent before the endpoint was ready arrives, though it is removed or its node stopped.
pub fn what_was_sent_before_the_endpoint_was_ready_arrives_though_it_is_removed_or_stopped(
    subject: &Subject,
) {
    for is_removed in [true, false] {
        let server = Node::new(subject);
        let (_, addr) = server.listen(subject);
        let (client, listener) = node::split::<()>();
        let (endpoint, _) = subject.connect(client.network(), &addr).unwrap();
        assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
        if is_removed {
            assert!(client.network().remove(endpoint.resource_id()));
        }
        let closing = std::thread::spawn(move || {
            client.stop();
            listener.for_each(|event| panic!("told of {event:?}"));
        });
        let accepted = server.accepted();
        server.expect(accepted, b"hello");
        server.assert_closed_by_peer(accepted);
        closing.join().unwrap();
    }
}

/// E7: what cannot be delivered within the linger time is told as the reason.
pub fn what_cannot_be_delivered_within_the_linger_time_is_told_as_the_reason(subject: &Subject) {
    const LINGER: Duration = Duration::from_millis(100);
    let limits = Limits::default().with_linger(LINGER);
    let pair = Pair::with_paused_client(subject, limits.with_outbox_soft_mark(usize::MAX));
    for _ in 0..MORE_THAN_A_SYSTEM_HOLDS / LONG {
        let status = pair.server.network().send(pair.to_client, &[7; LONG]);
        assert_eq!(status, SendStatus::Sent);
    }
    assert!(pair.server.queued() > 0, "the system took it all");
    let (network, removing) = (pair.server.network(), Instant::now());
    assert!(network.remove(pair.to_client.resource_id()));
    let reason = network.close_reason(pair.to_client);
    assert!(reason == Some(CloseReason::Removed) || removing.elapsed() >= LINGER, "{reason:?}");
    eventually(subject, "the end of the linger time", || {
        network.close_reason(pair.to_client) == Some(CloseReason::LingerTimeout)
    });
    eventually(subject, "it to be forgotten", || network.stats().endpoints == 1);
    assert_eq!(pair.server.queued(), 0);
    pair.server.assert_silent();
}

/// E7: `stop_when_drained` stops once the peer has read all, and not before.
pub fn a_node_that_is_to_stop_when_drained_does_once_the_peer_has_read_all(subject: &Subject) {
    // More than a system takes of it later.
    let limits = small_limits().with_outbox_soft_mark(4 * SOFT_MARK);
    let mut pair = Pair::with_paused_client(subject, limits);
    pair.fill();
    pair.server.handler.stop_when_drained(Duration::MAX);
    std::thread::sleep(SYSTEM_SETTLES); // It would stop, if it were to.
    assert!(pair.server.handler.is_running(), "it stopped with much to send");
    pair.resume_client();
    let start = Instant::now();
    pair.server.wait();
    assert!(start.elapsed() < subject.deadline() / 2);
    while let StoredNetEvent::Message(..) = pair.client.next() {}
}

/// E7: what was sent before the loop ran counts for `stop_when_drained`.
pub fn what_was_sent_before_the_loop_ran_is_drained_as_well(subject: &Subject) {
    let server = Node::paused(subject);
    let (_, addr) = server.listen(subject);
    let (handler, listener) = node::split::<()>();
    let (endpoint, _) = subject.connect(handler.network(), &addr).unwrap();
    assert_eq!(
        handler.network().send(endpoint, &vec![7; MORE_THAN_A_SYSTEM_HOLDS]),
        SendStatus::Sent
    );
    let mut task = listener.for_each_async(|_| {});
    let accepted = server.accepted();
    eventually(subject, "it to be ready", || {
        handler.network().is_ready(endpoint.resource_id()) == Some(true)
    });
    handler.stop_when_drained(Duration::MAX);
    std::thread::sleep(Duration::from_millis(100)); // It would stop, if it were to.
    assert!(handler.is_running(), "it stopped with much to send");
    assert!(server.network().resume(accepted.resource_id()));
    server.expect(accepted, &vec![7; MORE_THAN_A_SYSTEM_HOLDS]);
    task.wait();
}

/// E8: two ends of one node do not wait for each other when it stops.
pub fn two_ends_of_one_node_do_not_hold_its_stop_up(subject: &Subject) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = subject.listen(handler.network()).unwrap();
    let (client, _) = subject.connect(handler.network(), &addr).unwrap();
    let start = Instant::now();
    listener.for_each(|event| {
        if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
            for to in [client, endpoint] {
                assert_eq!(handler.network().send(to, &[7; LONG]), SendStatus::Sent);
            }
            handler.stop();
        }
    });
    assert!(start.elapsed() < subject.deadline() / 4, "{:?}", start.elapsed());
}

//! What a node holds for its peers counts, stays below its ceiling, and counts no more at the end.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::conformance::node::*;

const MIB: usize = 1 << 20;

fn bounded(node: &Node, bytes: usize) {
    node.network().set_limits(&NodeLimits::default().with_max_buffered(bytes));
}

/// Nothing counts any more: a node that is to stop when drained does.
#[track_caller]
fn assert_counts_nothing(subject: &Subject, mut server: Node) {
    assert_eq!(server.queued(), 0);
    server.handler.stop_when_drained(Duration::MAX);
    eventually(subject, "the node's sum to be zero", || !server.handler.is_running());
    server.wait();
}

/// How a connection to which much waits to be sent may end.
#[derive(Clone, Copy, Debug)]
enum End {
    ReadAndRemoved,
    Removed,
    PeerRemoved,
    PeerStopped,
    HardLimit,
    Stalled,
}

/// E9: bytes of a connection that has ended count no more, however it ended.
pub fn nothing_counts_any_more_however_the_connection_ended(subject: &Subject) {
    use End::*;
    let ends = [ReadAndRemoved, Removed, PeerRemoved, PeerStopped, HardLimit, Stalled];
    thread::scope(|scope| {
        let checks =
            ends.map(|end| scope.spawn(move || nothing_counts_any_more_after(subject, end)));
        checks
            .into_iter()
            .for_each(|check| check.join().unwrap_or_else(|panic| resume_unwind(panic)));
    });
}

fn nothing_counts_any_more_after(subject: &Subject, end: End) {
    use End::*;
    let (linger, stall) = match end {
        Stalled => (Duration::from_secs(5), Duration::from_millis(100)),
        _ => (Duration::from_millis(50), subject.deadline()),
    };
    let limits = small_limits().with_linger(linger).with_stall_timeout(stall);
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Message(endpoint, _) = event {
            while handler.network().send(*endpoint, &[7; MESSAGE]) == SendStatus::Sent {}
        }
    });
    let pair = Pair::of(&subject.limited(limits), server, Node::paused(subject));
    match end {
        Stalled => pair.fill_briefly(), // It may be over while it is filled.
        _ => pair.fill(),
    }
    let removed = pair.to_client.resource_id();
    match end {
        ReadAndRemoved => {
            pair.resume_client();
            assert!(pair.server.network().remove(removed));
        }
        Removed => assert!(pair.server.network().remove(removed)),
        PeerRemoved => {
            assert!(pair.client.network().remove(pair.to_server.resource_id()));
        }
        PeerStopped => pair.client.handler.stop(),
        // Of the callback, which goes on to the limit.
        HardLimit => drop(pair.client.network().send(pair.to_server, b"send")),
        Stalled => {}
    }
    let network = pair.server.network();
    eventually(subject, "it to be forgotten", || {
        if matches!(end, Stalled) {
            pair.fill_briefly(); // The system may take some more.
        }
        network.stats().endpoints == 1
    });
    assert_counts_nothing(subject, pair.server);
}

/// E9: where the node is full, the connection that holds most ends.
pub fn who_holds_most_ends_where_the_node_is_full(subject: &Subject) {
    let limits = small_limits().with_outbox_soft_mark(64 * MIB).with_outbox_hard_limit(64 * MIB);
    let subject = &subject.limited(limits.with_linger(Duration::ZERO));
    let (tell, told) = mpsc::channel();
    let mut endpoints = Vec::new();
    let server = Node::with(subject, move |handler, event| {
        let NetEvent::Accepted(endpoint, _) = event else { return };
        endpoints.push(*endpoint);
        let [greedy, modest] = endpoints[..] else { return };
        let network = handler.network();
        let send = |to| {
            let status = network.send(to, &[7; MESSAGE]);
            let queued = network.stats().queued_bytes;
            assert!(queued <= 4 * MIB, "{queued} bytes are queued");
            status
        };
        while network.stats().queued_bytes < 3 * MIB {
            assert_eq!(send(greedy), SendStatus::Sent);
        }
        // Fills what the system holds of it, and then the node.
        while network.try_send(greedy, b"") != SendStatus::ResourceNotFound {
            assert_eq!(send(modest), SendStatus::Sent);
        }
        assert_eq!(send(modest), SendStatus::Sent);
        tell.send(greedy).unwrap();
    });
    bounded(&server, 4 * MIB);
    let client = Node::paused(subject);
    let (_, addr) = server.listen(subject);
    client.connect_ready(subject, &addr);
    server.accepted();
    client.connect_ready(subject, &addr);
    server.accepted();
    let greedy = told.recv_timeout(subject.deadline()).unwrap();
    assert_eq!(server.disconnected(greedy), CloseReason::NodeMemory);
    server.assert_silent();
}

/// E9: one message that is more than the node may hold ends its connection.
pub fn one_message_that_is_more_than_the_node_may_hold_ends_its_connection(subject: &Subject) {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            // A stream takes the first at once, as far as the system does.
            handler.network().send(*endpoint, &vec![7; 4 * MIB]);
            handler.network().send(*endpoint, &vec![7; 4 * MIB]);
            assert!(handler.network().stats().queued_bytes <= 4 * MIB);
        }
    });
    bounded(&server, MIB);
    let pair = Pair::of(subject, server, Node::paused(subject));
    assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::NodeMemory);
}

/// E9: a thread waits for the room of the node that other connections take.
pub fn a_thread_waits_for_the_room_that_others_take(subject: &Subject) {
    let limits = small_limits().with_outbox_soft_mark(64 * MIB).with_outbox_hard_limit(64 * MIB);
    let subject = &subject.limited(limits.with_linger(Duration::ZERO));
    let server = Node::new(subject);
    bounded(&server, MIB);
    let client = Node::paused(subject);
    let (_, addr) = server.listen(subject);
    let accept = || {
        client.connect_ready(subject, &addr);
        server.accepted()
    };
    let (greedy, waiting) = (accept(), accept());
    let network = server.network();
    let fill_up = |endpoint, bytes| {
        while network.stats().queued_bytes < bytes {
            assert_eq!(network.try_send(endpoint, &[7; 16 << 10]), SendStatus::Sent);
            // Near the end only: what the system still takes of it makes room again.
            if network.stats().queued_bytes + MESSAGE > bytes {
                server.settle();
                thread::sleep(SYSTEM_SETTLES);
            }
        }
    };
    fill_up(waiting, 400_000); // More than a system takes of it later.
    let wait = |_| {
        fill_up(greedy, MIB - (48 << 10));
        let (tell, told) = mpsc::channel();
        let handler = server.handler.clone();
        thread::spawn(move || tell.send(handler.network().send(waiting, &[7; MESSAGE])));
        told.recv_timeout(Duration::from_millis(100)).is_err().then_some(told)
    };
    // The system may take some more, and then there is room; but not again and again.
    let told = (0..8).find_map(wait).expect("it waits");
    assert!(network.remove(greedy.resource_id()));
    assert_eq!(told.recv_timeout(subject.deadline()), Ok(SendStatus::Sent));
    assert_eq!(network.close_reason(waiting), None);
}

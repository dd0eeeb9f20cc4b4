//! Connections that are opened again: the schedule, exactly.

use std::net::Ipv4Addr;
use std::time::Duration;

use polywire_core::network::{SendStatus, StoredNetEvent};
use polywire_core::{Backoff, CloseReason, Endpoint, Limits, NodeLimits, Reconnecting};
use polywire_framed_tcp::Framed;
use polywire_testkit::{Faults, World};

use super::{BLACK_HOLE, Node, PORT, TICK, ends_exactly_after};

/// A client that connects again on the schedule 1, 2, 4, 5, 5 ... seconds, ready.
fn reconnecting(world: &World, backoff: Backoff) -> (Node, Node, Endpoint) {
    let (mut server, mut client) = (Node::new(world), Node::new(world));
    server.listen(Limits::default());
    server.assert_silent();
    let backoff = backoff
        .with_first_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter(0.0);
    let adapter = client.adapters.connect_by(Framed::default, Limits::default());
    let adapter = Reconnecting::new(adapter).with_backoff(backoff);
    let (endpoint, _) = client.network.connect(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    be_accepted(&mut server, &mut client, endpoint);
    (server, client, endpoint)
}

fn be_accepted(server: &mut Node, client: &mut Node, endpoint: Endpoint) {
    client.assert_silent();
    let StoredNetEvent::Accepted(..) = server.turn_for_one() else { panic!() };
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(e, true) if e == endpoint));
}

/// The server's node ends, and the client is told.
fn lose(server: Node, client: &mut Node, endpoint: Endpoint) {
    drop(server);
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Disconnected(e) if e == endpoint));
    assert_eq!(client.network.is_ready(endpoint.resource_id()), Some(false));
    assert_eq!(client.network.send(endpoint, b"lost"), SendStatus::ResourceNotAvailable);
    assert_eq!(client.network.try_send(endpoint, b"lost"), SendStatus::ResourceNotAvailable);
}

/// Attempts fail exactly after so many seconds each.
fn fails_after(world: &World, client: &mut Node, endpoint: Endpoint, seconds: &[u64]) {
    for &seconds in seconds {
        let end = (endpoint, CloseReason::Refused);
        ends_exactly_after(world, client, Duration::from_secs(seconds), end);
    }
}

#[test]
fn a_lost_connection_is_opened_again_on_schedule_until_it_works_and_then_from_the_start() {
    let world = World::new(1, Faults::default());
    let (mut server, mut client, endpoint) = reconnecting(&world, Backoff::default());
    for _ in 0..3 {
        lose(server, &mut client, endpoint);
        fails_after(&world, &mut client, endpoint, &[1, 2, 4, 5, 5, 5]);
        server = Node::new(&world);
        server.listen(Limits::default());
        server.assert_silent();
        world.advance(Duration::from_secs(5) - TICK);
        client.assert_silent();
        server.assert_silent();
        world.advance(TICK);
        be_accepted(&mut server, &mut client, endpoint);
        assert_eq!(client.network.send(endpoint, b"hello"), SendStatus::Sent);
        client.assert_silent();
        let StoredNetEvent::Message(_, message) = server.turn_for_one() else { panic!() };
        assert_eq!(message, b"hello");
        world.advance(Backoff::default().min_lifetime);
    }
}

#[test]
fn a_server_that_accepts_and_closes_is_tried_less_and_less_often() {
    let world = World::new(1, Faults::default());
    let backoff = Backoff::default().with_max_failures(4);
    let (mut server, mut client, endpoint) = reconnecting(&world, backoff);
    for seconds in [1, 2, 4] {
        world.advance(Backoff::default().min_lifetime - Duration::from_secs(1));
        lose(server, &mut client, endpoint);
        server = Node::new(&world);
        server.listen(Limits::default());
        server.assert_silent();
        world.advance(Duration::from_secs(seconds) - TICK);
        client.assert_silent();
        server.assert_silent();
        world.advance(TICK);
        be_accepted(&mut server, &mut client, endpoint);
    }
    drop(server);
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Disconnected(e) if e == endpoint));
    assert_eq!(client.network.is_ready(endpoint.resource_id()), None);
}

#[test]
fn what_is_sent_while_an_attempt_is_under_way_goes_out_with_it() {
    let world = World::new(1, Faults::default());
    let (server, mut client, endpoint) = reconnecting(&world, Backoff::default());
    lose(server, &mut client, endpoint);
    let mut server = Node::new(&world);
    server.listen(Limits::default());
    server.assert_silent();
    world.advance(Duration::from_secs(1));
    client.assert_silent();
    assert_eq!(client.network.send(endpoint, b"early"), SendStatus::Sent);
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Accepted(..)));
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(e, true) if e == endpoint));
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Message(_, m) if m == b"early"));
}

#[test]
fn enough_failures_in_a_row_end_it_for_good() {
    let world = World::new(1, Faults::default());
    let backoff = Backoff::default().with_max_failures(3);
    let (server, mut client, endpoint) = reconnecting(&world, backoff);
    world.advance(Backoff::default().min_lifetime); // Long enough to be no failure itself.
    lose(server, &mut client, endpoint);
    fails_after(&world, &mut client, endpoint, &[1, 2, 4]);
    assert_eq!(client.network.is_ready(endpoint.resource_id()), None);
    assert_eq!(client.network.send(endpoint, b"?"), SendStatus::ResourceNotFound);
    assert!(!client.network.remove(endpoint.resource_id()));
    world.advance(Duration::from_secs(3600));
    client.assert_silent();
    assert_eq!((client.network.stats().endpoints, client.adapters.wait()), (0, None));
}

#[test]
fn removing_it_between_two_attempts_ends_it_silently() {
    let world = World::new(1, Faults::default());
    let (server, mut client, endpoint) = reconnecting(&world, Backoff::default());
    lose(server, &mut client, endpoint);
    fails_after(&world, &mut client, endpoint, &[1]);
    assert!(client.network.remove(endpoint.resource_id()));
    client.assert_silent();
    assert_eq!(client.network.stats().endpoints, 0);
    assert_eq!(client.network.close_reason(endpoint), Some(CloseReason::Removed));
    world.advance(Duration::from_secs(3600));
    client.assert_silent();
    assert_eq!(client.adapters.wait(), None);
}

#[test]
fn a_first_attempt_that_nobody_answers_is_followed_by_others() {
    let world = World::new(1, Faults::default());
    let mut client = Node::new(&world);
    let limits = Limits::default().with_connect_timeout(Duration::from_secs(3));
    let adapter = client.adapters.connect_by(Framed::default, limits);
    let backoff = Backoff::default().with_first_delay(Duration::from_secs(1)).with_jitter(0.0);
    let adapter = Reconnecting::new(adapter).with_backoff(backoff);
    let (endpoint, _) = client.network.connect(adapter, (Ipv4Addr::LOCALHOST, BLACK_HOLE)).unwrap();
    client.assert_silent();
    for seconds in [3, 1 + 3, 2 + 3, 4 + 3] {
        // The delay before the attempt, and the attempt.
        world.advance(Duration::from_secs(seconds - 3));
        client.assert_silent();
        let end = (endpoint, CloseReason::ConnectTimeout);
        ends_exactly_after(&world, &mut client, Duration::from_secs(3), end);
    }
    assert_eq!(world.open_sockets(), 0);
}

#[test]
fn a_peer_that_takes_nothing_ends_the_connection_after_the_stall_timeout() {
    let world = World::new(1, Faults::default());
    let (_server, mut client, endpoint) = reconnecting(&world, Backoff::default());
    while client.network.try_send(endpoint, &[7; 64 << 10]) == SendStatus::Sent {
        client.assert_silent();
    }
    // In steps: the deadlines of a process that was stopped for long count for nothing.
    let ended_after = (1..60).find(|_| {
        world.advance(Duration::from_secs(1));
        client.turn().iter().any(|event| matches!(event, StoredNetEvent::Disconnected(_)))
    });
    // Of 30 s; an eighth later at most.
    assert!(ended_after.is_some_and(|seconds| (30..=34).contains(&seconds)), "{ended_after:?}");
    assert_eq!(client.network.close_reason(endpoint), Some(CloseReason::Stalled));
}

#[test]
fn where_the_node_is_full_what_it_holds_is_thrown_away_for_others() {
    const MAX_BUFFERED: usize = 1 << 20;
    let world = World::new(1, Faults::default());
    let (mut server, mut client, endpoint) = reconnecting(&world, Backoff::default());
    client.network.set_limits(&NodeLimits::default().with_max_buffered(MAX_BUFFERED));
    let other = client.connect(Limits::default(), PORT);
    client.assert_silent();
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Accepted(..)));
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(_, true)));

    while client.network.stats().queued_bytes < MAX_BUFFERED - (128 << 10) {
        assert_eq!(client.network.try_send(endpoint, &[7; 64 << 10]), SendStatus::Sent);
    }
    assert_eq!(client.network.send(other, &[7; 8 << 10]), SendStatus::Sent);
    assert_eq!(client.network.send(other, &[7; 512 << 10]), SendStatus::Sent);
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Disconnected(e) if e == endpoint));
    assert_eq!(client.network.close_reason(endpoint), Some(CloseReason::NodeMemory));
    assert_eq!(client.network.close_reason(other), None);
}

//! Connections that come and go leave nothing behind. Alone in its process, for it counts.
#![cfg(target_os = "linux")]

mod support;

use std::net::SocketAddr;

use polywire::network::{Endpoint, Transport};

use support::system::{descriptors, max_descriptors};
use support::{Node, StoredNetEvent, eventually};

const CONNECTIONS: usize = 1000;
const ROUNDS: usize = if cfg!(debug_assertions) { 3 } else { 10 };

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    for transport in support::peers::STREAMS {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        client.settle();
        server.settle();
        let before = (descriptors(), client.network().stats().endpoints);
        for _ in 0..ROUNDS {
            let wave = wave();
            for _ in 0..CONNECTIONS / wave {
                come_and_go(transport, &client, &server, addr, wave);
            }
        }
        client.assert_silent();
        server.assert_silent();
        eventually("all are forgotten", || {
            (descriptors(), client.network().stats().endpoints) == before
                && server.network().stats().endpoints == 1
        });
        assert_eq!(server.network().stats().refused, 0);
    }
}

/// Connections alive at a time: all, where the system gives the descriptors for both ends.
fn wave() -> usize {
    if max_descriptors() > 3 * CONNECTIONS { CONNECTIONS } else { CONNECTIONS / 5 }
}

/// Opens `count` connections; one side closes the first half, the other side the rest.
fn come_and_go(transport: Transport, client: &Node, server: &Node, addr: SocketAddr, count: usize) {
    let begun = sorted((0..count).map(|_| client.connect(transport, addr)));
    assert_eq!(opened(client, count), begun);
    let accepted = opened(server, count);

    let (first_half, rest) = begun.split_at(count / 2);
    assert!(first_half.iter().all(|endpoint| client.network().remove(endpoint.resource_id())));
    let ended = ended(server, first_half.len());
    let left = accepted.iter().filter(|endpoint| ended.binary_search(endpoint).is_err());
    let removed = left.filter(|endpoint| server.network().remove(endpoint.resource_id())).count();
    assert_eq!(removed, rest.len());
    assert_eq!(self::ended(client, removed), rest);
}

/// The endpoints that the next `count` events say are ready.
fn opened(node: &Node, count: usize) -> Vec<Endpoint> {
    sorted((0..count).map(|_| match node.next() {
        StoredNetEvent::Connected(endpoint, true) | StoredNetEvent::Accepted(endpoint, _) => {
            endpoint
        }
        other => panic!("not opened: {other:?}"),
    }))
}

/// The endpoints that the next `count` events say have ended.
fn ended(node: &Node, count: usize) -> Vec<Endpoint> {
    sorted((0..count).map(|_| match node.next() {
        StoredNetEvent::Disconnected(endpoint) => endpoint,
        other => panic!("not an end: {other:?}"),
    }))
}

fn sorted(endpoints: impl Iterator<Item = Endpoint>) -> Vec<Endpoint> {
    let mut endpoints: Vec<_> = endpoints.collect();
    endpoints.sort_unstable();
    assert!(endpoints.windows(2).all(|pair| pair[0] != pair[1]), "each comes once");
    endpoints
}

//! Two networks on fake sockets with a connection between them, for models.

mod adapter;
mod bytes;
mod system;

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::net_event::NetEvent;
use crate::network::{NetworkController, NetworkProcessor, split_on};
use crate::poller::AnyPoller;
use crate::waker::LoopWaker;

use adapter::Node;
use system::{FakePoller, System};

/// One of the two.
pub(super) struct Side {
    pub(super) network: NetworkController,
    pub(super) processor: NetworkProcessor,
    pub(super) node: Node,
    /// The other.
    pub(super) peer: Endpoint,
}

#[cfg_attr(polywire_shuttle, allow(dead_code, reason = "the schedules run both loops themselves"))]
impl Side {
    /// Runs the loop once, without waiting.
    pub(super) fn turn(&mut self, callback: impl FnMut(NetEvent<'_>)) {
        self.processor.process_poll_event(Some(Duration::ZERO), callback);
    }

    /// Messages that come until the other side has ended.
    pub(super) fn received(&mut self) -> Vec<u8> {
        let (mut bytes, mut ended) = (Vec::new(), false);
        while !ended {
            self.turn(|event| match event {
                NetEvent::Message(_, message) => bytes.extend_from_slice(message),
                NetEvent::Disconnected(_) => ended = true,
                _ => {}
            });
        }
        bytes
    }
}

/// The side that connected, and the one that accepted. `idle` runs whenever a loop waits.
pub(super) fn connected(idle: fn()) -> (Side, Side) {
    let (system, clock) = (System::default(), Clock::manual(0));
    let network = |number| {
        let (system, clock) = (system.clone(), clock.clone());
        let poller = FakePoller { system, node: number, clock: clock.clone(), idle };
        split_on(AnyPoller::Other(Box::new(poller)), LoopWaker::new(None), clock)
    };
    let node = |number| Node { system: system.clone(), number };
    let ((server, mut accepting), server_node) = (network(0), node(0));
    let ((client, mut connecting), client_node) = (network(1), node(1));
    server.listen(server_node.clone(), ADDR).unwrap();
    let (to_server, _) = connect(&client, &client_node).unwrap();
    let (mut to_client, mut ready) = (None, false);
    while to_client.is_none() || !ready {
        accepting.process_poll_event(Some(Duration::ZERO), |event| match event {
            NetEvent::Accepted(endpoint, _) => to_client = Some(endpoint),
            other => panic!("{other:?}"),
        });
        connecting.process_poll_event(Some(Duration::ZERO), |event| {
            ready = matches!(event, NetEvent::Connected(_, true));
        });
    }
    let side = |network, processor, node, peer| Side { network, processor, node, peer };
    let peer = to_client.expect("the loop above ends with it");
    (side(client, connecting, client_node, to_server), side(server, accepting, server_node, peer))
}

const ADDR: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 1);

/// Connects once more to the side that accepts.
pub(super) fn connect(
    network: &NetworkController,
    node: &Node,
) -> std::io::Result<(Endpoint, std::net::SocketAddr)> {
    network.connect(node.clone(), ADDR)
}

//! Two networks of a simulated world with a connection between them, for models.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::close_reason::CloseReason;
use crate::endpoint::Endpoint;
use crate::limits::Limits;
use crate::message::Message;
use crate::net_event::NetEvent;
use crate::network::{NetworkController, NetworkProcessor};
use crate::simulation::{Faults, SimNode, World};
use crate::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};

/// Every byte is a message.
#[derive(Clone, Copy)]
struct Bytes;

impl Protocol for Bytes {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: 1, item: Item::Message(Message::binary(&input[..1])) })
    }
}

impl Encoder for Bytes {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

/// One of the two.
pub(super) struct Side {
    pub(super) network: NetworkController,
    pub(super) processor: NetworkProcessor,
    pub(super) node: SimNode,
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
    let world = World::new(0, Faults::default());
    world.while_waiting(Some(Box::new(idle)));
    let (server, mut accepting, server_node) = world.network();
    let (client, mut connecting, client_node) = world.network();
    server.listen(server_node.listen_by(|| Bytes, Limits::default()), ADDR).unwrap();
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
    node: &SimNode,
) -> std::io::Result<(Endpoint, std::net::SocketAddr)> {
    network.connect(node.connect_by(|| Bytes, Limits::default()), ADDR)
}

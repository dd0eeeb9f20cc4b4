//! The transport under test.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use polywire_core::network::NetworkController;
use polywire_core::reconnect::{Backoff, Reconnecting};
use polywire_core::stream::{NoLayer, Protocol};
use polywire_core::{Endpoint, Limits, ResourceId};

use crate::{SimLayer, SimNode};

type Connect = dyn Fn(&SimNode, &NetworkController, Limits, u16, Option<Backoff>) -> io::Result<Endpoint>
    + Send
    + Sync;
type Listen =
    dyn Fn(&SimNode, &NetworkController, Limits, u16) -> io::Result<ResourceId> + Send + Sync;

/// A stream protocol in a simulated world: how its two ends are made, and what it keeps.
#[derive(Clone)]
pub struct Wire {
    connect: Arc<Connect>,
    listen: Arc<Listen>,
    /// Whether a message arrives as it was sent; otherwise only the order of the bytes is kept.
    pub(super) keeps_messages: bool,
    /// Bytes that a layer may hold for one connection, of which its socket shows nothing.
    pub(super) held_by_layer: usize,
}

/// What no layer holds more of: some reads of the longest kind.
const MAX_HELD_BY_LAYER: usize = 128 << 10;

impl Wire {
    /// A protocol whose connecting ends come from `client` and whose accepting ends come from
    /// `server`. `keeps_messages` tells whether a message arrives as it was sent, or only the order
    /// of the bytes is kept.
    pub fn new<P: Protocol, Q: Protocol>(
        client: impl Fn() -> P + Clone + Send + Sync + 'static,
        server: impl Fn() -> Q + Clone + Send + Sync + 'static,
        keeps_messages: bool,
    ) -> Self {
        let held_by_layer = 0;
        Self { held_by_layer, ..Self::over((NoLayer, NoLayer), client, server, keeps_messages) }
    }

    /// The same over layers, of the connecting ends and of the accepting ones. They hold 128 KiB that were read and not
    /// given to the connection at most.
    pub fn over<P: Protocol, Q: Protocol>(
        (connecting, accepting): (impl SimLayer, impl SimLayer),
        client: impl Fn() -> P + Clone + Send + Sync + 'static,
        server: impl Fn() -> Q + Clone + Send + Sync + 'static,
        keeps_messages: bool,
    ) -> Self {
        let connect: Arc<Connect> = Arc::new(move |node, network, limits, port, backoff| {
            let adapter = node.connect_over(connecting.clone(), client.clone(), limits);
            let addr = address(port);
            let ids = match backoff {
                Some(backoff) => {
                    network.connect(Reconnecting::new(adapter).with_backoff(backoff), addr)
                }
                None => network.connect(adapter, addr),
            };
            ids.map(|(endpoint, _)| endpoint)
        });
        let listen: Arc<Listen> = Arc::new(move |node, network, limits, port| {
            let adapter = node.listen_over(accepting.clone(), server.clone(), limits);
            let ids = network.listen(adapter, address(port));
            ids.map(|(id, _)| id)
        });
        Self { connect, listen, keeps_messages, held_by_layer: MAX_HELD_BY_LAYER }
    }

    pub(super) fn connect(
        &self,
        (node, network): (&SimNode, &NetworkController),
        limits: Limits,
        port: u16,
        backoff: Option<Backoff>,
    ) -> io::Result<Endpoint> {
        (self.connect)(node, network, limits, port, backoff)
    }

    pub(super) fn listen(
        &self,
        (node, network): (&SimNode, &NetworkController),
        limits: Limits,
        port: u16,
    ) -> io::Result<ResourceId> {
        (self.listen)(node, network, limits, port)
    }
}

fn address(port: u16) -> (Ipv4Addr, u16) {
    (Ipv4Addr::LOCALHOST, port)
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("keeps_messages", &self.keeps_messages).finish_non_exhaustive()
    }
}

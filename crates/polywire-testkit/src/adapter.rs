//! Adapters that connect and listen in a simulated world, for any stream protocol.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use polywire_core::adapter::{
    Accepted, Accepting, Connect, Connection, Flow, Io, Listen, Listener, ListenerSink, Local,
};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Engine, Layer, NoLayer, Protocol};
use polywire_core::{CloseReason, Limits};

use crate::state::Port;
use crate::{Call, SimNode, SimStream, World};

impl SimNode {
    /// An adapter that connects from this node. Ports that nobody listens on refuse, port 9
    /// (discard) never answers.
    pub fn connect_by<P: Protocol, F: Fn() -> P>(
        &self,
        protocol: F,
        limits: Limits,
    ) -> SimConnect<F> {
        self.connect_over(NoLayer, protocol, limits)
    }

    /// The same over a layer.
    pub fn connect_over<L: SimLayer, P: Protocol, F: Fn() -> P>(
        &self,
        layer: L,
        protocol: F,
        limits: Limits,
    ) -> SimConnect<F, L> {
        SimConnect { node: self.clone(), layer, protocol, limits }
    }

    /// An adapter that listens on this node.
    pub fn listen_by<P: Protocol>(
        &self,
        protocol: impl Fn() -> P + Clone + Send + 'static,
        limits: Limits,
    ) -> SimListen<impl Fn() -> P + Clone + Send + 'static> {
        self.listen_over(NoLayer, protocol, limits)
    }

    /// The same over a layer.
    pub fn listen_over<L: SimLayer, P: Protocol>(
        &self,
        layer: L,
        protocol: impl Fn() -> P + Clone + Send + 'static,
        limits: Limits,
    ) -> SimListen<impl Fn() -> P + Clone + Send + 'static, L> {
        SimListen { node: self.clone(), layer, protocol, limits }
    }

    /// How long the loop would have waited for the network in its last turn, were there real time:
    /// `None` for ever.
    pub fn wait(&self) -> Option<Duration> {
        self.world.lock().waits.get(&self.node).copied().flatten()
    }

    /// The connection of one socket. Half of them save the read that would find nothing, as TCP's
    /// do under epoll and kqueue.
    fn connection<P: Protocol>(
        &self,
        (index, is_accepted): (usize, bool),
        layer: &impl SimLayer,
        (protocol, limits): (P, Limits),
        addresses: (RemoteAddr, RemoteAddr),
    ) -> io::Result<Connection> {
        let world = self.world.clone();
        if world.choose(2) == 0 {
            let stream = SimStream::<true> { world, index };
            layered((stream, is_accepted), layer, (protocol, limits), addresses)
        } else {
            let stream = SimStream::<false> { world, index };
            layered((stream, is_accepted), layer, (protocol, limits), addresses)
        }
    }
}

/// A layer over the sockets of a simulated world.
pub trait SimLayer: Layer<SimStream<true>> + Layer<SimStream<false>> + Clone {}

impl<L: Layer<SimStream<true>> + Layer<SimStream<false>> + Clone> SimLayer for L {}

fn layered<const SHORT_READ_DRAINS: bool, P: Protocol>(
    (stream, is_accepted): (SimStream<SHORT_READ_DRAINS>, bool),
    layer: &impl Layer<SimStream<SHORT_READ_DRAINS>>,
    (protocol, limits): (P, Limits),
    (peer, local): (RemoteAddr, RemoteAddr),
) -> io::Result<Connection> {
    let engine = if is_accepted {
        let accepted = Accepted::new(peer.clone(), local.clone());
        Engine::accepted(layer.accept(stream, &accepted)?, protocol, limits)
    } else {
        Engine::connecting(layer.connect(stream, &peer)?, protocol, limits)
    };
    Ok(Connection::new(engine, peer, local))
}

/// Connects in a simulated world.
#[derive(Clone)]
pub struct SimConnect<F, L = NoLayer> {
    node: SimNode,
    layer: L,
    protocol: F,
    limits: Limits,
}

impl<P: Protocol, F: Fn() -> P, L: SimLayer> Connect for SimConnect<F, L> {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        const DISCARD: u16 = 9;
        let number = addr.socket_addr().port();
        let index = {
            let mut state = self.node.world.lock();
            state.calls.make(Call::Connect)?;
            match state.listeners.get(&number).map(|port| port.node) {
                Some(node) => {
                    let (ours, theirs) = state.pair((self.node.node, node));
                    let port = state.listeners.get_mut(&number).expect("found just before");
                    port.waiting.push_back(theirs);
                    port.edge = true;
                    ours
                }
                None if number == DISCARD => state.black_hole(self.node.node),
                None => return Err(CloseReason::Refused.into()),
            }
        };
        let parts = ((self.protocol)(), self.limits.clone());
        let addresses = (addr.clone(), address(0));
        self.node.connection((index, false), &self.layer, parts, addresses)
    }
}

/// Listens in a simulated world.
pub struct SimListen<F, L = NoLayer> {
    node: SimNode,
    layer: L,
    protocol: F,
    limits: Limits,
}

impl<P: Protocol, F: Fn() -> P + Clone + Send + 'static, L: SimLayer> Listen for SimListen<F, L> {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let number = addr.socket_addr().port();
        let mut state = self.node.world.lock();
        state.calls.make(Call::Listen)?;
        if state.listeners.contains_key(&number) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (node, waiting) = (self.node.node, VecDeque::new());
        let port = Port { node, token: None, waiting, edge: false };
        state.listeners.insert(number, port);
        let local = SimListener {
            node: self.node.clone(),
            number,
            layer: self.layer.clone(),
            protocol: self.protocol.clone(),
            limits: self.limits.clone(),
        };
        Ok(Listener::new(local, addr.clone()))
    }
}

struct SimListener<F, L> {
    node: SimNode,
    number: u16,
    layer: L,
    protocol: F,
    limits: Limits,
}

impl<F, L> SimListener<F, L> {
    fn world(&self) -> &World {
        &self.node.world
    }
}

impl<P: Protocol, F: Fn() -> P + Send, L: SimLayer> Local for SimListener<F, L> {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let mut state = self.world().lock();
        state.calls.make(Call::Register)?;
        if let Some(port) = state.listeners.get_mut(&self.number) {
            port.token = Some(io.registration.resource_id().raw());
        }
        Ok(())
    }

    /// Takes errors as TCP's listener does, after accept(2).
    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        loop {
            if io.budget == 0 {
                return Accepting::Unfinished;
            }
            let accepted = self.world().lock().accept(self.number);
            match accepted {
                Ok(index) => {
                    io.budget -= 1;
                    let parts = ((self.protocol)(), self.limits.clone());
                    let addresses = (address(1), address(self.number));
                    let accepted =
                        self.node.connection((index, true), &self.layer, parts, addresses);
                    // A layer that refuses it has dropped it.
                    if accepted.is_ok_and(|accepted| sink.accept(accepted) == Flow::Stop) {
                        return Accepting::Unfinished;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Accepting::Drained,
                    io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::PermissionDenied => {}
                    _ => return Accepting::Exhausted,
                },
            }
        }
    }
}

impl<F, L> Drop for SimListener<F, L> {
    fn drop(&mut self) {
        self.world().lock().close_port(self.number);
    }
}

fn address(port: u16) -> RemoteAddr {
    RemoteAddr::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

impl<F, L> fmt::Debug for SimConnect<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConnect").field("node", &self.node).finish_non_exhaustive()
    }
}

impl<F, L> fmt::Debug for SimListen<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimListen").field("node", &self.node).finish_non_exhaustive()
    }
}

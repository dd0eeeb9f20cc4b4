//! Adapters that connect and listen in a simulated world, for any stream protocol.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use crate::adapter::{
    Accepting, Connect, Connection, Io, Listen, Listener, ListenerSink, Local, Registration,
};
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::poller::token_of;
use crate::simulation::{Port, SimNode, SimStream, World};
use crate::stream::{Engine, Protocol};

impl SimNode {
    /// An adapter that connects from this node. Ports that nobody listens on refuse, port 9
    /// (discard) never answers.
    pub fn connect_by<P: Protocol>(
        &self,
        protocol: impl Fn() -> P + Clone + Send + 'static,
        limits: Limits,
    ) -> SimConnect<impl Fn() -> P> {
        SimConnect { node: self.clone(), protocol, limits }
    }

    /// An adapter that listens on this node.
    pub fn listen_by<P: Protocol>(
        &self,
        protocol: impl Fn() -> P + Clone + Send + 'static,
        limits: Limits,
    ) -> SimListen<impl Fn() -> P + Clone + Send + 'static> {
        SimListen { node: self.clone(), protocol, limits }
    }

    fn stream(&self, index: usize) -> SimStream {
        SimStream { world: self.world.clone(), index }
    }
}

/// Connects in a simulated world.
pub struct SimConnect<F> {
    node: SimNode,
    protocol: F,
    limits: Limits,
}

impl<P: Protocol, F: Fn() -> P> Connect for SimConnect<F> {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        const DISCARD: u16 = 9;
        let number = addr.socket_addr().port();
        let index = {
            let mut state = self.node.world.lock();
            match state.listeners.get(&number).map(|port| port.node) {
                Some(node) => {
                    let (ours, theirs) = state.pair((self.node.node, node));
                    let port = state.listeners.get_mut(&number).expect("found just before");
                    port.waiting.push(theirs);
                    port.edge = true;
                    ours
                }
                None if number == DISCARD => state.black_hole(self.node.node),
                None => return Err(CloseReason::Refused.into()),
            }
        };
        let stream = self.node.stream(index);
        let engine = Engine::connecting(stream, (self.protocol)(), self.limits.clone());
        Ok(Connection::new(engine, addr.clone(), address(0)))
    }
}

/// Listens in a simulated world.
pub struct SimListen<F> {
    node: SimNode,
    protocol: F,
    limits: Limits,
}

impl<P: Protocol, F: Fn() -> P + Clone + Send + 'static> Listen for SimListen<F> {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let number = addr.socket_addr().port();
        let mut state = self.node.world.lock();
        if state.listeners.contains_key(&number) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let port = Port { node: self.node.node, token: None, waiting: Vec::new(), edge: false };
        state.listeners.insert(number, port);
        let local = SimListener {
            node: self.node.clone(),
            number,
            protocol: self.protocol.clone(),
            limits: self.limits.clone(),
        };
        Ok(Listener::new(local, addr.clone()))
    }
}

struct SimListener<F> {
    node: SimNode,
    number: u16,
    protocol: F,
    limits: Limits,
}

impl<F> SimListener<F> {
    fn world(&self) -> &World {
        &self.node.world
    }
}

impl<P: Protocol, F: Fn() -> P + Send> Local for SimListener<F> {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        if let Some(port) = self.world().lock().listeners.get_mut(&self.number) {
            port.token = Some(token_of(registration.id));
        }
        Ok(())
    }

    fn ready(&mut self, _io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        let waiting = match self.world().lock().listeners.get_mut(&self.number) {
            Some(port) => std::mem::take(&mut port.waiting),
            None => Vec::new(),
        };
        for index in waiting {
            self.world().lock().connect(index);
            let stream = self.node.stream(index);
            let engine = Engine::accepted(stream, (self.protocol)(), self.limits.clone());
            // There is no other call to hand the rest out in: the node is stopping anyway.
            let _ = sink.accept(Connection::new(engine, address(1), address(self.number)));
        }
        Accepting::Drained
    }
}

impl<F> Drop for SimListener<F> {
    fn drop(&mut self) {
        self.world().lock().listeners.remove(&self.number);
    }
}

fn address(port: u16) -> RemoteAddr {
    RemoteAddr::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

impl<F> fmt::Debug for SimConnect<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConnect").field("node", &self.node).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for SimListen<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimListen").field("node", &self.node).finish_non_exhaustive()
    }
}

//! Adapters that connect and listen in a simulated world, for any stream protocol.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use polywire_core::adapter::{
    Accepting, Connect, Connection, Flow, Io, Listen, Listener, ListenerSink, Local,
};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Engine, Protocol, Stream};
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
        (protocol, limits): (P, Limits),
        (peer, local): (RemoteAddr, RemoteAddr),
    ) -> Connection {
        let world = self.world.clone();
        if world.choose(2) == 0 {
            let stream = SimStream::<true> { world, index };
            Connection::new(engine(stream, is_accepted, protocol, limits), peer, local)
        } else {
            let stream = SimStream::<false> { world, index };
            Connection::new(engine(stream, is_accepted, protocol, limits), peer, local)
        }
    }
}

fn engine<S: Stream, P: Protocol>(
    stream: S,
    is_accepted: bool,
    protocol: P,
    limits: Limits,
) -> Engine<S, P> {
    match is_accepted {
        true => Engine::accepted(stream, protocol, limits),
        false => Engine::connecting(stream, protocol, limits),
    }
}

/// Connects in a simulated world.
#[derive(Clone)]
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
        Ok(self.node.connection((index, false), parts, (addr.clone(), address(0))))
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
                    if sink.accept(self.node.connection((index, true), parts, addresses))
                        == Flow::Stop
                    {
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

impl<F> Drop for SimListener<F> {
    fn drop(&mut self) {
        self.world().lock().close_port(self.number);
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

//! Adapters that connect and listen in a fake system.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use crate::adapter::{
    Accepting, Connect, Connection, Flow, Io, Listen, Listener, ListenerSink, Local,
};
use crate::address::RemoteAddr;
use crate::limits::Limits;
use crate::network::pair::bytes::Bytes;
use crate::network::pair::system::{FakeStream, System};
use crate::poller::token_of;
use crate::stream::Engine;

/// One node of a system: by it a network connects and listens.
#[derive(Clone)]
pub(in crate::network) struct Node {
    pub(super) system: System,
    pub(super) number: usize,
}

impl Node {
    /// Sockets of this node that it has not closed.
    pub(in crate::network) fn open_sockets(&self) -> usize {
        let state = self.system.lock();
        state.sockets.iter().filter(|it| it.node == self.number && !it.is_closed).count()
    }
}

/// The connecting end reads until a read finds nothing; the accepting one saves that read.
impl Connect for Node {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let index = self.system.lock().connect(self.number);
        let stream = FakeStream::<false> { system: self.system.clone(), index };
        let engine = Engine::connecting(stream, Bytes, Limits::default());
        Ok(Connection::new(engine, addr.clone(), address()))
    }
}

impl Listen for Node {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        self.system.lock().port.node = self.number;
        Ok(Listener::new(FakeListener(self.system.clone()), addr.clone()))
    }
}

struct FakeListener(System);

impl Local for FakeListener {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.0.lock().port.token = Some(token_of(io.registration.resource_id()));
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        loop {
            let accepted = self.0.lock().accept();
            let Some(index) = accepted else { return Accepting::Drained };
            let stream = FakeStream::<true> { system: self.0.clone(), index };
            let engine = Engine::accepted(stream, Bytes, Limits::default());
            if sink.accept(Connection::new(engine, address(), address())) == Flow::Stop {
                return Accepting::Unfinished;
            }
        }
    }
}

impl Drop for FakeListener {
    fn drop(&mut self) {
        self.0.lock().close_port();
    }
}

fn address() -> RemoteAddr {
    RemoteAddr::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
}

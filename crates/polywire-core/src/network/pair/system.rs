//! A system whose sockets lose, cut and refuse nothing. Each call of it is atomic.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::adapter::Registration;
use crate::clock::Clock;
use crate::poller::{Poller, token_of};
use crate::readiness::Readiness;
use crate::stream::{Establishing, Stream};
use crate::sync::{Mutex, MutexGuard, lock};

/// The sockets of some nodes, and one port. Clones are the same system.
#[derive(Clone, Default)]
pub(super) struct System(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) sockets: Vec<Socket>,
    pub(super) port: Port,
}

/// One end of a connection.
pub(super) struct Socket {
    pub(super) node: usize,
    token: Option<usize>,
    /// What became ready since the poller last looked.
    edge: Readiness,
    pub(super) is_closed: bool,
    peer: usize,
    is_connected: bool,
    inbound: VecDeque<u8>,
    /// The peer writes no more.
    inbound_ended: bool,
    is_reset: bool,
}

/// Where one node listens.
#[derive(Default)]
pub(super) struct Port {
    pub(super) node: usize,
    pub(super) token: Option<usize>,
    waiting: VecDeque<usize>,
    has_edge: bool,
}

impl System {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    /// Connects to the port, and returns the socket of the node that does.
    pub(super) fn connect(&mut self, node: usize) -> usize {
        let first = self.sockets.len();
        for (node, peer) in [(node, first + 1), (self.port.node, first)] {
            self.sockets.push(Socket {
                node,
                token: None,
                edge: Readiness::default(),
                is_closed: false,
                peer,
                is_connected: false,
                inbound: VecDeque::new(),
                inbound_ended: false,
                is_reset: false,
            });
        }
        self.port.waiting.push_back(first + 1);
        self.port.has_edge = true;
        first
    }

    pub(super) fn accept(&mut self) -> Option<usize> {
        let accepted = self.port.waiting.pop_front()?;
        for index in [accepted, self.sockets[accepted].peer] {
            self.sockets[index].is_connected = true;
            self.sockets[index].edge = Readiness::BOTH;
        }
        Some(accepted)
    }

    /// Resets connections that nobody accepted.
    pub(super) fn close_port(&mut self) {
        for index in mem::take(&mut self.port).waiting {
            self.reset(index);
            self.close(index);
        }
    }

    fn reset(&mut self, index: usize) {
        for index in [index, self.sockets[index].peer] {
            let socket = &mut self.sockets[index];
            socket.is_reset = true;
            socket.inbound.clear();
            socket.edge = Readiness { ended: true, ..Readiness::BOTH };
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let socket = &mut self.sockets[index];
        match socket.inbound.read(buffer)? {
            _ if socket.is_reset => Err(io::ErrorKind::ConnectionReset.into()),
            0 if !socket.inbound_ended => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }

    fn write(&mut self, index: usize, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.sockets[index].is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let peer = self.sockets[index].peer;
        let peer = &mut self.sockets[peer];
        if peer.is_closed || peer.inbound_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let before = peer.inbound.len();
        buffers.iter().for_each(|buffer| peer.inbound.extend(&**buffer));
        peer.edge.readable = true;
        Ok(peer.inbound.len() - before)
    }

    fn end_writing(&mut self, index: usize) {
        let peer = self.sockets[index].peer;
        let peer = &mut self.sockets[peer];
        peer.inbound_ended = true;
        peer.edge.readable = true;
        peer.edge.ended = true;
    }

    fn close(&mut self, index: usize) {
        if !self.sockets[index].inbound.is_empty() {
            self.reset(index); // As the kernel does with data that nobody read.
        }
        self.end_writing(index);
        let peer = self.sockets[index].peer;
        self.sockets[peer].edge.writable = true;
        self.sockets[index].is_closed = true;
    }

    fn tell(&mut self, node: usize, ready: &mut Vec<(usize, Readiness)>) {
        for socket in self.sockets.iter_mut().filter(|it| it.node == node && !it.is_closed) {
            let Some(token) = socket.token else { continue };
            if socket.edge != Readiness::default() {
                ready.push((token, mem::take(&mut socket.edge)));
            }
        }
        let Port { node: listening, token: Some(token), has_edge, .. } = &mut self.port else {
            return;
        };
        if *listening == node && mem::take(has_edge) {
            ready.push((*token, Readiness::READABLE));
        }
    }
}

/// A socket as the engine holds it.
pub(super) struct FakeStream<const SHORT_READ_DRAINS: bool> {
    pub(super) system: System,
    pub(super) index: usize,
}

impl<const SHORT_READ_DRAINS: bool> Stream for FakeStream<SHORT_READ_DRAINS> {
    const SHORT_READ_DRAINS: bool = SHORT_READ_DRAINS;
    const SHORT_WRITE_FILLS: bool = SHORT_READ_DRAINS;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.system.lock().sockets[self.index].token = Some(token_of(registration.resource_id()));
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        self.system.lock().sockets[self.index].token = None;
        Ok(())
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        if so_far != Establishing::Connecting {
            return Ok(Establishing::Established);
        }
        let socket = &self.system.lock().sockets[self.index];
        if socket.is_reset {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(match socket.is_connected {
            true => Establishing::Established,
            false => Establishing::Connecting,
        })
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.system.lock().read(self.index, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.system.lock().write(self.index, buffers)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.system.lock().end_writing(self.index);
        Ok(())
    }
}

impl<const SHORT_READ_DRAINS: bool> Drop for FakeStream<SHORT_READ_DRAINS> {
    fn drop(&mut self) {
        self.system.lock().close(self.index);
    }
}

/// Never waits: where nothing is ready it runs `idle`, and a millisecond passes.
pub(super) struct FakePoller {
    pub(super) system: System,
    pub(super) node: usize,
    pub(super) clock: Clock,
    pub(super) idle: fn(),
}

impl Poller for FakePoller {
    fn poll(
        &mut self,
        ready: &mut Vec<(usize, Readiness)>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.system.lock().tell(self.node, ready);
        if ready.is_empty() && timeout != Some(Duration::ZERO) {
            (self.idle)();
            let moment = Duration::from_millis(1);
            self.clock.advance(timeout.map_or(moment, |timeout| timeout.min(moment)));
            self.system.lock().tell(self.node, ready);
        }
        Ok(())
    }

    fn registry(&self) -> Option<&mio::Registry> {
        None
    }
}

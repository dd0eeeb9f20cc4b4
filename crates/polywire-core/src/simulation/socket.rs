//! Fake stream sockets.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use crate::adapter::Registration;
use crate::poller::{Readiness, token_of};
use crate::simulation::{State, World};
use crate::stream::Stream;

/// Bytes that fit between two sockets: few, so that writers block often.
const CAPACITY: usize = 4096;

/// One end of a fake connection.
pub(super) struct Socket {
    pub(super) node: usize,
    pub(super) token: Option<usize>,
    /// Readiness that was not told yet.
    pub(super) edge: Readiness,
    /// Dropped by its owner.
    pub(super) closed: bool,
    peer: usize,
    connected: bool,
    inbound: VecDeque<u8>,
    /// The peer writes no more.
    inbound_ended: bool,
    reset: bool,
}

impl Socket {
    pub(super) fn is_quiet(&self) -> bool {
        self.closed || (self.edge == Readiness::default() && self.inbound.is_empty())
    }
}

impl State {
    /// Two sockets, the first of which connects to the second.
    pub(super) fn pair(&mut self, nodes: (usize, usize)) -> (usize, usize) {
        let first = self.sockets.len();
        for (node, peer) in [(nodes.0, first + 1), (nodes.1, first)] {
            self.sockets.push(Socket {
                node,
                token: None,
                edge: Readiness::default(),
                closed: false,
                peer,
                connected: false,
                inbound: VecDeque::new(),
                inbound_ended: false,
                reset: false,
            });
        }
        (first, first + 1)
    }

    /// A socket whose connect nobody answers.
    pub(super) fn black_hole(&mut self, node: usize) -> usize {
        let (socket, peer) = self.pair((node, usize::MAX));
        self.sockets[peer].closed = true;
        socket
    }

    /// The peer took the connection.
    pub(super) fn connect(&mut self, accepted: usize) {
        let peer = self.sockets[accepted].peer;
        for index in [accepted, peer] {
            self.sockets[index].connected = true;
            self.sockets[index].edge = Readiness::BOTH;
        }
    }

    /// What a call may meet before it does anything: an interruption, a false block, a reset.
    fn mishap(&mut self, index: usize, on_block: Readiness) -> io::Result<()> {
        if self.random.chance(self.faults.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.random.chance(self.faults.reset) {
            self.reset(index);
        }
        if self.sockets[index].reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.random.chance(self.faults.blocked) {
            self.sockets[index].edge.merge(on_block);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn reset(&mut self, index: usize) {
        let peer = self.sockets[index].peer;
        for index in [index, peer] {
            let socket = &mut self.sockets[index];
            socket.reset = true;
            socket.inbound.clear();
            socket.edge = Readiness { ended: true, ..Readiness::BOTH };
        }
    }

    /// How much of `most` a call takes.
    fn amount(&mut self, most: usize) -> usize {
        if most > 1 && self.random.chance(self.faults.short) {
            1 + self.random.below(most)
        } else {
            most
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<usize> {
        self.mishap(index, Readiness::READABLE)?;
        let available = self.sockets[index].inbound.len().min(buffer.len());
        let len = self.amount(available);
        let socket = &mut self.sockets[index];
        if len == 0 {
            return if socket.inbound_ended {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        for (to, from) in buffer.iter_mut().zip(socket.inbound.drain(..len)) {
            *to = from;
        }
        let (peer, left) = (socket.peer, socket.inbound.len());
        if left + len == CAPACITY {
            self.sockets[peer].edge.merge(Readiness::WRITABLE);
        }
        Ok(len)
    }

    fn write(&mut self, index: usize, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.mishap(index, Readiness::WRITABLE)?;
        let peer = self.sockets[index].peer;
        if self.sockets[peer].closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let room = CAPACITY - self.sockets[peer].inbound.len();
        if wanted > 0 && room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = self.amount(wanted.min(room));
        let bytes = buffers.iter().flat_map(|buffer| buffer.iter().copied());
        let peer = &mut self.sockets[peer];
        peer.inbound.extend(bytes.take(len));
        peer.edge.merge(Readiness::READABLE);
        if len < wanted && peer.inbound.len() < CAPACITY {
            // Not full, only unwilling: the writer is told to go on.
            self.sockets[index].edge.merge(Readiness::WRITABLE);
        }
        Ok(len)
    }

    fn end_writing(&mut self, index: usize) {
        let peer = self.sockets[index].peer;
        let peer = &mut self.sockets[peer];
        peer.inbound_ended = true;
        peer.edge.merge(Readiness { ended: true, ..Readiness::READABLE });
    }

    fn close(&mut self, index: usize) {
        if !self.sockets[index].inbound.is_empty() {
            self.reset(index); // As the kernel does with data that nobody read.
        }
        self.end_writing(index);
        let peer = self.sockets[index].peer;
        self.sockets[peer].edge.merge(Readiness { ended: true, ..Readiness::BOTH });
        let socket = &mut self.sockets[index];
        socket.closed = true;
        socket.inbound.clear();
    }
}

/// A fake stream socket, as the engine holds it.
#[derive(Debug)]
pub struct SimStream {
    pub(super) world: World,
    pub(super) index: usize,
}

impl Stream for SimStream {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.world.lock().sockets[self.index].token = Some(token_of(registration.id));
        Ok(())
    }

    fn deregister(&mut self, _registration: &Registration<'_>) -> io::Result<()> {
        self.world.lock().sockets[self.index].token = None;
        Ok(())
    }

    fn connected(&self) -> io::Result<bool> {
        let state = self.world.lock();
        let socket = &state.sockets[self.index];
        if socket.reset {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(socket.connected)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.lock().read(self.index, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.lock().write(self.index, buffers)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.world.lock().end_writing(self.index);
        Ok(())
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.world.lock().close(self.index);
    }
}

//! Fake stream sockets.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};

use crate::adapter::Registration;
use crate::endpoint::ResourceId;
use crate::poller::token_of;
use crate::readiness::Readiness;
use crate::simulation::{Call, State, World};
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
    /// The index of the other end.
    pub(super) fn peer(&self) -> usize {
        self.peer
    }

    pub(super) fn is_quiet(&self) -> bool {
        let nobody_looks = self.closed || self.token.is_none();
        nobody_looks || (self.edge == Readiness::default() && self.inbound.is_empty())
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.map(|token| ResourceId::from(token).to_string());
        let Self { node, edge, inbound, connected, inbound_ended, reset, .. } = self;
        let len = inbound.len();
        write!(f, "of node {node}, {token:?}, {edge:?}, {len} bytes to be read, ")?;
        write!(f, "connected {connected}, ended {inbound_ended}, reset {reset}")
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

    /// Takes the next connection that waits at a port.
    pub(super) fn accept(&mut self, number: u16) -> io::Result<usize> {
        let injected = self.calls.make(Call::Accept);
        let is_aborted = self.random.chance(self.faults.refused);
        let is_exhausted = self.random.chance(self.faults.exhausted);
        let is_blocked = self.random.chance(self.faults.blocked);
        let Some(port) = self.listeners.get_mut(&number) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let error = match injected {
            Err(error) => error.kind(),
            Ok(()) if port.waiting.is_empty() => return Err(io::ErrorKind::WouldBlock.into()),
            Ok(()) if is_aborted => io::ErrorKind::ConnectionAborted,
            Ok(()) if is_exhausted => io::ErrorKind::OutOfMemory,
            Ok(()) if is_blocked => io::ErrorKind::WouldBlock,
            Ok(()) => {
                let index = port.waiting.pop_front().expect("one waits");
                self.connect(index);
                return Ok(index);
            }
        };
        port.edge |= error == io::ErrorKind::WouldBlock;
        if matches!(error, io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            if let Some(index) = port.waiting.pop_front() {
                self.refuse(index);
            }
        }
        Err(error.into())
    }

    /// Nobody listens any more: who waits is refused.
    pub(super) fn close_port(&mut self, number: u16) {
        let Some(port) = self.listeners.remove(&number) else { return };
        for index in port.waiting {
            self.refuse(index);
        }
    }

    fn refuse(&mut self, index: usize) {
        self.reset(index);
        self.close(index);
    }

    /// What a call may meet before it does anything: an error asked for, an interruption, a false
    /// block, a reset.
    fn mishap(&mut self, index: usize, call: Call, on_block: Readiness) -> io::Result<()> {
        if let Err(error) = self.calls.make(call) {
            if error.kind() == io::ErrorKind::WouldBlock {
                self.owe(index, on_block);
            }
            return Err(error);
        }
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
            self.owe(index, on_block);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    /// Readiness that was not made use of is told again.
    fn owe(&mut self, index: usize, readiness: Readiness) {
        let socket = &mut self.sockets[index];
        let ended = readiness.readable && socket.inbound_ended;
        socket.edge.merge(Readiness { ended, ..readiness });
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

    fn read(
        &mut self,
        index: usize,
        buffer: &mut [u8],
        short_read_drains: bool,
    ) -> io::Result<usize> {
        self.mishap(index, Call::Read, Readiness::READABLE)?;
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
        // Takes `len` from the front at once: VecDeque implements Read.
        io::Read::read_exact(&mut socket.inbound, &mut buffer[..len])?;
        let (peer, left) = (socket.peer, socket.inbound.len());
        if left + len == CAPACITY {
            self.sockets[peer].edge.merge(Readiness::WRITABLE);
        }
        if short_read_drains && len < available {
            // As if the rest had arrived just after the read.
            self.owe(index, Readiness::READABLE);
        }
        Ok(len)
    }

    fn write(&mut self, index: usize, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.mishap(index, Call::Write, Readiness::WRITABLE)?;
        let peer = self.sockets[index].peer;
        // Also after its own end, as the kernel has it.
        if self.sockets[peer].closed || self.sockets[peer].inbound_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let room = CAPACITY - self.sockets[peer].inbound.len();
        if wanted > 0 && room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = self.amount(wanted.min(room));
        let peer = &mut self.sockets[peer];
        let mut left = len;
        for buffer in buffers {
            let taken = &buffer[..left.min(buffer.len())];
            peer.inbound.extend(taken);
            left -= taken.len();
        }
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
pub struct SimStream<const SHORT_READ_DRAINS: bool> {
    pub(super) world: World,
    pub(super) index: usize,
}

impl<const SHORT_READ_DRAINS: bool> Stream for SimStream<SHORT_READ_DRAINS> {
    const SHORT_READ_DRAINS: bool = SHORT_READ_DRAINS;
    const SHORT_WRITE_FILLS: bool = SHORT_READ_DRAINS;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let mut state = self.world.lock();
        state.calls.make(Call::Register)?;
        state.sockets[self.index].token = Some(token_of(registration.id));
        Ok(())
    }

    fn deregister(&mut self, _registration: &Registration<'_>) -> io::Result<()> {
        self.world.lock().sockets[self.index].token = None;
        Ok(())
    }

    fn connected(&self) -> io::Result<bool> {
        let mut state = self.world.lock();
        state.calls.make(Call::Connected)?;
        let socket = &state.sockets[self.index];
        if socket.reset {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(socket.connected)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.lock().read(self.index, buffer, SHORT_READ_DRAINS)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.lock().write(self.index, buffers)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut state = self.world.lock();
        state.calls.make(Call::Shutdown)?;
        state.end_writing(self.index);
        Ok(())
    }
}

impl<const SHORT_READ_DRAINS: bool> Drop for SimStream<SHORT_READ_DRAINS> {
    fn drop(&mut self) {
        self.world.lock().close(self.index);
    }
}

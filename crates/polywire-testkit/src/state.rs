//! What a world holds, and what the calls of transports do to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::mem;
use std::time::Duration;

use polywire_core::Readiness;

use crate::calls::{Call, Calls};
use crate::faults::Faults;
use crate::random::Random;
use crate::socket::Socket;

/// Bytes that fit between two sockets: few, so that writers block often.
const PIPE_BYTES: usize = 4096;

/// The sockets of a world, and what decides how they fare.
pub(super) struct State {
    pub(super) random: Random,
    pub(super) faults: Faults,
    pub(super) calls: Calls,
    pub(super) sockets: Vec<Socket>,
    /// By port, in an order that a seed repeats.
    pub(super) listeners: BTreeMap<u16, Port>,
    /// Nodes made so far.
    pub(super) nodes: usize,
    /// How long each node wanted to wait last.
    pub(super) waits: HashMap<usize, Option<Duration>>,
    /// How many polls of each node are still to fail, and how.
    pub(super) failing_polls: HashMap<usize, (u32, io::ErrorKind)>,
}

/// A port that somebody listens on.
pub(super) struct Port {
    pub(super) node: usize,
    pub(super) token: Option<usize>,
    pub(super) waiting: VecDeque<usize>,
    /// Somebody came, and the listener has not been told.
    pub(super) edge: bool,
}

impl State {
    /// A world without nodes.
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            random: Random::new(seed),
            faults,
            calls: Calls::default(),
            sockets: Vec::new(),
            listeners: BTreeMap::new(),
            nodes: 0,
            waits: HashMap::new(),
            failing_polls: HashMap::new(),
        }
    }

    /// The error of a poll that is to fail.
    pub(super) fn fail_poll(&mut self, node: usize) -> io::Result<()> {
        match self.failing_polls.get_mut(&node) {
            Some((times @ 1.., kind)) => {
                *times -= 1;
                Err((*kind).into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn tell_sockets(&mut self, node: usize, ready: &mut Vec<(usize, Readiness)>) {
        for socket in &mut self.sockets {
            let Some(token) = socket.token.filter(|_| socket.node == node) else { continue };
            if self.random.chance(self.faults.spurious) {
                // Of a socket closed long ago too: a stale event.
                ready.push((token, Readiness::BOTH));
            }
            let has_edge = socket.edge != Readiness::default() && !socket.closed;
            if has_edge && !self.random.chance(self.faults.late) {
                ready.push((token, mem::take(&mut socket.edge)));
            }
        }
    }

    pub(super) fn tell_listeners(&mut self, node: usize, ready: &mut Vec<(usize, Readiness)>) {
        for port in self.listeners.values_mut() {
            let Some(token) = port.token.filter(|_| port.node == node) else { continue };
            if port.edge && !self.random.chance(self.faults.late) {
                port.edge = false;
                ready.push((token, Readiness::READABLE));
            }
        }
    }

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
        socket.tell(Readiness { ended, ..readiness });
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

    pub(super) fn read(
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
        if left + len == PIPE_BYTES {
            self.sockets[peer].tell(Readiness::WRITABLE);
        }
        if short_read_drains && len < available {
            // As if the rest had arrived just after the read.
            self.owe(index, Readiness::READABLE);
        }
        Ok(len)
    }

    pub(super) fn write(&mut self, index: usize, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.mishap(index, Call::Write, Readiness::WRITABLE)?;
        let peer = self.sockets[index].peer;
        // Also after its own end, as the kernel has it.
        if self.sockets[peer].closed || self.sockets[peer].inbound_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let room = PIPE_BYTES - self.sockets[peer].inbound.len();
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
        peer.tell(Readiness::READABLE);
        if len < wanted && peer.inbound.len() < PIPE_BYTES {
            // Not full, only unwilling: the writer is told to go on.
            self.sockets[index].tell(Readiness::WRITABLE);
        }
        Ok(len)
    }

    pub(super) fn end_writing(&mut self, index: usize) {
        let peer = self.sockets[index].peer;
        let peer = &mut self.sockets[peer];
        peer.inbound_ended = true;
        peer.tell(Readiness { ended: true, ..Readiness::READABLE });
    }

    pub(super) fn close(&mut self, index: usize) {
        if !self.sockets[index].inbound.is_empty() {
            self.reset(index); // As the kernel does with data that nobody read.
        }
        self.end_writing(index);
        let peer = self.sockets[index].peer;
        self.sockets[peer].tell(Readiness { ended: true, ..Readiness::BOTH });
        let socket = &mut self.sockets[index];
        socket.closed = true;
        socket.inbound.clear();
    }
}

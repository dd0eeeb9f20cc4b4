//! One connection: its socket, the front of a message cut by a read, what waits to be written.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::wire::Wire;
use crate::ws_handshake;

pub(super) struct Conn {
    pub(super) stream: TcpStream,
    token: Token,
    part: Vec<u8>,
    out: Vec<u8>,
    is_open: bool,
    waits_for_room: bool,
}

impl Conn {
    /// `is_open` is false for one that has to shake hands first.
    pub(super) fn new(stream: TcpStream, token: Token, is_open: bool) -> Self {
        Self { stream, token, part: Vec::new(), out: Vec::new(), is_open, waits_for_room: false }
    }

    /// Reads all there is and hands the messages out, with where answers are to be put. Returns
    /// whether the peer is still there.
    pub(super) fn read(
        &mut self,
        wire: Wire,
        buffer: &mut [u8],
        peer_has_closed: bool,
        mut each: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> io::Result<bool> {
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            self.take(wire, &buffer[..len], &mut each);
            // A short read has drained the socket.
            if len < buffer.len() && !peer_has_closed {
                return Ok(true);
            }
        }
    }

    fn take(&mut self, wire: Wire, bytes: &[u8], each: &mut impl FnMut(&[u8], &mut Vec<u8>)) {
        if !self.is_open {
            self.part.extend_from_slice(bytes);
            if let Some(answer) = ws_handshake::answer(&self.part) {
                self.out = answer;
                self.is_open = true;
                self.part = Vec::new();
            }
            return;
        }
        if let Wire::Sized(_) = wire {
            return each(bytes, &mut self.out);
        }
        if self.part.is_empty() {
            let used = messages(wire, bytes, &mut self.out, each);
            self.part.extend_from_slice(&bytes[used..]);
            return;
        }
        self.part.extend_from_slice(bytes);
        let used = messages(wire, &self.part, &mut self.out, each);
        self.part.drain(..used);
        if self.part.is_empty() {
            self.part = Vec::new();
        }
    }

    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Writes what waits, as far as there is room, and asks to be told of room only if not.
    pub(super) fn write(&mut self, registry: &Registry) -> io::Result<()> {
        let mut written = 0;
        while written < self.out.len() {
            match self.stream.write(&self.out[written..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if written == self.out.len() {
            self.out = Vec::new(); // A thousand idle connections keep no buffer.
        } else {
            self.out.drain(..written);
        }
        let waits = !self.out.is_empty();
        if waits != self.waits_for_room {
            self.waits_for_room = waits;
            let both = Interest::READABLE | Interest::WRITABLE;
            let interest = if waits { both } else { Interest::READABLE };
            registry.reregister(&mut self.stream, self.token, interest)?;
        }
        Ok(())
    }
}

/// Hands out the whole messages and returns the bytes they took.
fn messages(
    wire: Wire,
    bytes: &[u8],
    out: &mut Vec<u8>,
    each: &mut impl FnMut(&[u8], &mut Vec<u8>),
) -> usize {
    let mut used = 0;
    let mut unmasked = Vec::new();
    while let Some(frame) = wire.find(&bytes[used..]) {
        each(frame.message(&bytes[used..], &mut unmasked), out);
        used += frame.end;
    }
    used
}

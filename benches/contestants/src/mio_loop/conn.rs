//! One connection: its socket, the front of a message cut by a read, what waits to be written.

use std::io::{self, ErrorKind, Read as _, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::inbox::{Buffers, Inbox, Read};
use crate::wire::Wire;
use crate::ws_handshake;

pub(super) struct Conn {
    pub(super) stream: TcpStream,
    token: Token,
    inbox: Inbox,
    /// What the system has not taken.
    unsent: Vec<u8>,
    /// What has come of the handshake, until it is over.
    head: Option<Vec<u8>>,
    waits_for_room: bool,
}

impl Conn {
    /// `is_open` is false for one that has to shake hands first.
    pub(super) fn new(stream: TcpStream, token: Token, is_open: bool) -> Self {
        let head = (!is_open).then(Vec::new);
        Self {
            stream,
            token,
            inbox: Inbox::default(),
            unsent: Vec::new(),
            head,
            waits_for_room: false,
        }
    }

    /// Reads all there is, hands the messages out, with where answers are to be put, and writes all
    /// answers to a read at once. Returns whether the peer is still there.
    pub(super) fn serve(
        &mut self,
        wire: Wire,
        buffers: &mut Buffers,
        registry: &Registry,
        peer_has_closed: bool,
        mut each: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> io::Result<bool> {
        loop {
            let read = match self.read(wire, buffers, &mut each) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                read => read?,
            };
            if !buffers.out.is_empty() {
                let sent = self.send(&buffers.out, registry);
                buffers.out.clear();
                sent?;
            }
            match read {
                Read::Closed => return Ok(false),
                // A short read has drained the socket.
                Read::Short if !peer_has_closed => return Ok(true),
                _ => {}
            }
        }
    }

    fn read(
        &mut self,
        wire: Wire,
        buffers: &mut Buffers,
        each: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> io::Result<Read> {
        let Self { stream, inbox, head, .. } = self;
        if let Some(request) = head {
            let bytes = buffers.read_plain(|buffer| stream.read(buffer))?;
            request.extend_from_slice(bytes);
            let is_closed = bytes.is_empty();
            if let Some(answer) = ws_handshake::answer(request) {
                buffers.out = answer;
                *head = None;
            }
            return Ok(if is_closed { Read::Closed } else { Read::Short });
        }
        let read = |places: &mut [io::IoSliceMut<'_>]| match places {
            [place] => stream.read(place),
            places => stream.read_vectored(places),
        };
        inbox.read(wire, buffers, read, each)
    }

    /// Writes `bytes` behind what waits, as far as there is room, and keeps the rest.
    pub(super) fn send(&mut self, bytes: &[u8], registry: &Registry) -> io::Result<()> {
        let mut written = 0;
        if self.unsent.is_empty() {
            written = write(&mut self.stream, bytes)?;
        }
        self.unsent.extend_from_slice(&bytes[written..]);
        self.watch(registry)
    }

    /// Goes on with what waits.
    pub(super) fn flush(&mut self, registry: &Registry) -> io::Result<()> {
        let written = write(&mut self.stream, &self.unsent)?;
        if written == self.unsent.len() {
            self.unsent = Vec::new(); // An idle connection owns nothing.
        } else {
            self.unsent.drain(..written);
        }
        self.watch(registry)
    }

    /// Asks to be told of room only if something waits.
    fn watch(&mut self, registry: &Registry) -> io::Result<()> {
        let waits = !self.unsent.is_empty();
        if waits != self.waits_for_room {
            self.waits_for_room = waits;
            let both = Interest::READABLE | Interest::WRITABLE;
            let interest = if waits { both } else { Interest::READABLE };
            registry.reregister(&mut self.stream, self.token, interest)?;
        }
        Ok(())
    }
}

/// How much of `bytes` there was room for.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

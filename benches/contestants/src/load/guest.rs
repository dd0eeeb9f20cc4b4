//! One connection of the load generator.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::numbered::number;
use crate::wire::Wire;
use crate::ws_handshake;

pub(super) struct Guest {
    stream: mio::net::TcpStream,
    part: Vec<u8>,
    sent: u64,
    pub(super) answered: u64,
    pub(super) wrong: u64,
}

/// What all guests share.
pub(super) struct Shared {
    pub(super) wire: Wire,
    pub(super) message: Vec<u8>,
    pub(super) buffer: Vec<u8>,
    out: Vec<u8>,
}

impl Shared {
    pub(super) fn new(args: &crate::args::Args) -> Self {
        let size = args.size();
        let wire = Wire::client(args.transport(), size);
        let (buffer, out) = (vec![0; 256 << 10], Vec::new());
        Self { wire, message: vec![0x5a; size], buffer, out }
    }

    fn write(&self, mut stream: impl Write) {
        // The bytes on the way are far fewer than the buffers of two sockets.
        let len = stream.write(&self.out).expect("there is room");
        assert_eq!(len, self.out.len(), "there is room");
    }
}

/// Connects and shakes hands.
pub(super) fn connect(peer: SocketAddr, shared: &Shared) -> TcpStream {
    let mut stream = TcpStream::connect(peer).expect("the server listens");
    stream.set_nodelay(true).expect("sets an option");
    if shared.wire.is_ws() {
        ws_handshake::connect(&mut stream).expect("shakes hands");
    }
    stream
}

/// Has the first message answered, and returns whether the answer was right.
pub(super) fn exchange(stream: &mut TcpStream, shared: &mut Shared) -> bool {
    number(&mut shared.message, 0);
    shared.out.clear();
    shared.wire.push(&shared.message, &mut shared.out);
    shared.write(&mut *stream);
    let mut filled = 0;
    loop {
        if let Some(frame) = shared.wire.find(&shared.buffer[..filled]) {
            let answer = frame.message(&shared.buffer[..filled], &mut shared.out);
            return answer == shared.message;
        }
        let len = stream.read(&mut shared.buffer[filled..]).expect("the server answers");
        assert_ne!(len, 0, "the server lives");
        filled += len;
    }
}

impl Guest {
    /// One that has had so many messages answered.
    pub(super) fn new(stream: TcpStream, answered: u64) -> Self {
        stream.set_nonblocking(true).expect("sets an option");
        let stream = mio::net::TcpStream::from_std(stream);
        Self { stream, part: Vec::new(), sent: answered, answered, wrong: 0 }
    }

    pub(super) fn stream(&mut self) -> &mut mio::net::TcpStream {
        &mut self.stream
    }

    /// Sends so many messages in one write.
    pub(super) fn send(&mut self, count: u64, shared: &mut Shared) {
        shared.out.clear();
        for _ in 0..count {
            number(&mut shared.message, self.sent);
            self.sent += 1;
            shared.wire.push(&shared.message, &mut shared.out);
        }
        if count > 0 {
            shared.write(&self.stream);
        }
    }

    /// Reads all there is and compares the answers. Returns how many came.
    pub(super) fn read(&mut self, shared: &mut Shared) -> u64 {
        let before = self.answered;
        loop {
            let len = match self.stream.read(&mut shared.buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => result.expect("the server answers"),
            };
            assert_ne!(len, 0, "the server lives");
            self.take(len, shared);
            if len < shared.buffer.len() {
                break;
            }
        }
        self.answered - before
    }

    fn take(&mut self, len: usize, shared: &mut Shared) {
        let Shared { wire, message, buffer, .. } = shared;
        let has_part = !self.part.is_empty();
        if has_part {
            self.part.extend_from_slice(&buffer[..len]);
        }
        let bytes = if has_part { self.part.as_slice() } else { &buffer[..len] };
        let mut used = 0;
        let mut unmasked = Vec::new();
        while let Some(frame) = wire.find(&bytes[used..]) {
            number(message, self.answered);
            let answer = frame.message(&bytes[used..], &mut unmasked);
            self.wrong += u64::from(answer != message.as_slice());
            self.answered += 1;
            used += frame.end;
        }
        if has_part {
            self.part.drain(..used);
        } else {
            self.part.extend_from_slice(&buffer[used..len]);
        }
    }
}

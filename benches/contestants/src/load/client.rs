//! One connection of the load generator.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::ClientConfig;

use super::stream::Stream;
use crate::tls;
use crate::wire::Wire;
use crate::ws_handshake;

pub(super) struct Client {
    stream: Stream<mio::net::TcpStream>,
    part: Vec<u8>,
    /// What a write has not taken.
    unsent: Vec<u8>,
    sent: u64,
    pub(super) answered: u64,
    pub(super) wrong: u64,
}

/// What all clients share.
pub(super) struct Shared {
    pub(super) wire: Wire,
    pub(super) message: Vec<u8>,
    pub(super) buffer: Vec<u8>,
    out: Vec<u8>,
    /// Answers to each message.
    pub(super) replies: u64,
    tls: Option<Arc<ClientConfig>>,
    /// Over TLS, whether each message goes in a record of its own.
    seals_each: bool,
}

impl Shared {
    pub(super) fn new(args: &crate::args::Args) -> Self {
        Self::of_size(args, args.size())
    }

    /// With messages of another size.
    pub(super) fn of_size(args: &crate::args::Args, size: usize) -> Self {
        let wire = Wire::client(args.transport(), size);
        // Room for a long message and its answer, where one is waited for.
        let (buffer, out) = (vec![0; (256 << 10).max(2 * size)], Vec::new());
        Self {
            wire,
            message: vec![0x5a; size],
            buffer,
            out,
            replies: args.replies(),
            tls: args.has_tls().then(|| tls::client(args.has("resumes"))),
            seals_each: args.has("seals_each"),
        }
    }
}

/// Connects and shakes hands.
pub(super) fn connect(peer: SocketAddr, shared: &Shared) -> Stream<TcpStream> {
    let socket = TcpStream::connect(peer).expect("the server listens");
    socket.set_nodelay(true).expect("sets an option");
    let mut stream = Stream::new(socket, shared.tls.as_ref());
    if shared.wire.is_ws() {
        ws_handshake::connect(&mut stream).expect("shakes hands");
    }
    stream
}

/// Has the first message answered, and returns whether the answer was right.
pub(super) fn exchange(stream: &mut Stream<TcpStream>, shared: &mut Shared) -> bool {
    shared.wire.number(&mut shared.message, 0);
    shared.out.clear();
    shared.wire.push(&shared.message, &mut shared.out);
    stream.write_all(&shared.out).expect("the server reads");
    let (mut filled, mut used, mut answers) = (0, 0, 0);
    loop {
        while let Some(frame) = shared.wire.find(&shared.buffer[used..filled]) {
            let bytes = &mut shared.buffer[used..filled];
            let is_right = shared.wire.has_kind(bytes) && frame.message(bytes) == shared.message;
            answers += 1;
            if !is_right || answers == shared.replies {
                return is_right;
            }
            used += frame.end;
        }
        let len = stream.read(&mut shared.buffer[filled..]).expect("the server answers");
        assert_ne!(len, 0, "the server lives");
        filled += len;
    }
}

impl Client {
    /// One that has sent so many messages, and had so many answers.
    pub(super) fn new(stream: Stream<TcpStream>, sent: u64, answered: u64) -> Self {
        let stream = stream.into_nonblocking();
        Self { stream, part: Vec::new(), unsent: Vec::new(), sent, answered, wrong: 0 }
    }

    pub(super) fn stream(&mut self) -> &mut mio::net::TcpStream {
        &mut self.stream.socket
    }

    /// Sends so many messages in one write.
    pub(super) fn send(&mut self, count: u64, shared: &mut Shared) {
        shared.out.clear();
        for _ in 0..count {
            shared.wire.number(&mut shared.message, self.sent);
            self.sent += 1;
            shared.wire.push(&shared.message, &mut shared.out);
        }
        if count > 0 && self.unsent.is_empty() {
            let record =
                if shared.seals_each { shared.out.len() / count as usize } else { usize::MAX };
            let written = self.write(&shared.out, record);
            self.unsent.extend_from_slice(&shared.out[written..]);
        } else {
            self.unsent.extend_from_slice(&shared.out);
        }
    }

    /// Goes on with what a write has not taken.
    pub(super) fn flush(&mut self) {
        if !self.unsent.is_empty() {
            let mut unsent = std::mem::take(&mut self.unsent);
            let written = self.write(&unsent, usize::MAX);
            unsent.drain(..written);
            self.unsent = unsent;
        }
    }

    /// Over TLS, in records of so many bytes.
    fn write(&mut self, bytes: &[u8], record: usize) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write_each(&bytes[written..], record) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => written += result.expect("the server reads"),
            }
        }
        written
    }

    /// Messages of which all answers have come.
    pub(super) fn done(&self, shared: &Shared) -> u64 {
        self.answered / shared.replies
    }

    /// Reads all there is and compares the answers. Returns how many came.
    pub(super) fn read(&mut self, shared: &mut Shared) -> u64 {
        let before = self.answered;
        while self.read_once(shared) {}
        self.answered - before
    }

    /// The same, but reads once. Returns whether there may be more.
    pub(super) fn read_once(&mut self, shared: &mut Shared) -> bool {
        let len = match self.stream.read(&mut shared.buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            result => result.expect("the server answers"),
        };
        assert_ne!(len, 0, "the server lives");
        self.take(len, shared);
        !self.stream.is_drained()
    }

    fn take(&mut self, len: usize, shared: &mut Shared) {
        let Shared { wire, message, buffer, replies, .. } = shared;
        let has_part = !self.part.is_empty();
        if has_part {
            self.part.extend_from_slice(&buffer[..len]);
        }
        let bytes = if has_part { self.part.as_mut_slice() } else { &mut buffer[..len] };
        let mut used = 0;
        while let Some(frame) = wire.find(&bytes[used..]) {
            wire.number(message, self.answered / *replies);
            let bytes = &mut bytes[used..];
            let is_right = wire.has_kind(bytes) && frame.message(bytes) == message.as_slice();
            self.wrong += u64::from(!is_right);
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

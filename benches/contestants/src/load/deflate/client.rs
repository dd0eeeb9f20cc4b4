//! One connection of the clients that offer compression.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use super::texts::Texts;
use crate::wire::{Kind, Wire};
use crate::ws_handshake;

pub(super) struct Client {
    pub(super) socket: mio::net::TcpStream,
    /// Whether the server has agreed to compress.
    pub(super) deflates: bool,
    part: Vec<u8>,
    /// What a write has not taken.
    unsent: Vec<u8>,
    sent: usize,
    heard: usize,
}

impl Client {
    pub(super) fn connect(peer: SocketAddr) -> Self {
        let mut socket = std::net::TcpStream::connect(peer).expect("the server listens");
        socket.set_nodelay(true).expect("sets an option");
        let agreed = ws_handshake::connect_offering_deflate(&mut socket);
        let deflates = agreed.expect("shakes hands");
        socket.set_nonblocking(true).expect("sets an option");
        let socket = mio::net::TcpStream::from_std(socket);
        Self { socket, deflates, part: Vec::new(), unsent: Vec::new(), sent: 0, heard: 0 }
    }

    /// Sends so many messages in one write.
    pub(super) fn send(&mut self, count: u64, texts: &Texts) {
        for _ in 0..count {
            self.unsent.extend_from_slice(texts.frame(self.sent));
            self.sent += 1;
        }
        self.flush();
    }

    /// Sends what everybody is to hear next, not compressed.
    pub(super) fn send_plain(&mut self, texts: &Texts) {
        self.unsent.extend_from_slice(texts.plain_frame(self.heard));
        self.flush();
    }

    /// Writes what there is to write, as far as there is room.
    pub(super) fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                result => drop(self.unsent.drain(..result.expect("the server reads"))),
            }
        }
    }

    /// Reads all there is and has it compared. Returns how many messages came.
    pub(super) fn read(&mut self, texts: &mut Texts, buffer: &mut [u8]) -> u64 {
        let before = self.heard;
        loop {
            let len = match self.socket.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => result.expect("the server answers"),
            };
            assert_ne!(len, 0, "the server lives");
            self.part.extend_from_slice(&buffer[..len]);
            self.take(texts);
            if len < buffer.len() {
                break;
            }
        }
        (self.heard - before) as u64
    }

    fn take(&mut self, texts: &mut Texts) {
        let mut used = 0;
        while let Some(frame) = Wire::WsClient(Kind::Binary).find(&self.part[used..]) {
            let bytes = &self.part[used..used + frame.end];
            texts.hear(self.heard, self.deflates, bytes, frame.raw(bytes)); // No server masks.
            self.heard += 1;
            used += frame.end;
        }
        self.part.drain(..used);
    }
}

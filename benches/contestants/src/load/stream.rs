//! What the load generator writes to and reads from: TCP, or TLS over it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection};

use crate::tls;

/// Bytes of records read at once.
const READ: usize = 8 << 10;

/// A socket, mostly without TLS.
pub(super) struct Stream<S> {
    pub(super) socket: S,
    tls: Option<Box<ClientConnection>>,
    /// Whether the last read took all there was.
    is_drained: bool,
}

impl Stream<TcpStream> {
    /// Shakes hands, if there is TLS.
    pub(super) fn new(mut socket: TcpStream, config: Option<&Arc<ClientConfig>>) -> Self {
        let tls = config.map(|config| {
            let new = ClientConnection::new(Arc::clone(config), tls::name());
            let mut tls = Box::new(new.expect("a client"));
            tls.set_buffer_limit(None);
            tls.complete_io(&mut socket).expect("shakes hands");
            tls
        });
        Self { socket, tls, is_drained: false }
    }

    pub(super) fn into_nonblocking(self) -> Stream<mio::net::TcpStream> {
        self.socket.set_nonblocking(true).expect("sets an option");
        let socket = mio::net::TcpStream::from_std(self.socket);
        Stream { socket, tls: self.tls, is_drained: false }
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls::is_resumed(tls))
    }

    /// Says goodbye, if there is TLS, and closes.
    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush(); // The server may have gone first.
        }
    }
}

impl<S: Read + Write> Stream<S> {
    pub(super) fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// Writes frames of `len` bytes: each in a record of its own, if there is TLS, and all at once.
    pub(super) fn write_each(&mut self, frames: &[u8], len: usize) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write(frames) };
        for frame in frames.chunks(len) {
            tls.writer().write_all(frame)?;
        }
        self.flush()?;
        Ok(frames.len())
    }
}

impl<S: Read + Write> Write for Stream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_each(bytes, bytes.len().max(1))
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(())
    }
}

impl<S: Read> Read for Stream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            let len = self.socket.read(buffer)?;
            self.is_drained = len < buffer.len();
            return Ok(len);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            let mut records = [0; READ];
            let len = self.socket.read(&mut records)?;
            if len == 0 {
                return Ok(0);
            }
            let mut rest = &records[..len];
            while !rest.is_empty() {
                tls.read_tls(&mut rest)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
            self.is_drained = len < READ;
        }
    }
}

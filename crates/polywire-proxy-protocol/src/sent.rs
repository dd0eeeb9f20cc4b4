//! A connecting stream that begins with a header.

use std::any::TypeId;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use polywire_core::adapter::{Accepted, Info, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, Stream};

use crate::connect_config::ProxyConnectConfig;

/// What [`ProxyConnectConfig`] makes of a connecting stream: from the header on it is the
/// stream underneath.
pub struct AnnouncingStream<S> {
    stream: S,
    /// Until the header is written.
    writing: Mutex<Option<Box<Writing>>>,
}

/// A header on its way.
enum Writing {
    /// Its addresses may be those of the socket, once that is connected.
    Unknown(ProxyConnectConfig),
    /// The rest of it.
    Rest(Vec<u8>),
}

impl<S: Stream> Layer<S> for ProxyConnectConfig {
    type Stream = AnnouncingStream<S>;

    /// # Errors
    ///
    /// `InvalidInput` with a [`ProxyHeaderError`](crate::ProxyHeaderError) inside for what a header of that version can't say.
    fn connect(&self, stream: S, _: &RemoteAddr) -> io::Result<AnnouncingStream<S>> {
        self.encode(None)?; // What is wrong with it is told now; the socket has no address yet.
        Ok(AnnouncingStream::new(stream, self.clone()))
    }

    /// Always an error: [`ProxyListenConfig`](crate::ProxyListenConfig) is for this side.
    fn accept(&self, _: S, _: &Accepted) -> io::Result<AnnouncingStream<S>> {
        let text = "ProxyConnectConfig is for connections: listen with ProxyListenConfig";
        Err(io::Error::new(ErrorKind::Unsupported, text))
    }
}

impl<S: Stream> AnnouncingStream<S> {
    pub(crate) fn new(stream: S, config: ProxyConnectConfig) -> Self {
        Self { stream, writing: Mutex::new(Some(Box::new(Writing::Unknown(config)))) }
    }

    /// Writes what the stream takes. Whether that was all.
    fn write(&self, rest: &mut Vec<u8>) -> io::Result<bool> {
        while !rest.is_empty() {
            match self.stream.write_vectored(&[IoSlice::new(rest)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => drop(rest.drain(..len.min(rest.len()))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl<S: Stream> Stream for AnnouncingStream<S> {
    const SHORT_READ_DRAINS: bool = S::SHORT_READ_DRAINS;
    const SHORT_WRITE_FILLS: bool = S::SHORT_WRITE_FILLS;
    const NAMES_PEER: bool = S::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.stream.deregister(registration)
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        let mut guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writing) = guard.as_mut() else { return Ok(Establishing::Established) };
        if let Writing::Unknown(config) = &**writing {
            match self.stream.establish(so_far)? {
                Establishing::Established => {}
                further => return Ok(further),
            }
            let ends = self.stream.local_addr().zip(self.stream.peer_addr());
            **writing = Writing::Rest(config.encode(ends)?);
        }
        if let Writing::Rest(rest) = &mut **writing {
            if !self.write(rest)? {
                return Ok(Establishing::Handshaking);
            }
        }
        *guard = None;
        Ok(Establishing::Established)
    }

    #[inline(always)]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    #[inline(always)]
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(buffers)
    }

    fn flush(&self) -> io::Result<()> {
        self.stream.flush()
    }

    #[inline(always)]
    fn wants_write(&self) -> bool {
        self.stream.wants_write()
    }

    #[inline(always)]
    fn drained_by(&self, len: usize, room: usize) -> bool {
        self.stream.drained_by(len, room)
    }

    #[inline(always)]
    fn half_read(&self) -> usize {
        self.stream.half_read()
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.stream.info(type_id)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}

impl<S> fmt::Debug for AnnouncingStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnnouncingStream").finish_non_exhaustive()
    }
}

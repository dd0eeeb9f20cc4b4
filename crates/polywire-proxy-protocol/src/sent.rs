//! A connecting stream that begins with a header.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Mutex, PoisonError};

use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, PassThrough, Stream};

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

impl<S: Stream> PassThrough for AnnouncingStream<S> {
    type Under = S;

    fn under(&self) -> &S {
        &self.stream
    }

    fn under_mut(&mut self) -> &mut S {
        &mut self.stream
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
}

impl<S> fmt::Debug for AnnouncingStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnnouncingStream").finish_non_exhaustive()
    }
}

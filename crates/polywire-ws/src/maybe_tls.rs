//! A stream with TLS or without, as the address that it leads to asks for.

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use polywire_core::CloseReason;
use polywire_core::adapter::{Info, Registration};
use polywire_core::stream::{Establishing, Stream};
use polywire_tls::TlsStream;

/// One type for both, as a redirect may lead from clear text to TLS.
#[derive(Debug)]
pub(crate) enum MaybeTls<S> {
    ClearText(S),
    Tls(Box<TlsStream<S>>),
}

/// Runs a call on the one that it is.
macro_rules! on {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            MaybeTls::ClearText($stream) => $call,
            MaybeTls::Tls($stream) => $call,
        }
    };
}

// A method that is added to `Stream` is not to be forgotten here.
#[deny(clippy::missing_trait_methods)]
impl<S: Stream> Stream for MaybeTls<S> {
    const NAMES_PEER: bool = S::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        on!(self, stream => stream.register(registration))
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        on!(self, stream => stream.deregister(registration))
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        on!(self, stream => stream.establish(so_far))
    }

    fn timed_out(&self) -> Option<CloseReason> {
        on!(self, stream => stream.timed_out())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        on!(self, stream => stream.read(buffer))
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        on!(self, stream => stream.write_vectored(buffers))
    }

    fn flush(&self) -> io::Result<()> {
        on!(self, stream => stream.flush())
    }

    fn wants_write(&self) -> bool {
        on!(self, stream => stream.wants_write())
    }

    fn drained_by(&self, len: usize, room: usize) -> bool {
        match self {
            Self::ClearText(_) if S::SHORT_READ_DRAINS => len < room,
            Self::ClearText(stream) => stream.drained_by(len, room),
            Self::Tls(stream) => stream.drained_by(len, room),
        }
    }

    fn half_read(&self) -> usize {
        on!(self, stream => stream.half_read())
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        on!(self, stream => stream.info(type_id))
    }

    fn facts(&self) -> Vec<Info> {
        on!(self, stream => stream.facts())
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        on!(self, stream => stream.local_addr())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        on!(self, stream => stream.peer_addr())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        on!(self, stream => stream.shutdown_write())
    }
}

//! The byte stream that the engine reads and writes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::adapter::Registration;
use crate::close_reason::CloseReason;
use crate::stream::misuse::misuse;

/// A non-blocking stream of bytes: a TCP socket, a Unix socket, a pipe.
///
/// Reading and writing go through `&self`, because the loop reads while other threads write. No
/// method may block; `WouldBlock` says what it says everywhere.
pub trait Stream: Send + Sync + 'static {
    /// Whether a read that fills less than its buffer has drained the stream until its next
    /// readiness, so that the read which would find nothing can be saved. True of TCP sockets under
    /// epoll and kqueue, and not of all others: a read of a Unix socket ends behind a message that
    /// carried a descriptor. False, the default, is always safe.
    const SHORT_READ_DRAINS: bool = false;

    /// Whether a write that takes less than it is given has filled the stream until its next
    /// readiness. True of sockets under epoll and kqueue; false, the default, is always safe.
    const SHORT_WRITE_FILLS: bool = false;

    /// As [`Remote::register`](crate::adapter::Remote::register).
    ///
    /// # Errors
    ///
    /// Those of the poller.
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()>;

    /// As [`Remote::deregister`](crate::adapter::Remote::deregister).
    ///
    /// # Errors
    ///
    /// Those of the poller.
    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()>;

    /// Whether a connect begun before has succeeded: asked at each readiness until it says yes.
    /// Default: yes.
    ///
    /// # Errors
    ///
    /// Why the connect failed.
    fn connected(&self) -> io::Result<bool> {
        Ok(true)
    }

    /// As [`Read::read`](io::Read::read): 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when drained; `Interrupted` is tried again; others end the connection.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// As [`Write::write_vectored`](io::Write::write_vectored): how much was taken of all slices
    /// together, from the front.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when full; `Interrupted` is tried again; others end the connection.
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;

    /// The address of this side, if it has one that no other stream has: by that a node finds out that
    /// it holds the other end, too, and does not wait for itself. Default: none.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The peer's address, if it has a socket address. Default: none. See
    /// [`Remote::peer_addr`](crate::adapter::Remote::peer_addr).
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Ends the sending side; the peer reads the end of the stream after the last byte.
    ///
    /// # Errors
    ///
    /// The stream is closed at once, without waiting for the peer's end.
    fn shutdown_write(&self) -> io::Result<()>;
}

/// Reads, once more where a signal interrupts.
///
/// # Errors
///
/// As [`Stream::read`].
#[inline(always)]
pub(super) fn read_some<S: Stream>(socket: &S, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(len) if len > buffer.len() => return Err(overrun(socket, "read").into()),
            result => return result,
        }
    }
}

/// The reason of an endpoint whose stream says that it has moved more bytes than it was given.
#[cold]
pub(super) fn overrun<S: Stream>(_: &S, method: &str) -> CloseReason {
    misuse::<S>(&format!("`Stream::{method}` returns no more than the length of what it is given"))
}

//! The byte stream that the engine reads and writes.

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::adapter::{Info, Registration};
use crate::close_reason::CloseReason;
use crate::stream::misuse::misuse;

/// A non-blocking stream of bytes: a TCP socket, a Unix socket, a pipe.
///
/// Reading and writing go through `&self`, because the loop reads while other threads write. No
/// method may block; `WouldBlock` says what it says everywhere.
///
/// # Layers
///
/// A stream over another one, such as TLS, is a stream as well. Whoever calls
/// [`write_vectored`](Self::write_vectored) or [`flush`](Self::flush) has the connection's write turn, so
/// these are called by one thread at a time, and what is sealed there is sealed in the order of the wire:
/// one record may hold a whole batch. Once the stream is established nothing else may write to the stream
/// underneath. What a read has to answer is kept: [`wants_write`](Self::wants_write) says so, and `flush`
/// is called right after the read.
pub trait Stream: Send + Sync + 'static {
    /// Whether a read that fills less than its buffer has drained the stream until its next
    /// readiness, so that the read which would find nothing can be saved. True of TCP sockets under
    /// epoll and kqueue, and not of all others: a read of a Unix socket ends behind a message that
    /// carried a descriptor. False, the default, is always safe.
    const SHORT_READ_DRAINS: bool = false;

    /// Whether a write that takes less than it is given has filled the stream until its next
    /// readiness. True of sockets under epoll and kqueue; false, the default, is always safe.
    const SHORT_WRITE_FILLS: bool = false;

    /// Whether [`peer_addr`](Self::peer_addr) of an accepted stream may differ from the address that the
    /// listener saw: a layer that learns from a proxy who connects. A layer over such a stream says so, too, and
    /// passes `peer_addr` on. Default: false, which saves the call.
    const NAMES_PEER: bool = false;

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

    /// Goes on to make the stream usable: finishes a connect begun before, shakes the hands of a layer
    /// such as TLS. Called at each readiness until it says
    /// [`Established`](Establishing::Established), of accepted streams as well. `so_far` is what it said last:
    /// [`Connecting`](Establishing::Connecting) at first where a connect was begun, and
    /// [`Handshaking`](Establishing::Handshaking) of an accepted stream. Default: it is established.
    ///
    /// All descriptors are there by [`register`](Self::register): a device that is learned from the peer is opened before
    /// the stream is made.
    ///
    /// A layer calls this of the stream underneath first, with the same `so_far`, and goes on once that is
    /// established. With the default, a connection that reaches nobody would be told of as ready.
    ///
    /// # Errors
    ///
    /// Why the stream did not come to be. While it was [`Connecting`](Establishing::Connecting), the next
    /// address is tried, if there is one.
    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        let _ = so_far;
        Ok(Establishing::Established)
    }

    /// [`Limits::handshake_timeout`](crate::Limits::handshake_timeout) is over before the stream is established:
    /// why it will not be, where more is known than that, such as the refusal of a proxy that never comes to its end. A layer
    /// that knows nothing of its own asks the stream underneath. Default: `None`, and the endpoint fails with
    /// [`CloseReason::HandshakeTimeout`].
    fn timed_out(&self) -> Option<CloseReason> {
        None
    }

    /// As [`Read::read`](io::Read::read): 0 is the end of the stream, which the peer has told and behind which nothing
    /// is left to read. A peer that is gone without that is `ConnectionReset`.
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
    /// `WouldBlock` when full, but never of a peer that is gone; `Interrupted` is tried again; others end the
    /// connection.
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Writes what the stream itself holds, such as records that were sealed and not taken by the socket
    /// underneath, or an alert. Called whenever there may be room while [`wants_write`](Self::wants_write) is
    /// true, never while another thread is inside `write_vectored`. Default: nothing.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while something is left; others end the connection.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Whether the stream itself holds bytes that are to be written: then the connection is not drained, and
    /// [`flush`](Self::flush) is called once there is room. Asked after each read and each write, so
    /// it must be cheap. A stream that holds bytes must take no more from `write_vectored` than it has
    /// room for, or memory grows without bound. Default: no.
    #[inline(always)]
    fn wants_write(&self) -> bool {
        false
    }

    /// Where [`SHORT_READ_DRAINS`](Self::SHORT_READ_DRAINS) is false: whether a read of `len` bytes that had room
    /// for `room` has drained the stream until its next readiness, for a layer over a stream that says so. It
    /// answers no while it holds bytes that were not read yet. Default: no, which is always safe.
    #[inline(always)]
    fn drained_by(&self, len: usize, room: usize) -> bool {
        let _ = (len, room);
        false
    }

    /// Where [`SHORT_READ_DRAINS`](Self::SHORT_READ_DRAINS) is false: bytes that the stream has taken of
    /// something that it can't give before it is whole, as a record of TLS. They count as half received, so
    /// that what does not go on ends by [`Limits::message_timeout`](crate::limits::Limits::message_timeout), and
    /// more of them are a sign of life. Asked after each read, so it must be cheap. Default: 0.
    #[inline(always)]
    fn half_read(&self) -> usize {
        0
    }

    /// What is known of the stream as a value of that type, for
    /// [`info`](crate::network::NetworkController::info): a certificate, credentials. May be called on any
    /// thread. Default: nothing.
    fn info(&self, type_id: TypeId) -> Option<Info> {
        let _ = type_id;
        None
    }

    /// All that [`info`](Self::info) can tell now. A layer adds its own to what the stream underneath says. Asked
    /// during the handshake, by protocols that show the program who connects. Default: nothing.
    fn facts(&self) -> Vec<Info> {
        Vec::new()
    }

    /// The address of this side, if it has one that no other stream has: by that a node finds out that
    /// it holds the other end, too, and does not wait for itself. Default: none, as for a transport without socket
    /// addresses: there a `send` in the callback to a connection of the same node may wait for 5 s at its hard limit,
    /// unless [`Limits::when_full`](crate::Limits::when_full) says otherwise.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The peer's address, if it has a socket address: asked once, when the endpoint becomes ready. Of an
    /// accepted one it is asked where [`NAMES_PEER`](Self::NAMES_PEER) says so, after each
    /// [`establish`](Self::establish): a layer that learns from a proxy who connects says none until it knows.
    /// Limits of connections for each address count that address. Default: none, which leaves the endpoint the
    /// address that [`Connection::new`](crate::adapter::Connection::new) was given; text counts for no address. See
    /// [`Remote::peer_addr`](crate::adapter::Remote::peer_addr).
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Ends the sending side; the peer reads the end of the stream after the last byte. This side is read on until the
    /// peer ends, too. A device without an end, such as a terminal, needs one of the stream's own: a record, or a
    /// channel beside it.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while the stream itself [has something to write](Self::wants_write) before, such as a layer's
    /// closing record: it is called again when that is written. Others close the stream at once, without
    /// waiting for the peer's end.
    fn shutdown_write(&self) -> io::Result<()>;
}

/// How far a stream is on its way to carrying bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Establishing {
    /// Still connecting: [`Limits::connect_timeout`](crate::Limits::connect_timeout) applies.
    Connecting,
    /// Connected, and a layer shakes hands: [`Limits::handshake_timeout`](crate::Limits::handshake_timeout)
    /// applies.
    Handshaking,
    /// Bytes may flow.
    Established,
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

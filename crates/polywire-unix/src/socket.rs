//! The Unix stream socket, as the stream engine reads and writes it.

// The sanitizers know what libc does, and not what the system does.
#[cfg_attr(polywire_sanitized, path = "socket/plain_calls.rs")]
mod calls;

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mio::net::UnixStream;
use polywire_core::adapter::{Info, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Stream;

use crate::credentials::PeerCredentials;
use crate::descriptors::DescriptorsClosed;
use crate::names::remote_addr_of;
use crate::rights::refuse_descriptors;
use crate::room::PolledStream;

/// A connected, non-blocking Unix socket, as the [`Stream`] of an [`Engine`](polywire_core::stream::Engine).
///
/// [`connect_stream`](crate::connect_stream) and [`listen_stream`](crate::listen_stream) make one for each
/// connection, and a [`Layer`](polywire_core::stream::Layer) is put over it.
#[derive(Debug)]
pub struct UnixSocket {
    polled: PolledStream,
    /// [`DescriptorsClosed::times`].
    descriptors: AtomicU32,
}

impl UnixSocket {
    /// A socket of this side's own.
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self::with(stream, false)
    }

    fn with(stream: UnixStream, is_adopted: bool) -> Self {
        let polled = PolledStream::new(stream, is_adopted);
        Self { polled, descriptors: AtomicU32::new(0) }
    }

    /// A socket of the standard library, which becomes non-blocking and refuses descriptors, as told at
    /// [`DescriptorsClosed`].
    ///
    /// # Errors
    ///
    /// Those of [`set_nonblocking`](std::os::unix::net::UnixStream::set_nonblocking).
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        refuse_descriptors(&stream);
        Ok(Self::with(UnixStream::from_std(stream), true))
    }

    pub(crate) fn local_name(&self) -> io::Result<RemoteAddr> {
        Ok(remote_addr_of(&self.polled.stream.local_addr()?))
    }

    /// A read came with something that nobody takes.
    #[cold]
    fn count_descriptors(&self) {
        if calls::passes_credentials(&self.polled.stream) {
            return; // Every read comes with those, if whoever opened the socket asked for it.
        }
        let count = |times: u32| times.checked_add(1);
        if self.descriptors.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count) == Ok(0) {
            let peer = PeerCredentials::of(&self.polled.stream);
            tracing::debug!(?peer, "a peer sends descriptors, which are closed");
        }
    }
}

/// Neither constant is true. A read ends behind a message with descriptors, and before a byte out of band, whatever waits
/// behind; a write ends early where the system has no memory, too, and then nothing tells of room.
impl Stream for UnixSocket {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.polled.register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.polled.deregister(registration)
    }

    #[inline]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (len, has_more) = calls::read(&self.polled.stream, buffer)?;
        if has_more {
            self.count_descriptors();
        }
        Ok(len)
    }

    #[inline]
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = calls::write_vectored(&self.polled.stream, buffers);
        let given = || buffers.iter().map(|buffer| buffer.len()).sum();
        self.polled.note_write(given, &result)?;
        result
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        if type_id == TypeId::of::<PeerCredentials>() {
            return Some(Arc::new(PeerCredentials::of(&self.polled.stream)?));
        }
        let times = self.descriptors.load(Ordering::Relaxed);
        let is_asked = type_id == TypeId::of::<DescriptorsClosed>() && times > 0;
        is_asked.then(|| Arc::new(DescriptorsClosed { times }) as Info)
    }

    fn facts(&self) -> Vec<Info> {
        PeerCredentials::of(&self.polled.stream)
            .into_iter()
            .map(|peer| Arc::new(peer) as Info)
            .collect()
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.polled.stream.shutdown(Shutdown::Write)
    }
}

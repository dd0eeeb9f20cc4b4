//! Being told of room only while the socket is full.
//!
//! A Unix socket tells its writer of room whenever the peer has read (`unix_write_space` in the system's source), where a
//! TCP socket does so only if it was full before (socket(7), tcp(7)). Were that polled for always, each message that is
//! read would wake its sender for nothing.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Interest;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use polywire_core::adapter::{Registration, SharedRegistration};

/// A stream, and what it is polled for.
#[derive(Debug)]
pub(crate) struct PolledStream {
    pub(crate) stream: UnixStream,
    /// Somebody else may hold it too.
    is_adopted: bool,
    /// `None` while it is not polled.
    registration: Option<SharedRegistration>,
    /// Whether room is told. Changed by who has the connection's write turn alone.
    is_watched: AtomicBool,
}

impl PolledStream {
    pub(crate) fn new(stream: UnixStream, is_adopted: bool) -> Self {
        Self { stream, is_adopted, registration: None, is_watched: AtomicBool::new(false) }
    }

    /// Registers it for reading alone.
    pub(crate) fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let shared = registration.shared()?;
        registration.register(&mut SourceFd(&self.stream.as_raw_fd()), Interest::READABLE)?;
        (self.registration, self.is_watched) = (Some(shared), AtomicBool::new(false));
        Ok(())
    }

    pub(crate) fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.registration = None;
        registration.deregister(&mut SourceFd(&self.stream.as_raw_fd()))
    }

    /// A write of `given` bytes had that result. Once the socket is full, the loop is to be told of room, which is told at
    /// once if there is some by now; and not any more once it took all.
    #[inline]
    pub(crate) fn note_write(
        &self,
        given: impl FnOnce() -> usize,
        result: &io::Result<usize>,
    ) -> io::Result<()> {
        match result {
            Ok(len) if self.is_watched.load(Ordering::Relaxed) && *len == given() => {
                self.watch(false)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.watch(true),
            _ => Ok(()),
        }
    }

    #[cold]
    fn watch(&self, is_wanted: bool) -> io::Result<()> {
        let Some(registration) = &self.registration else { return Ok(()) };
        if self.is_watched.swap(is_wanted, Ordering::Relaxed) == is_wanted {
            return Ok(());
        }
        let interest =
            if is_wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        registration.reregister(&mut SourceFd(&self.stream.as_raw_fd()), interest)
    }
}

impl Drop for PolledStream {
    /// Closing alone leaves a socket that somebody else holds too with the poller.
    fn drop(&mut self) {
        if let (true, Some(registration)) = (self.is_adopted, &self.registration) {
            let _ = registration.deregister(&mut SourceFd(&self.stream.as_raw_fd()));
        }
    }
}

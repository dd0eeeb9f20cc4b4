//! Being told of room only while the socket is full.
//!
//! A Unix socket tells its writer of room whenever the peer has read (`unix_write_space` in the system's source), where a
//! TCP socket does so only if it was full before (socket(7), tcp(7)). Were that polled for always, each message that is
//! read would wake its sender for nothing.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Interest;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use polywire_core::adapter::{Registration, SharedRegistration};

/// What the socket is polled for.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// `None` while it is not polled.
    registration: Option<SharedRegistration>,
    /// Whether room is told. Changed by who has the connection's write turn alone.
    is_watched: AtomicBool,
}

impl Room {
    /// Registers `stream` for reading alone.
    pub(crate) fn register(
        &mut self,
        stream: &UnixStream,
        registration: &Registration<'_>,
    ) -> io::Result<()> {
        registration.register(&mut SourceFd(&stream.as_raw_fd()), Interest::READABLE)?;
        let shared = registration.shared()?;
        *self = Self { registration: Some(shared), is_watched: AtomicBool::new(false) };
        Ok(())
    }

    pub(crate) fn deregister(
        &mut self,
        stream: &UnixStream,
        registration: &Registration<'_>,
    ) -> io::Result<()> {
        *self = Self::default();
        registration.deregister(&mut SourceFd(&stream.as_raw_fd()))
    }

    /// A write of `given` bytes to the socket of `fd` had that result. Once it is full, the loop is to be told of room,
    /// which is told at once if there is some by now; and not any more once it took all.
    #[inline]
    pub(crate) fn note_write(
        &self,
        fd: RawFd,
        given: impl FnOnce() -> usize,
        result: &io::Result<usize>,
    ) -> io::Result<()> {
        match result {
            Ok(len) if self.is_watched.load(Ordering::Relaxed) && *len == given() => {
                self.watch(fd, false)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.watch(fd, true),
            _ => Ok(()),
        }
    }

    #[cold]
    fn watch(&self, fd: RawFd, is_wanted: bool) -> io::Result<()> {
        let Some(registration) = &self.registration else { return Ok(()) };
        if self.is_watched.swap(is_wanted, Ordering::Relaxed) == is_wanted {
            return Ok(());
        }
        let interest =
            if is_wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        registration.reregister(&mut SourceFd(&fd), interest)
    }
}

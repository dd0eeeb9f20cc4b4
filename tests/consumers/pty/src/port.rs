//! One end of a pair of terminals.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mio::Interest;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use polywire_core::adapter::Registration;
use polywire_core::stream::Stream;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Of [`Port::total`]: the peer goes on.
const OPEN: u64 = u64::MAX;
/// Of [`Port::total`]: the peer is gone without having said how much it has written.
const LOST: u64 = u64::MAX - 1;

/// A terminal, and the socket that tells its end. The constants of [`Stream`] are left at their defaults.
#[derive(Debug)]
pub struct Port {
    control: UnixStream, // Closed first: a name is free before the number of its terminal is.
    tty: File,
    written: AtomicU64,
    read: AtomicU64,
    /// What the peer has written altogether, or [`OPEN`], or [`LOST`].
    total: AtomicU64,
}

impl Port {
    pub(crate) fn new(tty: File, control: UnixStream) -> Self {
        Self { control, tty, written: 0.into(), read: 0.into(), total: OPEN.into() }
    }

    /// The two ends of a new pair.
    ///
    /// # Errors
    ///
    /// Those of the system, if it has no more terminals or descriptors.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        let (master, replica) = open_pair()?;
        let replica = open_replica(&replica, &one)?;
        Ok((Self::new(master, one), Self::new(replica, other)))
    }

    /// Reads what the peer says of its end.
    fn read_control(&self) -> io::Result<u64> {
        let mut total = [0; 8];
        match (&self.control).read(&mut total) {
            Ok(8) => Ok(u64::from_be_bytes(total).min(LOST)),
            Ok(_) => Ok(LOST),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Err(error)
            }
            Err(_) => Ok(LOST),
        }
    }
}

/// A master in raw mode, and the path of its replica.
pub(crate) fn open_pair() -> io::Result<(File, String)> {
    let master =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    // Before a byte is written, or it would be echoed. On Linux it is the replica's mode that is set here.
    let mut mode = tcgetattr(&master)?;
    mode.make_raw();
    tcsetattr(&master, OptionalActions::Now, &mode)?;
    let replica = rustix::pty::ptsname(&master, Vec::new())?;
    let replica = replica.into_string().map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
    Ok((master.into(), replica))
}

/// The terminal at `path`, if it belongs to who is at the other end of `control`: to the same user, for nobody may have
/// another's opened, and to the same process still. One that is gone closed its socket first, so whose socket is open
/// had the master when the replica was opened, and the number was not given to somebody else.
pub(crate) fn open_replica(path: &str, control: impl AsFd) -> io::Result<File> {
    let number = path.strip_prefix("/dev/pts/").unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ErrorKind::InvalidInput.into());
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let replica = rustix::fs::open(path, flags, Mode::empty())?;
    let peer = rustix::net::sockopt::socket_peercred(&control)?;
    if rustix::fs::fstat(&replica)?.st_uid != peer.uid.as_raw() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    match is_closed(&control)? {
        false => Ok(replica.into()),
        true => Err(ErrorKind::ConnectionAborted.into()),
    }
}

/// Whether the peer has closed its end of the socket, and its terminal right behind.
fn is_closed(control: &impl AsFd) -> io::Result<bool> {
    let mut socket = [PollFd::new(control, PollFlags::empty())]; // An end is always told.
    rustix::event::poll(&mut socket, Some(&Timespec::default()))?;
    Ok(!socket[0].revents().is_empty())
}

/// Whether the error is that of a terminal whose other end is closed.
fn is_hangup(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

impl Stream for Port {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let tty = self.tty.as_raw_fd();
        registration.register(&mut SourceFd(&tty), Interest::READABLE | Interest::WRITABLE)?;
        registration.register(&mut self.control, Interest::READABLE)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let tty = self.tty.as_raw_fd();
        registration.deregister(&mut SourceFd(&tty))?;
        registration.deregister(&mut self.control)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // One thread reads: nothing changes in between.
            let (read, total) = (self.read.load(Relaxed), self.total.load(Relaxed));
            if read >= total {
                return Ok(0);
            }
            let is_gone = match (&self.tty).read(buffer) {
                Ok(0) if buffer.is_empty() => return Ok(0),
                Ok(0) => true,
                Ok(len) => {
                    self.read.store(read + len as u64, Relaxed);
                    return Ok(len);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                Err(error) if is_hangup(&error) => true,
                Err(error) => return Err(error),
            };
            match total {
                // Nothing is there; is more to come? If so, the terminal is looked at once more: it may have come just now.
                OPEN => self.total.store(self.read_control()?, Relaxed),
                LOST => return Err(ErrorKind::ConnectionReset.into()),
                _ if is_gone => return Err(ErrorKind::ConnectionReset.into()),
                _ => return Err(ErrorKind::WouldBlock.into()),
            }
        }
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&self.tty).write_vectored(buffers) {
            Ok(len) => {
                self.written.fetch_add(len as u64, Relaxed);
                Ok(len)
            }
            Err(error) if is_hangup(&error) => Err(ErrorKind::BrokenPipe.into()),
            // A master without a replica goes on to be full, and is told of as ready again and again.
            Err(error) if error.kind() == ErrorKind::WouldBlock && is_closed(&self.control)? => {
                Err(ErrorKind::BrokenPipe.into())
            }
            Err(error) => Err(error),
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let total = self.written.load(Relaxed);
        // There is always room for it: nothing else is written there.
        (&self.control).write_all(&total.to_be_bytes())
    }
}

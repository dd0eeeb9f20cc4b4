//! Streams that leave the bytes of the stream underneath as they are.

#[cfg(test)]
mod tests;

use std::any::TypeId;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::adapter::{Info, Registration};
use crate::close_reason::CloseReason;
use crate::stream::{Establishing, Stream};

/// A [`Stream`] over another one that has something to send or to read first, such as a proxy's header, and then
/// passes everything on.
///
/// Every type that implements this is a `Stream`, whose methods are those of the stream underneath, but for the ones that the
/// type implements here. Nothing is copied, and no call costs more than underneath. [`establish`](Self::establish) must not read
/// past its own bytes: what follows is for whoever reads next.
pub trait PassThrough: Send + Sync + 'static {
    /// The stream underneath.
    type Under: Stream;

    /// As [`Stream::NAMES_PEER`]. Default: as underneath.
    const NAMES_PEER: bool = <Self::Under as Stream>::NAMES_PEER;

    /// The stream underneath.
    fn under(&self) -> &Self::Under;

    /// The same, to register it.
    fn under_mut(&mut self) -> &mut Self::Under;

    /// As [`Stream::establish`], that of the stream underneath included.
    ///
    /// # Errors
    ///
    /// Why the stream did not come to be.
    fn establish(&self, so_far: Establishing) -> io::Result<Establishing>;

    /// As [`Stream::timed_out`]. Default: as underneath.
    fn timed_out(&self) -> Option<CloseReason> {
        self.under().timed_out()
    }

    /// As [`Stream::info`]. Default: as underneath.
    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.under().info(type_id)
    }

    /// As [`Stream::facts`]. Default: as underneath.
    fn facts(&self) -> Vec<Info> {
        self.under().facts()
    }

    /// As [`Stream::peer_addr`]. Default: as underneath.
    fn peer_addr(&self) -> Option<SocketAddr> {
        self.under().peer_addr()
    }
}

// A method that is added to `Stream` is not to be forgotten here.
#[deny(clippy::missing_trait_methods)]
impl<T: PassThrough> Stream for T {
    const SHORT_READ_DRAINS: bool = T::Under::SHORT_READ_DRAINS;
    const SHORT_WRITE_FILLS: bool = T::Under::SHORT_WRITE_FILLS;
    const NAMES_PEER: bool = <T as PassThrough>::NAMES_PEER;

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.under_mut().register(registration)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        self.under_mut().deregister(registration)
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        PassThrough::establish(self, so_far)
    }

    fn timed_out(&self) -> Option<CloseReason> {
        PassThrough::timed_out(self)
    }

    #[inline(always)]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.under().read(buffer)
    }

    #[inline(always)]
    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.under().write_vectored(buffers)
    }

    fn flush(&self) -> io::Result<()> {
        self.under().flush()
    }

    #[inline(always)]
    fn wants_write(&self) -> bool {
        self.under().wants_write()
    }

    #[inline(always)]
    fn drained_by(&self, len: usize, room: usize) -> bool {
        self.under().drained_by(len, room)
    }

    #[inline(always)]
    fn half_read(&self) -> usize {
        self.under().half_read()
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        PassThrough::info(self, type_id)
    }

    fn facts(&self) -> Vec<Info> {
        PassThrough::facts(self)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.under().local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        PassThrough::peer_addr(self)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.under().shutdown_write()
    }
}

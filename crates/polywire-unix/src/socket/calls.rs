//! recvmsg(2) and sendmsg(2).

use std::io::{self, IoSlice, IoSliceMut};

use mio::net::UnixStream;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};
use socket2::SockRef;

/// As read(2), and tells whether something came along that is no bytes. Without room for them, the system closes
/// descriptors, as it does for read(2), and says so (`MSG_CTRUNC`).
#[inline]
pub(super) fn read(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut nothing = RecvAncillaryBuffer::default();
    let buffers = &mut [IoSliceMut::new(buffer)];
    let received = recvmsg(stream, buffers, &mut nothing, RecvFlags::empty())?;
    Ok((received.bytes, received.flags.contains(ReturnFlags::CTRUNC)))
}

/// writev(2) knows no `MSG_NOSIGNAL`: where `SIGPIPE` is at its default, as in command line tools and in
/// programs of other languages, the process would end with the peer's connection.
#[inline]
pub(super) fn write_vectored(stream: &UnixStream, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(not(target_vendor = "apple"))]
    const NOSIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
    #[cfg(target_vendor = "apple")]
    const NOSIGNAL: i32 = 0; // An option of the socket there, which std, mio and socket2 set.
    SockRef::from(stream).send_vectored_with_flags(buffers, NOSIGNAL)
}

/// Whether the socket was set to receive credentials with each message.
pub(super) fn passes_credentials(stream: &UnixStream) -> bool {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    return nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PassCred)
        .unwrap_or(false);
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    return {
        let _ = stream;
        false
    };
}

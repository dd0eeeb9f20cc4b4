//! recv(2) and send(2) without a function of libc, std or mio around them.
//!
//! A system call that is deep makes the processor forget where functions return to. Each that stands
//! between the call and whoever goes on is then waited for, as long as some twenty instructions take.

use std::io::{self, IoSlice};

use mio::net::TcpStream;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::SockRef;

#[inline(always)]
pub(super) fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (_, len) = recv(stream, buffer, RecvFlags::empty())?;
    Ok(len)
}

#[inline(always)]
pub(super) fn write(stream: &TcpStream, buffer: &[u8]) -> io::Result<usize> {
    Ok(send(stream, buffer, SendFlags::NOSIGNAL)?)
}

/// writev(2) knows no `MSG_NOSIGNAL`: where `SIGPIPE` is at its default, as in command line tools and in
/// programs of other languages, the process would end with the peer's connection.
#[inline(always)]
pub(super) fn write_vectored(stream: &TcpStream, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    const NOSIGNAL: i32 = SendFlags::NOSIGNAL.bits() as i32;
    SockRef::from(stream).send_vectored_with_flags(buffers, NOSIGNAL)
}

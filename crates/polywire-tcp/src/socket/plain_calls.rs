//! Reading and writing by mio, which sees to it on every system that readiness is told again.

use std::io::{self, IoSlice, Read, Write};

use mio::net::TcpStream;

pub(super) fn read(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.read(buffer)
}

pub(super) fn write(mut stream: &TcpStream, buffer: &[u8]) -> io::Result<usize> {
    stream.write(buffer)
}

pub(super) fn write_vectored(mut stream: &TcpStream, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    if cfg!(any(target_vendor = "apple", windows, polywire_sanitized)) {
        return stream.write_vectored(buffers);
    }
    // std's `write` has `MSG_NOSIGNAL`, and its `write_vectored` has not: where `SIGPIPE` is at its
    // default, the process would end with the peer's connection.
    let bytes: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
    stream.write(&bytes)
}

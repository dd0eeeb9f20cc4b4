//! Reading and writing by mio, which sees to it on every system that readiness is told again.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

pub(super) fn read(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.read(buffer)
}

pub(super) fn write(mut stream: &TcpStream, buffer: &[u8]) -> io::Result<usize> {
    stream.write(buffer)
}

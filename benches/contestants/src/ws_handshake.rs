//! The handshake of WebSocket by hand, as short as it can be.

use std::io::{self, Read, Write};

use tungstenite::handshake::derive_accept_key;

/// Shakes hands as the client on a blocking stream.
pub(crate) fn connect(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )?;
    let answer = read_head(stream)?;
    if answer.starts_with(b"HTTP/1.1 101") { Ok(()) } else { Err(io::Error::other("no upgrade")) }
}

/// Shakes hands as the server on a blocking stream.
pub(crate) fn accept(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let head = read_head(stream)?;
    stream.write_all(&answer(&head).expect("a whole head"))
}

/// The answer to a client's request, once its head is whole.
pub(crate) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let request = std::str::from_utf8(request).ok()?;
    let head = request.split_once("\r\n\r\n")?.0;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
    })?;
    let accept = derive_accept_key(key.as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    Some(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes())
}

/// Reads byte by byte, so that nothing behind the head is taken.
fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

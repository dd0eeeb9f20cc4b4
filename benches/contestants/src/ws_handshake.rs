//! The handshake of WebSocket by hand, as short as it can be.

use std::io::{self, Read, Write};

use tungstenite::handshake::derive_accept_key;

/// Compression of each message by itself, as clients offer it and servers agree to it.
pub(crate) const DEFLATE: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Shakes hands as the client on a blocking stream.
pub(crate) fn connect(stream: &mut (impl Read + Write)) -> io::Result<()> {
    request(stream, "").map(drop)
}

/// The same, and offers [`DEFLATE`]: returns whether the server agrees to it.
pub(crate) fn connect_offering_deflate(stream: &mut (impl Read + Write)) -> io::Result<bool> {
    let answer = request(stream, &format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n"))?;
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let agreed = DEFLATE.split("; ").filter(|word| answer.contains(word)).count();
    match agreed {
        0 => Ok(false),
        3 => Ok(true),
        _ => Err(io::Error::other("the server agrees to something else")),
    }
}

fn request(stream: &mut (impl Read + Write), more: &str) -> io::Result<Vec<u8>> {
    let head = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    stream.write_all(format!("{head}{more}\r\n").as_bytes())?;
    let answer = read_head(stream)?;
    match answer.starts_with(b"HTTP/1.1 101") {
        true => Ok(answer),
        false => Err(io::Error::other("no upgrade")),
    }
}

/// Shakes hands as the server on a blocking stream.
pub(crate) fn accept(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let head = read_head(stream)?;
    stream.write_all(&answer(&head).expect("a whole head"))
}

/// The same, with a client that offers [`DEFLATE`].
pub(crate) fn accept_with_deflate(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let head = read_head(stream)?;
    let more = format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n");
    stream.write_all(&answer_with(&head, &more).expect("a whole head"))
}

/// The answer to a client's request, once its head is whole.
pub(crate) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    answer_with(request, "")
}

fn answer_with(request: &[u8], more: &str) -> Option<Vec<u8>> {
    let request = std::str::from_utf8(request).ok()?;
    let head = request.split_once("\r\n\r\n")?.0;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
    })?;
    let accept = derive_accept_key(key.as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    Some(format!("{head}Sec-WebSocket-Accept: {accept}\r\n{more}\r\n").into_bytes())
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

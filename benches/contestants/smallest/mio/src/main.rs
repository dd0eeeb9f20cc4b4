//! Echoes bytes on port 3042.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);

struct Conn {
    stream: TcpStream,
    unsent: Vec<u8>,
}

fn main() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:3042".parse().expect("an address"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut conns, mut next, mut buffer) = (HashMap::new(), 0, vec![0; 64 << 10]);
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != LISTENER {
                let conn = conns.get_mut(&event.token());
                if conn.is_some_and(|conn| !echo(conn, &mut buffer).unwrap_or(false)) {
                    conns.remove(&event.token());
                }
                continue;
            }
            while let Ok((mut stream, _)) = listener.accept() {
                stream.set_nodelay(true)?;
                next += 1;
                let both = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(next), both)?;
                conns.insert(Token(next), Conn { stream, unsent: Vec::new() });
            }
        }
    }
}

/// Returns whether the peer is still there. Reads no more while something waits to be written.
fn echo(conn: &mut Conn, buffer: &mut [u8]) -> io::Result<bool> {
    loop {
        while !conn.unsent.is_empty() {
            match conn.stream.write(&conn.unsent) {
                Ok(len) => drop(conn.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        match conn.stream.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(len) => conn.unsent.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

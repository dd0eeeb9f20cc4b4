use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::net::SendFlags;

use super::*;

#[path = "plain_calls.rs"]
mod plain_calls;

/// With every byte in use.
const TOKEN: Token = Token(usize::MAX / 3);
const ENDED: Readiness = Readiness { ended: true, ..Readiness::BOTH };

/// What `wait` tells of the present state of `socket`, under its token.
fn told(
    socket: &TcpStream,
    wait: impl FnOnce(&mut Poll, &mut dyn FnMut(Token, Readiness)) -> io::Result<()>,
) -> Readiness {
    let mut poll = Poll::new().unwrap();
    let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
    poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), TOKEN, interest).unwrap();
    let mut told = Readiness::default();
    let mut tell = |token, readiness: Readiness| {
        assert_eq!(token, TOKEN);
        told.readable |= readiness.readable;
        told.writable |= readiness.writable;
        told.ended |= readiness.ended;
    };
    wait(&mut poll, &mut tell).unwrap();
    told
}

/// Both waits tell `expected` of a socket whose peer did `act`, and then was kept if it is returned.
fn check(act: impl FnOnce(&TcpStream, TcpStream) -> Option<TcpStream>, expected: Readiness) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    let _peer = act(&socket, peer);
    let mut events = plain_calls::Events::<4>::new();
    while told(&socket, |poll, tell| events.wait(poll, None, tell)) != expected {
        thread::yield_now(); // Until it has arrived.
    }
    assert_eq!(told(&socket, |poll, tell| Events::<4>::new().wait(poll, None, tell)), expected);
}

#[test]
fn a_wait_tells_what_mio_would() {
    check(|_, peer| Some(peer), Readiness::WRITABLE);
    let write = |_: &_, mut peer: TcpStream| {
        peer.write_all(b"bytes").unwrap();
        Some(peer)
    };
    check(write, Readiness::BOTH);
    let send_urgent = |_: &_, peer| {
        assert_eq!(rustix::net::send(&peer, b"!", SendFlags::OOB), Ok(1));
        Some(peer)
    };
    check(send_urgent, ENDED);
    let end = |_: &_, peer: TcpStream| {
        peer.shutdown(Shutdown::Write).unwrap();
        Some(peer)
    };
    check(end, ENDED);
    let reset = |mut socket: &TcpStream, _| {
        // Closed with something unread, the peer resets: RFC 2525 section 2.17.
        socket.write_all(b"never read").unwrap();
        None
    };
    check(reset, ENDED);
}

#[test]
fn a_wait_ends_with_its_time_and_takes_any() {
    let mut poll = Poll::new().unwrap();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(2)] {
        let begun = std::time::Instant::now();
        Events::<4>::new()
            .wait(&mut poll, Some(timeout), |_, _| panic!("nothing is there"))
            .unwrap();
        assert!(begun.elapsed() >= timeout);
    }
    let waker = mio::Waker::new(poll.registry(), TOKEN).unwrap();
    waker.wake().unwrap();
    let mut tokens = Vec::new();
    Events::<4>::new().wait(&mut poll, Some(Duration::MAX), |token, _| tokens.push(token)).unwrap();
    assert_eq!(tokens, [TOKEN]);
}

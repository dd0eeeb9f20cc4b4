//! The other end: round trips, a stream of messages, and datagrams, each with a poll.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::thread;

use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use super::conn::Conn;
use crate::args::{Args, LARGE_BUFFER};
use crate::inbox::Buffers;
use crate::numbered::{Checker, Source};
use crate::times::RoundTrips;
use crate::usage;
use crate::wire::Wire;
use crate::ws_handshake;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(super) fn run(args: &Args) {
    if args.transport() == "udp" {
        return exchange_datagrams(args);
    }
    let (mut poll, stream, wire) = connect(args);
    let mut conn = Conn::new(stream, Token(0), true);
    let mut trips = RoundTrips::new(args);
    let mut events = Events::with_capacity(16);
    let mut buffers = Buffers::new();
    let mut first = Vec::new();
    wire.push(trips.next(), &mut first);
    conn.send(&first, poll.registry()).expect("writes");
    let mut goes_on = true;
    let mut answer = Vec::new();
    while goes_on {
        poll.poll(&mut events, None).expect("polls");
        conn.flush(poll.registry()).expect("writes");
        let lives = conn.serve(wire, &mut buffers, poll.registry(), false, |part, out| {
            answer.extend_from_slice(part);
            if answer.len() < args.size() {
                return; // A piece of a message without a frame.
            }
            goes_on = trips.answered(&answer);
            answer.clear();
            if goes_on {
                wire.push(trips.next(), out);
            }
        });
        assert!(lives.expect("reads"), "the server lives");
    }
    trips.print();
}

/// One write per message, waiting for room where there is none.
pub(super) fn send_stream(args: &Args) {
    let (mut poll, mut stream, wire) = connect(args);
    let mut events = Events::with_capacity(16);
    poll.registry()
        .reregister(&mut stream, Token(0), Interest::READABLE | Interest::WRITABLE)
        .expect("registers");
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let mut out = Vec::new();
    while let Some(message) = source.next() {
        out.clear();
        wire.push(message, &mut out);
        let mut rest = out.as_slice();
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(len) => rest = &rest[len..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    poll.poll(&mut events, None).expect("polls");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    while !events.iter().any(mio::event::Event::is_read_closed) {
        poll.poll(&mut events, None).expect("polls");
    }
    source.print(cpu, 0);
}

fn connect(args: &Args) -> (Poll, TcpStream, Wire) {
    let (mut stream, wire) = connect_to(args, args.peer());
    let poll = Poll::new().expect("a poll");
    poll.registry().register(&mut stream, Token(0), Interest::READABLE).expect("registers");
    (poll, stream, wire)
}

pub(super) fn connect_to(args: &Args, peer: SocketAddr) -> (TcpStream, Wire) {
    let wire = Wire::client(args.transport(), args.size());
    let mut stream = std::net::TcpStream::connect(peer).expect("the server listens");
    stream.set_nodelay(true).expect("sets an option");
    if wire.is_ws() {
        ws_handshake::connect(&mut stream).expect("shakes hands");
    }
    stream.set_nonblocking(true).expect("sets an option");
    (TcpStream::from_std(stream), wire)
}

/// Receives until nothing is left, and says who sent the last datagram and how long it was.
pub(super) fn drain(
    poll: &mut Poll,
    events: &mut Events,
    socket: &UdpSocket,
    buffer: &mut [u8],
    mut each: impl FnMut(&[u8], SocketAddr),
) {
    poll.poll(events, None).expect("polls");
    while let Ok((len, from)) = socket.recv_from(buffer) {
        each(&buffer[..len], from);
    }
}

pub(super) fn bind() -> (Poll, UdpSocket) {
    let mut socket = UdpSocket::bind(ANY).expect("a free port");
    let poll = Poll::new().expect("a poll");
    poll.registry().register(&mut socket, Token(0), Interest::READABLE).expect("registers");
    (poll, socket)
}

pub(super) fn echo_datagrams() {
    let (mut poll, socket) = bind();
    usage::serve(socket.local_addr().expect("bound").port());
    let mut events = Events::with_capacity(16);
    let mut buffer = vec![0; 65536];
    loop {
        drain(&mut poll, &mut events, &socket, &mut buffer, |message, from| {
            let _ = socket.send_to(message, from); // A datagram may be lost.
        });
    }
}

fn exchange_datagrams(args: &Args) {
    let (mut poll, socket) = bind();
    socket.connect(args.peer()).expect("connects");
    let mut trips = RoundTrips::new(args);
    let mut events = Events::with_capacity(16);
    let mut buffer = vec![0; 65536];
    socket.send(trips.next()).expect("sends");
    let mut goes_on = true;
    while goes_on {
        drain(&mut poll, &mut events, &socket, &mut buffer, |message, _| {
            goes_on = trips.answered(message);
            if goes_on {
                socket.send(trips.next()).expect("sends");
            }
        });
    }
    trips.print();
}

/// Takes a numbered stream of datagrams.
pub(super) fn receive_datagrams(args: &Args) {
    let (mut poll, socket) = bind();
    if args.has_large_buffer() {
        SockRef::from(&socket).set_recv_buffer_size(LARGE_BUFFER).expect("sets an option");
    }
    usage::serve(socket.local_addr().expect("bound").port());
    let mut checker = Checker::lossy(args.size());
    let mut events = Events::with_capacity(16);
    let mut buffer = vec![0; 65536];
    let mut is_over = false;
    while !is_over {
        drain(&mut poll, &mut events, &socket, &mut buffer, |message, _| {
            is_over |= checker.message(message);
        });
    }
    checker.print();
}

/// Sends a numbered stream of datagrams from a socket that a poll knows.
pub(super) fn send_datagrams(args: &Args) {
    let (_poll, socket) = bind();
    socket.connect(args.peer()).expect("connects");
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let send = |message: &[u8]| loop {
        match socket.send(message) {
            // Loopback hands a datagram on at once, so that there is room again soon.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            result => return result,
        }
    };
    while let Some(message) = source.next() {
        send(message).expect("sends");
    }
    source.repeat_end(|message| {
        let _ = send(message); // The receiver may be gone by now.
    });
    source.print(cpu, 0);
}

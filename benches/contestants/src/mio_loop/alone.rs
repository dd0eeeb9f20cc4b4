//! Both ends in one thread: send on one, wait at the other.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};

use super::client::{bind, connect_to, drain};
use super::conn::Conn;
use crate::args::Args;
use crate::inbox::Buffers;
use crate::times::RoundTrips;
use crate::wire::Wire;
use crate::ws_handshake;

pub(super) fn run(args: &Args) {
    if args.transport() == "udp" {
        return datagrams(args);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let ((mut sender, wire), receiver) = thread::scope(|scope| {
        // A handshake needs both ends at once.
        let accepted = scope.spawn(|| accept(&listener, args));
        (connect_to(args, addr), accepted.join().expect("accepts"))
    });
    let mut receiver = Conn::new(receiver, Token(0), true);
    let mut poll = Poll::new().expect("a poll");
    let registry = poll.registry();
    registry.register(&mut receiver.stream, Token(0), Interest::READABLE).expect("registers");
    let mut events = Events::with_capacity(16);
    let mut buffers = Buffers::new();
    let wire_of_receiver = Wire::server(args.transport(), args.size());
    let mut trips = RoundTrips::new(args);
    let mut out = Vec::new();
    let mut goes_on = true;
    while goes_on {
        out.clear();
        wire.push(trips.next(), &mut out);
        sender.write_all(&out).expect("writes");
        poll.poll(&mut events, None).expect("polls");
        let lives =
            receiver.serve(wire_of_receiver, &mut buffers, poll.registry(), false, |message, _| {
                goes_on = trips.answered(message);
            });
        assert!(lives.expect("reads"), "the peer lives");
    }
    trips.print();
}

fn accept(listener: &TcpListener, args: &Args) -> TcpStream {
    let (mut stream, _) = listener.accept().expect("accepts");
    if Wire::server(args.transport(), args.size()).is_ws() {
        ws_handshake::accept(&mut stream).expect("shakes hands");
    }
    stream.set_nonblocking(true).expect("sets an option");
    TcpStream::from_std(stream)
}

fn datagrams(args: &Args) {
    let (mut poll, receiver) = bind();
    let sender = UdpSocket::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    sender.connect(receiver.local_addr().expect("bound")).expect("connects");
    let mut trips = RoundTrips::new(args);
    let mut events = Events::with_capacity(16);
    let mut buffer = vec![0; 65536];
    let mut goes_on = true;
    while goes_on {
        sender.send(trips.next()).expect("sends");
        drain(&mut poll, &mut events, &receiver, &mut buffer, |message, _| {
            goes_on = trips.answered(message);
        });
    }
    trips.print();
}

//! UDP.

use std::net::UdpSocket;

use socket2::SockRef;

use crate::args::{Args, LARGE_BUFFER};
use crate::numbered::{Checker, Source};
use crate::times::RoundTrips;
use crate::usage;

fn bind() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("bound").port();
    (socket, port)
}

pub(super) fn echo() {
    let (socket, port) = bind();
    usage::serve(port);
    let mut buffer = [0; 65536];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("receives");
        let _ = socket.send_to(&buffer[..len], from); // A datagram may be lost.
    }
}

pub(super) fn exchange(args: &Args) {
    let (socket, _) = bind();
    socket.connect(args.peer()).expect("connects");
    round_trips(args, &socket, &socket);
}

pub(super) fn alone(args: &Args) {
    let (receiver, port) = bind();
    let (sender, _) = bind();
    sender.connect(("127.0.0.1", port)).expect("connects");
    round_trips(args, &sender, &receiver);
}

fn round_trips(args: &Args, sender: &UdpSocket, receiver: &UdpSocket) {
    let mut trips = RoundTrips::new(args);
    let mut buffer = [0; 65536];
    loop {
        sender.send(trips.next()).expect("sends");
        let len = receiver.recv(&mut buffer).expect("receives");
        if !trips.answered(&buffer[..len]) {
            return trips.print();
        }
    }
}

pub(super) fn receive(args: &Args) {
    let (socket, port) = bind();
    if args.has_large_buffer() {
        SockRef::from(&socket).set_recv_buffer_size(LARGE_BUFFER).expect("sets an option");
    }
    usage::serve(port);
    let mut checker = Checker::lossy(args.size());
    let mut buffer = vec![0; 65536];
    let mut is_over = false;
    while !is_over {
        let len = socket.recv(&mut buffer).expect("receives");
        is_over = checker.message(&buffer[..len]);
    }
    checker.print();
}

pub(super) fn send(args: &Args) {
    let (socket, _) = bind();
    socket.connect(args.peer()).expect("connects");
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    while let Some(message) = source.next() {
        socket.send(message).expect("sends");
    }
    source.repeat_end(|message| {
        let _ = socket.send(message); // The receiver may be gone by now.
    });
    source.print(cpu, 0);
}

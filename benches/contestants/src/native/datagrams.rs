//! UDP.

use std::net::UdpSocket;

use crate::args::Args;
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

//! Round trips, and the receiver of a stream.

use tokio::net::TcpStream;

use super::conn::Conn;
use super::server::{accept, listen, open};
use crate::args::Args;
use crate::numbered::Checker;
use crate::times::RoundTrips;
use crate::wire::Wire;
use crate::ws_handshake;

/// Connects and shakes hands.
pub(super) fn connect(args: &Args) -> (Conn, Wire) {
    let wire = Wire::client(args.transport(), args.size());
    let mut stream = std::net::TcpStream::connect(args.peer()).expect("the server listens");
    stream.set_nodelay(true).expect("sets an option");
    if wire.is_ws() {
        ws_handshake::connect(&mut stream).expect("shakes hands");
    }
    stream.set_nonblocking(true).expect("sets an option");
    (Conn::new(TcpStream::from_std(stream).expect("a socket")), wire)
}

pub(super) async fn exchange(args: &Args) {
    let (mut conn, wire) = connect(args);
    let mut trips = RoundTrips::new(args);
    let mut first = Vec::new();
    wire.push(trips.next(), &mut first);
    conn.writer.send(&first);
    let (mut answer, mut goes_on) = (Vec::new(), true);
    while goes_on {
        let take = |part: &[u8], out: &mut Vec<u8>| {
            answer.extend_from_slice(part);
            if answer.len() < args.size() {
                return; // A piece of a message without a frame.
            }
            goes_on = trips.answered(&answer);
            answer.clear();
            if goes_on {
                wire.push(trips.next(), out);
            }
        };
        assert!(conn.serve(wire, take).await, "the server lives");
    }
    trips.print();
}

pub(super) async fn receive(args: &Args) {
    let wire = Wire::server(args.transport(), args.size());
    let listener = listen().await;
    let mut conn = open(accept(&listener).await, wire).await.expect("shakes hands");
    let mut checker = Checker::new(args.size());
    let mut is_over = false;
    while !is_over {
        let take = |message: &[u8], _: &mut Vec<u8>| {
            is_over |= match wire {
                Wire::Sized(_) => checker.bytes(message),
                _ => checker.message(message),
            };
        };
        assert!(conn.serve(wire, take).await, "the sender waits for the end");
    }
    checker.print();
}

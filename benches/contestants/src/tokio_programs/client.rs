//! Round trips, from a process of its own or within one task.

use tokio::net::UdpSocket;

use super::streams::{Acceptor, Conn, listen};
use crate::args::Args;
use crate::times::RoundTrips;
use tokio_util::bytes::Bytes;

pub(super) async fn exchange(args: &Args) {
    if args.transport() == "udp" {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        socket.connect(args.peer()).await.expect("connects");
        return datagrams(args, &socket, &socket).await;
    }
    let mut conn = Conn::connect(args, args.number("port")).await;
    let mut trips = RoundTrips::new(args);
    let mut answer = Vec::new();
    let mut goes_on = true;
    while goes_on {
        conn.send(Bytes::copy_from_slice(trips.next())).await;
        answer.clear();
        while answer.len() < args.size() {
            answer.extend_from_slice(&conn.receive().await.expect("an answer"));
        }
        goes_on = trips.answered(&answer);
    }
    trips.print();
}

pub(super) async fn alone(args: &Args) {
    if args.transport() == "udp" {
        let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        sender.connect(receiver.local_addr().expect("bound")).await.expect("connects");
        return datagrams(args, &sender, &receiver).await;
    }
    let (listener, port) = listen().await;
    let accept = async {
        let (stream, _) = listener.accept().await.expect("accepts");
        Acceptor::new(args).accept(stream).await.expect("shakes hands")
    };
    let (mut sender, mut receiver) = tokio::join!(Conn::connect(args, port), accept);
    let mut trips = RoundTrips::new(args);
    let mut goes_on = true;
    while goes_on {
        sender.send(Bytes::copy_from_slice(trips.next())).await;
        goes_on = trips.answered(&receiver.receive().await.expect("a message"));
    }
    trips.print();
}

async fn datagrams(args: &Args, sender: &UdpSocket, receiver: &UdpSocket) {
    let mut trips = RoundTrips::new(args);
    let mut buffer = vec![0; 65536];
    loop {
        sender.send(trips.next()).await.expect("sends");
        let len = receiver.recv(&mut buffer).await.expect("receives");
        if !trips.answered(&buffer[..len]) {
            return trips.print();
        }
    }
}

//! The two programs of message-io's README, with an end and with ports that are free.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use message_io::network::{NetEvent, Transport};
use message_io::node::{self, NodeEvent};

const TRANSPORTS: [Transport; 3] = [Transport::FramedTcp, Transport::Udp, Transport::Ws];

const PAUSE: Duration = Duration::from_millis(10);

pub fn run() {
    let (started, addrs) = mpsc::channel();
    let server = thread::spawn(move || serve(&started));
    for (transport, addr) in TRANSPORTS.into_iter().zip(addrs) {
        greet(transport, addr);
    }
    let received = server.join().unwrap();
    assert_eq!(received, 2 * TRANSPORTS.len());
}

/// Listens for framed TCP, UDP and WebSocket at the same time, and echoes.
fn serve(started: &mpsc::Sender<SocketAddr>) -> usize {
    let (handler, listener) = node::split::<()>();
    for transport in TRANSPORTS {
        let (_, addr) = handler.network().listen(transport, "127.0.0.1:0").unwrap();
        started.send(addr).unwrap();
    }
    let mut received = 0;
    let mut ended = 0;
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, _) => unreachable!(), // This program connects to nobody.
        NetEvent::Accepted(_endpoint, _listener) => println!("Client connected"),
        NetEvent::Message(endpoint, data) => {
            println!("Received: {}", String::from_utf8_lossy(data));
            handler.network().send(endpoint, data);
            received += 1;
        }
        NetEvent::Disconnected(_endpoint) => {
            println!("Client disconnected");
            ended += 1;
            // UDP clients come and go untold.
            if ended == TRANSPORTS.len() - 1 {
                handler.stop();
            }
        }
    });
    received
}

enum Signal {
    Greet,
}

/// Greets twice, a moment apart, and leaves with the second answer.
fn greet(transport: Transport, addr: SocketAddr) {
    let (handler, listener) = node::split();
    let (server, _) = handler.network().connect(transport, addr).unwrap();
    let mut echoes = 0;
    listener.for_each(|event| match event {
        NodeEvent::Network(net_event) => match net_event {
            NetEvent::Connected(_endpoint, ok) => {
                assert!(ok);
                handler.signals().send(Signal::Greet);
            }
            NetEvent::Accepted(_, _) => unreachable!(), // This program listens to nobody.
            NetEvent::Message(_endpoint, data) => {
                assert_eq!(data, b"Hello server!");
                echoes += 1;
                match echoes {
                    2 => handler.stop(),
                    _ => {
                        handler.signals().send_with_timer(Signal::Greet, PAUSE);
                    }
                }
            }
            NetEvent::Disconnected(_endpoint) => unreachable!(), // The server stays.
        },
        NodeEvent::Signal(Signal::Greet) => {
            handler.network().send(server, "Hello server!".as_bytes());
        }
    });
    assert_eq!(echoes, 2);
}

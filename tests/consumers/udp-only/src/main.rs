//! An echo over UDP, from the core and one adapter crate.

use std::time::Duration;

use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{self, NodeEvent};
use polywire_udp::Udp;

const DEADLINE: Duration = Duration::from_secs(10);

fn main() {
    let (handler, listener) = node::split::<&str>();
    let (_, addr) = handler.network().listen(Udp, "127.0.0.1:0").unwrap();
    let (client, _) = handler.network().connect(Udp, addr).unwrap();
    handler.signals().send_with_timer("too late", DEADLINE);

    let mut echoed = false;
    listener.for_each(|event| match event {
        NodeEvent::Signal(signal) => panic!("{signal}"),
        NodeEvent::Network(NetEvent::Connected(endpoint, established)) => {
            assert!(established && endpoint == client);
            assert_eq!(handler.network().send(client, b"hello"), SendStatus::Sent);
        }
        NodeEvent::Network(NetEvent::Message(endpoint, message)) if endpoint == client => {
            echoed = message == b"hello";
            handler.stop();
        }
        NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
            assert_eq!(handler.network().send(endpoint, message), SendStatus::Sent);
        }
        NodeEvent::Network(other) => panic!("UDP has no connections: {other:?}"),
    });
    assert!(echoed);
    println!("udp-only: echoed");
}

//! One node, two transports that know nothing of each other, one callback.

use std::time::Duration;

use polywire_core::address::Name;
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{self, NodeEvent};
use polywire_tcp::Tcp;
use third_party::mem::Mem;

const DEADLINE: Duration = Duration::from_secs(10);

fn main() {
    let (handler, listener) = node::split::<&str>();
    let network = handler.network();
    let mem = Mem::default();

    let (lobby, _) = network.listen(&mem, Name("lobby")).unwrap();
    let (port, addr) = network.listen(Tcp, "127.0.0.1:0").unwrap();
    assert!(network.listen(&mem, Name("lobby")).is_err(), "the name is taken");
    assert!(network.connect(&mem, "nobody").is_err(), "nobody listens there");

    let (by_name, _) = network.connect(&mem, "lobby").unwrap();
    let (by_port, _) = network.connect(Tcp, addr).unwrap();
    let clients = [by_name, by_port];
    handler.signals().send_with_timer("too late", DEADLINE);

    let (mut accepted, mut echoed, mut ended) = (Vec::new(), 0, 0);
    listener.for_each(|event| match event {
        NodeEvent::Signal(signal) => panic!("{signal}"),
        NodeEvent::Network(NetEvent::Connected(endpoint, established)) => {
            assert!(established, "{endpoint}");
            assert_eq!(handler.network().send(endpoint, b"hello"), SendStatus::Sent);
        }
        NodeEvent::Network(NetEvent::Accepted(_, id)) => accepted.push(id),
        NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
            assert_eq!(message, b"hello");
            if !clients.contains(&endpoint) {
                assert_eq!(handler.network().send(endpoint, message), SendStatus::Sent);
                return;
            }
            echoed += 1;
            assert!(handler.network().remove(endpoint.resource_id()));
        }
        NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
            assert!(!clients.contains(&endpoint), "who removes is not told");
            ended += 1;
            if ended == clients.len() {
                handler.stop();
            }
        }
    });
    accepted.sort();
    let mut listeners = vec![lobby, port];
    listeners.sort();
    assert_eq!((accepted, echoed), (listeners, clients.len()));
    println!("third-party: echoed by name and by port");
}

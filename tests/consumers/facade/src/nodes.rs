//! `node`: handler, listener and task, each way to run them.

use std::cell::Cell;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use message_io::events::EventReceiver;
use message_io::network::{NetEvent, SendStatus, Transport, TransportConnect};
use message_io::node::{
    self, NodeEvent, NodeHandler, NodeListener, NodeTask, StoredNetEvent, StoredNodeEvent,
};

const DEADLINE: Duration = Duration::from_secs(10);

fn is_shared<T: Clone + Send + Sync>() {}
fn is_kept<T: Clone + Debug>() {}

fn keep_network(event: NetEvent<'_>) -> StoredNetEvent {
    event.into()
}

fn keep(event: NodeEvent<'_, u32>) -> StoredNodeEvent<u32> {
    StoredNodeEvent::from(event)
}

pub fn run() {
    is_shared::<NodeHandler<u32>>();
    is_kept::<StoredNetEvent>();
    is_kept::<StoredNodeEvent<u32>>();
    borrowing_callback();
    on_a_thread_of_its_own();
    queued_events();
    connecting_synchronously();
    sending_without_a_listener();
}

/// `for_each` takes a closure that borrows and can't be sent.
fn borrowing_callback() {
    let (handler, listener): (NodeHandler<u32>, NodeListener<u32>) = node::split();
    let seen = Rc::new(Cell::new(0));
    assert!(handler.is_running());
    handler.signals().send(1);
    handler.signals().send_with_priority(2);
    listener.for_each(|event| match event {
        NodeEvent::Network(event) => panic!("{event:?}"),
        NodeEvent::Signal(signal) => {
            seen.set(seen.get() * 10 + signal);
            if seen.get() == 21 {
                handler.stop();
            }
        }
    });
    assert_eq!(seen.get(), 21);
    assert!(!handler.is_running());
}

fn on_a_thread_of_its_own() {
    let (handler, listener) = node::split::<u32>();
    let in_callback = handler.clone();
    let mut task: NodeTask = listener.for_each_async(move |event| {
        assert_eq!(keep(event).signal(), 7);
        in_callback.stop();
    });
    handler.signals().send(7);
    task.wait();
    task.wait();
    assert!(!handler.is_running());
}

fn queued_events() {
    let (handler, listener) = node::split::<u32>();
    let (listener_id, addr) = handler.network().listen(Transport::FramedTcp, "0.0.0.0:0").unwrap();
    assert!(addr.ip().is_unspecified() && addr.port() != 0);
    let to = ("127.0.0.1", addr.port());
    let (server, _) = handler.network().connect(Transport::FramedTcp, to).unwrap();
    assert_eq!(handler.network().send(server, b"early"), SendStatus::Sent);

    let (mut task, mut receiver): (NodeTask, EventReceiver<StoredNodeEvent<u32>>) =
        listener.enqueue();
    handler.signals().send(3);
    let (mut signals, mut connected, mut client) = (0, None, None);
    loop {
        let event = receiver.receive_timeout(DEADLINE).expect("an event");
        match event.clone() {
            StoredNodeEvent::Signal(signal) => {
                signals += signal;
                assert_eq!(event.signal(), signal);
                continue;
            }
            StoredNodeEvent::Network(stored) => drop(stored),
        }
        match event.network() {
            StoredNetEvent::Connected(endpoint, ok) => connected = Some((endpoint, ok)),
            StoredNetEvent::Accepted(endpoint, id) => {
                assert_eq!(id, listener_id);
                client = Some(endpoint);
            }
            stored @ StoredNetEvent::Message(..) => {
                let NetEvent::Message(endpoint, data) = stored.borrow() else { panic!() };
                assert_eq!((Some(endpoint), data), (client, &b"early"[..]));
                assert!(handler.network().remove(endpoint.resource_id()));
            }
            StoredNetEvent::Disconnected(endpoint) => {
                assert_eq!(endpoint, server);
                break;
            }
        }
    }
    assert_eq!((signals, connected), (3, Some((server, true))));
    handler.stop();
    task.wait();
}

fn connecting_synchronously() {
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    for transport in [Transport::Tcp, Transport::FramedTcp, Transport::Udp, Transport::Ws] {
        let (_, addr) = network.listen(transport, "127.0.0.1:0").unwrap();
        let (server, _) = network.connect_sync(transport, addr).unwrap();
        assert_eq!(network.is_ready(server.resource_id()), Some(true), "{transport}");
        let (with, _) = network.connect_sync_with(TransportConnect::from(transport), addr).unwrap();
        assert_ne!(server, with);
    }
    let (port, closed) = network.listen(Transport::Tcp, "127.0.0.1:0").unwrap();
    assert!(network.remove(port));
    assert!(network.connect_sync(Transport::Tcp, closed).is_err());

    let mut accepted = 0;
    listener.for_each(|event| {
        if let StoredNetEvent::Accepted(..) = keep_network(event.network()) {
            accepted += 1;
            // Two connections of each transport that has connections.
            if accepted == 6 {
                handler.stop();
            }
        }
    });
}

/// A program that only sends drops the listener, or keeps it and never runs it.
fn sending_without_a_listener() {
    let (server, server_listener) = node::split::<()>();
    let (_, addr) = server.network().listen(Transport::FramedTcp, "127.0.0.1:0").unwrap();
    let (arrived, has_arrived) = std::sync::mpsc::channel();
    let mut task = server_listener.for_each_async(move |event| {
        if let StoredNetEvent::Message(_, message) = keep_network(event.network()) {
            arrived.send(message).unwrap();
        }
    });
    let message = vec![7; 8 << 20];

    let (handler, listener) = node::split::<()>();
    let (endpoint, _) = handler.network().connect_sync(Transport::FramedTcp, addr).unwrap();
    assert_eq!(handler.network().send(endpoint, &message), SendStatus::Sent);
    assert_eq!(has_arrived.recv().unwrap(), message);
    drop(listener);
    assert!(handler.is_running());
    assert_eq!(handler.network().send(endpoint, &message), SendStatus::Sent);
    assert_eq!(has_arrived.recv().unwrap(), message);

    // `connect`, `send`, `stop`, and nobody ever runs the loop.
    let (handler, _listener) = node::split::<()>();
    let (endpoint, _) = handler.network().connect(Transport::FramedTcp, addr).unwrap();
    assert_eq!(handler.network().send(endpoint, b"hello"), SendStatus::Sent);
    handler.stop();
    assert_eq!(has_arrived.recv().unwrap(), b"hello");

    // Readiness is polled before the loop runs.
    let (handler, _listener) = node::split::<()>();
    let (endpoint, _) = handler.network().connect(Transport::FramedTcp, addr).unwrap();
    while handler.network().is_ready(endpoint.resource_id()) == Some(false) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(handler.network().send(endpoint, b"ready"), SendStatus::Sent);
    assert_eq!(has_arrived.recv().unwrap(), b"ready");
    server.stop();
    task.wait();
}

//! A system that can't tell what is ready: for a while, or for good.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::NodeEvent;
use polywire_core::{CloseReason, Limits};
use polywire_framed_tcp::Framed;
use polywire_testkit::{Faults, World};

const ADDR: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 3042);
/// Polls in a row that fail for lack of memory until the node gives up.
const TRIES: u32 = 100;

/// An echo by a node that `for_each` runs to one that `process_poll_event` does. Each event is
/// followed by as many failures as either can meet.
#[test]
fn polls_that_fail_for_a_while_lose_nothing() {
    let world = World::new(1, Faults::default());
    let (handler, listener, own) = world.node::<()>();
    let listen = own.listen_by(Framed::default, Limits::default());
    handler.network().listen(listen, ADDR).unwrap();

    let (network, mut processor, other) = world.network();
    let connect = other.connect_by(Framed::default, Limits::default());
    let (endpoint, _) = network.connect(connect, ADDR).unwrap();
    assert_eq!(network.send(endpoint, b"hello"), SendStatus::Sent);

    let server = handler.clone();
    world.while_waiting(Some(Box::new(move || {
        processor.process_poll_event(Some(Duration::ZERO), |event| {
            other.fail_polls(TRIES - 1, ErrorKind::OutOfMemory);
            if let NetEvent::Message(_, message) = event {
                assert_eq!(message, b"hello");
                server.stop();
            }
        });
    })));
    own.fail_polls(TRIES - 1, ErrorKind::OutOfMemory);
    let mut events = Vec::new();
    listener.for_each(|event| {
        let NodeEvent::Network(event) = event else { return };
        own.fail_polls(TRIES - 1, ErrorKind::OutOfMemory);
        if let NetEvent::Message(endpoint, message) = event {
            handler.network().send(endpoint, message);
        }
        events.push(format!("{event:?}"));
    });
    world.while_waiting(None); // The world would hold itself by it.
    assert!(matches!(&events[..], [accepted, message]
        if accepted.starts_with("Accepted") && message.starts_with("Message")));
    assert_eq!((handler.network().failure(), network.failure()), (None, None));
}

#[test]
fn polls_that_fail_for_good_end_the_node_and_tell_why() {
    for (kind, tries) in [(ErrorKind::OutOfMemory, TRIES), (ErrorKind::Other, 1)] {
        let reason = Some(CloseReason::from(&kind.into()));
        let world = World::new(1, Faults::default());
        let (handler, listener, adapters) = world.node::<()>();
        let listen = adapters.listen_by(Framed::default, Limits::default());
        handler.network().listen(listen, ADDR).unwrap();
        adapters.fail_polls(u32::MAX, kind);
        listener.for_each(|_| panic!("no event"));
        assert_eq!(handler.network().failure(), reason);
        assert!(!handler.is_running());

        let (network, mut processor, adapters) = world.network();
        adapters.fail_polls(u32::MAX, kind);
        for _ in 0..tries {
            assert_eq!(network.failure(), None, "it is tried again");
            processor.process_poll_event(None, |_| panic!("no event"));
        }
        assert_eq!(network.failure(), reason);
        processor.process_poll_event(None, |_| panic!("no event")); // Does not wait.
    }
}

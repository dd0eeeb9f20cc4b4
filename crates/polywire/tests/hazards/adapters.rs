//! A panic of somebody else's adapter ends its endpoint, and nothing else.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire::adapter::{
    Accepting, Closing, Connect, Connection, Io, Listen, Listener, ListenerSink, Local, Opening,
    Received, Remote, SendFlags, Sender, Sink,
};
use polywire::network::{
    self, Endpoint, Name, NetEvent, NetworkController, RemoteAddr, SendStatus, Transport,
};
use polywire::{CloseReason, Limits};
use polywire_core::Readiness;

use crate::support::peers;
use crate::support::{DEADLINE, Node, StoredNetEvent, eventually};

const PAYLOAD: &str = "the adapter's own panic";

/// The call of an adapter in which it panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Register,
    Open,
    Receive,
    Flush,
    Heartbeat,
    Close,
    Accept,
    Send,
}

/// A transport that is ready at once, brings no messages and panics at that place.
#[derive(Clone, Copy)]
struct Faulty(Place);

impl Faulty {
    fn panic_at(self, place: Place) {
        if self.0 == place {
            resume_unwind(Box::new(PAYLOAD));
        }
    }
}

impl Connect for Faulty {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        Ok(Connection::new(*self, addr.clone(), addr.clone()))
    }
}

impl Listen for Faulty {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        Ok(Listener::new(*self, addr.clone()))
    }
}

impl Sender for Faulty {
    fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
        self.panic_at(Place::Send);
        SendStatus::Sent
    }
}

impl Remote for Faulty {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(*self)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::new(Limits::default().with_heartbeat(Duration::from_millis(10)))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.panic_at(Place::Register);
        io.registration.notifier().notify(Readiness::WRITABLE);
        Ok(())
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.panic_at(Place::Flush);
        Ok(())
    }

    fn heartbeat(&mut self, _: &mut Io<'_>) {
        self.panic_at(Place::Heartbeat);
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        self.panic_at(Place::Open);
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, _: &mut dyn Sink) -> Received {
        self.panic_at(Place::Receive);
        Received::Drained
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        self.panic_at(Place::Close);
        Closing::Done
    }
}

impl Local for Faulty {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        io.registration.notifier().notify(Readiness::READABLE);
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, _: &mut dyn ListenerSink) -> Accepting {
        self.panic_at(Place::Accept);
        Accepting::Drained
    }
}

/// Has the node call the adapter there. Returns what ends.
fn provoke(network: &NetworkController, place: Place) -> Endpoint {
    if place == Place::Accept {
        let (id, addr) = network.listen(Faulty(place), Name("faulty")).unwrap();
        return Endpoint::from_listener(id, addr);
    }
    network.connect(Faulty(place), "faulty").unwrap().0
}

/// What the program is told of an endpoint whose adapter panics there.
fn expected(place: Place, endpoint: Endpoint) -> Vec<StoredNetEvent> {
    let connected = |ok| StoredNetEvent::Connected(endpoint, ok);
    match place {
        Place::Register | Place::Open => vec![connected(false)],
        Place::Receive | Place::Flush | Place::Heartbeat => {
            vec![connected(true), StoredNetEvent::Disconnected(endpoint)]
        }
        Place::Close => vec![connected(true)], // Then the program removes it.
        Place::Accept | Place::Send => vec![],
    }
}

const ON_THE_LOOP: [Place; 7] = [
    Place::Register,
    Place::Open,
    Place::Receive,
    Place::Flush,
    Place::Heartbeat,
    Place::Close,
    Place::Accept,
];

fn assert_ended(network: &NetworkController, place: Place, endpoint: Endpoint) {
    match network.close_reason(endpoint) {
        Some(CloseReason::AdapterFault(text)) => {
            assert!(text.contains("Faulty") && text.contains(PAYLOAD), "{text}");
        }
        other => panic!("{place:?}: {other:?}"),
    }
    assert_eq!(network.send(endpoint, b"?"), SendStatus::ResourceNotFound, "{place:?}");
}

#[test]
fn a_panic_in_an_adapter_ends_its_endpoint_and_the_node_goes_on() {
    let node = Node::echo();
    let (_, addr) = node.listen(Transport::FramedTcp);
    let mut peer = peers::open(Transport::FramedTcp, addr);
    node.accepted();
    for place in ON_THE_LOOP {
        let endpoint = provoke(node.network(), place);
        for event in expected(place, endpoint) {
            assert_eq!(format!("{:?}", node.next()), format!("{event:?}"), "{place:?}");
        }
        if place == Place::Close {
            assert!(node.network().remove(endpoint.resource_id()));
        }
        let others = 2; // The listener and its connection.
        eventually("it is gone", || node.network().stats().endpoints == others);
        assert_ended(node.network(), place, endpoint);
        peer.write_all(&peers::frame(Transport::FramedTcp, b"hello")).unwrap();
        assert_eq!(peers::read_message(Transport::FramedTcp, &mut peer), b"hello");
        assert_eq!(node.message().1, b"hello");
    }
    node.assert_silent();
}

#[test]
fn a_panic_in_an_adapter_ends_its_endpoint_in_a_loop_that_is_driven_by_hand() {
    for place in ON_THE_LOOP {
        let (network, mut processor) = network::split();
        let endpoint = provoke(&network, place);
        let mut told = Vec::new();
        let start = Instant::now();
        while network.stats().endpoints > 0 {
            assert!(start.elapsed() < DEADLINE, "{place:?}");
            processor.process_poll_event(Some(Duration::from_millis(1)), |event| {
                told.push(StoredNetEvent::from(event));
                if place == Place::Close {
                    assert!(network.remove(endpoint.resource_id()));
                }
            });
        }
        let expected = expected(place, endpoint);
        assert_eq!(format!("{told:?}"), format!("{expected:?}"), "{place:?}");
        assert_ended(&network, place, endpoint);
    }
}

#[test]
fn a_panic_in_an_adapter_is_the_error_of_connect_sync() {
    let inside = Node::with(|handler, event| {
        if let NetEvent::Connected(..) = event {
            let result = handler.network().connect_sync(Faulty(Place::Open), "faulty");
            let reason = CloseReason::of(&result.unwrap_err()).cloned();
            assert!(matches!(reason, Some(CloseReason::AdapterFault(_))), "{reason:?}");
        }
    });
    let outside = inside.network().connect_sync(Faulty(Place::Open), "faulty");
    let reason = CloseReason::of(&outside.unwrap_err()).cloned();
    assert!(matches!(reason, Some(CloseReason::AdapterFault(_))), "{reason:?}");
    let endpoint = inside.connect_ready(Transport::Udp, "127.0.0.1:9".parse().unwrap());
    assert_eq!(inside.network().close_reason(endpoint), None);
}

#[test]
fn a_panic_in_an_adapters_send_is_its_callers_own() {
    let node = Node::echo();
    let (_, addr) = node.listen(Transport::FramedTcp);
    let (faulty, _) = node.network().connect(Faulty(Place::Send), "faulty").unwrap();
    node.next();
    let send = || node.network().send(faulty, b"x");
    assert!(catch_unwind(AssertUnwindSafe(send)).is_err());
    let mut client = peers::open(Transport::FramedTcp, addr);
    node.accepted();
    client.write_all(&peers::frame(Transport::FramedTcp, b"hello")).unwrap();
    assert_eq!(peers::read_message(Transport::FramedTcp, &mut client), b"hello");
}

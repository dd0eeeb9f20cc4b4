//! A panic of somebody else's adapter ends the node as one of the callback does.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use polywire::CloseReason;
use polywire::adapter::{
    Accepting, Closing, Connect, Connection, Io, Listen, Listener, ListenerSink, Local, Opening,
    Received, Registration, Remote, Sender, Sink,
};
use polywire::network::{Endpoint, Name, NetEvent, RemoteAddr, SendStatus, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};
use polywire_core::Readiness;

use crate::support::peers::{self, Unanswering};
use crate::support::{ANY_PORT, DEADLINE, Node, assert_free, eventually, in_time};

const PAYLOAD: &str = "the adapter's own panic";

/// The call of an adapter in which it panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Register,
    Open,
    Receive,
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
    fn send(&self, _: SocketAddr, _: &[u8]) -> SendStatus {
        self.panic_at(Place::Send);
        SendStatus::Sent
    }
}

impl Remote for Faulty {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(*self)
    }

    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        self.panic_at(Place::Register);
        Ok(())
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
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        registration.announcer().announce(Readiness::READABLE);
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, _: &mut dyn ListenerSink) -> Accepting {
        self.panic_at(Place::Accept);
        Accepting::Drained
    }
}

/// A node with one guest, whom the callback tells of.
fn host() -> (NodeHandler<()>, NodeTask, SocketAddr, mpsc::Receiver<Endpoint>) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(Transport::FramedTcp, ANY_PORT).unwrap();
    let (tell, accepted) = mpsc::channel();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
            tell.send(endpoint).unwrap();
        }
    });
    (handler, task, addr, accepted)
}

/// Has the node call the adapter there.
fn provoke(handler: &NodeHandler<()>, place: Place) {
    let network = handler.network();
    if place == Place::Accept {
        network.listen(Faulty(place), Name("faulty")).unwrap();
        return;
    }
    let (endpoint, _) = network.connect(Faulty(place), "faulty").unwrap();
    if place == Place::Close {
        network.remove(endpoint.resource_id());
    }
}

#[test]
fn row_24_a_panic_in_an_adapter_ends_the_node_and_lets_everybody_go() {
    let unanswering = Unanswering::new();
    for place in [Place::Register, Place::Open, Place::Receive, Place::Close, Place::Accept] {
        let (handler, mut task, addr, accepted) = host();
        let mut guest = peers::open(Transport::FramedTcp, addr);
        let endpoint = accepted.recv_timeout(DEADLINE).unwrap();
        let (inner, message) = (handler.clone(), vec![0; 1 << 20]);
        let send =
            thread::spawn(
                move || {
                    while inner.network().send(endpoint, &message) == SendStatus::Sent {}
                },
            );
        let (inner, nobody) = (handler.clone(), unanswering.addr);
        let connect =
            thread::spawn(move || inner.network().connect_sync(Transport::Tcp, nobody).is_err());
        eventually("both wait", || {
            let stats = handler.network().stats();
            stats.endpoints == 3 && stats.queued_bytes > 1 << 20
        });

        provoke(&handler, place);
        let panic = in_time(move || catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err());
        assert_eq!(panic.downcast_ref::<&str>(), Some(&PAYLOAD), "{place:?}");
        in_time(move || send.join().unwrap());
        assert!(in_time(move || connect.join().unwrap()), "{place:?}: nobody can have answered");
        assert!(!handler.is_running());
        assert_eq!(handler.network().stats().endpoints, 0, "{place:?}");
        peers::read_to_the_end(&mut guest);
        drop(guest);
        assert_free(Transport::FramedTcp, addr);
    }
}

#[test]
fn row_24_a_panic_in_an_adapters_send_is_its_callers_own() {
    let node = Node::echo();
    let (_, addr) = node.listen(Transport::FramedTcp);
    let (faulty, _) = node.network().connect(Faulty(Place::Send), "faulty").unwrap();
    node.next();
    let send = || node.network().send(faulty, b"x");
    assert!(catch_unwind(AssertUnwindSafe(send)).is_err());
    let mut guest = peers::open(Transport::FramedTcp, addr);
    node.accepted();
    guest.write_all(&peers::frame(Transport::FramedTcp, b"hello")).unwrap();
    assert_eq!(peers::read_message(Transport::FramedTcp, &mut guest), b"hello");
}

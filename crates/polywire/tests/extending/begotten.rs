//! Connections that come with another one, as streams of a multiplexed connection do; and a listener that ends
//! in its own time.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use polywire::adapter::{
    Accepting, Closing, Connect, Connection, Io, Listen, Listener, ListenerSink, Local, Opening,
    Received, Remote, SendFlags, Sender, Sink,
};
use polywire::network::{CloseReason, Endpoint, Message, Name, NetEvent, RemoteAddr, SendStatus};
use polywire_core::{Limits, Notifier, Readiness};

use crate::support::{Node, StoredNetEvent, eventually};

/// Streams that a parent has yet to hand out, and its limits.
#[derive(Clone, Default)]
struct Parent {
    streams: Arc<Mutex<Vec<u8>>>,
    notifier: Arc<Mutex<Option<Notifier>>>,
    max_streams: usize,
}

impl Parent {
    fn begin(&self, stream: u8) {
        self.streams.lock().unwrap().push(stream);
        self.notifier.lock().unwrap().as_ref().unwrap().notify(Readiness::READABLE);
    }
}

/// One stream: says its number, and has no more to say.
struct Stream(Option<u8>);

/// Takes all that is sent.
struct Sink0;

impl Sender for Sink0 {
    fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
        SendStatus::Sent
    }
}

impl Connect for Parent {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        Ok(Connection::new(self.clone(), addr.clone(), addr.clone()))
    }
}

impl Remote for Parent {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(Sink0)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::new(Limits::default().with_max_connections(self.max_streams))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        *self.notifier.lock().unwrap() = Some(io.registration.notifier());
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        for stream in self.streams.lock().unwrap().drain(..) {
            let name = || RemoteAddr::Str(format!("stream {stream}"));
            let _ = sink.accept(Connection::new(Stream(Some(stream)), name(), name()));
        }
        Received::Drained
    }
}

impl Remote for Stream {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(Sink0)
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        io.registration.notifier().notify(Readiness::READABLE);
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        if let Some(number) = self.0.take() {
            let _ = sink.message(Message::binary(&[number]), false);
        }
        Received::Drained
    }
}

#[test]
fn a_connection_begets_endpoints_within_its_limits_that_outlive_it() {
    let node = Node::new();
    let parent = Parent { max_streams: 2, ..Parent::default() };
    let endpoint = node.network().connect(parent.clone(), "parent").unwrap().0;
    assert!(matches!(node.next(), StoredNetEvent::Connected(e, true) if e == endpoint));

    let mut children = Vec::new();
    for stream in [1, 2] {
        parent.begin(stream);
        let StoredNetEvent::Accepted(child, of) = node.next() else { panic!("not accepted") };
        assert_eq!(of, endpoint.resource_id());
        let name = RemoteAddr::Str(format!("stream {stream}"));
        assert_eq!(node.network().remote_addr(child), Some(name));
        assert_eq!(node.message(), (child, vec![stream]));
        assert_eq!(node.network().send(child, b"x"), SendStatus::Sent);
        children.push(child);
    }
    parent.begin(3); // One too many.
    eventually("it is turned away", || node.network().stats().turned_away == 1);
    node.assert_silent();

    node.network().remove(children[0].resource_id());
    node.settle();
    parent.begin(4); // There is a place again.
    assert!(matches!(node.next(), StoredNetEvent::Accepted(..)));
    node.message();

    node.network().remove(endpoint.resource_id());
    node.settle();
    assert_eq!(node.network().is_ready(children[1].resource_id()), Some(true));
    assert_eq!(node.network().send(children[1], b"x"), SendStatus::Sent);
}

/// A listener whose end takes two steps.
#[derive(Clone, Default)]
struct Slow {
    steps: Arc<AtomicUsize>,
    notifier: Arc<Mutex<Option<Notifier>>>,
}

impl Listen for Slow {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        Ok(Listener::new(self.clone(), addr.clone()))
    }
}

impl Local for Slow {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        *self.notifier.lock().unwrap() = Some(io.registration.notifier());
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, _: &mut dyn ListenerSink) -> Accepting {
        assert_eq!(self.steps.load(Ordering::Relaxed), 0, "it has ended");
        Accepting::Drained
    }

    fn close(&mut self, _: &mut Io<'_>, reason: &CloseReason) -> Closing {
        assert!(matches!(reason, CloseReason::Removed | CloseReason::NodeStopped));
        match self.steps.fetch_add(1, Ordering::Relaxed) {
            0 => Closing::AwaitingPeer,
            _ => Closing::Done,
        }
    }
}

#[test]
fn a_listener_ends_in_steps() {
    let mut node = Node::with(|_, event| assert!(!matches!(event, NetEvent::Accepted(..))));
    let [removed, stopped] = [Slow::default(), Slow::default()];
    let (id, _) = node.network().listen(removed.clone(), Name("removed")).unwrap();
    node.network().listen(stopped.clone(), Name("stopped")).unwrap();
    node.settle();
    assert!(node.network().remove(id));
    eventually("it begins to end", || removed.steps.load(Ordering::Relaxed) == 1);
    let notifier = removed.notifier.lock().unwrap().clone().unwrap();
    notifier.notify(Readiness::READABLE);
    eventually("it has ended", || removed.steps.load(Ordering::Relaxed) == 2);
    assert_eq!(stopped.steps.load(Ordering::Relaxed), 0);
    node.stop();
    assert!(stopped.steps.load(Ordering::Relaxed) >= 1);
}

//! What the contract promises to a `Sender` that somebody else writes.

mod support;

use std::io;
use std::sync::{Arc, Mutex};

use polywire::CloseReason;
use polywire::adapter::{
    Accepting, Connect, Connection, Io, Listen, Listener, ListenerSink, Local, Opening, Received,
    Remote, SendFlags, Sender, Sink,
};
use polywire::network::{Endpoint, RemoteAddr, SendStatus};
use polywire_core::{Notifier, Readiness};

use support::{ANY_PORT, Node};

/// A connection whose first write fails.
#[derive(Clone, Default)]
struct Broken(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Who gave an notifier, in order.
    given: Vec<&'static str>,
    notifier: Option<Notifier>,
    failure: Option<CloseReason>,
    is_accepted: bool,
}

impl Broken {
    fn give(&self, by: &'static str, notifier: Notifier) {
        let mut state = self.0.lock().unwrap();
        state.given.push(by);
        state.notifier = Some(notifier);
    }

    fn given(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().given.clone()
    }

    fn connection(&self, addr: &RemoteAddr) -> Connection {
        Connection::new(self.clone(), addr.clone(), addr.clone())
    }
}

impl Connect for Broken {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        Ok(self.connection(addr))
    }
}

impl Sender for Broken {
    fn attach(&self, notifier: Notifier) {
        self.give("attach", notifier);
    }

    fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
        let mut state = self.0.lock().unwrap();
        if state.failure.is_none() {
            state.failure = Some(CloseReason::ProtocolViolation("the write failed".into()));
            state.notifier.as_ref().unwrap().notify(Readiness::WRITABLE);
        }
        SendStatus::ResourceNotFound
    }
}

impl Remote for Broken {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(self.clone())
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.give("register", io.registration.notifier());
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, _: &mut dyn Sink) -> Received {
        Received::Drained
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.0.lock().unwrap().failure.clone().map_or(Ok(()), Err)
    }
}

/// Listens, and accepts that one connection at once.
struct Accepts(Broken);

impl Listen for Accepts {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        Ok(Listener::new(Self(self.0.clone()), addr.clone()))
    }
}

impl Local for Accepts {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        io.registration.notifier().notify(Readiness::READABLE);
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        let is_accepted = std::mem::replace(&mut self.0.0.lock().unwrap().is_accepted, true);
        if !is_accepted {
            let _ = sink.accept(self.0.connection(&RemoteAddr::Str("peer".into())));
        }
        Accepting::Drained
    }
}

#[test]
fn a_sender_ends_its_endpoint_by_what_flush_returns_to_the_loop() {
    let (node, broken) = (Node::new(), Broken::default());
    let endpoint = node.connect_ready(&broken, ANY_PORT.parse().unwrap());
    assert_eq!(broken.given(), ["attach", "register"]);

    assert_eq!(node.network().send(endpoint, b"lost"), SendStatus::ResourceNotFound);
    let expected = CloseReason::ProtocolViolation("the write failed".into());
    assert_eq!(node.disconnected(endpoint), expected);
}

#[test]
fn the_sender_of_an_accepted_connection_gets_its_notifier_by_register_alone() {
    let (node, broken) = (Node::new(), Broken::default());
    node.listen(Accepts(broken.clone()));
    let endpoint = node.accepted();
    assert_eq!(broken.given(), ["register"]);

    node.network().send(endpoint, b"lost");
    node.disconnected(endpoint);
}

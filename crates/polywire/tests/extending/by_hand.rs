//! Connections and drivers without sockets: what the loop does about them.

use std::io;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polywire::adapter::{
    Accepting, Closing, Connect, Connection, Driver, Flow, Io, Listen, Listener, ListenerSink,
    Local, Opening, Received, Remote, SendFlags, Sender, Sink,
};
use polywire::network::{CloseReason, Endpoint, Message, RemoteAddr, SendStatus};
use polywire::{Backoff, Reconnecting};
use polywire_core::{Notifier, Readiness};

use crate::support::{DEADLINE, Node, StoredNetEvent, eventually, in_time};

const NOWHERE: &str = "127.0.0.1:9";

fn nowhere() -> RemoteAddr {
    RemoteAddr::Socket(NOWHERE.parse().unwrap())
}

/// What a connection does.
#[derive(Clone, Default)]
struct Plan {
    /// Never ready, and wants to be called at once again and again.
    is_hasty: bool,
    begun: Arc<Mutex<Option<Instant>>>,
    /// Brings another one when it is read.
    brings: Arc<Mutex<Vec<Self>>>,
    driver: Option<Driver>,
    /// How many of them there are.
    alive: Arc<()>,
    notifier: Arc<Mutex<Option<Notifier>>>,
    ends: Arc<Mutex<bool>>,
    /// Waits for this when it is closed.
    waits_for: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
    log: Arc<Mutex<Vec<&'static str>>>,
}

struct Hand(Plan);

struct Mute;

impl Sender for Mute {
    fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
        SendStatus::Sent
    }
}

impl Plan {
    fn connection(&self) -> Connection {
        let connection = Connection::new(Hand(self.clone()), nowhere(), nowhere());
        match &self.driver {
            Some(driver) => connection.with_driver(driver),
            None => connection,
        }
    }

    fn notify(&self, readiness: Readiness) {
        self.notifier.lock().unwrap().as_ref().unwrap().notify(readiness);
    }
}

impl Connect for Plan {
    fn connect(&self, _: &RemoteAddr) -> io::Result<Connection> {
        Ok(self.connection())
    }
}

impl Remote for Hand {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::new(Mute)
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        *self.0.notifier.lock().unwrap() = Some(io.registration.notifier());
        Ok(())
    }

    fn open(&mut self, io: &mut Io<'_>) -> Opening {
        if self.0.is_hasty {
            let begun = *self.0.begun.lock().unwrap().get_or_insert(io.now());
            io.set_deadline(Some(begun));
            return Opening::Handshaking;
        }
        Opening::Ready
    }

    fn receive(&mut self, _: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        for plan in self.0.brings.lock().unwrap().drain(..) {
            let _ = sink.message(Message::binary(b"here it comes"), true);
            let _ = sink.accept(plan.connection());
        }
        Received::Drained
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        if *self.0.ends.lock().unwrap() { Err(CloseReason::PeerClosed) } else { Ok(()) }
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        self.0.log.lock().unwrap().push("connection closes");
        let waits_for = self.0.waits_for.lock().unwrap();
        match waits_for.as_ref().map(mpsc::Receiver::try_recv) {
            Some(Err(mpsc::TryRecvError::Empty)) => Closing::Flushing,
            _ => Closing::Done,
        }
    }
}

#[test]
fn a_deadline_of_the_past_again_and_again_stops_nobody() {
    let node = Node::new();
    let hasty = Plan { is_hasty: true, ..Plan::default() };
    node.connect(hasty, NOWHERE.parse().unwrap());
    node.settle();
    node.connect_ready(Plan::default(), NOWHERE.parse().unwrap());
}

/// A parent that the program has paused, with a child of which it does not know.
fn with_untold_child(node: &Node) -> (Plan, Endpoint, Arc<()>) {
    let (parent, child) = (Plan::default(), Plan::default());
    let alive = Arc::clone(&child.alive);
    let endpoint = node.connect_ready(parent.clone(), NOWHERE.parse().unwrap());
    parent.brings.lock().unwrap().push(child);
    parent.notify(Readiness::READABLE);
    node.message();
    eventually("the child is there", || node.network().stats().endpoints == 2);
    node.assert_silent();
    (parent, endpoint, alive)
}

fn pausing() -> Node {
    Node::with(|handler, event| {
        if let polywire::network::NetEvent::Message(endpoint, _) = event {
            handler.network().pause(endpoint.resource_id());
        }
    })
}

#[test]
fn a_child_is_told_of_when_its_parent_is_resumed() {
    let node = pausing();
    let (_, parent, _) = with_untold_child(&node);
    node.network().resume(parent.resource_id());
    let StoredNetEvent::Accepted(_, by) = node.next() else { panic!("not accepted") };
    assert_eq!(by, parent.resource_id());
}

#[test]
fn a_child_that_nobody_was_told_of_goes_with_its_parent() {
    let node = pausing();
    let (_plan, parent, alive) = with_untold_child(&node);
    node.network().remove(parent.resource_id());
    eventually("the child is gone", || Arc::strong_count(&alive) == 1);
    node.assert_silent();
}

#[test]
fn a_child_that_nobody_was_told_of_goes_with_a_parent_that_ends() {
    let node = pausing();
    let (plan, parent, alive) = with_untold_child(&node);
    *plan.ends.lock().unwrap() = true;
    plan.notify(Readiness::WRITABLE);
    assert_eq!(node.disconnected(parent), CloseReason::PeerClosed);
    eventually("the child is gone", || Arc::strong_count(&alive) == 1);
    node.assert_silent();
}

/// A driver that gives its own sink what it must not.
struct Misled {
    notifier: Arc<Mutex<Option<Notifier>>>,
    log: Arc<Mutex<Vec<&'static str>>>,
}

impl Local for Misled {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        *self.notifier.lock().unwrap() = Some(io.registration.notifier());
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        self.log.lock().unwrap().push("driver reads");
        let flow = sink.message(NOWHERE.parse().unwrap(), Message::binary(b"astray"), false);
        assert_eq!(flow, Flow::Continue);
        let _ = sink.accept(Plan::default().connection());
        Accepting::Drained
    }

    fn close(&mut self, _: &mut Io<'_>, _: &CloseReason) -> Closing {
        self.log.lock().unwrap().push("driver closes");
        Closing::Done
    }
}

fn driven() -> (Plan, Arc<Mutex<Option<Notifier>>>) {
    let (notifier, log) = (Arc::<Mutex<_>>::default(), Arc::<Mutex<_>>::default());
    let misled = Misled { notifier: Arc::clone(&notifier), log: Arc::clone(&log) };
    let driver = Some(Driver::new(misled));
    (Plan { driver, log, ..Plan::default() }, notifier)
}

#[test]
fn what_a_driver_gives_its_own_sink_is_dropped() {
    let node = Node::new();
    let (plan, notifier) = driven();
    node.connect_ready(plan, NOWHERE.parse().unwrap());
    notifier.lock().unwrap().as_ref().unwrap().notify(Readiness::READABLE);
    node.assert_silent();
}

#[test]
fn at_a_stop_the_driver_outlives_whom_it_reads_for() {
    let mut node = Node::new();
    let (plan, _) = driven();
    let (done, waits_for) = mpsc::channel();
    *plan.waits_for.lock().unwrap() = Some(waits_for);
    node.connect_ready(plan.clone(), NOWHERE.parse().unwrap());
    let log = Arc::clone(&plan.log);
    let stopped = std::thread::spawn(move || {
        node.stop();
        node
    });
    eventually("it closes", || log.lock().unwrap().contains(&"connection closes"));
    assert!(!log.lock().unwrap().contains(&"driver closes"), "it still reads");
    done.send(()).unwrap();
    plan.notify(Readiness::READABLE);
    let begun = Instant::now();
    in_time(move || stopped.join().unwrap());
    assert!(begun.elapsed() < DEADLINE / 4);
    assert!(log.lock().unwrap().contains(&"driver closes"));
}

#[test]
fn a_driver_goes_on_between_the_connections_of_an_endpoint() {
    let node = Node::new();
    let (plan, _) = driven();
    let backoff = Backoff::default().with_first_delay(Duration::from_millis(1));
    let adapter = Reconnecting::new(plan.clone()).with_backoff(backoff);
    let endpoint = node.connect_ready(adapter, NOWHERE.parse().unwrap());
    for _ in 0..3 {
        *plan.ends.lock().unwrap() = true;
        plan.notify(Readiness::WRITABLE);
        assert_eq!(node.disconnected(endpoint), CloseReason::PeerClosed);
        *plan.ends.lock().unwrap() = false;
        assert!(matches!(node.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
    }
    assert!(!plan.log.lock().unwrap().contains(&"driver closes"));
    assert!(node.network().remove(endpoint.resource_id()));
    eventually("the driver goes", || plan.log.lock().unwrap().contains(&"driver closes"));
}

/// A listener that asks for something as it writes.
struct Asks {
    notifier: Arc<Mutex<Option<Notifier>>>,
    log: Arc<Mutex<Vec<&'static str>>>,
}

impl Listen for Asks {
    fn listen(&self, _: &RemoteAddr) -> io::Result<Listener> {
        let (notifier, log) = (Arc::clone(&self.notifier), Arc::clone(&self.log));
        Ok(Listener::new(Self { notifier, log }, nowhere()))
    }
}

impl Local for Asks {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        *self.notifier.lock().unwrap() = Some(io.registration.notifier());
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, _: &mut dyn ListenerSink) -> Accepting {
        Accepting::Drained
    }

    fn flush(&mut self, io: &mut Io<'_>) {
        io.set_deadline(Some(io.now()));
    }

    fn expire(&mut self, _: &mut Io<'_>) {
        self.log.lock().unwrap().push("expired");
    }
}

#[test]
fn a_paused_listener_gets_what_it_asks_for() {
    let node = Node::new();
    let asks = Asks { notifier: Arc::default(), log: Arc::default() };
    let (id, _) = node.network().listen(&asks, NOWHERE).unwrap();
    eventually("it is registered", || asks.notifier.lock().unwrap().is_some());
    node.network().pause(id);
    asks.notifier.lock().unwrap().as_ref().unwrap().notify(Readiness::BOTH);
    eventually("its deadline is over", || !asks.log.lock().unwrap().is_empty());
}

//! A node on scripted streams, and what must hold of it whatever the script does: contracts E1 to E5 and
//! E7 of `docs/contracts.md`.

mod connection;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arbitrary::Arbitrary;
use polywire_core::adapter::{
    Accepting, Connect, Connection, Io, Listen, Listener, ListenerSink, Local,
};
use polywire_core::address::RemoteAddr;
use polywire_core::network::{NetEvent, NetworkController, NetworkProcessor};
use polywire_testkit::{Faults, World};
use polywire_core::stream::Engine;
use polywire_core::{Limits, Notifier, Readiness, ResourceId};

use crate::peer::Pair;
use crate::stream::{Bite, SharedWire};

use connection::Conn;

/// Longer than any timeout of [`limits`].
const VERY_LONG: Duration = Duration::from_secs(100 * 3600);
const MOST_CONNECTIONS: usize = 4;

/// One thing that happens. `u8`s choose a connection.
#[derive(Arbitrary, Debug)]
pub enum Step {
    Turn,
    /// A turn that is not told what became ready.
    LateTurn,
    Connect,
    PeerConnects,
    /// A connect succeeds or fails.
    Outcome(u8, bool),
    PeerSends(u8, u16),
    /// Bytes that are not the peer's protocol's.
    Noise(u8, [u8; 6]),
    PeerEnds(u8),
    PeerResets(u8),
    Reads(u8, [Bite; 3]),
    Writes(u8, [Bite; 3]),
    Room(u8, u16),
    Spurious(u8, bool, bool),
    Do(Deed),
    /// Done by the callback at its next event.
    InCallback(Deed),
    Advance(u16),
}

/// What a program may do at any time.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Deed {
    Send(u8, u16),
    TrySend(u8, u16),
    Flush(u8),
    Remove(u8),
    Pause(u8),
    Resume(u8),
    RemoveListener,
}

/// A script and a setting.
#[derive(Arbitrary, Debug)]
pub struct Script {
    is_watched: bool,
    steps: Vec<Step>,
}

/// Runs a script, brings everything to its end, and asserts the contracts all the way.
pub fn run<P: Pair>(script: &Script) {
    let mut node = Node::<P>::new(script.is_watched);
    for step in script.steps.iter().take(100) {
        node.take(step);
    }
    node.finish();
}

fn limits(is_watched: bool) -> Limits {
    let limits = Limits::default()
        .with_outbox_soft_mark(1000)
        .with_outbox_hard_limit(6000)
        .with_read_budget(1100) // Four messages, however short.
        .with_stall_timeout(Duration::from_millis(5))
        .with_linger(VERY_LONG / 2);
    if !is_watched {
        return limits;
    }
    limits.with_idle_timeout(Duration::from_secs(30)).with_heartbeat(Duration::from_secs(10))
}

struct Node<P: Pair> {
    world: World,
    network: NetworkController,
    processor: NetworkProcessor,
    conns: Vec<Conn<P>>,
    listener: ResourceId,
    door: Arc<Mutex<Door>>,
    limits: Limits,
    deeds: Vec<Deed>,
}

impl<P: Pair> Node<P> {
    fn new(is_watched: bool) -> Self {
        let world = World::new(0, Faults::default());
        let (network, processor, _) = world.network();
        let door = Arc::new(Mutex::new(Door::default()));
        let limits = limits(is_watched);
        let adapter = ScriptedListen::<P>(Arc::clone(&door), limits.clone(), P::ours);
        let listener = network.listen(adapter, address(0)).expect("listening can't fail").0;
        let (conns, deeds) = (Vec::new(), Vec::new());
        let mut node = Self { world, network, processor, conns, listener, door, limits, deeds };
        node.take(&Step::Connect);
        node.take(&Step::PeerConnects);
        node
    }

    fn take(&mut self, step: &Step) {
        let count = self.conns.len();
        let conn = |who: u8, node: &mut Self| -> usize { usize::from(who) % node.conns.len() };
        match *step {
            Step::Turn => self.turn(true),
            Step::LateTurn => self.turn(false),
            Step::Connect if count < MOST_CONNECTIONS => self.connect(),
            Step::PeerConnects if count < MOST_CONNECTIONS => self.peer_connects(),
            Step::Connect | Step::PeerConnects => {}
            Step::Do(deed) => act(&self.network, self.listener, &mut self.conns, deed),
            Step::InCallback(deed) => self.deeds.push(deed),
            Step::Advance(ms) => self.world.advance(Duration::from_millis(ms.into())),
            Step::Outcome(who, ok) => {
                let who = conn(who, self);
                self.conns[who].decide(ok);
            }
            Step::PeerSends(who, len) => {
                let who = conn(who, self);
                self.conns[who].peer_sends(len);
            }
            Step::Noise(who, bytes) => {
                let who = conn(who, self);
                self.conns[who].noise(&bytes);
            }
            Step::PeerEnds(who) => {
                let who = conn(who, self);
                self.conns[who].peer_ends();
            }
            Step::PeerResets(who) => {
                let who = conn(who, self);
                self.conns[who].wire.lock().fail(io::ErrorKind::ConnectionReset);
            }
            Step::Reads(who, bites) => {
                let who = conn(who, self);
                self.conns[who].wire.lock().reads.extend(bites);
            }
            Step::Writes(who, bites) => {
                let who = conn(who, self);
                self.conns[who].wire.lock().writes.extend(bites);
            }
            Step::Room(who, bytes) => {
                let who = conn(who, self);
                self.conns[who].make_room(bytes.into());
            }
            Step::Spurious(who, readable, writable) => {
                let who = conn(who, self);
                self.conns[who].wire.tell(Readiness { readable, writable, ended: false });
            }
        }
    }

    fn connect(&mut self) {
        let conn = Conn::<P>::new(self.conns.len(), true);
        let adapter = ScriptedConnect::<P>(conn.wire.clone(), self.limits.clone(), P::ours);
        let (endpoint, _) = self.network.connect(adapter, address(self.conns.len())).unwrap();
        self.conns.push(conn.with_endpoint(endpoint));
    }

    fn peer_connects(&mut self) {
        let conn = Conn::<P>::new(self.conns.len(), false);
        let mut door = self.door.lock().unwrap();
        door.waiting.push((self.conns.len(), conn.wire.clone()));
        let notifier = door.notifier.clone();
        drop(door);
        if let Some(notifier) = notifier {
            notifier.notify(Readiness::READABLE);
        }
        self.conns.push(conn);
    }

    fn turn(&mut self, is_told: bool) {
        for conn in &mut self.conns {
            conn.peer_reads_and_answers();
            if is_told {
                conn.wire.tell(Readiness::default());
            }
        }
        let (network, listener, conns) = (&self.network, self.listener, &mut self.conns);
        let deeds = &mut self.deeds;
        self.processor.process_poll_event(Some(Duration::ZERO), |event| {
            let (NetEvent::Connected(endpoint, _)
            | NetEvent::Accepted(endpoint, _)
            | NetEvent::Message(endpoint, _)
            | NetEvent::Disconnected(endpoint)) = event;
            let at = usize::from(endpoint.addr().port());
            conns[at].observe(network, &event);
            if !deeds.is_empty() {
                act(network, listener, conns, deeds.remove(0));
            }
        });
    }

    /// Lets everything happen that is under way, without time passing.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..20_000 {
            let before: usize = self.conns.iter().map(Conn::progress).sum();
            self.turn(true);
            let after: usize = self.conns.iter().map(Conn::progress).sum();
            let is_due = self.conns.iter().any(|conn| conn.wire.lock().has_edge());
            quiet = if before == after && !is_due { quiet + 1 } else { 0 };
            if quiet == 8 {
                return;
            }
        }
        panic!("the node never comes to rest");
    }

    fn finish(mut self) {
        self.deeds.clear();
        for conn in &mut self.conns {
            conn.become_kind();
            if let Some(endpoint) = conn.endpoint.filter(|_| conn.paused) {
                self.network.resume(endpoint.resource_id());
            }
        }
        self.settle();
        self.conns.iter().for_each(|conn| conn.assert_nothing_is_stuck());
        self.conns.iter_mut().for_each(Conn::peer_ends);
        self.settle();
        self.network.remove(self.listener);
        for _ in 0..3 {
            self.world.advance(VERY_LONG);
            self.settle();
        }
        self.conns.iter().for_each(|conn| conn.assert_ended(&self.network));
        let stats = self.network.stats();
        assert_eq!((stats.endpoints, stats.queued_bytes), (0, 0));
    }
}

fn act<P: Pair>(
    network: &NetworkController,
    listener: ResourceId,
    conns: &mut [Conn<P>],
    deed: Deed,
) {
    let (Deed::Send(who, _)
    | Deed::TrySend(who, _)
    | Deed::Flush(who)
    | Deed::Remove(who)
    | Deed::Pause(who)
    | Deed::Resume(who)) = deed
    else {
        network.remove(listener);
        return;
    };
    let at = usize::from(who) % conns.len();
    let conn = &mut conns[at];
    let Some(endpoint) = conn.endpoint else { return };
    match deed {
        Deed::Send(_, len) => conn.send(len, |message| network.send(endpoint, message)),
        Deed::TrySend(_, len) => conn.send(len, |message| network.try_send(endpoint, message)),
        Deed::Flush(_) => network.flush(endpoint),
        Deed::Remove(_) => {
            let removed = network.remove(endpoint.resource_id());
            conn.was_removed(removed);
        }
        Deed::Pause(_) => {
            network.pause(endpoint.resource_id());
            conn.paused = true;
        }
        Deed::Resume(_) => {
            network.resume(endpoint.resource_id());
            conn.paused = false;
        }
        Deed::RemoveListener => {}
    }
}

fn address(number: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, number as u16))
}

fn remote_address(number: usize) -> RemoteAddr {
    RemoteAddr::Socket(address(number))
}

struct ScriptedConnect<P: Pair>(SharedWire, Limits, fn() -> P::Ours);

impl<P: Pair> Connect for ScriptedConnect<P> {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let engine = Engine::connecting(self.0.stream(), (self.2)(), self.1.clone());
        Ok(Connection::new(engine, addr.clone(), remote_address(0)))
    }
}

/// Who waits to be accepted.
#[derive(Default)]
struct Door {
    waiting: Vec<(usize, SharedWire)>,
    notifier: Option<Notifier>,
}

#[derive(Clone)]
struct ScriptedListen<P: Pair>(Arc<Mutex<Door>>, Limits, fn() -> P::Ours);

impl<P: Pair> Listen for ScriptedListen<P> {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let local = ScriptedListen::<P>(Arc::clone(&self.0), self.1.clone(), self.2);
        Ok(Listener::new(local, addr.clone()))
    }
}

impl<P: Pair> Local for ScriptedListen<P> {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let notifier = io.registration.notifier();
        notifier.notify(Readiness::READABLE);
        self.0.lock().unwrap().notifier = Some(notifier);
        Ok(())
    }

    fn ready(&mut self, _io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        let waiting = std::mem::take(&mut self.0.lock().unwrap().waiting);
        for (number, wire) in waiting {
            let engine = Engine::accepted(wire.stream(), (self.2)(), self.1.clone());
            let peer = remote_address(number);
            let _ = sink.accept(Connection::new(engine, peer, remote_address(0)));
        }
        Accepting::Drained
    }
}

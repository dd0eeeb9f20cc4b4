//! Time limits against a clock that only the test moves: each comes up exactly at its time.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use polywire_core::network::{NetworkController, NetworkProcessor, StoredNetEvent};
use polywire_core::stream::{Context, Decoded, Encoder, Frame, Item, Protocol};
use polywire_core::{CloseReason, Endpoint, Limits, Message, ResourceId};
use polywire_framed_tcp::Framed;
use polywire_testkit::{Faults, SimNode, World};

#[path = "simulated_time/heartbeats.rs"]
mod heartbeats;
#[path = "simulated_time/protocol_deadlines.rs"]
mod protocol_deadlines;
#[path = "simulated_time/reconnecting.rs"]
mod reconnecting;

const PORT: u16 = 3042;
/// Takes every connect and answers none.
const BLACK_HOLE: u16 = 9;
const TICK: Duration = Duration::from_millis(1);

struct Node {
    network: NetworkController,
    processor: NetworkProcessor,
    adapters: SimNode,
    events: Vec<StoredNetEvent>,
}

impl Node {
    fn new(world: &World) -> Self {
        let (network, processor, adapters) = world.network();
        Self { network, processor, adapters, events: Vec::new() }
    }

    fn connect(&self, limits: Limits, port: u16) -> Endpoint {
        let adapter = self.adapters.connect_by(Framed::default, limits);
        self.network.connect(adapter, (Ipv4Addr::LOCALHOST, port)).unwrap().0
    }

    fn listen(&self, limits: Limits) -> ResourceId {
        let adapter = self.adapters.listen_by(Framed::default, limits);
        self.network.listen(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap().0
    }

    /// One turn, and what the program gets in it.
    fn turn(&mut self) -> Vec<StoredNetEvent> {
        let events = &mut self.events;
        self.processor.process_poll_event(None, |event| events.push(event.into()));
        std::mem::take(events)
    }

    /// The one event that some turns bring.
    fn turn_for_one(&mut self) -> StoredNetEvent {
        let mut events: Vec<_> = (0..4).flat_map(|_| self.turn()).collect();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    fn assert_silent(&mut self) {
        for _ in 0..4 {
            assert!(matches!(self.turn()[..], []));
        }
    }
}

/// A server whose connections have these limits, a client, and the endpoint of each for the other.
fn connected(world: &World, limits: Limits) -> (Node, Node, Endpoint, Endpoint) {
    let (mut server, mut client) = (Node::new(world), Node::new(world));
    server.listen(limits);
    server.assert_silent();
    let to_server = client.connect(Limits::default(), PORT);
    client.assert_silent();
    let StoredNetEvent::Accepted(to_client, _) = server.turn_for_one() else { panic!() };
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(_, true)));
    (server, client, to_server, to_client)
}

/// Nothing happens until a tick before `time` is over; then `endpoint` ends for `reason`.
fn ends_exactly_after(
    world: &World,
    node: &mut Node,
    time: Duration,
    (endpoint, reason): (Endpoint, CloseReason),
) {
    world.advance(time - TICK);
    node.assert_silent();
    world.advance(TICK);
    let ended = node.turn_for_one();
    assert!(
        matches!(ended, StoredNetEvent::Disconnected(e) | StoredNetEvent::Connected(e, false)
            if e == endpoint),
        "{ended:?}"
    );
    assert_eq!(node.network.close_reason(endpoint), Some(reason));
}

#[test]
fn connects_that_nobody_answers_end_each_at_its_own_time() {
    let world = World::new(1, Faults::default());
    let mut client = Node::new(&world);
    let limits = |seconds| Limits::default().with_connect_timeout(Duration::from_secs(seconds));
    let [late, early] = [7, 3].map(|seconds| client.connect(limits(seconds), BLACK_HOLE));
    client.assert_silent();
    let reason = CloseReason::ConnectTimeout;
    ends_exactly_after(&world, &mut client, Duration::from_secs(3), (early, reason.clone()));
    ends_exactly_after(&world, &mut client, Duration::from_secs(4), (late, reason));
    assert_eq!(world.open_sockets(), 0);
}

/// A protocol whose handshake nobody finishes, or that has none and counts the signs of life it is
/// told to ask for.
#[derive(Clone, Default)]
struct Mute {
    open: bool,
    heartbeats: Arc<AtomicUsize>,
}

impl Encoder for Mute {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl Protocol for Mute {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        self.clone()
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        self.open
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let item = match self.open {
            true => return Ok(Decoded { consumed: input.len(), item: Item::Skip }),
            false => Item::Incomplete { needed: input.len() + 1 },
        };
        Ok(Decoded { consumed: 0, item })
    }

    fn heartbeat(&mut self, _: &mut Context<'_>) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn handshakes_end_at_their_time_on_both_sides() {
    let world = World::new(1, Faults::default());
    let (mut server, mut client) = (Node::new(&world), Node::new(&world));
    let limits = |seconds| Limits::default().with_handshake_timeout(Duration::from_secs(seconds));
    let listen = server.adapters.listen_by(Mute::default, limits(5));
    server.network.listen(listen, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    server.assert_silent();
    let connect = client.adapters.connect_by(Mute::default, limits(2));
    let (endpoint, _) = client.network.connect(connect, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    let keeper = client.connect(Limits::default(), PORT);
    client.assert_silent();
    server.assert_silent();
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(e, true) if e == keeper));

    let reason = CloseReason::HandshakeTimeout;
    ends_exactly_after(&world, &mut client, Duration::from_secs(2), (endpoint, reason));
    server.assert_silent();
    assert_eq!(server.network.stats().refused, 1, "the one that the client gave up");
    world.advance(Duration::from_secs(3) - TICK);
    server.assert_silent();
    assert_eq!(server.network.stats().refused, 1);
    world.advance(TICK);
    server.assert_silent();
    assert_eq!(server.network.stats().refused, 2, "the one that stayed silent");
}

#[test]
fn silence_ends_at_the_idle_time_and_every_byte_defers_it() {
    let idle = Duration::from_secs(10);
    let world = World::new(1, Faults::default());
    let limits = Limits::default().with_idle_timeout(idle);
    let (mut server, mut client, to_server, to_client) = connected(&world, limits);
    for _ in 0..5 {
        world.advance(idle - TICK);
        server.assert_silent();
        client.network.send(to_server, b"I live");
        client.assert_silent();
        assert!(matches!(server.turn_for_one(), StoredNetEvent::Message(..)));
    }
    // What this side sends is no sign of the peer.
    server.network.send(to_client, b"do you?");
    ends_exactly_after(&world, &mut server, idle, (to_client, CloseReason::IdleTimeout));
}

/// A peer that sends the beginning of a message.
fn begin_message(world: &World, bytes: &[u8]) -> Node {
    let mut node = Node::new(world);
    let raw = Mute { open: true, ..Mute::default() };
    let adapter = node.adapters.connect_by(move || raw.clone(), Limits::default());
    let (endpoint, _) = node.network.connect(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    node.network.send(endpoint, bytes);
    node.assert_silent();
    node
}

#[test]
fn a_message_that_does_not_go_on_ends_at_its_time_whatever_the_idle_time() {
    let message = Duration::from_secs(3);
    let limits = Limits::default().with_message_timeout(message).with_min_message_rate(0);
    for limits in [
        limits.clone(),
        limits.clone().with_idle_timeout(Duration::from_secs(60)),
        limits.with_heartbeat(Duration::from_secs(50)),
    ] {
        let world = World::new(1, Faults::default());
        let mut server = Node::new(&world);
        server.listen(limits);
        server.assert_silent();
        let mut client = begin_message(&world, &[100, 1]);
        let StoredNetEvent::Accepted(accepted, _) = server.turn_for_one() else { panic!() };
        let StoredNetEvent::Connected(endpoint, true) = client.turn_for_one() else { panic!() };
        server.assert_silent();
        for _ in 0..5 {
            world.advance(message - TICK);
            client.network.send(endpoint, &[1]);
            client.assert_silent();
            server.assert_silent();
        }
        let reason = CloseReason::MessageTimeout;
        ends_exactly_after(&world, &mut server, message, (accepted, reason));
    }
}

#[test]
fn a_message_that_drips_ends_when_its_time_is_over_and_one_at_the_least_rate_arrives() {
    let message = Duration::from_secs(30);
    for (bytes, is_whole) in [(1, false), (900, false), (1100, true)] {
        let world = World::new(1, Faults::default());
        let mut server = Node::new(&world);
        server.listen(Limits::default());
        server.assert_silent();
        let mut client = begin_message(&world, &[0x80, 0x80, 0x40, 1]);
        let StoredNetEvent::Accepted(accepted, _) = server.turn_for_one() else { panic!() };
        let StoredNetEvent::Connected(endpoint, true) = client.turn_for_one() else { panic!() };
        server.assert_silent();
        for _ in 0..message.as_secs() - 1 {
            world.advance(Duration::from_secs(1));
            client.network.send(endpoint, &vec![1; bytes]);
            client.assert_silent();
            server.assert_silent();
        }
        if is_whole {
            world.advance(Duration::from_secs(1));
            server.assert_silent();
        } else {
            let last = Duration::from_secs(1);
            let reason = CloseReason::MessageTimeout;
            ends_exactly_after(&world, &mut server, last, (accepted, reason));
        }
    }
}

#[test]
fn a_message_that_begins_long_after_the_idle_time_was_armed_ends_at_its_own() {
    let world = World::new(1, Faults::default());
    let limits = Limits::default()
        .with_message_timeout(Duration::from_secs(3))
        .with_idle_timeout(Duration::from_secs(60));
    let mut server = Node::new(&world);
    server.listen(limits);
    server.assert_silent();
    let mut client = Node::new(&world);
    let raw = Mute { open: true, ..Mute::default() };
    let adapter = client.adapters.connect_by(move || raw.clone(), Limits::default());
    let (endpoint, _) = client.network.connect(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    client.assert_silent();
    let StoredNetEvent::Accepted(accepted, _) = server.turn_for_one() else { panic!() };
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(_, true)));

    world.advance(Duration::from_secs(20));
    client.network.send(endpoint, &[100]);
    client.assert_silent();
    server.assert_silent();
    let end = (accepted, CloseReason::MessageTimeout);
    ends_exactly_after(&world, &mut server, Duration::from_secs(3), end);
}

#[test]
fn what_came_while_the_callback_took_its_time_is_seen_before_any_limit() {
    let idle = Duration::from_secs(10);
    let world = World::new(1, Faults::default());
    let limits = Limits::default().with_idle_timeout(idle);
    let (mut server, mut client, to_server, _) = connected(&world, limits);
    world.advance(idle / 2);
    client.network.send(to_server, b"just in time");
    client.assert_silent();
    world.advance(idle); // The server has not run since.
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Message(..)));
    server.assert_silent();
}

#[test]
fn a_connect_that_was_answered_while_the_callback_took_its_time_is_not_given_up() {
    let world = World::new(1, Faults::default());
    let (mut server, mut client) = (Node::new(&world), Node::new(&world));
    server.listen(Limits::default());
    server.assert_silent();
    let endpoint = client.connect(Limits::default(), PORT);
    client.assert_silent();
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Accepted(..)));
    world.advance(Duration::from_secs(60)); // The client has not run since.
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(e, true) if e == endpoint));
}

/// The callback learns of one time that is over, and removes what another was over for at once.
#[test]
fn what_is_removed_as_its_connect_times_out_still_has_its_linger_time() {
    let world = World::new(1, Faults::default());
    let mut client = Node::new(&world);
    let linger = Duration::from_secs(2);
    let limits = Limits::default().with_connect_timeout(TICK).with_linger(linger);
    let [_, removed] = [(); 2].map(|()| client.connect(limits.clone(), BLACK_HOLE));
    client.network.send(removed, b"before remove");
    client.processor.process_poll_event(Some(Duration::ZERO), |_| panic!("too early"));
    world.advance(TICK);
    let network = client.network.clone();
    client.processor.process_poll_event(Some(Duration::ZERO), |_| {
        assert!(network.remove(removed.resource_id()));
    });
    world.advance(linger - TICK);
    client.processor.process_poll_event(Some(Duration::ZERO), |_| panic!("it was removed"));
    assert_eq!(client.network.close_reason(removed), Some(CloseReason::Removed));
    world.advance(TICK);
    client.processor.process_poll_event(Some(Duration::ZERO), |_| panic!("it was removed"));
    assert_eq!(client.network.close_reason(removed), Some(CloseReason::LingerTimeout));
}

#[test]
fn a_hundred_thousand_deadlines_cost_nothing_until_the_first_is_due() {
    const COUNT: usize = 100_000;
    let limit = Duration::from_secs(100);
    let world = World::new(1, Faults::default());
    let mut client = Node::new(&world);
    let connect = |node: &Node, limit| {
        node.connect(Limits::default().with_connect_timeout(limit), BLACK_HOLE)
    };
    let first = connect(&client, limit);
    for _ in 1..COUNT {
        connect(&client, 2 * limit);
    }
    while client.network.stats().endpoints < COUNT || client.adapters.wait() != Some(limit) {
        client.assert_silent();
    }
    // The loop wants to sleep until the first deadline, and not a moment less.
    world.advance(limit / 4);
    client.assert_silent();
    assert_eq!(client.adapters.wait(), Some(limit - limit / 4));
    let rest = limit - limit / 4;
    ends_exactly_after(&world, &mut client, rest, (first, CloseReason::ConnectTimeout));
    client.assert_silent();
    assert_eq!(client.adapters.wait(), Some(limit));

    world.advance(limit);
    let ended: usize = (0..4).map(|_| client.turn().len()).sum();
    assert_eq!(ended, COUNT - 1);
    assert_eq!(client.network.stats().endpoints, 0);
    assert_eq!(client.adapters.wait(), None, "nothing is armed any more");
}

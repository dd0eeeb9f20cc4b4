//! Pings, lifetimes and streamed messages against a clock that only the test moves.

use std::net::Ipv4Addr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use polywire_core::address::ToRemoteAddr;
use polywire_core::network::{NetworkController, NetworkProcessor, SendStatus, StoredNetEvent};
use polywire_core::{Backoff, CloseReason, Endpoint, Limits, Reconnecting, ResourceId};
use polywire_testkit::{Faults, SimNode, World};
use polywire_ws::{
    Answer, BINARY_START, CONTINUATION, CONTINUATION_END, Close, Ping, Response, RoundTrip,
    WsConnectConfig, WsListenConfig, WsProtocol, WsRequest, WsUrl,
};

const PORT: u16 = 3042;
const TICK: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

struct Node {
    network: NetworkController,
    processor: NetworkProcessor,
    adapters: SimNode,
}

impl Node {
    fn new(world: &World) -> Self {
        let (network, processor, adapters) = world.network();
        Self { network, processor, adapters }
    }

    fn listen(&self, config: &WsListenConfig) {
        let (limits, config) = (config.tcp.limits.clone(), config.clone());
        let protocol = move || WsProtocol::server(&config).unwrap();
        let adapter = self.adapters.listen_by(protocol, limits);
        self.network.listen(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    }

    fn connect(&self, config: &WsConnectConfig, backoff: Option<Backoff>) -> Endpoint {
        let url = WsUrl::parse(&"ws://localhost:3042/".to_remote_addr().unwrap()).unwrap();
        let (limits, config) = (config.tcp.limits.clone(), config.clone());
        let protocol = move || WsProtocol::client(&url, &config).unwrap();
        let adapter = self.adapters.connect_by(protocol, limits);
        let addr = (Ipv4Addr::LOCALHOST, PORT);
        let ids = match backoff {
            None => self.network.connect(adapter, addr),
            Some(backoff) => {
                self.network.connect(Reconnecting::new(adapter).with_backoff(backoff), addr)
            }
        };
        ids.unwrap().0
    }

    fn turn(&mut self) -> Vec<StoredNetEvent> {
        let mut events = Vec::new();
        self.processor.process_poll_event(None, |event| events.push(event.into()));
        events
    }
}

/// What both get until nothing is under way.
fn settle(server: &mut Node, client: &mut Node) -> (Vec<StoredNetEvent>, Vec<StoredNetEvent>) {
    let mut events = (Vec::new(), Vec::new());
    for _ in 0..8 {
        events.0.extend(server.turn());
        events.1.extend(client.turn());
    }
    events
}

struct Pair {
    world: World,
    server: Node,
    client: Node,
    to_server: Endpoint,
    to_client: Endpoint,
}

impl Pair {
    fn new(listen: &WsListenConfig, connect: &WsConnectConfig) -> Self {
        Self::with(listen, connect, None)
    }

    fn with(listen: &WsListenConfig, connect: &WsConnectConfig, backoff: Option<Backoff>) -> Self {
        let world = World::new(1, Faults::default());
        let (mut server, mut client) = (Node::new(&world), Node::new(&world));
        server.listen(listen);
        server.turn();
        let to_server = client.connect(connect, backoff);
        let (accepted, connected) = settle(&mut server, &mut client);
        let [StoredNetEvent::Accepted(to_client, _)] = accepted[..] else { panic!("{accepted:?}") };
        assert!(matches!(connected[..], [StoredNetEvent::Connected(_, true)]), "{connected:?}");
        Self { world, server, client, to_server, to_client }
    }

    /// What the server's and the client's program get until nothing is under way.
    fn settle(&mut self) -> (Vec<StoredNetEvent>, Vec<StoredNetEvent>) {
        settle(&mut self.server, &mut self.client)
    }

    fn assert_silent(&mut self) {
        let events = self.settle();
        assert!(matches!((&events.0[..], &events.1[..]), ([], [])), "{events:?}");
    }

    /// Milliseconds until the server's connection ends, which it does by itself.
    fn server_ends_after(&mut self, most: Duration) -> Duration {
        let mut passed = Duration::ZERO;
        while passed < most {
            self.world.advance(TICK);
            passed += TICK;
            let events = self.server.turn();
            if matches!(events[..], [StoredNetEvent::Disconnected(e)] if e == self.to_client) {
                return passed;
            }
            assert!(matches!(events[..], []), "{events:?}");
            self.client.turn();
        }
        panic!("it goes on");
    }
}

#[test]
fn the_time_of_a_round_trip_is_told_at_both_ends() {
    let listen = WsListenConfig::default().with_round_trips(true);
    let mut pair = Pair::new(&listen, &WsConnectConfig::default());
    assert!(pair.server.network.info::<RoundTrip>(pair.to_client).is_none());
    for millis in [7, 3] {
        let id = pair.to_client.resource_id();
        assert!(pair.server.network.control(id, Ping::new("hello").unwrap()));
        pair.server.turn();
        pair.world.advance(Duration::from_millis(millis));
        pair.assert_silent();
        let trip = pair.server.network.info::<RoundTrip>(pair.to_client).unwrap();
        assert_eq!(trip.time, Duration::from_millis(millis));
    }
    // A client always knows.
    let id = pair.to_server.resource_id();
    pair.client.network.control(id, Ping::default());
    pair.client.turn();
    pair.world.advance(2 * SECOND);
    pair.assert_silent();
    let trip = pair.client.network.info::<RoundTrip>(pair.to_server).unwrap();
    assert_eq!(trip.time, 2 * SECOND);
}

#[test]
fn a_peer_is_pinged_at_its_interval_and_lives_as_long_as_it_answers() {
    let listen = WsListenConfig::default().with_ping_interval(4 * SECOND);
    assert_eq!(listen.tcp.limits.idle_timeout, Some(8 * SECOND));
    let mut pair = Pair::new(&listen, &WsConnectConfig::default());
    let mut answers = Vec::new();
    for _ in 0..600 {
        pair.world.advance(100 * TICK);
        pair.assert_silent();
        let trip = pair.server.network.info::<RoundTrip>(pair.to_client);
        answers.extend(trip.map(|trip| trip.at));
    }
    answers.dedup();
    assert!((14..=20).contains(&answers.len()), "{} in a minute", answers.len());

    // From now on the client does not run.
    let mut passed = Duration::ZERO;
    let ended = loop {
        pair.world.advance(100 * TICK);
        passed += 100 * TICK;
        let events = pair.server.turn();
        if !events.is_empty() {
            break events;
        }
    };
    assert!(matches!(ended[..], [StoredNetEvent::Disconnected(e)] if e == pair.to_client));
    let reason = pair.server.network.close_reason(pair.to_client);
    assert_eq!(reason, Some(CloseReason::IdleTimeout));
    assert!((4 * SECOND..=8 * SECOND).contains(&passed), "{passed:?}");
}

#[test]
fn a_connection_ends_with_its_lifetime_and_the_client_comes_back() {
    const LIFETIME: Duration = Duration::from_secs(60);
    let listen = WsListenConfig::default().with_max_lifetime(LIFETIME);
    let backoff = Backoff::default().with_first_delay(SECOND).with_jitter(0.0);
    let mut pair = Pair::with(&listen, &WsConnectConfig::default(), Some(backoff));
    let lived = pair.server_ends_after(LIFETIME);
    assert!(lived >= LIFETIME - LIFETIME / 10, "{lived:?}");
    let reason = pair.server.network.close_reason(pair.to_client);
    assert_eq!(reason, Some(CloseReason::MaxLifetime));
    let (_, events) = pair.settle();
    assert!(matches!(events[..], [StoredNetEvent::Disconnected(_)]), "{events:?}");
    let reason = pair.client.network.close_reason(pair.to_server);
    let text = String::new();
    assert_eq!(reason, Some(CloseReason::PeerClosedWith { code: 1001, text }));
    pair.world.advance(SECOND);
    let (accepted, connected) = pair.settle();
    assert!(matches!(accepted[..], [StoredNetEvent::Accepted(..)]), "{accepted:?}");
    assert!(matches!(connected[..], [StoredNetEvent::Connected(_, true)]), "{connected:?}");
}

#[test]
fn a_client_s_own_lifetime_is_no_reason_not_to_come_back() {
    let connect = WsConnectConfig::default().with_max_lifetime(10 * SECOND);
    let backoff = Backoff::default().with_first_delay(SECOND).with_jitter(0.0);
    let mut pair = Pair::with(&WsListenConfig::default(), &connect, Some(backoff));
    pair.world.advance(10 * SECOND);
    let (_, events) = pair.settle();
    assert!(matches!(events[..], [StoredNetEvent::Disconnected(_)]), "{events:?}");
    let reason = pair.client.network.close_reason(pair.to_server);
    assert_eq!(reason, Some(CloseReason::MaxLifetime));
    pair.world.advance(SECOND);
    let (_, events) = pair.settle();
    assert!(matches!(events[..], [StoredNetEvent::Connected(_, true)]), "{events:?}");
    // What the program itself closes ends for good.
    let id = pair.to_server.resource_id();
    pair.client.network.control(id, Close::new(4000, "").unwrap());
    let (_, events) = pair.settle();
    assert!(matches!(events[..], [StoredNetEvent::Disconnected(_)]), "{events:?}");
    assert_eq!(pair.client.network.is_ready(id), None);
    pair.world.advance(60 * SECOND);
    assert!(matches!(pair.client.turn()[..], []));
}

/// A client that connects again and again, to a server that has its first request and has not answered it yet,
/// which the program then closes. Beside both: the connection that the server is to answer.
fn closed_while_it_shakes_hands(connect: &WsConnectConfig) -> (World, Node, Node, ResourceId) {
    let (asked, requests) = mpsc::channel();
    let asked = Mutex::new(asked);
    let listen = WsListenConfig::default()
        .with_limits(Limits::default().with_handshake_timeout(3600 * SECOND))
        .with_on_request(move |request: &WsRequest| {
            asked.lock().unwrap().send(request.resource_id()).unwrap();
            Answer::Later
        });
    let world = World::new(1, Faults::default());
    let (mut server, mut client) = (Node::new(&world), Node::new(&world));
    server.listen(&listen);
    server.turn();
    let backoff = Backoff::default().with_first_delay(SECOND).with_jitter(0.0);
    let endpoint = client.connect(connect, Some(backoff));
    let events = settle(&mut server, &mut client);
    assert!(matches!((&events.0[..], &events.1[..]), ([], [])), "{events:?}");
    let asking = requests.try_recv().unwrap();
    assert!(client.network.control(endpoint.resource_id(), Close::new(4000, "done").unwrap()));
    let events = settle(&mut server, &mut client);
    assert!(matches!((&events.0[..], &events.1[..]), ([], [])), "{events:?}");
    (world, server, client, asking)
}

/// The client's attempt fails just now, and there is no other.
fn assert_ends_for_good(world: &World, server: &mut Node, client: &mut Node) {
    let (_, events) = settle(server, client);
    let [StoredNetEvent::Connected(endpoint, false)] = events[..] else { panic!("{events:?}") };
    let closed = CloseReason::ClosedWith { code: 4000, text: "done".into() };
    assert_eq!(client.network.close_reason(endpoint), Some(closed));
    assert_eq!(client.network.is_ready(endpoint.resource_id()), None);
    for _ in 0..60 {
        world.advance(SECOND);
        let events = settle(server, client);
        assert!(matches!((&events.0[..], &events.1[..]), ([], [])), "{events:?}");
    }
    assert_eq!(server.network.stats().endpoints, 1, "the listener alone");
}

#[test]
fn what_the_program_closed_is_not_opened_again_when_its_handshake_is_refused() {
    let (world, mut server, mut client, asking) =
        closed_while_it_shakes_hands(&WsConnectConfig::default());
    server.network.control(asking, Response::text(403, "no"));
    assert_ends_for_good(&world, &mut server, &mut client);
}

#[test]
fn what_the_program_closed_is_not_opened_again_when_its_handshake_takes_too_long() {
    let limits = Limits::default().with_handshake_timeout(5 * SECOND);
    let connect = WsConnectConfig::default().with_limits(limits);
    let (world, mut server, mut client, _) = closed_while_it_shakes_hands(&connect);
    world.advance(5 * SECOND);
    assert_ends_for_good(&world, &mut server, &mut client);
}

#[test]
fn the_lifetimes_of_connections_accepted_at_once_do_not_end_at_once() {
    const COUNT: usize = 2000;
    let world = World::new(1, Faults::default());
    let (mut server, mut client) = (Node::new(&world), Node::new(&world));
    server.listen(&WsListenConfig::default().with_max_lifetime(20 * SECOND));
    server.turn();
    for _ in 0..COUNT {
        client.connect(&WsConnectConfig::default(), None);
    }
    let mut accepted = 0;
    while accepted < COUNT {
        let (events, _) = settle(&mut server, &mut client);
        accepted += events.len();
    }
    world.advance(17 * SECOND);
    assert!(matches!(server.turn()[..], []), "none goes before nine tenths of it");
    let (mut most, mut ended) = (0, 0);
    for _ in 0..3000 {
        world.advance(TICK);
        let events = server.turn();
        most = most.max(events.len());
        ended += events.len();
    }
    assert_eq!(ended, COUNT);
    // Evenly over a tenth of it, one in a millisecond does.
    assert!(most <= 4, "{most} in one millisecond");
}

#[test]
fn a_streamed_message_may_take_its_time_between_pieces() {
    let listen = WsListenConfig::default().with_fragments(true);
    let connect = WsConnectConfig::default().with_fragments(true);
    let mut pair = Pair::new(&listen, &connect);
    let mut kind = BINARY_START;
    for _ in 0..5 {
        let network = &pair.client.network;
        assert_eq!(network.send_as(pair.to_server, kind, b"piece"), SendStatus::Sent);
        kind = CONTINUATION;
        let (events, _) = pair.settle();
        assert!(matches!(events[..], [StoredNetEvent::Message(..)]), "{events:?}");
        pair.world.advance(300 * SECOND);
        pair.assert_silent();
    }
    assert_eq!(
        pair.client.network.send_as(pair.to_server, CONTINUATION_END, b""),
        SendStatus::Sent
    );
    let (events, _) = pair.settle();
    assert!(matches!(events[..], [StoredNetEvent::Message(..)]), "{events:?}");
    pair.world.advance(300 * SECOND);
    pair.assert_silent();
}

//! Framed connections in a simulated world: the real loop, engine and protocol on fake sockets,
//! fake readiness and fake time. A failure names its seed, and that seed fails again.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use polywire_core::network::{NetEvent, NetworkController, NetworkProcessor, StoredNetEvent};
use polywire_core::{CloseReason, Endpoint, Limits};
use polywire_framed_tcp::Framed;
use polywire_testkit::{Faults, SimNode, Wire, World, for_each_seed, random_world, removal_world};

const PORT: u16 = 3042;

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

    fn connect(&self, limits: Limits, port: u16) -> std::io::Result<Endpoint> {
        let adapter = self.adapters.connect_by(Framed::default, limits);
        let addr = (Ipv4Addr::LOCALHOST, port);
        self.network.connect(adapter, addr).map(|(endpoint, _)| endpoint)
    }

    fn listen(&self) {
        let adapter = self.adapters.listen_by(Framed::default, Limits::default());
        self.network.listen(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    }

    fn turn(&mut self) {
        let events = &mut self.events;
        self.processor.process_poll_event(Some(Duration::ZERO), |event| events.push(event.into()));
    }

    /// Answers each message, as an echo server does in its callback.
    fn turn_echoing(&mut self) {
        let (network, events) = (&self.network, &mut self.events);
        self.processor.process_poll_event(Some(Duration::ZERO), |event| {
            if let NetEvent::Message(endpoint, message) = event {
                network.send(endpoint, message);
            }
            events.push(event.into());
        });
    }
}

/// What one run of `clients` connections that each send `messages` and close looks like.
fn run(seed: u64, faults: Faults) -> (Vec<StoredNetEvent>, Vec<StoredNetEvent>) {
    let world = World::new(seed, faults);
    let (mut server, mut client) = (Node::new(&world), Node::new(&world));
    server.listen();
    server.turn(); // The listener is known to the poller from here on.
    let endpoints: Vec<_> =
        (0..3).map(|_| client.connect(Limits::default(), PORT).unwrap()).collect();
    for round in 0..30 {
        for &endpoint in &endpoints {
            let len = world.choose(3 * 4096);
            client.network.send(endpoint, &vec![round; len]);
        }
        for _ in 0..world.choose(6) {
            if world.choose(2) == 0 { server.turn_echoing() } else { client.turn() }
        }
    }
    settle(&world, &mut server, &mut client);
    for &endpoint in &endpoints {
        client.network.remove(endpoint.resource_id());
    }
    settle(&world, &mut server, &mut client);
    (server.events, client.events)
}

/// Runs both nodes until nothing happens any more.
fn settle(world: &World, server: &mut Node, client: &mut Node) {
    let mut quiet = 0;
    for _ in 0..100_000 {
        server.turn_echoing();
        client.turn();
        quiet = if world.is_quiet() { quiet + 1 } else { 0 };
        if quiet == 20 {
            return;
        }
    }
    panic!("the world never comes to rest");
}

/// The messages of each endpoint, and in which order its events came.
fn by_endpoint(events: &[StoredNetEvent]) -> HashMap<Endpoint, (String, Vec<Vec<u8>>)> {
    let mut all: HashMap<Endpoint, (String, Vec<Vec<u8>>)> = HashMap::new();
    for event in events {
        let (endpoint, letter, message) = match event {
            StoredNetEvent::Connected(endpoint, true) => (endpoint, 'C', None),
            StoredNetEvent::Connected(endpoint, false) => (endpoint, 'F', None),
            StoredNetEvent::Accepted(endpoint, _) => (endpoint, 'A', None),
            StoredNetEvent::Message(endpoint, message) => (endpoint, 'M', Some(message)),
            StoredNetEvent::Disconnected(endpoint) => (endpoint, 'D', None),
        };
        let (letters, messages) = all.entry(*endpoint).or_default();
        if letter != 'M' || !letters.ends_with('M') {
            letters.push(letter);
        }
        messages.extend(message.cloned());
    }
    all
}

#[test]
fn an_unkind_network_loses_nothing_and_keeps_every_order() {
    for seed in 0..60 {
        let (server, client) = run(seed, Faults::UNKIND);
        let (server, client) = (by_endpoint(&server), by_endpoint(&client));
        assert_eq!((server.len(), client.len()), (3, 3), "seed {seed}");
        for (letters, messages) in client.values() {
            assert_eq!(letters, "CM", "seed {seed}");
            assert_eq!(messages.len(), 30, "seed {seed}");
            for (round, message) in messages.iter().enumerate() {
                assert!(message.iter().all(|&byte| usize::from(byte) == round), "seed {seed}");
            }
        }
        for (letters, messages) in server.values() {
            assert_eq!(letters, "AMD", "seed {seed}");
            assert_eq!(messages.len(), 30, "seed {seed}");
        }
    }
}

#[test]
fn under_resets_each_endpoint_ends_once_and_nothing_follows() {
    for seed in 0..60 {
        let (server, client) = run(seed, Faults::UNKIND.with_reset(20));
        for (letters, _) in by_endpoint(&client).values().chain(by_endpoint(&server).values()) {
            let allowed = ["C", "CM", "CMD", "CD", "F", "A", "AM", "AMD", "AD"];
            assert!(allowed.contains(&letters.as_str()), "seed {seed}: {letters}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [1, 77, 4242] {
        let faults = Faults::UNKIND.with_reset(5);
        let texts = [run(seed, faults), run(seed, faults)].map(|events| format!("{events:?}"));
        assert_eq!(texts[0], texts[1], "seed {seed}");
    }
    assert_ne!(format!("{:?}", run(1, Faults::UNKIND)), format!("{:?}", run(2, Faults::UNKIND)));
}

fn wire() -> Wire {
    Wire::new(Framed::default, Framed::default, true)
}

#[test]
fn what_is_removed_or_paused_is_named_by_no_event() {
    for_each_seed(100, |seed| {
        removal_world(&wire(), seed);
    });
}

#[test]
fn the_contracts_hold_whatever_happens_in_a_random_world() {
    for_each_seed(100, |seed| {
        random_world(&wire(), seed);
    });
}

/// An event that was kept for the program was told after a removal whose rest could not be sent.
#[test]
fn the_contracts_hold_in_a_world_that_once_broke_one() {
    random_world(&wire(), 129_837);
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [2, 3, 77] {
        assert_eq!(random_world(&wire(), seed), random_world(&wire(), seed), "seed {seed}");
    }
    assert_ne!(random_world(&wire(), 2), random_world(&wire(), 3));
}

/// The peer's message and its end arrived together, before the connect was noticed.
#[test]
fn an_end_that_comes_along_with_the_connect_is_not_forgotten() {
    for seed in 0..20 {
        let world = World::new(seed, Faults::default());
        let (mut server, mut client) = (Node::new(&world), Node::new(&world));
        server.listen();
        server.turn();
        client.connect(Limits::default(), PORT).unwrap();
        client.turn();
        while server.events.is_empty() {
            server.turn();
        }
        let [StoredNetEvent::Accepted(endpoint, _)] = server.events[..] else { panic!() };
        server.network.send(endpoint, b"goodbye");
        server.network.remove(endpoint.resource_id());
        server.turn();
        settle(&world, &mut server, &mut client);
        let letters: Vec<_> = by_endpoint(&client.events).into_values().collect();
        assert_eq!(letters[0].0, "CMD", "seed {seed}");
    }
}

#[test]
fn a_connect_that_nobody_answers_ends_exactly_at_its_timeout() {
    let world = World::new(1, Faults::default());
    let mut client = Node::new(&world);
    let limits = Limits::default().with_connect_timeout(Duration::from_secs(7));
    let endpoint = client.connect(limits, 9).unwrap();
    client.turn();
    world.advance(Duration::from_millis(6_999));
    client.turn();
    assert!(client.events.is_empty());
    world.advance(Duration::from_millis(1));
    client.turn();
    assert!(
        matches!(client.events[..], [StoredNetEvent::Connected(told, false)] if told == endpoint)
    );
    assert_eq!(client.network.close_reason(endpoint), Some(CloseReason::ConnectTimeout));
    assert_eq!(world.open_sockets(), 0);
}

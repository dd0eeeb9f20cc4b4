//! When silent peers are asked for a sign of life.

use super::*;

const HEARTBEAT: Duration = Duration::from_secs(4);

/// A server whose silent peers are asked, `peers` of them, and how often any of them was.
fn asking(world: &World, peers: usize, limits: Limits) -> (Node, Node, Arc<AtomicUsize>) {
    let (mut server, mut client) = (Node::new(world), Node::new(world));
    let mute = Mute { open: true, ..Mute::default() };
    let heartbeats = Arc::clone(&mute.heartbeats);
    let listen = server.adapters.listen_by(move || mute.clone(), limits);
    server.network.listen(listen, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    server.assert_silent();
    for _ in 0..peers {
        client.connect(Limits::default(), PORT);
    }
    let mut accepted = 0;
    while accepted < peers {
        client.turn();
        let events = server.turn();
        accepted += events.iter().filter(|it| matches!(it, StoredNetEvent::Accepted(..))).count();
    }
    (server, client, heartbeats)
}

#[test]
fn signs_of_life_are_asked_for_at_each_interval_of_silence() {
    let world = World::new(1, Faults::default());
    let limits =
        Limits::default().with_heartbeat(HEARTBEAT).with_idle_timeout(Duration::from_secs(10));
    let (mut server, _client, heartbeats) = asking(&world, 1, limits);
    let mut asked_at = Vec::new();
    for millis in 1..10_000 {
        world.advance(TICK);
        assert!(matches!(server.turn()[..], []));
        if heartbeats.load(Ordering::Relaxed) > asked_at.len() {
            asked_at.push(millis);
        }
    }
    let [first, second, rest @ ..] = &asked_at[..] else { panic!("{asked_at:?}") };
    assert!((3000..=4000).contains(first), "{asked_at:?}");
    assert_eq!(*second, 2 * first, "each at the same interval");
    assert!(rest.len() < 2 && rest.iter().all(|third| *third == 3 * first), "{asked_at:?}");
    world.advance(TICK);
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Disconnected(_)));
}

#[test]
fn peers_accepted_at_once_are_not_asked_at_once() {
    const PEERS: usize = 10_000;
    let world = World::new(1, Faults::default());
    let (mut server, _client, heartbeats) =
        asking(&world, PEERS, Limits::default().with_heartbeat(HEARTBEAT));
    world.advance(HEARTBEAT / 4 * 3 - TICK);
    server.assert_silent();
    assert_eq!(heartbeats.load(Ordering::Relaxed), 0);
    let (mut before, mut most) = (0, 0);
    for _ in 0..=1000 {
        world.advance(TICK);
        assert!(matches!(server.turn()[..], []));
        let asked = heartbeats.load(Ordering::Relaxed);
        most = most.max(asked - before);
        before = asked;
    }
    assert_eq!(before, PEERS, "each is asked once within the interval");
    // Evenly over a quarter of it, 10 in a millisecond are.
    assert!(most <= 30, "{most} in one millisecond");
}

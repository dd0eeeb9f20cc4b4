//! Removal and pausing over UDP, at random moments: nothing that waits in a socket or was read already
//! names what is removed or paused.

use std::net::{SocketAddr, UdpSocket};

use polywire::network::NetworkController;

use super::*;

const ROUNDS: u64 = if cfg!(polywire_sanitized) {
    50
} else if cfg!(debug_assertions) {
    250
} else {
    1000
};
const STEPS: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Live,
    Paused,
    Removed,
}

struct Resource {
    id: ResourceId,
    /// Where what is sent to it goes.
    addr: SocketAddr,
    stage: Stage,
    sent: u32,
    heard: u32,
}

/// Two listeners and two connections of one network, and a peer that sends to all of them.
struct World {
    network: NetworkController,
    peer: UdpSocket,
    resources: Vec<Resource>,
    seed: u64,
    random: u64,
}

impl World {
    fn new(network: &NetworkController, seed: u64) -> Self {
        let peer = UdpSocket::bind(LOCALHOST).unwrap();
        let addr = peer.local_addr().unwrap();
        let listen = || network.listen(Transport::Udp, LOCALHOST).unwrap();
        let connect = || {
            let (endpoint, local) = network.connect(Transport::Udp, addr).unwrap();
            (endpoint.resource_id(), local)
        };
        let resources = [listen(), listen(), connect(), connect()]
            .map(|(id, addr)| Resource { id, addr, stage: Stage::Live, sent: 0, heard: 0 })
            .into();
        let random = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { network: network.clone(), peer, resources, seed, random }
    }

    /// Less than `end`.
    fn random(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % end
    }

    fn send_some(&mut self) {
        for _ in 0..self.random(6) {
            let number = self.random(self.resources.len());
            let resource = &mut self.resources[number];
            self.peer.send_to(&resource.sent.to_le_bytes(), resource.addr).unwrap();
            resource.sent += 1;
        }
    }

    fn act(&mut self) {
        let (number, act) = (self.random(self.resources.len()), self.random(8));
        let resource = &mut self.resources[number];
        let is_known = resource.stage != Stage::Removed;
        match act {
            0 => {
                assert_eq!(self.network.remove(resource.id), is_known, "seed {}", self.seed);
                resource.stage = Stage::Removed;
            }
            1..5 if is_known => {
                self.network.pause(resource.id);
                resource.stage = Stage::Paused;
            }
            _ if is_known => {
                self.network.resume(resource.id);
                resource.stage = Stage::Live;
            }
            _ => {}
        }
    }

    fn hear(&mut self, event: &NetEvent<'_>) {
        let (endpoint, message) = match *event {
            NetEvent::Message(endpoint, message) => (endpoint, Some(message)),
            NetEvent::Connected(endpoint, true) => (endpoint, None),
            _ => panic!("seed {}: {event:?}", self.seed),
        };
        let id = endpoint.resource_id();
        let resource = self.resources.iter_mut().find(|resource| resource.id == id).unwrap();
        assert_ne!(resource.stage, Stage::Removed, "seed {}: {event:?}", self.seed);
        if let Some(message) = message {
            assert_eq!(resource.stage, Stage::Live, "seed {}: {event:?}", self.seed);
            assert_eq!(message, resource.heard.to_le_bytes(), "seed {}", self.seed);
            resource.heard += 1;
        }
    }

    fn resume_all(&mut self) {
        for resource in self.resources.iter_mut().filter(|it| it.stage == Stage::Paused) {
            self.network.resume(resource.id);
            resource.stage = Stage::Live;
        }
    }

    /// Whether everything has come that is still to come.
    fn is_done(&self) -> bool {
        let mut live = self.resources.iter().filter(|it| it.stage != Stage::Removed);
        live.all(|resource| resource.heard == resource.sent)
    }
}

#[test]
fn no_datagram_names_what_is_removed_or_paused_in_a_loop_that_is_driven_by_hand() {
    for seed in 0..ROUNDS {
        let (network, mut processor) = network::split();
        let mut world = World::new(&network, seed);
        let mut turn = |world: &mut World, acts: bool| {
            processor.process_poll_event(Some(Duration::ZERO), |event| {
                world.hear(&event);
                if acts && world.random(3) == 0 {
                    world.act();
                }
            });
        };
        for _ in 0..STEPS {
            world.send_some();
            turn(&mut world, true);
            if world.random(4) == 0 {
                world.act();
            }
        }
        world.resume_all();
        eventually("all of it comes", || {
            turn(&mut world, false);
            world.is_done()
        });
    }
}

#[test]
fn no_datagram_names_what_a_callback_or_a_signal_has_removed_or_paused() {
    /// What the program tells itself.
    enum Told {
        Step(usize),
        Act,
    }
    for seed in 0..ROUNDS {
        let (handler, listener) = node::split();
        let mut world = World::new(handler.network(), seed);
        let signals = handler.signals();
        signals.send(Told::Step(0));
        let start = std::time::Instant::now();
        listener.for_each(|event| {
            assert!(start.elapsed() < DEADLINE, "seed {seed}");
            match event {
                NodeEvent::Network(event) => {
                    world.hear(&event);
                    match world.random(6) {
                        0 => world.act(),
                        1 => signals.send_with_priority(Told::Act),
                        _ => {}
                    }
                }
                NodeEvent::Signal(Told::Act) => world.act(),
                NodeEvent::Signal(Told::Step(step)) if step < STEPS => {
                    world.send_some();
                    if world.random(4) == 0 {
                        world.act();
                    }
                    signals.send(Told::Step(step + 1));
                }
                NodeEvent::Signal(Told::Step(step)) => {
                    world.resume_all();
                    match world.is_done() {
                        true => handler.stop(),
                        false => signals.send(Told::Step(step)),
                    }
                }
            }
        });
    }
}

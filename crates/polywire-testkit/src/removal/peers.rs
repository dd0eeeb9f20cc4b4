//! The nodes at the other ends.

use std::time::Duration;

use polywire_core::{Endpoint, Limits};

use crate::host::Host;
use crate::removal::actions::{MAX_CONNECTS, send_last_words, some_endpoint, some_len};
use crate::removal::phase::Phase;
use crate::removal::ports::{PEER_PORTS, PORTS};
use crate::{Faults, Wire, World};

/// Times that they act.
const STEPS: usize = 60;
/// Turns in a row in which nothing was under way, after which time passes.
const QUIET_TURNS: usize = 3;
/// Times that it does until the world is at rest, each longer than an accept is put off.
const PAUSES: usize = 4;
const PAUSE: Duration = Duration::from_millis(101);
/// Far more than a world takes to come to rest.
const MAX_TURNS: usize = 20_000;

pub(super) struct Peers {
    world: World,
    wire: Wire,
    limits: Limits,
    pub(super) hosts: Vec<Host>,
    phase: Phase,
    /// In this phase.
    steps: usize,
    quiet: usize,
    pauses: usize,
}

impl Peers {
    pub(super) fn new(world: &World, (wire, limits): (&Wire, &Limits)) -> Self {
        let mut hosts: Vec<_> = PEER_PORTS.map(|_| Host::new(world, wire)).collect();
        for (host, port) in hosts.iter_mut().zip(PEER_PORTS) {
            host.listen(wire, limits.clone(), port).expect("nobody else listens there");
        }
        Self {
            world: world.clone(),
            wire: wire.clone(),
            limits: limits.clone(),
            hosts,
            phase: Phase::Acting,
            steps: 0,
            quiet: 0,
            pauses: 0,
        }
    }

    /// What they do next. Returns the phase that the world enters now, if it does.
    pub(super) fn go_on(&mut self) -> Option<Phase> {
        self.steps += 1;
        assert!(self.steps < MAX_TURNS, "the world never comes to rest: {}", self.world.unrest());
        if self.phase == Phase::Acting {
            self.act();
            return (self.steps >= STEPS).then(|| self.enter(Phase::Resting));
        }
        self.hosts.iter_mut().for_each(|host| host.turn(|_, _| {}));
        if self.phase == Phase::Over {
            return None;
        }
        self.quiet = if self.world.is_quiet() { self.quiet + 1 } else { 0 };
        if self.quiet < QUIET_TURNS {
            return None;
        }
        self.quiet = 0;
        self.pauses += 1;
        if self.pauses < PAUSES {
            self.world.advance(PAUSE);
            return None;
        }
        Some(self.enter(match self.phase {
            Phase::Resting => Phase::LastWords,
            _ => Phase::Over,
        }))
    }

    fn enter(&mut self, phase: Phase) -> Phase {
        (self.phase, self.steps, self.quiet, self.pauses) = (phase, 0, 0, 0);
        match phase {
            Phase::Resting => {
                self.world.set_faults(Faults::default());
                self.hosts.iter_mut().for_each(Host::resume_all);
            }
            Phase::LastWords => self.hosts.iter_mut().for_each(send_last_words),
            Phase::Acting | Phase::Over => {}
        }
        phase
    }

    fn act(&mut self) {
        self.world.advance(Duration::from_millis(self.world.choose(6) as u64));
        for index in 0..self.hosts.len() {
            for _ in 0..self.world.choose(6) {
                self.step(index);
            }
        }
    }

    fn step(&mut self, index: usize) {
        let (host, world) = (&mut self.hosts[index], &self.world);
        let any = some_endpoint(host, world);
        match (world.choose(100), any) {
            (0..40, _) => host.turn(|_, _| {}),
            (40..60, _) if host.endpoints.len() < MAX_CONNECTS => {
                let port = PORTS.start + world.choose(PORTS.len()) as u16;
                host.connect(&self.wire, (self.limits.clone(), port), None);
            }
            (60..88, Some(endpoint)) => send_some(host, world, endpoint),
            (88..91, Some(endpoint)) => host.remove(endpoint),
            (91..94, Some(endpoint)) => host.pause(endpoint.resource_id()),
            (94..100, Some(endpoint)) => host.resume(endpoint.resource_id()),
            _ => {}
        }
    }
}

/// Several messages that may arrive together.
fn send_some(host: &mut Host, world: &World, endpoint: Endpoint) {
    for _ in 0..1 + world.choose(4) {
        host.send(endpoint, some_len(world), false);
    }
}

//! What the nodes of a random world do.

use std::sync::Arc;
use std::time::Duration;

use polywire_core::Endpoint;
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::reconnect::Backoff;

use crate::World;
use crate::chaos::nodes::{Chaos, HOSTS, lock};
use crate::host::{Host, MAX_MESSAGE_BYTES, TrackState};

/// The port of the first node; the others have the next ones.
const PORT: u16 = 4000;
/// Endpoints that one node opens at most.
const MAX_CONNECTS: usize = 12;

impl Chaos<'_> {
    /// One thing happens.
    pub(super) fn step(&mut self) {
        let index = self.world.choose(HOSTS);
        match self.world.choose(100) {
            0..45 => self.turn(index),
            45..63 => self.act(index, |host, world, endpoint| {
                let len = some_len(world);
                host.send(endpoint, len, true);
            }),
            63..67 => self.act(index, |host, world, endpoint| {
                let len = some_len(world);
                host.send(endpoint, len, false);
            }),
            67..70 => self.act(index, |host, world, endpoint| {
                for _ in 0..world.choose(20) {
                    let len = some_len(world);
                    host.send(endpoint, len, false);
                }
            }),
            70..80 => self.connect(index),
            80..82 => self.act(index, |host, _, endpoint| host.remove(endpoint)),
            82..85 => self.act(index, |host, _, endpoint| host.pause(endpoint.resource_id())),
            85..90 => self.act(index, |host, _, endpoint| host.resume(endpoint.resource_id())),
            90 => self.listen(index),
            91 => self.act(index, |host, _, endpoint| host.network.flush(endpoint)),
            92..97 => self.world.advance(Duration::from_millis(self.world.choose(20) as u64)),
            97 => self.jump(),
            98 if self.world.choose(8) == 0 => self.stop(index),
            _ => self.turn_all(),
        }
        self.check_memory(&self.host(index));
    }

    fn turn_all(&self) {
        for index in 0..HOSTS {
            self.turn(index);
        }
    }

    fn jump(&self) {
        if !self.is_gentle {
            self.world.advance(Duration::from_millis(self.world.choose(3000) as u64));
        }
    }

    fn act(&self, index: usize, act: impl FnOnce(&mut Host, &World, Endpoint)) {
        let mut host = self.host(index);
        if let Some(endpoint) = some_endpoint(&host, &self.world) {
            act(&mut host, &self.world, endpoint);
        }
    }

    fn connect(&self, index: usize) {
        let mut host = self.host(index);
        if host.endpoints.len() < MAX_CONNECTS {
            connect(&mut host, self);
        }
    }

    /// Listens, or ceases to.
    pub(super) fn listen(&mut self, index: usize) {
        let mut host = self.host(index);
        if let Err(error) = host.listen(self.wire, self.limits.clone(), PORT + index as u16) {
            let is_expected = !host.is_running() || error.kind() == std::io::ErrorKind::AddrInUse;
            assert!(is_expected, "{error}");
        }
    }

    /// A turn in which the callback does something with some of the events.
    fn turn(&self, index: usize) {
        let mut host = self.host(index);
        host.turn(|host, event| self.answer(host, event));
        if host.stopped && host.is_running() {
            drop(host);
            self.stop(index);
        }
    }

    fn answer(&self, host: &mut Host, event: &NetEvent<'_>) {
        let world = &self.world;
        let (NetEvent::Connected(endpoint, _)
        | NetEvent::Accepted(endpoint, _)
        | NetEvent::Message(endpoint, _)
        | NetEvent::Disconnected(endpoint)) = *event;
        match event {
            NetEvent::Disconnected(_) => {
                let status = host.send(endpoint, 0, true);
                let track = &host.endpoints[&endpoint.resource_id().raw()];
                assert!(track.state != TrackState::Ended || status == SendStatus::ResourceNotFound);
            }
            NetEvent::Message(_, message) if world.choose(4) == 0 => {
                host.send(endpoint, message.len(), world.choose(2) == 0);
            }
            NetEvent::Accepted(..) | NetEvent::Connected(_, true) if world.choose(3) == 0 => {
                host.send(endpoint, 100, true);
            }
            _ => {}
        }
        match world.choose(400) {
            0..4 => host.remove(endpoint),
            4..6 => host.pause(endpoint.resource_id()),
            6..10 if host.endpoints.len() < MAX_CONNECTS => connect(host, self),
            10..14 => {
                if let Some(other) = some_endpoint(host, world) {
                    host.remove(other);
                }
            }
            14..60 => {
                if let Some(other) = some_endpoint(host, world) {
                    let len = some_len(world);
                    host.send(other, len, true);
                }
            }
            60..63 if host.is_first() => host.stop_inside(),
            _ => {}
        }
    }

    /// Stops a node while the others go on.
    pub(super) fn stop(&self, index: usize) {
        if !self.host(index).is_running() {
            return;
        }
        let others = self.hosts.iter().enumerate().filter(|(other, _)| *other != index);
        let others: Vec<_> = others.map(|(_, host)| Arc::clone(host)).collect();
        self.world.while_waiting(Some(Box::new(move || {
            for host in &others {
                lock(host).turn(|_, _| {});
            }
        })));
        let mut host = self.host(index);
        host.note("stops".into());
        host.stop();
        drop(host);
        self.world.while_waiting(None);
    }
}

fn connect(host: &mut Host, chaos: &Chaos<'_>) {
    let world = &chaos.world;
    let port = match world.choose(20) {
        0 => 9,
        1 => PORT + 100,
        _ => PORT + world.choose(HOSTS) as u16,
    };
    let backoff = Backoff::default()
        .with_first_delay(Duration::from_millis(10))
        .with_max_delay(Duration::from_millis(50))
        .with_jitter(0.0);
    let backoff = (world.choose(4) == 0).then_some(backoff);
    let limits = chaos.limits.clone();
    host.connect(chaos.wire, (limits, port), backoff);
}

/// Any endpoint the node ever had.
fn some_endpoint(host: &Host, world: &World) -> Option<Endpoint> {
    let count = host.endpoints.len();
    let track = host.endpoints.values().nth(world.choose(count))?;
    Some(track.endpoint)
}

fn some_len(world: &World) -> usize {
    match world.choose(20) {
        0..13 => world.choose(200),
        13..19 => world.choose(3 * 4096),
        _ => world.choose(MAX_MESSAGE_BYTES),
    }
}

//! The nodes of a random world, and what its seed has made of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use polywire_core::{Limits, NodeLimits, WhenFull};

use crate::host::{Host, MAX_MESSAGE_BYTES};
use crate::{Faults, Wire, World};

/// Nodes of a world.
pub(super) const HOSTS: usize = 3;
/// Bytes on the way to one node are fewer.
const MAX_BYTES_IN_FLIGHT: usize = 1 << 20;

/// A world of several nodes, and what its seed has made of it.
pub(super) struct Chaos<'a> {
    pub(super) world: World,
    pub(super) wire: &'a Wire,
    pub(super) hosts: Vec<Arc<Mutex<Host>>>,
    /// Nothing breaks and nothing is short: all that is sent must arrive.
    pub(super) is_gentle: bool,
    pub(super) limits: Limits,
    pub(super) max_buffered: usize,
    pub(super) begun: Instant,
}

impl<'a> Chaos<'a> {
    pub(super) fn new(wire: &'a Wire, seed: u64) -> Self {
        let is_gentle = seed % 2 == 0;
        let gentle = Faults { exhausted: 100, ..Faults::UNKIND };
        let faults = if is_gentle { gentle } else { Faults::HOSTILE };
        let world = World::new(seed, faults);
        let is_tight = !is_gentle && world.choose(2) == 0;
        let max_buffered = if is_tight { 100_000 } else { NodeLimits::default().max_buffered };
        let hosts = (0..HOSTS).map(|_| {
            let host = Host::new(&world, wire);
            host.network.set_limits(&NodeLimits::default().with_max_buffered(max_buffered));
            Arc::new(Mutex::new(host))
        });
        let hosts = hosts.collect();
        let limits = if is_tight { tight_limits(&world) } else { Limits::default() };
        let begun = world.clock.now();
        Self { world, wire, hosts, is_gentle, limits, max_buffered, begun }
    }

    pub(super) fn host(&self, index: usize) -> MutexGuard<'_, Host> {
        lock(&self.hosts[index])
    }

    /// Faults end, everybody reads again, time passes only for what is tried again later.
    pub(super) fn come_to_rest(&mut self) {
        self.world.set_faults(Faults::default());
        for host in &self.hosts {
            lock(host).resume_all();
        }
        for _ in 0..4 {
            self.settle();
            self.world.advance(Duration::from_millis(101));
        }
        self.settle();
    }

    /// Lets all nodes do what they can do at once.
    fn settle(&self) {
        let mut quiet = 0;
        // A node that may read a few bytes in a turn needs many of them.
        let budget = self.limits.read_budget;
        let until_seen = 3 + self.wire.held_by_layer / budget;
        let enough = 3000 + (MAX_BYTES_IN_FLIGHT + self.wire.held_by_layer) / budget;
        for turn in 0.. {
            assert!(turn < enough, "the world never comes to rest: {}", self.world.unrest());
            for host in &self.hosts {
                lock(host).turn(|_, _| {});
            }
            quiet = if self.world.is_quiet() { quiet + 1 } else { 0 };
            if quiet == until_seen {
                return;
            }
        }
    }

    /// What the node may hold at most: besides what is counted before it is taken, one message for
    /// each connection that was idle.
    pub(super) fn check_memory(&self, host: &Host) {
        let idle = host.network.stats().endpoints * (MAX_MESSAGE_BYTES + 64);
        assert!(host.held() <= self.max_buffered.saturating_add(idle), "more than may be held");
    }
}

/// Limits that a world of a few messages reaches.
fn tight_limits(world: &World) -> Limits {
    let mut limits = Limits::default()
        .with_outbox_soft_mark(8 << 10)
        .with_outbox_hard_limit(64 << 10)
        .with_stall_timeout(Duration::from_millis(20))
        .with_linger(Duration::from_millis(300))
        .with_message_timeout(Duration::from_secs(1))
        .with_read_budget(1 + world.choose(10_000))
        .with_max_handshakes(1 + world.choose(3))
        .with_max_connections(2 + world.choose(4));
    if world.choose(2) == 0 {
        limits = limits.with_idle_timeout(Duration::from_secs(2));
        limits = limits.with_heartbeat(Duration::from_millis(700));
    }
    if world.choose(2) == 0 {
        limits = limits.with_when_full(WhenFull::Wait);
    }
    limits
}

pub(super) fn lock(host: &Mutex<Host>) -> MutexGuard<'_, Host> {
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

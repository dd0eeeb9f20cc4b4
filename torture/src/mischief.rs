//! The clients that misbehave: each a script drawn from the seed of the run and the client's index.

mod client;
mod deaf;
mod drip;
mod flood;
mod forged_length;
mod frames;
mod garbage;
mod giant_header;
mod half_close;
mod handshakes;
mod hoard;
mod holders;
mod pings;
mod reset;
mod silent;
mod slow_download;
mod storm;
mod udp;
mod ws_frames;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::random::Random;
use crate::server::Way;
use client::Client;

/// Clients that misbehave at a time.
const THREADS: usize = 32;
/// Sockets they have open at a time, all together.
const MAX_SOCKETS: i64 = 280;

/// A way to misbehave.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How often it is drawn, among all others.
    weight: u64,
    run: fn(&mut Client<'_>),
}

pub(crate) const KINDS: [Kind; 17] = [
    Kind { name: "reset", weight: 12, run: reset::run },
    Kind { name: "half-close", weight: 10, run: half_close::run },
    Kind { name: "garbage", weight: 10, run: garbage::run },
    Kind { name: "giant-header", weight: 5, run: giant_header::run },
    Kind { name: "forged-length", weight: 10, run: forged_length::run },
    Kind { name: "drip", weight: 8, run: drip::run },
    Kind { name: "deaf", weight: 6, run: deaf::run },
    Kind { name: "flood", weight: 4, run: flood::run },
    Kind { name: "storm", weight: 4, run: storm::run },
    Kind { name: "silent", weight: 6, run: silent::run },
    Kind { name: "ws-frames", weight: 16, run: ws_frames::run },
    Kind { name: "udp", weight: 8, run: udp::run },
    Kind { name: "pings", weight: 4, run: pings::run },
    Kind { name: "holders", weight: 2, run: holders::run },
    Kind { name: "handshakes", weight: 2, run: handshakes::run },
    Kind { name: "slow-download", weight: 4, run: slow_download::run },
    Kind { name: "hoard", weight: 1, run: hoard::run },
];

/// What all the clients share.
pub(crate) struct Field {
    seed: u64,
    way: Way,
    addrs: [SocketAddr; 4],
    /// The only kind to be drawn, if there is one.
    only: Option<usize>,
    next_client: AtomicU64,
    sockets: AtomicI64,
    tallies: [Tally; KINDS.len()],
    faults: Mutex<Vec<String>>,
}

/// What the clients of one kind have met.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) clients: AtomicU64,
    /// Connections.
    pub(crate) opened: AtomicU64,
    /// Attempts to connect that failed, or took too long.
    pub(crate) failed: AtomicU64,
    /// Connections that the server ended while the client looked.
    pub(crate) closed: AtomicU64,
    pub(crate) reset: AtomicU64,
}

impl Field {
    pub(crate) fn new(seed: u64, way: Way, addrs: [SocketAddr; 4], only: Option<usize>) -> Self {
        let tallies = std::array::from_fn(|_| Tally::default());
        let (next_client, sockets) = (AtomicU64::new(0), AtomicI64::new(MAX_SOCKETS));
        Self { seed, way, addrs, only, next_client, sockets, tallies, faults: Mutex::default() }
    }

    /// Runs one client after the other, on each of the threads, until that time. Every script that
    /// has begun has ended when this returns.
    pub(crate) fn misbehave_until(&self, until: Instant) {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while Instant::now() < until {
                        self.run_client(self.next_client.fetch_add(1, Ordering::Relaxed), until);
                    }
                });
            }
        });
    }

    fn run_client(&self, index: u64, until: Instant) {
        let mut random = Random::of_client(self.seed, index);
        let drawn = draw_kind(&mut random);
        let kind = self.only.unwrap_or(drawn);
        self.tallies[kind].clients.fetch_add(1, Ordering::Relaxed);
        (KINDS[kind].run)(&mut Client::new(self, kind, random, until));
    }

    /// How many connections were opened, and how many attempts failed.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let sum = |counter: fn(&Tally) -> &AtomicU64| -> u64 {
            self.tallies.iter().map(|tally| counter(tally).load(Ordering::Relaxed)).sum()
        };
        (sum(|tally| &tally.opened), sum(|tally| &tally.failed))
    }

    /// What even a client that misbehaves may expect, and did not get.
    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<String>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tally(&self, kind: usize) -> &Tally {
        &self.tallies[kind]
    }
}

/// The address that the clients of a kind connect from: by it the server tells them apart.
pub(crate) fn source_of(kind: usize) -> IpAddr {
    IpAddr::from([127, 0, 1, kind as u8 + 1])
}

fn draw_kind(random: &mut Random) -> usize {
    let sum = KINDS.iter().map(|kind| kind.weight).sum::<u64>();
    let mut drawn = random.range(0, sum - 1);
    for (index, kind) in KINDS.iter().enumerate() {
        if drawn < kind.weight {
            return index;
        }
        drawn -= kind.weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_drawn() {
        let drawn: Vec<_> =
            (0..2000).map(|index| draw_kind(&mut Random::of_client(1, index))).collect();
        assert!((0..KINDS.len()).all(|kind| drawn.contains(&kind)));
    }
}

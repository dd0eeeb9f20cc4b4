//! Fault clients, which misbehave on purpose: each a script drawn from the seed of the run and the client's index.

mod client;
mod connection_flood;
mod drip;
mod flood;
mod forged_length;
mod frames;
mod garbage;
mod giant_header;
mod half_close;
mod handshakes;
mod holders;
mod never_reads;
mod pings;
mod reset;
mod shared;
mod silent;
mod slow_download;
mod storm;
mod tls;
mod tls_records;
mod udp;
mod ws_frames;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::random::Random;
use crate::server::Way;
use client::Client;
use shared::Shared;

pub(crate) use client::source_of;

/// Fault clients at a time.
const CLIENTS: usize = 32;

/// A way to misbehave.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How often it is drawn, among all others.
    weight: u64,
    run: fn(&mut Client<'_>),
}

pub(crate) const KINDS: [Kind; 18] = [
    Kind { name: "reset", weight: 12, run: reset::run },
    Kind { name: "half-close", weight: 10, run: half_close::run },
    Kind { name: "garbage", weight: 10, run: garbage::run },
    Kind { name: "giant-header", weight: 5, run: giant_header::run },
    Kind { name: "forged-length", weight: 10, run: forged_length::run },
    Kind { name: "drip", weight: 8, run: drip::run },
    Kind { name: "never-reads", weight: 6, run: never_reads::run },
    Kind { name: "flood", weight: 4, run: flood::run },
    Kind { name: "storm", weight: 4, run: storm::run },
    Kind { name: "silent", weight: 6, run: silent::run },
    Kind { name: "ws-frames", weight: 16, run: ws_frames::run },
    Kind { name: "udp", weight: 8, run: udp::run },
    Kind { name: "tls-records", weight: 10, run: tls_records::run },
    Kind { name: "pings", weight: 4, run: pings::run },
    Kind { name: "holders", weight: 2, run: holders::run },
    Kind { name: "handshakes", weight: 2, run: handshakes::run },
    Kind { name: "slow-download", weight: 4, run: slow_download::run },
    Kind { name: "connection-flood", weight: 1, run: connection_flood::run },
];

/// All the fault clients of a run.
pub(crate) struct FaultClients {
    seed: u64,
    /// The only kind to be drawn, if there is one.
    only: Option<usize>,
    next_client: AtomicU64,
    pub(crate) shared: Shared,
}

impl FaultClients {
    pub(crate) fn new(
        seed: u64,
        way: Way,
        (addrs, is_secure): ([SocketAddr; 4], bool),
        only: Option<usize>,
    ) -> Self {
        let shared = Shared::new(way, addrs, is_secure.then(tls::config), KINDS.len());
        Self { seed, only, next_client: AtomicU64::new(0), shared }
    }

    /// Runs one client after the other, on each of the threads, until that time. Every script that
    /// has begun has ended when this returns.
    pub(crate) fn run_until(&self, until: Instant) {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
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
        self.shared.tally(kind).clients.fetch_add(1, Ordering::Relaxed);
        (KINDS[kind].run)(&mut Client::new(&self.shared, kind, random, until));
    }
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

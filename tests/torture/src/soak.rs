//! Programs that send much and wait for each other, for as long as one likes: nothing may stand still.
//!
//! Nobody misbehaves here. Each program is one of those that waited for ever once: it checks that every
//! byte comes whole and in its order, and tells the longest time that nothing came.

mod polled;
mod pool;
mod progress;
mod talkers;

use std::thread;
use std::time::{Duration, Instant};

use polywire::network::Transport;

use crate::link::{Link, STREAMS};
use progress::Progress;

/// The transports with connections over TLS.
const SECURE: [Transport; 3] = [Transport::TcpTls, Transport::FramedTcpTls, Transport::Wss];
/// Nothing may stand still for longer.
const MAX_STALL: Duration = Duration::from_secs(1);
/// A program: runs over that transport until then.
struct Kind {
    name: &'static str,
    run: fn(&Link, Instant) -> Result<Progress, String>,
}

const KINDS: [Kind; 5] = [
    Kind { name: "polled", run: polled::run },
    Kind { name: "pool", run: pool::run },
    Kind { name: "pair", run: talkers::pair },
    Kind { name: "ring", run: talkers::ring },
    Kind { name: "itself", run: talkers::itself },
];

/// Runs all programs at a time, or those of one name, over all transports: in clear text for so long, and over TLS
/// for so long, or one of both.
pub(crate) fn run(
    duration: Duration,
    is_secure: Option<bool>,
    only: Option<&str>,
) -> Result<(), String> {
    let kinds: Vec<_> =
        KINDS.iter().filter(|kind| only.is_none_or(|only| only == kind.name)).collect();
    if kinds.is_empty() {
        return Err(format!("--only takes one of {}", KINDS.map(|kind| kind.name).join(", ")));
    }
    println!("{} s", duration.as_secs());
    let plain = is_secure != Some(true);
    let secure = is_secure != Some(false);
    let rounds = [plain.then_some(STREAMS), secure.then_some(SECURE)].into_iter().flatten();
    let failures: usize = rounds.map(|streams| run_over(streams, &kinds, duration)).sum();
    if failures == 0 {
        Ok(())
    } else {
        Err(format!("{failures} programs did not go on as they should"))
    }
}

/// Runs those programs at a time. Returns how many failed.
fn run_over(streams: [Transport; 3], kinds: &[&Kind], duration: Duration) -> usize {
    let until = Instant::now() + duration;
    thread::scope(|scope| {
        let pairs = kinds.iter().flat_map(|kind| streams.map(|transport| (*kind, transport)));
        let running: Vec<_> = pairs
            .map(|(kind, transport)| {
                let run = move || (kind.run)(&Link::new(transport), until);
                (kind, transport, scope.spawn(run))
            })
            .collect();
        let told = running.into_iter().map(|(kind, transport, task)| {
            let result = task.join().unwrap_or_else(|_| Err("it panicked".into()));
            usize::from(!tell(kind.name, transport, &result))
        });
        told.sum()
    })
}

/// Runs one of the programs in which nodes send much to each other, drawn by `seed`, until then.
pub(crate) fn keep_company(seed: u64, until: Instant) -> Result<(), String> {
    let draw = |len: usize| usize::try_from(seed / 4).unwrap_or_default() % len;
    let nodes = [talkers::pair, talkers::ring, talkers::itself];
    let transports = [STREAMS, SECURE].concat();
    let transport = transports[draw(nodes.len() * transports.len()) / nodes.len()];
    nodes[draw(nodes.len())](&Link::new(transport), until).map(drop)
}

/// Prints what came of a program, and returns whether that is good.
fn tell(name: &str, transport: Transport, result: &Result<Progress, String>) -> bool {
    match result {
        Ok(Progress { bytes, stall, .. }) => {
            let mib = bytes >> 20;
            println!("{name} over {transport}: {mib} MiB, stood still for {stall:.1?} at most");
            *stall <= MAX_STALL && mib > 0
        }
        Err(error) => {
            println!("{name} over {transport}: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use progress::MAX_SILENCE;

    #[test]
    fn every_program_goes_on_for_a_moment() {
        for transport in [Transport::FramedTcp, Transport::FramedTcpTls] {
            for kind in KINDS {
                let until = Instant::now() + MAX_STALL / 5;
                let progress = (kind.run)(&Link::new(transport), until).unwrap();
                assert!(progress.stall < MAX_SILENCE, "{} over {transport}", kind.name);
            }
        }
    }
}

//! Worlds in which several nodes do anything while everything goes wrong.

mod actions;
mod nodes;
mod verdict;

use crate::Wire;

use nodes::{Chaos, HOSTS, lock};

/// Things done before a world is left to come to rest.
const STEPS: usize = 250;

/// Runs the world of `seed`: nodes that listen, connect, send, remove, pause and stop at random,
/// inside their callbacks and outside, while readiness comes late, calls are cut short, blocked and
/// interrupted, and time jumps; in half of the worlds also connections break and limits are tight.
/// Then lets it come to rest and checks the contracts of endpoints:
///
/// * each connect is answered once, each accepted endpoint told before its messages, each end told
///   once, and nothing told after that or after a removal or a stop;
/// * messages arrive whole, in order and once; all of them where both ends live, and where one end
///   was removed or stopped and the other saw a graceful close;
/// * both ends of a connection live, or none;
/// * at the end nothing is left: no socket, no endpoint, no byte.
///
/// Returns the log of all that happened, the same for the same seed.
///
/// # Panics
///
/// When something does not hold.
pub fn random_world(wire: &Wire, seed: u64) -> Vec<String> {
    let mut chaos = Chaos::new(wire, seed);
    for index in 0..HOSTS {
        chaos.listen(index);
    }
    for _ in 0..STEPS {
        chaos.step();
    }
    chaos.come_to_rest();
    chaos.judge();
    chaos.end();
    chaos.hosts.iter().flat_map(|host| std::mem::take(&mut lock(host).log)).collect()
}

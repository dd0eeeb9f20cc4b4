//! Ten thousand nodes on one thread exchange a million messages, 5 % of which are lost, while the network falls apart and
//! is healed. Twice, to see that one seed is one run.
//!
//! `cargo run --release -p polywire-memory --example crowd [NODES [MESSAGES [SEED]]]`

mod simulation;

use std::time::Instant;

use simulation::{Crowd, simulate};

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let mut next = |default| numbers.next().unwrap_or(default);
    let crowd = Crowd { nodes: next(10_000), messages: next(1_000_000), seed: next(1) as u64 };
    let mut before = None;
    for run in 1..=2 {
        let start = Instant::now();
        let outcome = simulate(&crowd);
        let seconds = start.elapsed().as_secs_f32();
        println!("run {run}: {} nodes, {outcome:?}, in {seconds:.1} s", crowd.nodes);
        let before = before.get_or_insert(outcome.log);
        assert_eq!(*before, outcome.log, "one seed, two runs");
    }
}

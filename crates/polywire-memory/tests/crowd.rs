//! The crowd of the example, smaller: `cargo run --release -p polywire-memory --example crowd` is the large one.

#[path = "../examples/crowd/simulation.rs"]
mod simulation;

use simulation::{Crowd, simulate};

#[test]
fn one_seed_is_one_run_and_another_seed_another() {
    let crowd = |seed| Crowd { seed, nodes: 100, messages: 4_000 };
    let outcome = simulate(&crowd(1));
    assert_eq!(outcome, simulate(&crowd(1)));
    assert_ne!(outcome.log, simulate(&crowd(2)).log);
}

#[test]
fn what_does_not_arrive_is_counted_and_loss_is_what_was_asked_for() {
    let outcome = simulate(&Crowd { seed: 3, nodes: 100, messages: 8_000 });
    assert_eq!(outcome.received + outcome.lost as usize, outcome.sent);
    // 5 %, and two of a hundred links that were cut for a while.
    let share = outcome.lost as f64 / outcome.sent as f64;
    assert!((0.04..0.08).contains(&share), "{share}");
}

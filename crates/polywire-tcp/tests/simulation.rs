//! Byte streams in simulated worlds: the real loop, engine and protocol on fake sockets, fake
//! readiness and fake time. A failure prints its seed and how to repeat it.

use polywire_tcp::Raw;
use polywire_testkit::{Wire, every_errno, for_each_seed, random_world, removal_world};

fn wire() -> Wire {
    Wire::new(Raw::default, Raw::default, false)
}

#[test]
fn no_error_of_any_call_panics_hangs_or_leaks() {
    let (runs, failures) = every_errno(&wire());
    println!("{runs} runs: {failures:?}");
    assert!(runs > 1000);
}

#[test]
fn what_is_removed_or_paused_is_named_by_no_event() {
    for_each_seed(100, |seed| {
        removal_world(&wire(), seed);
    });
}

#[test]
fn the_contracts_hold_whatever_happens_in_a_random_world() {
    for_each_seed(100, |seed| {
        random_world(&wire(), seed);
    });
}

/// A removal was told as such, though what was accepted before it had been thrown away: as the loop
/// came to it, or within the callback.
#[test]
fn the_contracts_hold_in_worlds_that_once_broke_one() {
    random_world(&wire(), 10_931);
    random_world(&wire(), 501_541);
}

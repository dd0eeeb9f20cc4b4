//! Nodes under test, certificates made on the spot, and transports over TLS.
#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod certificates;
pub mod middle;
pub mod node;
pub mod over;
pub mod peer;
pub mod sealer;

use std::time::{Duration, Instant};

/// Within this, everything that must happen has happened.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for a state that no event tells of.
#[track_caller]
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

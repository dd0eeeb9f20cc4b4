//! Which seeds a test runs, and how a failure is repeated.

use std::env;
use std::time::Instant;

/// Seeds to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Seeds {
    /// `count` seeds from 0 on, unless the environment says otherwise: `POLYWIRE_SEED` for a single
    /// one, `POLYWIRE_SEEDS` for how many, `POLYWIRE_FROM` for the first.
    pub fn of_environment(count: u64) -> Self {
        let number = |name| env::var(name).ok().and_then(|text: String| text.parse().ok());
        if let Some(seed) = number("POLYWIRE_SEED") {
            return Self { first: seed, count: 1 };
        }
        Self {
            first: number("POLYWIRE_FROM").unwrap_or(0),
            count: number("POLYWIRE_SEEDS").unwrap_or(count),
        }
    }
}

/// Runs `test` with each seed: `count` of them, or those of the environment (see
/// [`Seeds::of_environment`]).
///
/// # Panics
///
/// When `test` does; how to run that seed again is printed then.
pub fn for_each_seed(count: u64, mut test: impl FnMut(u64)) {
    let seeds = Seeds::of_environment(count);
    let begun = Instant::now();
    for seed in seeds.first..seeds.first.saturating_add(seeds.count) {
        let told = TellSeed(seed);
        test(seed);
        drop(told);
    }
    println!("{} seeds in {:.1} s", seeds.count, begun.elapsed().as_secs_f32());
}

/// Prints how to repeat a run that panics.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let package = env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "PACKAGE".into());
            let current = std::thread::current();
            let test = current.name().unwrap_or("TEST");
            let seed = self.0;
            eprintln!("seed {seed} fails; to repeat it:");
            eprintln!("POLYWIRE_SEED={seed} cargo test -p {package} -- --exact {test}");
        }
    }
}

//! Runs the models of what threads do to each other: small ones in every order that loom can think
//! of, a whole network in many orders that shuttle draws.

use crate::Result;
use crate::process::{cargo, execute, target_dir};

const USAGE: &str = "usage: cargo xtask models [--schedules N]";

/// Switches between threads that are not waiting, in one run: nearly all bugs show with two.
const PREEMPTIONS: &str = "3";

/// Runs the models, which are compiled only for this, and then so many random schedules of a network.
pub(crate) fn run(args: &[String]) -> Result {
    let schedules = match args {
        [] => "10000",
        [option, number] if option == "--schedules" && number.parse::<u32>().is_ok() => number,
        _ => return Err(USAGE.into()),
    };
    let preemptions = ("LOOM_MAX_PREEMPTIONS", PREEMPTIONS);
    for package in ["polywire-core", "polywire-tls"] {
        test("loom", package, &["models::", "--test-threads=1"], preemptions)?;
    }
    test("shuttle", "polywire-core", &["schedules::"], ("POLYWIRE_SCHEDULES", schedules))
}

fn test(checker: &str, package: &str, tests: &[&str], (variable, value): (&str, &str)) -> Result {
    // No model needs a feature, and some features take minutes to compile.
    let what = ["test", "--release", "--no-default-features", "--lib", "--package", package];
    execute(
        cargo(what)
            .arg("--target-dir")
            .arg(target_dir().join("models").join(checker))
            .arg("--")
            .args(tests)
            .env("RUSTFLAGS", format!("--cfg polywire_{checker}"))
            .env(variable, value),
    )
}

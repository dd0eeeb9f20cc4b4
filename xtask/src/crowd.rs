//! As many connections as a process has descriptors for, coming and going.

use crate::Result;
use crate::process::{cargo, execute};

/// With what a node and its test need besides, just below the 20,000 descriptors that are common.
const DEFAULT_CONNECTIONS: &str = "19900";

/// Runs the tests of crowds in release with so many connections. `args` may hold `--connections N`.
pub(crate) fn run(args: &[String]) -> Result {
    let count = match args {
        [] => DEFAULT_CONNECTIONS,
        [flag, count] if flag == "--connections" && count.parse::<usize>().is_ok() => count,
        _ => return Err("usage: cargo xtask crowd [--connections N]".into()),
    };
    let mut command = cargo(["test", "--release", "--package", "polywire", "--test", "crowd"]);
    execute(
        command.args(["a_crowd_comes_and_goes", "--", "--nocapture"]).env("POLYWIRE_CROWD", count),
    )
}

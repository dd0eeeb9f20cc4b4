//! Random worlds by the thousand on every stream transport.

use crate::Result;
use crate::process::{cargo, execute};

const TRANSPORTS: [&str; 4] =
    ["polywire-tcp", "polywire-framed-tcp", "polywire-ws", "polywire-tls"];
const DEFAULT_SEEDS: u64 = 10_000;

/// By the beginnings of their names: the tests that take as many seeds as they are given.
const TESTS: [&str; 2] = ["the_contracts_hold", "what_is_removed_or_paused"];

/// Runs the worlds of so many seeds of each test, split over the transports, in release. `args` may hold
/// `--seeds N` (10,000 unless told), `--from S`, the first seed of each transport, and `--plain`, which leaves TLS out.
pub(crate) fn run(args: &[String]) -> Result {
    let seeds = number_after(args, "--seeds")?.unwrap_or(DEFAULT_SEEDS);
    let from = number_after(args, "--from")?.unwrap_or(0);
    let is_plain = args.iter().any(|arg| arg == "--plain");
    let transports = TRANSPORTS.iter().filter(|name| !is_plain || **name != "polywire-tls");
    let transports: Vec<_> = transports.collect();
    let each = seeds.div_ceil(transports.len() as u64);
    let mut command = cargo(["test", "--release", "--test", "simulation"]);
    for transport in transports {
        command.args(["--package", transport]);
    }
    command.arg("--").args(TESTS).arg("--nocapture");
    command.env("POLYWIRE_SEEDS", each.to_string()).env("POLYWIRE_FROM", from.to_string());
    execute(&mut command)
}

fn number_after(args: &[String], flag: &str) -> Result<Option<u64>> {
    let Some(position) = args.iter().position(|arg| arg == flag) else { return Ok(None) };
    let text = args.get(position + 1).ok_or_else(|| format!("{flag} needs a number"))?;
    Ok(Some(text.parse().map_err(|_| format!("{flag} needs a number, not {text}"))?))
}

//! Everything the gate checks, cheapest first, ending with the first failure.

use std::time::Instant;

use crate::process::{cargo, execute, is_installed};
use crate::{
    Result, autobahn, bench, consumers, features, instructions, interop, peers, simulate, tidy,
};

/// Tests of times, of what many threads do, and of what endpoints promise: with optimizations they find something else.
const OPTIMIZED: [&str; 20] = [
    "busy_poll",
    "churn",
    "contracts",
    "crowd",
    "descriptors",
    "endings",
    "fairness",
    "hazards",
    "idle",
    "latency",
    "multicast",
    "reading_on",
    "readme",
    "removing",
    "send_many",
    "send_to_each",
    "stop_in_time",
    "stopping",
    "threads",
    "udp",
];

/// Runs all steps.
pub(crate) fn run(skip_missing: bool) -> Result {
    let started = Instant::now();
    step("format", || execute(&mut cargo(["fmt", "--all", "--check"])))?;
    step("tidy", tidy::run)?;
    step("clippy", || {
        let what = ["clippy", "--workspace", "--all-targets", "--all-features"];
        execute(cargo(what).args(["--", "-D", "warnings"]))
    })?;
    step("doc", || {
        let what = ["doc", "--workspace", "--no-deps", "--all-features"];
        execute(cargo(what).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step("test", || test(skip_missing))?;
    step("test, release", || {
        let mut command = cargo(["test", "--release", "--package", "polywire"]);
        execute(command.args(OPTIMIZED.iter().flat_map(|test| ["--test", test])))
    })?;
    step("cuts", || {
        let what = ["test", "--release", "--package", "polywire-framed-tcp"];
        let tests = ["any_cut", "any_bytes", "any_bytes_deflated"];
        let mut command = cargo(what);
        command.args(["--package", "polywire-ws", "--features", "polywire-ws/deflate"]);
        execute(command.args(tests.iter().flat_map(|test| ["--test", test])))
    })?;
    step("simulate", || {
        simulate::run(&["simulate", "--seeds", "10000", "--plain"].map(String::from))
    })?;
    step("features", features::run)?;
    step("consumers", consumers::run)?;
    step("interop", || interop::run(false, skip_missing))?;
    step("autobahn", || {
        let quick = ["--quick"].into_iter().chain(skip_missing.then_some("--skip-missing"));
        autobahn::run(&quick.map(String::from).collect::<Vec<_>>())
    })?;
    step("instructions", || instructions::run(skip_missing))?;
    let quick = ["--quick", "--out", "target/bench/performance.md"].map(String::from);
    step("bench", || bench::run(&quick))?;
    step("deny", deny)?;
    println!("ci: all is well ({} s)", started.elapsed().as_secs());
    Ok(())
}

/// All tests; those of the examples with a browser are not to be skipped where there could be one.
fn test(skip_missing: bool) -> Result {
    let mut command = cargo(["test", "--workspace", "--all-features"]);
    if peers::browser(skip_missing)? {
        command.env("BROWSER_REQUIRED", "1");
    }
    execute(&mut command)
}

fn step(name: &str, work: impl FnOnce() -> Result) -> Result {
    println!("ci: {name} ...");
    let started = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "ok" } else { "FAILED" };
    println!("ci: {name}: {outcome} ({:.1} s)", started.elapsed().as_secs_f32());
    result.map_err(|error| format!("ci: {name} failed: {error}").into())
}

/// Licences and sources. Compiling the tool takes longer than all the rest, so it is not installed
/// here.
fn deny() -> Result {
    if !is_installed("cargo-deny", "--version") {
        println!("deny: skipped, as cargo-deny is not installed");
        return Ok(());
    }
    let what = ["deny", "--all-features", "check", "bans", "licenses", "sources"];
    execute(&mut cargo(what))
}

//! Runs the tests under a sanitizer, which needs a nightly toolchain and nothing else.

use std::process::Command;

use crate::Result;
use crate::process::{execute, output, root, target_dir};

/// Tests that measure what a sanitizer changes: time, memory, descriptors.
const SKIPPED: &[&str] = &[];

/// Runs the tests of all published crates under `kind`: `address` (which finds leaks too) or
/// `thread`. `filter` goes to cargo, say `--package polywire-core`.
pub(crate) fn run(kind: Option<&str>, filter: &[String]) -> Result {
    let (flags, options) = match kind {
        Some("address") => ("-Zsanitizer=address", ("ASAN_OPTIONS", "detect_leaks=1")),
        // The standard library is not instrumented, which so far has raised no false alarm.
        Some("thread") => (
            "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
            ("TSAN_OPTIONS", "halt_on_error=1"),
        ),
        _ => return Err("usage: cargo xtask sanitize address|thread [cargo's options]".into()),
    };
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo", "test", "--tests", "--target", &host()?])
        .arg("--target-dir")
        .arg(target_dir().join("sanitize").join(kind.unwrap_or_default()));
    match filter {
        [] => command.args(["--workspace", "--all-features"]),
        filter => command.args(filter),
    };
    command.args(["--exclude", "xtask"].iter().filter(|_| filter.is_empty())).arg("--");
    for name in SKIPPED {
        command.args(["--skip", name]);
    }
    execute(command.env("RUSTFLAGS", flags).env(options.0, options.1).current_dir(root()))
}

/// The machine that is compiled for: naming it keeps build scripts and macros uninstrumented.
fn host() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc does not tell its host")?.to_owned())
}

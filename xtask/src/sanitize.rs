//! Runs the tests under a sanitizer, which needs a nightly toolchain.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process::{execute, output, root, target_dir};

const USAGE: &str = "usage: cargo xtask sanitize address|thread [cargo's options]";

/// Parts of the names of tests that hold time or memory to figures, of which a sanitizer takes many
/// times more.
const SKIPPED: &[&str] =
    &["takes_less_than", "an_idle_node_never_wakes", "_fires_on_time", "row_23_", "row_31_"];

/// Runs the tests of all crates, or of those that `options` choose (`--package polywire-core`),
/// under `kind`: `address`, which finds leaks too, or `thread`.
pub(crate) fn run(kind: Option<&str>, options: &[String]) -> Result {
    let host = host()?;
    let mut command = Command::new("rustup");
    // A target that is named keeps build scripts and macros as they are.
    command.args(["run", "nightly", "cargo", "test", "--tests", "--target", &host]);
    match kind {
        Some("address") => command.env("RUSTFLAGS", "-Zsanitizer=address"),
        Some("thread") => {
            require_std_sources()?;
            command.arg("-Zbuild-std").env("RUSTFLAGS", "-Zsanitizer=thread")
        }
        _ => return Err(USAGE.into()),
    };
    command.arg("--target-dir").arg(target_dir().join("sanitize").join(kind.unwrap_or_default()));
    match options {
        [] => command.args(["--workspace", "--exclude", "xtask", "--all-features"]),
        options => command.args(options),
    };
    command.arg("--").args(SKIPPED.iter().flat_map(|name| ["--skip", name]));
    execute(command.current_dir(root()))
}

/// The thread sanitizer must see into std: locks taken after a wait and the last drop of an `Arc`
/// look like races where it can't.
fn require_std_sources() -> Result {
    let sysroot =
        output(Command::new("rustup").args(["run", "nightly", "rustc", "--print=sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library").is_dir() {
        return Ok(());
    }
    Err("std's sources are missing: rustup component add rust-src --toolchain nightly".into())
}

/// The machine that is compiled for.
fn host() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc does not tell its host")?.to_owned())
}

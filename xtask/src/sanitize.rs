//! Runs the tests under a sanitizer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::debian_rust::DebianRust;
use crate::process::{execute, output, root, target_dir};

const USAGE: &str = "usage: cargo xtask sanitize address|thread [cargo's options]";

/// Tells the tests, which then hold no clock and no memory to figures.
const CFG: &str = "--cfg polywire_sanitized";

/// Runs the tests of all crates, or of those that `options` choose (`--package polywire-core`),
/// under `kind`: `address`, which finds leaks too, or `thread`.
pub(crate) fn run(kind: Option<&str>, options: &[String]) -> Result {
    let mut command = match kind {
        Some("address") => nightly(&format!("-Zsanitizer=address {CFG}")),
        Some("thread") => thread()?,
        _ => return Err(USAGE.into()),
    };
    // A target that is named keeps build scripts and macros as they are.
    command.args(["--target", &host()?]);
    command.arg("--target-dir").arg(target_dir().join("sanitize").join(kind.unwrap_or_default()));
    match options {
        [] => command.args(["--workspace", "--exclude", "xtask", "--all-features"]),
        options => command.args(options),
    };
    execute(command.current_dir(root()))
}

fn nightly(flags: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "test", "--tests"]).env("RUSTFLAGS", flags);
    command
}

/// The thread sanitizer must see into std: locks taken after a wait and the last drop of an `Arc`
/// look like races where it can't. So std is compiled from its sources: nightly's if they are
/// there, else Debian's.
fn thread() -> Result<Command> {
    let flags = format!("-Zsanitizer=thread {CFG}");
    if sysroot("nightly").is_ok_and(|root| root.join("lib/rustlib/src/rust/library").is_dir()) {
        let mut command = nightly(&flags);
        command.arg("-Zbuild-std");
        return Ok(command);
    }
    let rust = DebianRust::with_sources()?;
    let runtime = runtime(&sysroot("stable")?.join("lib/rustlib").join(host()?).join("lib"))?;
    let flags = [
        flags,
        // Debian's has no runtime of the sanitizer: rustup's is linked, all of it.
        "-Zexternal-clangrt".into(),
        format!("-Clink-arg=-Wl,--whole-archive,{},--no-whole-archive", runtime.display()),
        // GNU's linker fails on it.
        format!("-Clink-arg=-B{} -Clink-arg=-fuse-ld=lld", rust.lld()?.display()),
    ];
    let mut command = rust.cargo();
    command.args(["test", "--tests", "-Zbuild-std"]).env("RUSTFLAGS", flags.join(" "));
    Ok(command)
}

/// The runtime of the thread sanitizer among rustup's libraries.
fn runtime(libraries: &Path) -> Result<PathBuf> {
    let is_runtime = |path: &PathBuf| path.to_string_lossy().ends_with("_rt.tsan.a");
    let mut files = fs::read_dir(libraries)?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(is_runtime).ok_or_else(|| {
        format!("the thread sanitizer's runtime is not in {}", libraries.display()).into()
    })
}

fn sysroot(toolchain: &str) -> Result<PathBuf> {
    let print = ["run", toolchain, "rustc", "--print=sysroot"];
    Ok(output(Command::new("rustup").args(print))?.trim().into())
}

/// The machine that is compiled for.
fn host() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc does not tell its host")?.to_owned())
}

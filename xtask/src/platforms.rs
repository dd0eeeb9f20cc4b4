//! Checks what compiles where this machine is not: on other systems, with the oldest compiler, and
//! with the oldest dependencies.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::manifest::published;
use crate::minimal_versions;
use crate::process::{execute, root, target_dir};
use crate::toolchain;

const TARGETS: &[&str] =
    &["x86_64-pc-windows-gnu", "aarch64-apple-darwin", "x86_64-unknown-freebsd"];

/// aws-lc-rs and ring are partly in C, and no compiler for the other systems is here. Where nothing is linked,
/// this does as well: it writes empty files.
const C_COMPILER: &str = "\
#!/bin/sh
while [ $# -gt 0 ]; do
    if [ \"$1\" = -o ]; then : > \"$2\"; fi
    shift
done
";

/// Checks the types of all published crates and their tests, with all features.
pub(crate) fn run() -> Result {
    step("oldest dependencies", minimal_versions::run)?;
    let packages: Vec<String> =
        published()?.into_iter().flat_map(|manifest| ["--package".into(), manifest.name]).collect();
    let dir = target_dir().join("platforms");
    let compiler = c_compiler()?;
    for target in TARGETS {
        step(target, || {
            let key = target.replace('-', "_");
            let mut check = toolchain::for_target(target, "check")?;
            check.args(["--quiet", "--all-features", "--lib", "--tests"]).args(&packages);
            check.env(format!("CC_{key}"), &compiler).env(format!("AR_{key}"), "true");
            execute(check.arg("--target-dir").arg(&dir))
        })?;
    }
    let oldest = oldest()?;
    step(&format!("Rust {oldest}"), || {
        let mut check = toolchain::of_version(&oldest, "check")?;
        check.args(["--quiet", "--all-features", "--lib", "--tests"]).args(&packages);
        execute(check.arg("--target-dir").arg(&dir))
    })
}

fn c_compiler() -> Result<PathBuf> {
    let path = target_dir().join("platforms/cc");
    fs::create_dir_all(target_dir().join("platforms"))?;
    fs::write(&path, C_COMPILER)?;
    execute(Command::new("chmod").arg("+x").arg(&path))?;
    Ok(path)
}

fn step(name: &str, check: impl FnOnce() -> Result) -> Result {
    let started = Instant::now();
    check().map_err(|error| format!("{name}: {error}"))?;
    println!("platforms: {name}: ok ({} s)", started.elapsed().as_secs());
    Ok(())
}

/// The version of Rust that the manifests promise to do.
fn oldest() -> Result<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    Ok(line.ok_or("Cargo.toml has no rust-version")?.trim_matches('"').to_owned())
}

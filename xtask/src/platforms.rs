//! Checks what compiles where this machine is not: on other systems, with the oldest compiler, and
//! with the oldest dependencies.

use std::fs;
use std::time::Instant;

use crate::Result;
use crate::debian_rust::DebianRust;
use crate::manifest::published;
use crate::minimal_versions;
use crate::process::{execute, root, target_dir};

const TARGETS: &[&str] =
    &["x86_64-pc-windows-msvc", "aarch64-apple-darwin", "x86_64-unknown-freebsd"];

/// Checks the types of all published crates with all features, and their tests for the other
/// systems.
pub(crate) fn run() -> Result {
    step("oldest dependencies", minimal_versions::check)?;
    let packages: Vec<String> =
        published()?.into_iter().flat_map(|manifest| ["--package".into(), manifest.name]).collect();
    let rust = DebianRust::with_sources()?;
    for target in TARGETS {
        step(target, || {
            let std = ["-Zbuild-std=std,panic_abort,panic_unwind,test", "--target", target];
            let what = ["check", "--quiet", "--all-features", "--lib", "--tests"];
            let mut cargo = rust.cargo();
            cargo.args(what).args(&packages).args(std);
            execute(cargo.arg("--target-dir").arg(target_dir().join("platforms")))
        })?;
    }
    let oldest = oldest()?;
    let rust = DebianRust::of(&oldest)?;
    step(&format!("Rust {oldest}"), || {
        let mut cargo = rust.cargo();
        cargo.args(["check", "--quiet", "--all-features", "--lib"]).args(&packages);
        execute(cargo.arg("--target-dir").arg(target_dir().join("platforms")))
    })
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

//! Programs outside the workspace: one for each kind of people who depend on polywire, and one that is not
//! in Rust.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, is_installed, output, root, target_dir};

/// Lines of code that an adapter of one's own may take, blanks and comments not counted.
const MAX_ADAPTER_LINES: usize = 150;
const ADAPTER: &str = "consumers/third-party/src/lib.rs";

/// What each program must not pull in.
const CONSUMERS: &[(&str, &[&str])] = &[
    ("facade", &["rustls"]),
    ("udp-only", &["tungstenite", "rustls", "polywire-tcp", "polywire"]),
    ("third-party", &["tungstenite", "rustls", "polywire"]),
];

/// Builds, checks and runs them.
pub(crate) fn run() -> Result {
    let lines = fs::read_to_string(root().join(ADAPTER))?.lines().count();
    if lines > MAX_ADAPTER_LINES {
        return Err(format!("{ADAPTER}: {lines} lines, over {MAX_ADAPTER_LINES}").into());
    }
    for (name, unwanted) in CONSUMERS {
        check_tree(name, unwanted)?;
        execute(&mut run_consumer(name))?;
        println!("consumers: {name} builds and runs");
    }
    run_hosted()
}

/// A library that a Python program loads, which has `SIGPIPE` at its default.
fn run_hosted() -> Result {
    if !cfg!(target_os = "linux") || !is_installed("python3", "--version") {
        println!("consumers: hosted skipped, which needs Linux and Python");
        return Ok(());
    }
    let target = target_dir().join("consumers");
    let mut build = cargo(["build", "--quiet", "--manifest-path", "consumers/hosted/Cargo.toml"]);
    execute(build.arg("--target-dir").arg(&target))?;
    let library = target.join("debug/libhosted.so");
    execute(
        Command::new("python3").arg("consumers/hosted/host.py").arg(library).current_dir(root()),
    )?;
    println!("consumers: hosted lives though its peers leave");
    Ok(())
}

/// Fails if the program depends on a crate of `unwanted`, however indirectly.
fn check_tree(name: &str, unwanted: &[&str]) -> Result {
    let manifest = format!("consumers/{name}/Cargo.toml");
    let tree = output(&mut cargo([
        "tree",
        "--edges=normal,build",
        "--prefix=none",
        "--format={p}",
        "--manifest-path",
        &manifest,
    ]))?;
    let crates = tree.lines().filter_map(|line| line.split_whitespace().next());
    match crates.into_iter().find(|found| unwanted.contains(found)) {
        Some(found) => Err(format!("consumers/{name} depends on {found}").into()),
        None => Ok(()),
    }
}

/// Builds and runs one of the programs, all built into one folder.
pub(crate) fn run_consumer(name: &str) -> Command {
    let mut command = cargo(["run", "--quiet", "--manifest-path"]);
    command.arg(format!("consumers/{name}/Cargo.toml"));
    command.arg("--target-dir").arg(target_dir().join("consumers"));
    command
}

//! Programs outside the workspace: one for each kind of people who depend on polywire, and one that is not
//! in Rust.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, is_installed, output, root, target_dir};

/// Lines of code that an adapter of one's own may take, blanks and comments not counted: one on the engine
/// with its test, and a whole one, in two files.
const MAX_ADAPTER_LINES: &[(&[&str], usize)] =
    &[(&["unix.rs"], 150), (&["mem.rs", "mem/pipe.rs"], 420)];
const ADAPTERS: &str = "tests/consumers/third-party/src";

/// What each program must not pull in.
const CONSUMERS: &[(&str, &[&str])] = &[
    ("facade", &["rustls"]),
    ("udp-only", &["tungstenite", "rustls", "polywire-tcp", "polywire"]),
    ("third-party", &["tungstenite", "rustls", "polywire"]),
];

/// Builds, checks and runs them.
pub(crate) fn run() -> Result {
    for (files, max) in MAX_ADAPTER_LINES {
        let lines: usize = files.iter().map(|file| lines_of_code(file)).sum::<Result<_>>()?;
        if lines > *max {
            return Err(
                format!("{ADAPTERS}: {lines} lines of code in {files:?}, over {max}").into()
            );
        }
    }
    for (name, unwanted) in CONSUMERS {
        check_tree(name, unwanted)?;
        execute(&mut consumer("run", name))?;
        println!("consumers: {name} builds and runs");
    }
    execute(&mut consumer("test", "third-party"))?;
    println!("consumers: third-party keeps what every transport promises");
    run_hosted()
}

fn lines_of_code(file: &str) -> Result<usize> {
    let text = fs::read_to_string(root().join(ADAPTERS).join(file))?;
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    Ok(text.lines().map(str::trim).filter(is_code).count())
}

/// A library that a Python program loads, which has `SIGPIPE` at its default.
fn run_hosted() -> Result {
    if !cfg!(target_os = "linux") || !is_installed("python3", "--version") {
        println!("consumers: hosted skipped, which needs Linux and Python");
        return Ok(());
    }
    execute(&mut consumer("build", "hosted"))?;
    let library = target_dir().join("consumers/debug/libhosted.so");
    let host = root().join("tests/consumers/hosted/host.py");
    execute(Command::new("python3").arg(host).arg(library).current_dir(root()))?;
    println!("consumers: hosted lives though its peers leave");
    Ok(())
}

/// Fails if the program depends on a crate of `unwanted`, however indirectly.
fn check_tree(name: &str, unwanted: &[&str]) -> Result {
    let manifest = format!("tests/consumers/{name}/Cargo.toml");
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
        Some(found) => Err(format!("tests/consumers/{name} depends on {found}").into()),
        None => Ok(()),
    }
}

fn consumer(verb: &str, name: &str) -> Command {
    program(verb, &format!("consumers/{name}"))
}

/// Has cargo build, and run or test, the program in a folder of `tests/`. All are built into one folder.
pub(crate) fn program(verb: &str, folder: &str) -> Command {
    let mut command = cargo([verb, "--quiet", "--manifest-path"]);
    command.arg(format!("tests/{folder}/Cargo.toml"));
    command.arg("--target-dir").arg(target_dir().join("consumers"));
    command
}

//! Programs outside the workspace: one for each kind of people who depend on polywire, one that is not in Rust, and the
//! template that adapters are begun with.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, is_installed, output, root, target_dir};

/// Lines of code that an adapter of one's own may take, blanks and comments not counted: one on the engine
/// with its test, and a whole one, in two files.
const MAX_ADAPTER_LINES: &[(&[&str], usize)] =
    &[(&["unix.rs"], 150), (&["mem.rs", "mem/pipe.rs"], 250)];
const ADAPTERS: &str = "tests/consumers/third-party/src";

/// What each program must not pull in.
const CONSUMERS: &[(&str, &[&str])] = &[
    ("facade", &["rustls"]),
    ("udp-only", &["tungstenite", "rustls", "polywire-tcp", "polywire"]),
    ("third-party", &["tungstenite", "rustls", "polywire"]),
];

const TEMPLATE: &str = "templates/adapter";
/// An adapter that was begun with the template.
const BEGUN_WITH_IT: &str = "tests/consumers/pty";

/// Conformance tests wait more than they work.
const MANY_AT_ONCE: [&str; 3] = ["--", "--test-threads", "8"];

/// Builds, checks and runs them.
pub(crate) fn run() -> Result {
    check_lines()?;
    check_format()?;
    run_in(&root())
}

fn check_lines() -> Result {
    for (files, max) in MAX_ADAPTER_LINES {
        let lines: usize = files.iter().map(|file| lines_of_code(file)).sum::<Result<_>>()?;
        if lines > *max {
            return Err(
                format!("{ADAPTERS}: {lines} lines of code in {files:?}, over {max}").into()
            );
        }
    }
    Ok(())
}

/// The same with the crates and the consumers in `dir`, which has the folders of the repository.
pub(crate) fn run_in(dir: &Path) -> Result {
    let consumer =
        |verb: &str, name: &str| program_in(dir, verb, &format!("tests/consumers/{name}"));
    for (name, unwanted) in CONSUMERS {
        check_tree(dir, name, unwanted)?;
        execute(&mut consumer("run", name))?;
        println!("consumers: {name} builds and runs");
    }
    execute(consumer("test", "third-party").args(MANY_AT_ONCE))?;
    println!("consumers: third-party keeps what every transport promises");
    execute(program_in(dir, "test", TEMPLATE).args(MANY_AT_ONCE))?;
    check_fuzz_target(dir)?;
    println!("consumers: the template of an adapter keeps it, too");
    if cfg!(target_os = "linux") {
        execute(program_in(dir, "test", BEGUN_WITH_IT).args(MANY_AT_ONCE))?;
        println!("consumers: so does an adapter over pseudo-terminals");
    }
    run_hosted(dir)
}

/// They are workspaces of their own. Whoever copies the template formats it as its `rustfmt.toml` says.
fn check_format() -> Result {
    let folders = CONSUMERS.iter().map(|(name, _)| format!("tests/consumers/{name}"));
    let others = [TEMPLATE, "templates/adapter/fuzz", BEGUN_WITH_IT, "tests/consumers/hosted"];
    for folder in folders.chain(others.map(String::from)) {
        let manifest = format!("{folder}/Cargo.toml");
        execute(cargo(["fmt", "--check", "--manifest-path", &manifest]).current_dir(root()))?;
    }
    Ok(())
}

/// Has the template's fuzz target checked, which only a nightly compiler runs. Nothing is linked, so the path of the
/// fuzzer need not be one: with it, no fuzzer is compiled.
fn check_fuzz_target(dir: &Path) -> Result {
    let mut check = program_in(dir, "check", &format!("{TEMPLATE}/fuzz"));
    execute(check.env("CUSTOM_LIBFUZZER_PATH", "nowhere/libfuzzer.a"))
}

fn lines_of_code(file: &str) -> Result<usize> {
    let text = fs::read_to_string(root().join(ADAPTERS).join(file))?;
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    Ok(text.lines().map(str::trim).filter(is_code).count())
}

/// A library that a Python program loads, which has `SIGPIPE` at its default.
fn run_hosted(dir: &Path) -> Result {
    if !cfg!(target_os = "linux") || !is_installed("python3", "--version") {
        println!("consumers: hosted skipped, which needs Linux and Python");
        return Ok(());
    }
    execute(&mut program_in(dir, "build", "tests/consumers/hosted"))?;
    let library = target_dir().join("consumers/debug/libhosted.so");
    let host = "tests/consumers/hosted/host.py";
    execute(Command::new("python3").arg(host).arg(library).current_dir(dir))?;
    println!("consumers: hosted lives though its peers leave");
    Ok(())
}

/// Fails if the program depends on a crate of `unwanted`, however indirectly.
fn check_tree(dir: &Path, name: &str, unwanted: &[&str]) -> Result {
    let manifest = format!("tests/consumers/{name}/Cargo.toml");
    let tree = ["tree", "--edges=normal,build", "--prefix=none", "--format={p}"];
    let tree = output(cargo(tree).args(["--manifest-path", &manifest]).current_dir(dir))?;
    let crates = tree.lines().filter_map(|line| line.split_whitespace().next());
    match crates.into_iter().find(|found| unwanted.contains(found)) {
        Some(found) => Err(format!("tests/consumers/{name} depends on {found}").into()),
        None => Ok(()),
    }
}

/// Has cargo build, and run or test, the program in a folder of `tests/`. All are built into one folder.
pub(crate) fn program(verb: &str, folder: &str) -> Command {
    program_in(&root(), verb, &format!("tests/{folder}"))
}

/// The same in any folder of a repository.
fn program_in(dir: &Path, verb: &str, folder: &str) -> Command {
    let mut command = cargo([verb, "--quiet", "--manifest-path"]);
    command.arg(format!("{folder}/Cargo.toml")).current_dir(dir);
    command.arg("--target-dir").arg(target_dir().join("consumers"));
    command
}

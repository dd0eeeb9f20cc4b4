//! Counts the instructions that a message costs, and fails above the limits in the benchmark.

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::peers::debian_program;
use crate::process::{cargo, execute, root, target_dir};

/// Runs the benchmark, if callgrind is to be had: `is_optional` passes over it otherwise.
pub(crate) fn run(is_optional: bool) -> Result {
    if let Err(error) = debian_program("valgrind", "--version") {
        if is_optional {
            println!("instructions: skipped, as valgrind can't be had: {error}");
            return Ok(());
        }
        return Err(format!("valgrind can't be had: {error}").into());
    }
    let runner = runner()?;
    execute(
        cargo(["bench", "--package", "polywire-benches", "--bench", "instructions"])
            .env("GUNGRAUN_RUNNER", runner),
    )
}

/// The program that starts valgrind, installed here in the version of the library.
fn runner() -> Result<PathBuf> {
    let version = locked_version("gungraun")?;
    let tools = target_dir().join("tools").join(format!("gungraun-{version}"));
    let runner = tools.join("bin/gungraun-runner");
    if !runner.exists() {
        println!("instructions: installing gungraun-runner {version} into {} ...", tools.display());
        let what = ["install", "gungraun-runner", "--locked", "--quiet", "--version", &version];
        execute(cargo(what).arg("--root").arg(&tools))?;
    }
    Ok(runner)
}

fn locked_version(package: &str) -> Result<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let name = format!("name = \"{package}\"");
    let after = lock.lines().skip_while(|line| *line != name).nth(1);
    let version = after.and_then(|line| line.strip_prefix("version = \""));
    Ok(version.ok_or("not in Cargo.lock")?.trim_end_matches('"').to_owned())
}

//! The project's own chores: `cargo xtask COMMAND`.

mod ci;
mod consumers;
mod features;
mod interop;
mod manifest;
mod peers;
mod process;
mod tidy;

use std::error::Error;
use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci [--skip-missing]                    everything the gate checks, in its order
  features                               every set of features of every published crate builds
  tidy                                   the rules of the house that no compiler knows
  consumers                              three programs outside the workspace build and run
  interop [--browser] [--skip-missing]   talks to other implementations, both ways

--skip-missing passes over peers that can't be had here, instead of failing.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let skip_missing = has("--skip-missing");
    let result = match args.first().map(String::as_str) {
        Some("ci") => ci::run(skip_missing),
        Some("features") => features::run(),
        Some("tidy") => tidy::run(),
        Some("consumers") => consumers::run(),
        Some("interop") => interop::run(has("--browser"), skip_missing),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! The project's own chores: `cargo xtask COMMAND`.

mod api;
mod autobahn;
mod bench;
mod capture;
mod ci;
mod consumers;
mod coverage;
mod crowd;
mod debian_rust;
mod features;
mod fuzz;
mod instructions;
mod interop;
mod manifest;
mod minimal_versions;
mod models;
mod package;
mod peers;
mod platforms;
mod process;
mod sanitize;
mod simulate;
mod tidy;
mod toolchain;
mod tools;
mod torture;
mod transfer;
mod wine;

use std::error::Error;
use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci [--skip-missing]                    everything the gate checks, in its order
  features                               every set of features of every published crate builds
  tidy                                   the rules of the house that no compiler knows
  consumers                              programs outside the workspace build, run and pass their tests
  simulate [--seeds N] [--from S] [--plain]
                                         random worlds on every stream transport, in release
  bench [--quick] [--only SCENARIO | --all] [--rounds N] [--out FILE.md]
                                         polywire beside its peers: tables, and charts with --out
  bench --tls-cases                      what tokio-rustls does in the cases of docs/tls_lifecycle.md
  interop [--browser] [--skip-missing]   talks to other implementations, both ways
  autobahn [--cases PATTERN] [--quick] [--update] [--skip-missing]
                                         the Autobahn test suite, on our server and client, with and without TLS
  torture [--soak] [--seconds N] [--seed S] [--only KIND] [--way WAY] [--tls yes|no] [--release]
                                         fault clients, beside healthy ones that must not notice; with --soak,
                                         which comes first, programs that wait for each other
  instructions [--skip-missing]          what a message costs of the CPU, against limits
  transfer [--mib N]                     a large file in each way, and the memory it takes
  fuzz [--seconds N] [TARGET]            any input to the protocols and the loop (nightly)
  capture                                all that tests over TLS send, searched for clear text (Linux, root)
  coverage                               the share of the codecs' lines that their tests run
  crowd [--connections N]                19,900 connections that come and go, in release
  models [--schedules N]                 what threads do to each other, in every order
  sanitize address|thread [OPTIONS]      the tests under a sanitizer; OPTIONS as cargo's
  minimal-versions                       compiles with the oldest dependencies
  platforms                              the same, and compiles for Windows, macOS, FreeBSD, and with the oldest
                                         Rust
  api [--update]                         the public interface of each crate is as docs/api says (nightly)
  package                                the crates build, and the consumers run, from what is packed
  wine                                   runs tests of every transport as Windows programs

--skip-missing skips tests whose third-party tools are not installed, instead of failing.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let skip_missing = has("--skip-missing");
    let result = match args.first().map(String::as_str) {
        Some("bench") => bench::run(&args[1..]),
        Some("ci") => ci::run(skip_missing),
        Some("features") => features::run(),
        Some("tidy") => tidy::run(),
        Some("consumers") => consumers::run(),
        Some("simulate") => simulate::run(&args),
        Some("interop") => interop::run(has("--browser"), skip_missing),
        Some("autobahn") => autobahn::run(&args[1..]),
        Some("torture") => torture::run(&args[1..]),
        Some("instructions") => instructions::run(skip_missing),
        Some("transfer") => transfer::run(&args[1..]),
        Some("fuzz") => fuzz::run(&args[1..]),
        Some("capture") => capture::run(),
        Some("coverage") => coverage::run(),
        Some("crowd") => crowd::run(&args[1..]),
        Some("models") => models::run(&args[1..]),
        Some("minimal-versions") => minimal_versions::run(),
        Some("api") => api::run(has("--update")),
        Some("package") => package::run(),
        Some("platforms") => platforms::run(),
        Some("wine") => wine::run(),
        Some("sanitize") => {
            sanitize::run(args.get(1).map(String::as_str), args.get(2..).unwrap_or(&[]))
        }
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

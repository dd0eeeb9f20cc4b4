//! Rust for other systems, and of other versions: rustup's where it gives them, else Debian's.

use std::process::Command;

use crate::Result;
use crate::debian_rust::DebianRust;
use crate::process::{cargo, root};

/// `cargo VERB` for another system.
pub(crate) fn for_target(target: &str, verb: &str) -> Result<Command> {
    let mut command = match rustup(&["target", "add", target]) {
        true => cargo([verb]),
        false => {
            let mut command = DebianRust::with_sources()?.cargo();
            command.args([verb, "-Zbuild-std=std,panic_abort,panic_unwind,test"]);
            command
        }
    };
    command.args(["--target", target]);
    Ok(command)
}

/// `cargo VERB` of a version such as `1.85`.
pub(crate) fn of_version(version: &str, verb: &str) -> Result<Command> {
    let install = ["toolchain", "install", version, "--profile", "minimal", "--no-self-update"];
    let mut command = match rustup(&install) {
        true => {
            let mut command = Command::new("rustup");
            command.args(["run", version, "cargo"]).current_dir(root());
            command
        }
        false => DebianRust::of(version)?.cargo(),
    };
    command.arg(verb);
    Ok(command)
}

fn rustup(args: &[&str]) -> bool {
    let status = Command::new("rustup").arg("--quiet").args(args).status();
    status.is_ok_and(|status| status.success())
}

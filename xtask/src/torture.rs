//! Runs fault clients, which misbehave, against a server, beside healthy ones that must not notice.

use crate::Result;
use crate::process::{cargo, execute};

/// Runs `tests/torture/` with `args`, its own but for `--release`, which is cargo's.
pub(crate) fn run(args: &[String]) -> Result {
    let (of_cargo, own): (Vec<_>, Vec<_>) = args.iter().partition(|arg| *arg == "--release");
    let mut command = cargo(["run", "--quiet", "--package", "polywire-torture"]);
    execute(command.args(of_cargo).arg("--").args(own))
}

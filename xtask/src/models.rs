//! Runs the models of what threads do to each other, in every order that loom can think of.

use crate::Result;
use crate::process::{cargo, execute, target_dir};

/// Switches between threads that are not waiting, in one run: nearly all bugs show with two.
const PREEMPTIONS: &str = "3";

/// Runs `polywire_core::models`, which is compiled only for this.
pub(crate) fn run() -> Result {
    execute(
        cargo(["test", "--release", "--package", "polywire-core", "--lib", "--target-dir"])
            .arg(target_dir().join("models"))
            .args(["--", "models::", "--test-threads=1"])
            .env("RUSTFLAGS", "--cfg polywire_loom")
            .env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS),
    )
}

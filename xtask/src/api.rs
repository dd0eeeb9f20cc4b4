//! The public interface of each crate, as text in `docs/api`, so that whoever changes it sees it.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::manifest::published;
use crate::process::{execute, output, root, target_dir};
use crate::tools;

/// What it lists: everything but what each type gets from blanket implementations. So a type that is `Send` no
/// more is a difference as well.
const OPTIONS: [&str; 6] =
    ["--all-features", "--omit", "blanket-impls", "--color", "never", "--package"];

/// Compares what the crates offer with the files in `docs/api`, or writes these anew.
pub(crate) fn run(update: bool) -> Result {
    let tool = tools::path_with(tools::folder_of("cargo-public-api")?)?;
    let (kept, now) = (root().join("docs/api"), target_dir().join("api"));
    let dir = if update { &kept } else { &now };
    fs::create_dir_all(dir)?;
    for name in published()?.into_iter().map(|manifest| manifest.name) {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo", "public-api"]).args(OPTIONS).arg(&name);
        command.env("PATH", &tool).env("CARGO_TARGET_DIR", target_dir().join("nightly"));
        fs::write(dir.join(name).with_extension("txt"), output(command.current_dir(root()))?)?;
    }
    if update {
        return Ok(());
    }
    let diff = ["diff", "--no-index", "--exit-code"];
    execute(Command::new("git").args(diff).arg(kept).arg(now)).map_err(|_| {
        "api: this is not what docs/api says: run `cargo xtask api --update`, \
         and tell users in CHANGELOG.md what changed"
    })?;
    println!("api: as docs/api says");
    Ok(())
}

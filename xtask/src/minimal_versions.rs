//! The crates compile with the oldest dependencies that their manifests allow.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, root, target_dir};

/// Checks the types of all published crates and their tests with the lowest version of each direct
/// dependency.
pub(crate) fn run() -> Result {
    let dir = target_dir().join("minimal-versions");
    lay_out(&dir)?;
    let mut resolve = cargo(["-Zdirect-minimal-versions", "generate-lockfile", "--quiet"]);
    // The option is unstable. Without it for the build: crates ask what the compiler can do.
    execute(resolve.env("RUSTC_BOOTSTRAP", "1").current_dir(&dir))?;
    let what =
        ["check", "--quiet", "--locked", "--workspace", "--all-features", "--lib", "--tests"];
    let mut check = cargo(what);
    execute(check.arg("--target-dir").arg(target_dir().join("platforms")).current_dir(&dir))?;
    println!("minimal-versions: the crates and their tests compile with the oldest dependencies");
    Ok(())
}

/// A workspace of the published crates alone, with a `Cargo.lock` of its own. The others need newer
/// versions of what they share with these.
fn lay_out(dir: &Path) -> Result {
    fs::create_dir_all(dir)?;
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    fs::write(dir.join("Cargo.toml"), with_published_alone(&manifest))?;
    let link = ["--symbolic", "--force", "--no-dereference"];
    execute(Command::new("ln").args(link).arg(root().join("crates")).arg(dir.join("crates")))
}

fn with_published_alone(manifest: &str) -> String {
    let lines = manifest.lines().map(|line| match line.starts_with("members = ") {
        true => "members = [\"crates/*\"]",
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_members_of_the_workspace_change() {
        let manifest = "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\nexclude = [\"fuzz\"]";
        let expected = "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"fuzz\"]";
        assert_eq!(with_published_alone(manifest), expected);
    }
}

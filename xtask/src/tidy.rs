//! The rules of the house that no compiler knows.

mod arrows;
mod interface;
mod links;
mod modules;
mod publishing;
mod sources;
mod transports;
mod uses;

use std::fs;

use crate::Result;
use crate::bench;
use crate::manifest::{Manifest, published, unpublished};
use crate::process::root;

/// Checks every rule and names all that is wrong at once.
pub(crate) fn run() -> Result {
    let published = published()?;
    let unpublished = unpublished()?;
    let mut faults = arrows::faults(&published);
    faults.extend(lint_faults(published.iter().chain(&unpublished)));
    faults.extend(sources::faults()?);
    faults.extend(modules::faults()?);
    faults.extend(transports::faults(&published)?);
    faults.extend(missing_documents());
    faults.extend(links::faults()?);
    faults.extend(publishing::faults()?);
    faults.extend(interface::fault());
    faults.extend(bench::readme::fault()?);
    if faults.is_empty() {
        println!("tidy: {} crates keep the rules", published.len() + unpublished.len());
        return Ok(());
    }
    Err(format!("tidy:\n  {}", faults.join("\n  ")).into())
}

fn lint_faults<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> Vec<String> {
    manifests
        .filter(|manifest| !manifest.inherits_lints)
        .map(|manifest| format!("{}: add `[lints]` with `workspace = true`", manifest.name))
        .collect()
}

/// What must lie at the top of the repository.
fn missing_documents() -> Vec<String> {
    let mut faults = Vec::new();
    for name in ["LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "README.md", "ARCHITECTURE.md"] {
        if !root().join(name).is_file() {
            faults.push(format!("{name} is missing"));
        }
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap_or_default();
    if !changelog.lines().any(|line| line.starts_with("## [Unreleased]")) {
        faults.push("CHANGELOG.md has no `## [Unreleased]`".into());
    }
    faults
}

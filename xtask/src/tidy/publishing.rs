//! What crates.io and docs.rs show of a crate, and that nothing else gets there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::root;

/// Lines that the manifest of a published crate has, by their beginnings.
const LINES: [&str; 9] = [
    "description = ",
    "keywords = [",
    "categories",
    "license.workspace = true",
    "rust-version.workspace = true",
    "readme = \"README.md\"",
    "include.workspace = true",
    "[package.metadata.docs.rs]",
    "rustdoc-args = [\"--cfg\", \"docsrs\"]",
];

/// What its folder has besides.
const FILES: [&str; 3] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Everything that is missing.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        faults.extend(faults_of_published(&entry?.path())?);
    }
    for folder in ["benches", "examples", "tests", "xtask"] {
        for manifest in manifests(&root().join(folder))? {
            if !fs::read_to_string(&manifest)?.lines().any(|line| line == "publish = false") {
                let shown =
                    manifest.strip_prefix(root()).unwrap_or(&manifest).display().to_string();
                faults.push(format!("{shown}: add `publish = false`"));
            }
        }
    }
    Ok(faults)
}

fn faults_of_published(dir: &Path) -> Result<Vec<String>> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let manifest = fs::read_to_string(dir.join("Cargo.toml"))?;
    let documentation = format!("documentation = \"https://docs.rs/{name}\"");
    let lines = LINES.into_iter().chain([documentation.as_str()]);
    let missing = lines.filter(|start| !manifest.lines().any(|line| line.starts_with(start)));
    let mut faults: Vec<_> =
        missing.map(|start| format!("{name}: Cargo.toml has no `{start}`")).collect();
    let files = FILES.into_iter().filter(|file| !dir.join(file).is_file());
    faults.extend(files.map(|file| format!("{name}: {file} is missing")));
    let readme = fs::read_to_string(dir.join("README.md")).unwrap_or_default();
    let compiled =
        fs::read_to_string(dir.join("src/lib.rs"))?.contains("include_str!(\"../README.md\")");
    if !compiled || !readme.contains("```rust") {
        faults.push(format!("{name}: the README has no example that the tests compile"));
    }
    Ok(faults)
}

/// All `Cargo.toml` under `dir`, without what was built there.
fn manifests(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(manifests(&path)?);
        } else if path.ends_with("Cargo.toml") {
            found.push(path);
        }
    }
    Ok(found)
}

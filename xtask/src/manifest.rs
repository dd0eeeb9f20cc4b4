//! As much of `Cargo.toml` as the chores need, read without a TOML library.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::process::root;

/// One package of this repository.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The package's name.
    pub(crate) name: String,
    /// Names of the packages it needs to be built, optional ones too.
    pub(crate) dependencies: Vec<String>,
    /// Names of the packages its tests need besides.
    pub(crate) dev_dependencies: Vec<String>,
    /// Its features and what each turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Whether `[lints] workspace = true` is there.
    pub(crate) inherits_lints: bool,
}

/// The packages in `crates/`: those that are published.
pub(crate) fn published() -> Result<Vec<Manifest>> {
    let mut dirs = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        dirs.push(entry?.path());
    }
    dirs.sort();
    dirs.iter().map(|dir| Manifest::read(dir)).collect()
}

/// The packages of the workspace that are not published.
pub(crate) fn unpublished() -> Result<Vec<Manifest>> {
    ["examples", "benches", "xtask"].iter().map(|dir| Manifest::read(&root().join(dir))).collect()
}

impl Manifest {
    /// Reads the manifest in `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut manifest = Self {
            name: String::new(),
            dependencies: Vec::new(),
            dev_dependencies: Vec::new(),
            features: BTreeMap::new(),
            inherits_lints: false,
        };
        let mut section = String::new();
        for line in logical_lines(text) {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']').to_owned();
                manifest.take_section(&section);
            } else if let Some((key, value)) = line.split_once('=') {
                manifest.take_entry(&section, key.trim(), value.trim());
            }
        }
        manifest
    }

    /// `[dependencies.name]` is an entry of its own.
    fn take_section(&mut self, section: &str) {
        if let Some((_, name)) = section.rsplit_once("dev-dependencies.") {
            self.dev_dependencies.push(name.into());
        } else if let Some((_, name)) = section.rsplit_once("dependencies.") {
            self.dependencies.push(name.into());
        }
    }

    fn take_entry(&mut self, section: &str, key: &str, value: &str) {
        let first_key = key.split('.').next().unwrap_or(key);
        match section {
            "package" if key == "name" => self.name = value.trim_matches('"').into(),
            "features" => {
                let words = value.split('"').skip(1).step_by(2);
                self.features.insert(key.into(), words.map(Into::into).collect());
            }
            "lints" => self.inherits_lints |= key == "workspace" && value == "true",
            // A target's own dependencies count like all others.
            _ if section.ends_with("dev-dependencies") => {
                self.dev_dependencies.push(first_key.into());
            }
            _ if section.ends_with("dependencies") => self.dependencies.push(first_key.into()),
            _ => {}
        }
    }
}

/// Lines without comments and blanks, with an array of several lines made one.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let code = line.split('#').next().unwrap_or_default().trim();
        open.push_str(code);
        if open.matches('[').count() > open.matches(']').count() {
            continue;
        }
        if !open.is_empty() {
            lines.push(std::mem::take(&mut open));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[package]
name = "demo" # a comment
[features]
default = ["a", "dep:x"]
list = [
    "a", # the first
    "b",
]
[dependencies]
x = { version = "1", optional = true }
y.workspace = true
[target.'cfg(unix)'.dependencies]
z = "1"
[dev-dependencies.w]
path = "."
[lints]
workspace = true
"#;

    #[test]
    fn every_part_that_the_chores_need_is_read() {
        let manifest = Manifest::parse(TEXT);
        assert_eq!(manifest.name, "demo");
        assert_eq!(manifest.dependencies, ["x", "y", "z"]);
        assert_eq!(manifest.dev_dependencies, ["w"]);
        assert_eq!(manifest.features["default"], ["a", "dep:x"]);
        assert_eq!(manifest.features["list"], ["a", "b"]);
        assert!(manifest.inherits_lints);
    }
}

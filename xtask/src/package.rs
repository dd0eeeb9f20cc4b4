//! What would be published, as strangers get it: each crate is packed, and built from the files in its package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::consumers;
use crate::manifest::{Manifest, published};
use crate::process::{cargo, execute, root, target_dir};

/// No package is larger: one that is holds something that is no source.
const MAX_PACKAGE_KIB: u64 = 512;

/// Packs the crates, builds them from what was packed, and runs the consumers on it.
pub(crate) fn run() -> Result {
    let crates = published()?;
    let packages = pack(&crates)?;
    let dir = target_dir().join("package/unpacked");
    lay_out(&dir, &packages)?;
    let check = ["check", "--quiet", "--workspace", "--all-features", "--target-dir"];
    execute(cargo(check).arg(target_dir().join("consumers")).current_dir(&dir))?;
    println!("package: the crates build from what is in their packages");
    consumers::run_in(&dir)
}

/// One crate, packed.
struct Package {
    name: String,
    file: PathBuf,
}

/// Does not build what it packs: that is done later, for all at once.
fn pack(crates: &[Manifest]) -> Result<Vec<Package>> {
    let version = version()?;
    let mut command = cargo(["package", "--quiet", "--no-verify", "--allow-dirty", "--target-dir"]);
    command.arg(target_dir());
    command.args(crates.iter().flat_map(|manifest| ["--package", &manifest.name]));
    execute(&mut command)?;
    let packages = crates.iter().map(|Manifest { name, .. }| Package {
        name: name.clone(),
        file: target_dir().join(format!("package/{name}-{version}.crate")),
    });
    packages.map(|package| package.measured()).collect()
}

impl Package {
    fn measured(self) -> Result<Self> {
        let kib = fs::metadata(&self.file)?.len().div_ceil(1024);
        println!("package: {} takes {kib} KiB", self.name);
        if kib > MAX_PACKAGE_KIB {
            let list = format!("cargo package --list --package {}", self.name);
            return Err(format!("that is over {MAX_PACKAGE_KIB} KiB: see `{list}`").into());
        }
        Ok(self)
    }
}

/// A repository in small: the unpacked crates as a workspace, and the consumers beside them.
fn lay_out(dir: &Path, packages: &[Package]) -> Result {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    for folder in ["crates", "tests", "templates", ".cargo"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    for Package { name, file } in packages {
        let to = dir.join("crates").join(name);
        fs::create_dir(&to)?;
        let tar = ["--extract", "--gzip", "--strip-components=1", "--file"];
        execute(Command::new("tar").args(tar).arg(file).arg("--directory").arg(to))?;
    }
    for (folder, to) in [("tests/consumers", "tests"), ("templates/adapter", "templates")] {
        execute(Command::new("cp").arg("-R").arg(folder).arg(dir.join(to)).current_dir(root()))?;
    }
    fs::copy(root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
    fs::write(dir.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n")?;
    fs::write(dir.join(".cargo/config.toml"), patches(packages))?;
    Ok(())
}

/// Packed crates name each other by version: these lines say where they are.
fn patches(packages: &[Package]) -> String {
    let lines = packages
        .iter()
        .map(|Package { name, .. }| format!("{name} = {{ path = \"crates/{name}\" }}\n"));
    ["[patch.crates-io]\n".to_owned()].into_iter().chain(lines).collect()
}

/// All crates have the same.
fn version() -> Result<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    Ok(line.ok_or("Cargo.toml has no version")?.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_crates_are_found_where_they_were_unpacked() {
        let package = |name: &str| Package { name: name.into(), file: PathBuf::new() };
        let expected =
            "[patch.crates-io]\na = { path = \"crates/a\" }\nb = { path = \"crates/b\" }\n";
        assert_eq!(patches(&[package("a"), package("b")]), expected);
    }
}

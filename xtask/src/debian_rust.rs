//! Debian's Rust compilers, for what the toolchain at hand can't do.
//!
//! They come in more than one version, the newest with std's sources, which rustup does not give
//! everywhere. They are unpacked into `target/tools` and installed nowhere; the cargo at hand runs
//! them.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, output, target_dir};

/// The one that has std's sources here. Its LLVM is that of Rust 1.95, whose sanitizers fit it.
const VERSION_WITH_SOURCES: &str = "1.96";

pub(crate) struct DebianRust {
    /// What is `/usr` where it is installed.
    usr: PathBuf,
    has_sources: bool,
}

impl DebianRust {
    /// A compiler with std's sources and a linker, for std to be compiled in other ways.
    pub(crate) fn with_sources() -> Result<Self> {
        Ok(Self { usr: unpacked(VERSION_WITH_SOURCES, true)?, has_sources: true })
    }

    /// The compiler of a version such as `1.85`.
    pub(crate) fn of(version: &str) -> Result<Self> {
        Ok(Self { usr: unpacked(version, false)?, has_sources: false })
    }

    /// The cargo at hand with this compiler.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo([""; 0]);
        command
            .env("RUSTC", self.usr.join("bin/rustc"))
            .env("LD_LIBRARY_PATH", self.usr.join(format!("lib/{ARCH}-linux-gnu")));
        if self.has_sources {
            command.env("RUSTC_BOOTSTRAP", "1"); // Options for std are unstable.
        }
        command
    }

    /// The folder of the linker lld, which knows what LLVM's sanitizers ask for.
    pub(crate) fn lld(&self) -> Result<PathBuf> {
        let found = fs::read_dir(self.usr.join("lib"))?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .find(|bin| bin.join("ld.lld").exists());
        found.ok_or_else(|| "there is no ld.lld among Debian's packages".into())
    }
}

/// Where the version is, after it was put there if it was not.
fn unpacked(version: &str, has_sources: bool) -> Result<PathBuf> {
    let dir = target_dir().join("tools").join(format!("rust-{version}"));
    let usr = dir.join("usr");
    if usr.join("bin/rustc").exists() {
        return Ok(usr);
    }
    println!("unpacking Debian's Rust {version} into {} ...", dir.display());
    let part = dir.with_file_name(format!("rust-{version}.part"));
    let _ = fs::remove_dir_all(&part);
    fs::create_dir_all(&part)?;
    download(version, has_sources, &part).map_err(|error| {
        format!("Debian's Rust {version} can't be had: {error}\nit is in Debian 12, as rustc-web")
    })?;
    // Listed before anything is unpacked beside them.
    for package in fs::read_dir(&part)?.collect::<Vec<_>>() {
        let package = package?.path();
        execute(Command::new("dpkg").arg("-x").arg(&package).arg(&part))?;
        fs::remove_file(package)?;
    }
    fs::rename(part, &dir)?;
    Ok(usr)
}

fn download(version: &str, has_sources: bool, into: &Path) -> Result {
    let full = match full_version(version)? {
        Some(full) => full,
        None => {
            execute(Command::new("apt-get").args(["update", "-qq"]))?;
            full_version(version)?.ok_or("apt knows no such version")?
        }
    };
    let library = format!("libstd-rust-web-{version}={full}");
    let shown = output(Command::new("apt-cache").args(["show", &library]))?;
    let llvm = llvm_of(&shown).ok_or("its LLVM is not told")?;
    let mut packages = vec![
        format!("rustc-web={full}"),
        format!("libstd-rust-web-dev={full}"),
        library,
        format!("libllvm{llvm}"),
    ];
    if has_sources {
        packages.extend([format!("rust-web-src={full}"), format!("lld-{llvm}")]);
    }
    execute(Command::new("apt-get").args(["download", "-qq"]).args(packages).current_dir(into))
}

/// The version of the package, if apt knows one.
fn full_version(version: &str) -> Result<Option<String>> {
    let versions = output(Command::new("apt-cache").args(["madison", "rustc-web"]))?;
    let mut versions = versions.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let prefix = format!("{version}.");
    Ok(versions.find(|full| full.starts_with(&prefix)).map(str::to_owned))
}

/// The number in the name of the LLVM library that a package needs.
fn llvm_of(package: &str) -> Option<String> {
    let (_, rest) = package.split_once("libllvm")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_of_a_package_is_read_from_what_it_needs() {
        let package = "Package: libstd\nDepends: libc6 (>= 2.34), libllvm22 (>= 1:22.1.8), zlib1g";
        assert_eq!(llvm_of(package).as_deref(), Some("22"));
        assert_eq!(llvm_of("Depends: libc6, libllvm"), None);
    }
}

//! Runs the tests under a sanitizer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::debian_rust::DebianRust;
use crate::process::{execute, output, root, target_dir};

const USAGE: &str = "usage: cargo xtask sanitize address|thread [cargo's options]";

/// Tells the tests, which then hold no clock and no memory to figures.
const CFG: &str = "--cfg polywire_sanitized";

/// Runs the tests of all crates, or of those that `options` choose (`--package polywire-core`),
/// under `kind`: `address`, which finds leaks too, or `thread`.
pub(crate) fn run(kind: Option<&str>, options: &[String]) -> Result {
    let sanitizer = match kind {
        Some("address") => Sanitizer::address(),
        Some("thread") => Sanitizer::thread()?,
        _ => return Err(USAGE.into()),
    };
    let dir = target_dir().join("sanitize").join(kind.unwrap_or_default());
    // A target that is named keeps build scripts and macros as they are.
    let common = ["--target", &host()?, "--target-dir", &dir.to_string_lossy()].map(String::from);
    if !options.is_empty() {
        return execute(sanitizer.cargo("test").arg("--tests").args(common).args(options));
    }
    // Which their tests run, and `--tests` alone does not build.
    let examples = ["--package", "polywire-examples", "--examples"];
    execute(sanitizer.cargo("build").args(&common).args(examples))?;
    let all = ["--tests", "--workspace", "--exclude", "xtask", "--all-features"];
    execute(sanitizer.cargo("test").args(&common).args(all))
}

/// What compiles and runs with a sanitizer.
struct Sanitizer {
    flags: String,
    builds_std: bool,
    /// Instead of nightly.
    rust: Option<DebianRust>,
}

impl Sanitizer {
    fn address() -> Self {
        Self { flags: format!("-Zsanitizer=address {CFG}"), builds_std: false, rust: None }
    }

    /// It must see into std: locks taken after a wait and the last drop of an `Arc` look like races
    /// where it can't. So std is compiled from its sources: nightly's if they are there, else
    /// Debian's.
    fn thread() -> Result<Self> {
        let flags = format!("-Zsanitizer=thread {CFG}");
        if sysroot("nightly").is_ok_and(|root| root.join("lib/rustlib/src/rust/library").is_dir()) {
            return Ok(Self { flags, builds_std: true, rust: None });
        }
        let rust = DebianRust::with_sources()?;
        let runtime = runtime(&sysroot("stable")?.join("lib/rustlib").join(host()?).join("lib"))?;
        let flags = [
            flags,
            // Debian's has no runtime of the sanitizer: rustup's is linked, all of it.
            "-Zexternal-clangrt".into(),
            format!("-Clink-arg=-Wl,--whole-archive,{},--no-whole-archive", runtime.display()),
            // GNU's linker fails on it.
            format!("-Clink-arg=-B{} -Clink-arg=-fuse-ld=lld", rust.lld()?.display()),
        ];
        Ok(Self { flags: flags.join(" "), builds_std: true, rust: Some(rust) })
    }

    fn cargo(&self, verb: &str) -> Command {
        let mut command = match &self.rust {
            Some(rust) => rust.cargo(),
            None => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo"]);
                command
            }
        };
        command.arg(verb).env("RUSTFLAGS", &self.flags).current_dir(root());
        if self.builds_std {
            command.arg("-Zbuild-std");
        }
        command
    }
}

/// The runtime of the thread sanitizer among rustup's libraries.
fn runtime(libraries: &Path) -> Result<PathBuf> {
    let is_runtime = |path: &PathBuf| path.to_string_lossy().ends_with("_rt.tsan.a");
    let mut files = fs::read_dir(libraries)?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(is_runtime).ok_or_else(|| {
        format!("the thread sanitizer's runtime is not in {}", libraries.display()).into()
    })
}

fn sysroot(toolchain: &str) -> Result<PathBuf> {
    let print = ["run", toolchain, "rustc", "--print=sysroot"];
    Ok(output(Command::new("rustup").args(print))?.trim().into())
}

/// The machine that is compiled for.
fn host() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc does not tell its host")?.to_owned())
}

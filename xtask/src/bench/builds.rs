//! How long the smallest echo server of each library takes to build, and how large it is.

use std::fmt::Write;
use std::fs;
use std::process::Stdio;
use std::time::Instant;

use super::table::shown;
use crate::Result;
use crate::process::{cargo, root, target_dir};

/// The name that `--only` knows.
pub(crate) const NAME: &str = "builds";

const LIBRARIES: [&str; 4] = ["polywire", "mio", "message-io", "tokio"];

/// Builds all, each with all it depends on.
pub(crate) fn table() -> Result<String> {
    let mut text = String::from(
        "## builds\n\nThe smallest echo server of each library (`benches/contestants/smallest`), built once, with \
         all it depends on and nothing built before, in release, without symbols. `mio` is a loop by hand that \
         echoes bytes; the others echo framed messages.\n\n\
         | | seconds to build | crates compiled | KiB of the program | lines of the program |\n\
         |---|---|---|---|---|\n",
    );
    for library in LIBRARIES {
        eprintln!("builds: {library}");
        text.push_str(&row(library)?);
    }
    Ok(text)
}

fn row(library: &str) -> Result<String> {
    let name = format!("smallest-{library}");
    let target = target_dir().join("bench").join(&name);
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let contestants = root().join("benches/contestants");
    let mut build = cargo(["build", "--release", "--locked", "--package", &name]);
    build.args(["--config", "profile.release.strip=true", "--manifest-path"]);
    build.arg(contestants.join("Cargo.toml")).arg("--target-dir").arg(&target);
    let begin = Instant::now();
    let output = build.stdout(Stdio::null()).output()?;
    let seconds = begin.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} does not build:\n{said}").into());
    }
    let crates = said.lines().filter(|line| line.trim_start().starts_with("Compiling ")).count();
    let program = target.join("release").join(&name);
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    let kib = fs::metadata(program)?.len() as f64 / 1024.0;
    let source = contestants.join("smallest").join(library).join("src/main.rs");
    let lines = fs::read_to_string(source)?.lines().count();
    fs::remove_dir_all(&target)?;
    let mut row = String::new();
    writeln!(row, "| {library} | {} | {crates} | {} | {lines} |", shown(seconds), shown(kib))?;
    Ok(row)
}

//! How many lines of the codecs their own tests run, and fails below the figure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::peers::debian_package;
use crate::process::{cargo, execute, is_installed, output, root, target_dir};

/// Of a hundred lines of a codec so many are run at least: whoever adds one tests it.
const MIN_LINE_PERCENT: f64 = 98.0;

/// What turns bytes into messages or the other way round, in the folders of these crates.
const CODECS: [(&str, &[&str]); 2] = [
    ("polywire-framed-tcp", &["protocol.rs", "encoding.rs"]),
    (
        "polywire-ws",
        &[
            "assembler.rs",
            "close.rs",
            "deflate/contexts.rs",
            "deflate/deflater.rs",
            "deflate/history.rs",
            "deflate/inflater.rs",
            "deflate/inflation.rs",
            "deflate/negotiation.rs",
            "deflate/negotiation/list.rs",
            "encoder.rs",
            "extensions.rs",
            "frame.rs",
            "handshake.rs",
            "handshake/client.rs",
            "handshake/head.rs",
            "handshake/server.rs",
            "mask.rs",
            "protocol.rs",
            "session.rs",
        ],
    ),
];

/// Versions of Debian's package that read what today's compilers write, the newest first.
const LLVM: [&str; 4] = ["22", "21", "20", "19"];

/// Runs the tests of the codecs' crates, counting lines, and prints a table.
pub(crate) fn run() -> Result {
    let llvm = llvm()?;
    let dir = target_dir().join("coverage");
    let raw = dir.join("raw");
    if raw.exists() {
        fs::remove_dir_all(&raw)?;
    }
    let test = || {
        let mut command = cargo(["test", "--all-features", "--lib", "--tests", "--target-dir"]);
        command.arg(&dir).args(CODECS.iter().flat_map(|(name, _)| ["--package", name]));
        command.env("RUSTFLAGS", "-Cinstrument-coverage");
        command.env("LLVM_PROFILE_FILE", raw.join("%m-%p.profraw"));
        command.env("POLYWIRE_SEEDS", "20"); // Random worlds are about the loop.
        command
    };
    let programs = programs(&output(test().args(["--no-run", "--message-format=json"]))?);
    execute(test().arg("--quiet"))?;
    let merged = dir.join("merged.profdata");
    execute(
        Command::new(format!("llvm-profdata{llvm}"))
            .args(["merge", "-sparse", "-o"])
            .arg(&merged)
            .arg(&raw),
    )?;
    let mut export = Command::new(format!("llvm-cov{llvm}"));
    export.args(["export", "-format=lcov", "-instr-profile"]).arg(&merged);
    for program in programs {
        export.arg("-object").arg(program);
    }
    judge(&lines(&output(&mut export)?)?)
}

/// What the names of LLVM's programs end with, of the newest that is here or can be had.
fn llvm() -> Result<String> {
    let found = LLVM.iter().find(|version| is_installed(&program(version), "--version"));
    if let Some(version) = found {
        return Ok(format!("-{version}"));
    }
    let last = LLVM[LLVM.len() - 1];
    debian_package(&format!("llvm-{last}"), &program(last), "--version")?;
    Ok(format!("-{last}"))
}

fn program(version: &str) -> String {
    format!("llvm-cov-{version}")
}

/// The tests' programs, out of what cargo tells of them.
fn programs(told: &str) -> Vec<String> {
    let names = told.lines().filter_map(|line| line.split_once("\"executable\":\""));
    names.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// The lines of code of each source file, and how often each of them was run.
type Lines = BTreeMap<PathBuf, BTreeMap<usize, u64>>;

/// Reads a report in the format of lcov, without the lines of tests.
fn lines(report: &str) -> Result<Lines> {
    let mut lines = Lines::new();
    let (mut file, mut end) = (PathBuf::new(), 0);
    for entry in report.lines() {
        if let Some(path) = entry.strip_prefix("SF:") {
            file = path.into();
            end = first_test(&file)?;
        } else if let Some((line, times)) =
            entry.strip_prefix("DA:").and_then(|e| e.split_once(','))
        {
            let line = line.parse()?;
            if line < end {
                *lines.entry(file.clone()).or_default().entry(line).or_default() +=
                    times.parse::<u64>()?;
            }
        }
    }
    Ok(lines)
}

/// The line at which the tests begin, which come last in a file.
fn first_test(file: &Path) -> Result<usize> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let at = text.lines().position(|line| line == "#[cfg(test)]");
    Ok(at.map_or(usize::MAX, |at| at + 1))
}

/// Prints a table of the codecs' files, and fails if a codec is run too little.
fn judge(lines: &Lines) -> Result {
    let mut too_little = Vec::new();
    println!("{:45} {:>6} {:>6} {:>8}  lines that no test runs", "codec", "lines", "run", "share");
    for (package, files) in CODECS {
        let (mut all, mut run) = (0, 0);
        for file in files {
            let path = root().join("crates").join(package).join("src").join(file);
            let of_file = lines.get(&path).ok_or_else(|| format!("no line of {file} was met"))?;
            let missed = of_file.iter().filter(|(_, times)| **times == 0);
            let missed: Vec<_> = missed.map(|(line, _)| line.to_string()).collect();
            let run_of_file = of_file.len() - missed.len();
            row(&format!("{package}/{file}"), of_file.len(), run_of_file, &missed.join(" "));
            (all, run) = (all + of_file.len(), run + run_of_file);
        }
        row(package, all, run, "");
        if share(all, run) < MIN_LINE_PERCENT {
            too_little.push(package);
        }
    }
    match too_little[..] {
        [] => Ok(()),
        _ => {
            Err(format!("below {MIN_LINE_PERCENT} % of the lines: {}", too_little.join(", "))
                .into())
        }
    }
}

fn row(name: &str, all: usize, run: usize, missed: &str) {
    println!("{name:45} {all:>6} {run:>6} {:>6.1} %  {missed}", share(all, run));
}

fn share(all: usize, run: usize) -> f64 {
    100.0 * run as f64 / all as f64
}

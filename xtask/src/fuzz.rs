//! Feeds the protocols and the loop with what no peer and no program should do.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::process::Command;

use crate::Result;
use crate::process::{execute, root, target_dir};
use crate::tools;

const TARGETS: &[&str] = &[
    "framed",
    "encoding",
    "ws_server",
    "ws_client",
    "ws_talk",
    "inflate",
    "proxy_header",
    "tls",
    "engine",
];
const DEFAULT_SECONDS: u32 = 60;

/// No input may cause one piece of memory of so many MiB: a length that is believed asks for more.
/// Longer inputs than these are slower, not richer.
const OPTIONS: &[&str] = &[
    "-malloc_limit_mb=4",
    "-rss_limit_mb=1024",
    "-timeout=10",
    "-max_len=1024",
    "-len_control=10",
];

/// Runs one target or all, for so many seconds each, and says what became of them. What they find
/// worth keeping is kept in `target/fuzz` for the next time.
pub(crate) fn run(args: &[String]) -> Result {
    let (seconds, chosen) = parse(args)?;
    let path = tools::path_with(tools::folder_of("cargo-fuzz")?)?;
    let mut rows = Vec::new();
    for target in TARGETS.iter().filter(|name| chosen.is_none_or(|chosen| chosen == **name)) {
        println!("fuzz: {target}, {seconds} s ...");
        rows.push(fuzz(&path, target, seconds)?);
    }
    println!("{:<12} {:>12} {:>10}", "target", "executions", "coverage");
    rows.iter().for_each(|row| println!("{row}"));
    Ok(())
}

fn parse(args: &[String]) -> Result<(u32, Option<&str>)> {
    let (mut seconds, mut chosen) = (DEFAULT_SECONDS, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let number = args.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or("--seconds wants a number")?;
            }
            name if TARGETS.contains(&name) => chosen = Some(name),
            name => {
                return Err(format!("no target {name}: {}", TARGETS.join(", ")).into());
            }
        }
    }
    Ok((seconds, chosen))
}

/// Runs one target and returns its row of the table.
fn fuzz(path: &OsStr, target: &str, seconds: u32) -> Result<String> {
    let work = target_dir().join("fuzz");
    let corpus = work.join("corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let log = work.join(format!("{target}.log"));
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", ".", "--target-dir"])
        .arg(&work)
        .arg(target)
        .arg(&corpus)
        .arg(format!("seeds/{target}"))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .args(OPTIONS)
        .env("PATH", path)
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(root().join("tests/fuzz"))
        .stderr(File::create(&log)?);
    let result = execute(&mut command);
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    result.map_err(|error| {
        format!("{}\nfuzz: {target} found something, or does not build: {error}", tail(&text))
    })?;
    Ok(row(target, &text))
}

/// The end of a log, where libFuzzer says what it found and how to see it again.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

fn row(target: &str, log: &str) -> String {
    let after = |line: &str, word: &str| {
        let mut words = line.split_whitespace().skip_while(|found| *found != word);
        words.nth(1).unwrap_or("?").to_owned()
    };
    let last = |part: &str, word: &str| {
        let line = log.lines().rev().find(|line| line.contains(part));
        line.map_or_else(|| "?".into(), |line| after(line, word))
    };
    format!("{target:<12} {:>12} {:>10}", last("Done ", "Done"), last(" cov: ", "cov:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_executions_and_coverage() {
        let log = "#2 INITED cov: 12 ft: 13 corp: 1/1b\n#9 NEW    cov: 77 ft: 99\nDone 1234 runs in 5 second(s)";
        assert_eq!(
            row("framed", log).split_whitespace().collect::<Vec<_>>(),
            ["framed", "1234", "77"]
        );
        assert_eq!(row("framed", "").split_whitespace().nth(2), Some("?"));
    }

    #[test]
    fn arguments_are_seconds_and_a_target() {
        let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(parse(&args(&["--seconds", "5", "engine"])).unwrap(), (5, Some("engine")));
        assert_eq!(parse(&[]).unwrap(), (DEFAULT_SECONDS, None));
        assert!(parse(&args(&["--seconds"])).is_err());
        assert!(parse(&args(&["nothing"])).is_err());
    }
}

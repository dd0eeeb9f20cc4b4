//! Measures polywire beside its peers: programs in processes of their own, in interleaved rounds.

mod charts;
mod derive;
mod outcome;
pub(crate) mod readme;
mod run;
mod scenario;
mod scenarios;
mod table;
mod tools;
mod values;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, is_installed, root, target_dir};
use outcome::Entry;
use scenario::{Case, Scale, Scenario};
use tools::Tools;

const USAGE: &str =
    "usage: cargo xtask bench [--quick] [--only SCENARIO] [--rounds N] [--out FILE.md]
       cargo xtask bench --tls-cases";

/// What is to be measured.
#[derive(Default)]
struct Wanted<'a> {
    is_quick: bool,
    only: Option<&'a str>,
    rounds: Option<usize>,
    out: Option<PathBuf>,
}

impl<'a> Wanted<'a> {
    fn parse(args: &'a [String]) -> Result<Self> {
        let mut wanted = Self::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(flag) = args.next() {
            match flag {
                "--quick" => wanted.is_quick = true,
                "--only" => wanted.only = Some(args.next().ok_or(USAGE)?),
                "--rounds" => wanted.rounds = Some(args.next().ok_or(USAGE)?.parse()?),
                "--out" => wanted.out = Some(root().join(args.next().ok_or(USAGE)?)),
                _ => return Err(USAGE.into()),
            }
        }
        if wanted.only.is_some() && wanted.out == Some(root().join(readme::REPORT)) {
            let report = readme::REPORT;
            let text =
                format!("--only is a part of the report: give --out another file than {report}");
            return Err(text.into());
        }
        Ok(wanted)
    }
}

/// Measures what `args` ask for, and prints the report.
pub(crate) fn run(args: &[String]) -> Result {
    if args == ["--tls-cases"] {
        return tls_cases();
    }
    let Wanted { is_quick, only, rounds, out } = Wanted::parse(args)?;
    let rounds = rounds.unwrap_or(if is_quick { 1 } else { 11 });
    let has_zmq = has_compiler();
    let tools = Tools::new(build(has_zmq)?, has_zmq, is_quick);
    let scale = if is_quick { Scale::QUICK } else { Scale::FULL };
    let scenarios = chosen(scale, &tools, only)?;

    let mut report = table::preface(&tools, args, rounds, is_quick);
    println!("{report}");
    let mut failures = 0;
    for scenario in &scenarios {
        let text = if let Some(why) = scenario.obstacle(&tools) {
            table::not_measured(scenario, why)
        } else {
            let measured = measure(scenario, &tools, rounds);
            failures += measured.iter().flatten().filter(|entry| entry.has_broken()).count();
            if let Some(out) = &out {
                charts::draw(scenario, &measured, &tools, out)?;
            }
            table::scenario(scenario, &measured, out.is_some())
        };
        println!("{text}");
        report.push('\n');
        report.push_str(&text);
    }
    if let Some(path) = out {
        fs::create_dir_all(path.parent().ok_or("a file to write to")?)?;
        fs::write(&path, report)?;
        if path == root().join(readme::REPORT) {
            readme::renew()?;
        }
    }
    if failures > 0 {
        return Err(format!(
            "bench: {failures} programs did not do what they should, see the report"
        )
        .into());
    }
    Ok(())
}

/// Prints what tokio-rustls does in the cases of `docs/tls_lifecycle.md`: no figures, but what happens.
fn tls_cases() -> Result {
    execute(Command::new(build(false)?).args(["tls-cases", "tokio-rustls", "cases"]))
}

fn chosen(scale: Scale, tools: &Tools, only: Option<&str>) -> Result<Vec<Scenario>> {
    let mut scenarios = scenarios::all(scale, tools);
    if let Some(name) = only {
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name).collect();
        scenarios.retain(|scenario| is_of(scenario.name, name));
        if scenarios.is_empty() {
            return Err(format!("--only takes one of: {}", names.join(", ")).into());
        }
    }
    Ok(scenarios)
}

/// Whether a scenario has the name, or belongs to the group of that name: `tls-echo` to `tls`.
fn is_of(scenario: &str, name: &str) -> bool {
    let rest = scenario.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Per case the entries of all its contestants, who take turns within a round, and at being first.
fn measure(scenario: &Scenario, tools: &Tools, rounds: usize) -> Vec<Vec<Entry>> {
    let of_case = |case: &Case| {
        let new = |&contestant| Entry { contestant, outcomes: Vec::new() };
        let mut entries: Vec<_> = case.contestants.iter().map(new).collect();
        let count = entries.len();
        for round in 0..rounds {
            eprintln!("{}: {}, round {} of {rounds}", scenario.name, case.name, round + 1);
            for turn in 0..count * scenario.runs {
                let entry = &mut entries[(round + turn) % count];
                entry.outcomes.push(run::once(scenario, case, entry.contestant, tools));
            }
        }
        entries
    };
    scenario.cases.iter().map(of_case).collect()
}

/// Builds the contestants, which are a workspace of their own, and returns their program.
fn build(has_zmq: bool) -> Result<PathBuf> {
    let manifest = root().join("benches/contestants/Cargo.toml");
    let target = target_dir().join("contestants");
    let mut build = cargo(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
    build.arg(manifest).arg("--target-dir").arg(&target);
    if has_zmq {
        build.args(["--features", "zmq"]);
    }
    execute(&mut build)?;
    let program = Path::new("contestants").with_extension(std::env::consts::EXE_EXTENSION);
    Ok(target.join("release").join(program))
}

/// libzmq takes part where it can be compiled.
fn has_compiler() -> bool {
    is_installed("c++", "--version")
}

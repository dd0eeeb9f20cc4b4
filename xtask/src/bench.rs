//! Measures polywire beside its peers: programs in processes of their own, in interleaved rounds.

mod charts;
mod derive;
mod run;
mod scenarios;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::{cargo, execute, root, target_dir};
use run::{Outcome, Tools};
use scenarios::{Case, Scale, Scenario};

/// One contestant's outcomes in one case.
pub(crate) struct Entry {
    contestant: &'static str,
    outcomes: Vec<Outcome>,
}

/// What `args` ask for: `--quick`, `--only SCENARIO`, `--rounds N`, `--out FILE.md`.
pub(crate) fn run(args: &[String]) -> Result {
    let value = |flag: &str| {
        let at = args.iter().position(|arg| arg == flag)?;
        args.get(at + 1).map(String::as_str)
    };
    let is_quick = args.iter().any(|arg| arg == "--quick");
    let rounds = value("--rounds").map_or(Ok(if is_quick { 1 } else { 5 }), str::parse)?;
    let tools = Tools::new(build()?);
    let scale = if is_quick { Scale::QUICK } else { Scale::FULL };
    let scenarios = chosen(scale, value("--only"))?;
    let out = value("--out").map(|path| root().join(path));

    let mut report = table::preface(&tools, rounds, is_quick);
    print!("{report}");
    let mut failures = 0;
    for scenario in &scenarios {
        let measured = measure(scenario, &tools, rounds);
        let text = table::scenario(scenario, &measured);
        print!("{text}");
        report.push_str(&text);
        failures += measured.iter().flatten().filter(|entry| entry.has_broken()).count();
        if out.is_some() {
            charts::draw(scenario, &measured, &tools)?;
        }
    }
    if let Some(path) = out {
        fs::write(path, report)?;
    }
    if failures > 0 {
        return Err(format!("bench: {failures} contestants did not run as they should").into());
    }
    Ok(())
}

impl Entry {
    /// A peer that loses messages is a result; a program that breaks, or polywire losing any, is not.
    fn has_broken(&self) -> bool {
        self.outcomes.iter().any(|outcome| match outcome {
            Outcome::Broke(_) => true,
            Outcome::Lost(..) => self.contestant == "polywire",
            Outcome::Measured(_) => false,
        })
    }
}

fn chosen(scale: Scale, only: Option<&str>) -> Result<Vec<Scenario>> {
    let mut scenarios = scenarios::all(scale);
    if let Some(name) = only {
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name).collect();
        scenarios.retain(|scenario| scenario.name == name);
        if scenarios.is_empty() {
            return Err(format!("--only takes one of: {}", names.join(", ")).into());
        }
    }
    Ok(scenarios)
}

/// Per case the entries of all its contestants, who take turns within a round.
fn measure(scenario: &Scenario, tools: &Tools, rounds: usize) -> Vec<Vec<Entry>> {
    let of_case = |case: &Case| {
        let new = |&contestant| Entry { contestant, outcomes: Vec::new() };
        let mut entries: Vec<_> = case.contestants.iter().map(new).collect();
        for round in 0..rounds {
            eprintln!("{}: {}, round {} of {rounds}", scenario.name, case.name, round + 1);
            for entry in &mut entries {
                entry.outcomes.push(run::once(scenario, case, entry.contestant, tools));
            }
        }
        entries
    };
    scenario.cases.iter().map(of_case).collect()
}

/// Builds the contestants, which are a workspace of their own, and returns their program.
fn build() -> Result<PathBuf> {
    let manifest = root().join("benches/contestants/Cargo.toml");
    let target = target_dir().join("contestants");
    let mut build = cargo(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
    build.arg(manifest).arg("--target-dir").arg(&target);
    if is_zmq_wanted() {
        build.args(["--features", "zmq"]);
    }
    execute(&mut build)?;
    let program = Path::new("contestants").with_extension(std::env::consts::EXE_EXTENSION);
    Ok(target.join("release").join(program))
}

/// libzmq takes part where the machine has it.
pub(crate) fn is_zmq_wanted() -> bool {
    crate::process::is_installed("pkg-config", "--version")
        && std::process::Command::new("pkg-config")
            .args(["--exists", "libzmq"])
            .status()
            .is_ok_and(|status| status.success())
}

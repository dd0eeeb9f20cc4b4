//! Measures polywire beside its peers: programs in processes of their own, in interleaved rounds.

mod builds;
mod charts;
mod derive;
mod losses;
mod outcome;
mod rate;
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
use rate::Rates;
use scenario::{Case, Scale, Scenario};
use tools::Tools;

const USAGE: &str =
    "usage: cargo xtask bench [--quick] [--only SCENARIO | --all] [--rounds N] [--out FILE.md]
       cargo xtask bench --tls-cases";

/// What is to be measured.
#[derive(Default)]
struct Wanted<'a> {
    is_quick: bool,
    only: Option<&'a str>,
    /// What is measured on request, too.
    is_all: bool,
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
                "--all" => wanted.is_all = true,
                "--only" => wanted.only = Some(args.next().ok_or(USAGE)?),
                "--rounds" => wanted.rounds = Some(args.next().ok_or(USAGE)?.parse()?),
                "--out" => wanted.out = Some(root().join(args.next().ok_or(USAGE)?)),
                _ => return Err(USAGE.into()),
            }
        }
        if wanted.is_all && wanted.only.is_some() {
            return Err(USAGE.into());
        }
        if wanted.only.is_some() && wanted.out == Some(root().join(readme::REPORT)) {
            let report = readme::REPORT;
            let text =
                format!("--only is a part of the report: give --out another file than {report}");
            return Err(text.into());
        }
        Ok(wanted)
    }

    fn has_builds(&self) -> bool {
        self.is_all || self.only == Some(builds::NAME)
    }
}

/// Measures what `args` ask for, and prints the report.
pub(crate) fn run(args: &[String]) -> Result {
    if args == ["--tls-cases"] {
        return tls_cases();
    }
    let wanted = Wanted::parse(args)?;
    let (is_quick, out) = (wanted.is_quick, wanted.out.as_deref());
    let rounds = wanted.rounds.unwrap_or(if is_quick { 1 } else { 11 });
    let has_zmq = has_compiler();
    let tools = Tools::new(build(has_zmq)?, has_zmq, is_quick);
    let scale = if is_quick { Scale::QUICK } else { Scale::FULL };

    let preface = table::preface(&tools, args, rounds, is_quick);
    println!("{preface}");
    let mut sections = Vec::new();
    let mut section = |text: String| {
        println!("{text}");
        sections.push(text);
    };
    let mut all = Vec::new();
    for scenario in chosen(scale, &tools, &wanted)? {
        if let Some(why) = scenario.obstacle(&tools) {
            section(table::not_measured(&scenario, why));
            continue;
        }
        let measured = measure(&scenario, &tools, rounds);
        if let Some(out) = out {
            charts::draw(&scenario, &measured, &tools, out)?;
        }
        section(table::scenario(&scenario, &measured, out.is_some()));
        all.push((scenario, measured));
    }
    if wanted.has_builds() {
        section(builds::table()?);
    }
    let losses = losses::table(&all);
    if !all.is_empty() {
        println!("{losses}");
    }
    if let Some(path) = out {
        sections.splice(0..0, [preface, losses]);
        save(&sections.join("\n"), path)?;
    }
    check(&all)
}

/// Fails if a program did not do what it should.
fn check(all: &[(Scenario, Vec<Vec<Entry>>)]) -> Result {
    let entries = all.iter().flat_map(|(_, measured)| measured.iter().flatten());
    match entries.filter(|entry| entry.has_broken()).count() {
        0 => Ok(()),
        count => {
            let what = "programs did not do what they should, see the report";
            Err(format!("bench: {count} {what}").into())
        }
    }
}

/// Writes the report, and what the README shows of it.
fn save(report: &str, path: &Path) -> Result {
    fs::create_dir_all(path.parent().ok_or("a file to write to")?)?;
    fs::write(path, report)?;
    if path == root().join(readme::REPORT) { readme::renew() } else { Ok(()) }
}

/// Prints what tokio-rustls does in the cases of `docs/tls_lifecycle.md`: no figures, but what happens.
fn tls_cases() -> Result {
    execute(Command::new(build(false)?).args(["tls-cases", "tokio-rustls", "cases"]))
}

fn chosen(scale: Scale, tools: &Tools, wanted: &Wanted<'_>) -> Result<Vec<Scenario>> {
    let mut scenarios = scenarios::all(scale, tools);
    let Some(name) = wanted.only else {
        let is_left_out = |name| !wanted.is_all && scenarios::ON_REQUEST.contains(&name);
        scenarios.retain(|scenario| !is_left_out(scenario.name));
        return Ok(scenarios);
    };
    let names: Vec<_> =
        scenarios.iter().map(|scenario| scenario.name).chain([builds::NAME]).collect();
    scenarios.retain(|scenario| {
        let is_on_request = scenarios::ON_REQUEST.contains(&scenario.name);
        scenario.name == name || is_of(scenario.name, name) && !is_on_request
    });
    if scenarios.is_empty() && name != builds::NAME {
        return Err(format!("--only takes one of: {}", names.join(", ")).into());
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
    let mut rates = Rates::default();
    let of_case = |case: &Case| {
        let case = &rates.set(scenario, case, tools);
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

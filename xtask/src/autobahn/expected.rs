//! What the suite is expected to say, in a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::case::CaseId;
use super::way::{Outcome, Outcomes, Way};
use crate::Result;
use crate::process::root;

const FILE: &str = "tests/autobahn/expected.txt";
const HEAD: &str = "\
# What the Autobahn test suite 25.10.1 says of polywire: the behavior, and that of the close, in each way.
# `cargo xtask autobahn` compares it, and writes it with `--update`.
";

/// Each case with its outcome in each way, where it was run.
pub(super) struct Expected(BTreeMap<CaseId, BTreeMap<Way, Outcome>>);

impl Expected {
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(path()).map_err(|error| format!("{FILE}: {error}"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(Self(lines.map(parse_line).collect::<Result<_>>()?))
    }

    pub(super) fn cases(&self) -> impl Iterator<Item = &CaseId> {
        self.0.keys()
    }

    /// Fails if anything differs, and prints it.
    pub(super) fn compare(&self, found: &BTreeMap<Way, Outcomes>) -> Result {
        let mut different = 0;
        for (way, outcomes) in found {
            println!("autobahn: {}: {}", way.name(), summary(outcomes));
            for (case, outcome) in outcomes {
                let expected = self.0.get(case).and_then(|ways| ways.get(way));
                if expected != Some(outcome) {
                    different += 1;
                    let expected = expected.map_or("nothing", String::as_str);
                    println!("  {case} {}: {outcome} instead of {expected}", way.name());
                }
            }
        }
        match different {
            0 => Ok(()),
            _ => Err(format!(
                "{different} outcomes are not those of {FILE}; reports are in target/autobahn"
            )
            .into()),
        }
    }

    /// Takes over what was found, and writes the file.
    pub(super) fn update(&mut self, found: &BTreeMap<Way, Outcomes>) -> Result {
        for (way, outcomes) in found {
            println!("autobahn: {}: {}", way.name(), summary(outcomes));
            for (case, outcome) in outcomes {
                self.0.entry(case.clone()).or_default().insert(*way, outcome.clone());
            }
        }
        let mut text = HEAD.to_owned();
        let names = Way::ALL.map(Way::name).join(" | ");
        text.push_str(&format!("# case | {names}\n"));
        for (case, ways) in &self.0 {
            let outcomes = Way::ALL.map(|way| ways.get(&way).map_or("-", String::as_str));
            text.push_str(&format!("{case} | {}\n", outcomes.join(" | ")));
        }
        Ok(fs::write(path(), text)?)
    }
}

fn path() -> PathBuf {
    root().join(FILE)
}

fn parse_line(line: &str) -> Result<(CaseId, BTreeMap<Way, Outcome>)> {
    let mut columns = line.split(" | ");
    let case = CaseId::parse(columns.next().unwrap_or_default())?;
    let outcomes = Way::ALL.into_iter().zip(columns.map(str::to_owned));
    Ok((case, outcomes.filter(|(_, outcome)| outcome != "-").collect()))
}

/// How many cases have which outcome.
fn summary(outcomes: &Outcomes) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in outcomes.values() {
        *counts.entry(outcome).or_default() += 1;
    }
    let counts: Vec<_> =
        counts.into_iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    counts.join(", ")
}

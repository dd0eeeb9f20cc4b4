//! Every set of features of every published crate builds, without a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::Result;
use crate::manifest::published;
use crate::process::{cargo, execute};

/// Checks all sets of features that differ, of all crates in `crates/`.
pub(crate) fn run() -> Result {
    for manifest in published()? {
        let started = Instant::now();
        let sets = sets_to_check(&manifest.features);
        for set in &sets {
            check(&manifest.name, set)?;
        }
        let seconds = started.elapsed().as_secs();
        println!("features: {} builds with {} sets ({seconds} s)", manifest.name, sets.len());
    }
    Ok(())
}

/// Clippy rather than check, so that a warning of one set fails, while what the sets have in common
/// is compiled once.
fn check(package: &str, features: &str) -> Result {
    execute(
        cargo(["clippy", "--quiet", "--lib", "--no-default-features"])
            .args(["--package", package, "--features", features])
            .args(["--", "-D", "warnings"]),
    )
    .map_err(|error| format!("{package} does not build with the features '{features}': {error}"))?;
    Ok(())
}

/// The sets to check, each as `--features` takes it: all subsets of the features that stand for
/// something themselves, but only one of those that turn on the same, and then each feature that
/// is only another name (or a sum) of others, alone.
fn sets_to_check(features: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_sum = |words: &Vec<String>| {
        !words.is_empty() && words.iter().all(|word| features.contains_key(word))
    };
    let basic: Vec<&str> = features
        .iter()
        .filter(|(_, words)| !is_sum(words))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    let mut sets = Vec::new();
    for bits in 0..1_u32 << basic.len() {
        let chosen: Vec<&str> =
            (0..basic.len()).filter(|bit| bits >> bit & 1 == 1).map(|bit| basic[bit]).collect();
        if seen.insert(closure(features, &chosen)) {
            sets.push(chosen.join(","));
        }
    }
    sets.extend(features.iter().filter(|(_, words)| is_sum(words)).map(|(name, _)| name.clone()));
    sets
}

/// `chosen` and the features of the same crate they turn on, over any number of steps.
fn closure<'a>(
    features: &'a BTreeMap<String, Vec<String>>,
    chosen: &[&'a str],
) -> BTreeSet<&'a str> {
    let mut open = chosen.to_vec();
    let mut on = BTreeSet::new();
    while let Some(name) = open.pop() {
        if on.insert(name) {
            let words = features.get(name).into_iter().flatten().map(String::as_str);
            open.extend(words.filter(|word| features.contains_key(*word)));
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implied_features_and_other_names_add_no_sets() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).into()).collect();
        let features = BTreeMap::from([
            ("default".into(), list(&["tcp", "ws"])),
            ("framed-tcp".into(), list(&["dep:framed"])),
            ("tcp".into(), list(&["dep:tcp", "framed-tcp"])),
            ("websocket".into(), list(&["ws"])),
            ("ws".into(), list(&["dep:ws"])),
        ]);
        let expected = ["", "framed-tcp", "tcp", "ws", "framed-tcp,ws", "tcp,ws"];
        let sums = ["default", "websocket"];
        assert_eq!(sets_to_check(&features), [&expected[..], &sums[..]].concat());
    }
}

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
/// something themselves, but only one of those that turn on the same; then each feature that is only another
/// name (or a sum) of others, alone.
///
/// A feature whose name begins with `__` is for those that turn it on, which are ways to have the same, such as
/// providers of TLS: all their subsets are checked alone and with all others, and the first with each other one.
fn sets_to_check(features: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_sum = |words: &[String]| {
        !words.is_empty() && words.iter().all(|word| features.contains_key(word))
    };
    let is_private = |name: &str| name.starts_with("__");
    let is_way = |name: &&str| features[*name].iter().any(|word| is_private(word));
    let own = features.iter().filter(|(name, words)| !is_sum(words) && !is_private(name));
    let (ways, basic): (Vec<&str>, Vec<&str>) =
        own.map(|(name, _)| name.as_str()).partition(is_way);
    let mut chosen = subsets(&basic);
    for (number, ways) in subsets(&ways).into_iter().enumerate().skip(1) {
        chosen.push(ways.clone());
        if number == 1 {
            chosen.extend(basic.iter().map(|one| [&ways[..], &[one]].concat()));
        }
        chosen.push([ways, basic.clone()].concat());
    }
    let mut seen = BTreeSet::new();
    chosen.retain(|chosen| seen.insert(closure(features, chosen)));
    let mut sets: Vec<String> = chosen.iter().map(|chosen| chosen.join(",")).collect();
    sets.extend(features.iter().filter(|(_, words)| is_sum(words)).map(|(name, _)| name.clone()));
    sets
}

/// All of them, the empty one first.
fn subsets<'a>(names: &[&'a str]) -> Vec<Vec<&'a str>> {
    let chosen = |bits: u32| (0..names.len()).filter(move |bit| bits >> bit & 1 == 1);
    (0..1_u32 << names.len()).map(|bits| chosen(bits).map(|bit| names[bit]).collect()).collect()
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

    #[test]
    fn ways_to_have_the_same_are_not_multiplied_with_all_the_rest() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).into()).collect();
        let features = BTreeMap::from([
            ("__tls".into(), list(&["dep:tls"])),
            ("a".into(), list(&["dep:a"])),
            ("b".into(), list(&["dep:b"])),
            ("tls".into(), list(&["__tls", "tls/fast"])),
            ("tls-ring".into(), list(&["__tls", "tls/ring"])),
        ]);
        let expected =
            "|a|b|a,b|tls|tls,a|tls,b|tls,a,b|tls-ring|tls-ring,a,b|tls,tls-ring|tls,tls-ring,a,b";
        assert_eq!(sets_to_check(&features).join("|"), expected);
    }
}

//! Which module may know which: no circles in a crate, and in the core no arrow up to another floor.
//!
//! A module is a file, without its tests. It knows another one if it names something that is defined
//! there, in a `use` or by its path; what a module only passes on by `pub use` counts for whoever uses
//! it. Read from the text: types that nobody names are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::Result;
use crate::process::root;
use crate::tidy::sources::rust_files;
use crate::tidy::uses::{self, Uses};

/// The modules of the core by their floors, from the ground up.
const FLOORS: &[&[&str]] = &[
    &[
        "address",
        "budget",
        "clock",
        "close_reason",
        "counter",
        "dialers",
        "endpoint",
        "events",
        "limits",
        "message",
        "net_event",
        "readiness",
        "send_status",
        "sync",
        "util",
        "waker",
        "writer",
    ],
    &["adapter", "notifier", "poller", "send_hint"],
    &["reconnect", "registry", "shared", "stream"],
    &["event_loop"],
    &["network"],
    &["node"],
    &["seam"],
];

/// The path of a module in its crate; the root has none.
pub(super) type Module = Vec<String>;

/// The modules of a crate, and what each knows.
struct Graph(BTreeMap<Module, BTreeSet<Module>>);

/// Every circle of a crate, and every arrow up in the core.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut roots = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        roots.push(entry?.path().join("src"));
    }
    roots.extend(["tests/torture/src", "xtask/src"].map(|dir| root().join(dir)));
    roots.sort();
    for dir in roots {
        let graph = Graph::read(&dir)?;
        let shown = dir.strip_prefix(root()).unwrap_or(&dir).display().to_string();
        faults.extend(graph.circles().iter().map(|circle| format!("{shown}: {circle}")));
        if dir.ends_with("polywire-core/src") {
            faults.extend(graph.arrows_up());
        }
    }
    Ok(faults)
}

impl Graph {
    fn read(dir: &Path) -> Result<Self> {
        let mut modules = BTreeMap::new();
        for path in rust_files(dir)? {
            modules.insert(module_of(path.strip_prefix(dir)?), fs::read_to_string(&path)?);
        }
        Ok(Self::of(&modules))
    }

    fn of(texts: &BTreeMap<Module, String>) -> Self {
        let read: BTreeMap<_, Uses> =
            texts.iter().map(|(module, text)| (module.clone(), uses::read(text))).collect();
        let is_test = |module: &Module| {
            (1..=module.len()).any(|len| {
                let parent = read.get(&module[..len - 1]);
                parent.is_some_and(|parent| parent.tests.contains(&module[len - 1]))
            })
        };
        let mut graph = BTreeMap::new();
        for (module, uses) in read.iter().filter(|(module, _)| !is_test(module)) {
            let known = uses.named.iter().filter_map(|path| definer(&read, module, path));
            let others = known.filter(|other| other != module && !other.is_empty());
            graph.insert(module.clone(), others.collect());
        }
        Self(graph)
    }

    /// Modules that know each other, if need be by others, each with one of the ways around.
    fn circles(&self) -> Vec<String> {
        let mut seen: BTreeSet<Module> = BTreeSet::new();
        let mut circles = Vec::new();
        for module in self.0.keys() {
            if let Some(way) = self.way_back_to(module).filter(|_| !seen.contains(module)) {
                circles.push(format!("a circle: {}", way.join(" -> ")));
                seen.extend(way.iter().map(|name| parts(name)));
            }
        }
        circles
    }

    /// The shortest way from what the module knows back to it.
    fn way_back_to(&self, module: &Module) -> Option<Vec<String>> {
        let mut before: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut open = vec![module];
        while let Some(at) = open.pop() {
            for next in self.0.get(at)? {
                if next == module {
                    let mut way = vec![shown(module), shown(at)];
                    let mut at = at;
                    while let Some(earlier) = before.get(at) {
                        way.push(shown(earlier));
                        at = earlier;
                    }
                    way.reverse();
                    return Some(way);
                }
                if self.0.contains_key(next) && !before.contains_key(next) {
                    before.insert(next, at);
                    open.insert(0, next);
                }
            }
        }
        None
    }

    fn arrows_up(&self) -> Vec<String> {
        let floor = |module: &Module| {
            let top = module.first()?;
            FLOORS.iter().position(|floor| floor.contains(&top.as_str()))
        };
        let mut faults = Vec::new();
        for (from, known) in self.0.iter().filter(|(from, _)| !from.is_empty()) {
            let Some(own) = floor(from) else {
                faults.push(format!("{} of the core is on no floor: name it", shown(from)));
                continue;
            };
            let up = known.iter().filter(|to| floor(to).is_some_and(|floor| floor > own));
            faults.extend(up.map(|to| {
                format!(
                    "{} knows {}: nothing in the core knows a floor above",
                    shown(from),
                    shown(to)
                )
            }));
        }
        faults
    }
}

/// Where what `path` names in `module` is defined, if it is of this crate.
fn definer(read: &BTreeMap<Module, Uses>, module: &Module, path: &[String]) -> Option<Module> {
    let mut full = absolute(read, module, path)?;
    for _ in 0..read.len() {
        let len = (0..=full.len()).rev().find(|len| read.contains_key(&full[..*len]))?;
        let (home, rest) = full.split_at(len);
        let passed_on = rest.first().and_then(|name| read[home].passed_on.get(name));
        let Some(passed_on) = passed_on else { return Some(home.to_vec()) };
        let next = absolute(read, &home.to_vec(), passed_on)?;
        full = next.into_iter().chain(rest[1..].iter().cloned()).collect();
    }
    None
}

/// A path from the root of the crate; `None` for one of another crate.
fn absolute(read: &BTreeMap<Module, Uses>, module: &Module, path: &[String]) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let from = |base: &[String], rest: &[String]| Some([base, rest].concat());
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => from(module, rest),
        "super" => absolute_above(module, path),
        _ => {
            let child = from(module, &path[..1])?;
            read.contains_key(&child).then(|| [module.as_slice(), path].concat())
        }
    }
}

fn absolute_above(module: &Module, path: &[String]) -> Option<Module> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let base = &module[..module.len().checked_sub(ups)?];
    Some([base, &path[ups..]].concat())
}

fn module_of(path: &Path) -> Module {
    let without = path.with_extension("");
    let mut parts: Module =
        without.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

fn parts(shown: &str) -> Module {
    shown.split('/').map(str::to_owned).collect()
}

fn shown(module: &Module) -> String {
    module.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(texts: &[(&str, &str)]) -> Graph {
        let module = |name: &str| module_of(Path::new(name));
        Graph::of(&texts.iter().map(|(name, text)| (module(name), (*text).into())).collect())
    }

    #[test]
    fn a_circle_is_found_also_by_names_that_are_passed_on() {
        let circle = graph(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "mod inner;\npub(crate) use inner::{A, Other};\n"),
            ("a/inner.rs", "use crate::b::B;\npub(crate) struct A(B);\n"),
            ("b.rs", "use crate::a::A;\npub(crate) struct B(A);\n"),
        ]);
        assert_eq!(circle.circles(), ["a circle: a/inner -> b -> a/inner"]);
        let chain = graph(&[
            ("lib.rs", "mod a;\nmod b;\npub use a::A;"),
            ("a.rs", "mod inner;\npub(crate) use inner::A;\n"),
            ("a/inner.rs", "pub(crate) struct A; // crate::b::B\n"),
            ("b.rs", "fn b(_: crate::a::A) {}\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n"),
        ]);
        assert_eq!(chain.circles(), [""; 0]);
    }

    #[test]
    fn who_may_see_something_is_not_known_for_it() {
        let seen = graph(&[
            ("lib.rs", "mod a;\n"),
            ("a.rs", "mod inner;\npub(crate) struct A(inner::B);\n"),
            ("a/inner.rs", "pub(in crate::a) struct B {\n    pub(in crate::a) b: u8,\n}\n"),
        ]);
        assert_eq!(seen.circles(), [""; 0]);
    }

    #[test]
    fn tests_know_what_they_like() {
        let tested = graph(&[
            ("lib.rs", "mod a;\n"),
            ("a.rs", "#[cfg(all(test, loom))]\nmod models;\npub(crate) struct A;\n"),
            ("a/models.rs", "use crate::a::A;\n"),
        ]);
        assert_eq!((tested.circles(), tested.0.len()), (vec![], 2));
    }

    #[test]
    fn an_arrow_up_is_found_and_a_module_without_a_floor() {
        let core = graph(&[
            ("lib.rs", "mod node;\nmod endpoint;\nmod somewhere;\n"),
            ("node.rs", "use crate::endpoint::Id;\n"),
            ("endpoint.rs", "use crate::node::{self, Node};\npub(crate) struct Id;\n"),
            ("somewhere.rs", ""),
        ]);
        let faults = core.arrows_up();
        assert!(faults.len() == 2 && faults[0].starts_with("endpoint knows node"), "{faults:?}");
    }
}

//! Which crate may know which: arrows only point down.

use crate::manifest::Manifest;

/// What a crate may depend on among the crates of this repository. An adapter that is not named
/// here may depend on the core alone.
const ARROWS: &[(&str, &[&str])] = &[
    ("polywire-core", &[]),
    ("polywire-testkit", &["polywire-core"]),
    ("polywire-tcp", &["polywire-core", "polywire-tls"]),
    ("polywire-udp", &["polywire-core"]),
    ("polywire-framed-tcp", &["polywire-core", "polywire-tcp", "polywire-tls"]),
    ("polywire-ws", &["polywire-core", "polywire-tcp", "polywire-tls"]),
    ("polywire-unix", &["polywire-core", "polywire-framed-tcp", "polywire-tcp", "polywire-ws"]),
];

/// Layers, which know the core alone, and what their tests put them under.
pub(super) const LAYERS: &[&str] = &["polywire-proxy-protocol", "polywire-tls"];
const OVER_LAYERS: &[&str] = &["polywire-tcp", "polywire-framed-tcp", "polywire-ws"];

const ADAPTER: &[&str] = &["polywire-core"];
pub(super) const CORE: &str = "polywire-core";
pub(super) const FACADE: &str = "polywire";
/// Tests may depend on it, but for those of the core: it is built on that.
const TESTKIT: &str = "polywire-testkit";

/// The core knows no transport, no TLS and no codec.
const NOT_IN_CORE: &[&str] =
    &["http", "if-addrs", "quinn-udp", "rustls", "socket2", "tungstenite", "unsigned-varint"];

/// Every dependency that points the wrong way.
pub(crate) fn faults(manifests: &[Manifest]) -> Vec<String> {
    let ours = |name: &str| manifests.iter().any(|manifest| manifest.name == name);
    let mut faults = Vec::new();
    for manifest in manifests.iter().filter(|manifest| manifest.name != FACADE) {
        let name = manifest.name.as_str();
        let allowed = ARROWS.iter().find(|(from, _)| *from == name).map_or(ADAPTER, |(_, to)| to);
        // A crate may name itself in its tests, to turn a feature on.
        let of_tests = manifest.dev_dependencies.iter().filter(|to| *to != name);
        let of_tests = of_tests.filter(|to| *to != TESTKIT || name == CORE);
        let is_layer = LAYERS.contains(&name);
        let of_tests = of_tests.filter(|to| !is_layer || !OVER_LAYERS.contains(&to.as_str()));
        for to in manifest.dependencies.iter().chain(of_tests) {
            if ours(to) && !allowed.contains(&to.as_str()) {
                faults.push(format!("{name} depends on {to}: arrows only point down"));
            }
            if name == CORE && NOT_IN_CORE.contains(&to.as_str()) {
                faults.push(format!("{name} depends on {to}: that belongs into an adapter"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn manifest(name: &str, dependencies: &[&str]) -> Manifest {
        Manifest {
            name: name.into(),
            dependencies: dependencies.iter().map(|to| (*to).into()).collect(),
            dev_dependencies: vec![name.into()],
            features: BTreeMap::new(),
            inherits_lints: true,
        }
    }

    #[test]
    fn an_arrow_that_points_up_or_aside_is_found() {
        let good = [
            manifest("polywire", &["polywire-core", "polywire-ws"]),
            manifest("polywire-core", &["mio"]),
            manifest("polywire-ws", &["polywire-core", "polywire-tcp", "tungstenite"]),
            manifest("polywire-tcp", &["polywire-core"]),
            manifest("polywire-quic", &["polywire-core"]),
        ];
        assert_eq!(faults(&good), [""; 0]);

        let bad = [
            manifest("polywire", &[]),
            manifest("polywire-core", &["socket2", "polywire"]),
            manifest("polywire-udp", &["polywire-tcp"]),
            manifest("polywire-tcp", &["polywire"]),
        ];
        assert_eq!(faults(&bad).len(), 4);
    }

    #[test]
    fn the_testkit_is_for_tests_but_not_for_those_of_the_core() {
        let tested_by_it =
            |name: &str| Manifest { dev_dependencies: vec![TESTKIT.into()], ..manifest(name, &[]) };
        let testkit = manifest(TESTKIT, &[CORE]);
        assert_eq!(faults(&[testkit, tested_by_it("polywire-quic")]), [""; 0]);

        let testkit = manifest(TESTKIT, &["polywire-tcp"]);
        let tcp = manifest("polywire-tcp", &[TESTKIT]);
        assert_eq!(faults(&[testkit, tcp, tested_by_it(CORE)]).len(), 3);
    }
}

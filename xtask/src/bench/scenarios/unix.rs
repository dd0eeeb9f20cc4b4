//! Unix sockets beside TCP over loopback.

use crate::bench::scenario::{
    Case, Metric, Placement, Role, Scale, Scenario, Shape, case, higher, loaded, lower,
};

const BOTH: [&str; 2] = ["polywire", "polywire-unix"];

pub(super) fn latency(scale: Scale) -> Scenario {
    let args = format!("size=64 warmups=3 ms={} count={}", scale.ms, scale.round_trips);
    let row = |transport| {
        let case = case("echo", transport, &BOTH, ["server", "client"], args.clone());
        Case { placement: Placement::Together, ..case }
    };
    Scenario {
        name: "unix-latency",
        about: "as `latency`, on one CPU: polywire over TCP, and over Unix sockets",
        cases: vec![row("tcp"), row("framed"), row("ws")],
        metrics: vec![lower("p50_us", "p50 in µs"), lower("p99_us", "p99 in µs")],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn echo(scale: Scale) -> Scenario {
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        for (conns, depth) in [(1, 1), (scale.crowd / 10, 1), (scale.crowd / 10, 16)] {
            let args = format!("depth={depth} ms={}", scale.ms);
            let case = loaded("echo", "echo", transport, &BOTH, (conns, 64), &args);
            cases.push(Case {
                name: format!("{transport} C={conns} D={depth}"),
                client: Role { by: Some("polywire-load"), ..case.client },
                ..case
            });
        }
    }
    let metrics: Vec<Metric> = vec![
        higher("answers_per_s", "messages/s"),
        lower("server_us", "server's CPU in µs a message"),
        lower("client_us", "clients' CPU in µs a message"),
    ];
    Scenario {
        name: "unix-echo",
        about: "as `echo`, with polywire's clients: over TCP, and over Unix sockets",
        cases,
        metrics,
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

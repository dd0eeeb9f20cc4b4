//! Messages of some kilobytes, several under way: sizes beside those of `echo`, and other crowds.

use crate::bench::scenario::{Case, Scale, Scenario, Shape, higher, loaded, lower};

const SERVERS: [&str; 4] = ["mio", "polywire", "tokio", "tokio-tuned"];

/// A row with 16 messages under way.
pub(super) fn case_of(scale: Scale, transport: &'static str, conns: u64, size: u64) -> Case {
    let args = format!("depth=16 ms={}", scale.ms);
    let case = loaded("echo", "echo", transport, &SERVERS, (conns, size), &args);
    Case { name: format!("{transport} {size} B C={conns} D=16"), ..case }
}

pub(super) fn echo_sizes(scale: Scale) -> Scenario {
    let conns = scale.crowd / 10;
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        let row = |conns, size| case_of(scale, transport, conns, size);
        cases.extend([3 << 10, 5 << 10, 10 << 10, 16 << 10, 24 << 10].map(|size| row(conns, size)));
        for conns in [conns * 3 / 5, 3 * conns] {
            cases.extend([5 << 10, 16 << 10].map(|size| row(conns, size)));
        }
    }
    Scenario {
        name: "echo-sizes",
        about: "as `echo`, with 16 messages of some kilobytes under way on each connection",
        cases,
        metrics: vec![
            higher("answers_per_s", "messages/s"),
            lower("server_us", "server's CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

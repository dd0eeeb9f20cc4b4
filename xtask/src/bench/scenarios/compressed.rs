//! WebSocket messages that are compressed.

use crate::bench::scenario::{Case, Scale, Scenario, Shape, higher, loaded, lower};

/// What the same message to many takes with compression, and without.
pub(super) fn fan_out(scale: Scale) -> Scenario {
    let row = |size| {
        let args = format!("rounds={}", scale.rooms);
        let servers = ["polywire", "polywire-deflate"];
        let name = "deflate-fan-out";
        let case = loaded(name, name, "ws", &servers, (scale.crowd, size), &args);
        Case { name: format!("{size} bytes to {}", scale.crowd), ..case }
    };
    Scenario {
        name: "deflate-fan-out",
        about: "one message of JSON to all WebSocket connections by `send_to_each`, until all have it; \
                polywire does not compress, polywire-deflate does",
        cases: vec![row(1024), row(4096)],
        metrics: vec![
            lower("delivery_us", "server's CPU in µs a delivery"),
            lower("wire_bytes", "bytes of a delivery"),
            lower("p50_ms", "p50 in ms"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn echo(scale: Scale, has_node_ws: bool) -> Scenario {
    let conns = scale.crowd / 10;
    let row = |depth| {
        let args = format!("depth={depth} ms={}", scale.ms);
        let node_ws: &[_] = if has_node_ws { &["node-ws"] } else { &[] };
        let servers = [&["polywire", "polywire-level-6", "yawc"], node_ws].concat();
        let name = "deflate-echo";
        let case = loaded(name, name, "ws", &servers, (conns, 1024), &args);
        Case { name: format!("C={conns} D={depth}"), ..case }
    };
    Scenario {
        name: "deflate-echo",
        about: "C connections with D messages of 1024 bytes of JSON under way on each, compressed both ways, \
                each by itself (no context takeover), which the clients ask for. The rest is each one's \
                default: polywire compresses at level 1 (polywire-level-6 at 6) from 256 bytes on; yawc at \
                level 6, every message, by a compressor for each connection; node-ws, the package `ws` of \
                Node.js, at level 6 from 1024 bytes on, on threads of zlib, whose CPU counts. polywire and \
                yawc inflate and compress by zlib-rs",
        cases: vec![row(1), row(16)],
        metrics: vec![
            lower("server_us", "server's CPU in µs a message"),
            lower("wire_bytes", "bytes of an answer"),
            higher("answers_per_s", "messages/s"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

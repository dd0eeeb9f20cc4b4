//! Messages that are answered.

use super::echo_sizes;
use crate::bench::scenario::{
    Better, Case, Metric, Placement, Scale, Scenario, Shape, case, higher, loaded, lower,
};

pub(super) fn latency(scale: Scale) -> Scenario {
    // Not more to warm up: with message-io each may take a tenth of a second.
    let args = format!("size=64 warmups=3 ms={} count={}", scale.ms, scale.round_trips);
    let row = |transport, more: &[&'static str]| {
        let all = [&["native", "mio", "polywire", "message-io", "tokio"], more].concat();
        let case = case("echo", transport, &all, ["server", "client"], args.clone());
        Case { placement: Placement::Together, ..case }
    };
    let busy = |transport| {
        let all = ["native", "polywire", "polywire-busy", "tokio"];
        let case = case("echo", transport, &all, ["server", "client"], args.clone());
        let name = format!("{transport}, two CPUs");
        Case { name, placement: Placement::Apart, ..case }
    };
    Scenario {
        name: "latency",
        about: "a message of 64 bytes and its answer, one at a time, both ends on one CPU, or on two; \
                polywire-busy polls for a millisecond before it sleeps (`set_busy_poll`)",
        cases: vec![
            row("tcp", &["tokio-tuned"]),
            row("framed", &["tokio-tuned"]),
            row("ws", &["tokio-tuned", "tungstenite"]),
            row("udp", &[]),
            busy("tcp"),
            busy("framed"),
            busy("udp"),
        ],
        metrics: vec![
            lower("p50_us", "p50 in µs"),
            lower("p99_us", "p99 in µs"),
            lower("p999_us", "p99.9 in µs"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn alone(scale: Scale) -> Scenario {
    let args = format!("size=1 warmups=3 ms={} count={}", scale.ms, scale.round_trips);
    let row = |transport, more: &[&'static str]| {
        let all = [&["native", "mio", "polywire", "message-io", "tokio"], more].concat();
        let case = case("alone", transport, &all, ["", "both"], args.clone());
        Case { placement: Placement::Together, ..case }
    };
    let better = Better::LowerBy;
    Scenario {
        name: "alone",
        about: "one thread sends a byte and then receives it; in brackets what it costs more",
        cases: vec![
            row("tcp", &[]),
            row("framed", &[]),
            row("ws", &["tungstenite"]),
            row("udp", &[]),
        ],
        metrics: vec![Metric { key: "p50_us", unit: "p50 in µs", better }],
        shape: Shape::Solo,
        counts_calls: false,
        runs: 1,
    }
}

const SERVERS: [&str; 4] = ["mio", "polywire", "message-io", "tokio"];

pub(super) fn echo(scale: Scale) -> Scenario {
    let crowd = scale.crowd;
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        for (conns, depth) in [(1, 1), (crowd / 10, 1), (crowd, 1), (crowd / 10, 16), (crowd, 16)] {
            let args = format!("depth={depth} ms={}", scale.ms);
            // A thread per connection, so not with a crowd.
            let more: &[_] =
                if transport == "ws" && conns < crowd { &["tungstenite"] } else { &[] };
            let servers = [&SERVERS[..], &["tokio-tuned"], more].concat();
            let case = loaded("echo", "echo", transport, &servers, (conns, 64), &args);
            cases.push(Case { name: format!("{transport} C={conns} D={depth}"), ..case });
        }
        // 80 KiB under way on each connection, and 256 KiB.
        for size in [5 << 10, 16 << 10] {
            cases.push(echo_sizes::case_of(scale, transport, crowd / 10, size));
        }
    }
    for transport in ["framed", "ws"] {
        let args = format!("depth=16 ms={}", scale.ms);
        let servers = ["polywire", "polywire-two"];
        let case = loaded("echo", "echo", transport, &servers, (crowd, 64), &args);
        let name = format!("{transport} C={crowd} D=16, on any CPU");
        cases.push(Case { name, placement: Placement::Free, ..case });
    }
    Scenario {
        name: "echo",
        about: "C connections with D messages under way on each, of 64 bytes where nothing else is said; the \
                server on one CPU, the clients on another; polywire-two is two nodes on one port (`reuse_port`)",
        cases,
        metrics: vec![
            higher("answers_per_s", "messages/s"),
            lower("server_us", "server's CPU in µs a message"),
            lower("client_us", "clients' CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn fan_out(scale: Scale) -> Scenario {
    let row = |size| {
        let args = format!("rounds={}", scale.rooms);
        let servers = [&SERVERS[..], &["tokio-tuned"]].concat();
        let case = loaded("chat", "chat", "framed", &servers, (scale.crowd, size), &args);
        Case { name: format!("{size} bytes to {}", scale.crowd), ..case }
    };
    Scenario {
        name: "fan-out",
        about: "one message to all connections, until all have it",
        cases: vec![row(64), row(1024)],
        metrics: vec![
            lower("p50_ms", "p50 in ms"),
            lower("delivery_us", "server's CPU in µs a delivery"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

/// What a game does at each step: several messages to each of its players.
pub(super) fn tick(scale: Scale) -> Scenario {
    let args = format!("replies=20 rounds={}", scale.rooms);
    let case = loaded("chat", "chat", "framed", &SERVERS, (10, 64), &args);
    Scenario {
        name: "tick",
        about: "20 messages of 64 bytes to each of 10 connections, each by a send, until all have them; by \
                the nodes in the callback of a signal",
        cases: vec![Case { name: "20 to each of 10".into(), ..case }],
        metrics: vec![
            lower("p50_us", "p50 in µs"),
            lower("delivery_us", "server's CPU in µs for each connection"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn idle(scale: Scale) -> Scenario {
    let row = |transport, conns, contestants: &[&'static str]| {
        let case = loaded("echo", "echo", transport, contestants, (conns, 64), "depth=0 ms=0");
        Case { name: format!("{transport}, {conns} connections"), ..case }
    };
    let few = scale.idle / 5;
    Scenario {
        name: "idle",
        about: "memory of a server per connection that was used once, without the kernel's",
        cases: vec![
            row("framed", scale.idle, &SERVERS),
            row("ws", scale.idle, &["mio", "polywire"]),
            row("ws", few, &SERVERS),
        ],
        metrics: vec![lower("bytes_each", "bytes of RSS each")],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn calls(scale: Scale) -> Scenario {
    let conns = scale.crowd / 10;
    let row = |transport| {
        let args = format!("depth=16 ms={}", scale.ms);
        let case = loaded("echo", "echo", transport, &SERVERS, (conns, 64), &args);
        Case { name: format!("{transport} C={conns} D=16"), ..case }
    };
    Scenario {
        name: "calls",
        about: "system calls of an echo server, those of its start included (strace)",
        cases: vec![row("framed"), row("ws")],
        metrics: vec![lower("calls_each", "calls a message")],
        shape: Shape::Echo,
        counts_calls: true,
        runs: 1,
    }
}

pub(super) fn visits(scale: Scale) -> Scenario {
    let row = |transport| {
        let args = format!("ms={} count={}", scale.ms, scale.visits);
        loaded("echo", "visits", transport, &SERVERS, (1, 64), &args)
    };
    Scenario {
        name: "visits",
        about: "connect, one message and its answer, close, one after another",
        cases: vec![row("framed"), row("ws")],
        metrics: vec![
            higher("visits_per_s", "visits/s"),
            lower("visit_us", "server's CPU in µs a visit"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

/// The loops of games wait with a time-out.
pub(super) fn timeouts(scale: Scale) -> Scenario {
    let row = |timeout: u64| {
        let args = format!(
            "size=1 warmups=3 timeout={timeout} ms={} count={}",
            scale.ms, scale.round_trips
        );
        let case = case("alone", "framed", &["polywire", "message-io"], ["", "both"], args);
        let name = if timeout == 0 { "without".into() } else { format!("of {timeout} ms") };
        Case { name, placement: Placement::Together, ..case }
    };
    Scenario {
        name: "timeouts",
        about: "as `alone`, framed, by a `process_poll_event` with a time-out",
        cases: [0, 1, 16, 1000].map(row).to_vec(),
        metrics: vec![lower("p50_us", "p50 in µs"), lower("p99_us", "p99 in µs")],
        shape: Shape::Solo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn replies(scale: Scale, counts_calls: bool) -> Scenario {
    let row = |(replies, depth): (u64, u64)| {
        let args = format!("depth={depth} replies={replies} ms={}", scale.ms);
        let servers = ["mio", "polywire", "message-io", "tokio"];
        let case = loaded("echo", "echo", "framed", &servers, (1, 64), &args);
        Case { name: format!("{replies} to each, D={depth}"), ..case }
    };
    let cases = [(1, 1), (2, 1), (10, 1), (2, 16), (10, 16)].map(row).to_vec();
    let rates = vec![
        higher("answers_per_s", "answers/s"),
        lower("server_us", "server's CPU in µs an answer"),
    ];
    let (name, about, metrics) = match counts_calls {
        false => {
            ("replies", "several answers to each message of D under way, each by a send", rates)
        }
        true => (
            "replies-calls",
            "system calls of `replies`, those of the server's start included (strace)",
            vec![lower("calls_each", "calls an answer")],
        ),
    };
    Scenario { name, about, cases, metrics, shape: Shape::Echo, counts_calls, runs: 1 }
}

pub(super) fn sizes(scale: Scale) -> Scenario {
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        for conns in [1, scale.crowd / 100, scale.crowd / 10] {
            for size in [60_000, 70_000, 100 << 10, 256 << 10, 1 << 20] {
                let args = format!("depth=1 ms={}", scale.ms);
                let servers = ["mio", "polywire", "message-io", "tokio"];
                let case = loaded("echo", "echo", transport, &servers, (conns.max(1), size), &args);
                cases.push(Case { name: format!("{transport} {size} B, C={conns}"), ..case });
            }
        }
    }
    Scenario {
        name: "sizes",
        about: "long messages and their answers, one under way on each of C connections",
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

pub(super) fn burst(scale: Scale) -> Scenario {
    let row = |size| {
        let args = format!("bytes={}", scale.burst);
        let mut case = loaded("burst", "burst", "framed", &["mio", "polywire"], (20, size), &args);
        case.placement = Placement::Free;
        Case { name: format!("messages of {size} B"), ..case }
    };
    Scenario {
        name: "burst",
        about: "memory that an echo server keeps after its answers to 20 connections waited unread, were \
                read, and all closed",
        cases: [1 << 10, 10 << 10, 100 << 10, 1 << 20].map(row).to_vec(),
        metrics: vec![lower("left_mib", "MiB of RSS above the start")],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

/// A callback that takes its time, for one of many.
pub(super) fn neighbours(scale: Scale) -> Scenario {
    let args = format!("work=50 ms={}", scale.ms);
    let case = loaded("neighbours", "neighbours", "framed", &SERVERS, (10, 64), &args);
    Scenario {
        name: "neighbours",
        about: "ten connections with a message under way each, beside one that floods messages which take \
                the server 50 µs each, and a timer of 10 ms",
        cases: vec![Case { name: "framed, C=10 and a flood".into(), ..case }],
        metrics: vec![
            lower("p50_us", "neighbours' p50 in µs"),
            lower("p99_us", "neighbours' p99 in µs"),
            lower("late_us", "µs that the timer was late at most"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

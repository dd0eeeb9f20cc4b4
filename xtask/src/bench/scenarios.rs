//! What is measured: the cases, who takes part, and what a run comes to.

use super::is_zmq_wanted;

/// How large a measurement is.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    ms: u64,
    round_trips: u64,
    crowd: u64,
    idle: u64,
    rooms: u64,
    signals: u64,
    timers: u64,
    stops: u64,
}

impl Scale {
    pub(crate) const FULL: Self = Self {
        ms: 1500,
        round_trips: 50_000,
        crowd: 1000,
        idle: 10_000,
        rooms: 50,
        signals: 1_000_000,
        timers: 1_000_000,
        stops: 100,
    };
    pub(crate) const QUICK: Self = Self {
        ms: 30,
        round_trips: 100,
        crowd: 50,
        idle: 100,
        rooms: 3,
        signals: 1000,
        timers: 1000,
        stops: 3,
    };
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cases: Vec<Case>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) shape: Shape,
    /// Whether the server runs beneath strace.
    pub(crate) counts_calls: bool,
}

/// Which processes a run has.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// One that measures itself.
    Solo,
    /// A server, and a client that measures.
    Echo,
    /// A receiver and a sender, which both measure.
    Stream,
}

/// One row of a table.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) contestants: Vec<&'static str>,
    pub(crate) server: Role,
    pub(crate) client: Role,
    pub(crate) on_one_cpu: bool,
    /// Known beforehand, and used with what is measured.
    pub(crate) size: u64,
    pub(crate) conns: u64,
}

/// What a process of a case is to do.
#[derive(Clone, Default)]
pub(crate) struct Role {
    program: &'static str,
    role: &'static str,
    /// The load generator rather than the contestant.
    by_load: bool,
    transport: &'static str,
    args: String,
}

pub(crate) struct Metric {
    pub(crate) key: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

/// How a value is set against the reference.
#[derive(Clone, Copy)]
pub(crate) enum Better {
    Higher,
    Lower,
    /// Lower, and the difference tells more than the ratio.
    LowerBy,
}

impl Role {
    /// The words of the command line.
    pub(crate) fn words(&self, contestant: &str) -> Vec<String> {
        let (who, role) = match (contestant, self.role) {
            _ if self.by_load => ("load", self.role),
            ("native-batch", "sender") => ("native", "batch-sender"),
            ("native-batch", role) => ("native", role),
            ("gso", role) => ("quinn-udp", role),
            (who, role) => (who, role),
        };
        let transport = match (self.transport, contestant) {
            // The codec of tokio-util has another length than the rest.
            ("framed", "tokio") if self.by_load => "framed-u32",
            (transport, _) => transport,
        };
        let mut words = vec![self.program.to_owned(), who.to_owned(), role.to_owned()];
        words.push(format!("transport={transport}"));
        words.extend(self.args.split_whitespace().map(String::from));
        words
    }

    /// Whether it waits to be told when to begin.
    pub(crate) fn is_load(&self) -> bool {
        self.by_load
    }
}

fn lower(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit, better: Better::Lower }
}

fn higher(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit, better: Better::Higher }
}

/// All of them, at a scale.
pub(crate) fn all(scale: Scale) -> Vec<Scenario> {
    vec![
        latency(scale),
        alone(scale),
        bulk(scale),
        small(scale),
        datagrams(scale),
        echo(scale),
        fan_out(scale),
        idle(scale),
        calls(scale),
        signals(scale),
        signal_latency(scale),
        timers(scale),
        stop(scale),
        visits(scale),
    ]
}

/// A row whose two processes are told the same `args`.
fn case(
    program: &'static str,
    transport: &'static str,
    contestants: &[&'static str],
    roles: [&'static str; 2],
    args: String,
) -> Case {
    let [server, client] =
        roles.map(|role| Role { program, role, by_load: false, transport, args: args.clone() });
    let contestants = contestants.to_vec();
    let name = transport.to_owned();
    Case { name, contestants, server, client, on_one_cpu: false, size: 64, conns: 1 }
}

/// A row whose client is the load generator.
fn loaded(
    program: &'static str,
    client_program: &'static str,
    transport: &'static str,
    contestants: &[&'static str],
    (conns, size): (u64, u64),
    args: &str,
) -> Case {
    let args = format!("size={size} conns={conns} {args}");
    let mut case = case(program, transport, contestants, ["server", "client"], args);
    case.client.program = client_program;
    case.client.by_load = true;
    Case { size, conns, ..case }
}

fn latency(scale: Scale) -> Scenario {
    let args = format!("size=64 warmups=20 ms={} count={}", scale.ms, scale.round_trips);
    let row = |transport, more: &[&'static str]| {
        let all = [&["native", "mio", "polywire", "message-io", "tokio"], more].concat();
        let case = case("echo", transport, &all, ["server", "client"], args.clone());
        Case { on_one_cpu: true, ..case }
    };
    Scenario {
        name: "latency",
        about: "a message of 64 bytes and its answer, both ends on one CPU",
        cases: vec![
            row("tcp", &[]),
            row("framed", &[]),
            row("ws", &["tungstenite"]),
            row("udp", &[]),
        ],
        metrics: vec![lower("p50_us", "p50 in µs"), lower("p99_us", "p99 in µs")],
        shape: Shape::Echo,
        counts_calls: false,
    }
}

fn alone(scale: Scale) -> Scenario {
    let args = format!("size=1 warmups=20 ms={} count={}", scale.ms, scale.round_trips);
    let row = |transport, more: &[&'static str]| {
        let all = [&["native", "polywire", "message-io", "tokio"], more].concat();
        let case = case("alone", transport, &all, ["", "both"], args.clone());
        Case { on_one_cpu: true, ..case }
    };
    let better = Better::LowerBy;
    Scenario {
        name: "alone",
        about: "one thread sends a byte and then receives it; in brackets what it costs more",
        cases: vec![
            row("tcp", &[]),
            row("framed", &[]),
            row("udp", &[]),
            row("ws", &["tungstenite"]),
        ],
        metrics: vec![Metric { key: "p50_us", unit: "p50 in µs", better }],
        shape: Shape::Solo,
        counts_calls: false,
    }
}

fn one_way(transport: &'static str, size: u64, contestants: &[&'static str], ms: u64) -> Case {
    let args = format!("size={size} ms={ms}");
    let case = case("stream", transport, contestants, ["receiver", "sender"], args);
    Case { size, ..case }
}

fn bulk(scale: Scale) -> Scenario {
    let row = |transport, more: &[&'static str]| {
        let all = [&["native", "mio", "polywire", "message-io", "tokio"], more].concat();
        one_way(transport, 64 << 10, &all, scale.ms)
    };
    Scenario {
        name: "bulk",
        about: "messages of 64 KiB one way",
        cases: vec![row("tcp", &[]), row("framed", &[]), row("ws", &["tungstenite"])],
        metrics: vec![
            higher("mib_per_s", "MiB/s"),
            lower("sender_us", "sender's CPU in µs a message"),
            lower("receiver_us", "receiver's CPU in µs a message"),
        ],
        shape: Shape::Stream,
        counts_calls: false,
    }
}

fn small(scale: Scale) -> Scenario {
    let row = |transport, more: &[&'static str]| {
        let all = [&["native-batch", "native", "polywire", "message-io", "tokio"], more].concat();
        one_way(transport, 64, &all, scale.ms)
    };
    let zmq: &[_] = if is_zmq_wanted() { &["zmq"] } else { &[] };
    Scenario {
        name: "small",
        about: "messages of 64 bytes one way, from a plain thread",
        cases: vec![row("framed", zmq), row("ws", &["tungstenite"])],
        metrics: vec![
            higher("per_s", "messages/s"),
            lower("sender_us", "sender's CPU in µs a message"),
            lower("receiver_us", "receiver's CPU in µs a message"),
        ],
        shape: Shape::Stream,
        counts_calls: false,
    }
}

fn datagrams(scale: Scale) -> Scenario {
    // polywire has no call that sends a batch: once it has, its row belongs beside `gso`.
    let all = ["native", "polywire", "message-io", "tokio", "gso"];
    Scenario {
        name: "datagrams",
        about: "UDP of 64 bytes one way; `gso` is quinn-udp, 64 datagrams a call",
        cases: vec![one_way("udp", 64, &all, scale.ms)],
        metrics: vec![
            higher("per_s", "messages/s"),
            lower("lost_percent", "% lost"),
            lower("sender_us", "sender's CPU in µs a message"),
            lower("receiver_us", "receiver's CPU in µs a message"),
        ],
        shape: Shape::Stream,
        counts_calls: false,
    }
}

const SERVERS: [&str; 4] = ["mio", "polywire", "message-io", "tokio"];

fn echo(scale: Scale) -> Scenario {
    let crowd = scale.crowd;
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        for (conns, depth) in [(1, 1), (crowd / 10, 1), (crowd, 1), (crowd / 10, 16), (crowd, 16)] {
            let args = format!("depth={depth} ms={}", scale.ms);
            let case = loaded("echo", "echo", transport, &SERVERS, (conns, 64), &args);
            cases.push(Case { name: format!("{transport} C={conns} D={depth}"), ..case });
        }
    }
    Scenario {
        name: "echo",
        about: "C connections with D messages of 64 bytes under way on each",
        cases,
        metrics: vec![
            higher("answers_per_s", "messages/s"),
            lower("server_us", "server's CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
    }
}

fn fan_out(scale: Scale) -> Scenario {
    let row = |size| {
        let args = format!("rounds={}", scale.rooms);
        let case = loaded("chat", "chat", "framed", &SERVERS, (scale.crowd, size), &args);
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
    }
}

fn idle(scale: Scale) -> Scenario {
    let row = |transport, conns, contestants: &[&'static str]| {
        let case = loaded("echo", "echo", transport, contestants, (conns, 64), "depth=0 ms=0");
        Case { name: format!("{transport}, {conns} connections"), ..case }
    };
    let few = scale.idle / 5;
    Scenario {
        name: "idle",
        about: "memory of a server per connection that was used once",
        cases: vec![
            row("framed", scale.idle, &SERVERS),
            row("ws", scale.idle, &["mio", "polywire"]),
            row("ws", few, &SERVERS),
        ],
        metrics: vec![lower("bytes_each", "bytes of RSS each")],
        shape: Shape::Echo,
        counts_calls: false,
    }
}

fn calls(scale: Scale) -> Scenario {
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
    }
}

const QUEUES: [&str; 5] = ["native", "mio", "polywire", "message-io", "tokio"];

fn solo(program: &'static str, contestants: &[&'static str], args: String) -> Vec<Case> {
    let case = case(program, "none", contestants, ["", "both"], args);
    vec![Case { name: "of one thread to another".into(), ..case }]
}

fn signals(scale: Scale) -> Scenario {
    Scenario {
        name: "signals",
        about: "signals one after another as fast as they are taken; `native` is std's channel",
        cases: solo("signals", &QUEUES, format!("count={}", scale.signals)),
        metrics: vec![higher("per_s", "signals/s")],
        shape: Shape::Solo,
        counts_calls: false,
    }
}

fn signal_latency(scale: Scale) -> Scenario {
    let args = format!("count={}", scale.round_trips);
    Scenario {
        name: "signal-latency",
        about: "from `send` until the callback of a loop that sleeps; `native` is std's channel",
        cases: solo("signal-latency", &QUEUES, args),
        metrics: vec![lower("p50_us", "p50 in µs"), lower("p99_us", "p99 in µs")],
        shape: Shape::Solo,
        counts_calls: false,
    }
}

fn timers(scale: Scale) -> Scenario {
    let contestants = ["native", "polywire", "message-io", "tokio"];
    let cases = solo("timers", &contestants, format!("count={}", scale.timers));
    let case = |case| Case { name: format!("{} within a second", scale.timers), ..case };
    Scenario {
        name: "timers",
        about: "timers due at random times; `native` is a heap with a condition variable",
        cases: cases.into_iter().map(case).collect(),
        metrics: vec![
            lower("p50_us", "late p50 in µs"),
            lower("p99_us", "late p99 in µs"),
            lower("lost", "lost"),
            lower("each_us", "CPU in µs a timer"),
            lower("peak_kib", "peak memory in KiB"),
        ],
        shape: Shape::Solo,
        counts_calls: false,
    }
}

fn stop(scale: Scale) -> Scenario {
    let contestants = ["mio", "polywire", "message-io", "tokio"];
    let cases = solo("stop", &contestants, format!("count={}", scale.stops));
    let case = |case| Case { name: "until the loop's thread has ended".into(), ..case };
    Scenario {
        name: "stop",
        about: "stop() of a loop that sleeps",
        cases: cases.into_iter().map(case).collect(),
        metrics: vec![lower("p50_us", "p50 in µs"), lower("p99_us", "p99 in µs")],
        shape: Shape::Solo,
        counts_calls: false,
    }
}

fn visits(scale: Scale) -> Scenario {
    let row = |transport| {
        let args = format!("ms={}", scale.ms);
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
    }
}

//! Streams of messages in one direction.

use crate::bench::scenario::{Case, Metric, Role, Scale, Scenario, Shape, case, higher, lower};

fn one_way(transport: &'static str, size: u64, contestants: &[&'static str], ms: u64) -> Case {
    let args = format!("size={size} ms={ms} buffer=default");
    let case = case("stream", transport, contestants, ["receiver", "sender"], args);
    Case { size, ..case }
}

/// What sending and receiving a message costs, behind how many there are.
fn with_costs(mut metrics: Vec<Metric>) -> Vec<Metric> {
    metrics.push(lower("sender_us", "sender's CPU in µs a message"));
    metrics.push(lower("receiver_us", "receiver's CPU in µs a message"));
    metrics
}

pub(super) fn bulk(scale: Scale, has_zmq: bool) -> Scenario {
    let row = |transport, more: &[&'static str]| {
        let all = [&["native", "mio", "polywire", "message-io", "tokio"], more].concat();
        one_way(transport, 64 << 10, &all, scale.ms)
    };
    let zmq: &[_] = if has_zmq { &["zmq"] } else { &[] };
    Scenario {
        name: "bulk",
        about: "messages of 64 KiB one way",
        cases: vec![row("tcp", &[]), row("framed", zmq), row("ws", &["tungstenite"])],
        metrics: with_costs(vec![higher("mib_per_s", "MiB/s")]),
        shape: Shape::Stream,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn small(scale: Scale, has_zmq: bool) -> Scenario {
    let row = |transport, more: &[&'static str]| {
        let all = ["tokio", "polywire", "message-io", "native", "native-batch"];
        let tuned = ["tokio-channel", "tokio-tuned"];
        one_way(transport, 64, &[&all, &tuned[..], more].concat(), scale.ms)
    };
    let zmq: &[_] = if has_zmq { &["zmq"] } else { &[] };
    Scenario {
        name: "small",
        about: "messages of 64 bytes one way, from a plain thread; tokio by `feed` within the task that owns \
                the connection, which no other thread can call; tokio-channel from a plain thread by an mpsc \
                channel, whose messages one task gathers, 512 at most, into one buffer and writes; \
                tokio-tuned by one buffer behind a lock, which one task takes and writes; `native` with a \
                write each, `native-batch` with a write each 64 KiB",
        cases: vec![row("framed", zmq), row("ws", &["tungstenite"])],
        metrics: with_costs(vec![higher("per_s", "messages/s")]),
        shape: Shape::Stream,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn datagrams(scale: Scale) -> Scenario {
    let row = |buffer, contestants: &[&'static str]| {
        let mut case = one_way("udp", 64, contestants, scale.ms);
        case.server.args = format!("size=64 buffer={buffer}");
        Case { name: format!("{buffer} receive buffer"), ..case }
    };
    Scenario {
        name: "datagrams",
        about: "UDP of 64 bytes one way, as fast as the system takes them; quinn-udp and \
                polywire-batch (`send_many`) send 64 a call, the others one",
        cases: vec![
            row("large", &["native", "mio", "polywire", "tokio", "quinn-udp", "polywire-batch"]),
            row("default", &["native", "mio", "polywire", "message-io", "tokio", "quinn-udp"]),
        ],
        metrics: with_costs(vec![
            higher("per_s", "received/s"),
            higher("sent_per_s", "sent/s"),
            lower("lost_percent", "% lost"),
        ]),
        shape: Shape::Stream,
        counts_calls: false,
        runs: 1,
    }
}

/// A receiver scatters what its senders can do by when it sleeps; without one, a send alone is left.
pub(super) fn unread(scale: Scale) -> Scenario {
    let contestants = ["native", "mio", "polywire", "message-io", "tokio"];
    let mut case = one_way("udp", 64, &contestants, scale.ms);
    case.server = Role { by: Some("load"), ..case.server };
    Scenario {
        name: "unread",
        about: "UDP of 64 bytes to a socket that nobody reads, so that nobody is woken: what it takes \
                to send; the system drops what its buffer has no room for",
        cases: vec![case],
        metrics: vec![
            higher("sent_per_s", "sent/s"),
            lower("sender_us", "sender's CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn spread(scale: Scale) -> Scenario {
    let row = |(threads, conns): (u64, u64)| {
        let args = format!("size=64 conns={conns} threads={threads} ms={}", scale.ms);
        let contestants = ["tokio", "polywire", "message-io"];
        let case = case("spread", "framed", &contestants, ["receiver", "sender"], args);
        let server = Role { by: Some("load"), ..case.server };
        Case { name: format!("{threads} to {conns}"), conns, server, ..case }
    };
    let rows =
        [1, 4].into_iter().flat_map(|threads| [1, 2, 4, 16, 64].map(|conns| (threads, conns)));
    Scenario {
        name: "spread",
        about: "plain threads send 64 bytes to each of some connections in turn, until all is written; tokio \
                by a channel for each connection and a task that writes up to 512 at a time",
        cases: rows.map(row).collect(),
        metrics: vec![
            higher("sent_per_s", "messages/s"),
            lower("sender_us", "CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

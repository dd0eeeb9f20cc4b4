//! Latency at a constant rate: what a user waits for, whom no server slows down.

use crate::bench::scenario::{Case, Metric, Scale, Scenario, Shape, higher, loaded, lower};

const SERVERS: [&str; 4] = ["mio", "polywire", "tokio", "tokio-tuned"];

/// Messages a second beside floods: some per cent of what a server can do.
const QUIET_RATE: u64 = 5000;

fn percentiles() -> Vec<Metric> {
    vec![
        lower("p50_us", "p50 in µs"),
        lower("p99_us", "p99 in µs"),
        lower("p999_us", "p99.9 in µs"),
    ]
}

fn scenario(
    name: &'static str,
    about: &'static str,
    cases: Vec<Case>,
    metrics: Vec<Metric>,
) -> Scenario {
    Scenario { name, about, cases, metrics, shape: Shape::Echo, counts_calls: false, runs: 1 }
}

pub(super) fn open_loop(scale: Scale) -> Scenario {
    let conns = scale.crowd / 10;
    let row = |transport, args: &str| {
        let args = format!("ms={} calibration={} {args}", scale.ms, scale.ms / 2);
        loaded("echo", "open-loop", transport, &SERVERS, (conns, 64), &args)
    };
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        for percent in [20, 50, 80] {
            let name = format!("{transport} C={conns}, {percent} %");
            let share = Some(f64::from(percent) / 100.0);
            cases.push(Case { name, share, ..row(transport, "") });
        }
        let name = format!("{transport} C={conns}, 80 % of one's own most");
        cases.push(Case { name, ..row(transport, "share=0.8") });
    }
    let mut metrics = percentiles();
    metrics.push(lower("server_us", "server's CPU in µs a message"));
    metrics.push(higher("rate", "messages/s that were due"));
    scenario(
        "open-loop",
        "messages of 64 bytes at a constant rate, on C connections in turn, whether or not answers have \
         come: an answer counts from when its message was due, so that whoever falls behind is charged \
         for all who wait (no coordinated omission). The rate is the same for all, a part of what polywire \
         can do at most: the median of three measurements with a message under way on each connection. In \
         the last rows of a transport it is a part of what each can do itself. The load generator asks \
         without sleeping; the server sleeps when it can. On a machine whose CPUs are taken away for a \
         moment now and then, as virtual ones are, p99 and p99.9 of each contestant scatter from tens of \
         microseconds to milliseconds: where the ranges of a row overlap it says nothing",
        cases,
        metrics,
    )
}

pub(super) fn mixed(scale: Scale) -> Scenario {
    let row = |transport, floods: u64| {
        let args = format!("rate={QUIET_RATE} floods={floods} ms={}", scale.ms);
        let case = loaded("echo", "open-loop", transport, &SERVERS, (50, 64), &args);
        Case { name: format!("{transport}, floods: {floods}"), ..case }
    };
    let mut metrics = percentiles();
    metrics.push(higher("flood_mib_per_s", "MiB/s of the floods, each way"));
    scenario(
        "mixed",
        "50 connections send 64 bytes in turn, 5000 a second in all, timed as in `open-loop`, beside floods: \
         connections with 16 messages of 64 KiB under way, which the server echoes as fast as it can. A \
         server that serves the floods less has the better percentiles: look at both",
        ["framed", "ws"].into_iter().flat_map(|on| [0, 1, 8].map(|count| row(on, count))).collect(),
        metrics,
    )
}

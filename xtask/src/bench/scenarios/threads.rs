//! What needs no network: signals, timers, the end of a loop.

use crate::bench::scenario::{Case, Placement, Scale, Scenario, Shape, case, higher, lower};

fn solo(
    program: &'static str,
    name: impl Into<String>,
    contestants: &[&'static str],
    count: u64,
) -> Case {
    let case = case(program, "none", contestants, ["", "both"], format!("count={count}"));
    Case { name: name.into(), ..case }
}

fn scenario(name: &'static str, about: &'static str, cases: Vec<Case>) -> Scenario {
    let metrics = vec![lower("p50_us", "p50 in µs"), lower("p99_us", "p99 in µs")];
    Scenario { name, about, cases, metrics, shape: Shape::Solo, counts_calls: false, runs: 1 }
}

const QUEUES: [&str; 5] = ["mio", "native", "polywire", "message-io", "tokio"];

pub(super) fn signals(scale: Scale) -> Scenario {
    let row = solo("signals", "of one thread to another", &QUEUES, scale.signals);
    Scenario {
        metrics: vec![higher("per_s", "signals/s")],
        ..scenario(
            "signals",
            "as fast as `send` returns; `mio` is a vector behind a lock with a waker, `native` std's \
             channel",
            vec![row],
        )
    }
}

pub(super) fn signal_latency(scale: Scale) -> Scenario {
    let row = |name: &str| solo("signal-latency", name, &QUEUES, scale.round_trips / 10);
    let cases = vec![Case { placement: Placement::Together, ..row("one CPU") }, row("all CPUs")];
    let about = "from `send` until the callback of a loop that sleeps, on another thread";
    // The system lets the one that is woken go on at once, or when the other sleeps: twice as late
    // or more. Half of the times is near where the one turns into the other.
    Scenario { runs: 5, ..scenario("signal-latency", about, cases) }
}

pub(super) fn timers(scale: Scale) -> Scenario {
    let contestants = ["native", "polywire", "message-io", "tokio"];
    let row = solo("timers", format!("{}", scale.timers), &contestants, scale.timers);
    Scenario {
        metrics: vec![
            lower("p50_us", "late p50 in µs"),
            lower("p99_us", "late p99 in µs"),
            lower("lost", "lost"),
            lower("each_us", "CPU in µs each, setting it included"),
            lower("timers_kib", "memory of all in KiB"),
        ],
        ..scenario(
            "timers",
            "set by a plain thread within a second, and due at random times within the next; `native` is \
             a heap with a condition variable, tokio has a task for each",
            vec![row],
        )
    }
}

pub(super) fn stop(scale: Scale) -> Scenario {
    let contestants = ["mio", "polywire", "message-io", "tokio"];
    let row = solo("stop", "stop", &contestants, scale.stops);
    scenario("stop", "`stop()` of a loop that sleeps, until its thread has ended", vec![row])
}

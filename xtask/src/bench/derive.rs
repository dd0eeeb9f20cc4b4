//! What the tables show, from what the processes told.

use super::scenario::Case;
use super::values::Values;

/// Adds every figure that can be told from `values`.
pub(crate) fn derive(values: &mut Values, case: &Case) {
    let (size, conns) = (case.size as f64, case.conns as f64);
    let told = values.clone();
    let mut quotient = |name: &str, over: &str, under: &str, factor: f64| {
        if let (Some(over), Some(under)) = (told.get(over), told.get(under)) {
            values.insert(name.into(), factor * over / under);
        }
    };
    // Durations come in nanoseconds.
    quotient("answers_per_s", "in_time", "time_ns", 1e9);
    quotient("server_us", "server_cpu_ns", "answered", 1e-3);
    quotient("client_us", "cpu_ns", "answered", 1e-3);
    quotient("visits_per_s", "count", "time_ns", 1e9);
    quotient("visit_us", "server_cpu_ns", "count", 1e-3);
    quotient("delivery_us", "server_cpu_ns", "count", 1e-3 / conns);
    quotient("calls_each", "calls", "answered", 1.0);
    quotient("per_s", "count", "time_ns", 1e9);
    quotient("per_s", "receiver_received", "receiver_time_ns", 1e9);
    quotient("sent_per_s", "sent", "time_ns", 1e9);
    quotient("mib_per_s", "receiver_received", "receiver_time_ns", 1e9 * size / f64::from(1 << 20));
    quotient("sender_us", "cpu_ns", "sent", 1e-3);
    quotient("receiver_us", "receiver_cpu_ns", "receiver_received", 1e-3);
    quotient("wire_bytes", "bytes", "messages", 1.0);
    quotient("flood_mib_per_s", "flooded", "time_ns", 1e9 / f64::from(1 << 20));
    quotient("each_us", "cpu_ns", "count", 1e-3);
    for (name, from, factor) in [
        ("p50_us", "p50_ns", 1e-3),
        ("p99_us", "p99_ns", 1e-3),
        ("p999_us", "p999_ns", 1e-3),
        ("p50_ms", "p50_ns", 1e-6),
        ("left_mib", "left_kib", 1.0 / 1024.0),
        ("bytes_each", "held_kib", 1024.0 / conns),
    ] {
        if let Some(value) = told.get(from) {
            values.insert(name.into(), value * factor);
        }
    }
    if let (Some(sent), Some(received)) = (told.get("sent"), told.get("receiver_received")) {
        values.insert("lost_percent".into(), 100.0 * (1.0 - received / sent));
    }
}

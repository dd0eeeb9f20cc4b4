//! The tables at the end.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::faults::{KINDS, source_of};
use crate::process::Counts;
use crate::trial::Verdict;

pub(crate) fn print(verdict: &Verdict) {
    print_faults(verdict);
    print_healthy(verdict);
    let count = |name: &str| verdict.counts.get(name).copied().unwrap_or_default();
    println!(
        "\nserver: {} handshakes failed, {} turned away, {} times out of descriptors, \
         {} messages ({} not answered), {} wake-ups, stop in {} ms",
        count("refused"),
        count("turned_away"),
        count("accept_exhausted"),
        count("messages_in"),
        count("unanswered"),
        count("wake_ups"),
        count("stop_ms"),
    );
    for mark in &verdict.marks {
        let mib = mark.resident as f64 / f64::from(1 << 20);
        println!("{}: {mib:.1} MiB resident, {} descriptors", mark.when, mark.descriptors);
    }
    for violation in &verdict.violations {
        println!("BROKEN {violation}");
    }
}

/// Of connections opened and not accepted, the handshake failed, or they were turned away or gone
/// before.
fn print_faults(Verdict { fault_clients, counts, .. }: &Verdict) {
    println!(
        "\n{:18}{:>8}{:>9}{:>9}{:>9}{:>9}  ended at the server by",
        "fault", "clients", "opened", "accepted", "saw end", "reset"
    );
    for (kind, of_kind) in KINDS.iter().enumerate() {
        let tally = fault_clients.shared.tally(kind);
        let [clients, opened, closed, reset] =
            [&tally.clients, &tally.opened, &tally.closed, &tally.reset].map(load);
        let source = source_of(kind);
        let accepted = counts.get(&format!("accepted/{source}")).copied().unwrap_or_default();
        let ended = shown(counts, &format!("ended/{source}/"));
        println!(
            "{:18}{clients:>8}{opened:>9}{accepted:>9}{closed:>9}{reset:>9}  {ended}",
            of_kind.name
        );
    }
}

fn print_healthy(Verdict { healthy, .. }: &Verdict) {
    println!(
        "\n{:18}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "healthy", "sent", "answered", "lost", "p50 ms", "p99 ms", "max ms"
    );
    for (transport, notes) in healthy {
        let [p50, p99, max] =
            [50, 99, 100].map(|percent| notes.latency(percent).as_secs_f64() * 1e3);
        println!(
            "{:18}{:>8}{:>9}{:>9}{p50:>9.2}{p99:>9.2}{max:>9.2}",
            transport.to_string(),
            notes.sent,
            notes.latencies.len(),
            notes.lost()
        );
    }
}

/// The counters of that prefix.
fn shown(counts: &Counts, prefix: &str) -> String {
    let found = counts.iter().filter_map(|(name, n)| Some((name.strip_prefix(prefix)?, n)));
    found.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

//! What Linux tells of the time and the memory that a process takes.
#![allow(dead_code)]

use std::fs;
use std::time::{Duration, Instant};

/// Time of the CPU that the thread, named by its directory under /proc, has used; under a sanitizer,
/// whose it mostly is, none.
pub(crate) fn cpu_time(thread: &str) -> Duration {
    if cfg!(polywire_sanitized) { Duration::ZERO } else { schedstat(thread, 0) }
}

/// Time that the thread could have run and others kept it from the CPU.
pub(crate) fn kept_waiting(thread: &str) -> Duration {
    schedstat(thread, 1)
}

fn schedstat(thread: &str, field: usize) -> Duration {
    let schedstat = fs::read_to_string(format!("{thread}/schedstat")).unwrap();
    Duration::from_nanos(schedstat.split_whitespace().nth(field).unwrap().parse().unwrap())
}

/// Measures how long the current thread works and waits, without the time that others kept it from
/// the CPU: what a test with many threads has to tell of a machine with few CPUs.
pub(crate) struct Stopwatch {
    started: Instant,
    kept_waiting: Duration,
}

impl Stopwatch {
    const THREAD: &str = "/proc/thread-self";

    pub(crate) fn start() -> Self {
        // Whatever happens between the two is rather measured than not.
        let started = Instant::now();
        Self { started, kept_waiting: kept_waiting(Self::THREAD) }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let waited = kept_waiting(Self::THREAD) - self.kept_waiting;
        self.started.elapsed().saturating_sub(waited)
    }
}

/// Bytes of memory that this process has for its data, without its code, which it loads as it runs; under a sanitizer, which
/// takes most of it, none.
pub(crate) fn resident_bytes() -> usize {
    if cfg!(polywire_sanitized) {
        return 0;
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

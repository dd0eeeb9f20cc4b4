//! What Linux tells of the time and the memory that a process takes.
#![allow(dead_code)]

use std::fs;
use std::time::{Duration, Instant};

/// Time of the CPU that the thread, named by its directory under /proc, has used; under a sanitizer,
/// whose it mostly is, none.
pub(crate) fn cpu_time(thread: &str) -> Duration {
    if cfg!(polywire_sanitized) { Duration::ZERO } else { schedstat(thread, 0) }
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
        Self { kept_waiting: schedstat(Self::THREAD, 1), started: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let took = self.started.elapsed();
        took.saturating_sub(schedstat(Self::THREAD, 1) - self.kept_waiting)
    }
}

/// Bytes of memory that this process has; under a sanitizer, which takes most of it, none.
pub(crate) fn resident_bytes() -> usize {
    if cfg!(polywire_sanitized) {
        return 0;
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

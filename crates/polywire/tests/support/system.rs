//! What Linux tells of a process.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::DEADLINE;

/// Descriptors that the process has open.
pub fn descriptors() -> usize {
    // The one that reads the directory is among them.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// Threads of the process; one that was joined may be among them for a moment yet.
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Descriptors that the process may have open.
pub fn max_descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = line.split_whitespace().nth(3).unwrap();
    soft.parse().unwrap_or(usize::MAX)
}

/// The directory under /proc of the thread that calls.
pub fn this_thread() -> String {
    let path = fs::read_link("/proc/thread-self").unwrap();
    format!("/proc/{}", path.display())
}

/// Runs `body`, and every thread it starts, on one CPU: a message takes twice as long between two,
/// and which threads have one of their own is the system's choice.
#[cfg(target_os = "linux")]
pub fn on_one_cpu(body: impl FnOnce() + Send) {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    let this_thread = nix::unistd::Pid::from_raw(0);
    let pinned = || {
        let allowed = sched_getaffinity(this_thread).unwrap();
        let cpu = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap()).unwrap();
        let mut one = CpuSet::new();
        one.set(cpu).unwrap();
        sched_setaffinity(this_thread, &one).unwrap();
        body();
    };
    thread::scope(|scope| scope.spawn(pinned).join()).unwrap_or_else(|panic| {
        std::panic::resume_unwind(panic);
    });
}

/// Times the thread went to wait for something.
pub fn voluntary_switches(thread: &str) -> u64 {
    let status = fs::read_to_string(format!("{thread}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

/// Waits until the thread has not gone to wait anew for a while.
pub fn fall_asleep(thread: &str) {
    let start = Instant::now();
    let mut last = voluntary_switches(thread);
    loop {
        thread::sleep(Duration::from_millis(100));
        let now = voluntary_switches(thread);
        if now == last {
            return;
        }
        last = now;
        assert!(start.elapsed() < DEADLINE, "it never sleeps");
    }
}

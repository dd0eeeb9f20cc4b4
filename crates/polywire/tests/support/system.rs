//! What Linux tells of a process.

use std::fs;

/// Descriptors that the process has open.
pub fn descriptors() -> usize {
    // The one that reads the directory is among them.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// Threads of the process.
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

/// Times the thread went to wait for something.
pub fn voluntary_switches(thread: &str) -> u64 {
    let status = fs::read_to_string(format!("{thread}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

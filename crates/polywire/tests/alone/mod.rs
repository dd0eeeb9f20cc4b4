//! Tests that need a process of their own, because they measure it or limit it.
//!
//! Under a sanitizer memory and time of the CPU are mostly the sanitizer's: the measures are 0 then.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::process::Command;
use std::{env, fs};

const MARK: &str = "POLYWIRE_TEST_ALONE";

/// Runs `body`, the body of the test named `test`, in a process in which nothing else runs.
#[track_caller]
pub fn alone(test: &str, body: impl FnOnce()) {
    if is_alone() {
        return body();
    }
    // As many descriptors as the system lets it have.
    let output = command(test, "ulimit -n $(ulimit -Hn)").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    // A name that no test has is no failure to the other process.
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    // What it measured.
    text.lines().filter(|line| line.starts_with("measured: ")).for_each(|line| println!("{line}"));
}

/// Whether this is the process of its own.
pub fn is_alone() -> bool {
    env::var_os(MARK).is_some()
}

/// Runs the test named `test` in a process of its own, in which the shell did `before`.
pub fn command(test: &str, before: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{before}; exec \"$0\" --exact {test} --nocapture");
    command.args(["-c", &script]).arg(env::current_exe().unwrap()).env(MARK, "1");
    command
}

/// Memory of this process in bytes.
pub fn memory() -> usize {
    kib("/proc/self/smaps_rollup", "Rss:") << 10
}

/// The most memory this process had since [`forget_peak`].
pub fn peak_memory() -> usize {
    kib("/proc/self/status", "VmHWM:") << 10
}

pub fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn kib(file: &str, name: &str) -> usize {
    if cfg!(polywire_sanitized) {
        return 0;
    }
    let text = fs::read_to_string(file).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    value.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nanoseconds that a thread, named by its directory under /proc, has run.
pub fn ran(thread: &str) -> u64 {
    if cfg!(polywire_sanitized) {
        return 0;
    }
    let text = fs::read_to_string(format!("{thread}/schedstat")).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

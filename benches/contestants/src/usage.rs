//! What this process has used, by the system's own accounting, and the answers to who asks for it.

use std::io::{BufRead, stdin};
use std::time::Duration;
use std::{fs, process, thread};

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads so far, in user and kernel mode.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("no time before the start")
}

/// A line of `/proc/self/status` in KiB: `VmRSS` now, `VmHWM` at most.
pub(crate) fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Tells the port of a server, and from then on answers each line on the standard input with what
/// has been used so far. The end of the input is the end of this process.
pub(crate) fn serve(port: u16) {
    println!("port={port}");
    thread::spawn(|| {
        for _ in stdin().lock().lines().map_while(Result::ok) {
            let cpu = cpu_time().as_nanos();
            let (now, most) = (memory("VmRSS"), memory("VmHWM"));
            let late = crate::work::late();
            println!("usage=1 cpu_ns={cpu} rss_kib={now} peak_kib={most} late_us={late}");
        }
        process::exit(0);
    });
}

/// Tells that the measurement can begin, and waits until it may.
pub(crate) fn wait_for_go() {
    println!("warm=1");
    wait_for_input();
}

/// Keeps this process, and so its connections, until what was to be asked of the other is asked.
pub(crate) fn wait_for_end() {
    wait_for_input();
}

fn wait_for_input() {
    let mut line = String::new();
    // The end of the input means that nobody measures: go on all the same.
    let _ = stdin().lock().read_line(&mut line);
}

//! The programs that runs need, and the CPUs to keep processes on.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::peers;
use crate::process::{is_installed, root};

/// The programs that a run may need.
pub(crate) struct Tools {
    pub(crate) contestants: PathBuf,
    /// Two CPUs to keep processes on, which are one if there is but one.
    pub(crate) cpus: Option<[String; 2]>,
    pub(crate) has_strace: bool,
    pub(crate) has_zmq: bool,
    /// A folder where node finds `ws`, if it can be had.
    pub(crate) node_modules: Option<PathBuf>,
    /// A process that says nothing for so long has failed.
    pub(crate) patience: Duration,
}

impl Tools {
    pub(crate) fn new(contestants: PathBuf, has_zmq: bool, is_quick: bool) -> Self {
        let patience = Duration::from_secs(if is_quick { 5 } else { 120 });
        let cpus = if is_installed("taskset", "--version") { cpus() } else { None };
        Self {
            contestants,
            cpus,
            has_strace: is_installed("strace", "--version"),
            has_zmq,
            node_modules: peers::node_ws().ok(),
            patience,
        }
    }

    /// The program that is or has the contestant.
    pub(crate) fn program(&self, contestant: &str) -> Vec<String> {
        match contestant {
            "node-ws" => {
                let script = root().join("benches/contestants/node_ws.js");
                vec!["node".to_owned(), script.display().to_string()]
            }
            _ => vec![self.contestants.display().to_string()],
        }
    }
}

/// The first and the last CPU that this process may run on.
fn cpus() -> Option<[String; 2]> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
    let mut numbers = list.split([',', '-']);
    let first = numbers.next()?;
    Some([first.to_owned(), numbers.next_back().unwrap_or(first).to_owned()])
}

//! Tests that need a network of their own: to lose packets in it, or with other addresses.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::process::Command;

use crate::alone;

/// Runs the test in a process with a network namespace of its own, where `rule` is given to
/// iptables. Gives what it said, or says why it was not run and gives nothing where that is not
/// allowed or the tools are missing.
pub fn run(test: &str, rule: &str) -> Option<String> {
    run_in(test, &format!("ip link set lo up && iptables {rule}"))
}

/// The same, where the shell did `prepare`; nothing is up before.
pub fn run_in(test: &str, prepare: &str) -> Option<String> {
    let trial = Command::new("unshare").args(["-rn", "sh", "-c", prepare]).output();
    let refused = match &trial {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(refused) = refused {
        println!("skipped {test}: no network of its own with its tools: {refused}");
        return None;
    }
    let inside = alone::command(test, prepare);
    let mut command = Command::new("unshare");
    command.arg("-rn").arg(inside.get_program()).args(inside.get_args());
    for (name, value) in inside.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    Some(said.into_owned())
}

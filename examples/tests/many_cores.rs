//! The example `many-cores`, run as a user does.

mod common;

use common::{Example, word_after};

/// What each node says it answered.
fn answered(output: &[String]) -> Vec<u64> {
    let lines = output.iter().filter(|line| line.starts_with("node "));
    lines.map(|line| word_after(line, " answered ").parse().unwrap()).collect()
}

#[test]
fn a_port_is_shared_by_as_many_nodes_as_wanted() {
    let mut example = Example::start("many-cores", &["3"]);
    assert_eq!(example.exit_code(), 0, "{}", example.text());
    let answered = answered(&example.output);
    assert_eq!((answered.len(), answered.iter().sum::<u64>()), (3, 100), "{}", example.text());
    // None at all has a chance of 1 in 10^17.
    #[cfg(target_os = "linux")]
    assert!(answered.iter().all(|count| *count > 0), "{}", example.text());
}

#[test]
fn what_is_no_number_is_told() {
    let mut example = Example::start("many-cores", &["some"]);
    assert_ne!(example.exit_code(), 0);
}

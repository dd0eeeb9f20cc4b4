//! The example `echo-server` is the README's.

#[test]
fn the_readme_shows_the_echo_server_that_can_be_run() {
    let (_, program) = include_str!("../echo-server/main.rs").split_once("\n\n").unwrap();
    let shown = format!("```rust,no_run\n{program}```\n");
    assert!(include_str!("../../README.md").contains(&shown));
}

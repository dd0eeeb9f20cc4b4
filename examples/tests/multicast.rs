//! The example `multicast`, run as a user does, on the loopback interface.

mod common;

use std::net::UdpSocket;

use common::Example;

/// A participant of the group at `port`.
fn participant(name: &str, port: u16, more: &[&str]) -> Example {
    let group = format!("239.255.0.1:{port}");
    let args = [&[name, "--interface", "127.0.0.1", "--group", &group], more].concat();
    let mut participant = Example::start("multicast", &args);
    participant.line_with(&format!("{name} is in the group {group}"));
    participant
}

/// A port that was free just now, so that nobody else's participants are met.
fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_newcomer_is_heard_by_all_and_answered_by_each() {
    let port = free_port();
    let mut ada = participant("ada", port, &[]);
    let mut bob = participant("bob", port, &[]);
    ada.line_with("\"bob\" joined");
    bob.line_with("\"ada\" is here too");

    let mut cleo = participant("cleo", port, &[]);
    ada.line_with("\"cleo\" joined");
    bob.line_with("\"cleo\" joined");
    cleo.line_with("\"ada\" is here too");
    cleo.line_with("\"bob\" is here too");
    assert!(!cleo.text().contains("joined"), "who greets does not hear itself");
}

#[test]
fn once_ends_both_after_they_met() {
    let port = free_port();
    let mut ada = participant("ada", port, &["--once"]);
    let mut bob = participant("bob", port, &["--once"]);
    assert_eq!((ada.exit_code(), bob.exit_code()), (0, 0));
    assert_eq!(ada.output.last().unwrap(), "\"bob\" joined");
    assert_eq!(bob.output.last().unwrap(), "\"ada\" is here too");
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    for args in [
        &[][..],
        &["--once"],
        &["ada", "--group"],
        &["ada", "--group", "127.0.0.1:3010"],
        &["ada", "--interface", "lo"],
        &["ada", "--twice"],
    ] {
        let mut example = Example::start("multicast", args);
        assert_eq!(example.exit_code(), 2, "{args:?}");
        assert!(example.text().contains("usage: multicast"), "{}", example.text());
    }
}

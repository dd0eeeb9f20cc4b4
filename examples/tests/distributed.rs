//! The example `distributed`, run as a user does.

mod common;

use common::{Example, word_after};

fn server() -> (Example, String) {
    let mut server = Example::start("distributed", &["discovery-server", "0"]);
    let line = server.line_with("discovery server on");
    let addr = word_after(&line, "discovery server on ").replace("0.0.0.0", "127.0.0.1");
    (server, addr)
}

fn participant(name: &str, server: &str) -> Example {
    Example::start("distributed", &["participant", name, server])
}

#[test]
fn all_participants_greet_each_other() {
    let (mut server, addr) = server();
    let names = ["ada", "bob", "cleo"];
    let mut participants = names.map(|name| participant(name, &addr));
    for (participant, name) in participants.iter_mut().zip(names) {
        participant.line_with(&format!("registered as {name}, others: "));
        for other in names.iter().filter(|other| **other != name) {
            participant.line_with(&format!("\"{other}\" greets {name}"));
        }
    }
    for name in names {
        server.line_with(&format!("{name} joined, listening on 127.0.0.1:"));
    }

    let [ada, mut bob, mut cleo] = participants;
    drop(ada);
    server.line_with("ada left");
    bob.line_with("ada left");
    cleo.line_with("ada left");
    let mut another_ada = participant("ada", &addr);
    another_ada.line_with("registered as ada, others: 2");
    another_ada.line_with("\"bob\" greets ada");
}

#[test]
fn a_name_is_given_once() {
    let (_server, addr) = server();
    let mut ada = participant("ada", &addr);
    ada.line_with("registered as ada");
    let mut second = participant("ada", &addr);
    assert_eq!(second.exit_code(), 1);
    assert!(second.text().contains("that name is taken"), "{}", second.text());

    let mut nameless = participant("not a name", &addr);
    assert_eq!(nameless.exit_code(), 1);
    assert!(nameless.text().contains("letters and digits"), "{}", nameless.text());
}

#[test]
fn participants_end_with_their_server() {
    let (server, addr) = server();
    let mut ada = participant("ada", &addr);
    ada.line_with("registered as ada");
    drop(server);
    assert_eq!(ada.exit_code(), 1);
    assert!(ada.text().contains("the discovery server is gone"), "{}", ada.text());

    let mut late = participant("bob", &addr);
    assert_eq!(late.exit_code(), 1);
    assert!(late.text().contains("can't reach the discovery server"), "{}", late.text());
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    for args in [&[][..], &["participant"], &["discovery-server", "port"], &["server"]] {
        let mut example = Example::start("distributed", args);
        assert_eq!(example.exit_code(), 2, "{args:?}");
        assert!(example.text().contains("usage: distributed"), "{}", example.text());
    }
}

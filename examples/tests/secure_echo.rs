//! The example `secure-echo`, run as a user runs it.

mod common;

use common::run;

#[test]
fn a_message_comes_back_over_tls() {
    let out = run("secure-echo", &[]);
    assert!(out.contains("Hello over TLS!") && out.contains("TLS13"), "{out}");
}

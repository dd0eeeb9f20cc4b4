//! The example `secure-echo`, run as a user does.

mod common;

use common::Example;

#[test]
fn a_message_comes_back_over_tls() {
    let mut example = Example::start("secure-echo", &[]);
    assert_eq!(example.exit_code(), 0, "{}", example.text());
    let text = example.text();
    assert!(text.contains("Hello over TLS!") && text.contains("TLS13"), "{text}");
}
